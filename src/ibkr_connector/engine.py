"""
The assembly: every part is made here, wired to its siblings here, and closed here in order.

One loop owns all of it, so nothing below takes a lock. Commands enter through the desks; events
enter through `_on_event`, the one sink that sessions are given. Parts that must not know each other
(the account's figures and the price of an order, say) meet here and nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

from .account.desk import AccountDesk, choose_account
from .account.keeper import AccountKeeper
from .alarms.accounts import AccountSource
from .alarms.build import alarms_of, open_services, owner_of
from .alarms.conditions import Beside
from .alarms.desk import Sources
from .alarms.records import AlertRecords
from .clock import Clock, SystemClock
from .codes import pacing_effect
from .data_pool import DataPool
from .derivatives.futures import FuturesDesk
from .derivatives.options import OptionsDesk
from .errors import IBKRError, NotConnectedError, ReadOnlyError
from .gateway.capabilities import capabilities_of
from .gateway.capture import Capture, Captured
from .gateway.everyone import cancel_everyone
from .gateway.link import GatewayLink
from .gateway.port import (
    CommissionReported,
    Execution,
    FiguresTold,
    GatewayEvent,
    GatewayNotice,
    HoldingsTold,
    MessageUnreadable,
    OpenOrderSeen,
    OrderStatusSeen,
    PortfolioRow,
    PositionRow,
    SessionEnded,
    SessionInfo,
)
from .gateway.session import Session
from .gateway.unreadable import Unreadables
from .instruments.catalogue import Catalogue
from .instruments.registry import Registry
from .instruments.resolver import Resolver
from .market.bar_store import BarStore
from .market.desk import MarketDesk
from .market.history import HistoryDesk, HistoryWish
from .market.past import Past
from .market.past_ticks import PastTickDesk
from .market.research import ResearchDesk
from .market.streaming import Streaming
from .market.subscriptions import Subscriptions
from .model.account import AccountSummary, Position
from .model.capabilities import Capabilities
from .model.contracts import Contract
from .model.market import BarSeries, DataType
from .model.status import CONNECTED, ConnectionState, ConnectionStatus, DriftStatus
from .observe.services import Service
from .orders.closing import Closing
from .orders.desk import DeskTiming, OrdersDesk
from .orders.drift_watch import DriftWatch
from .orders.equity_store import EquityStore
from .orders.everyone import Everyone
from .orders.guard import Guard
from .orders.journal import Journal
from .orders.kill_switch import KillSwitch
from .orders.paid_in import take_paid_in
from .orders.price_steps import PriceSteps
from .orders.risk.equity import EquityMarks
from .orders.rule_book import RuleBook
from .orders.sizing import SizingBasis, basis_of
from .orders.vouchers import Vouchers
from .resilience.asking import Asking
from .resilience.operation import ENDPOINTS, Operation
from .resilience.pipeline import Pipeline
from .rule_facts import RuleFacts
from .settings import Settings, check_accounts
from .supervisor import StateChange, Supervisor, SyncCause, SyncPart
from .tuning import (
    address_of,
    database_place,
    history_place,
    journal_place,
    launcher_of,
    outages_of,
    pipeline_tuning,
    supervisor_timing,
)
from .warming import warm_up

__all__ = ["Engine"]

T = TypeVar("T")

_WITHOUT_DATA: Final = frozenset({SyncCause.CONNECTED, SyncCause.DATA_LOST})
_OF_THE_DESK: Final = frozenset({OrderStatusSeen, OpenOrderSeen})
"""What the orders desk alone listens to, and most of what is said while there are orders."""

_OF_ACCOUNTS: Final = frozenset({CommissionReported, PositionRow, PortfolioRow, HoldingsTold})
"""What comes with a fill, and is of no use to streams, the supervisor and alerts."""

_POSITIONS: Final = "positions"
_NOT_YET: Final = "the connection has not been synchronised with the broker yet"
_LINK_DOWN: Final = "the gateway has lost its link to the broker"
BROKER_LINK: Final = "broker link"
"""What the supervisor calls the link between gateway and IB when it is what is missing."""


class Engine:
    """All parts of one connector, on one loop."""

    def __init__(
        self,
        settings: Settings,
        *,
        journal: Journal,
        clock: Clock,
        services: Mapping[str, Service] | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self.journal = self._journal = journal
        self._closing: asyncio.Task[None] | None = None
        self._drift: DriftWatch | None = None
        self._warming: asyncio.Task[None] | None = None
        self._api_is_readonly = False
        self._link = GatewayLink(is_fresh=lambda: self._supervisor.is_fresh())
        self.pipeline = self._pipeline = Pipeline(clock=clock, tuning=pipeline_tuning(settings))
        self.registry = Registry(
            database_place(settings), clock=clock, max_age_s=settings.instruments_max_age_s
        )
        self.instruments = Resolver(
            gateway=self._link, pipeline=self._pipeline, clock=clock, memory=self.registry
        )
        self.catalogue = Catalogue(
            resolver=self.instruments, ask=self.request, registry=self.registry, clock=clock
        )
        self._capture = Capture(clock)
        self._unreadable = Unreadables(now=clock.utcnow, accounts=lambda: self.accounts)
        self._pool = DataPool(
            settings,
            clock=clock,
            main=self._link,
            pipeline=self._pipeline,
            verify=self._verify,
            capture=self._capture,
            stream_events=lambda event: self.streams.note(event),
            unreadable=self._unreadable.note,
            stream_parts=(self._stream_part(),),
        )
        self.streams = Subscriptions(
            gateway=self._pool.stream_link,
            pipeline=self._pool.stream_pipeline,
            clock=clock,
            lines=self._pipeline.lines,
            resolve=self.instruments.resolve,
            is_open=lambda details, regular: self._facts.is_open(details, extended=not regular),
            stale_after_s=settings.stream_stale_after_s,
            data_flow=lambda: self._supervisor.note_competing(is_competing=False),
        )
        self.streaming = Streaming(
            self.streams,
            resolve=self.instruments.resolve,
            data_type=DataType[settings.market_data_type.upper()],
            delayed_fallback=settings.delayed_fallback,
        )
        self.market = MarketDesk(
            gateway=self._pool,
            pipeline=self._pool,
            resolve=self.instruments.resolve,
            data_type=DataType[settings.market_data_type.upper()],
            delayed_fallback=settings.delayed_fallback,
            lines=self._pipeline.lines,
            followed=self.streams.newest,
            clock=clock,
        )
        asking = Asking(
            gateway=self._pool,
            pipeline=self._pool,
            clock=clock,
            resolve=self.instruments.resolve,
        )
        self.options = OptionsDesk(
            asking=asking,
            lines=self._pipeline.lines,
            followed=self.streams.newest,
            data_type=DataType[settings.market_data_type.upper()],
            delayed_fallback=settings.delayed_fallback,
        )
        self.futures = FuturesDesk(asking=asking, bars=self.market.bars)
        past = Past(asking)
        self.past_ticks = PastTickDesk(asking, past=past)
        self.research = ResearchDesk(asking)
        self.history = HistoryDesk(
            gateway=self._pool,
            past=past,
            pipeline=self._pool,
            clock=clock,
            resolve=self.instruments.resolve,
            ready=lambda at_most_s: self._supervisor.wait_ready(at_most_s),
            store=BarStore(history_place(settings)),
        )
        self.account = AccountDesk(
            gateway=self._link,
            pipeline=self._pipeline,
            clock=clock,
            accounts=lambda: self.accounts,
            preset=settings.account_id,
            resolve=self.instruments.resolve,
        )
        self._link.on_executions = self.account.take_executions
        self.keeper = AccountKeeper(
            self.account,
            work=self.registry.work,
            is_open=lambda: self.registry.is_open,
            clock=clock,
            distance_s=settings.account_history_s,
            keep_days=settings.account_history_days,
        )
        self.account.on_touched = self.keeper.touch
        self.rules = RuleBook(settings)
        self.equity = EquityStore(settings.state_dir, clock=clock)
        kill = KillSwitch(settings.state_dir, clock=clock, by_setting=settings.kill_switch)
        self._facts = RuleFacts(
            self.market,
            self.account,
            equity=self.equity,
            rules=self.rules,
            clock=clock,
            request=lambda call: self.request("shortable", call, policy="quote"),
            is_block=lambda execution: self.orders.is_block(execution),
        )
        self.orders = OrdersDesk(
            gateway=self._link,
            pipeline=self._pipeline,
            journal=journal,
            clock=clock,
            resolve=self.instruments.resolve,
            limits=self.rules,
            facts=self._facts,
            kill=kill.state,
            steps=PriceSteps(self.catalogue.bands, clock).of,
            advisors=self.account.advisor,
            accounts=lambda: self.accounts,
            account=settings.account_id,
            readonly=settings.readonly,
            ack_timeout_s=settings.order_ack_timeout_s,
            fill_timeout_s=settings.order_fill_timeout_s,
            vouchers=Vouchers(
                clock=clock, ttl_s=settings.preview_ttl_s, required=settings.require_preview
            ),
            timing=DeskTiming(keep_closed_s=settings.keep_closed_orders_s),
        )
        feed = self.orders.feed
        self.rules.on_change = lambda status: feed.publish(status.event(clock.utcnow()))
        self.closing = Closing(
            desk=self.orders,
            clock=clock,
            resolve=self.instruments.resolve,
            positions=self._facts.settled_positions,
            timeout_s=settings.order_ack_timeout_s,
        )
        self.guard = Guard(
            desk=self.orders,
            rules=self.rules,
            kill=kill,
            clock=clock,
            positions=self._settled_positions,
            resolve=self.instruments.resolve,
            everyone=Everyone(
                send=self._cancel_everyone,
                gateway=self._link,
                pipeline=self._pipeline,
                clock=clock,
            ),
            look=self._take_paid_in,
            is_ready=self._takes_orders,
            accounts=lambda: self.accounts,
            readonly=settings.readonly,
        )
        self._address = address_of(settings, may_change_id=lambda: not self.orders.open_count)
        self._supervisor: Supervisor[Session] = Supervisor(
            open_session=self._open_session,
            attach=self._link.attach,
            detach=self._link.detach,
            verify=self._verify,
            parts=self._sync_parts(),
            pipeline=self._pipeline,
            clock=clock,
            timing=supervisor_timing(settings),
            address=self._address,
            outages=outages_of(settings),
            login_obstacle=launcher_of(settings).login_obstacle,
            on_state=self._on_state,
        )

        self._watched = AccountSource(
            settings.alerts,
            desk=self.account,
            equity=self.equity,
            accounts=lambda: self.accounts,
            directory=settings.state_dir,
            clock=clock,
        )
        self.alarms = alarms_of(
            settings,
            services=services or {},
            run=self.registry.work,
            sources=Sources(
                status=self.status,
                beside=self._beside,
                accounts=self._watched.look,
                heard=self._watched.heard,
            ),
            kill=kill,
            clock=clock,
        )
        self.alert_records = AlertRecords(self.registry.work, owner_of(settings))
        self.orders.feed.watchers.append(self.alarms.on_order)
        self._pipeline.hooks.add(self.alarms.on_pipeline, calls=False)

    @classmethod
    async def open(cls, settings: Settings, *, clock: Clock | None = None) -> Engine:
        """
        Open the journal and make the parts; nothing is sent yet.

        Raises:
            ConfigurationError: Another process uses the same journal, or it cannot be written.
        """
        clock = clock or SystemClock()
        services = await open_services(settings)
        journal = await Journal.open(journal_place(settings), clock=clock)
        try:
            engine = cls(settings, journal=journal, clock=clock, services=services)
        except BaseException:
            await journal.aclose()
            raise
        try:
            await engine.orders.open()
            await engine.guard.start()
            await engine.alarms.start()
        except BaseException:
            await engine.aclose()
            raise
        return engine

    async def connect(self) -> None:
        """Make the first connection; the supervisor keeps it from then on."""
        await self._supervisor.start()
        self._pool.start()
        self._drift = self._drift or self.orders.watch_drift(self._link.positions)
        if self._warming is None:
            later = warm_up(self._clock, readonly=self._settings.readonly)
            self._warming = asyncio.create_task(later, name="ibkr-warm-up")

    async def wait_ready(self, timeout_s: float | None) -> None:
        """Wait until the supervisor says ready."""
        await self._supervisor.wait_ready(timeout_s)

    async def aclose(self) -> None:
        """Close everything, in order; a caller that is cancelled does not stop it half way."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="ibkr-close")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        # what fails to close must not leave the rest open: the journal is locked, the id is taken
        async with AsyncExitStack() as parts:
            if self._capture.is_on:
                parts.push_async_callback(self.stop_capture)
            if self._warming is not None:
                parts.push_async_callback(asyncio.wait, [self._warming])
                parts.callback(self._warming.cancel)
            parts.push_async_callback(self._journal.aclose)
            parts.push_async_callback(self.registry.aclose)
            parts.push_async_callback(self._pipeline.aclose)
            parts.push_async_callback(self.account.aclose)
            parts.push_async_callback(self.keeper.aclose)
            parts.push_async_callback(self.orders.aclose)
            parts.push_async_callback(self._supervisor.stop)
            parts.push_async_callback(self._pool.aclose)
            parts.push_async_callback(self.streams.aclose)
            parts.push_async_callback(self.guard.aclose)
            parts.callback(self._watched.close)
            parts.push_async_callback(self.alarms.aclose)

    # --- reading --------------------------------------------------------------------------------

    @property
    def is_supervised(self) -> bool:
        """Whether a first connection was made and is being kept."""
        return self._supervisor.is_kept

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts of the login; empty without a session."""
        session = self._link.session
        return session.info.accounts if session is not None else ()

    @property
    def is_connected(self) -> bool:
        """Whether a logged-in session exists; costs less than the whole picture."""
        return self._supervisor.state in CONNECTED

    def status(self) -> ConnectionStatus:
        """Take a picture of the connection; safe from any thread, since it only reads."""
        settings, seen = self._settings, self._supervisor.snapshot()
        session = self._link.session
        return ConnectionStatus(
            state=seen.state,
            profile=settings.profile,
            host=settings.host,
            port=self._address.port,
            client_id=self._address.client_id,
            mode=settings.mode,
            readonly=settings.readonly,
            accounts=self.accounts,
            server_version=session.info.server_version if session is not None else None,
            connected_since=seen.connected_since,
            uptime_s=seen.uptime_s,
            last_heartbeat=seen.last_heartbeat,
            heartbeat_rtt_ms=seen.heartbeat_rtt_ms,
            reconnect_count=seen.reconnect_count,
            attempt=seen.attempt,
            next_attempt_in_s=seen.next_attempt_in_s,
            degraded_by=seen.degraded_by,
            farms=seen.farms,
            breakers=self._pipeline.breaker_states(),
            circuits=self._pipeline.circuits(),
            open_orders=self.orders.open_count,
            last_error=seen.last_error,
            rules=self.rules.status.sentence,
            halted_by=(*self.orders.halted_by, *self.equity.halts),
            kill_switch=self.guard.kill_sentence,
            uncertain_orders=self.orders.uncertain_count,
            attention=self.orders.lost_exits.sentences,
            drift=DriftStatus() if self._drift is None else self._drift.status,
            planned_outage=seen.planned_outage,
            planned_until=seen.planned_until,
            login_obstacle=seen.login_obstacle,
            is_escalated=seen.is_escalated,
            competing_session=seen.competing_session or self.streams.is_competing,
            data_connections=self._pool.states(),
            streams_lost=self.streams.lost_count,
            unreadable_count=self._unreadable.count,
            unreadable=self._unreadable.newest,
        )

    def start_capture(self, path: Path) -> None:
        """Write every message from now on, with the logins of the sessions that are open."""
        self._capture.start(path)

    async def stop_capture(self) -> Captured:
        """Write no more, and return what was written when it is on the disk."""
        return await asyncio.to_thread(self._capture.stop())

    def capabilities(self) -> Capabilities:
        """Return what the connection can do."""
        session = self._link.session
        if session is None:
            raise NotConnectedError("what a gateway can do is known when it is connected")
        return capabilities_of(
            session.info.server_version,
            readonly=self._settings.readonly,
            api_is_readonly=self._api_is_readonly,
        )

    def summary(self, account: str | None) -> AccountSummary:
        """Return the figures of one account from the cache."""
        self._need_session()
        return self.account.summary(
            choose_account(account, self._settings.account_id, self.accounts)
        )

    def positions(self, account: str | None) -> tuple[Position, ...]:
        """Return the positions of one account, or of all, from the cache."""
        self._need_session()
        named = account or self._settings.account_id
        wanted = choose_account(named, None, self.accounts) if named is not None else None
        return self.account.positions(wanted)

    async def bars(self, wish: HistoryWish) -> BarSeries:
        """Fetch bars: with one request where that is enough."""
        if self.history.is_long(wish):
            return (await self.history.download(replace(wish, check=False))).series
        return await self.market.bars(
            wish.contract,
            duration=wish.duration,
            bar_size=wish.bar_size,
            what_to_show=wish.what_to_show,
            end=wish.end,
            regular_hours_only=wish.regular_hours_only,
        )

    async def sizing_basis(self, description: Contract | str, account: str | None) -> SizingBasis:
        """Return what the size of a position in a contract is made of."""
        self._need_session()
        details = await self.instruments.resolve(description)
        contract = details.contract
        chosen = choose_account(account, self._settings.account_id, self.accounts)
        return basis_of(
            details,
            self.rules.limits_for(contract, chosen),
            equity=self.account.summary(chosen).total_value,
            rate=self.account.view.exchange_rate(chosen, contract.currency),
        )

    def adjust_equity(
        self, amount: object, account: str | None, arrived: datetime | None = None, *, key: str = ""
    ) -> EquityMarks | None:
        """Take in that money was paid in or out of an account."""
        self._need_session()
        chosen = choose_account(account, self._settings.account_id, self.accounts)
        marks = self._facts.adjust(chosen, amount, arrived=arrived, key=key)
        self.keeper.note_flow(chosen, Decimal(str(amount)), arrived=arrived, key=key)
        return marks

    def reset_breaker(self, name: str) -> None:
        """Close a circuit by hand, that of the connections for data too."""
        for pipeline in {self._pipeline, self._pool.stream_pipeline}:
            pipeline.reset_breaker(name)

    # --- calls that only the engine can make ----------------------------------------------------

    async def request(
        self, name: str, call: Callable[[Any], Awaitable[T]], *, policy: str = "request"
    ) -> T:
        """Run any ib_async call through the pipeline; never repeated."""
        try:
            return await self._pipeline.run(
                Operation(
                    policy=ENDPOINTS[policy],
                    call=lambda: self._link.request(call),
                )
            )
        except IBKRError as error:
            error.add_note(f"in request {name!r}")
            raise

    async def ride_out(self) -> None:
        """
        Wait for the end of a planned outage, as long as the settings let orders be held for it.

        Raises:
            NotConnectedError: It lasted longer; nothing was written down or sent.
        """
        await self._supervisor.ride_out(self._settings.hold_orders_s)

    # --- wiring ---------------------------------------------------------------------------------

    async def _open_session(self) -> Session:
        settings = self._settings
        return await Session.open(
            host=settings.host,
            port=self._address.port,
            client_id=self._address.client_id,
            clock=self._clock,
            sink=self._on_event,
            connect_timeout_s=settings.connect_timeout_s,
            request_timeout_s=settings.request_timeout_s,
            capture=self._capture,
            outlet=self._pipeline.outlet,
        )

    def _verify(self, info: SessionInfo) -> None:
        check_accounts(self._settings, info.accounts)

    def _sync_parts(self) -> tuple[SyncPart, ...]:
        return (
            SyncPart(name="orders", run=self._sync_orders, essential=True),
            SyncPart(name=_POSITIONS, run=self.account.sync_positions),
            SyncPart(name="account values", run=self.account.sync_values),
            SyncPart(name="account window", run=self.account.windows.read_all),
            SyncPart(
                name="profit and loss",
                run=self.account.pnl.restore,
                causes=_WITHOUT_DATA,
                in_background=True,
            ),
            *(() if self._pool.carries_streams else (self._stream_part(),)),
        )

    def _stream_part(self) -> SyncPart:
        return SyncPart(
            name="subscriptions",
            run=lambda: self.streams.restore(),
            causes=_WITHOUT_DATA,
            in_background=True,
        )

    async def _sync_orders(self) -> None:
        try:
            await self.orders.reconcile()
            self._api_is_readonly = False
        except ReadOnlyError:
            if not self._settings.readonly:
                raise
            # TWS shows no orders through an API that may not trade; we do not want to either
            self._api_is_readonly = True

    def _takes_orders(self) -> bool:
        """Whether the broker hears of orders; what else may be missing holds none of them up."""
        seen = self._supervisor.snapshot()
        return seen.state in CONNECTED and BROKER_LINK not in seen.degraded_by

    def _on_event(self, event: GatewayEvent) -> None:
        if type(event) is FiguresTold:
            # of which nobody else makes anything
            self.account.apply(event)
            if event.has("NetLiquidation"):
                self._facts.observe(event.account)
            return
        self.orders.apply(event)
        if type(event) in _OF_THE_DESK:
            return
        self.account.apply(event)
        self._facts.note(event)
        if type(event) in _OF_ACCOUNTS:
            return
        if not self._pool.carries_streams:
            self.streams.note(event)
        if isinstance(event, GatewayNotice) and (effect := pacing_effect(event.code, event.text)):
            self._pipeline.hear(effect)
        if isinstance(event, MessageUnreadable):
            self._unreadable.note(event)
            if event.listing == _POSITIONS:
                # what is held is told when it changes, and not again
                self._supervisor.mistrust(_POSITIONS)
        if isinstance(event, GatewayNotice | SessionEnded):
            self._supervisor.note(event)
        if isinstance(event, GatewayNotice | Execution):
            self.alarms.on_event(event)

    def _on_state(self, change: StateChange) -> None:
        if change.target is ConnectionState.SYNCING:
            self.orders.suspend(_NOT_YET)
        else:
            self.orders.resume(_NOT_YET)
        if BROKER_LINK in change.degraded_by:
            self.orders.suspend(_LINK_DOWN)
        else:
            self.orders.resume(_LINK_DOWN)
            self.streams.link_is_up()
        self.alarms.on_state(change)

    def _beside(self) -> Beside:
        return Beside(
            silent=self.streams.states(only_silent=True),
            rules_problem=self.rules.status.problem,
            halts=self.equity.halts,
        )

    def _take_paid_in(self) -> None:
        self.equity.refresh()
        if self._supervisor.state is ConnectionState.READY:
            take_paid_in(
                self._settings.state_dir,
                lambda one: self.adjust_equity(one.amount, one.account, one.arrived, key=one.key),
            )

    async def _settled_positions(self) -> tuple[Position, ...]:
        await self._facts.settled_positions()
        return self.positions(None)

    async def _cancel_everyone(self) -> None:
        if self._settings.readonly:
            raise ReadOnlyError("the connector is read-only")
        await self.request("cancel everyone", cancel_everyone, policy="cancel_order")

    def _need_session(self) -> None:
        if self._link.session is None:
            raise NotConnectedError("account figures are not served without a connection")
