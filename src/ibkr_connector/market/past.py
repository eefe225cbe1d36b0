"""
Questions about the past that are neither quotes nor bars: its calendar, and where it begins.

Each is one question to the gateway, within the limits of history.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Protocol

from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.history import Session
from ibkr_connector.resilience.asking import Asking, AskingGateway
from ibkr_connector.resilience.operation import HistoryKey

from .questions import aware, counted, show_of, until_now

__all__ = ["DataGateway", "Past", "PastSource"]

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


class DataGateway(AskingGateway, Protocol):
    """What history needs of a gateway."""

    @property
    def data(self) -> PastSource:
        """Questions that are not about bars."""
        ...


class Past:
    """
    Asks them.

    Args:
        asking: What every question needs.
    """

    def __init__(self, asking: Asking[DataGateway]) -> None:
        self._asking = asking
        self._heads: dict[tuple[Contract, str, bool], datetime] = {}

    async def head_timestamp(
        self,
        description: Contract | str,
        *,
        what_to_show: str | None = None,
        regular_hours_only: bool = True,
    ) -> datetime:
        """Return the earliest moment of which there are data; asked for once."""
        contract = await self._asking.contract(description)
        show = show_of(what_to_show, contract)
        key = (contract, show, regular_hours_only)
        if key not in self._heads:
            self._heads[key] = await self._asking.ask(
                "head_timestamp",
                lambda: self._asking.gateway.data.head_timestamp(
                    contract, what_to_show=show, regular_hours_only=regular_hours_only
                ),
                # always under the hard rules (IB campus: head timestamp)
                history=counted(contract, show, "head", regular_hours_only, small=True),
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
        contract = await self._asking.contract(description)
        since, until = aware(start), until_now(self._asking.clock, end)
        # days are trading days, of which no span has more than it has days
        days = max(1, (until - since).days + 2)
        duration = f"{days} D" if days <= _MOST_DAYS else f"{days // 365 + 1} Y"
        up_to_now = end is None or until < aware(end)
        found = await self._asking.ask(
            "schedule",
            lambda: self._asking.gateway.data.schedule(
                contract,
                duration=duration,
                end=None if up_to_now else until,
                regular_hours_only=regular_hours_only,
            ),
            history=HistoryKey(contract_key="", identical_key=""),
        )
        return tuple(one for one in found if one.end > since and one.start < until)
