"""
`Supervisor`: keeps one session alive.

Owns the one task in which a session is opened, verified, synchronised, watched, and, when it is
lost, tried again. What follows from what is `states.TABLE`; this is the shell that makes it happen.
It never places, repeats or drops anything for the user: it says where the connection stands, and
`ready` only when every part of the broker's state that trading needs has been read again.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Final, Generic, TypeVar

from ibkr_connector.clock import Clock
from ibkr_connector.codes import LinkEffect
from ibkr_connector.errors import (
    AuthenticationError,
    GatewayUnavailableError,
    NotConnectedError,
    RequestTimeoutError,
)
from ibkr_connector.gateway.port import GatewayNotice, SessionEnded, SessionInfo
from ibkr_connector.model.ids import ClientId
from ibkr_connector.model.orders import SendDisposition
from ibkr_connector.model.status import ConnectionState
from ibkr_connector.resilience.pipeline import Pipeline
from ibkr_connector.resilience.timers import Timers

from .address import Address
from .diary import write
from .news import News
from .outages import Loudness, Outages, Planned
from .patience import Patience
from .records import SessionLike, StateChange, SupervisorSnapshot, SupervisorTiming, SyncPart
from .states import LOSSES, UP, SupervisorEvent, advance
from .watch import Watch

__all__ = ["Supervisor"]

S = TypeVar("S", bound=SessionLike)

_log = logging.getLogger(__name__)

DOWN: Final = frozenset({LinkEffect.DOWN, LinkEffect.DOWN_QUIETLY})
"""What says that the gateway has no link to IB."""

_NOBODY_IN: Final = (GatewayUnavailableError, AuthenticationError)
"""Errors of an attempt behind which a login may stand that waits for somebody."""

_TROUBLE: Final = LOSSES | {SupervisorEvent.LINK_DOWN, SupervisorEvent.INCOMPLETE}
"""What somebody may have to hear of."""


class Supervisor(Generic[S]):
    """
    Keeps one session alive from `start` to `stop`. Lives on one loop.

    Args:
        open_session: Makes one attempt and returns a logged-in session or raises its typed error.
        attach: Told each session before anything is asked of it.
        detach: Told when that session is of no more use.
        verify: Refuses a session whose accounts contradict the mode, by raising.
        parts: What must be read before the state is `ready`, in this order, and what is restored
            behind it.
        pipeline: Carries the heartbeats; its circuits are closed for each new session, because
            what a dead socket has failed says nothing about the new one.
        clock: The one time base.
        timing: The numbers.
        address: Told where the gateway has moved to, and when the client id is in use.
        outages: Says which outages are planned, and how loud one is.
        login_obstacle: Asked why nobody answers; what a launcher of the gateway knows.
        draw: Random numbers from 0 to 1 for the waits; a generator of its own when not given.
        on_state: Told each event after it, on the loop; must be quick and must not raise.
    """

    def __init__(
        self,
        *,
        open_session: Callable[[], Awaitable[S]],
        attach: Callable[[S], None],
        detach: Callable[[], None],
        verify: Callable[[SessionInfo], None],
        parts: Sequence[SyncPart],
        pipeline: Pipeline,
        clock: Clock,
        timing: SupervisorTiming | None = None,
        address: Address | None = None,
        outages: Outages | None = None,
        login_obstacle: Callable[[], Awaitable[str | None]] | None = None,
        draw: Callable[[], float] | None = None,
        on_state: Callable[[StateChange], None] | None = None,
    ) -> None:
        self._open_session = open_session
        self._attach = attach
        self._detach = detach
        self._verify = verify
        self._parts = tuple(parts)
        self._pipeline = pipeline
        self._clock = clock
        self._timing = timing or SupervisorTiming()
        self._address = address or Address(port=0, client_ids=(ClientId(0),))
        self._outages = outages or Outages(escalate_s=self._timing.escalate_s)
        self._find_obstacle = login_obstacle
        self._news = News(self._address)
        self._patience = Patience(
            self._timing,
            address=self._address,
            outages=self._outages,
            clock=clock,
            draw=draw or random.Random().random,
        )
        self._on_state = on_state
        self._timers = Timers(clock)

        self._state = ConnectionState.IDLE
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._ending: SupervisorEvent | None = None
        self._starters = 0
        self._insists = False
        self._verdict: Exception | None = None
        self._last_error: Exception | None = None

        # from `start` until it ends
        self._was_up = False
        self._sessions = 0
        self._attempt = 0
        self._retry_at: float | None = None
        self._login_obstacle: str | None = None

        # of the session at hand
        self._watch: Watch | None = None
        self._link_was: LinkEffect | None = None

    # --- what the owner asks --------------------------------------------------------------------

    @property
    def state(self) -> ConnectionState:
        """Where the connection is."""
        return self._state

    @property
    def is_kept(self) -> bool:
        """Whether there has been a session since `start`, and another is tried for if need be."""
        return self._was_up and self._task is not None

    async def start(self) -> None:
        """
        Make the first connection, and keep it from then on.

        Harmless when there is one; concurrent callers share one attempt. When the last of them is
        cancelled before the connection is up, the attempt is abandoned.

        Raises:
            IBKRError: Why the first attempt failed; nothing is left running.
        """
        while self._task is not None and self._ending is SupervisorEvent.GIVE_UP:
            # an attempt that was just abandoned is nothing to join
            await asyncio.wait([self._task])
        if self._task is None:
            self._begin()
        self._starters += 1
        try:
            await self.wait_ready()
        except asyncio.CancelledError:
            if self._starters == 1 and not self._was_up:
                await self._end(SupervisorEvent.GIVE_UP)
            raise
        finally:
            self._starters -= 1

    def begin(self) -> None:
        """Begin to connect, go on whatever the first attempts bring, and do not wait for it."""
        if self._task is None:
            self._insists = True
            self._begin()

    async def stop(self) -> None:
        """Close the session, or end whatever attempt or wait there is, at once; idempotent."""
        await self._end(SupervisorEvent.STOP)

    async def wait_ready(self, deadline_s: float | None = None) -> None:
        """
        Wait until there is a synchronised session, whole or in part.

        Raises:
            RequestTimeoutError: There was none in time.
            NotConnectedError: Nobody is trying to get one.
            IBKRError: Why the last attempt failed, when it was the last.
        """
        limit = (
            nullcontext()
            if deadline_s is None or self._task is None
            else self._timers.limit(self._clock.monotonic() + deadline_s)
        )
        try:
            with limit:
                while self._state not in UP:
                    if self._task is None:
                        raise self._verdict or NotConnectedError("the connection is closed")
                    await self._changed.wait()
        except TimeoutError:
            raise RequestTimeoutError(f"no connection within {deadline_s} s") from None

    async def ride_out(self, at_most_s: float) -> None:
        """
        Wait for the end of a planned outage; return at once when there is none, or no wait.

        Raises:
            NotConnectedError: The connection was not ready again in time; nothing was sent.
        """
        if at_most_s <= 0 or self._outage() is None:
            return
        try:
            with self._timers.limit(self._clock.monotonic() + at_most_s):
                while self._state is not ConnectionState.READY and self._task is not None:
                    await self._changed.wait()
        except TimeoutError:
            raise NotConnectedError(
                f"held for {at_most_s:g} s of a planned outage, which goes on; nothing was sent",
                disposition=SendDisposition.UNSENT,
            ) from None

    def _outage(self) -> Planned | None:
        if self._state in (ConnectionState.READY, ConnectionState.IDLE):
            return None
        return self._outages.planned(self._clock.utcnow())

    async def is_fresh(self) -> bool:
        """Tell whether the gateway is known to live, asking it if it has been silent for long."""
        return self._watch is not None and await self._watch.is_fresh()

    def note(self, event: GatewayNotice | SessionEnded) -> None:
        """Take one event of the session; what says nothing about the connection is ignored."""
        if isinstance(event, SessionEnded):
            if self._watch is not None:
                self._watch.ended(event)
            return
        effect = self._news.hear(event)
        if effect is None:
            return
        if self._watch is not None:
            self._watch.link(effect)
        else:
            # Said while the login was still under way: the watch is told when there is one.
            self._link_was = effect if effect in DOWN else None

    def mistrust(self, part: str) -> None:
        """Read a part of the broker's state again: what was told of it could not be read."""
        if self._watch is not None:
            self._watch.mistrust(part)

    def note_competing(self, *, is_competing: bool) -> None:
        """Take the news that a session elsewhere holds the market data, or no longer does."""
        self._news.compete(is_competing=is_competing)

    def snapshot(self) -> SupervisorSnapshot:
        """Return how the connection stands; only reads, so any thread may ask."""
        watch, now, retry_at = self._watch, self._clock.monotonic(), self._retry_at
        picture = SupervisorSnapshot(
            state=self._state,
            attempt=self._attempt,
            next_attempt_in_s=None if retry_at is None else max(0.0, retry_at - now),
            reconnect_count=max(0, self._sessions - 1),
            farms=self._news.farms,
            last_error=None if self._last_error is None else str(self._last_error),
            login_obstacle=self._login_obstacle,
            is_escalated=self._outages.is_escalated,
            competing_session=self._news.is_competing,
        )
        planned = self._outage()
        if planned is not None:
            picture = replace(picture, planned_outage=planned.window, planned_until=planned.until)
        if watch is None or watch.up_at is None:
            return picture
        rtt_s = watch.heartbeat.round_trip_s
        return replace(
            picture,
            degraded_by=watch.degraded_by,
            connected_since=watch.session.info.connected_since,
            uptime_s=now - watch.up_at,
            last_heartbeat=watch.heartbeat.answered_at,
            heartbeat_rtt_ms=None if rtt_s is None else rtt_s * 1000.0,
        )

    # --- the one task ---------------------------------------------------------------------------

    def _begin(self) -> None:
        self._was_up = False
        self._sessions = self._attempt = 0
        self._ending = self._verdict = None
        self._patience.begin()
        self._advance(SupervisorEvent.START)
        self._task = asyncio.get_running_loop().create_task(self._run(), name="ibkr-supervisor")

    async def _end(self, event: SupervisorEvent) -> None:
        if self._task is not None:
            if self._ending is None:
                # once: another cancellation would interrupt what closes the session
                self._task.cancel()
            if self._ending is not SupervisorEvent.STOP:
                self._ending = event
            await asyncio.wait([self._task])
        elif event is SupervisorEvent.STOP and self._state is not ConnectionState.STOPPED:
            self._advance(event)

    async def _run(self) -> None:
        try:
            await self._keep()
        finally:
            await self._timers.aclose()
            self._task = self._retry_at = None
            if self._ending is not None:
                self._advance(self._ending)
            self._announce()

    async def _keep(self) -> None:
        while True:
            error = await self._one_session()
            if (task := asyncio.current_task()) is not None and task.cancelling():
                # A task group that fails in the turn in which it is cancelled swallows the
                # cancellation (CPython 3.11 and 3.12); the loop must not go on because of it.
                raise asyncio.CancelledError
            self._last_error = error
            wait_s = self._wait_s(error)
            if wait_s is None:
                if self._was_up:
                    self._advance(SupervisorEvent.LOST, error)
                self._verdict = error
                self._advance(SupervisorEvent.GIVE_UP, error)
                return
            self._advance(await self._kind_of_loss(error), error)
            self._retry_at = self._clock.monotonic() + wait_s
            await self._clock.sleep(wait_s)
            self._retry_at = None
            self._advance(SupervisorEvent.RETRY)

    def _wait_s(self, error: Exception) -> float | None:
        """Return the wait before the next attempt; `None` when there shall be none."""
        if self._was_up and not self._timing.reconnect:
            return None
        wait_s = self._patience.wait_s(error)
        goes_on = self._was_up or self._insists
        if not goes_on and not self._patience.is_first_attempt_repeated(error):
            return None
        return wait_s

    async def _kind_of_loss(self, error: Exception) -> SupervisorEvent:
        """Find out why there is no session: planned, for want of a login, or neither."""
        self._login_obstacle = None
        if self._find_obstacle is not None and isinstance(error, _NOBODY_IN):
            self._login_obstacle = await self._find_obstacle()
        if self._login_obstacle is not None:
            return SupervisorEvent.LOGIN
        if self._outages.planned(self._clock.utcnow()) is not None:
            return SupervisorEvent.RESET
        if isinstance(error, AuthenticationError):
            self._login_obstacle = "it greets, and does not let this program in"
            return SupervisorEvent.LOGIN
        return SupervisorEvent.LOST

    async def _one_session(self) -> Exception:
        """Open a session and serve it; return why there is none any more."""
        self._attempt += 1
        self._news.begin()
        self._link_was = None
        try:
            session = await self._open_session()
        except Exception as error:  # noqa: BLE001  # whatever it is, there is no session
            return error
        watch = Watch(
            session,
            parts=self._parts,
            pipeline=self._pipeline,
            clock=self._clock,
            timers=self._timers,
            timing=self._timing,
            tell=self._advance,
            on_beat=self._check_on_outage,
        )
        try:
            self._verify(session.info)
            self._attach(session)
            self._watch = watch
            self._pipeline.reset_breakers()
            self._advance(SupervisorEvent.OPENED)
            self._address.opened()
            self._login_obstacle = None
            if self._link_was is not None:
                watch.link(self._link_was)
            return await watch.run()
        except Exception as error:  # noqa: BLE001  # the same
            return error
        finally:
            self._watch = None
            self._detach()
            if watch.up_at is not None:
                self._patience.lasted(self._clock.monotonic() - watch.up_at)
            await self._close(session)

    async def _close(self, session: S) -> None:
        try:
            with self._timers.limit(self._clock.monotonic() + self._timing.close_s):
                await session.aclose()
        except TimeoutError:
            session.abort("it did not close in time")

    def _advance(self, event: SupervisorEvent, error: Exception | None = None) -> None:
        source, self._state = self._state, advance(self._state, event)
        if self._state in UP and source not in UP:
            # Reached from `syncing`, at the login or when the link came back.
            if self._attempt:
                self._sessions += 1
            self._was_up, self._attempt = True, 0
        change = StateChange(
            event=event,
            source=source,
            target=self._state,
            degraded_by=self._watch.degraded_by if self._watch is not None else (),
            error=error,
            loudness=self._loudness(event),
        )
        write(change, self._address.client_id)
        if self._on_state is not None:
            self._on_state(change)
        self._announce()

    def _loudness(self, event: SupervisorEvent) -> Loudness:
        if self._state is ConnectionState.READY or event is SupervisorEvent.STOP:
            self._outages.over()
        elif (self._was_up or self._insists) and event in _TROUBLE:
            return self._outages.heard(event, self._clock.utcnow())
        return Loudness.QUIET

    def _check_on_outage(self) -> None:
        """A link that stays down tells nothing new: look at the time at each heartbeat."""
        if self._state is not ConnectionState.READY and self._watch is not None:
            event = SupervisorEvent.INCOMPLETE
            if self._outages.heard(event, self._clock.utcnow()) is Loudness.ESCALATION:
                _log.error("the connection has been degraded for long: %s", self._watch.degraded_by)

    def _announce(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
