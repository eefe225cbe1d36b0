"""
`ib.research`: scans of the market, news and reports about companies, as users hold them.

Each is one question to the gateway, and the same one may be asked again; scans, news and bulletins
are streams too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final, Protocol, TypeVar

from ibkr_connector.errors import MarketDataError, MarketDataPermissionError
from ibkr_connector.gateway.stream_port import StreamKind
from ibkr_connector.model.contracts import Contract, SecurityType
from ibkr_connector.model.research import (
    Article,
    CorporateEvent,
    Headline,
    Headlines,
    NewsProvider,
    ScanQuery,
    ScanRow,
)
from ibkr_connector.model.streams import WhenFull
from ibkr_connector.resilience.asking import Asking, AskingGateway

from .calendar_events import events_of
from .stream import BulletinStream, NewsStream, ScanStream, TakePlace
from .streaming import StreamWish, Ticket

__all__ = ["Research", "ResearchDesk", "ResearchGateway", "ResearchSource"]

T = TypeVar("T")

_MOST_ROWS: Final = 50
"""Rows of one scan (IB campus: market scanner)."""

_MOST_EVENTS: Final = 100
"""Events of one answer (IB campus: Wall Street Horizon)."""

_MOST_HEADLINES: Final = 300
"""Headlines of one answer (IB campus: historical news)."""


class ResearchSource(Protocol):
    """Asks one question."""

    async def scan(self, query: ScanQuery) -> tuple[ScanRow, ...]:
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

    async def calendar(
        self, contract: Contract, *, start: date | None, end: date | None, most: int
    ) -> str:
        """Return the events of a company as JSON."""
        ...


class ResearchGateway(AskingGateway, Protocol):
    """What research needs of a gateway."""

    @property
    def data(self) -> ResearchSource:
        """Questions that are not about bars."""
        ...


class ResearchDesk:
    """Carries the questions out."""

    def __init__(self, asking: Asking[ResearchGateway]) -> None:
        self._asking = asking

    async def ask(self, question: Callable[[ResearchSource], Awaitable[T]]) -> T:
        """Carry one question out."""
        return await self._asking.ask("research", lambda: question(self._asking.gateway.data))

    async def contract(self, description: Contract | str) -> Contract:
        """Return the qualified contract."""
        return await self._asking.contract(description)


class Research:
    """
    Scans, news and reports.

    Args:
        call: Runs something on the desk, over the connection.
        follow: Takes a place at a stream.
    """

    def __init__(
        self,
        call: Callable[[Callable[[ResearchDesk], Awaitable[Any]]], Awaitable[Any]],
        *,
        follow: Callable[[StreamWish], TakePlace],
    ) -> None:
        self._call = call
        self._follow = follow

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

        Returns:
            Rows with qualified contracts; none when the scan finds nothing (TWS 165).

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
        query = _query(code, instrument, location, rows=rows, filters=filters)
        return await self._ask(lambda source: source.scan(query))

    def stream_scan(
        self,
        code: str,
        *,
        instrument: str = "STK",
        location: str = "STK.US.MAJOR",
        rows: int = 50,
        filters: Mapping[str, str | int] | None = None,
        buffer: int | None = None,
    ) -> ScanStream:
        """
        Follow a market scan: `async for found in ib.research.stream_scan("MOST_ACTIVE")`.

        Each record is a `ScanUpdate`: all that the scan finds, told again whenever that is
        something else, with no rows when it is nothing. IB looks every half minute. A slow reader
        gets the newest; a `Gap` tells that none come, and again when they do.

        Args:
            code: As in `scan`.
            instrument: As in `scan`.
            location: As in `scan`.
            rows: 50 at most.
            filters: As in `scan`.
            buffer: How many records may wait; 64 when not given.

        Raises:
            MarketDataError: Refused (TWS 162, 321); while reading.
            MarketDataPermissionError: Ten scans are followed already; nothing was sent.

        Source: `reqScannerSubscription` (22). Cost: 1 message for all readers of the same scan.
        """
        query = _query(code, instrument, location, rows=rows, filters=filters)
        return ScanStream(self._follow(StreamWish(kind=StreamKind.SCAN, scan=query, buffer=buffer)))

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
        codes = await self._providers(providers)
        limits = [None if time is None else _utc(time) for time in (start, end)]
        qualified: Contract = await self._call(lambda desk: desk.contract(contract))
        if qualified.con_id is None:
            raise MarketDataError(f"no news are told of {qualified}", hint="ask for its legs")
        return await self._ask(
            lambda source: source.headlines(
                qualified, providers="+".join(codes), start=limits[0], end=limits[1], most=most
            )
        )

    def stream_news(
        self,
        contract: Contract | str,
        *,
        providers: Collection[str] | None = None,
        buffer: int | None = None,
        when_full: WhenFull | str | None = None,
    ) -> NewsStream:
        """
        Follow the headlines about a contract as they come, each a `Headline` for `article`.

        A reader slower than they come, by more than `buffer`, gets a `Gap` that counts what is
        missing. Headlines of a gap are not told again; `headlines` has them.

        Args:
            contract: A contract or its short text form.
            providers: Codes, as in `BRFG`; all that the login may read when not given.
            buffer: How many headlines may wait; 10,000 when not given.
            when_full: `drop`, or `close`: end with a `MarketDataError` behind what still waits.

        Raises:
            MarketDataPermissionError: The login may read none of them (TWS 10276), or no line is
                free; while reading.

        Source: `reqMktData` (1), generic tick 292. Cost: 1 message, 1 for the providers, and one
        data line for all readers together.
        """

        async def take(taken: Callable[[Ticket], None]) -> Ticket:
            wish = StreamWish(
                kind=StreamKind.NEWS,
                contract=contract,
                providers=tuple(sorted(await self._providers(providers))),
                buffer=buffer,
                when_full=when_full,
            )
            return await self._follow(wish)(taken)

        return NewsStream(take)

    def stream_broad_tape(
        self,
        provider: str,
        *,
        topic: str = "",
        buffer: int | None = None,
        when_full: WhenFull | str | None = None,
    ) -> NewsStream:
        """
        Follow all that a provider tells, of whatever contract or of none; as `stream_news`.

        Args:
            provider: Its code, as in `BRFG`.
            topic: Part of it in IB's own word; all of it (`BRFG_ALL`) when not given.
            buffer, when_full: As in `stream_news`.

        Raises:
            ContractNotFoundError: No such provider or topic (TWS 200); while reading.

        Source: `reqMktData` (1) of a contract of kind NEWS. Cost: 1 message and one data line.
        """
        tape = Contract(
            symbol=f"{provider}:{topic or f'{provider}_ALL'}",
            security_type=SecurityType.NEWS,
            exchange=provider,
            currency="",
        )
        wish = StreamWish(kind=StreamKind.NEWS, contract=tape, buffer=buffer, when_full=when_full)
        return NewsStream(self._follow(wish))

    def stream_bulletins(self, *, buffer: int | None = None) -> BulletinStream:
        """
        Follow IB's bulletins: those of the day first, then each as it comes, every one once.

        They tell of exchanges that close or open and of trouble at IB; those of a gap after it.

        Args:
            buffer: How many may wait; 1,000 when not given.

        Source: `reqNewsBulletins` (12). Cost: 1 message for all readers together.
        """
        return BulletinStream(self._follow(StreamWish(kind=StreamKind.BULLETINS, buffer=buffer)))

    async def _providers(self, wanted: Collection[str] | None) -> Collection[str]:
        codes = wanted
        if codes is None:
            codes = [provider.code for provider in await self.news_providers()]
        if not codes:
            raise MarketDataPermissionError("the login may read no provider of news")
        return codes

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

    async def calendar(
        self,
        contract: Contract | str,
        *,
        start: date | None = None,
        end: date | None = None,
        most: int = 100,
    ) -> tuple[CorporateEvent, ...]:
        """
        Return the events of a company (earnings, dividends, meetings, splits), the next one last,
        as Wall Street Horizon has them for logins that subscribe to it.

        Args:
            contract: A contract or its short text form.
            start: The first day.
            end: The last day.
            most: 100 at most.

        Returns:
            Events by day, those without a day first. What is told of each differs by `kind`, and is
            in `facts`.

        Raises:
            MarketDataPermissionError: The login may not read them (TWS 10276, 10277).
            NoDataError: What came is not what a calendar looks like.

        Source: `reqWshEventData` (102), after `reqWshMetaData` (100). Replay: safe. Cost: 2
        messages, and 1 before the first.
        """
        if not 1 <= most <= _MOST_EVENTS:
            raise MarketDataError(f"one answer has 1 to {_MOST_EVENTS} events, not {most}")
        qualified: Contract = await self._call(lambda desk: desk.contract(contract))
        text = await self._ask(
            lambda source: source.calendar(qualified, start=start, end=end, most=most)
        )
        return events_of(text, start=start, end=end)

    async def _ask(self, question: Callable[[ResearchSource], Awaitable[T]]) -> T:
        found: T = await self._call(lambda desk: desk.ask(question))
        return found


def _query(
    code: str,
    instrument: str,
    location: str,
    *,
    rows: int,
    filters: Mapping[str, str | int] | None,
) -> ScanQuery:
    if not 1 <= rows <= _MOST_ROWS:
        raise MarketDataError(f"a scan has 1 to {_MOST_ROWS} rows, not {rows}")
    return ScanQuery(
        code=code,
        instrument=instrument,
        location=location,
        rows=rows,
        filters=tuple((tag, str(value)) for tag, value in sorted((filters or {}).items())),
    )


def _utc(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise MarketDataError(f"{time!r} names no zone", hint="use an aware datetime")
    return time.astimezone(UTC)
