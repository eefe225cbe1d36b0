"""
The broker's description of a plain order, read straight from the fields of its message.

Each step of an order brings a message of some hundred and thirty fields, of which a plain one
(side, quantity, type, prices, time in force) leaves all but two dozen empty. Those are read here
without the objects in between; every other order goes through ib_async's decoder. What both can
read, both read alike. *limit*: a field that a plain order has no use for is not looked at, whatever
stands in it, where ib_async's decoder would refuse the message.

Source of the places: ib_async decoder.py `openOrder`. The layout is that of server versions from
177 on; an earlier one has a field more, and an order that names a delta-neutral type (TWS writes
"None" for all that have none) has eight more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from types import MappingProxyType
from typing import Final, NamedTuple

from ibkr_connector.model.ids import ClientId, OrderId, PermId
from ibkr_connector.model.making import quick
from ibkr_connector.model.orders import OrderType
from ibkr_connector.model.terms import NO_TERMS

from .field_values import described, number, price, size
from .port import BrokerOrder
from .translate import NOT_SAID, SIDES

__all__ = ["fields_at_least", "plain_order"]

_STOPS: Final = frozenset({OrderType.STOP.value, OrderType.STOP_LIMIT.value})
_LIMITS: Final = frozenset({OrderType.LIMIT.value, OrderType.STOP_LIMIT.value})
_TYPES: Final = _STOPS | _LIMITS | {OrderType.MARKET.value}

_TYPE: Final = 15
_HAS_PROFILE_UNTIL: Final = 177
_PROFILE: Final = 34
_NEUTRAL: Final = 61
_NEUTRAL_FIELDS: Final = 8
_NO_NEUTRAL: Final = "None"

_UNSET_DOUBLE: Final = "1.7976931348623157E308"
_UNSET_INT: Final = "2147483647"
_LENGTHS: Final[Mapping[int, int]] = MappingProxyType({159: 1, 160: 1, 162: 1, 170: 5})
"""How many fields a version has added at the end."""

_FIRST_LENGTH: Final = 119

_FLAGS: Final = (27, 51, 84)
"""Hidden, all or none, question only."""
_OFF: Final = frozenset({"", "0"})

_SIZES: Final = (48, 52, 58)
"""Display size, smallest fill, trigger method."""
_NO_SIZE: Final = frozenset({"", "0", _UNSET_INT})

_EMPTY: Final = (19, 29, 31, 32, 34, 35, 76, 82, 111)
"""OCA group, the two times, advisor's group and method, model, hedge, algorithm, soft dollars."""

_FIGURES: Final = (75, 114)
"""The increment of a scale, the amount of cash."""
_NO_FIGURE: Final = frozenset({"", "0", "0.0", _UNSET_DOUBLE})

_COUNTS: Final = (70, 71, 72, 81, 102)
"""How many legs, prices of legs, parameters, delta-neutral contracts and conditions follow."""
_NO_COUNTS: Final = ("0",) * len(_COUNTS)

_HEAD: Final = slice(13, 27)
_CONTRACT: Final = slice(2, 13)
_TAIL: Final = (57, 85, 99)
"""Parent, status, warning."""


class _Layout(NamedTuple):
    """Where things stand: pickers of several fields at once."""

    flags: Callable[[Sequence[str]], tuple[str, ...]]
    sizes: Callable[[Sequence[str]], tuple[str, ...]]
    empty: Callable[[Sequence[str]], tuple[str, ...]]
    figures: Callable[[Sequence[str]], tuple[str, ...]]
    counts: Callable[[Sequence[str]], tuple[str, ...]]
    tail: Callable[[Sequence[str]], tuple[str, ...]]


@cache
def fields_at_least(version: int) -> int:
    """Return how many fields the message of a plain order has, without what may be in between."""
    return _FIRST_LENGTH + sum(more for since, more in _LENGTHS.items() if version >= since)


@cache
def _layout(shift: int, after_neutral: int) -> _Layout:
    def picker(places: tuple[int, ...]) -> Callable[[Sequence[str]], tuple[str, ...]]:
        return itemgetter(
            *[
                place
                + (shift if place >= _PROFILE else 0)
                + (after_neutral if place > _NEUTRAL else 0)
                for place in places
            ]
        )

    return _Layout(*map(picker, (_FLAGS, _SIZES, _EMPTY, _FIGURES, _COUNTS, _TAIL)))


def plain_order(fields: Sequence[str], version: int) -> BrokerOrder | None:
    """
    Read an order, `None` when it is not a plain one or the message is too short for one.

    Raises:
        ValueError: A field is not what it should be.
    """
    least = fields_at_least(version)
    if len(fields) < least or fields[_TYPE] not in _TYPES:
        return None
    shift = 1 if version < _HAS_PROFILE_UNTIL else 0
    neutral = fields[_NEUTRAL + shift]
    between = 0
    if neutral:
        if neutral != _NO_NEUTRAL:
            return None
        between = _NEUTRAL_FIELDS
    if len(fields) < least + shift + between:
        return None
    layout = _layout(shift, between)
    if (
        layout.counts(fields) != _NO_COUNTS
        or any(layout.empty(fields))
        or not _OFF.issuperset(layout.flags(fields))
        or not _NO_SIZE.issuperset(layout.sizes(fields))
        or not _NO_FIGURE.issuperset(layout.figures(fields))
    ):
        return None
    return _read(fields, layout)


_order: Final = quick(BrokerOrder)


def _read(fields: Sequence[str], layout: _Layout) -> BrokerOrder:
    (
        side, quantity, kind, limit, auxiliary, time_in_force, _, account, _, _, ref,
        client_id, perm_id, outside,
    ) = fields[_HEAD]  # fmt: skip
    parent_id, status, warning = layout.tail(fields)
    action = SIDES.get(side)
    if action is None:
        raise ValueError(f"expected a side, found {side!r}")
    parent, perm = number(parent_id), number(perm_id)
    is_stop = kind in _STOPS
    # TWS fills prices that the order type does not use with zero.
    bound, trigger = price(limit), price(auxiliary)
    return _order(
        order_id=OrderId(int(fields[1] or 0)),
        client_id=ClientId(int(client_id or 0)),
        perm_id=None if perm is None else PermId(perm),
        order_ref="" if ref == NOT_SAID else ref,
        account="" if account == NOT_SAID else account,
        contract=described(tuple(fields[_CONTRACT])).record,
        action=action,
        quantity=size(quantity),
        order_type=kind,
        limit_price=bound if bound or kind in _LIMITS else None,
        stop_price=trigger if is_stop else None,
        time_in_force="" if time_in_force == NOT_SAID else time_in_force,
        status=status,
        warning=warning,
        outside_regular_hours=bool(int(outside or 0)),
        parent_id=None if parent is None else OrderId(parent),
        terms=NO_TERMS,
    )
