"""
Chains of options and what their contracts are worth, within the lines that are free.

Owns how many options are followed at a time: greeks come with streams alone, and each takes a line.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from ibkr_connector.clock import Clock
from ibkr_connector.errors import ContractError, NoDataError
from ibkr_connector.gateway import reference
from ibkr_connector.instruments.ticks import number
from ibkr_connector.model.contracts import Contract, ContractDetails, SecurityType
from ibkr_connector.model.derivatives import ChainSlice, Greeks, OptionChain, OptionValue
from ibkr_connector.resilience.line_turns import LineTurns, each
from ibkr_connector.resilience.lines import LineBudget

__all__ = ["OptionsDesk"]

T = TypeVar("T")

_AT_ONCE: Final = 20
"""Options followed at a time, so that lines are left for others."""

_PATIENCE_S: Final = 5.0
_OPTIONS: Final = frozenset({SecurityType.OPTION, SecurityType.FUTURE_OPTION, SecurityType.WARRANT})


class _Ask(Protocol):
    def __call__(
        self, name: str, call: Callable[[Any], Awaitable[T]], *, policy: str
    ) -> Awaitable[T]: ...


class OptionsDesk:
    """Answer what options there are, and what they are worth."""

    def __init__(
        self,
        *,
        resolve: Callable[[Contract | str], Awaitable[ContractDetails]],
        ask: _Ask,
        lines: LineBudget,
        clock: Clock,
    ) -> None:
        self._resolve = resolve
        self._ask = ask
        self._turns = LineTurns(lines)
        self._clock = clock

    async def chain(self, description: Contract | str) -> OptionChain:
        """
        Return every option on an underlying, as IB lists expiries and strikes.

        Raises:
            NoDataError: There are none.
        """
        underlying = (await self._resolve(description)).contract
        classes = await self._ask(
            "option_classes",
            partial(reference.option_classes, contract=underlying),
            policy="option_classes",
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
        """
        contract = await self._option(description)
        async with self._turns.line():
            told = await self._ask(
                "option_value",
                partial(reference.option_greeks, contract=contract, patience_s=_PATIENCE_S),
                policy="option_value",
            )
        if not any(told.values()):
            raise NoDataError(f"no greeks of {contract} came within {_PATIENCE_S:g} s")
        return OptionValue(contract=contract, timestamp=self._clock.utcnow(), **told)

    async def values(self, descriptions: Iterable[Contract | str]) -> ChainSlice:
        """Return the greeks of many options; those that could not be had are named."""
        wanted = tuple(dict.fromkeys(descriptions))
        answers, failures = await each(wanted, self.value, at_once=_AT_ONCE)
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
        return await self._ask("implied_volatility", call, policy="option_value")

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
        return await self._ask("option_price", call, policy="option_value")

    async def _option(self, description: Contract | str) -> Contract:
        contract = (await self._resolve(description)).contract
        if contract.security_type not in _OPTIONS:
            raise ContractError(f"{contract} is no option")
        # a con id alone has no exchange, and data needs one
        return contract if contract.exchange else replace(contract, exchange="SMART")


def _above_zero(name: str, value: object) -> Decimal:
    figure = number(value)  # type: ignore[arg-type]  # whatever it is, it is checked there
    if figure <= 0:
        raise ContractError(f"{name} must be above 0, found {value!r}")
    return figure
