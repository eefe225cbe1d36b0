"""
Who may write to the wire, and when.

Three limits hold at once. The gateway counts messages by the second: `wire.py` meters those. It
counts historical requests: `history.py` keeps those rules. And of a few things it wants no two
within so many seconds. Whoever does not fit queues in the lane of his operation. Lanes are served
by urgency, and inside a lane first come goes first unless a rule holds him up. So that nobody
starves, one message in ten goes to whoever of the less urgent has waited longest; a cancellation
overtakes even him.

A call that cannot fit before its deadline is told so at once and leaves the queue to others.

limit: a flood of cancellations as fast as the whole budget does starve the rest; there are never
more of them than open orders.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ibkr_connector.clock import Clock
from ibkr_connector.codes import PacingEffect
from ibkr_connector.errors import NotConnectedError, PacingError
from ibkr_connector.model.orders import SendDisposition
from ibkr_connector.model.pacing import HistoryStatus, LaneStatus

from .history import HistoryGovernor
from .operation import HistoryKey, Lane, Operation
from .timers import Timer, Timers
from .windows import SLACK_S, KeyedWindows
from .wire import Wire

__all__ = ["Pacer"]

TICK_S: Final = 0.001
"""The queue is not looked at more often; a rest of rounding must not become a loop."""

IN_TURN: Final = 9
"""After so many messages that overtook somebody, the one who has waited longest goes."""

LOOK_AGAIN_S: Final = 5.0
"""How often a limit that grows back is looked at."""

NEVER: Final = float("inf")


class Pacer:
    """
    Admits calls to the wire. Lives on one loop.

    Args:
        clock: The one time base.
        timers: Timers on the same clock.
        messages_per_second: Never more than so many in any second.
    """

    def __init__(self, *, clock: Clock, timers: Timers, messages_per_second: int) -> None:
        self._clock = clock
        self._timers = timers
        self.wire = Wire(clock, messages_per_second)
        self.history = HistoryGovernor()
        self._apart: dict[float, KeyedWindows] = {}
        self._lanes: Mapping[Lane, _Queue] = {lane: _Queue() for lane in Lane}
        self.complaints = 0
        self._overtook = 0
        self._timer: Timer | None = None
        self._closed = False

    @property
    def queued(self) -> int:
        """How many calls wait for the wire."""
        return sum(len(queue.waiters) for queue in self._lanes.values())

    def _has_queue(self) -> bool:
        # asked by every call: a generator would cost more than all it looks at
        for queue in self._lanes.values():  # noqa: SIM110
            if queue.waiters:
                return True
        return False

    async def admit(self, op: Operation[Any], *, until: float) -> float:
        """
        Wait for an operation's turn to put its messages on the wire; `release` it at its end.

        Returns:
            The seconds it waited.

        Raises:
            PacingError: Its turn cannot come before `until`; carries `retry_after_s`.
            NotConnectedError: The pacer was closed.
        """
        if self._closed:
            raise _closing()
        lane, cost = op.policy.lane, op.policy.cost
        if cost > self.wire.burst - self.wire.spare(lane):
            raise ValueError(f"a cost of {cost} never fits lane {lane.name}")
        now = self._clock.monotonic()
        if not self._has_queue() and self._try(op, lane, now) == 0.0:
            self._lanes[lane].passed += 1
            return 0.0
        expected_s = self._expected_s(op, now)
        if now + expected_s > until:
            raise _too_late(expected_s)
        await self._wait(op, now, until=until)
        waited_s = self._clock.monotonic() - now
        self._lanes[op.lane].note(waited_s)
        return waited_s

    def release(self, op: Operation[Any]) -> None:
        """Say that an operation that was admitted has ended."""
        if op.history is None or not op.history.opens:
            return
        history = op.history
        if self._lanes[Lane.CONTROL].waiters:
            # the message that calls it off may still wait there: the gateway counts until then
            self._enqueue(Lane.CONTROL, _Waiter.message(lambda: self._closed_one(history), cost=0))
        else:
            self._closed_one(history)

    def post(self, send: Callable[[], None], *, lane: Lane = Lane.CONTROL) -> None:
        """
        Send one message that nobody waits for, now if there is room and else in its turn.

        Args:
            send: Writes it, if there still is something to write to; must not raise.
            lane: Where it queues.
        """
        if not self._closed:
            self._enqueue(lane, _Waiter.message(send, cost=1))

    def hear(self, effect: PacingEffect) -> bool:
        """
        Take what the gateway says about its limits; market data lines are not counted here.

        Returns:
            Whether it is news that makes the pace slower.
        """
        now = self._clock.monotonic()
        match effect:
            case PacingEffect.NEAR:
                news = self.wire.warned(now)
            case PacingEffect.MESSAGES:
                news = self.wire.complained(now)
            case PacingEffect.HISTORY:
                news = self.history.complained(now)
            case _:
                news = False
        self.complaints += news
        return news

    def next_in_s(self, op: Operation[Any]) -> float:
        """Return the seconds after which such an operation may have its turn, at the earliest."""
        return round(self._expected_s(op, self._clock.monotonic()), 3)

    def charge(self) -> None:
        """Count a message that has left without asking."""
        self.wire.charge(self._clock.monotonic())

    def close(self) -> None:
        """Send everybody home who still waits, and drop the messages nobody waits for."""
        self._closed = True
        self._disarm()
        for queue in self._lanes.values():
            while queue.waiters:
                waiter = queue.waiters[0]
                queue.remove(waiter)
                if waiter.turn is not None and not waiter.turn.done():
                    waiter.turn.set_exception(_closing())

    def lanes(self) -> Mapping[str, LaneStatus]:
        """Return what each lane is doing, by name."""
        now = self._clock.monotonic()
        return {lane.name.lower(): queue.status(now) for lane, queue in self._lanes.items()}

    def history_status(self) -> HistoryStatus:
        """Return how much of the historical limits is used."""
        return self.history.status(self._clock.monotonic())

    # --- waiting --------------------------------------------------------------------------------

    async def _wait(self, op: Operation[Any], now: float, *, until: float) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(op=op, cost=op.cost, turn=turn)
        self._enqueue(op.lane, waiter)
        try:
            if not turn.done():
                with self._timers.limit(until):
                    await turn
            turn.result()
        except BaseException as error:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                # served and gone in the same turn: its place is used, its slot is not
                self.release(op)
            if isinstance(error, TimeoutError):
                expected_s = self._expected_s(op, self._clock.monotonic())
                raise _too_late(expected_s) from None
            raise
        finally:
            if not waiter.has_gone:
                self._lanes[op.lane].remove(waiter)

    def _enqueue(self, lane: Lane, waiter: _Waiter) -> None:
        waiter.since = self._clock.monotonic()
        self._lanes[lane].add(waiter)
        self._serve()

    # --- serving --------------------------------------------------------------------------------

    def _serve(self) -> None:
        """Admit everybody whose turn has come, and come back when the next one's may have."""
        self._disarm()
        now, again_s = self._clock.monotonic(), NEVER
        while True:
            served, wait_s = self._serve_one(now)
            again_s = min(again_s, wait_s)
            if not served:
                break
        if again_s < NEVER:
            self._disarm()
            self._timer = self._timers.call_at(now + max(again_s, TICK_S), self._serve)

    def _serve_one(self, now: float) -> tuple[bool, float]:
        """Admit whoever comes next, if the wire has room; tell when to look again."""
        again_s = NEVER
        turn: tuple[Lane, _Waiter] | None = None
        longest: tuple[Lane, _Waiter] | None = None
        for lane, queue in self._lanes.items():
            waiter, held_s = self._first(queue, now)
            again_s = min(again_s, held_s)
            if waiter is None:
                continue
            if turn is None:
                turn = (lane, waiter)
            elif longest is None or waiter.since < longest[1].since:
                longest = (lane, waiter)
        if turn is None:
            return False, again_s
        lane, waiter = turn
        as_lane = lane
        if longest is not None and self._overtook >= IN_TURN and lane is not Lane.CANCEL:
            # in his turn; before an order with the means of one, or it would never come
            as_lane = Lane.ORDER if lane is Lane.ORDER else longest[0]
            lane, waiter = longest
        wait_s = self._try_wire(waiter.op, waiter.cost, as_lane, now=now)
        if wait_s > 0:
            return False, min(again_s, wait_s)
        self._lanes[lane].remove(waiter)
        if longest is None or waiter is longest[1]:
            self._overtook = 0
        elif longest[1].since <= waiter.since:
            self._overtook += waiter.cost
        waiter.go()
        return True, again_s

    def _first(self, queue: _Queue, now: float) -> tuple[_Waiter | None, float]:
        """Return the first of a lane whom no rule holds up, and when that may change if nobody."""
        again_s = NEVER
        for waiter in queue.waiters:
            if waiter.is_gone:
                continue
            held_s = waiter.not_before - now
            if held_s <= 0:
                held_s = self._held_s(waiter.op, now)
                if held_s <= 0:
                    return waiter, NEVER
                if self.history.is_learning:
                    held_s = min(held_s, LOOK_AGAIN_S)
                # until then it can only become later; a slot that is free again is seen at once
                waiter.not_before = now if held_s == NEVER else now + held_s
            again_s = min(again_s, held_s)
        return None, again_s

    def _try(self, op: Operation[Any], lane: Lane, now: float) -> float:
        if op.history is not None or op.policy.apart_s:
            held_s = self._held_s(op, now)
            if held_s > 0:
                return held_s
        return self._try_wire(op, op.policy.cost, lane, now=now)

    def _try_wire(self, op: Operation[Any] | None, cost: int, lane: Lane, *, now: float) -> float:
        """Take the budget if all of it is there now; return the seconds until it may be."""
        if cost:
            wait_s = self.wire.wait_s(now, cost, lane)
            if wait_s > 0:
                return wait_s
            self.wire.take(now, cost)
        if op is not None:
            if op.history is not None:
                self.history.take(op.history, now)
            if op.policy.apart_s:
                self._windows_of(op).take((op.name, op.subject), now, 1)
        return 0.0

    def _held_s(self, op: Operation[Any] | None, now: float) -> float:
        """Return how long a rule other than the message budget holds a call up."""
        if op is None:
            return 0.0
        held_s = 0.0
        if op.policy.apart_s:
            held_s = self._windows_of(op).wait_s((op.name, op.subject), now, 1)
        if op.history is not None:
            if op.history.opens and not self.history.has_slot:
                return NEVER
            held_s = max(held_s, self.history.wait_s(op.history, now))
        return held_s

    def _windows_of(self, op: Operation[Any]) -> KeyedWindows:
        span_s = op.policy.apart_s
        windows = self._apart.get(span_s)
        if windows is None:
            windows = self._apart[span_s] = KeyedWindows(1, span_s + SLACK_S)
        return windows

    def _closed_one(self, history: HistoryKey) -> None:
        self.history.release(history)
        if self.queued:
            self._serve()

    def _expected_s(self, op: Operation[Any], now: float) -> float:
        # The least it can be, so that nobody is sent away who would have had his turn.
        queue = self._lanes[op.lane]
        own = [one for one in queue.waiters if not one.is_gone] if queue.ruled else []
        held = [one for one in own if one.not_before > now]
        number = len(queue.waiters) - len(held)
        cost = sum(self._lanes[lane].cost for lane in Lane if lane <= op.lane)
        # whoever is first of his lane may be let through out of turn, one message in ten
        ahead = min(cost - sum(one.cost for one in held), number * (IN_TURN + 1))
        expected_s = self.wire.expected_s(now, ahead + op.cost, op.lane)
        if op.policy.apart_s:
            subject = (op.name, op.subject)
            same = sum(
                one.op is not None and (one.op.name, one.op.subject) == subject for one in own
            )
            windows = self._windows_of(op)
            expected_s = max(expected_s, windows.wait_s(subject, now, 1 + same))
        if op.history is not None:
            keys = [one.op.history for one in own if one.op is not None and one.op.history]
            expected_s = max(expected_s, self.history.expected_s(op.history, now, keys))
        return expected_s

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


@dataclass(slots=True, kw_only=True, eq=False)
class _Waiter:
    """One who waits: a call, or a message that nobody waits for."""

    op: Operation[Any] | None = None
    cost: int = 1
    turn: asyncio.Future[None] | None = None
    send: Callable[[], None] | None = None
    since: float = 0.0
    not_before: float = float("-inf")
    has_gone: bool = False

    @classmethod
    def message(cls, send: Callable[[], None], *, cost: int) -> _Waiter:
        return cls(cost=cost, send=send)

    @property
    def is_gone(self) -> bool:
        """Whether its caller has left, who takes it out of the queue in his next turn."""
        return self.turn is not None and self.turn.done()

    @property
    def is_ruled(self) -> bool:
        """Whether a rule other than the message budget may hold it up."""
        return self.op is not None and bool(self.op.history or self.op.policy.apart_s)

    def go(self) -> None:
        if self.turn is not None:
            self.turn.set_result(None)
        if self.send is not None:
            self.send()


class _Queue:
    """One lane: who waits in it, and how it went for those before."""

    __slots__ = ("cost", "longest_s", "passed", "ruled", "waited_s", "waiters")

    def __init__(self) -> None:
        self.waiters: deque[_Waiter] = deque()
        self.cost = 0
        self.ruled = 0
        self.passed = 0
        self.waited_s = 0.0
        self.longest_s = 0.0

    def add(self, waiter: _Waiter) -> None:
        self.waiters.append(waiter)
        self.cost += waiter.cost
        self.ruled += waiter.is_ruled

    def remove(self, waiter: _Waiter) -> None:
        self.waiters.remove(waiter)
        self.cost -= waiter.cost
        self.ruled -= waiter.is_ruled
        waiter.has_gone = True

    def note(self, waited_s: float) -> None:
        self.passed += 1
        self.waited_s += waited_s
        self.longest_s = max(self.longest_s, waited_s)

    def status(self, now: float) -> LaneStatus:
        waiting = [one for one in self.waiters if not one.is_gone]
        return LaneStatus(
            queued=len(waiting),
            oldest_s=max((now - one.since for one in waiting), default=0.0),
            passed=self.passed,
            mean_wait_s=self.waited_s / self.passed if self.passed else 0.0,
            longest_wait_s=self.longest_s,
        )


def _too_late(expected_s: float) -> PacingError:
    return PacingError(
        "the message limits leave no room before the deadline, nothing was sent",
        retry_after_s=round(expected_s, 3),
        disposition=SendDisposition.UNSENT,
    )


def _closing() -> NotConnectedError:
    return NotConnectedError(
        "the connector was closed while the call waited for its turn",
        disposition=SendDisposition.UNSENT,
    )
