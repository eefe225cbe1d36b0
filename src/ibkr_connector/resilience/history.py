"""
IB's limits on historical requests, all of them in one place.

Bars of 30 seconds and less, live bars of 5 seconds and the earliest moment of a contract's data
are under the hard rules: sixty in ten minutes (BID_ASK counts twice), fewer than six for one
contract, exchange and tick type in two seconds, no identical one within fifteen. Every historical
request, of whatever size, is one of at most fifty that are open at a time. Larger bars IB slows
down softly by itself, and we do not.

When IB complains nevertheless (another program shares the login, or the rules have changed), all
history is held for a while, longer each time, and fewer requests are made until it has been
content for long enough.

Source of the rules: IB campus, historical data limitations; fifty open ones: IB's older page of the
same name, ib_insync thread 293. How to slow down and to recover is our own choice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ibkr_connector.model.pacing import HistoryStatus

from .operation import HistoryKey
from .windows import KeyedWindows, Window

__all__ = ["HISTORY_SLACK_S", "HistoryGovernor"]

SPAN_S: Final = 600.0
MOST: Final = 60
"""At most sixty in ten minutes."""

SAME_CONTRACT: Final = (5, 2.0)
"""Fewer than six for one contract, exchange and tick type in two seconds."""

IDENTICAL: Final = (1, 15.0)
"""No identical request within fifteen seconds."""

MOST_OPEN: Final = 50
"""Requests that may wait for their answers at the same time."""

HISTORY_SLACK_S: Final = 0.25
"""
How much later the gateway may count the first of a window than we do, and the last sooner.

A complaint costs a rest of fifteen seconds and more, so a busy machine or a slow line must not
bring one: a quarter of a second in two is little beside that.
"""

FIRST_HOLD_S: Final = 15.0
LONGEST_HOLD_S: Final = 240.0
"""How long history rests after a complaint: doubled each time, up to the longest."""

LEAST: Final = 10
"""The learned limit never falls below this many in ten minutes."""

STEP: Final = 5
STEP_S: Final = 60.0
"""So many more may be asked again for each minute without a complaint."""

ONE_COMPLAINT_S: Final = 1.0
"""Complaints this close to each other are one."""

NEVER: Final = float("-inf")


class HistoryGovernor:
    """All rules of historical requests together; a request passes all of them or none."""

    def __init__(self, *, slack_s: float = HISTORY_SLACK_S) -> None:
        self._all = Window(MOST, SPAN_S + slack_s)
        self._by_contract = KeyedWindows(SAME_CONTRACT[0], SAME_CONTRACT[1] + slack_s)
        self._by_identity = KeyedWindows(IDENTICAL[0], IDENTICAL[1] + slack_s)
        self._open = 0
        self._held_until = NEVER
        self._hold_s = FIRST_HOLD_S
        self._complained_at = NEVER
        self._recovered_at = NEVER

    def wait_s(self, key: HistoryKey, now: float) -> float:
        """Return the seconds until this request may go, 0 when it may go now; see `has_slot`."""
        return self.expected_s(key, now, ())

    def expected_s(self, key: HistoryKey, now: float, ahead: Iterable[HistoryKey]) -> float:
        """
        Return the least that a request has to wait behind others that wait already.

        Args:
            key: What it counts under.
            now: This moment.
            ahead: Those before it. They only count where they cannot be overtaken.
        """
        self._recover(now)
        held_s = max(0.0, self._held_until - now)
        if not key.small_bars:
            return held_s
        small = [one for one in ahead if one.small_bars]
        identical = sum(one.identical_key == key.identical_key for one in small)
        # of equal ones only the first is sure to go first
        distinct = {one.identical_key: one for one in small if one.identical_key}
        distinct.pop(key.identical_key, None)
        first = sum(one.weight for one in small if not one.identical_key)
        by_contract: dict[str, int] = {}
        for one in distinct.values():
            weight = by_contract.get(one.contract_key, 0) + one.weight
            by_contract[one.contract_key] = weight
        # and of each contract only as many as could go at once
        first += sum(
            min(weight, self._by_contract.room(contract, now))
            for contract, weight in by_contract.items()
        )
        waits = [held_s, self._all.wait_s(now, key.weight + first)]
        if key.contract_key:
            same = by_contract.get(key.contract_key, 0)
            waits.append(self._by_contract.wait_s(key.contract_key, now, key.weight + same))
        if key.identical_key:
            waits.append(self._by_identity.wait_s(key.identical_key, now, 1 + identical))
        return max(waits)

    @property
    def has_slot(self) -> bool:
        """Whether one more request may be open."""
        return self._open < MOST_OPEN

    def take(self, key: HistoryKey, now: float) -> None:
        """Count this request under all its rules; ask `wait_s` and `has_slot` first."""
        self._open += key.opens
        if key.small_bars:
            self._all.take(now, key.weight)
            if key.contract_key:
                self._by_contract.take(key.contract_key, now, key.weight)
            if key.identical_key:
                self._by_identity.take(key.identical_key, now, 1)

    def release(self, key: HistoryKey) -> None:
        """The request is not open any more; once for each `take`."""
        self._open -= key.opens

    def complained(self, now: float) -> bool:
        """
        Hear that history was asked for too often: hold all of it, and ask for less.

        Returns:
            Whether it is news; of complaints that come together the first counts.
        """
        if now - self._complained_at < ONE_COMPLAINT_S:
            return False
        self._recover(now)
        self._complained_at = self._recovered_at = now
        self._held_until = now + self._hold_s
        self._hold_s = min(LONGEST_HOLD_S, 2 * self._hold_s)
        self._all.limit = max(LEAST, self._all.limit * 3 // 4)
        return True

    @property
    def is_learning(self) -> bool:
        """Whether the limit is a smaller one than IB names, and grows back."""
        return self._all.limit < MOST

    def status(self, now: float) -> HistoryStatus:
        """Return how much of the limits is used."""
        self._recover(now)
        return HistoryStatus(
            limit=MOST,
            limit_now=self._all.limit,
            used=self._all.used(now),
            open=self._open,
            open_limit=MOST_OPEN,
            held_s=max(0.0, self._held_until - now),
        )

    @property
    def keys(self) -> int:
        """How many keys are remembered."""
        return len(self._by_contract) + len(self._by_identity)

    def _recover(self, now: float) -> None:
        if self._all.limit == MOST:
            return
        steps = int((now - self._recovered_at) // STEP_S)
        if steps > 0:
            self._recovered_at += steps * STEP_S
            self._all.limit = min(MOST, self._all.limit + steps * STEP)
            if self._all.limit == MOST:
                self._hold_s = FIRST_HOLD_S
