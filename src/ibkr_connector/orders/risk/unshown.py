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
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class _Line:
    """One contract in one account: the position told last, and what it does not include."""

    told: Decimal = ZERO
    waiting: deque[UnshownFill] = field(default_factory=deque)


class Unshown:
    """Remember executions until a position includes them; for all accounts of a login."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, ConId | None], _Line] = {}
        self._behind: dict[tuple[str, ConId | None], _Line] = {}

    def executed(self, account: str, fill: UnshownFill) -> None:
        """Take in an execution as it happens; one that is told again counts once."""
        key = (account, fill.contract.con_id)
        line = self._behind[key] = self._lines.setdefault(key, _Line())
        if all(one.exec_id != fill.exec_id for one in line.waiting):
            line.waiting.append(fill)

    def told(self, account: str, con_id: ConId | None, quantity: Decimal) -> None:
        """Take in a position as the broker tells it."""
        line = self._lines.setdefault((account, con_id), _Line())
        change, line.told = quantity - line.told, quantity
        sums = accumulate(map(_signed, line.waiting))
        shown = next((count for count, sum_ in enumerate(sums, 1) if sum_ == change), 0)
        for _ in range(shown):
            line.waiting.popleft()

    def session_ended(self) -> None:
        """Forget everything: the next session begins with a whole list of positions."""
        self._lines.clear()
        self._behind.clear()

    def is_behind(self, now: datetime) -> bool:
        """Whether any position lags behind what was executed."""
        self._drop_old(now)
        return bool(self._behind)

    def fills(self, account: str, now: datetime) -> tuple[UnshownFill, ...]:
        """Return what counts besides the positions of an account now."""
        self._drop_old(now)
        return tuple(
            fill
            for (owner, _), line in self._behind.items()
            if owner == account
            for fill in line.waiting
        )

    def _drop_old(self, now: datetime) -> None:
        start = now - timedelta(seconds=SHOWN_AFTER_S)
        for key, line in tuple(self._behind.items()):
            while line.waiting and line.waiting[0].at <= start:
                line.waiting.popleft()
            if not line.waiting:
                del self._behind[key]


def _signed(fill: UnshownFill) -> Decimal:
    return fill.quantity if fill.action is Action.BUY else -fill.quantity
