"""
Price steps by price band, quantity steps, and rounding to them; pure and exact.

A step belongs to a band of prices: an option may trade in cents below 3 and in nickels above. Legal
prices are the multiples of the step of the band in which they lie; bands of negative prices (of
combinations, of some futures) mirror those of positive ones.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from enum import StrEnum

from ibkr_connector.errors import ContractError
from ibkr_connector.model.contracts import ContractDetails
from ibkr_connector.model.instruments import PriceBand
from ibkr_connector.model.record import Record

__all__ = ["Number", "Rounding", "SizeRule", "TickRule", "round_to_tick", "size_rule_of"]

Number = Decimal | int | float | str
"""A price or a quantity; a float stands for what it prints as, so 0.1 is a tenth."""


class Rounding(StrEnum):
    """Which of the two neighbouring steps is meant."""

    NEAREST = "nearest"
    """The closer one; in the middle between two, the higher."""

    DOWN = "down"
    """The lower one, also of negative prices."""

    UP = "up"


@dataclass(frozen=True, slots=True, kw_only=True)
class TickRule(Record):
    """
    The price steps of one contract at one exchange, by ascending band.

    `rule_id` is IB's market rule; `None` where it named none, and then the one band has the step
    of the contract's details.
    """

    bands: tuple[PriceBand, ...]
    rule_id: int | None = None

    def __post_init__(self) -> None:
        lows = [band.low for band in self.bands]
        if not lows or lows != sorted(set(lows)):
            raise ContractError(f"expected bands with ascending lower edges, found {lows}")
        if any(band.increment <= 0 for band in self.bands):
            raise ContractError(f"expected steps above 0, found {self.bands}")

    @classmethod
    def of_one_step(cls, increment: Decimal) -> TickRule:
        """Return the rule of a contract whose step is the same at every price."""
        return cls(bands=(PriceBand(low=Decimal(0), increment=increment),))

    def tick_at(self, price: Number) -> Decimal:
        """Return the step at a price."""
        return self.bands[self._band(abs(number(price)))].increment

    def round(self, price: Number, rounding: Rounding | str = Rounding.NEAREST) -> Decimal:
        """
        Return the legal price next to a price: the one below, the one above or the nearer one.

        Raises:
            ContractError: It is no finite number, or no such way to round.
        """
        exact = number(price)
        try:
            way = Rounding(rounding)
        except ValueError as error:
            ways = ", ".join(Rounding)
            raise ContractError(f"expected one of {ways}, found {rounding!r}") from error
        if way is Rounding.DOWN:
            return self._down(exact)
        if way is Rounding.UP:
            return self._up(exact)
        low, high = self._down(exact), self._up(exact)
        return low if exact - low < high - exact else high

    def is_legal(self, price: Number) -> bool:
        """Tell whether an order may have this price."""
        exact = number(price)
        if exact < 0:
            return self._down(exact) == exact
        # it lies in its band, so it is the highest step of it that is not above it, or none is
        return _multiple(exact, self.bands[self._band(exact)].increment, ROUND_FLOOR) == exact

    def next_above(self, price: Number) -> Decimal:
        """Return the lowest legal price above a price."""
        exact = number(price)
        above = self._up(exact)
        if above > exact:
            return above
        if exact < 0:
            at = self._band(-exact)
            return -self._in_or_below(at, -exact - self.bands[at].increment)
        at = self._band(exact)
        above = exact + self.bands[at].increment
        if at + 1 < len(self.bands) and above >= self.bands[at + 1].low:
            return self._up(self.bands[at + 1].low)
        return above

    def next_below(self, price: Number) -> Decimal:
        """Return the highest legal price below a price."""
        return -self.next_above(-number(price))

    def _band(self, size: Decimal) -> int:
        if len(self.bands) == 1:
            return 0
        return max(0, bisect_right(self.bands, size, key=lambda band: band.low) - 1)

    def _down(self, price: Decimal) -> Decimal:
        if price < 0:
            return -self._up(-price)
        at = self._band(price)
        return self._in_or_below(at, _multiple(price, self.bands[at].increment, ROUND_FLOOR))

    def _in_or_below(self, at: int, low: Decimal) -> Decimal:
        """Return a multiple of a band's step, or the highest legal price below the band."""
        while at and low < self.bands[at].low:
            # no step of this band is so low: the last one of the band below it
            edge = self.bands[at].low
            at -= 1
            step = self.bands[at].increment
            low = _multiple(edge, step, ROUND_CEILING) - step
        return max(low, Decimal(0))

    def _up(self, price: Decimal) -> Decimal:
        if price < 0:
            return -self._down(-price)
        at = self._band(price)
        high = _multiple(price, self.bands[at].increment, ROUND_CEILING)
        while at + 1 < len(self.bands) and high >= self.bands[at + 1].low:
            at += 1
            edge = self.bands[at].low
            high = _multiple(max(edge, price), self.bands[at].increment, ROUND_CEILING)
        return high


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRule(Record):
    """The least quantity of an order, and the steps above it."""

    min_size: Decimal
    increment: Decimal

    def round(self, quantity: Number) -> Decimal:
        """Return the largest legal quantity that is not above a quantity; 0 when there is none."""
        exact = number(quantity)
        whole = _multiple(exact, self.increment, ROUND_FLOOR)
        return whole if whole >= self.min_size else Decimal(0)

    def is_legal(self, quantity: Number) -> bool:
        """Tell whether an order may have this quantity."""
        exact = number(quantity)
        return exact > 0 and self.round(exact) == exact


def round_to_tick(
    price: Number, tick: TickRule | Number, *, rounding: Rounding | str = Rounding.NEAREST
) -> Decimal:
    """Return the legal price next to a price, by a rule or by one step that holds everywhere."""
    rule = tick if isinstance(tick, TickRule) else TickRule.of_one_step(number(tick))
    return rule.round(price, rounding)


def size_rule_of(details: ContractDetails) -> SizeRule:
    """Return which quantities of a contract are legal; whole ones, where IB does not say."""
    step = details.size_increment or Decimal(1)
    return SizeRule(min_size=details.min_size or step, increment=step)


def tick_rule_of(
    details: ContractDetails, bands: Sequence[PriceBand], *, rule_id: int | None
) -> TickRule:
    """
    Return the price steps of a contract, from its market rule or from its details.

    Raises:
        ContractError: Neither says any.
    """
    if bands:
        return TickRule(bands=tuple(sorted(bands, key=lambda band: band.low)), rule_id=rule_id)
    if details.min_tick is None:
        raise ContractError(
            f"nobody knows the price steps of {details.contract}",
            hint="spreads of futures have none that IB tells; the exchange has the last word",
        )
    return TickRule.of_one_step(details.min_tick)


def market_rule_id(details: ContractDetails, exchange: str) -> int | None:
    """Return the market rule of a contract at an exchange; `None` where IB names none."""
    rules = dict(zip(details.valid_exchanges, details.market_rule_ids, strict=False))
    return rules.get(exchange)


def number(value: Number) -> Decimal:
    """
    Return the exact number that is written.

    Raises:
        ContractError: It is none, or not finite.
    """
    try:
        exact = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation as error:
        raise ContractError(f"expected a number, found {value!r}") from error
    if not exact.is_finite():
        raise ContractError(f"expected a finite number, found {value!r}")
    return exact


def _multiple(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    return (value / step).to_integral_value(rounding) * step
