"""
`IBKRConnector`: the object that users hold.

Owns the shared instances (one per profile in a process), and the hop from the caller's loop or
thread into the I/O thread of each. It decides nothing about markets or orders: every method below
is one sentence to the engine.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Mapping,
)
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeVar

from .account.facet import Portfolio
from .alarms.facet import Alerts
from .clock import SystemClock
from .derivatives.facets import Options
from .derivatives.futures_facet import Futures
from .errors import ConfigurationError, NotConnectedError, WrongThreadError
from .gateway.stream_port import StreamKind
from .handlers import Handlers
from .instruments.facet import Instruments
from .market.history import HistoryWish
from .market.history_control import History
from .market.research import Research
from .market.stream import BarStream, DepthStream, QuoteStream, TakePlace, TradeStream
from .market.streaming import StreamWish
from .metering import Metering
from .model.contracts import Contract
from .model.orders import CLOSED, AnyOrder, OrderReport, OrderStatus
from .model.status import BreakerState, ConnectionState, ConnectionStatus, TradingMode
from .observe.correlation import correlated, correlation
from .orders.confirming import confirmer
from .orders.feed import OrderEventStream
from .orders.how_far import NOTHING_SENT
from .orders.kill_control import KillControl
from .orders.listing import OrderBook
from .runtime import Runtime
from .settings import Settings
from .tuning import history_place

if TYPE_CHECKING:
    from .engine import Engine
    from .gateway.capture import Captured
    from .handlers import HandlerProblem, HandlerState, Handling
    from .market.download import Progress
    from .model.account import AccountSummary, Position
    from .model.brackets import BracketReport, BracketRequest
    from .model.capabilities import Capabilities
    from .model.extras import QuoteExtra
    from .model.futures import FuturesFetch
    from .model.market import BarSeries, MarketData, Quote, QuoteSet
    from .model.pacing import PacingStatus
    from .model.preview import OrderPreview
    from .model.streams import StreamState, WhenFull
    from .observe.metrics import Metrics
    from .orders.closing import ClosingReport
    from .orders.confirming import Confirm, Confirmer
    from .orders.events import OrderEvent
    from .orders.history import OrderHistory
    from .orders.risk.equity import EquityMarks
    from .orders.rule_book import RulesStatus
    from .orders.sizing import SizingBasis
    from .orders.waiting import Wait
    from .resilience.events import Hook

__all__ = ["IBKRConnector"]

T = TypeVar("T")

DEFAULT_PROFILE: Final = "default"


class IBKRConnector:
    """
    A supervised connection to one TWS or IB Gateway, shared by the whole process.

    `IBKRConnector()` is the same object wherever it is called, one per profile. Every coroutine may
    be awaited from any event loop and any thread; the work happens on the connector's own I/O
    thread, so a blocked caller costs no heartbeat and no fill.

    Settings come from keyword arguments, then the environment, then files (see `Settings`). Paper
    and read-only are the defaults: trading needs `readonly=False`.

    Example:
        ```python
        async with IBKRConnector(readonly=False) as ib:
            quote = await ib.get_quote("AAPL")
            report = await ib.place_order(
                {"symbol": "AAPL", "action": "BUY", "quantity": 1, "order_type": "MKT"}
            )
        ```
    """

    _shared: ClassVar[dict[str, IBKRConnector]] = {}
    _shared_lock: ClassVar[threading.Lock] = threading.Lock()

    _settings: Settings
    _confirmer: Confirmer | None
    _lock: threading.Lock
    _runtime: Runtime | None
    _pid: int
    _metering: Metering
    _handlers: Handlers

    def __new__(cls, profile: str | None = None, **overrides: Any) -> Self:
        """
        Return the shared connector of a profile, making it at the first call.

        Args:
            profile: Name of a profile of the settings; the default one when not given.
            overrides: Any setting by its field name, such as `port=7497` or `readonly=False`.

        Raises:
            ConfigurationError: A setting is misspelt, wrong or contradictory, or the profile is
                in use already with other settings.
        """
        name = profile or DEFAULT_PROFILE
        with cls._shared_lock:
            existing = cls._shared.get(name)
            if existing is None or existing._pid != os.getpid():
                # a forked child inherits the object but not its I/O thread: it starts afresh
                made = cls._make(Settings.load(profile, **overrides))
                cls._shared[name] = made
                return made
            if overrides:
                existing._check_same(Settings.load(profile, **overrides))
            if not isinstance(existing, cls):
                raise ConfigurationError(f"profile {name!r} is held by a {type(existing).__name__}")
            return existing

    @classmethod
    def create(cls, settings: Settings) -> Self:
        """Make a connector of its own, which nobody shares: for tests and for several logins."""
        return cls._make(settings)

    @classmethod
    def _make(cls, settings: Settings) -> Self:
        self = object.__new__(cls)
        self._settings = settings
        self._lock = threading.Lock()
        self._runtime = None
        self._confirmer = None
        self._pid = os.getpid()
        self._metering = Metering(settings)
        self._handlers = Handlers(SystemClock().monotonic)
        return self

    def _check_same(self, wanted: Settings) -> None:
        mine = self._settings
        differing = sorted(
            name for name in type(mine).model_fields if getattr(mine, name) != getattr(wanted, name)
        )
        if differing:
            raise ConfigurationError(
                f"profile {mine.profile!r} is in use with other settings: {', '.join(differing)}",
                hint="use another profile name, or IBKRConnector.create(settings)",
            )

    @property
    def settings(self) -> Settings:
        """The frozen settings this connector was made with."""
        return self._settings

    def __repr__(self) -> str:
        status = self.get_connection_status()
        circuits = [f"{n} {s}" for n, s in status.breakers.items() if s is not BreakerState.CLOSED]
        return (
            f"<{type(self).__name__} {status.host}:{status.port} client {status.client_id}, "
            f"{status.state}, orders {status.open_orders} open, "
            f"circuit {', '.join(circuits) or 'closed'}>"
        )

    # --- connection -----------------------------------------------------------------------------

    async def connect(self) -> None:
        """
        Connect, verify the accounts against the mode, synchronise, and return when ready.

        Calling it again is harmless, and concurrent callers share one attempt. A failed attempt
        leaves nothing running; after a successful one, lost connections come back by themselves
        until `disconnect`.

        Raises:
            GatewayUnavailableError: Nothing usable answers at the host and port.
            AuthenticationError: The gateway answers but does not let the program in.
            ClientIdInUseError: Another program uses the client id (TWS 326).
            ConfigurationError: Port or accounts contradict the paper/live mode, or another process
                uses the same order journal.
            RequestTimeoutError: An essential part of the start-up did not answer.
        """
        with self._lock:
            runtime = self._runtime
            if runtime is None:
                runtime = self._runtime = Runtime(
                    self._settings, metering=self._metering, confirmer=lambda: self._confirmer
                )
            runtime.connecting += 1
        try:
            with correlation():
                await runtime.portal.call(runtime.connect)
        finally:
            if self._is_abandoned(runtime):
                await runtime.end()

    async def disconnect(self) -> None:
        """
        Close the connection and the I/O thread; harmless when there is none.

        Raises:
            WrongThreadError: Called on the I/O thread itself, which cannot end itself.
        """
        with self._lock:
            runtime = self._runtime
            if runtime is None:
                return
            if runtime.portal.owns_current_thread:
                raise WrongThreadError("disconnect() was called on the connector's own I/O thread")
            self._runtime = None
        try:
            await runtime.end()
        finally:
            if self._handlers.states():
                await asyncio.to_thread(self._handlers.stop)

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.disconnect()

    async def wait_ready(self, *, timeout_s: float | None = None) -> None:
        """
        Wait until the connection is there and everything is synchronised.

        Raises:
            NotConnectedError: `connect` was not called, or the supervisor has given up.
            RequestTimeoutError: Not within `timeout_s`.
        """
        await self._call(lambda engine: engine.wait_ready(timeout_s))

    def get_connection_status(self) -> ConnectionStatus:
        """Take a picture of the connection; never waits and never asks the gateway."""
        runtime = self._runtime
        if runtime is not None and runtime.engine is not None:
            return runtime.engine.status()
        settings = self._settings
        return ConnectionStatus(
            state=ConnectionState.IDLE if runtime is None else ConnectionState.CONNECTING,
            profile=settings.profile,
            host=settings.host,
            port=settings.effective_port,
            client_id=settings.client_id,
            mode=settings.mode,
            readonly=settings.readonly,
        )

    @property
    def is_connected(self) -> bool:
        """Whether a logged-in session exists; to be asked as often as you like."""
        engine = None if self._runtime is None else self._runtime.engine
        return engine is not None and engine.is_connected

    def get_connection_health(self) -> dict[str, Any]:
        """Return the connection status as a plain dict of JSON's own types."""
        status = self.get_connection_status()
        health = {"connected": status.is_connected, **status.as_dict()}
        return {
            key: value.isoformat() if isinstance(value, datetime) else value
            for key, value in health.items()
        }

    async def capabilities(self) -> Capabilities:
        """
        Return what gateway and client can do together, what is missing, and why.

        Raises:
            NotConnectedError: There is no connection.

        Source: the handshake and the settings. Cost: none.
        """
        return await self._call(_later(lambda engine: engine.capabilities()))

    async def start_capture(self, path: Path | str) -> None:
        """
        Write every message between us and the gateway to a new file, account ids masked.

        Logins of connections that are open already stand at its beginning, so that
        `ibkr sim play` can answer from it. It goes on through reconnects until `stop_capture`.

        Raises:
            ConfigurationError: A capture is under way, or the file exists or cannot be made.
            NotConnectedError: There is no connection.
        """
        await self._call(_later(lambda engine: engine.start_capture(Path(path))))

    async def stop_capture(self) -> Captured:
        """
        End the capture and return what it holds, when all of it is on the disk.

        Raises:
            ConfigurationError: There is none.
            IBKRError: Something could not be written; what could stands in the file.
        """
        return await self._call(lambda engine: engine.stop_capture())

    async def pacing_status(self) -> PacingStatus:
        """
        Take a picture of the pacing: budgets, what is used of them, and who waits in which lane.

        Raises:
            NotConnectedError: `connect` was not called.

        Source: our own counts. Cost: none.
        """
        return await self._call(_later(lambda engine: engine.pipeline.pacing_status()))

    async def reset_breaker(self, name: str) -> None:
        """
        Close a circuit breaker by hand, when what it protects from is known to be over.

        Args:
            name: A key of `get_connection_status().breakers`, as in `"history"`.

        Raises:
            ConfigurationError: No circuit breaker has that name.
        """
        await self._call(_later(lambda engine: engine.reset_breaker(name)))

    def on_pipeline_event(self, hook: Hook) -> Callable[[], None]:
        """
        Call `hook` for each call that ended, each repeat, each change of a circuit and of the pace.

        It runs on the I/O thread, so it must be quick; what it raises is logged and counted. Call
        what is returned to end it.

        Raises:
            NotConnectedError: `connect` was not called.
        """
        return self._engine().pipeline.hooks.add(hook)

    @property
    def metrics(self) -> Metrics:
        """Metrics for Prometheus: `ib.metrics.serve()`, `ib.metrics.exposition()`."""
        return self._metering.metrics

    async def run(self, strategy: Coroutine[Any, Any, T]) -> T:
        """
        Run a coroutine on the I/O loop, where calls of this connector cost no hop.

        The loop serves the socket, so the coroutine must never block.
        """

        async def started() -> T:
            return await strategy

        try:
            runtime = self._running()
        except NotConnectedError:
            strategy.close()
            raise
        return await runtime.portal.call(started)

    @property
    def portfolio(self) -> Portfolio:
        """Figures, positions, profit and loss: `await ib.portfolio.pnl()`."""
        return Portfolio(self._call)

    @property
    def alerts(self) -> Alerts:
        """What is wrong, what was, and who was told: `await ib.alerts.active()`."""
        return Alerts(self._call, self.handle)

    # --- market data ----------------------------------------------------------------------------

    @property
    def instruments(self) -> Instruments:
        """Contracts with their details, hours, price steps: `await ib.instruments.hours("ES")`."""
        return Instruments(self._call)

    @property
    def options(self) -> Options:
        """Chains of options and their greeks: `await ib.options.chain("AAPL")`."""
        return Options(self._call)

    @property
    def futures(self) -> Futures:
        """Front months, rolls and continuous series: `await ib.futures.front("ES")`."""
        return Futures(self._call)

    async def fetch_futures_market_data(
        self, symbols: Iterable[str] | None = None, *, session: Any = None
    ) -> FuturesFetch:
        """Fetch bars of front contracts and store them, as `ib.futures.fetch` with defaults."""
        return await self.futures.fetch(symbols, session=session)

    async def get_quote(self, contract: Contract | str) -> Quote:
        """
        Take a snapshot of one contract.

        Args:
            contract: A contract, or its short text form (`AAPL`, `EUR.USD`, `ES 202612`).

        Returns:
            Prices in the contract's currency; a field the gateway did not send is `None`. Delayed
            data says so in `data_type`. An option has `greeks`.

        Raises:
            ContractNotFoundError: Nothing fits the description (TWS 200).
            AmbiguousContractError: Several contracts fit; `candidates` lists them.
            MarketDataPermissionError: No subscription, and delayed data is off or missing too
                (TWS 354, 10089, 10168, 10186).
            NoDataError: The gateway has no price for the contract.

        Source: `reqMktData` (1) as a snapshot. Replay: safe. Cost: 2 messages and one data line.
        """
        return await self._call(lambda engine: engine.market.quote(contract))

    async def get_quotes(self, contracts: Iterable[Contract | str]) -> QuoteSet:
        """
        Take snapshots of many contracts, as many at a time as there are market data lines.

        Args:
            contracts: Contracts or their short text forms.

        Returns:
            The quotes in the order asked for, and why the others could not be had (`failures`). A
            contract that is followed by `stream_quotes` is answered from its stream.

        Raises:
            IBKRError: Not one could be had; the error of the first.

        Source: `reqMktData` (1) as snapshots. Replay: safe. Cost: 2 messages for each contract.
        """
        return await self._call(lambda engine: engine.market.quotes(contracts))

    def stream_quotes(
        self,
        contract: Contract | str,
        *,
        require_live: bool = False,
        extras: Collection[QuoteExtra | str] = (),
        buffer: int | None = None,
        when_full: WhenFull | str | None = None,
        stale_after_s: float | None = None,
    ) -> QuoteStream:
        """
        Follow the quotes of a contract: `async for quote in ib.stream_quotes("AAPL")`.

        Each record is a whole `Quote`, the newest there is; a slow reader skips older ones. A `Gap`
        tells that none come, and again when they do. Delayed quotes say so in `data_type`; those of
        an option have `greeks`.

        Args:
            contract: A contract or its short text form.
            require_live: Raise `MarketDataPermissionError` rather than give delayed or frozen ones.
            extras: What else is wanted, in `extras` of each quote: `shortable`, `auction`, ... (see
                `QuoteExtra`). Streams with other extras have a line of their own.
            buffer: How many records may wait; 64 when not given, 10,000 if none are skipped.
            when_full: `conflate` skips; `drop` keeps each, and tells what it must drop as a `Gap`;
                `close` ends with a `MarketDataError` instead.
            stale_after_s: The silence in an open market that is told as a `Gap` (`silent`), and
                after which the line is asked for again.

        Raises:
            MarketDataPermissionError: No line is free, or no subscription and no delayed data
                either (TWS 101, 354, 10089, 10168, 10186); while reading.
            ContractNotFoundError, NotConnectedError: Nothing was sent.

        Source: `reqMktData` (1). Cost: 1 message and one data line for all readers together.
        """
        wish = StreamWish(
            kind=StreamKind.QUOTES,
            contract=contract,
            require_live=require_live,
            extras=tuple(extras),
            buffer=buffer,
            when_full=when_full,
            stale_after_s=stale_after_s,
        )
        return QuoteStream(self._follow(wish))

    def stream_trades(
        self,
        contract: Contract | str,
        *,
        all_trades: bool = True,
        buffer: int | None = None,
        close_when_full: bool = False,
        when_full: WhenFull | str | None = None,
        stale_after_s: float | None = None,
    ) -> TradeStream:
        """
        Follow every trade of a contract, tick by tick.

        No trade is left out in silence: a reader slower than the trades, by more than `buffer`,
        gets a `Gap` that counts them where they are missing.

        Args:
            contract: A contract or its short text form; IB has no tick-by-tick data of options.
            all_trades: Also those that do not count for the last price (odd lots, late reports).
            buffer: How many trades may wait; 10,000 when not given.
            close_when_full: The same as `when_full="close"`.
            when_full: `drop`, or `close`: end with a `MarketDataError` behind what still waits.
            stale_after_s: As in `stream_quotes`.

        Raises:
            MarketDataPermissionError: Too many tick-by-tick streams, or no permission
                (TWS 10187, 10189, 10190); while reading.
            MarketDataError: The contract has no such data; nothing was sent.

        Source: `reqTickByTickData` (97). Cost: 1 message and one tick-by-tick line.
        """
        wish = StreamWish(
            kind=StreamKind.TRADES,
            contract=contract,
            all_trades=all_trades,
            buffer=buffer,
            stale_after_s=stale_after_s,
            when_full="close" if close_when_full else when_full,
        )
        return TradeStream(self._follow(wish))

    def stream_bars(
        self,
        contract: Contract | str,
        *,
        bar_size: str = "5 secs",
        duration: str = "3600 S",
        what_to_show: str | None = None,
        regular_hours_only: bool = False,
        buffer: int | None = None,
        when_full: WhenFull | str | None = None,
        stale_after_s: float | None = None,
    ) -> BarStream:
        """
        Follow bars of five seconds, or longer ones as they grow.

        Longer bars begin with the history of `duration`, and what was missed in a gap is filled in
        after it, as far as `duration` reaches back; a `Gap` tells of bars before that. A bar that
        grows comes again whenever it changes; `is_final` tells its last state.

        Args:
            contract: A contract or its short text form.
            bar_size: IB's spelling, as in `1 min`.
            duration: How much history comes first, for all but five-second bars.
            what_to_show: `TRADES`, `MIDPOINT`, `BID` or `ASK`; by asset class when not given.
            regular_hours_only: Leave out what trades outside the regular session.
            buffer: How many records may wait; 10,000 when not given.
            when_full: As in `stream_trades`.
            stale_after_s: As in `stream_quotes`.

        Raises:
            HistoricalDataError: Illegal arguments, or refused (TWS 162, 321).
            PacingError: Asked too often (TWS 420); while reading.
            MarketDataPermissionError: No line is free, or no subscription.

        Source: `reqRealTimeBars` (50), `reqHistoricalData` (20). Cost: 1 message and one data line.
        """
        wish = StreamWish(
            kind=StreamKind.BARS,
            contract=contract,
            bar_size=bar_size,
            duration=duration,
            what_to_show=what_to_show,
            regular_hours_only=regular_hours_only,
            buffer=buffer,
            when_full=when_full,
            stale_after_s=stale_after_s,
        )
        return BarStream(self._follow(wish))

    def stream_depth(
        self,
        contract: Contract | str,
        *,
        rows: int = 5,
        smart_depth: bool | None = None,
        buffer: int | None = None,
        when_full: WhenFull | str | None = None,
        stale_after_s: float | None = None,
    ) -> DepthStream:
        """
        Follow the order book of a contract; each record is the whole book, the newest there is.

        The book is checked at every change: rows that are not there, prices out of order, a bid
        that stays above the ask of one exchange. One that does not fit is asked for again, and a
        reset by the gateway empties it; both are told as a `Gap`.

        Args:
            contract: A contract or its short text form.
            rows: Rows of each side.
            smart_depth: Gather the rows of all exchanges that smart routing sees; when not given,
                for contracts that are routed so (IB has no other book of those).
            buffer: How many records may wait; 64 when not given, 10,000 if none are skipped.
            when_full: As in `stream_quotes`.
            stale_after_s: As in `stream_quotes`.

        Raises:
            MarketDataPermissionError: Too many books at once, or no subscription (TWS 309, 354).

        Source: `reqMktDepth` (10). Cost: 1 message and one depth line.
        """
        wish = StreamWish(
            kind=StreamKind.DEPTH,
            contract=contract,
            rows=rows,
            smart_depth=smart_depth,
            buffer=buffer,
            when_full=when_full,
            stale_after_s=stale_after_s,
        )
        return DepthStream(self._follow(wish))

    async def stream_states(self) -> tuple[StreamState, ...]:
        """Return how each line to the gateway stands and how its readers keep up. Cost: none."""
        return await self._call(_later(lambda engine: engine.streams.states()))

    async def get_market_data(
        self,
        contract: Contract | str,
        *,
        bar_size: str = "1 min",
        duration: str = "1 D",
        max_age_s: float = 0.0,
    ) -> MarketData:
        """
        Fetch the latest bar of a contract, and the series behind it.

        Args:
            contract: A contract or its short text form.
            bar_size: IB's spelling.
            duration: Count and unit (S D W M Y).
            max_age_s: An answer that is no older than this is good enough, and costs nothing.

        Returns:
            The newest bar's `timestamp, open, high, low, close, volume`; the whole series, oldest
            first, in `series`; in `age_s` how old the answer is.

        Raises:
            NoDataError: No bars within the duration (TWS 162 with that text).
            HistoricalDataError: Illegal size or duration, or refused (TWS 162, 321).
            PacingError: Asked too often; carries `retry_after_s`.

        Source: `reqHistoricalData` (20). Replay: safe. Cost: 1 message.
        """
        return await self._call(
            lambda engine: engine.market.market_data(
                contract, bar_size=bar_size, duration=duration, max_age_s=max_age_s
            )
        )

    async def get_historical_data(
        self,
        contract: Contract | str,
        *,
        duration: str = "1 D",
        bar_size: str = "1 min",
        what_to_show: str | None = None,
        end: datetime | None = None,
        regular_hours_only: bool = True,
        start: datetime | None = None,
        progress: Progress | None = None,
        stored: bool = False,
    ) -> BarSeries:
        """
        Fetch bars, oldest first; as many requests as it takes, within the limits of history.

        `history.download` does the same and says more: what the calendar misses, where splits are.

        Args:
            contract: A contract or its short text form.
            duration: Count and unit (S D W M Y), as in `6 M` or `10 Y`, when there is no `start`.
            bar_size: IB's spelling, as in `5 mins`.
            what_to_show: `TRADES`, `MIDPOINT`, ...; by asset class when not given.
            end: Aware datetime; `None` means now.
            regular_hours_only: Leave out what traded outside the regular session.
            start: Aware datetime, instead of `duration`.
            progress: Called with a `DownloadProgress` after each answer, on the I/O thread.
            stored: Read the store first, and keep there what is fetched.

        Raises:
            NoDataError: The request is fine and there are no bars.
            HistoricalDataError: Illegal arguments, or refused (TWS 162, 321).
            PacingError: Asked too often; carries `retry_after_s`.

        Source: `reqHistoricalData` (20). Replay: safe. Cost: 1 message for each request.
        """
        wish = HistoryWish(
            contract=contract,
            duration=duration,
            bar_size=bar_size,
            what_to_show=what_to_show,
            start=start,
            end=end,
            regular_hours_only=regular_hours_only,
            stored=stored,
            progress=progress,
        )
        return await self._call(lambda engine: engine.bars(wish))

    @property
    def history(self) -> History:
        """Downloads that are kept, what is stored and what is missing: `await ib.history...`."""
        return History(
            lambda ask: self._call(lambda engine: ask(engine.history)),
            history_place(self._settings),
            ticks=lambda ask: self._call(lambda engine: ask(engine.past_ticks)),
        )

    @property
    def research(self) -> Research:
        """Scans of the market, news and reports about companies: `await ib.research.scan(...)`."""
        return Research(
            lambda ask: self._call(lambda engine: ask(engine.research)), follow=self._follow
        )

    # --- account --------------------------------------------------------------------------------

    async def get_account_summary(self, account: str | None = None) -> AccountSummary:
        """
        Return the figures of one account: `cash, total_value, buying_power, maintenance_margin`.

        Served from a cache that the gateway keeps current (every three minutes, and at changes);
        `as_of` tells its age. After a reconnect it is what was told before, until it is told anew.

        Raises:
            AccountError: Several accounts and none named, an unknown one, or no figures of it.
            NotConnectedError: There is no connection.

        Source: `reqAccountSummary` (62). Cost: none.
        """
        return await self._call(_later(lambda engine: engine.summary(account)))

    async def get_positions(self, account: str | None = None) -> tuple[Position, ...]:
        """
        Return what is held: `symbol, quantity, avg_cost, current_price, unrealized_pnl`.

        Args:
            account: One account; the configured one, or all of the login, when not given.

        Returns:
            One row per account and contract; empty when flat. Market values are `None` until the
            account window has told them.

        Raises:
            AccountError: The account is not one of this login's, or the positions have not been
                read yet (`degraded_by` names them).
            NotConnectedError: There is no connection; old positions are not served.

        Source: `reqPositions` (61) and `reqAccountUpdates` (6), kept by events. Cost: none.
        """
        return await self._call(_later(lambda engine: engine.positions(account)))

    # --- orders ---------------------------------------------------------------------------------

    async def place_order(
        self,
        order: AnyOrder,
        *,
        wait: Wait = "submitted",
        timeout_s: float | None = None,
        token: str | None = None,
    ) -> OrderReport:
        """
        Place one order and return at the broker's first word about it.

        Args:
            order: A typed request, a draft of `ibkr_connector.build`, or a mapping with `symbol`
                (or `contract` or `legs`), `action`, `quantity`, `order_type` and what the type
                needs (`limit_price`, `stop_price`).
                `client_order_id` makes the call idempotent: the same id is the same order.
            wait: `submitted`; `sent` returns when the bytes have left the socket, `filled` when
                the order is closed: filled, or cancelled on the way; executions that are late are
                given a few seconds, and `unbacked_quantity` says what is missing then.
            timeout_s: How long to wait for that; the setting's value when not given.
            token: Of a preview of exactly this order; needed where `require_preview` is set.

        Returns:
            `order_id, status, timestamp` and everything else known.

        Raises:
            OrderValidationError: The order makes no sense as written, or its token is missing,
                used, expired or another order's; nothing was sent.
            RiskLimitError: One or more of your limits are broken; nothing was sent.
            ReadOnlyError, TradingHaltedError: Trading is off; nothing was sent.
            OrderRejectedError: The gateway or the exchange said no (TWS 201, 110 and others).
            OrderUncertainError: Sent and no answer. Do not resend: `get_order_status` will know.
            RequestTimeoutError: With `filled`: still open, and it goes on working. `report` is
                the order as it stands; nothing is cancelled.

        Source: `placeOrder` (3). Replay: never by us; by you with a `client_order_id`.
        """
        # a closure would hold each of these in a cell of its own, for as long as the order waits
        return await self._order(
            partial(_place, order=order, wait=wait, timeout_s=timeout_s, token=token)
        )

    async def exercise_option(
        self,
        contract: Contract | str,
        quantity: Decimal | int,
        *,
        lapse: bool = False,
        override: bool = False,
        **more: Any,
    ) -> OrderReport:
        """
        Exercise options that are held, or let them lapse, exactly once as an order is placed.

        Args:
            contract: The option or its text form.
            quantity: How many; no more than are held and not for sale.
            lapse: Let them lapse.
            override: Against what would happen by itself, in either case.
            more: `account`, `client_order_id`; and `wait`, `timeout_s`, `token` of `place_order`.

        Source: `exerciseOptions` (21), else as `place_order` of `ibkr_connector.build.exercise`.
        """
        how = {key: more.pop(key) for key in ("wait", "timeout_s", "token") if key in more}
        exercise = {"lapse": lapse, "override": override}
        said = {"contract": contract, "action": "SELL", "quantity": quantity, "exercise": exercise}
        return await self.place_order({**said, **more}, **how)

    async def preview_order(
        self,
        order: AnyOrder | BracketRequest,
        *,
        by: str = "",
        timeout_s: float | None = None,
    ) -> OrderPreview:
        """
        Tell what an order would do, without placing it.

        Args:
            order: As for `place_order`.
            by: Who asks: a person or an agent. Stored with the order if it is placed by the token.
            timeout_s: How long to wait for the broker; ten seconds when not given.

        Returns:
            The broker's margins, commission and warnings, every rule with value, limit and verdict,
            and a `token` that lets exactly this order go once, within `preview_ttl_s`. It has none
            when a rule or the broker would refuse the order: `broken`, `rejected_reason`.

        Raises:
            OrderValidationError: The order makes no sense as written; nothing was asked.
            RequestTimeoutError: The broker has not answered in time; no order was placed.
            ReadOnlyError: The connector is read-only, and sends not even a question.
            ContractError, NotConnectedError: Nothing was asked.

        Source: `placeOrder` (3) with its what-if flag. Replay: safe. Cost: 1 message.
        """
        return await self._order(
            lambda engine: engine.orders.preview(order, by=by, timeout_s=timeout_s)
        )

    async def preview_bracket(
        self,
        bracket: BracketRequest | Mapping[str, Any],
        *,
        by: str = "",
        timeout_s: float | None = None,
    ) -> OrderPreview:
        """
        Tell what a bracket would do, as `preview_order` does; the broker is asked about its entry.

        `bracket` is as for `place_bracket`, which takes the token. The rules of the exits have
        `take profit:` and `stop loss:` in front, and judge them as if the entry were filled.

        Source: `placeOrder` (3) with its what-if flag. Replay: safe. Cost: 1 message.
        """
        return await self._order(
            lambda engine: engine.orders.previews.bracket(bracket, by=by, timeout_s=timeout_s)
        )

    async def preview_change(
        self, order_id: int, changes: Mapping[str, Any], *, by: str = ""
    ) -> OrderPreview:
        """
        Tell what the rules say of a change, with a token for `modify_order`.

        `order` of the preview is the order as it would be. The broker is not asked, because it
        would answer as if that were one more order: there are no margins.

        Raises:
            OrderNotFoundError: No such order.
            OrderValidationError: The changes make no sense, or change nothing.
            OrderStateError: It cannot be changed (any more).
            ReadOnlyError: The connector is read-only.

        Source: our ledger and rules. Replay: safe. Cost: a quote at most.
        """
        return await self._order(
            lambda engine: engine.orders.preview_change(order_id, changes, by=by)
        )

    def confirm_orders(
        self,
        callback: Confirm | None,
        *,
        live_only: bool = True,
        timeout_s: float = 30.0,
        exits: bool = False,
    ) -> None:
        """
        Have somebody asked before each order, bracket and change of this connector is sent.

        Only `True` in time lets it go; anything else is an `OrderNotConfirmedError`. It holds over
        disconnects until it is called again; without a connection it may be called too.

        Args:
            callback: Takes an `OrderQuestion` (`ibkr_connector.model.preview`). A plain function
                runs in a thread of its own, a coroutine function on the loop from which this is
                called. `None` asks nobody any more.
            live_only: Whether orders of a paper account go unasked.
            timeout_s: How long an answer is waited for.
            exits: Whether orders of `close_position`, `flatten` and the kill switch wait for a
                yes too; cancelling never does.

        Raises:
            OrderValidationError: The callback cannot be called, or the time is no time.
        """
        asked = None if callback is None else confirmer(callback, timeout_s=timeout_s, exits=exits)
        is_asked = not live_only or self._settings.mode is TradingMode.LIVE
        self._confirmer = asked if is_asked else None

    async def place_bracket(
        self,
        bracket: BracketRequest | Mapping[str, Any],
        *,
        wait: Wait = "submitted",
        timeout_s: float | None = None,
        token: str | None = None,
    ) -> BracketReport:
        """
        Place an entry with a profit target and a stop, in one piece; the exits end each other.

        Args:
            bracket: A `BracketRequest`, or a mapping with the keys of the entry's order and
                `take_profit`, `stop_loss` (prices), `stop_limit`, `exit_time_in_force` (GTC when
                not given). The entry's `client_order_id` makes the call idempotent.
            wait: As for `place_order`; `filled` is the end of the entry, the exits go on.
            timeout_s: How long to wait for that; the setting's value when not given.
            token: Of a preview of exactly this bracket; needed where `require_preview` is set.

        Returns:
            The reports of `entry`, `take_profit` and `stop_loss`.

        Raises:
            OrderValidationError: It makes no sense as written; nothing was sent.
            RiskLimitError: One or more of your limits are broken; nothing was sent.
            ReadOnlyError, TradingHaltedError: Trading is off; nothing was sent.
            OrderRejectedError: One of the three was refused; the others were cancelled.
            OrderUncertainError: Sent and no answer. If only a part has arrived, it is cancelled
                after the next login, before anything else trades.

        Source: `placeOrder` (3). Replay: never by us. Cost: 3 messages in one write.
        """
        return await self._order(
            partial(_place_bracket, bracket=bracket, wait=wait, timeout_s=timeout_s, token=token)
        )

    async def modify_order(
        self,
        order_id: int,
        changes: Mapping[str, Any],
        *,
        timeout_s: float | None = None,
        token: str | None = None,
    ) -> OrderReport:
        """
        Change a working order and return it when the broker shows it changed.

        Args:
            order_id: The order's id, or its permanent id.
            changes: What is to be different, by the keys of the order: `quantity`, `limit_price`,
                `stop_price`, `time_in_force`, `good_till`, `trail_amount` and the like. Anything
                else needs another order.
            timeout_s: How long to wait for the broker; the setting's value when not given.
            token: Of a preview of exactly this change; needed where `require_preview` is set.

        Raises:
            OrderNotFoundError: No such order.
            OrderValidationError: The changes make no sense; nothing was sent.
            OrderStateError: It cannot be changed (any more), or the broker refused
                (TWS 104, 105, 110, 201, 329, 2102, 10341): then it goes on as it was.
            OrderUncertainError: Sent and no answer; `get_order_status` will show which it is.
            RiskLimitError, ReadOnlyError, TradingHaltedError: Nothing was sent.

        Source: `placeOrder` (3) with the same id. Replay: safe. Cost: 1 message.
        """
        return await self._order(
            lambda engine: engine.orders.modify(order_id, changes, timeout_s=timeout_s, token=token)
        )

    async def cancel_order(self, order_id: int, *, timeout_s: float | None = None) -> OrderReport:
        """
        Cancel an order and return what became of it: cancelled, or filled first.

        Raises:
            OrderNotFoundError: No such order.
            OrderStateError: It cannot be cancelled by us, or is still working after the deadline.
            OrderUncertainError: The broker has not said what became of it.
            ReadOnlyError: The connector is read-only.

        Source: `cancelOrder` (4). Replay: safe.
        """
        return await self._order(lambda engine: engine.orders.cancel(order_id, timeout_s=timeout_s))

    async def settle_order(self, order_id: int, *, why: str) -> OrderReport:
        """
        End an `uncertain` order on your word, when TWS or the statement shows that it is over.

        The broker is asked once more, nothing is sent, and `why` goes into the order's history.

        Raises:
            OrderStateError: It is not uncertain, the broker lists it, it may be on its way, or it
                is of a bracket that has arrived in part and is being cancelled.
        """
        return await self._order(lambda engine: engine.orders.settling.settle(order_id, why=why))

    async def cancel_all(self) -> ClosingReport:
        """
        Cancel every open order that this client id placed.

        Returns:
            The orders as they stand now (`cancelled`), and what could not be done (`problems`).

        Raises:
            ReadOnlyError, NotConnectedError: Nothing was sent.

        Source: `cancelOrder` (4). Replay: safe. Cost: 1 message for each order.
        """
        return await self._order(lambda engine: engine.closing.cancel_all())

    async def close_position(
        self,
        contract: Contract | str,
        *,
        account: str | None = None,
        order: Mapping[str, Any] | None = None,
    ) -> ClosingReport:
        """
        Close what is held of one contract, after cancelling our open orders on it.

        Args:
            contract: A contract or its short text form.
            account: One account; every account that holds it when not given.
            order: How to close, by the keys of an order: `{"order_type": "LMT", "limit_price": 1}`;
                at the market when not given.

        Returns:
            The orders that were cancelled and that close; nothing `closed` when nothing is held.
            One that is not filled in time goes on working and says so.

        Raises:
            OrderStateError: An order on the contract could not be cancelled; nothing was closed.
            OrderValidationError, ContractError, ReadOnlyError, NotConnectedError: Nothing was sent.

        Source: `cancelOrder` (4), `reqPositions` (61), `placeOrder` (3). Replay: safe to repeat.
        """
        return await self._order(
            lambda engine: engine.closing.close_position(contract, account=account, order=order)
        )

    async def flatten(self, *, account: str | None = None) -> ClosingReport:
        """
        Cancel every open order of ours and close every position at the market, all at once.

        Returns:
            As `close_position`; a position that could not be closed is named in `problems`.

        Raises:
            OrderStateError: An order could not be cancelled; nothing was closed.
            ReadOnlyError, NotConnectedError: Nothing was sent.

        Source: `cancelOrder` (4), `reqPositions` (61), `placeOrder` (3). Replay: safe to repeat.
        """
        return await self._order(lambda engine: engine.closing.flatten(account=account))

    async def get_order_status(self, order_id: int) -> OrderReport:
        """
        Return what is known of an order, with its fills and every transition so far.

        Raises:
            OrderNotFoundError: No such order here or at the broker.

        Source: our ledger, kept by events. Cost: none.
        """
        return await self._order(lambda engine: engine.orders.look_up(order_id))

    async def wait_for_status(
        self, order_id: int, statuses: Collection[OrderStatus], *, timeout_s: float | None = None
    ) -> OrderReport:
        """
        Wait until an order has one of the statuses, and return its report.

        Raises:
            OrderNotFoundError: No such order.
            RequestTimeoutError: Not within `timeout_s`.
        """
        wanted = frozenset(statuses)
        return await self._order(
            lambda engine: engine.orders.wait_for(
                order_id, lambda report: report.status in wanted, timeout_s=timeout_s
            )
        )

    async def wait_for_fill(self, order_id: int, *, timeout_s: float | None = None) -> OrderReport:
        """
        Wait until an order is closed, filled or not, and return its report as `place_order` does.

        Raises:
            OrderNotFoundError: No such order.
            RequestTimeoutError: Still open after `timeout_s`.
        """
        return await self.wait_for_status(order_id, CLOSED, timeout_s=timeout_s)

    # --- rules ----------------------------------------------------------------------------------

    @property
    def kill_switch(self) -> KillControl:
        """
        Stop everything that opens a position: `await connector.kill_switch.engage(reason)`.

        Works without a connection, and holds for every process with the same `state_dir`.
        """
        return KillControl(
            self._settings, carry_out=lambda: self._call(lambda engine: engine.guard.carry_out())
        )

    async def reload_rules(self) -> RulesStatus:
        """
        Read `risk_config.yaml` and `trading_permissions.yaml` again, now.

        They are looked at every second anyway. A broken file leaves the earlier rules in force:
        `problem` says what is wrong with it, as `get_connection_status().rules` does.

        Source: the files. Cost: none.
        """
        return await self._call(_later(lambda engine: engine.rules.reload()))

    async def sizing_basis(
        self, contract: Contract | str, *, account: str | None = None
    ) -> SizingBasis:
        """
        Return what the size of a position is made of: worth, multiplier, rate, lot and limits.

        `ibkr_connector.orders.sizing` makes quantities of it: by the risk to a stop, by a share of
        the equity, by volatility.

        Raises:
            AccountError: The worth of the account, the rate or the multiplier is not known.
            ContractNotFoundError: Nothing fits the description (TWS 200).
            NotConnectedError: There is no connection.

        Source: the caches and the rules. Cost: 1 message for a contract that is new.
        """
        return await self._call(lambda engine: engine.sizing_basis(contract, account))

    async def adjust_equity(
        self,
        amount: Decimal | int | str,
        *,
        account: str | None = None,
        arrived: datetime | None = None,
    ) -> EquityMarks | None:
        """
        Tell that money was paid in, or out when `amount` is negative: it is no gain and no loss.

        To be called once the account's figures show the money, on the same day. A halt that
        nothing but the money had caused ends.

        Args:
            amount: In the account's base currency.
            account: May be left out when the login has one account.
            arrived: Aware time; now when not given. What was there when the day's first figures
                came is no part of the day's loss.

        Returns:
            What losses are measured against from now on; `None` when no limit is about losses.

        Raises:
            AccountError: No such amount or account, or its worth is not known.
            NotConnectedError: There is no connection.

        Source: you; TWS has no figure for it. Cost: none.
        """
        return await self._call(
            _later(lambda engine: engine.adjust_equity(amount, account, arrived))
        )

    async def reset_losses(self, account: str | None = None) -> None:
        """
        Measure daily loss and drawdown from the next figures on, and end a cooldown.

        Args:
            account: One account; all of them when not given.
        """
        await self._call(_later(lambda engine: engine.equity.reset(account)))

    @property
    def order_book(self) -> OrderBook:
        """Every order and fill that is known: `await ib.order_book.orders(open_only=True)`."""
        return OrderBook(lambda read: self._call(_later(lambda engine: read(engine.orders))))

    async def order_history(self, order_id: int | str) -> OrderHistory:
        """
        Tell the life of an order: every step with its cause, evidence and time, also earlier runs'.

        Args:
            order_id: Order id, permanent id, order reference or `client_order_id`.

        Raises:
            OrderNotFoundError: The journal has no such order.

        Source: our journal. Cost: none.
        """
        return await self._order(lambda engine: engine.orders.history(order_id))

    def stream_order_events(self, *, buffer: int = 1024) -> OrderEventStream:
        """
        Follow what happens to every order: `async for event in ib.stream_order_events()`.

        It begins with `async with` or with the first event asked for, and ends with the connection
        object. Cancelling a read loses nothing; a reader slower than the events, by more than
        `buffer`, gets an `EventsMissed` where some are gone. Events learned by asking, and not as
        they happened, have `recovered` set.

        Source: our ledger, kept by events. Cost: none.
        """
        return OrderEventStream(
            lambda read: self._call(lambda engine: read(engine.orders.feed)), buffer=buffer
        )

    # --- handlers -------------------------------------------------------------------------------

    def handle(
        self,
        stream: AsyncIterator[T],
        handler: Callable[[T], Awaitable[object] | object],
        *,
        name: str | None = None,
        slow_after_s: float = 1.0,
        remove_after: int | None = None,
    ) -> Handling:
        """
        Call a function with everything that a stream brings: `ib.handle(ib.stream_quotes(x), f)`.

        It runs on a thread of its own, so that one that raises, blocks or never returns harms no
        connection and no other handler. Its errors are logged with its name, counted, and told to
        `on_handler_error`; it is called with the next record. It ends with its stream, by `stop()`
        of what is returned, or with the connection object.

        Args:
            stream: Any stream of this connector.
            handler: A function or a coroutine function of one record.
            name: What logs and problems call it; the function's own name when not given.
            slow_after_s: A call that takes longer is told of.
            remove_after: Failures in a row after which it is not called any more.
        """
        return self._handlers.start(
            stream, handler, name=name, slow_after_s=slow_after_s, remove_after=remove_after
        )

    def on_order_event(
        self, handler: Callable[[OrderEvent], Awaitable[object] | object], **options: Any
    ) -> Handling:
        """Call a function with everything that happens to orders; options as of `handle`."""
        return self.handle(self.stream_order_events(), handler, **options)

    def on_handler_error(self, hook: Callable[[HandlerProblem], object]) -> None:
        """
        Have told what goes wrong with handlers: which one, what it raised and on which record.

        The hook runs on the thread of that handler, and what it raises itself is logged.
        """
        self._handlers.on_error(hook)

    def handler_states(self) -> tuple[HandlerState, ...]:
        """Return how each handler has fared: calls, failures, slow calls. Cost: none."""
        return self._handlers.states()

    # --- escape hatch ---------------------------------------------------------------------------

    async def request(self, name: str, call: Callable[[Any], Awaitable[T]]) -> T:
        """
        Run any ib_async call through the same pacing, breaker, deadline and error translation.

        Args:
            name: What to call it in errors and logs.
            call: Given the session's `ib_async.IB`; must return an awaitable, as in
                `lambda ib: ib.reqHeadTimeStampAsync(...)`. Runs on the I/O thread.

        Replay: never, since nobody can know whether it is safe.
        """
        return await self._call(lambda engine: engine.request(name, call))

    # --- the hop --------------------------------------------------------------------------------

    async def _call(self, do: Callable[[Engine], Awaitable[T]]) -> T:
        runtime = self._running()
        engine = _open(runtime)
        if runtime.portal.owns_current_thread:
            with correlation():
                return await do(engine)
        return await runtime.portal.call(do, engine, context=correlated())

    async def _order(self, do: Callable[[Engine], Awaitable[T]]) -> T:
        with NOTHING_SENT:
            return await self._call(do)

    def _follow(self, wish: StreamWish) -> TakePlace:
        return lambda taken: self._call(lambda engine: engine.streaming.open(wish, taken))

    def _engine(self) -> Engine:
        return _open(self._running())

    def _running(self) -> Runtime:
        runtime = self._runtime
        if runtime is None or not runtime.portal.is_running:
            raise NotConnectedError("the connector is not connected")
        return runtime

    def _is_abandoned(self, runtime: Runtime) -> bool:
        """Note that one caller of `connect` leaves; tell whether it must tidy up after itself."""
        with self._lock:
            runtime.connecting -= 1
            if self._runtime is not runtime or runtime.connecting > 0:
                return False
            if runtime.engine is not None and runtime.engine.is_supervised:
                return False
            self._runtime = None
            return True


async def _place(
    engine: Engine, *, order: AnyOrder, wait: Wait, timeout_s: float | None, token: str | None
) -> OrderReport:
    await engine.ride_out()
    return await engine.orders.place(order, wait=wait, timeout_s=timeout_s, token=token)


async def _place_bracket(
    engine: Engine,
    *,
    bracket: BracketRequest | Mapping[str, Any],
    wait: Wait,
    timeout_s: float | None,
    token: str | None,
) -> BracketReport:
    await engine.ride_out()
    return await engine.orders.place_bracket(bracket, wait=wait, timeout_s=timeout_s, token=token)


def _open(runtime: Runtime) -> Engine:
    if runtime.engine is None:
        raise NotConnectedError("the connection is still being made")
    return runtime.engine


def _later(read: Callable[[Engine], T]) -> Callable[[Engine], Awaitable[T]]:
    """Make a plain read of the engine awaitable, so that it happens on the engine's loop."""

    async def reading(engine: Engine) -> T:
        return read(engine)

    return reading
