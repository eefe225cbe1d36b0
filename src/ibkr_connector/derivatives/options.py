"""
Chains of options and what their contracts are worth, within the lines that are free.

Owns how many options are followed at a time: greeks come with streams alone, and each takes a line.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from ibkr_connector.clock import Clock
from ibkr_connector.errors import ContractError, IBKRError, MarketDataPermissionError, NoDataError
from ibkr_connector.gateway import reference
from ibkr_connector.instruments.ticks import number
from ibkr_connector.model.contracts import Contract, ContractDetails, SecurityType
from ibkr_connector.model.derivatives import ChainSlice, Greeks, OptionChain, OptionValue

__all__ = ["OptionsDesk"]

T = TypeVar("T")

_AT_ONCE: Final = 20
"""Options followed at a time, so that lines are left for others."""

_PATIENCE_S: Final = 5.0
_POOL: Final = "lines"
_KEYS: Final = itertools.count()
_OPTIONS: Final = frozenset({SecurityType.OPTION, SecurityType.FUTURE_OPTION, SecurityType.WARRANT})


class _Ask(Protocol):
    def __call__(
        self, name: str, call: Callable[[Any], Awaitable[T]], *, policy: str
    ) -> Awaitable[T]: ...


class _Lines(Protocol):
    def take(self, key: object, *, pool: str) -> object: ...

    def give_back(self, key: object, *, pool: str) -> object: ...


class OptionsDesk:
    """Answer what options there are, and what they are worth."""

    def __init__(
        self,
        *,
        resolve: Callable[[Contract | str], Awaitable[ContractDetails]],
        ask: _Ask,
        lines: _Lines,
        clock: Clock,
    ) -> None:
        self._resolve = resolve
        self._ask = ask
        self._lines = lines
        self._clock = clock
        self._open = 0
        self._freed = asyncio.Event()

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
        key = ("greeks", next(_KEYS))
        await self._line(key)
        self._open += 1
        try:
            told = await self._ask(
                "option_value",
                partial(reference.option_greeks, contract=contract, patience_s=_PATIENCE_S),
                policy="option_value",
            )
        finally:
            self._open -= 1
            self._lines.give_back(key, pool=_POOL)
            self._freed.set()
        if not any(told.values()):
            raise NoDataError(f"no greeks of {contract} came within {_PATIENCE_S:g} s")
        return OptionValue(contract=contract, timestamp=self._clock.utcnow(), **told)

    async def values(self, descriptions: Iterable[Contract | str]) -> ChainSlice:
        """Return the greeks of many options; those that could not be had are named."""
        wanted = tuple(dict.fromkeys(descriptions))
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(description: Contract | str) -> OptionValue | IBKRError:
            async with gate:
                try:
                    return await self.value(description)
                except IBKRError as error:
                    return error

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(description)) for description in wanted]
        results = [task.result() for task in tasks]
        return ChainSlice(
            values=tuple(result for result in results if isinstance(result, OptionValue)),
            failures={
                description: result
                for description, result in zip(wanted, results, strict=True)
                if isinstance(result, IBKRError)
            },
        )

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

    async def _line(self, key: object) -> None:
        while True:
            try:
                self._lines.take(key, pool=_POOL)
            except MarketDataPermissionError:
                if not self._open:
                    raise
                self._freed.clear()
                await self._freed.wait()
            else:
                return


def _above_zero(name: str, value: object) -> Decimal:
    figure = number(value)  # type: ignore[arg-type]  # whatever it is, it is checked there
    if figure <= 0:
        raise ContractError(f"{name} must be above 0, found {value!r}")
    return figure
