"""
Questions of one session about data that are neither quotes nor bars.

As every call of a session: no deadline, no retry, no pacing, and whoever is cancelled leaves
nothing behind, here or at the gateway.
"""

# mypy: disallow-untyped-calls=False
# ib_async's request methods and callbacks are not typed.
# ruff: noqa: FBT003
# The order of the arguments is ib_async's.

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Final, cast

from ib_async.objects import WshEventData

from ibkr_connector.clock import Clock
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.history import Session
from ibkr_connector.model.ids import RequestId
from ibkr_connector.model.market import DataType, Quote
from ibkr_connector.model.research import (
    Article,
    Headlines,
    NewsProvider,
    PastMidpoint,
    PastQuote,
    ScanQuery,
    ScanRow,
    VolumeAtPrice,
)
from ibkr_connector.model.streams import Trade

from . import translate
from .asking import ask
from .client import GatewayClient
from .data_answers import PastTrade
from .following import followed_greeks
from .stream_requests import write_scan
from .streams import Streams
from .times import date_text
from .wrapper import GatewayWrapper

__all__ = ["MOST_TICKS", "DataCalls"]

MOST_TICKS: Final = 1_000
"""Ticks of one page (IB campus: historical ticks)."""

_EPOCH_SECONDS: Final = 2
"""`formatDate` that gives times without a zone to misread (IB campus: historical bars)."""


class DataCalls:
    """Asks through one session."""

    def __init__(
        self, client: GatewayClient, wrapper: GatewayWrapper, *, streams: Streams, clock: Clock
    ) -> None:
        self._clock = clock
        self._streams = streams
        self._client = client
        self._wrapper = wrapper
        self._calendar_turn = asyncio.Lock()
        self._has_calendar = False

    async def schedule(
        self, contract: Contract, *, duration: str, end: datetime | None, regular_hours_only: bool
    ) -> tuple[Session, ...]:
        """
        Return the trading sessions of the past, oldest first.

        Raises:
            HistoricalDataError: Refused (TWS 162, 321).
        """
        asked = translate.ib_contract(contract)
        until = "" if end is None else date_text(end)
        rows: list[Session] = await ask(
            self._client,
            self._wrapper.requests,
            "schedule",
            send=lambda number: self._client.reqHistoricalData(
                number, asked, until, duration, "1 day", "SCHEDULE", regular_hours_only,
                _EPOCH_SECONDS, False, [],
            ),
            stop=self._client.cancelHistoricalData,
        )  # fmt: skip
        return tuple(sorted(rows, key=lambda row: row.start))

    async def head_timestamp(
        self, contract: Contract, *, what_to_show: str, regular_hours_only: bool
    ) -> datetime:
        """
        Return the earliest moment of which there are data.

        The gateway keeps such a question open until it is called off, which is done here.

        Raises:
            HistoricalDataError: Refused (TWS 162).
        """
        asked = translate.ib_contract(contract)
        numbers: list[int] = []

        def send(number: int) -> None:
            numbers.append(number)
            self._client.reqHeadTimeStamp(
                number, asked, what_to_show, regular_hours_only, _EPOCH_SECONDS
            )

        rows: list[datetime] = await ask(
            self._client,
            self._wrapper.requests,
            "head_timestamp",
            send=send,
            stop=self._client.cancelHeadTimeStamp,
        )
        if self._client.isReady():
            self._client.cancelHeadTimeStamp(numbers[0])
        return rows[0]

    # --- options --------------------------------------------------------------------------------

    async def greeks(self, contract: Contract, *, data_type: DataType, patience_s: float) -> Quote:
        """
        Follow an option until IB's model has spoken, or for `patience_s`, and leave.

        A snapshot may end before greeks come.

        Raises:
            MarketDataPermissionError: No subscription (TWS 354, 10089, 10168).
            NoDataError: Nothing at all came.
        """
        return await followed_greeks(
            contract,
            streams=self._streams,
            requests=self._wrapper.requests,
            data_type=data_type,
            patience_s=patience_s,
        )

    # --- ticks ----------------------------------------------------------------------------------

    async def ticks(
        self,
        contract: Contract,
        *,
        start: datetime | None,
        end: datetime | None,
        what_to_show: str,
        regular_hours_only: bool,
    ) -> tuple[Trade | PastQuote | PastMidpoint, ...]:
        """
        Return a page of ticks, oldest first: from `start` on, or up to `end`; one of both is given.

        A page has a thousand, and the rest of its last second (IB campus).

        Raises:
            MarketDataPermissionError: No permission (TWS 10187).
            HistoricalDataError: Refused (TWS 321).
        """
        asked = translate.ib_contract(contract)
        limits = ["" if time is None else date_text(time) for time in (start, end)]
        rows = await self._ask(
            "past_ticks",
            lambda number: self._client.reqHistoricalTicks(
                number, asked, limits[0], limits[1], MOST_TICKS, what_to_show, regular_hours_only,
                False, [],
            ),
        )  # fmt: skip
        received = self._clock.utcnow()
        return tuple(
            Trade(
                contract=contract,
                timestamp=row.timestamp,
                received=received,
                price=row.price,
                size=row.size,
                exchange=row.exchange,
                conditions=row.conditions,
                past_limit=row.past_limit,
                unreported=row.unreported,
            )
            if isinstance(row, PastTrade)
            else row
            for row in rows
        )

    async def histogram(
        self, contract: Contract, *, period: str, regular_hours_only: bool
    ) -> tuple[VolumeAtPrice, ...]:
        """Return how much was traded at each price of a period, as in `3 days`."""
        asked = translate.ib_contract(contract)
        rows = await self._ask(
            "histogram",
            lambda number: self._client.reqHistogramData(number, asked, regular_hours_only, period),
            stop=self._client.cancelHistogramData,
        )
        return tuple(sorted(rows, key=lambda row: row.price))

    # --- scans ----------------------------------------------------------------------------------

    async def scan(self, query: ScanQuery) -> tuple[ScanRow, ...]:
        """
        Return what one scan finds, best first; it is called off with its first answer.

        Raises:
            MarketDataError: Refused (TWS 162, 321).
        """
        numbers: list[int] = []

        def send(number: RequestId) -> None:
            numbers.append(number)
            write_scan(self._client, query, number=number)

        found = await self._ask("scan", send, stop=self._client.cancelScannerSubscription)
        if self._client.isReady():
            self._client.cancelScannerSubscription(numbers[0])
        return tuple(found)

    async def scan_parameters(self) -> str:
        """Return IB's XML of all that a scan may be asked."""
        (xml,) = await self._wrapper.scan_parameters.ask(self._client.reqScannerParameters)
        return str(xml)

    async def server_time(self) -> datetime:
        """Ask what time it is there, in whole seconds; TWS may ignore a second question of one."""
        told = await self._wrapper.now.ask(self._client.reqCurrentTime)
        return datetime.fromtimestamp(int(told[-1]), UTC)

    # --- news and reports -----------------------------------------------------------------------

    async def news_providers(self) -> tuple[NewsProvider, ...]:
        """Return the sources of news that the login may read."""
        return await self._wrapper.providers.ask(self._client.reqNewsProviders)

    async def headlines(
        self,
        contract: Contract,
        *,
        providers: str,
        start: datetime | None,
        end: datetime | None,
        most: int,
    ) -> Headlines:
        """
        Return headlines about a contract, newest first.

        Raises:
            MarketDataPermissionError: Not one of the providers may be read (TWS 10276).
        """
        limits = ["" if time is None else f"{time:%Y-%m-%d %H:%M:%S}.0" for time in (start, end)]
        *rows, has_more = await self._ask(
            "headlines",
            lambda number: self._client.reqHistoricalNews(
                number, contract.con_id, providers, limits[0], limits[1], most, []
            ),
        )
        return Headlines(headlines=tuple(rows), has_more=has_more)

    async def article(self, provider: str, article_id: str) -> Article:
        """Return the text of an article."""
        (found,) = await self._ask(
            "article",
            lambda number: self._client.reqNewsArticle(number, provider, article_id, []),
        )
        return cast("Article", found)

    async def fundamentals(self, contract: Contract, *, report: str) -> str:
        """
        Return a report about a company as XML.

        Raises:
            NoDataError: There is none, or the login may not read it (TWS 430).
        """
        asked = translate.ib_contract(contract)
        (xml,) = await self._ask(
            "fundamentals",
            lambda number: self._client.reqFundamentalData(number, asked, report, []),
            stop=self._client.cancelFundamentalData,
        )
        return str(xml)

    async def calendar(
        self, contract: Contract, *, start: date | None, end: date | None, most: int
    ) -> str:
        """
        Return the events of a company as JSON.

        The gateway must have told which kinds there are first, once in a session, and answers one
        question at a time (TWS 10281, 10283).

        Raises:
            MarketDataPermissionError: The login may not read them (TWS 10276, 10277).
        """
        days = ["" if day is None else f"{day:%Y%m%d}" for day in (start, end)]
        wish = WshEventData(
            conId=contract.con_id or 0, startDate=days[0], endDate=days[1], totalLimit=most
        )
        async with self._calendar_turn:
            if not self._has_calendar:
                await self._ask(
                    "calendar", self._client.reqWshMetaData, stop=self._client.cancelWshMetaData
                )
                self._has_calendar = True
            numbers: list[RequestId] = []

            def send(number: RequestId) -> None:
                numbers.append(number)
                self._client.reqWshEventData(number, wish)

            (text,) = await self._ask("calendar", send, stop=self._client.cancelWshEventData)
            if self._client.isReady():
                self._client.cancelWshEventData(numbers[0])
        return str(text)

    async def _ask(
        self,
        name: str,
        send: Callable[[RequestId], None],
        *,
        stop: Callable[[RequestId], None] | None = None,
    ) -> list[Any]:
        rows: list[Any] = await ask(
            self._client, self._wrapper.requests, name, send=send, stop=stop
        )
        return rows
