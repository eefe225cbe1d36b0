"""
What accounts hold, as the gateway tells it: records that may be read later.

A login with thousands of positions tells each of them twice, and most of what it tells is not
looked at before much later, if ever. Such a record knows its key and its size, and keeps the
message; the first look at anything else reads the rest of it. Whoever makes one so has made sure
before that the message can be read (`runs.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from operator import attrgetter, itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.ids import ConId

__all__ = [
    "HoldingKey",
    "HoldingsTold",
    "PortfolioRow",
    "PositionRow",
    "quantity_of",
    "slot_setter",
]

HoldingKey = tuple[str, ConId | None]
"""An account and the id of a contract."""

_account: Final = itemgetter(0)

quantity_of: Final = attrgetter("quantity")
"""Of a row."""

_FROM_OTHERS: Final[Mapping[str, Callable[[Any], Any]]] = MappingProxyType(
    {
        "key": lambda row: (row.account, row.contract.con_id),
        "has_price": lambda row: row.market_price is not None,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRow:
    """
    What an account holds of one contract; `average_cost` includes multiplier and commission.

    `key` is the account and the id of the contract.
    """

    account: str
    contract: Contract
    quantity: Decimal
    average_cost: Decimal
    raw: bytes = field(default=b"", repr=False, compare=False)
    key: HoldingKey = field(init=False, repr=False, compare=False)

    if not TYPE_CHECKING:  # it would let every name pass

        def __getattr__(self, name: str) -> Any:
            """Read what was not looked at before; called only for what is not there yet."""
            return _late(self, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioRow:
    """One line of the account window; `key` as that of a position."""

    account: str
    contract: Contract
    quantity: Decimal
    market_price: Decimal | None
    market_value: Decimal | None
    average_cost: Decimal | None
    unrealized_pnl: Decimal | None
    realized_pnl: Decimal | None
    raw: bytes = field(default=b"", repr=False, compare=False)
    key: HoldingKey = field(init=False, repr=False, compare=False)
    has_price: bool = field(init=False, repr=False, compare=False)

    if not TYPE_CHECKING:  # it would let every name pass

        def __getattr__(self, name: str) -> Any:
            """Read what was not looked at before; called only for what is not there yet."""
            return _late(self, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingsTold:
    """Rows that came one behind the other, each of another key, in the order of the wire."""

    positions: Mapping[HoldingKey, PositionRow] = field(default_factory=dict)
    lines: Mapping[HoldingKey, PortfolioRow] = field(default_factory=dict)

    @property
    def accounts(self) -> tuple[str, ...]:
        """Whose they are, each account once."""
        return tuple(dict.fromkeys(map(_account, (*self.positions, *self.lines))))


def slot_setter(kind: type, name: str) -> Callable[[Any, Any], None]:
    """
    Return what writes one field of a frozen record.

    Such a record is made by its constructor, of everything. Where there is not everything yet, its
    slots are written one by one, and nobody sees it before what makes it known is there.
    """
    setter: Callable[[Any, Any], None] = kind.__dict__[name].__set__
    return setter


def _late(row: PositionRow | PortfolioRow, name: str) -> Any:
    if name in _FROM_OTHERS:
        value = _FROM_OTHERS[name](row)
        object.__setattr__(row, name, value)
        return value
    if name not in row.__slots__ or not row.raw:
        raise AttributeError(f"{type(row).__name__} has no {name!r}", name=name, obj=row)
    if isinstance(row, PositionRow):
        _readings().fill_position(row)
    else:
        _readings().fill_line(row, name)
    return getattr(row, name)


@cache
def _readings() -> Any:
    # it imports the records of this module
    from . import readings  # noqa: PLC0415

    return readings
