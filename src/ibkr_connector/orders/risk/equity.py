"""
What losses are measured against: the worth at the start of the day, and its peak.

Owns: the step from one observation of the account's worth to the next marks. Pure; who keeps the
marks on disk is `orders/equity_store.py`.
*limit*: money paid in or out of the account counts as a gain or a loss.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from .facts import Book
from .limits import RiskLimits
from .losses import breaches

__all__ = ["EquityMarks", "observe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityMarks:
    """
    What is remembered of one account.

    `day` is the date of `day_start`; `halted_until` is set while a loss limit stands reached, and
    stays for the cooldown after that.
    """

    day: date
    day_start: Decimal
    peak: Decimal
    halted_until: datetime | None = None
    halted_by: str = ""


def observe(
    marks: EquityMarks | None, worth: Decimal, *, now: datetime, day: date, limits: RiskLimits
) -> EquityMarks:
    """Return the marks after the account was seen to be worth that much."""
    if marks is None:
        marks = EquityMarks(day=day, day_start=worth, peak=worth)
    if day > marks.day:
        marks = replace(marks, day=day, day_start=worth)
    if worth > marks.peak:
        marks = replace(marks, peak=worth)
    book = Book(day_start=marks.day_start, peak=marks.peak)
    reached = [rule for rule, _, _, is_known in breaches(limits, book, worth) if is_known]
    if not reached:
        return marks
    until = now + timedelta(seconds=float(limits.halt_cooldown_s))
    return replace(marks, halted_until=until, halted_by=", ".join(reached))
