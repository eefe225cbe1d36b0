"""What a bond is beyond a contract: its coupon, its dates, and the interest that has accrued."""

from __future__ import annotations

import math
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

__all__ = ["BondTerms"]

_MICRO: Final = Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class BondTerms:
    """
    Terms of a bond.

    Prices are per 100 of face value, and one unit is 1,000 of it. The coupon is a yearly rate in
    percent, paid `frequency` times a year; zero pays nothing until maturity.
    """

    cusip: str
    coupon: Decimal
    issued: date
    matures: date
    frequency: int = 2
    bond_type: str = "US TREASURY"
    coupon_type: str = "FIXED"
    ratings: str = ""
    description: str = ""
    is_callable: bool = False
    is_puttable: bool = False
    is_convertible: bool = False
    next_call: date | None = None

    def accrued(self, day: date) -> Decimal:
        """Return the interest accrued until a day, per 100 of face value (actual/actual)."""
        if not self.coupon or not self.issued < day < self.matures:
            return Decimal(0)
        before, after = self._period(day)
        share = Decimal((day - before).days) / (after - before).days
        return (self.coupon / self.frequency * share).quantize(_MICRO, ROUND_HALF_UP)

    def yield_at(self, price: Decimal, day: date) -> Decimal:
        """Return the yield to maturity in percent at a clean price, to six places."""
        years = max((self.matures - day).days, 1) / 365.25
        dirty = float(price + self.accrued(day))
        low, high = -0.5, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            if self._worth(middle, years) > dirty:
                low = middle
            else:
                high = middle
        return Decimal(repr(round(middle * 100, 6)))

    def _worth(self, rate: float, years: float) -> float:
        payment = float(self.coupon) / self.frequency
        number = math.ceil(years * self.frequency - 0.001) if self.coupon else 0
        worth: float = 100 / (1 + rate / self.frequency) ** (years * self.frequency)
        for n in range(number):
            left = years - n / self.frequency
            worth += payment / (1 + rate / self.frequency) ** (left * self.frequency)
        return worth

    def _period(self, day: date) -> tuple[date, date]:
        """Return the payments before and after a day, counted back from maturity."""
        months = 12 // self.frequency
        after, steps = self.matures, 0
        while after > day:
            steps += 1
            before_after, after = after, _back(self.matures, steps * months)
        return after, before_after


def _back(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 - months
    year, month = divmod(number, 12)
    last = monthrange(year, month + 1)[1]
    # a bond that matures on a month's last day pays on last days
    is_last = (day + timedelta(days=1)).month != day.month
    return date(year, month + 1, last if is_last else min(day.day, last))
