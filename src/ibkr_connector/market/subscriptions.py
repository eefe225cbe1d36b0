"""
The registry of streams: what it says is open is what the gateway has been asked for.

Owns: that a stream costs one line however many readers it has, and none when the last has left;
and that every one is asked for again where it was lost, under pacing and only there. When a silent
one is asked for again is for `watchdog` to say; readers are told of gaps by `Subscription`; what
comes is read by `content`. All calls on one loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ibkr_connector.clock import Clock
from ibkr_connector.codes import (
    LinkEffect,
    StreamEffect,
    farm_effect,
    link_effect,
    pacing_effect,
)
from ibkr_connector.errors import (
    IBKRError,
    MarketDataError,
    MarketDataPermissionError,
    NotConnectedError,
    PacingError,
)
from ibkr_connector.gateway.port import GatewayEvent, GatewayNotice, SessionEnded
from ibkr_connector.gateway.stream_port import (
    StreamFault,
    StreamGateway,
    StreamKind,
    StreamLine,
    StreamRequest,
)
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.market import DataType, Quote
from ibkr_connector.model.streams import GapReason, StreamState
from ibkr_connector.resilience.operation import ENDPOINTS, EndpointPolicy, Operation
from ibkr_connector.resilience.pipeline import Pipeline
from ibkr_connector.resilience.single_flight import SingleFlight

from .book import BrokenBook
from .consumers import Consumer
from .lines import Lines, history_of, policy_of, pool_of
from .restoring import restore_all
from .staleness import RENEW_EVERY_S
from .subscription import Phase, Subscription
from .totals import StreamTotals
from .watchdog import Watchdog

__all__ = ["Subscriptions"]

_log = logging.getLogger(__name__)


class Subscriptions:
    """
    Keeps the lines of all streams.

    Args:
        gateway: Opens lines.
        pipeline: Paces what is written.
        clock: The one time base.
        lines: Counts lines against what the login may have.
        resolve: Returns the details of a contract, for trading hours that have run out.
        is_open: Whether a contract's market is open now; `None` when its hours do not say.
        stale_after_s: The silence after which a stream of an open market is asked for again.
        data_flow: Told when data come again that another login of the same user had.
    """

    def __init__(
        self,
        *,
        gateway: StreamGateway,
        pipeline: Pipeline,
        clock: Clock,
        lines: Lines,
        resolve: Callable[[Contract], Awaitable[ContractDetails]],
        is_open: Callable[[ContractDetails, bool], bool | None],
        stale_after_s: float,
        data_flow: Callable[[], None] = lambda: None,
    ) -> None:
        self._gateway = gateway
        self._pipeline = pipeline
        self._clock = clock
        self._lines = lines
        self._subscriptions: dict[StreamRequest, Subscription] = {}
        self.totals = StreamTotals(self._subscriptions.values)
        self._flights = SingleFlight()
        self._jobs: set[asyncio.Task[None]] = set()
        self._closed = False
        self._watchdog = Watchdog(
            streams=self._subscriptions.values,
            renew=self._renew_quietly,
            spawn=self._spawn,
            clock=clock,
            resolve=resolve,
            is_open=is_open,
            stale_after_s=stale_after_s,
            data_flow=data_flow,
        )

    # --- reading --------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._subscriptions)

    @property
    def is_competing(self) -> bool:
        """Whether another login of the same user has the data."""
        return self._watchdog.is_competing

    @property
    def lost_count(self) -> int:
        """How many lines must be asked for again; only reads, so any thread may ask."""
        return sum(one.phase is Phase.LOST for one in tuple(self._subscriptions.values()))

    def states(self, *, only_silent: bool = False) -> tuple[StreamState, ...]:
        """Return how each line stands, or each that brings nothing although it should."""
        lines = self._subscriptions.values()
        return tuple(one.state() for one in lines if one.is_silent or not only_silent)

    def newest(self, contract: Contract) -> Quote | None:
        """Return the newest quote of a stream that is whole; `None` when there is none."""
        for one in self._subscriptions.values():
            if (
                one.request.kind is StreamKind.QUOTES
                and one.request.contract == contract
                and one.phase is Phase.LIVE
                and one.gap is None
            ):
                return one.newest_quote
        return None

    # --- readers --------------------------------------------------------------------------------

    async def join(
        self, request: StreamRequest, details: ContractDetails, consumer: Consumer
    ) -> None:
        """
        Give a reader what a line brings, opening it when he is the first.

        Raises:
            MarketDataPermissionError: No line is free.
            NotConnectedError: There is no session; nothing is left behind.
            IBKRError: The request could not be written.
        """
        if self._closed:
            raise NotConnectedError("the connector has been closed")
        one = self._subscriptions.get(request)
        if one is None:
            one = Subscription(
                request,
                details,
                clock=self._clock,
                on_fault=self._on_fault,
                on_broken=self._on_broken,
                on_heard=self._watchdog.compete_no_more,
                is_linked=lambda: self._watchdog.is_linked,
                is_competing=lambda: self._watchdog.is_competing,
                totals=self.totals.of(request.kind),
            )
            self._count(one)
            self._subscriptions[request] = one
            self._watchdog.wake()
        one.add(consumer)
        try:
            if one.phase is Phase.OPENING:
                await self._ask(one)
        except BaseException:
            self._remove(one, consumer)
            raise

    def leave(self, request: StreamRequest, consumer: Consumer) -> None:
        """Let a reader go; the line is called off with the last. Idempotent, and never waits."""
        consumer.box.close()
        one = self._subscriptions.get(request)
        if one is not None:
            self._remove(one, consumer)

    def _remove(self, one: Subscription, consumer: Consumer) -> None:
        one.remove(consumer)
        if not one.consumers:
            self._drop(one)

    def _drop(self, one: Subscription) -> None:
        if self._subscriptions.get(one.request) is not one:
            return
        del self._subscriptions[one.request]
        self._give_back(one)
        line, one.line = one.line, None
        if line is not None and line.is_open:
            self._spawn(self._call_off(line))
        self._watchdog.left(one.request)

    async def _call_off(self, line: StreamLine) -> None:
        async def turn() -> None:
            line.close()

        try:
            await self._pipeline.run(Operation(policy=ENDPOINTS["unsubscribe"], call=turn))
        except IBKRError as error:
            _log.info("a stream was called off ahead of its turn: %s", error)
        finally:
            # a line that stays open is paid for
            line.close()

    # --- asking ---------------------------------------------------------------------------------

    async def _ask(self, one: Subscription) -> None:
        """Ask for a line; concurrent calls for the same one share it."""
        await self._flights.run(id(one), lambda: self._ask_once(one))

    async def _ask_once(self, one: Subscription) -> None:
        if not one.consumers:
            return
        one.close_line()
        self._count(one)
        opened: list[StreamLine] = []
        before = one.phase

        async def write() -> None:
            if not one.consumers:
                return  # the last has left while it waited for its turn
            # read here, after the wait for a turn: a refusal may have changed it meanwhile
            one.restart()
            opened.append(self._gateway.open_stream(one.asked, one))
            # what it brings may come before whoever asked goes on
            one.opened(opened[-1])
            if one.phase is Phase.LIVE and self._watchdog.is_linked and not self.is_competing:
                one.end_gap()

        try:
            await self._pipeline.run(
                Operation(
                    policy=self._policy(one),
                    call=write,
                    history=history_of(one.asked),
                    subject=one.request.contract.con_id,
                )
            )
        except BaseException:
            for made in opened:
                made.close()
            one.phase = before
            raise
        if one.consumers and one.phase is Phase.LOST:
            # the session ended in the very moment in which it was written
            one.begin_gap(GapReason.CONNECTION_LOST)
            one.retry_at = self._clock.monotonic()

    def _count(self, one: Subscription) -> None:
        if not one.holds_line and (pool := pool_of(one.request)) is not None:
            self._lines.take(one.request, pool=pool)
            one.holds_line = True

    def _give_back(self, one: Subscription) -> None:
        if one.holds_line and (pool := pool_of(one.request)) is not None:
            one.holds_line = False
            self._lines.give_back(one.request, pool=pool)

    def _policy(self, one: Subscription) -> EndpointPolicy:
        needs_type = False
        with suppress(NotConnectedError):
            needs_type = self._gateway.needs_data_type(one.asked)
        return policy_of(one.asked, is_new=one.phase is Phase.OPENING, needs_data_type=needs_type)

    async def _renew(self, one: Subscription) -> None:
        """Ask again for a line that was lost or fell silent."""
        one.renewals += 1
        one.asked_at = self._clock.monotonic()
        try:
            await self._ask(one)
        except IBKRError as error:
            one.phase = Phase.LOST
            one.retry_at = self._clock.monotonic() + RENEW_EVERY_S
            _log.warning("%s of %s could not be renewed: %s", *one.named, error)
            raise

    async def _renew_quietly(self, one: Subscription) -> None:
        with suppress(IBKRError):
            await self._renew(one)

    async def restore(self) -> None:
        """
        Ask for every line that is lost now.

        Raises:
            IBKRError: Why some could not be; those are tried again every minute.
        """
        lost = [one for one in self._subscriptions.values() if one.phase is Phase.LOST]
        for one in lost:
            # a subscription that is missing now may have come since
            one.asked = one.request
        await restore_all(lost, self._renew)

    # --- what happens ---------------------------------------------------------------------------

    def note(self, event: GatewayEvent) -> None:
        """Take one event of the session; those of others are ignored."""
        if isinstance(event, SessionEnded):
            self._watchdog.is_linked = True
            self._lose(GapReason.CONNECTION_LOST)
            return
        if not isinstance(event, GatewayNotice):
            return
        effect = link_effect(event.code)
        if effect in (LinkEffect.DOWN, LinkEffect.DOWN_QUIETLY):
            self._watchdog.is_linked = False
            for one in self._subscriptions.values():
                one.begin_gap(GapReason.LINK_DOWN)
        elif effect is LinkEffect.DATA_LOST:
            self._watchdog.is_linked = True
            self._lose(GapReason.LINK_DOWN)
        elif effect is LinkEffect.DATA_KEPT:
            self.link_is_up()
        elif (farm := farm_effect(event.code)) is not None:
            self._watchdog.note_farm(farm)

    def link_is_up(self) -> None:
        """The gateway has its link to IB, and the streams that were not lost go on; idempotent."""
        if not self._watchdog.is_linked:
            self._watchdog.is_linked = True
            for one in self._subscriptions.values():
                if one.phase is Phase.LIVE:
                    one.end_gap()
                    if one.is_contested and self.is_competing:
                        one.begin_gap(GapReason.COMPETING_SESSION)

    def _lose(self, reason: GapReason) -> None:
        for one in self._subscriptions.values():
            if one.phase is Phase.LIVE:
                one.phase = Phase.LOST
            one.begin_gap(reason)
            one.is_contested = False
        self._watchdog.compete_no_more()

    def _on_fault(self, one: Subscription, fault: StreamFault) -> None:
        if self._subscriptions.get(one.request) is not one:
            return
        if effect := pacing_effect(fault.code, fault.text):
            self._pipeline.hear(effect)
        match fault.effect:
            case StreamEffect.RESET:
                one.restart()
                one.tell_whole_gap(GapReason.RESET)
            case StreamEffect.COMPETING:
                self._watchdog.compete(one)
            case StreamEffect.RENEW:
                one.begin_gap(GapReason.DEACTIVATED)
                self._lost_line(one, soon=one.has_data)
            case StreamEffect.NO_LINE:
                self._give_back(one)
                if (pool := pool_of(one.request)) is not None:
                    self._lines.refused(pool=pool)
                if one.has_data:
                    self._lost_line(one, soon=False)
                else:
                    self._end(one, fault.error)
            case _ if fault.error is not None:
                self._refused(one, fault.error, depends=fault.depends)

    def _refused(self, one: Subscription, error: IBKRError, *, depends: bool) -> None:
        permission = isinstance(error, MarketDataPermissionError)
        if permission and not one.is_quiet_since_asked:
            # part of it is not subscribed, and the rest comes
            _log.info("%s of %s goes on: %s", *one.named, error)
        elif permission and depends and one.asked.data_type >= DataType.DELAYED:
            # "delayed data is available" is no end for whoever asked for delayed data
            one.refusal = error
        elif permission and self._falls_back(one, error):
            self._spawn(self._renew_quietly(one))
        elif (one.has_data or one.renewals) and isinstance(error, PacingError):
            one.begin_gap(GapReason.DEACTIVATED)
            self._lost_line(one, soon=False)
        else:
            self._end(one, error)

    def _falls_back(self, one: Subscription, error: IBKRError) -> bool:
        """Go on with delayed quotes for the readers whom they will do; the others are told."""
        if one.request.kind is not StreamKind.QUOTES or one.asked.data_type >= DataType.DELAYED:
            return False
        for consumer in [reader for reader in one.consumers if not reader.takes_delayed]:
            consumer.box.close(error)
            one.remove(consumer)
        if not one.consumers:
            self._drop(one)
            return True
        one.refusal = error
        one.asked = replace(one.request, data_type=DataType.DELAYED)
        return True

    def _end(self, one: Subscription, error: IBKRError | None) -> None:
        reason = one.refusal or error or MarketDataError("the gateway has ended the stream")
        one.fail(reason)
        self._drop(one)

    def _lost_line(self, one: Subscription, *, soon: bool) -> None:
        """The gateway has ended a line: ask again now, unless that was done a moment ago."""
        now = self._clock.monotonic()
        one.phase = Phase.LOST
        if soon and (not one.renewals or now - one.asked_at >= RENEW_EVERY_S):
            self._spawn(self._renew_quietly(one))
        else:
            one.retry_at = max(now, one.asked_at) + RENEW_EVERY_S

    def _on_broken(self, one: Subscription, broken: BrokenBook) -> None:
        _log.warning("%s of %s does not fit any more: %s", *one.named, broken)
        one.restart()
        one.begin_gap(GapReason.BROKEN_BOOK)
        one.close_line()
        self._lost_line(one, soon=True)

    # --- ending ---------------------------------------------------------------------------------

    async def aclose(self) -> None:
        """End every stream behind what still waits for its reader; idempotent."""
        self._closed = True
        for one in tuple(self._subscriptions.values()):
            consumers, one.consumers = one.consumers, []
            for consumer in consumers:
                consumer.box.close()
            self._drop(one)
        await self._watchdog.aclose()
        jobs = tuple(self._jobs)
        for job in jobs:
            job.cancel()
        if jobs:
            await asyncio.wait(jobs)
        await self._flights.aclose()

    def _spawn(self, job: Coroutine[Any, Any, None]) -> None:
        if self._closed:
            job.close()
            return
        task = asyncio.get_running_loop().create_task(job)
        self._jobs.add(task)
        task.add_done_callback(self._job_ended)

    def _job_ended(self, task: asyncio.Task[None]) -> None:
        self._jobs.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a job of the streams ended by an error of ours", exc_info=error)
