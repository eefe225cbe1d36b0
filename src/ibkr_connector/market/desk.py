"""
Quotes and bars, asked for one at a time.

Owns the order in which data types are tried: what the settings ask for first, delayed data next
when the account lacks the subscription and the settings allow it. The answer says which it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from typing import Any

from ibkr_connector.clock import Clock
from ibkr_connector.errors import MarketDataPermissionError, NoDataError
from ibkr_connector.gateway.port import MarketGateway
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.market import BarSeries, DataType, MarketData, Quote, QuoteSet
from ibkr_connector.resilience.asking import Resolve
from ibkr_connector.resilience.lines import LineBudget
from ibkr_connector.resilience.operation import ENDPOINTS, Carrier, Operation

from .many import Line, ManyQuotes
from .questions import bars_key, show_of
from .spans import check_bar_size, check_duration
from .timed_cache import TimedCache

__all__ = ["MarketDesk"]


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
        lines: LineBudget,
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
        self._many = ManyQuotes(take=self._one, followed=self._newest, lines=lines)

    async def quote(self, description: Contract | str, *, awaits_greeks: bool = True) -> Quote:
        """
        Take a snapshot of one contract, that of an option with its greeks unless nobody needs them.

        Raises:
            ContractNotFoundError: Nothing fits (TWS 200).
            AmbiguousContractError: Several contracts fit.
            MarketDataPermissionError: No subscription, and delayed data is off or missing too.
            NoDataError: The gateway has no price at all for the contract.
        """
        return await self._quote(description, nullcontext, awaits_greeks=awaits_greeks)

    async def _one(self, description: Contract | str, line: Line) -> Quote:
        return await self._quote(description, line, awaits_greeks=True)

    async def _quote(
        self, description: Contract | str, line: Line, *, awaits_greeks: bool
    ) -> Quote:
        contract = (await self._resolve(description)).contract
        try:
            return await self._snapshot(
                contract, self._data_type, line=line, awaits_greeks=awaits_greeks
            )
        except MarketDataPermissionError as refused:
            if not self._delayed_fallback or self._data_type >= DataType.DELAYED:
                raise
            try:
                return await self._snapshot(
                    contract, DataType.DELAYED, line=line, awaits_greeks=awaits_greeks
                )
            except NoDataError as nothing:
                # the delayed feed is empty too: the missing subscription is what matters
                raise refused from nothing

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
        show = show_of(what_to_show, contract)
        wish: dict[str, Any] = {
            "duration": span,
            "bar_size": size,
            "what_to_show": show,
            "end": end,
            "regular_hours_only": regular_hours_only,
        }
        return await self._pipeline.run(
            Operation(
                policy=ENDPOINTS["bars"],
                call=lambda: self._gateway.bars(contract, **wish),
                history=bars_key(contract, **wish),
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

    async def _snapshot(
        self, contract: Contract, data_type: DataType, *, line: Line, awaits_greeks: bool
    ) -> Quote:
        async def ask() -> Quote:
            async with line():
                return await self._gateway.quote(
                    contract, data_type=data_type, awaits_greeks=awaits_greeks
                )

        return await self._pipeline.run(Operation(policy=ENDPOINTS["quote"], call=ask))
