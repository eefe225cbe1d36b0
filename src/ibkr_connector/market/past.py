"""
Questions about the past that are neither quotes nor bars: its calendar, and where it begins.

Each is one question to the gateway, within the limits of history.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final, Protocol

from ibkr_connector.clock import Clock
from ibkr_connector.errors import HistoricalDataError
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.history import Session
from ibkr_connector.resilience.operation import ENDPOINTS, Carrier, HistoryKey, Operation

from .spans import check_what_to_show, default_what_to_show

__all__ = ["DataGateway", "Past", "PastSource", "aware", "show_of"]

_MOST_DAYS: Final = 365
"""Of one question for a schedule; longer ones are asked for in years (IB campus: durations)."""


class PastSource(Protocol):
    """Knows trading sessions and when history begins."""

    async def schedule(
        self, contract: Contract, *, duration: str, end: datetime | None, regular_hours_only: bool
    ) -> tuple[Session, ...]:
        """Return the trading sessions of the past."""
        ...

    async def head_timestamp(
        self, contract: Contract, *, what_to_show: str, regular_hours_only: bool
    ) -> datetime:
        """Return the earliest moment of which there are data."""
        ...


class DataGateway(Protocol):
    """What history needs of a gateway."""

    @property
    def data(self) -> PastSource:
        """Questions that are not about bars."""
        ...


class Past:
    """
    Asks them.

    Args:
        gateway: Asks one question.
        pipeline: Carries questions out.
        clock: The one time base.
        resolve: Turns text or a description into the details of one contract.
    """

    def __init__(
        self,
        *,
        gateway: DataGateway,
        pipeline: Carrier,
        clock: Clock,
        resolve: Callable[[Contract | str], Awaitable[ContractDetails]],
    ) -> None:
        self._gateway = gateway
        self._pipeline = pipeline
        self._clock = clock
        self._resolve = resolve
        self._heads: dict[tuple[Contract, str, bool], datetime] = {}

    async def head_timestamp(
        self,
        description: Contract | str,
        *,
        what_to_show: str | None = None,
        regular_hours_only: bool = True,
    ) -> datetime:
        """Return the earliest moment of which there are data; asked for once."""
        contract = (await self._resolve(description)).contract
        show = show_of(what_to_show, contract)
        key = (contract, show, regular_hours_only)
        if key not in self._heads:
            self._heads[key] = await self._pipeline.run(
                Operation(
                    policy=ENDPOINTS["head_timestamp"],
                    call=lambda: self._gateway.data.head_timestamp(
                        contract, what_to_show=show, regular_hours_only=regular_hours_only
                    ),
                    history=HistoryKey(
                        contract_key=f"{contract.con_id}/{contract.exchange}/{show}",
                        identical_key=f"{contract.con_id}/head/{show}/{regular_hours_only}",
                        # always under the hard rules (IB campus: head timestamp)
                        small_bars=True,
                    ),
                )
            )
        return self._heads[key]

    async def schedule(
        self,
        description: Contract | str,
        *,
        start: datetime,
        end: datetime | None = None,
        regular_hours_only: bool = True,
    ) -> tuple[Session, ...]:
        """Return the trading sessions that a span touches, oldest first."""
        contract = (await self._resolve(description)).contract
        now = self._clock.utcnow()
        until = now if end is None else min(aware(end), now)
        # days are trading days, of which no span has more than it has days
        days = max(1, (until - aware(start)).days + 2)
        duration = f"{days} D" if days <= _MOST_DAYS else f"{days // 365 + 1} Y"
        found = await self._pipeline.run(
            Operation(
                policy=ENDPOINTS["schedule"],
                call=lambda: self._gateway.data.schedule(
                    contract,
                    duration=duration,
                    end=None if until == now else until,
                    regular_hours_only=regular_hours_only,
                ),
                history=HistoryKey(contract_key="", identical_key=""),
            )
        )
        return tuple(one for one in found if one.end > start and one.start < until)


def show_of(what_to_show: str | None, contract: Contract) -> str:
    """Return what a series is made of: what was said, or what its asset class has."""
    if what_to_show is None:
        return default_what_to_show(contract.security_type)
    return check_what_to_show(what_to_show)


def aware(time: datetime) -> datetime:
    """
    Return a time in UTC.

    Raises:
        HistoricalDataError: It names no zone.
    """
    if time.tzinfo is None:
        raise HistoricalDataError(
            f"{time!r} names no zone", hint="use an aware datetime, as datetime(..., tzinfo=UTC)"
        )
    return time.astimezone(UTC)
