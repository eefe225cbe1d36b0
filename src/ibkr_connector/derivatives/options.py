"""
Chains of options and what their contracts are worth, within the lines that are free.

Owns how many options are followed at a time: greeks come with streams alone, and each takes a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Final, Protocol, TypeVar

from ibkr_connector.errors import (
    ContractError,
    MarketDataPermissionError,
    NoDataError,
)
from ibkr_connector.gateway import reference
from ibkr_connector.instruments.ticks import number
from ibkr_connector.model.contracts import Contract, SecurityType
from ibkr_connector.model.derivatives import ChainSlice, Greeks, OptionChain, OptionValue
from ibkr_connector.model.market import DataType, Quote
from ibkr_connector.resilience.asking import Asking, AskingGateway
from ibkr_connector.resilience.line_turns import LineTurns, each
from ibkr_connector.resilience.lines import LineBudget
from ibkr_connector.resilience.single_flight import SingleFlight

__all__ = ["OptionsDesk"]

T = TypeVar("T")

_AT_ONCE: Final = 20
"""Options followed at a time, so that lines are left for others."""

_PATIENCE_S: Final = 5.0
_CHAINS: Final = 200
"""Chains that are kept; the oldest goes."""

_OPTIONS: Final = frozenset({SecurityType.OPTION, SecurityType.FUTURE_OPTION, SecurityType.WARRANT})


class _DataSource(Protocol):
    async def greeks(
        self, contract: Contract, *, data_type: DataType, patience_s: float
    ) -> Quote: ...


class OptionsGateway(AskingGateway, Protocol):
    """What options need of a gateway."""

    @property
    def data(self) -> _DataSource:
        """Questions about data."""
        ...


class OptionsDesk:
    """
    Answer what options there are, and what they are worth.

    Args:
        asking: Carries a question out.
        lines: Counts lines.
        followed: The newest quote of a stream that is whole, if there is one.
        data_type: What greeks are computed from.
        delayed_fallback: Whether delayed prices will do where live ones are refused.
    """

    def __init__(
        self,
        *,
        asking: Asking[OptionsGateway],
        lines: LineBudget,
        followed: Callable[[Contract], Quote | None],
        data_type: DataType,
        delayed_fallback: bool,
    ) -> None:
        self._asking = asking
        self._turns = LineTurns(lines)
        self._flights = SingleFlight()
        self._chains: dict[Contract, tuple[OptionChain, float]] = {}
        self._followed = followed
        self._data_type = data_type
        self._delayed_fallback = delayed_fallback

    async def chain(self, description: Contract | str, *, max_age_s: float) -> OptionChain:
        """
        Return every option on an underlying, as IB lists expiries and strikes now or told lately.

        Raises:
            NoDataError: There are none.
        """
        underlying = await self._asking.contract(description)
        now = self._asking.clock.monotonic()
        kept = self._chains.get(underlying)
        if kept is not None and max_age_s and now - kept[1] <= max_age_s:
            return kept[0]
        chain = await self._flights.run(("chain", underlying), lambda: self._listed(underlying))
        self._chains.pop(underlying, None)
        # as old as its question: what changed meanwhile may not be in it
        self._chains[underlying] = chain, now
        if len(self._chains) > _CHAINS:
            del self._chains[next(iter(self._chains))]
        return chain

    async def _listed(self, underlying: Contract) -> OptionChain:
        classes = await self._asking.request(
            "option_classes",
            partial(reference.option_classes, contract=underlying),
            endpoint="option_classes",
        )
        if not classes:
            raise NoDataError(f"IB lists no options on {underlying}")
        return OptionChain(underlying=underlying, classes=classes)

    async def value(self, description: Contract | str) -> OptionValue:
        """
        Return the greeks of an option as IB's model has them now.

        Raises:
            ContractError: It is no option.
            NoDataError: None came within five seconds.
            MarketDataPermissionError: No line is free; or no subscription, and delayed data is off
                or missing too.
        """
        contract = await self._option(description)
        quote = self._followed(contract)
        if quote is None or not _has_model(quote):
            quote = await self._flights.run(contract, lambda: self._follow(contract))
        if quote.greeks is None:
            raise NoDataError(f"no greeks of {contract} came within {_PATIENCE_S:g} s")
        told = quote.greeks
        return OptionValue(
            contract=contract,
            timestamp=quote.timestamp,
            data_type=quote.data_type,
            model=told.model,
            bid=told.bid,
            ask=told.ask,
            last=told.last,
        )

    async def _follow(self, contract: Contract) -> Quote:
        async with self._turns.turn():
            return await self._live_or_delayed(contract)

    async def _live_or_delayed(self, contract: Contract) -> Quote:
        try:
            return await self._greeks(contract, self._data_type)
        except MarketDataPermissionError as refused:
            if not self._delayed_fallback or self._data_type >= DataType.DELAYED:
                raise
            try:
                return await self._greeks(contract, DataType.DELAYED)
            except NoDataError as nothing:
                # the delayed feed is empty too: the missing subscription is what matters
                raise refused from nothing

    async def _greeks(self, contract: Contract, data_type: DataType) -> Quote:
        async def follow() -> Quote:
            async with self._turns.line():
                return await self._asking.gateway.data.greeks(
                    contract, data_type=data_type, patience_s=_PATIENCE_S
                )

        return await self._asking.ask("option_value", follow)

    async def values(self, descriptions: Iterable[Contract | str]) -> ChainSlice:
        """Return the greeks of many options, each once; those that could not be had are named."""
        wanted = tuple(dict.fromkeys(descriptions))
        found, failures = await each(wanted, self._option, at_once=_AT_ONCE)
        # a chain lists an option once for each exchange, and it is the same one
        options = {option.con_id: option for option in reversed(found.values())}
        answers, unpriced = await each(
            tuple(reversed(options.values())), self.value, at_once=_AT_ONCE
        )
        names = {option.con_id: name for name, option in reversed(found.items())}
        failures.update({names[option.con_id]: error for option, error in unpriced.items()})
        return ChainSlice(values=tuple(answers.values()), failures=failures)

    async def implied_volatility(
        self, description: Contract | str, *, price: object, under_price: object
    ) -> Greeks:
        """Return the volatility that a price implies."""
        contract = await self._option(description)
        call = partial(
            reference.implied_volatility,
            contract=contract,
            price=_above_zero("price", price),
            under_price=_above_zero("under_price", under_price),
        )
        return await self._asking.request("implied_volatility", call, endpoint="option_value")

    async def price(
        self, description: Contract | str, *, volatility: float, under_price: object
    ) -> Greeks:
        """Return the price that a volatility implies."""
        contract = await self._option(description)
        call = partial(
            reference.option_price,
            contract=contract,
            volatility=float(_above_zero("volatility", volatility)),
            under_price=_above_zero("under_price", under_price),
        )
        return await self._asking.request("option_price", call, endpoint="option_value")

    async def _option(self, description: Contract | str) -> Contract:
        contract = await self._asking.contract(description)
        if contract.security_type not in _OPTIONS:
            raise ContractError(f"{contract} is no option")
        # a con id alone has no exchange, and data needs one
        return contract if contract.exchange else replace(contract, exchange="SMART")


def _has_model(quote: Quote) -> bool:
    return quote.greeks is not None and quote.greeks.model is not None


def _above_zero(name: str, value: object) -> Decimal:
    figure = number(value)  # type: ignore[arg-type]  # whatever it is, it is checked there
    if figure <= 0:
        raise ContractError(f"{name} must be above 0, found {value!r}")
    return figure
