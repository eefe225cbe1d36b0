"""Instruments as users hold them: `ib.instruments`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ibkr_connector.errors import ContractError
from ibkr_connector.model.contracts import Contract, ContractDetails, ContractMatch
from ibkr_connector.model.registry import Change, ImportReport, Instrument, Resolution

from .files import take_in, write_out

if TYPE_CHECKING:
    from .calendars import CalendarCheck
    from .catalogue import Catalogue
    from .hours import TradingHours
    from .registry import Registry
    from .ticks import SizeRule, TickRule

__all__ = ["Instruments"]

T = TypeVar("T")


class Parts(Protocol):
    """What is needed of the engine."""

    @property
    def catalogue(self) -> Catalogue:
        """What is known of instruments."""
        ...

    @property
    def registry(self) -> Registry:
        """What is kept of them."""
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
    text form (`AAPL`, `EUR.USD`, `ES 202612`, `AAPL 20261218 C 250`), or as an id that you gave it
    with `register`.
    """

    def __init__(self, hop: Hop) -> None:
        self._hop = hop

    async def resolve(self, contract: Contract | str) -> Contract:
        """
        Return the one contract that fits, qualified; errors and source as of `details`.
        """
        return (await self.details(contract)).contract

    async def resolve_many(self, contracts: Iterable[Contract | str]) -> Resolution:
        """
        Resolve many contracts together, within the pacing.

        Returns:
            Details by what was asked for, and `failures` with the reason of each that is missing.

        Source: the registry in one question, then `reqContractDetails` (9). Cost: 1 message for
        each that is not known.
        """
        return await self._hop(lambda engine: engine.catalogue.resolve_many(contracts))

    async def details(self, contract: Contract | str) -> ContractDetails:
        """
        Return what IB knows about the one contract that fits.

        Raises:
            ContractNotFoundError: Nothing fits (TWS 200).
            AmbiguousContractError: Several fit; `candidates` lists them.
            ContractError: The text form cannot be read.

        Source: the registry, or `reqContractDetails` (9). Replay: safe. Cost: 0 or 1 message.
        """
        return await self._hop(lambda engine: engine.catalogue.details(contract))

    async def search(self, text: str) -> tuple[ContractMatch, ...]:
        """
        Return contracts whose symbol or name begins with a text; at most 16.

        Searches go one after the other, a second apart, since TWS takes no more.

        Raises:
            ContractError: The text is empty.
            RequestTimeoutError: TWS did not answer.

        Source: `reqMatchingSymbols` (81), answered by message 79. Replay: safe. Cost: 1 message.
        *limit*: it finds no options, futures or bonds; ask for those by their underlying.
        """
        return await self._hop(lambda engine: engine.catalogue.search(text))

    async def refresh(self, contract: Contract | str) -> ContractDetails:
        """Ask IB for the details again, whatever is known; `history` tells what has changed."""
        return await self._hop(lambda engine: engine.catalogue.refresh(contract))

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

    # --- your own ids ---------------------------------------------------------------------------

    async def register(
        self, instrument_id: str, contract: Contract | str, *, note: str = "", qualify: bool = True
    ) -> Instrument:
        """
        Give an instrument an id of your own, which then stands for it wherever a text does.

        Args:
            instrument_id: Up to 128 characters; none that reads as another contract, so that `ES`
                cannot be a future.
            contract: A contract or its short text form.
            note: Kept with it.
            qualify: Ask IB for it first, so that an instrument that does not exist is refused.

        Raises:
            ContractError: No such id can be given; nothing was written.
            ContractNotFoundError, AmbiguousContractError: Nothing was written.
            ConfigurationError: The database cannot be used, or a newer version has written it.
        """
        return await self._hop(
            lambda engine: engine.catalogue.register(
                instrument_id, contract, note=note, qualify=qualify
            )
        )

    async def unregister(self, instrument_id: str) -> bool:
        """Take an id away, and tell whether it was there. Cost: none."""
        return await self._hop(lambda engine: engine.registry.unregister(instrument_id))

    async def lookup(self, instrument_id: str) -> Instrument | None:
        """Return what an id stands for; nothing is asked of IB. Cost: none."""
        return await self._hop(lambda engine: engine.registry.lookup(instrument_id))

    async def list(self) -> tuple[Instrument, ...]:
        """Return every instrument that has an id, by the ids. Cost: none."""
        return await self._hop(lambda engine: engine.registry.every())

    async def history(self, instrument_id: str) -> tuple[Change, ...]:
        """Return what became different of an instrument (or of `#265598`): ids, symbols, terms."""
        return await self._hop(lambda engine: engine.registry.history(instrument_id))

    async def changes(
        self, *, since: datetime | None = None, corporate_actions: bool = False
    ) -> tuple[Change, ...]:
        """
        Return what became different of all your instruments and their contracts, oldest first.

        It is seen when IB is asked again: `refresh` asks now, and each use once a day.

        Args:
            since: Aware datetime; from the beginning when not given.
            corporate_actions: Only what a merger, a split, a renaming or a new listing leaves
                behind: another contract under the same description, another symbol, place,
                currency or multiplier.

        Raises:
            ContractError: `since` names no zone.
        """
        if since is not None and since.tzinfo is None:
            raise ContractError(f"{since!r} names no zone", hint="use an aware datetime")
        found = await self._hop(lambda engine: engine.registry.changes(since))
        return tuple(one for one in found if one.is_corporate_action or not corporate_actions)

    async def import_(self, path: Path | str) -> ImportReport:
        """
        Register what a file says: `.csv`, `.json` or `.yaml`.

        Returns:
            What was written, what was known as it is, and every line that makes no sense with its
            reason; those are left out, and the file may be imported again.

        Raises:
            ContractError: It is no such file.
            ConfigurationError: The database cannot be used; nothing was written.
        """
        return await self._hop(lambda engine: take_in(engine.registry, Path(path)))

    async def export(self, path: Path | str) -> int:
        """Write every instrument to a `.csv`, `.json` or `.yaml` file; return how many they are."""
        return await self._hop(lambda engine: write_out(engine.registry, Path(path)))
