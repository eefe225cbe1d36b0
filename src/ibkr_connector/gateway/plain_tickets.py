"""
A plain order to the text of its message, without ib_async's objects in between.

Of the hundred fields of a `placeOrder` a plain order (side, quantity, type, prices, time in force)
sets a dozen; the others are the same in every one. ib_async itself is asked once for each server
version what the message looks like, so what is written here is what it would have written. Every
other order, and whatever cannot be written, is left to the long way, which says why.
"""

# mypy: disallow-untyped-calls=False
# ib_async's request methods are not typed.

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import cache, lru_cache
from operator import itemgetter
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

import ib_async.contract
from ib_async.client import Client

from ibkr_connector.errors import ContractError
from ibkr_connector.model.contracts import Contract, SecurityType
from ibkr_connector.model.ids import ClientId, OrderId
from ibkr_connector.model.orders import Action, OrderType, TimeInForce
from ibkr_connector.model.terms import NO_TERMS

from . import translate
from .fields import encode
from .port import OrderTicket

__all__ = ["order_message", "prepare"]

_TYPES: Final = frozenset((OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT))
_MORE_FIELDS_ON: Final = "IBKRATS"
"""An exchange whose orders have a field more (ib_async client.py placeOrder)."""

_OF_ORDER: Final = (
    "action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif", "account", "orderRef",
    "transmit", "parentId", "outsideRth",
)  # fmt: skip
"""What differs from one plain order to the next, besides its id and its contract."""

_MARK: Final = re.compile("<([a-zA-Z]+)>")

_ANY: Final = OrderTicket(
    order_id=OrderId(0),
    order_ref="",
    contract=Contract(symbol=""),
    action=Action.BUY,
    quantity=Decimal(1),
    order_type=OrderType.MARKET,
    limit_price=None,
    stop_price=None,
    time_in_force=TimeInForce.DAY,
    outside_regular_hours=False,
    account="",
)

_CONTRACTS: Final = 2048
_MOST_READY: Final = 1024

_READY: Final[dict[int, tuple[OrderTicket, int, str | None]]] = {}
"""What was written ahead; held with its ticket, so that an id is nobody else's."""

_YES_NO: Final = ("0", "1")


def prepare(ticket: OrderTicket, version: int) -> None:
    """Write the message of an order ahead of the moment at which it may be sent."""
    if len(_READY) >= _MOST_READY:  # orders that were never sent
        _READY.clear()
    _READY[id(ticket)] = ticket, version, _written(ticket, version)


def order_message(ticket: OrderTicket, version: int) -> str | None:
    """Return the message of a plain order; `None` when it is not one, or cannot be written so."""
    ready = _READY.pop(id(ticket), None)
    if ready is not None and ready[0] is ticket and ready[1] == version:
        return ready[2]
    return _written(ticket, version)


def _written(ticket: OrderTicket, version: int) -> str | None:
    contract = ticket.contract
    if (
        ticket.order_type not in _TYPES
        or (ticket.terms is not NO_TERMS and ticket.terms != NO_TERMS)
        or contract.security_type is SecurityType.COMBO
        or contract.legs
        or contract.exchange == _MORE_FIELDS_ON
        or not ticket.quantity.is_finite()
        or (ticket.limit_price is not None and not ticket.limit_price.is_finite())
        or (ticket.stop_price is not None and not ticket.stop_price.is_finite())
    ):
        return None
    # a strike may be written in several ways, and all of them are equal
    of_what = _known(contract) if contract.strike is None else _contract(contract)
    if of_what is None:
        return None
    form = _form(version)
    message = form.text % form.in_order(
        {
            "orderId": str(ticket.order_id),
            "contract": of_what,
            "action": ticket.action._value_,
            "totalQuantity": _digits(ticket.quantity),
            "orderType": ticket.order_type._value_,
            "lmtPrice": _digits(ticket.limit_price),
            "auxPrice": _digits(ticket.stop_price),
            "tif": ticket.time_in_force._value_,
            "account": ticket.account,
            "orderRef": ticket.order_ref,
            "transmit": _YES_NO[ticket.transmit],
            "parentId": str(ticket.parent_id or 0),
            "outsideRth": _YES_NO[ticket.outside_regular_hours],
        }
    )
    # a text that ends its field early says something else, and half a character says nothing
    is_whole = message.count("\0") == form.ends and (message.isascii() or _is_text(message))
    return message if is_whole else None


class _Form(NamedTuple):
    """The message with gaps, what stands in them in their order, and how many fields there are."""

    text: str
    in_order: Callable[[dict[str, str]], tuple[str, ...]]
    ends: int


@cache
def _form(version: int) -> _Form:
    order = translate.ib_order(_ANY, client_id=ClientId(0))
    for name in _OF_ORDER:
        setattr(order, name, _mark(name))
    contract = ib_async.contract.Contract(secType="STK")
    said: list[Any] = []
    client: Any = SimpleNamespace(
        serverVersion=lambda: version, send=lambda *fields: said.extend(fields)
    )
    Client.placeOrder(client, _mark("orderId"), contract, order)
    fields = [_mark("contract") if field is contract else field for field in said]
    text = encode(fields).decode().replace("%", "%%")
    gaps = _MARK.findall(text)
    return _Form(
        text=_MARK.sub("%s", text),
        in_order=itemgetter(*gaps),
        # a contract is twelve fields
        ends=text.count("\0") + 11 * gaps.count("contract"),
    )


def _mark(name: str) -> str:
    return f"<{name}>"


def _contract(contract: Contract) -> str | None:
    try:
        return encode(["", translate.ib_contract(contract)]).decode()[1:-1]
    except ContractError:
        return None


_known = lru_cache(_CONTRACTS)(_contract)


def _is_text(message: str) -> bool:
    try:
        message.encode()
    except UnicodeEncodeError:
        return False
    return True


def _digits(number: Decimal | None) -> str:
    return "" if number is None else format(number, "f")
