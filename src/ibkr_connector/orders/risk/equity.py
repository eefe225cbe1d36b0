"""
What losses are measured against: the worth at the start of the day, and its peak.

Owns: the step from one observation of the account's worth to the next marks, and from the word
that money was paid in or out. Pure; who keeps the marks on disk is `orders/equity_store.py`.
*limit*: TWS has no figure for deposits and withdrawals (facts: account tags), so money that nobody
tells of counts as a gain or a loss.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from .facts import Book
from .limits import RiskLimits
from .losses import breaches

__all__ = ["EquityMarks", "adjust", "observe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityMarks:
    """
    What is remembered of one account.

    `day` is the date of `day_start`, and `began` the moment at which that was seen. `day_peak` is
    the peak as it was before that day. `is_reached` says that a loss limit stood reached when the
    account was last seen; `halted_until` is set while a loss limit stands reached, and
    stays for the cooldown after that.
    """

    day: date
    day_start: Decimal
    peak: Decimal
    halted_until: datetime | None = None
    halted_by: str = ""
    began: datetime | None = None
    day_peak: Decimal | None = None
    is_reached: bool = False

    def halt(self, now: datetime) -> str:
        """Say why only closing orders go; empty when that is not so."""
        if self.is_reached:
            return f"a loss limit is reached ({self.halted_by}): only closing orders go"
        if self.halted_until is not None and now < self.halted_until:
            until = f"{self.halted_until:%Y-%m-%d %H:%M:%S} UTC"
            return f"a loss limit was reached ({self.halted_by}): only closing orders go to {until}"
        return ""


def observe(
    marks: EquityMarks | None, worth: Decimal, *, now: datetime, day: date, limits: RiskLimits
) -> EquityMarks:
    """Return the marks after the account was seen to be worth that much."""
    if marks is None:
        marks = EquityMarks(day=day, day_start=worth, peak=worth, began=now, day_peak=worth)
    if day > marks.day:
        marks = replace(marks, day=day, day_start=worth, began=now, day_peak=marks.peak)
    if worth > marks.peak:
        marks = replace(marks, peak=worth)
    book = Book(day_start=marks.day_start, peak=marks.peak)
    reached = [rule for rule, _, _, is_known in breaches(limits, book, worth) if is_known]
    if not reached:
        return replace(marks, is_reached=False) if marks.is_reached else marks
    until = now + timedelta(seconds=float(limits.halt_cooldown_s))
    return replace(marks, halted_until=until, halted_by=", ".join(reached), is_reached=True)


def adjust(
    marks: EquityMarks, amount: Decimal, *, arrived: datetime, worth: Decimal, limits: RiskLimits
) -> EquityMarks:
    """
    Return the marks after the word that so much was paid in, or out when it is negative.

    The money is in `worth` already. What was there when the day began is in its first worth too.
    A peak of this day may be the money's own, so the peak before it is what rises; and a halt that
    no limit explains any more has ended.
    """
    began = marks.began
    is_new = arrived >= began if began is not None else True
    earlier = marks.peak if marks.day_peak is None else marks.day_peak
    marks = replace(
        marks,
        day_start=marks.day_start + amount if is_new else marks.day_start,
        peak=max(earlier + amount, worth) if amount > 0 else max(marks.peak + amount, worth),
        day_peak=earlier + amount,
    )
    book = Book(day_start=marks.day_start, peak=marks.peak)
    if any(is_known for _, _, _, is_known in breaches(limits, book, worth)):
        return marks
    return replace(marks, halted_until=None, halted_by="", is_reached=False)
