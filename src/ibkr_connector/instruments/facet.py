"""Instruments as users hold them: `ib.instruments`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from ibkr_connector.model.contracts import Contract, ContractDetails

from .calendars import CalendarCheck
from .catalogue import Catalogue
from .hours import TradingHours
from .ticks import SizeRule, TickRule

__all__ = ["Instruments"]

T = TypeVar("T")


class Parts(Protocol):
    """What is needed of the engine."""

    @property
    def catalogue(self) -> Catalogue:
        """What is known of instruments."""
        ...


class Hop(Protocol):
    """Runs something on the engine's loop."""

    def __call__(self, do: Callable[[Parts], Awaitable[T]], /) -> Coroutine[Any, Any, T]:
        """Run it and return what it returns."""
        ...


class Instruments:
    """
    What can be traded: contracts, their details, hours, price steps and sizes.

    Every coroutine may be awaited from any loop and thread. A contract may be written in its short
    text form (`AAPL`, `EUR.USD`, `ES 202612`, `AAPL 20261218 C 250`).
    """

    def __init__(self, hop: Hop) -> None:
        self._hop = hop

    async def details(self, contract: Contract | str) -> ContractDetails:
        """
        Return what IB knows about the one contract that fits.

        Raises:
            ContractNotFoundError: Nothing fits (TWS 200).
            AmbiguousContractError: Several fit; `candidates` lists them.
            ContractError: The text form cannot be read.

        Source: `reqContractDetails` (9), cached. Replay: safe. Cost: 0 or 1 message.
        """
        return await self._hop(lambda engine: engine.catalogue.details(contract))

    async def hours(self, contract: Contract | str, *, regular: bool = True) -> TradingHours:
        """
        Return when a contract trades, for the week or so that IB tells ahead.

        Args:
            contract: A contract or its short text form.
            regular: The regular sessions alone, or all in which it trades.

        Returns:
            Sessions in UTC; `is_open(at)`, `next_open(at)`, `next_close(at)`, `short_days()`. What
            IB does not say is `None` there, never a guess.

        Source: `reqContractDetails` (9), cached. Cost: 0 or 1 message.
        """
        return await self._hop(lambda engine: engine.catalogue.hours(contract, regular=regular))

    async def check_hours(
        self, contract: Contract | str, *, calendar: str | None = None
    ) -> CalendarCheck:
        """
        Compare a contract's hours with a maintained calendar of its exchange.

        Args:
            contract: A contract or its short text form.
            calendar: Of pandas-market-calendars, as in `NYSE`; by the exchange when not given.

        Raises:
            ConfigurationError: The extra `data` is missing, or no such calendar.
        """
        return await self._hop(
            lambda engine: engine.catalogue.check_hours(contract, calendar=calendar)
        )

    async def tick_rule(self, contract: Contract | str, *, exchange: str | None = None) -> TickRule:
        """
        Return the price steps of a contract by price band: `rule.round("187.503", "down")`.

        Args:
            contract: A contract or its short text form.
            exchange: One of its exchanges; where it is routed when not given.

        Raises:
            ContractError: IB tells no steps, as of spreads of futures.

        Source: `reqMarketRule` (91), cached. Replay: safe. Cost: 0 to 2 messages.
        """
        return await self._hop(
            lambda engine: engine.catalogue.tick_rule(contract, exchange=exchange)
        )

    async def size_rule(self, contract: Contract | str) -> SizeRule:
        """Return the least quantity of an order in a contract, and the steps above it."""
        return await self._hop(lambda engine: engine.catalogue.size_rule(contract))
