"""
Executions that the account's positions do not show yet.

A fill is told at once, the position that it makes seconds later (ib_async issue 15). Meanwhile the
order is no longer open and the position is the old one: without this, every rule about positions
could be passed once more, and what closes a position could close it twice.

Owns: which executions a told position includes. The change from one told position to the next is
what the oldest executions that make it up come to; what fits no such sum (somebody else traded too,
or a fill was not told) leaves them all here until they are too old. Too strict for some seconds is
the safe side.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Final

from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.ids import ConId, ExecId
from ibkr_connector.model.orders import Action

__all__ = ["SHOWN_AFTER_S", "Unshown", "UnshownFill"]

ZERO: Final = Decimal(0)

SHOWN_AFTER_S: Final = 10.0
"""By then a position includes a fill: users have seen some seconds (ib_async issue 15)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnshownFill:
    """An execution that counts besides the position."""

    contract: Contract
    action: Action
    quantity: Decimal
    price: Decimal
    exec_id: ExecId
    at: datetime


class Unshown:
    """Remember executions until a position includes them; for all accounts of a login."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, ConId | None], Decimal] = {}
        self._behind: dict[tuple[str, ConId | None], deque[UnshownFill]] = {}

    def executed(self, account: str, fill: UnshownFill) -> None:
        """Take in an execution as it happens; one that is told again counts once."""
        key = (account, fill.contract.con_id)
        waiting = self._behind.setdefault(key, deque())
        if all(one.exec_id != fill.exec_id for one in waiting):
            waiting.append(fill)

    def told(self, account: str, con_id: ConId | None, quantity: Decimal) -> None:
        """Take in a position as the broker tells it."""
        key = (account, con_id)
        before, self._told[key] = self._told.get(key, ZERO), quantity
        waiting = self._behind.get(key)
        if not waiting:
            return
        change, sums = quantity - before, accumulate(map(_signed, waiting))
        shown = next((count for count, sum_ in enumerate(sums, 1) if sum_ == change), 0)
        for _ in range(shown):
            waiting.popleft()

    def told_all(self, positions: Mapping[tuple[str, ConId | None], Decimal]) -> None:
        """Take in many, by account and contract."""
        if not self._behind:
            self._told.update(positions)
            return
        for (account, con_id), quantity in positions.items():
            self.told(account, con_id, quantity)

    def session_ended(self) -> None:
        """Forget everything: the next session begins with a whole list of positions."""
        self._told.clear()
        self._behind.clear()

    def is_behind(self, now: datetime) -> bool:
        """Whether any position lags behind what was executed."""
        self._drop_old(now)
        return bool(self._behind)

    def fills(self, account: str, now: datetime) -> tuple[UnshownFill, ...]:
        """Return what counts besides the positions of an account now."""
        if not self._behind:
            return ()
        self._drop_old(now)
        return tuple(
            fill
            for (owner, _), waiting in self._behind.items()
            if owner == account
            for fill in waiting
        )

    def _drop_old(self, now: datetime) -> None:
        start = now - timedelta(seconds=SHOWN_AFTER_S)
        for key, waiting in tuple(self._behind.items()):
            while waiting and waiting[0].at <= start:
                waiting.popleft()
            if not waiting:
                del self._behind[key]


def _signed(fill: UnshownFill) -> Decimal:
    return fill.quantity if fill.action is Action.BUY else -fill.quantity
