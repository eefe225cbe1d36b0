"""
What is known of an instrument, from one description: details, hours, price and quantity steps.

Owns the price bands of market rules, which are the same for thousands of contracts and are asked
for once. Who a description means is the resolver's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from ibkr_connector.clock import Clock
from ibkr_connector.errors import ContractError, IBKRError
from ibkr_connector.gateway.reference import market_rule, matching_symbols
from ibkr_connector.gateway.times import BadTimeError
from ibkr_connector.model.contracts import (
    Contract,
    ContractDetails,
    ContractMatch,
    SecurityType,
)
from ibkr_connector.model.instruments import PriceBand
from ibkr_connector.model.registry import Instrument, Resolution

from .calendars import CalendarCheck, cross_check
from .hours import TradingHours, hours_of
from .registry import Registry, check_id
from .resolver import Resolver
from .ticks import SizeRule, TickRule, market_rule_id, size_rule_of, tick_rule_of

__all__ = ["Ask", "Catalogue"]

T = TypeVar("T")

_SEARCH_EVERY_S: Final = 1.0
"""TWS wants a second between two searches (IB campus), and is silent to those that come sooner."""

_RULES_FOR_S: Final = 7 * 86_400.0
"""How long market rules are good in a process that lives for months."""


class Ask(Protocol):
    """Runs a call of ib_async's through the pipeline, under the policy of an endpoint."""

    def __call__(
        self, name: str, call: Callable[[Any], Awaitable[T]], *, policy: str
    ) -> Awaitable[T]:
        """Run it; `name` is what errors call it."""
        ...


class Catalogue:
    """Answer what an instrument is and when and in which steps it trades."""

    def __init__(self, *, resolver: Resolver, ask: Ask, registry: Registry, clock: Clock) -> None:
        self._clock = clock
        self._resolver = resolver
        self._ask = ask
        self._registry = registry
        self._bands: dict[int, tuple[PriceBand, ...]] = {}
        self._fresh_until: dict[int, float] = {}
        self._is_loaded = False
        self._loading = asyncio.Lock()
        self._asking: dict[int, asyncio.Lock] = {}
        self._searching = asyncio.Lock()
        self._search_from = clock.monotonic()

    async def details(self, description: Contract | str) -> ContractDetails:
        """Return the details of the one contract that fits."""
        return await self._resolver.resolve(description)

    async def search(self, text: str) -> tuple[ContractMatch, ...]:
        """
        Return what has a symbol or a name that begins so, one search after the other.

        Raises:
            ContractError: There is nothing to search for.
        """
        pattern = text.strip()
        if not pattern:
            raise ContractError("an empty text finds nothing", hint="give part of a symbol or name")
        async with self._searching:
            wait_s = self._search_from - self._clock.monotonic()
            if wait_s > 0:
                await self._clock.sleep(wait_s)
            try:
                return await self._ask(
                    "search",
                    partial(matching_symbols, pattern=pattern),
                    policy="matching_symbols",
                )
            finally:
                self._search_from = self._clock.monotonic() + _SEARCH_EVERY_S

    async def hours(self, description: Contract | str, *, regular: bool) -> TradingHours:
        """
        Return when it trades.

        Raises:
            ContractError: IB tells none, or nobody knows the zone of its exchange.
        """
        details = await self.details(description)
        if not details.time_zone_id:
            raise ContractError(
                f"IB tells no hours of {details.contract}",
                hint="combinations of several exchanges and, to this client, bonds have none",
            )
        try:
            return hours_of(details, regular=regular)
        except BadTimeError as error:
            raise ContractError(
                f"the hours of {details.contract} are of the zone {details.time_zone_id!r}, which "
                "nobody knows",
                hint="ibkr_connector.gateway.times.add_zone_alias says which zone it is",
            ) from error

    async def check_hours(
        self, description: Contract | str, *, calendar: str | None
    ) -> CalendarCheck:
        """Compare its hours with a calendar's; off the loop, since the calendar takes its time."""
        await self.hours(description, regular=True)  # tells what is wrong with its zone
        details = await self.details(description)
        return await asyncio.to_thread(partial(cross_check, details, calendar=calendar))

    async def tick_rule(self, description: Contract | str, *, exchange: str | None) -> TickRule:
        """Return its price steps at an exchange; where it is routed, when none is named."""
        details = await self.details(description)
        contract = details.contract
        rule_id = market_rule_id(details, exchange or contract.exchange)
        if contract.security_type is SecurityType.COMBO or rule_id is None:
            return tick_rule_of(details, (), rule_id=None)
        return tick_rule_of(details, await self.bands(rule_id), rule_id=rule_id)

    async def size_rule(self, description: Contract | str) -> SizeRule:
        """Return which quantities of it are legal."""
        return size_rule_of(await self.details(description))

    async def bands(self, rule_id: int) -> tuple[PriceBand, ...]:
        """Return the price bands of a market rule; asked for once a week, however many want it."""
        async with self._loading:
            if not self._is_loaded:
                self._bands.update(await self._registry.bands())
                until = self._clock.monotonic() + _RULES_FOR_S
                self._fresh_until.update(dict.fromkeys(self._bands, until))
                self._is_loaded = True
        async with self._asking.setdefault(rule_id, asyncio.Lock()):
            if self._fresh_until.get(rule_id, 0.0) <= self._clock.monotonic():
                await self._renew(rule_id)
        return self._bands[rule_id]

    async def _renew(self, rule_id: int) -> None:
        try:
            told = await self._ask(
                "market_rule", partial(market_rule, rule_id=rule_id), policy="market_rule"
            )
        except IBKRError:
            if rule_id in self._bands:
                # steps of last week are better than none
                return
            raise
        self._bands[rule_id] = told
        self._fresh_until[rule_id] = self._clock.monotonic() + _RULES_FOR_S
        await self._registry.keep_bands(rule_id, told)

    async def refresh(self, description: Contract | str) -> ContractDetails:
        """Ask IB again, and write what it says."""
        details = await self._resolver.refresh(description)
        await self._registry.settle()
        return details

    async def resolve_many(self, descriptions: Iterable[Contract | str]) -> Resolution:
        """Resolve many together, and write what was asked for."""
        found = await self._resolver.resolve_many(descriptions)
        await self._registry.settle()
        return found

    async def register(
        self, instrument_id: str, description: Contract | str, *, note: str, qualify: bool
    ) -> Instrument:
        """Give an instrument an id, after it was qualified if that is wanted."""
        check_id(instrument_id)
        meant = await self._resolver.meant(description)
        if qualify:
            await self._resolver.resolve(meant)
            await self._registry.settle()
        made, _ = await self._registry.register(instrument_id, meant, note=note)
        return made
