"""Options as users hold them: `ib.options`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.derivatives import ChainSlice, Greeks, OptionChain, OptionValue

if TYPE_CHECKING:
    from .options import OptionsDesk

__all__ = ["Options"]

T = TypeVar("T")


class Parts(Protocol):
    """What is needed of the engine."""

    @property
    def options(self) -> OptionsDesk:
        """Chains and greeks."""
        ...


class Hop(Protocol):
    """Runs something on the engine's loop."""

    def __call__(self, do: Callable[[Parts], Awaitable[T]], /) -> Coroutine[Any, Any, T]:
        """Run it and return what it returns."""
        ...


class Options:
    """Chains of options, their greeks, and volatility from prices and back."""

    def __init__(self, hop: Hop) -> None:
        self._hop = hop

    async def chain(self, underlying: Contract | str, *, max_age_s: float = 3600.0) -> OptionChain:
        """
        Return the options on an underlying: `(await ib.options.chain("AAPL")).near(190, count=3)`.

        Args:
            underlying: A contract or its short text form.
            max_age_s: An answer that is no older will do, since IB lists new ones overnight; 0
                asks anew.

        Returns:
            Expiries and strikes by exchange and class, to be filtered: `at`, `expiring`, `between`,
            `near`, `moneyness`, `only`. `contracts()` describes them; each is qualified when it is
            used, or together by `ib.instruments.resolve_many`.

        Raises:
            NoDataError: IB lists none.
            ContractNotFoundError, AmbiguousContractError: The underlying is not clear.

        Source: `reqSecDefOptParams` (78). Replay: safe. Cost: 0 to 2 messages.
        """
        return await self._hop(lambda engine: engine.options.chain(underlying, max_age_s=max_age_s))

    async def greeks(self, option: Contract | str) -> OptionValue:
        """
        Return the greeks of an option, by IB's model and as bid, ask and last imply them.

        Raises:
            ContractError: It is no option.
            NoDataError: None came within five seconds.
            MarketDataPermissionError: No line is free, or no subscription.

        An option that `stream_quotes` follows is answered from its stream, at no cost.

        Source: `reqMktData` (1), followed until they come. Replay: safe. Cost: 2 messages and one
        data line for as long as that takes.
        """
        return await self._hop(lambda engine: engine.options.value(option))

    async def greeks_of(self, options: OptionChain | Iterable[Contract | str]) -> ChainSlice:
        """
        Return the greeks of part of a chain, twenty at a time, within the lines that are free.

        Returns:
            What came, and `failures` with the reason of each that did not; pairs of expiry and
            strike that are no contract are among those.
        """
        wanted = tuple(options.contracts() if isinstance(options, OptionChain) else options)
        return await self._hop(lambda engine: engine.options.values(wanted))

    async def implied_volatility(
        self,
        option: Contract | str,
        *,
        price: Decimal | int | str,
        under_price: Decimal | int | str,
    ) -> Greeks:
        """
        Return which volatility a price of an option implies, at a price of its underlying.

        Raises:
            NoDataError: No volatility gives that price.
            RequestTimeoutError: IB did not say.

        Source: `reqCalcImpliedVolat` (54). Replay: safe. Cost: 2 messages.
        """
        return await self._hop(
            lambda engine: engine.options.implied_volatility(
                option, price=price, under_price=under_price
            )
        )

    async def price(
        self, option: Contract | str, *, volatility: float, under_price: Decimal | int | str
    ) -> Greeks:
        """
        Return which price of an option a volatility implies (0.25 is 25 per cent a year).

        Source: `reqCalcOptionPrice` (55). Replay: safe. Cost: 2 messages.
        """
        return await self._hop(
            lambda engine: engine.options.price(
                option, volatility=volatility, under_price=under_price
            )
        )
