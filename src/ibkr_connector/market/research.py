"""
`ib.research`: scans of the market, news and reports about companies, as users hold them.

Each is one question to the gateway, and the same one may be asked again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar

from ibkr_connector.errors import MarketDataError, MarketDataPermissionError
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.research import Article, Headline, Headlines, NewsProvider, ScanRow
from ibkr_connector.resilience.operation import ENDPOINTS, Carrier, Operation

__all__ = ["Research", "ResearchDesk", "ResearchGateway", "ResearchSource"]

T = TypeVar("T")

_MOST_ROWS: Final = 50
"""Rows of one scan (IB campus: market scanner)."""

_MOST_HEADLINES: Final = 300
"""Headlines of one answer (IB campus: historical news)."""


class ResearchSource(Protocol):
    """Asks one question."""

    async def scan(
        self, *, code: str, instrument: str, location: str, rows: int, filters: Mapping[str, str]
    ) -> tuple[ScanRow, ...]:
        """Return what one scan finds."""
        ...

    async def scan_parameters(self) -> str:
        """Return IB's XML of all that a scan may be asked."""
        ...

    async def news_providers(self) -> tuple[NewsProvider, ...]:
        """Return the sources of news that the login may read."""
        ...

    async def headlines(
        self,
        contract: Contract,
        *,
        providers: str,
        start: datetime | None,
        end: datetime | None,
        most: int,
    ) -> Headlines:
        """Return headlines about a contract."""
        ...

    async def article(self, provider: str, article_id: str) -> Article:
        """Return the text of an article."""
        ...

    async def fundamentals(self, contract: Contract, *, report: str) -> str:
        """Return a report about a company."""
        ...


class ResearchGateway(Protocol):
    """What research needs of a gateway."""

    @property
    def data(self) -> ResearchSource:
        """Questions that are not about bars."""
        ...


class ResearchDesk:
    """
    Carries the questions out.

    Args:
        gateway: Asks one.
        pipeline: Carries it out.
        resolve: Turns text or a description into the details of one contract.
    """

    def __init__(
        self,
        *,
        gateway: ResearchGateway,
        pipeline: Carrier,
        resolve: Callable[[Contract | str], Awaitable[ContractDetails]],
    ) -> None:
        self._gateway = gateway
        self._pipeline = pipeline
        self._resolve = resolve

    async def ask(self, question: Callable[[ResearchSource], Awaitable[T]]) -> T:
        """Carry one question out."""
        return await self._pipeline.run(
            Operation(policy=ENDPOINTS["research"], call=lambda: question(self._gateway.data))
        )

    async def contract(self, description: Contract | str) -> Contract:
        """Return the qualified contract."""
        return (await self._resolve(description)).contract


class Research:
    """
    Scans, news and reports.

    Args:
        call: Runs something on the desk, over the connection.
    """

    def __init__(
        self, call: Callable[[Callable[[ResearchDesk], Awaitable[Any]]], Awaitable[Any]]
    ) -> None:
        self._call = call

    async def scan(
        self,
        code: str,
        *,
        instrument: str = "STK",
        location: str = "STK.US.MAJOR",
        rows: int = 50,
        filters: Mapping[str, str | int] | None = None,
    ) -> tuple[ScanRow, ...]:
        """
        Return what a market scan finds now, best first.

        *Limit*: a scan that finds nothing ends with a `RequestTimeoutError` where the gateway says
        so with a message (TWS 165) instead of an empty answer.

        Args:
            code: IB's scan code, as in `TOP_PERC_GAIN`, `MOST_ACTIVE`; all are in
                `scan_parameters`.
            instrument: IB's word.
            location: IB's word.
            rows: 50 at most.
            filters: Such as `{"priceAbove": 5, "volumeAbove": 100_000}`, by IB's tags.

        Raises:
            MarketDataError: Refused (TWS 162, 321).

        Source: `reqScannerSubscription` (22). Replay: safe. Cost: 2 messages.
        """
        if not 1 <= rows <= _MOST_ROWS:
            raise MarketDataError(f"a scan has 1 to {_MOST_ROWS} rows, not {rows}")
        chosen = {tag: str(value) for tag, value in (filters or {}).items()}
        return await self._ask(
            lambda source: source.scan(
                code=code, instrument=instrument, location=location, rows=rows, filters=chosen
            )
        )

    async def scan_parameters(self) -> str:
        """
        Return IB's XML of all scan codes, instruments, locations and filters; it is large.

        Source: `reqScannerParameters` (24). Replay: safe. Cost: 1 message.
        """
        return await self._ask(lambda source: source.scan_parameters())

    async def news_providers(self) -> tuple[NewsProvider, ...]:
        """
        Return the sources of news that the login may read.

        Source: `reqNewsProviders` (85). Replay: safe. Cost: 1 message.
        """
        return await self._ask(lambda source: source.news_providers())

    async def headlines(
        self,
        contract: Contract | str,
        *,
        providers: Collection[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        most: int = 100,
    ) -> Headlines:
        """
        Return headlines about a contract, newest first.

        Args:
            contract: A contract or its short text form.
            providers: Codes, as in `BRFG`; all that the login may read when not given.
            start: Aware datetime.
            end: Aware datetime; now when not given.
            most: 300 at most; `has_more` of the answer tells that there are more.

        Raises:
            MarketDataPermissionError: The login may read none of them (TWS 10276).

        Source: `reqHistoricalNews` (86). Replay: safe. Cost: 1 message, and 1 for the providers.
        """
        if not 1 <= most <= _MOST_HEADLINES:
            raise MarketDataError(f"one answer has 1 to {_MOST_HEADLINES} headlines, not {most}")
        codes = providers
        if codes is None:
            codes = [provider.code for provider in await self.news_providers()]
        if not codes:
            raise MarketDataPermissionError("the login may read no provider of news")
        limits = [None if time is None else _utc(time) for time in (start, end)]
        qualified: Contract = await self._call(lambda desk: desk.contract(contract))
        return await self._ask(
            lambda source: source.headlines(
                qualified, providers="+".join(codes), start=limits[0], end=limits[1], most=most
            )
        )

    async def article(self, headline: Headline) -> Article:
        """
        Return the text behind a headline.

        Raises:
            MarketDataPermissionError: The login may not read its provider (TWS 10276).

        Source: `reqNewsArticle` (84). Replay: safe. Cost: 1 message.
        """
        return await self._ask(
            lambda source: source.article(headline.provider, headline.article_id)
        )

    async def fundamentals(self, contract: Contract | str, report: str = "ReportSnapshot") -> str:
        """
        Return a report about a company as XML; IB has ended these in newer versions of TWS.

        Args:
            contract: A contract or its short text form.
            report: `ReportSnapshot`, `ReportsFinSummary`, `ReportsFinStatements`, `RESC`, ...

        Raises:
            NoDataError: There is none, or the login may not read it (TWS 430).

        Source: `reqFundamentalData` (52). Replay: safe. Cost: 1 message.
        """
        qualified: Contract = await self._call(lambda desk: desk.contract(contract))
        return await self._ask(lambda source: source.fundamentals(qualified, report=report))

    async def _ask(self, question: Callable[[ResearchSource], Awaitable[T]]) -> T:
        found: T = await self._call(lambda desk: desk.ask(question))
        return found


def _utc(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise MarketDataError(f"{time!r} names no zone", hint="use an aware datetime")
    return time.astimezone(UTC)
