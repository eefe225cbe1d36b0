"""
`Watch`: one session from its login to its end.

Reads the broker's state in parts, follows the gateway's link to IB, asks for signs of life, and
says what happened in the events of `states.py`. It ends when the session does, or as soon as the
session can no longer be trusted, and returns why.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from types import MappingProxyType
from typing import Final, NoReturn

from ibkr_connector.clock import Clock
from ibkr_connector.codes import LinkEffect
from ibkr_connector.errors import ConnectionLostError, IBKRError, RequestTimeoutError
from ibkr_connector.gateway.port import SessionEnded
from ibkr_connector.resilience.pipeline import Pipeline
from ibkr_connector.resilience.timers import Timers

from .heartbeat import Heartbeat
from .records import BROKER_LINK, SessionLike, SupervisorTiming, SyncCause, SyncPart
from .states import SupervisorEvent

__all__ = ["Watch"]

_log = logging.getLogger(__name__)

CAUSES: Final[Mapping[LinkEffect, SyncCause]] = MappingProxyType(
    {
        LinkEffect.DATA_LOST: SyncCause.DATA_LOST,
        LinkEffect.DATA_KEPT: SyncCause.LINK_BACK,
    }
)
"""What each way of coming back makes necessary."""


class Watch:
    """
    Watches one session. Lives on one loop; `run` once.

    Args:
        session: Logged in and attached.
        parts: What must be read, in this order.
        pipeline: Carries the heartbeats.
        clock: The one time base.
        timers: Timers on the same clock.
        timing: The numbers.
        tell: Told what happened, as it happens.
        on_beat: Called before each heartbeat.
    """

    def __init__(
        self,
        session: SessionLike,
        *,
        parts: Sequence[SyncPart],
        pipeline: Pipeline,
        clock: Clock,
        timers: Timers,
        timing: SupervisorTiming,
        tell: Callable[[SupervisorEvent], None],
        on_beat: Callable[[], None] = lambda: None,
    ) -> None:
        self.session = session
        self.heartbeat = Heartbeat(session, pipeline=pipeline, clock=clock)
        self.up_at: float | None = None
        self._parts = tuple(parts)
        self._first = tuple(part for part in parts if not part.in_background)
        self._behind = tuple(part for part in parts if part.in_background)
        self._clock = clock
        self._timers = timers
        self._timing = timing
        self._tell = tell
        self._on_beat = on_beat
        self._missing: set[str] = set()
        self._link_is_up = True
        self._cause: SyncCause | None = None
        self._woken = asyncio.Event()
        self._told: tuple[str, ...] | None = None
        self._is_reading = True
        self._to_restore: set[str] = set()
        self._may_restore = asyncio.Event()
        self._suspected = asyncio.Event()
        self._unanswered_at: float | None = None
        self._ended = asyncio.Event()
        self._why: Exception | None = None

    @property
    def degraded_by(self) -> tuple[str, ...]:
        """What is missing now, by name; empty when nothing is."""
        parts = tuple(part.name for part in self._parts if part.name in self._missing)
        return parts if self._link_is_up else (BROKER_LINK, *parts)

    def ended(self, event: SessionEnded) -> None:
        """Take the news that the session is over."""
        detail = f": {event.detail}" if event.detail else ""
        self._blame(ConnectionLostError(f"the session ended ({event.reason.value}{detail})"))
        self._ended.set()

    def link(self, effect: LinkEffect) -> None:
        """Take news of the gateway's link to IB; the same bad news again changes nothing."""
        cause = CAUSES.get(effect)
        if cause is None:
            if self._link_is_up:
                self._link_is_up = False
                self._tell(SupervisorEvent.LINK_DOWN)
            return
        self._link_is_up = True
        # Lost subscriptions outrank kept ones, whichever was said last.
        if self._cause is not SyncCause.DATA_LOST:
            self._cause = cause
        self._told = None
        self._woken.set()
        self._tell(SupervisorEvent.LINK_UP)

    def mistrust(self, part: str) -> None:
        """Read a part again, now; one that is missing already is asked for in its time."""
        if part not in self._missing:
            self._missing.add(part)
            self._woken.set()

    async def is_fresh(self) -> bool:
        """
        Tell whether the gateway lives: it said something lately, or it answers when it is asked.

        No answer is no proof of its death, but enough to send nothing now; the heartbeat asks on,
        and until something comes nobody else waits for another answer.
        """
        timing, now = self._timing, self._clock.monotonic()
        if now - self.session.last_received <= timing.trust_s:
            return True
        if self._unanswered_at is not None and self.session.last_received <= self._unanswered_at:
            return False
        try:
            with self._timers.limit(now + min(timing.confirm_s, timing.probe_s)):
                await self.session.probe()
        except (TimeoutError, IBKRError):
            self._suspected.set()
            self._unanswered_at = now
            return False
        return True

    async def run(self) -> Exception:
        """Serve the session until it is over, and return why it is."""
        if not self.session.is_open:
            return ConnectionLostError("the session ended right after the login")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._beat(), name="ibkr-heartbeat")
                group.create_task(self._synchronise(), name="ibkr-sync")
                group.create_task(self._restore(), name="ibkr-restore")
                # In the body and not in a third task: CPython 3.11 leaves a cancellation count
                # behind when a child fails while the group only waits for its children.
                await self._ended.wait()
                raise _Over
        except* _Over:
            pass
        assert self._why is not None  # nothing but _Over ends the group
        return self._why

    async def _beat(self) -> NoReturn:
        timing = self._timing
        while True:
            await self._next_beat()
            self._on_beat()
            if not await self.heartbeat.is_alive(timing.probe_s):
                reason = "the gateway no longer answers heartbeats"
                self._blame(ConnectionLostError(reason))
                self.session.abort(reason)
                raise _Over

    async def _next_beat(self) -> None:
        at = self._clock.monotonic() + self._timing.heartbeat_interval_s
        with suppress(TimeoutError), self._timers.limit(at):
            await self._suspected.wait()
        self._suspected.clear()

    async def _synchronise(self) -> NoReturn:
        cause: SyncCause | None = SyncCause.CONNECTED
        while True:
            self._is_reading = True
            self._to_restore |= {part.name for part in self._behind if cause in part.causes}
            for part in self._first:
                if cause in part.causes or part.name in self._missing:
                    await self._read(part)
            self._is_reading = False
            if self._cause is None:
                self._report()
                self._may_restore.set()
            cause = await self._next_cause()

    async def _restore(self) -> NoReturn:
        """Read what trading does not wait for, each time after everything that it does wait for."""
        while True:
            await self._until_due(self._may_restore, self._behind)
            for part in self._behind:
                if part.name in self._to_restore | self._missing:
                    self._to_restore.discard(part.name)
                    await self._read(part)
            # while the rest is read again, that tells how things stand
            if self._cause is None and not self._is_reading:
                self._report()

    async def _read(self, part: SyncPart) -> None:
        timeout_s = self._timing.sync_timeout_s
        limit = self._timers.limit(self._clock.monotonic() + timeout_s)
        try:
            with limit:
                await part.run()
        except Exception as raised:  # noqa: BLE001  # whatever it is, the part is missing
            error = raised
            if limit.expired:
                error = RequestTimeoutError(f"no complete answer within {timeout_s} s")
            error.add_note(f"while reading {part.name} from the broker")
            is_news = part.name not in self._missing
            self._missing.add(part.name)
            if part.essential or not self.session.is_open:
                self._blame(error)
                raise _Over from error
            if is_news:
                # the state names the part alone; an error that is not ours is worth its traceback
                trace = None if isinstance(error, IBKRError) else error
                _log.warning("%s could not be read: %s", part.name, error, exc_info=trace)
        else:
            self._missing.discard(part.name)

    def _report(self) -> None:
        if self.up_at is None:
            self.up_at = self._clock.monotonic()
        if (lacking := self.degraded_by) != self._told:
            self._told = lacking
            self._tell(SupervisorEvent.INCOMPLETE if lacking else SupervisorEvent.SYNCED)

    async def _next_cause(self) -> SyncCause | None:
        """Wait until something must be read again; `None` means the missing parts alone."""
        await self._until_due(self._woken, self._first)
        cause, self._cause = self._cause, None
        return cause

    async def _until_due(self, event: asyncio.Event, parts: Sequence[SyncPart]) -> None:
        """Wait for an event, or until it is time to ask again for parts that are missing."""
        is_missing = any(part.name in self._missing for part in parts)
        at = self._clock.monotonic() + self._timing.resync_s
        limit = self._timers.limit(at) if is_missing and self._link_is_up else nullcontext()
        with suppress(TimeoutError), limit:
            await event.wait()
        event.clear()

    def _blame(self, error: Exception) -> None:
        # The first reason is the reason; what fails after it fails because of it.
        if self._why is None:
            self._why = error


class _Over(Exception):  # noqa: N818  # ends the task group, never leaves this module
    """The session is over; the reason is in the watch."""
