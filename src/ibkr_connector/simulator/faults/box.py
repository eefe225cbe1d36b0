"""
The faults that are armed: which of them takes an occasion, and what is left of each.

Chance is drawn here, from one seeded source; time is an argument.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from .fault import Armed, Deed, Fault, Line
from .sockets import Stall

__all__ = ["FaultBox"]

K = TypeVar("K", bound=Fault)


@dataclass(slots=True)
class FaultBox:
    """The faults that are waiting; each occasion is shown to it."""

    seed: int = 1
    armed: list[Armed] = field(default_factory=list)
    happened: list[Fault] = field(default_factory=list)
    stalls: list[tuple[float, int | None]] = field(default_factory=list)
    random: Random = field(default_factory=lambda: Random(1))

    def __post_init__(self) -> None:
        self.random.seed(self.seed)

    def add(self, fault: Fault, *, now: float = 0.0, label: str = "") -> None:
        """Arm a fault; a label is that of the quirk it belongs to."""
        self.armed.append(
            Armed(fault=fault, since=now, left=fault.times, to_skip=fault.skip, label=label)
        )

    def clear(self) -> list[Deed]:
        """Disarm all faults, but not those that belong to a quirk; return what follows."""
        return self._end_all([one for one in self.armed if not one.label])

    def remove(self, label: str) -> list[Deed]:
        """Disarm what belongs to a quirk; return what follows."""
        return self._end_all([one for one in self.armed if one.label == label])

    def awake(self, line: Line, now: float) -> Iterator[Armed]:
        """Go through what may happen to a client now, oldest first."""
        for one in tuple(self.armed):
            fault = one.fault
            asleep = now - one.since < fault.at_s
            other = fault.client_id is not None and fault.client_id != line.client_id
            if not asleep and not other and not self._is_over(one, now) and one.left > 0:
                yield one

    def of_kind(self, kind: type[K], line: Line, now: float) -> Iterator[tuple[Armed, K]]:
        """Go through what may happen of one kind."""
        for one in self.awake(line, now):
            if isinstance(one.fault, kind):
                yield one, one.fault

    def first(self, kind: type[K], line: Line, now: float) -> K | None:
        """Take an occasion for one kind; return the fault that takes it."""
        for one, fault in self.of_kind(kind, line, now):
            if self.takes(one):
                return fault
        return None

    def lasting(self, kind: type[K], line: Line, now: float) -> K | None:
        """Return a fault of a kind that is a state rather than an occasion: nothing is counted."""
        return next((fault for _, fault in self.of_kind(kind, line, now)), None)

    def takes(self, one: Armed) -> bool:
        """Count an occasion; tell whether the fault happens."""
        if one.to_skip > 0:
            one.to_skip -= 1
            return False
        if one.fault.probability < 1 and self.random.random() >= one.fault.probability:
            return False
        one.left -= 1
        self.happened.append(one.fault)
        if one.left == 0:
            self._disarm(one)
        return True

    def held_until(self, line: Line, now: float) -> float:
        """
        Return until when everything that this client is told is held back; `now` when it is not.

        A stall is the gateway's: it begins with the first word to anybody whom it concerns.
        """
        if self._held(line, now) == now:
            stall = self.first(Stall, line, now)
            if stall is not None:
                self.stalls.append((now + stall.seconds, stall.client_id))
        return self._held(line, now)

    def _held(self, line: Line, now: float) -> float:
        self.stalls[:] = [one for one in self.stalls if one[0] > now]
        return max([now, *(end for end, who in self.stalls if who in (None, line.client_id))])

    def pass_time(self, now: float) -> list[Deed]:
        """Wake what is due and disarm what has lasted long enough; return what follows."""
        deeds: list[Deed] = []
        for one in tuple(self.armed):
            if not one.is_awake and now - one.since >= one.fault.at_s:
                deeds.extend(self._wake(one, now))
        deeds.extend(self._end_all([one for one in self.armed if self._is_over(one, now)]))
        return deeds

    def _wake(self, one: Armed, now: float) -> Sequence[Deed]:
        one.is_awake = True
        if not one.fault.is_momentary:
            return one.fault.at_start()
        happens = self.takes(one)
        every = getattr(one.fault, "every_s", None)
        if one.left > 0 and every is not None:
            # the next time is counted from this one's own moment, not from when it was noticed
            due = one.since + one.fault.at_s
            one.since, one.is_awake = max(due + every, now) - one.fault.at_s, False
        return one.fault.at_start() if happens else ()

    def _end_all(self, ended: Sequence[Armed]) -> list[Deed]:
        for one in ended:
            self._disarm(one)
        return [deed for one in ended if one.is_awake for deed in one.fault.at_end()]

    def next_change(self, now: float) -> float | None:
        """Return when the next fault wakes or ends, in the clock's seconds."""
        moments = [
            moment
            for one in self.armed
            for moment in (one.since + one.fault.at_s, self._end(one))
            if moment is not None and moment > now
        ]
        return min(moments, default=None)

    def _is_over(self, one: Armed, now: float) -> bool:
        end = self._end(one)
        return end is not None and now >= end

    def _end(self, one: Armed) -> float | None:
        lasts = one.fault.lasts_s
        return None if lasts is None else one.since + one.fault.at_s + lasts

    def _disarm(self, one: Armed) -> None:
        # by identity: two equal faults are two
        self.armed[:] = [other for other in self.armed if other is not one]
