"""Chains of options with what they are worth, and futures with their rolls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from .contracts import Contract, Right, SecurityType
from .greeks import Greeks
from .market import DataType
from .record import Record

if TYPE_CHECKING:
    from ibkr_connector.errors import IBKRError

__all__ = ["ChainSlice", "Greeks", "OptionChain", "OptionClass", "OptionValue"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionClass(Record):
    """The options of one class at one exchange: which expiries and which strikes there are."""

    exchange: str
    trading_class: str
    multiplier: Decimal | None
    expiries: tuple[date, ...]
    strikes: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionChain(Record):
    """
    The options that may be listed on an underlying.

    IB tells expiries and strikes apart, so not every pair of them is a contract; whether one is
    turns out when it is qualified. Each filter returns a smaller chain.
    """

    underlying: Contract
    classes: tuple[OptionClass, ...]
    rights: tuple[Right, ...] = (Right.CALL, Right.PUT)

    @property
    def expiries(self) -> tuple[date, ...]:
        """Every expiry, the next first."""
        return tuple(sorted({day for one in self.classes for day in one.expiries}))

    @property
    def strikes(self) -> tuple[Decimal, ...]:
        """Every strike, the lowest first."""
        return tuple(sorted({strike for one in self.classes for strike in one.strikes}))

    def at(self, *, exchange: str | None = None, trading_class: str | None = None) -> OptionChain:
        """Keep the options of one exchange or class."""
        return replace(
            self,
            classes=tuple(
                one
                for one in self.classes
                if exchange in {None, one.exchange} and trading_class in {None, one.trading_class}
            ),
        )

    def expiring(
        self, *, after: date | None = None, until: date | None = None, nearest: int | None = None
    ) -> OptionChain:
        """
        Keep expiries between two days, both included, or the nearest ones of those.
        """
        days = [
            day
            for day in self.expiries
            if (after is None or day >= after) and (until is None or day <= until)
        ]
        kept = frozenset(days if nearest is None else days[:nearest])
        return self._with(
            lambda one: replace(one, expiries=tuple(day for day in one.expiries if day in kept))
        )

    def between(self, low: Decimal | int | str, high: Decimal | int | str) -> OptionChain:
        """Keep strikes between two prices, both included."""
        least, most = Decimal(low), Decimal(high)
        return self._with(
            lambda one: replace(
                one, strikes=tuple(strike for strike in one.strikes if least <= strike <= most)
            )
        )

    def near(self, price: Decimal | int | str, *, count: int) -> OptionChain:
        """Keep the strikes closest to a price, `count` of each class; of two alike the lower."""
        centre = Decimal(price)

        def closest(one: OptionClass) -> OptionClass:
            ranked = sorted(one.strikes, key=lambda strike: (abs(strike - centre), strike))
            return replace(one, strikes=tuple(sorted(ranked[:count])))

        return self._with(closest)

    def moneyness(
        self, price: Decimal | int | str, *, low: Decimal | str, high: Decimal | str
    ) -> OptionChain:
        """Keep strikes that are so much of a price: `low="0.9", high="1.1"` are within a tenth."""
        centre = Decimal(price)
        return self.between(centre * Decimal(low), centre * Decimal(high))

    def only(self, right: Right | str) -> OptionChain:
        """Keep the calls (`C`) or the puts (`P`)."""
        wanted = Right(right)
        return replace(self, rights=tuple(one for one in self.rights if one is wanted))

    def contracts(self) -> Iterator[Contract]:
        """Yield a description of each option; nothing is asked of IB."""
        kind = (
            SecurityType.FUTURE_OPTION
            if self.underlying.security_type
            in {SecurityType.FUTURE, SecurityType.CONTINUOUS_FUTURE}
            else SecurityType.OPTION
        )
        seen = set()
        for one in self.classes:
            for day in one.expiries:
                for strike in one.strikes:
                    for right in self.rights:
                        key = one.exchange, one.trading_class, day, strike, right
                        if key in seen:
                            continue
                        seen.add(key)
                        yield Contract(
                            symbol=self.underlying.symbol,
                            security_type=kind,
                            exchange=one.exchange,
                            currency=self.underlying.currency,
                            expiry=f"{day:%Y%m%d}",
                            strike=strike,
                            right=right,
                            multiplier=one.multiplier,
                            trading_class=one.trading_class,
                        )

    def __len__(self) -> int:
        pairs = sum(len(one.expiries) * len(one.strikes) for one in self.classes)
        return pairs * len(self.rights)

    def _with(self, change: Callable[[OptionClass], OptionClass]) -> OptionChain:
        made = tuple(change(one) for one in self.classes)
        return replace(self, classes=tuple(one for one in made if one.expiries and one.strikes))


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionValue(Record):
    """
    An option with its greeks, by IB's model and as its bid, ask and last imply them.

    A model may be there without a delta: IB tells the price of the underlying even where no
    volatility gives the price of the option.
    """

    contract: Contract
    timestamp: datetime
    data_type: DataType = DataType.LIVE
    model: Greeks | None = None
    bid: Greeks | None = None
    ask: Greeks | None = None
    last: Greeks | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainSlice(Record):
    """The greeks of part of a chain; `failures` says why others are missing, by description."""

    values: tuple[OptionValue, ...]
    failures: Mapping[Contract | str, IBKRError]

    def __iter__(self) -> Iterator[OptionValue]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)
