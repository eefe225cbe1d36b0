"""
Quotes and bars, asked for one at a time.

Owns the order in which data types are tried: what the settings ask for first, delayed data next
when the account lacks the subscription and the settings allow it. The answer says which it was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import datetime

from ibkr_connector.clock import Clock
from ibkr_connector.errors import MarketDataPermissionError, NoDataError
from ibkr_connector.gateway.port import MarketGateway
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.market import BarSeries, DataType, MarketData, Quote, QuoteSet
from ibkr_connector.resilience.operation import ENDPOINTS, Carrier, HistoryKey, Operation

from .lines import Lines
from .many import ManyQuotes
from .spans import (
    SMALL_BAR_SIZES,
    check_bar_size,
    check_duration,
    check_what_to_show,
    default_what_to_show,
)
from .timed_cache import TimedCache

__all__ = ["MarketDesk"]

Resolve = Callable[[Contract | str], Awaitable[ContractDetails]]
"""Turns text or a description into the details of one contract."""


class MarketDesk:
    """Answer questions about prices."""

    def __init__(
        self,
        *,
        gateway: MarketGateway,
        pipeline: Carrier,
        resolve: Resolve,
        data_type: DataType,
        delayed_fallback: bool,
        lines: Lines,
        followed: Callable[[Contract], Quote | None],
        clock: Clock,
    ) -> None:
        self._gateway = gateway
        self._pipeline = pipeline
        self._resolve = resolve
        self._data_type = data_type
        self._delayed_fallback = delayed_fallback
        self._followed = followed
        self._recent: TimedCache[MarketData] = TimedCache(clock)
        self._many = ManyQuotes(take=self.quote, followed=self._newest, lines=lines)

    async def quote(self, description: Contract | str) -> Quote:
        """
        Take a snapshot of one contract.

        Raises:
            ContractNotFoundError: Nothing fits (TWS 200).
            AmbiguousContractError: Several contracts fit.
            MarketDataPermissionError: No subscription, and delayed data is off or missing too.
            NoDataError: The gateway has no price at all for the contract.
        """
        details = await self._resolve(description)
        try:
            return await self._snapshot(details.contract, self._data_type)
        except MarketDataPermissionError as refused:
            if not self._delayed_fallback or self._data_type >= DataType.DELAYED:
                raise
            try:
                return await self._snapshot(details.contract, DataType.DELAYED)
            except NoDataError:
                # the delayed feed is empty too: the missing subscription is what matters
                raise refused from None

    async def quotes(self, descriptions: Iterable[Contract | str]) -> QuoteSet:
        """
        Take snapshots of many contracts within the lines that are free.

        Raises:
            IBKRError: Not one could be had; the error of the first.
        """
        return await self._many.ask(descriptions)

    async def _newest(self, description: Contract | str) -> Quote | None:
        return self._followed((await self._resolve(description)).contract)

    async def bars(
        self,
        description: Contract | str,
        *,
        duration: str,
        bar_size: str,
        what_to_show: str | None = None,
        end: datetime | None = None,
        regular_hours_only: bool = True,
    ) -> BarSeries:
        """
        Fetch the bars of one historical request, oldest first.

        Raises:
            HistoricalDataError: Illegal size, duration or kind, or refused (TWS 162, 321).
            NoDataError: The request is fine and there are no bars.
            PacingError: Asked too often; carries `retry_after_s`.
        """
        size, span = check_bar_size(bar_size), check_duration(duration)
        contract = (await self._resolve(description)).contract
        show = (
            check_what_to_show(what_to_show)
            if what_to_show is not None
            else default_what_to_show(contract.security_type)
        )
        moment = end.isoformat() if end is not None else "now"
        key = HistoryKey(
            contract_key=f"{contract.con_id}/{contract.exchange}/{show}",
            identical_key=f"{contract.con_id}/{size}/{span}/{show}/{moment}/{regular_hours_only}",
            weight=2 if show == "BID_ASK" else 1,
            small_bars=size in SMALL_BAR_SIZES,
        )
        return await self._pipeline.run(
            Operation(
                policy=ENDPOINTS["bars"],
                call=lambda: self._gateway.bars(
                    contract,
                    duration=span,
                    bar_size=size,
                    what_to_show=show,
                    end=end,
                    regular_hours_only=regular_hours_only,
                ),
                history=key,
            )
        )

    async def market_data(
        self,
        description: Contract | str,
        *,
        bar_size: str,
        duration: str,
        max_age_s: float = 0.0,
    ) -> MarketData:
        """Fetch a series and put its latest bar in front; or tell what was told lately."""
        contract = (await self._resolve(description)).contract
        found = await self._recent.get(
            (contract, bar_size, duration),
            lambda: self._latest(contract, bar_size=bar_size, duration=duration),
            # without an age nothing is good enough but a new answer
            max_age_s=max_age_s or -1.0,
        )
        return replace(found.value, age_s=found.age_s) if max_age_s else found.value

    async def _latest(self, description: Contract, *, bar_size: str, duration: str) -> MarketData:
        series = await self.bars(description, duration=duration, bar_size=bar_size)
        if not series.bars:
            raise NoDataError(f"no {bar_size} bars of {series.contract} within {duration}")
        latest = series.bars[-1]
        return MarketData(
            symbol=series.contract.symbol,
            timestamp=latest.timestamp,
            open=latest.open,
            high=latest.high,
            low=latest.low,
            close=latest.close,
            volume=latest.volume,
            series=series,
        )

    async def _snapshot(self, contract: Contract, data_type: DataType) -> Quote:
        return await self._pipeline.run(
            Operation(
                policy=ENDPOINTS["quote"],
                call=lambda: self._gateway.quote(contract, data_type=data_type),
            )
        )
