"""
Messages about orders, positions and the account window, read straight from their fields.

What ib_async's decoder and `translate` make of a message in two steps is made here in one: the same
record, and the same refusal of a message with too few fields. *limit*: figures that no record holds
(yield, price caps) are not looked at, where ib_async's decoder would refuse what is no number.

Source of the places: ib_async decoder.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final

from ib_async.objects import PortfolioItem, Position

from ibkr_connector.model.ids import ClientId, ExecId, OrderId, PermId
from ibkr_connector.model.making import quick

from .described import unshared
from .field_values import amount, contract_said, described, held, number, size, whole
from .holdings import slot_setter
from .port import Execution, OrderStatusSeen, PortfolioRow, PositionRow
from .times import parse_time
from .translate import SIDES

__all__ = [
    "execution",
    "fill_line",
    "fill_position",
    "ib_item",
    "ib_position",
    "moment",
    "order_status",
    "portfolio",
    "position",
]

_ZERO: Final = Decimal(0)
_CONTRACT: Final = slice(3, 14)
_WINDOW_CONTRACT: Final = slice(2, 13)
_FIGURES: Final = slice(13, 19)

moment: Final = lru_cache(1024)(parse_time)
"""Read a time: those of the executions of one second are the same text."""

_status, _execution = quick(OrderStatusSeen), quick(Execution)

# The slots of rows that are read late: a frozen record lets nobody else write them.
_POSITION: Final = {name: slot_setter(PositionRow, name) for name in PositionRow.__slots__}
_LINE: Final = {name: slot_setter(PortfolioRow, name) for name in PortfolioRow.__slots__}


def order_status(fields: Sequence[str]) -> OrderStatusSeen:
    """
    Read where an order is.

    Raises:
        ValueError: Too few fields, or a number that is none.
    """
    _, order_id, status, filled, left, average, perm, parent, last, client_id, held_for, *_ = fields
    perm_id, parent_id, done = number(perm), number(parent), size(filled)
    # a price without a fill is none, and yet must be a number
    average_price, last_price = amount(average), amount(last)
    return _status(
        order_id=OrderId(int(order_id or 0)),
        client_id=ClientId(int(client_id or 0)),
        perm_id=None if perm_id is None else PermId(perm_id),
        status=status,
        filled=done,
        remaining=size(left),
        average_fill_price=average_price if done else None,
        last_fill_price=last_price if done else None,
        parent_id=None if parent_id is None else OrderId(parent_id),
        why_held=held_for,
    )


def execution(fields: Sequence[str], *, time: datetime, recovered: bool) -> Execution:
    """
    Read one execution.

    Raises:
        ValueError: Too few fields, a number that is none, no side, or no such security type.
    """
    exec_id, _, account, exchange, side, shares, price, perm, client_id = fields[14:23]
    liquidation, total, average, ref = fields[23:27]
    action = SIDES.get(side)
    if action is None:
        raise ValueError(f"expected a side, found {side!r}")
    perm_id, average_price = number(perm), amount(average)
    return _execution(
        exec_id=ExecId(exec_id),
        order_id=OrderId(number(fields[2]) or 0),
        client_id=ClientId(number(client_id) or 0),
        perm_id=None if perm_id is None else PermId(perm_id),
        order_ref=ref,
        account=account,
        contract=described(tuple(fields[_CONTRACT])).record,
        action=action,
        quantity=size(shares),
        price=amount(price) or _ZERO,
        cumulative_quantity=whole(total),
        average_price=average_price if size(total) else None,
        exchange=exchange,
        time=time,
        recovered=recovered,
        is_liquidation=bool(number(liquidation)),
    )


def position(fields: Sequence[str]) -> PositionRow:
    """
    Read what an account holds of one contract.

    Raises:
        ValueError: Not as many fields as there should be, or one that is not what it should be.
    """
    _, _, account, *_, quantity, cost = fields
    return PositionRow(
        account=account,
        contract=described(tuple(fields[_CONTRACT])).record,
        quantity=size(quantity),
        average_cost=amount(cost) or _ZERO,
    )


def portfolio(fields: Sequence[str]) -> PortfolioRow:
    """
    Read one line of the account window.

    Raises:
        ValueError: Not as many fields as there should be, or one that is not what it should be.
    """
    *_, quantity, price, value, cost, unrealized, realized, account = fields
    return PortfolioRow(
        account=account,
        contract=held(tuple(fields[_WINDOW_CONTRACT])).record,
        quantity=size(quantity),
        market_price=amount(price),
        market_value=amount(value),
        average_cost=amount(cost),
        unrealized_pnl=amount(unrealized),
        realized_pnl=amount(realized),
    )


def fill_position(row: PositionRow) -> None:
    """Read the rest of a row that keeps its message, which `position` can read."""
    fields = row.raw.decode(errors="backslashreplace").split("\0")
    _POSITION["account"](row, fields[2])
    _POSITION["contract"](row, unshared(contract_said(fields[_CONTRACT])))
    _POSITION["average_cost"](row, amount(fields[15]) or _ZERO)


def fill_line(row: PortfolioRow, name: str) -> None:
    """Read of a row that keeps its message, which `portfolio` can read, what goes with a name."""
    fields = row.raw.decode(errors="backslashreplace").split("\0")
    _LINE["account"](row, fields[19])
    if name == "contract":
        contract = unshared(contract_said(fields[_WINDOW_CONTRACT], is_window=True))
        _LINE["contract"](row, contract)
        return
    _LINE["market_price"](row, amount(fields[14]))
    _LINE["market_value"](row, amount(fields[15]))
    _LINE["average_cost"](row, amount(fields[16]))
    _LINE["unrealized_pnl"](row, amount(fields[17]))
    _LINE["realized_pnl"](row, amount(fields[18]))


def ib_position(fields: Sequence[str]) -> Position:
    """Make ib_async's position of a message that `position` can read."""
    quantity, cost = fields[14:]
    held = described(tuple(fields[_CONTRACT])).ib()
    return Position(fields[2], held, float(quantity or 0), float(cost or 0))


def ib_item(fields: Sequence[str]) -> PortfolioItem:
    """Make ib_async's line of the account window of a message that `portfolio` can read."""
    contract = held(tuple(fields[_WINDOW_CONTRACT])).ib()
    return PortfolioItem._make((contract, *map(float, fields[_FIGURES]), fields[19]))
