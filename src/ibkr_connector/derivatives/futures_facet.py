"""Futures as users hold them: `ib.futures`, and the service that stores what it fetches."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Sequence
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ibkr_connector.clock import SystemClock
from ibkr_connector.errors import ConfigurationError, ContractError, IBKRError
from ibkr_connector.model.contracts import ContractDetails
from ibkr_connector.model.futures import (
    Adjustment,
    ContinuousSeries,
    FetchedFuture,
    FuturesFetch,
    Roll,
    RollNotice,
)

from .bar_table import store_bars
from .config import IBKRFuturesServiceConfig
from .roll_watch import RollWatch

if TYPE_CHECKING:
    from ibkr_connector.instruments.registry import Registry

    from .futures import FuturesDesk

__all__ = ["Futures", "IBKRFuturesService"]

T = TypeVar("T")

_log = logging.getLogger("ibkr_connector.futures")


class Parts(Protocol):
    """What is needed of the engine."""

    @property
    def futures(self) -> FuturesDesk:
        """Front months and series."""
        ...

    @property
    def registry(self) -> Registry:
        """The database that is written to when no session is given."""
        ...


class Hop(Protocol):
    """Runs something on the engine's loop."""

    def __call__(self, do: Callable[[Parts], Awaitable[T]], /) -> Coroutine[Any, Any, T]:
        """Run it and return what it returns."""
        ...


class Futures:
    """Front months, rolls, and series that go on over them."""

    def __init__(self, hop: Hop, config: IBKRFuturesServiceConfig | None = None) -> None:
        self._hop = hop
        self._config = config or IBKRFuturesServiceConfig.get_default_config()

    def configured(self, config: IBKRFuturesServiceConfig) -> Futures:
        """Return the same under another configuration."""
        return Futures(self._hop, config)

    async def contracts(
        self, symbol: str, *, include_expired: bool = False
    ) -> tuple[ContractDetails, ...]:
        """
        Return the futures of a symbol, the next to expire first.

        Raises:
            ContractNotFoundError: There are none.
            ContractError: They differ in exchange, class or multiplier; `exchanges` chooses.

        Source: `reqContractDetails` (9). Cost: 1 message.
        """
        config = self._config
        return await self._hop(
            lambda engine: engine.futures.contracts(
                symbol, config=config, include_expired=include_expired
            )
        )

    async def front(self, symbol: str) -> ContractDetails:
        """
        Return the contract in front, by expiry, by the last whole day's volume or by open interest.

        Raises:
            NoDataError: IB tells no volume or open interest of any.

        Source: `reqContractDetails` (9), and `reqHistoricalData` (20) or `reqMktData` (1). Cost: 1
        message, and 1 or 2 for each of the three next contracts.
        """
        config = self._config
        return await self._hop(lambda engine: engine.futures.front(symbol, config=config))

    async def roll_calendar(self, symbol: str) -> tuple[Roll, ...]:
        """Return when each contract gives way to the next, by expiry; two years back, and ahead."""
        config = self._config
        return await self._hop(lambda engine: engine.futures.calendar(symbol, config=config))

    async def next_roll(self, symbol: str) -> RollNotice:
        """
        Return which contract follows the one in front, when, and how many trading days are left.

        Raises:
            NoDataError: IB lists none behind it.

        Cost: as of `front`, and 1 message.
        """
        config = self._config
        return await self._hop(lambda engine: engine.futures.next_roll(symbol, config=config))

    async def watch_rolls(
        self,
        symbols: Iterable[str] | None = None,
        *,
        within_days: int = 5,
        every_s: float = 3600.0,
    ) -> AsyncGenerator[RollNotice, None]:
        """
        Tell of rolls: `async for notice in ib.futures.watch_rolls(["ES"])`.

        Each is told when it is `within_days` trading days away, or less at the first look, and once
        more, with `is_over`, when another contract is in front by the rule of the configuration.
        What goes wrong at a later look is logged, and looked at again with the next one.

        Args:
            symbols: Those of the configuration when not given.
            within_days: Trading days.
            every_s: Between two looks.

        Raises:
            ContractNotFoundError, ContractError, NoDataError: At the first look.
        """
        wanted = self._config.symbols if symbols is None else tuple(symbols)
        if within_days < 0 or not every_s > 0:
            raise ConfigurationError(
                f"within_days is {within_days} and every_s {every_s}",
                hint="within_days is 0 or more, every_s above 0",
            )
        watch = RollWatch(within_days)
        is_first = True
        while True:
            for symbol in wanted:
                try:
                    found = await self.next_roll(symbol)
                    today = await self._hop(_today)
                except IBKRError as error:
                    if is_first:
                        raise
                    _log.warning("the next roll of %s is not known: %s", symbol, error)
                    continue
                for notice in watch.news(found, today):
                    yield notice
            is_first = False
            await self._hop(lambda engine: engine.futures.pause(every_s))

    async def continuous(
        self,
        symbol: str,
        *,
        start: date,
        end: date | None = None,
        adjustment: Adjustment | str = Adjustment.DIFFERENCE,
    ) -> ContinuousSeries:
        """
        Return daily bars that go on from one contract to the next, back-adjusted.

        Args:
            symbol: As in `ES`.
            start: The first day; IB knows contracts that expired within two years.
            end: The last day; today when not given.
            adjustment: `difference`, `ratio` or `none`.

        Raises:
            NoDataError: A gap between two contracts cannot be told.
            ContractError: By open interest, of which IB tells nothing of the past.

        Source: `reqContractDetails` (9), `reqHistoricalData` (20). Cost: 2 messages for each
        contract.
        """
        config = self._config
        try:
            how = Adjustment(adjustment)
        except ValueError as error:
            ways = ", ".join(Adjustment)
            raise ContractError(f"adjustment must be one of {ways}; got {adjustment!r}") from error
        return await self._hop(
            lambda engine: engine.futures.continuous(
                symbol, start=start, end=end, adjustment=how, config=config
            )
        )

    async def fetch(
        self, symbols: Iterable[str] | None = None, *, session: Any = None
    ) -> FuturesFetch:
        """
        Fetch bars of the front contracts together, within the pacing, and store them.

        Args:
            symbols: Those of the configuration when not given.
            session: An SQLAlchemy `Session` or `AsyncSession` of yours: written to, and left for
                you to commit. The connector's own database when not given.

        Returns:
            `contracts_processed`, the bars, how many of them were new, and each failure.

        Raises:
            ConfigurationError: The database cannot be used, or `session` is none.

        Source: `reqContractDetails` (9), `reqHistoricalData` (20). Replay: safe; bars are written
        over, so fetching twice stores them once.
        """
        config = self._config
        wanted = config.symbols if symbols is None else tuple(symbols)
        if session is None:
            return await self._hop(
                lambda engine: engine.futures.fetch(
                    wanted, config=config, store=partial(_keep, engine.registry, config)
                )
            )
        fetched: list[FetchedFuture] = []

        async def later(found: Sequence[FetchedFuture]) -> Sequence[int]:
            fetched.extend(found)
            return [0] * len(found)

        found = await self._hop(
            lambda engine: engine.futures.fetch(wanted, config=config, store=later)
        )
        # the caller's session is of the caller's loop or thread: it is written to here
        counts = await _written(session, fetched, config)
        return FuturesFetch(
            results=tuple(
                FetchedFuture(symbol=one.symbol, contract=one.contract, bars=one.bars, stored=count)
                for one, count in zip(found.results, counts, strict=True)
            ),
            failures=found.failures,
        )


class IBKRFuturesService:
    """
    Fetch and store futures: `IBKRFuturesService(ib, session).fetch_futures_market_data(["ES"])`.

    Args:
        connector: A connected connector.
        session: An SQLAlchemy session of yours; the connector's own database when not given.
        config: What is fetched; the default configuration when not given.
    """

    def __init__(
        self,
        connector: Any,
        session: Any = None,
        config: IBKRFuturesServiceConfig | None = None,
    ) -> None:
        self.config = config or IBKRFuturesServiceConfig.get_default_config()
        self._futures: Futures = connector.futures.configured(self.config)
        self._session = session

    async def fetch_futures_market_data(self, symbols: Iterable[str] | None = None) -> FuturesFetch:
        """Fetch the front contracts and store their bars; as `Futures.fetch`."""
        return await self._futures.fetch(symbols, session=self._session)


async def _today(engine: Parts) -> date:
    return engine.futures.today()


async def _keep(
    registry: Registry, config: IBKRFuturesServiceConfig, fetched: Sequence[FetchedFuture]
) -> Sequence[int]:
    return await registry.work(
        partial(
            store_bars,
            fetched=fetched,
            bar_size=config.bar_size,
            what_to_show=config.what_to_show,
            now=SystemClock().utcnow(),
        )
    )


async def _written(
    session: Any, fetched: Sequence[FetchedFuture], config: IBKRFuturesServiceConfig
) -> Sequence[int]:
    # who has a session has imported it, which takes half a second
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415
    from sqlalchemy.ext.asyncio import AsyncSession  # noqa: PLC0415
    from sqlalchemy.orm import Session  # noqa: PLC0415

    from ibkr_connector.storage.servers import Foreign  # noqa: PLC0415

    work = partial(
        store_bars,
        fetched=fetched,
        bar_size=config.bar_size,
        what_to_show=config.what_to_show,
        now=SystemClock().utcnow(),
    )
    try:
        if isinstance(session, AsyncSession):
            return await session.run_sync(lambda plain: work(Foreign(plain.connection())))
        if isinstance(session, Session):
            return work(Foreign(session.connection()))
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise ConfigurationError(f"the bars cannot be stored: {cause}") from error
    raise ConfigurationError(
        f"expected a session of SQLAlchemy, found {type(session).__name__}",
        hint="pass a Session or an AsyncSession",
    )
