"""
Ticks of the past, page after page, and how much was traded at which price.

A page has a thousand ticks and the rest of its last second, so the next one begins with the second
after it. It never goes beyond one session, and one that begins where there is no more of a session
is empty, or has older ticks: then the next session of IB's schedule is where it goes on.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Protocol

from ibkr_connector.errors import HistoricalDataError, IBKRError
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.research import PastMidpoint, PastQuote, PastTicks, VolumeAtPrice
from ibkr_connector.model.streams import Trade
from ibkr_connector.resilience.asking import Asking, AskingGateway

from .past import Past
from .questions import aware, counted, instant, until_now

__all__ = ["PastTickDesk", "TickGateway", "TickSource"]

Tick = Trade | PastQuote | PastMidpoint

_KINDS: Final = ("TRADES", "BID_ASK", "MIDPOINT")
_SECOND: Final = timedelta(seconds=1)


class TickSource(Protocol):
    """Asks for a page of ticks, and for a histogram."""

    async def ticks(
        self,
        contract: Contract,
        *,
        start: datetime | None,
        end: datetime | None,
        what_to_show: str,
        regular_hours_only: bool,
    ) -> tuple[Tick, ...]:
        """Return a page of ticks."""
        ...

    async def histogram(
        self, contract: Contract, *, period: str, regular_hours_only: bool
    ) -> tuple[VolumeAtPrice, ...]:
        """Return how much was traded at each price."""
        ...


class TickGateway(AskingGateway, Protocol):
    """What ticks of the past need of a gateway."""

    @property
    def data(self) -> TickSource:
        """Questions that are not about bars."""
        ...


class PastTickDesk:
    """
    Asks for them.

    Args:
        asking: What every question needs.
        past: Knows the sessions.
    """

    def __init__(self, asking: Asking[TickGateway], *, past: Past) -> None:
        self._asking = asking
        self._past = past

    async def ticks(
        self,
        description: Contract | str,
        *,
        start: datetime,
        end: datetime | None = None,
        what_to_show: str = "TRADES",
        regular_hours_only: bool = True,
        limit: int = 100_000,
    ) -> PastTicks:
        """Return the ticks of a span, oldest first."""
        show = what_to_show.strip().upper()
        if show not in _KINDS:
            raise HistoricalDataError(
                f"there are no ticks of {what_to_show!r}", hint=f"valid are {', '.join(_KINDS)}"
            )
        contract = await self._asking.contract(description)
        at, until = aware(start), until_now(self._asking.clock, end)
        if at >= until:
            raise HistoricalDataError(
                f"a span from {at.isoformat()} to {until.isoformat()} holds nothing"
            )
        found: list[Tick] = []
        requests, is_told = 0, True
        starts: list[datetime] | None = None
        while at < until and len(found) < limit:
            page = await self._page(contract, at, show=show, regular=regular_hours_only)
            requests += 1
            # what comes before is the rest of a second that was told already
            found.extend(tick for tick in page if at <= tick.timestamp < until)
            if page and page[-1].timestamp >= at:
                at = page[-1].timestamp.replace(microsecond=0) + _SECOND
                continue
            if starts is None:
                starts = await self._starts(contract, at, until=until, regular=regular_hours_only)
                is_told = starts is not None
            at = next((start for start in starts or () if start > at), until)
        return PastTicks(
            contract=contract,
            what_to_show=show,
            ticks=tuple(found[:limit]),
            is_whole=is_told and at >= until and len(found) <= limit,
            requests=requests,
        )

    async def _starts(
        self, contract: Contract, at: datetime, *, until: datetime, regular: bool
    ) -> list[datetime] | None:
        """Return when sessions begin; `None` when nobody tells."""
        try:
            sessions = await self._past.schedule(
                contract, start=at, end=until, regular_hours_only=regular
            )
        except IBKRError:
            return None
        return [one.start for one in sessions]

    async def histogram(
        self,
        description: Contract | str,
        *,
        period: str = "1 day",
        regular_hours_only: bool = True,
    ) -> tuple[VolumeAtPrice, ...]:
        """Return how much was traded at each price."""
        contract = await self._asking.contract(description)
        return await self._asking.ask(
            "research",
            lambda: self._asking.gateway.data.histogram(
                contract, period=period, regular_hours_only=regular_hours_only
            ),
            history=None,
        )

    async def _page(
        self, contract: Contract, at: datetime, *, show: str, regular: bool
    ) -> tuple[Tick, ...]:
        return await self._asking.ask(
            "past_ticks",
            lambda: self._asking.gateway.data.ticks(
                contract, start=at, end=None, what_to_show=show, regular_hours_only=regular
            ),
            history=counted(contract, show, "ticks", instant(at), regular, small=True),
        )
