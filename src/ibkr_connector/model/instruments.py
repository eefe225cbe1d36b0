"""What belongs to an instrument beside its contract: price bands, and the terms of a bond."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from .record import Record

__all__ = ["BondTerms", "PriceBand"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBand(Record):
    """The price step from `low` upwards, to where the next band begins."""

    low: Decimal
    increment: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BondTerms(Record):
    """What a bond pays and when; dates are IB's text, `coupon` is percent a year."""

    cusip: str = ""
    coupon: Decimal | None = None
    coupon_type: str = ""
    maturity: str = ""
    issue_date: str = ""
    ratings: str = ""
    bond_type: str = ""
    description: str = ""
    is_callable: bool = False
    is_puttable: bool = False
    is_convertible: bool = False
    next_option_date: str = ""
    next_option_type: str = ""
