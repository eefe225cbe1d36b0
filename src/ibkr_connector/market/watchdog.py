"""
The watchdog of the streams: which of them are to be asked for again, and when.

Owns: that a stream which falls silent in an open market is renewed, at most once a minute; that
lines the gateway took away are tried again; and that a login which competes for the data makes one
event and one try a minute, not a storm. It opens and closes nothing itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine
from contextlib import suppress
from typing import Any, Final

from ibkr_connector.clock import Clock
from ibkr_connector.errors import IBKRError
from ibkr_connector.gateway.stream_port import StreamKind, StreamRequest
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.status import FarmState
from ibkr_connector.model.streams import GapReason

from .staleness import RENEW_EVERY_S, is_stale, next_factor
from .subscription import Phase, Subscription

__all__ = ["Watchdog"]

_log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 5.0
"""How often it looks."""

_SERIES: Final = frozenset(
    {StreamKind.TRADES, StreamKind.FIVE_SECONDS, StreamKind.BARS, StreamKind.DEPTH}
)
"""What may have missed something while it was silent; of quotes and scans the newest counts."""

_DETAILS_EVERY_S: Final = 3600.0
"""How often trading hours are asked for that do not reach today."""


class Watchdog:
    """
    Watches streams as long as there are any; all calls on one loop.

    Args:
        streams: Returns the streams there are.
        renew: Asks for one again; its errors are its own.
        spawn: Runs a job beside.
        clock: The one time base.
        resolve: Returns the details of a contract, for trading hours that have run out.
        is_open: Whether a contract's market is open now, in its regular hours or in all of them;
            `None` when its hours do not say.
        stale_after_s: The silence after which a stream of an open market is asked for again.
        data_flow: Told when data come again that another login had.
    """

    def __init__(
        self,
        *,
        streams: Callable[[], Collection[Subscription]],
        renew: Callable[[Subscription], Coroutine[Any, Any, None]],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        clock: Clock,
        resolve: Callable[[Contract], Awaitable[ContractDetails]],
        is_open: Callable[[ContractDetails, bool], bool | None],
        stale_after_s: float,
        data_flow: Callable[[], None],
    ) -> None:
        self._streams = streams
        self._renew = renew
        self._spawn = spawn
        self._clock = clock
        self._resolve = resolve
        self._is_open = is_open
        self._stale_after_s = stale_after_s
        self._data_flow = data_flow
        self._try_at: float | None = None
        self._details_at: dict[StreamRequest, float] = {}
        self._task: asyncio.Task[None] | None = None
        self._farms_broke_at: float | None = None
        self._competes_since = 0.0
        self.is_linked = True

    # --- life -----------------------------------------------------------------------------------

    def wake(self) -> None:
        """Begin to look, unless that is done already."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="ibkr-streams")

    async def _run(self) -> None:
        while self._streams():
            await self._clock.sleep(_LOOK_EVERY_S)
            self.look()

    async def aclose(self) -> None:
        """Look no more; idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    # --- another login --------------------------------------------------------------------------

    @property
    def is_competing(self) -> bool:
        """Whether another login of the same user has the data."""
        return self._try_at is not None

    def compete(self, one: Subscription) -> None:
        """The gateway said that this stream's data go to another login."""
        one.begin_gap(GapReason.COMPETING_SESSION)
        one.is_contested = True
        if self._try_at is None:
            self._competes_since = self._clock.monotonic()
            self._try_at = self._competes_since + RENEW_EVERY_S
            _log.warning("another session of the same user has the market data")

    def compete_no_more(self) -> None:
        """Data come again, or there is no stream left that waits for them."""
        if self._try_at is not None:
            self._try_at = None
            self._suspect_since(self._competes_since)
            _log.info("the market data are ours again")
            self._data_flow()

    def left(self, request: StreamRequest) -> None:
        """A stream is gone."""
        self._details_at.pop(request, None)
        if not any(one.is_contested for one in self._streams()):
            self.compete_no_more()

    # --- data farms -----------------------------------------------------------------------------

    def note_farm(self, state: FarmState) -> None:
        """
        The gateway said how a data farm is; which streams it feeds, it never says.

        A stream that was silent meanwhile may have missed something: what comes next tells.
        """
        if state is FarmState.BROKEN:
            self._farms_broke_at = self._farms_broke_at or self._clock.monotonic()
        elif state is FarmState.OK and (broke_at := self._farms_broke_at) is not None:
            self._farms_broke_at = None
            self._suspect_since(broke_at)

    def _suspect_since(self, moment: float) -> None:
        for one in self._streams():
            if one.request.kind in _SERIES and one.phase is Phase.LIVE and one.heard_at <= moment:
                one.suspect()

    # --- looking --------------------------------------------------------------------------------

    def look(self) -> None:
        """Look at every stream once, and ask again for those that need it."""
        now = self._clock.monotonic()
        if self._try_at is not None:
            if now >= self._try_at:
                self._try_at = now + RENEW_EVERY_S
                self._try_one()
            return
        for one in tuple(self._streams()):
            if one.phase is Phase.LOST:
                if one.retry_at is not None and now >= one.retry_at:
                    one.retry_at = now + RENEW_EVERY_S
                    self._spawn(self._renew(one))
            elif one.phase is Phase.LIVE and self.is_linked:
                self._look_at(one, now)

    def _look_at(self, one: Subscription, now: float) -> None:
        silent_s, own_s = now - one.heard_at, one.deadline_s
        stale = is_stale(
            one.request.kind,
            silent_s=silent_s,
            since_asked_s=now - one.asked_at,
            limit_s=self._stale_after_s,
            factor=one.patience_factor,
            own_s=own_s,
        )
        is_late = own_s is not None and silent_s >= own_s
        if not (stale or is_late) or not self._is_session(one, now):
            return
        if is_late:
            one.tell_silence(silent_s)
        if stale:
            if one.is_quiet_since_asked:
                one.patience_factor = next_factor(one.patience_factor)
            one.suspect()
            kind, about = one.request.kind, one.request.about
            _log.info("%s of %s: nothing for %.0f s", kind, about, now - one.heard_at)
            self._spawn(self._renew(one))

    def _try_one(self) -> None:
        waiting = (one for one in self._streams() if one.gap is not None)
        one = min(waiting, key=lambda candidate: candidate.asked_at, default=None)
        if one is not None:
            self._spawn(self._renew(one))

    def _is_session(self, one: Subscription, now: float) -> bool:
        verdict = self._is_open(one.details, one.request.regular_hours_only)
        if verdict is None and now >= self._details_at.get(one.request, 0.0):
            self._details_at[one.request] = now + _DETAILS_EVERY_S
            self._spawn(self._look_up_hours(one))
        return verdict is True

    async def _look_up_hours(self, one: Subscription) -> None:
        with suppress(IBKRError):
            one.details = await self._resolve(one.request.contract)
