"""
What a fill does to the other orders of its one-cancels-all group: pure decisions.

Source: ibapi order.py (OCA types), IB campus "One Cancels All".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from .records import VenueOrder

__all__ = ["CANCEL", "REDUCE", "REDUCE_UNBLOCKED", "GroupEffect", "effects"]

CANCEL: Final = 1
REDUCE: Final = 2
REDUCE_UNBLOCKED: Final = 3
"""The types of a group: with 1 and 2 only one order trades at a time, with 3 all may, so that more
can be filled than was meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupEffect:
    """What happens to a member; a quantity of `None` cancels it."""

    perm_id: int
    quantity: Decimal | None


def effects(
    filled: VenueOrder, part: Decimal, members: Iterable[VenueOrder]
) -> tuple[GroupEffect, ...]:
    """
    Decide what a fill does to the other open members of the order's group.

    Args:
        filled: The order after its fill.
        part: How much of it was filled just now.
        members: All open orders of the group; the filled one may be among them.
    """
    if filled.group is None:
        return ()
    before = filled.remaining + part
    share = part / before
    found = []
    for member in members:
        if member.perm_id == filled.perm_id or member.group is None:
            continue
        if filled.group.kind == CANCEL or share >= 1:
            found.append(GroupEffect(perm_id=member.perm_id, quantity=None))
            continue
        left = _whole(member.remaining * (1 - share), member.instrument.min_size)
        quantity = member.filled + left if left > 0 else None
        found.append(GroupEffect(perm_id=member.perm_id, quantity=quantity))
    return tuple(found)


def _whole(quantity: Decimal, step: Decimal) -> Decimal:
    return (quantity / step).to_integral_value(ROUND_FLOOR) * step
