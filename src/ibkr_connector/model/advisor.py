"""What an advisor's login has set up: groups of accounts, their other names, models, tiers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from .record import Record

__all__ = [
    "AdvisorGroup",
    "Allocation",
    "AllocationMethod",
    "GroupMember",
    "SoftDollarTier",
    "is_advisors_own",
]

_ADVISORS: Final = re.compile(r"D?[FI]A?\d+A?")


class AllocationMethod(StrEnum):
    """How a group divides an order among its accounts, in IB's words (IB campus: advisors)."""

    EQUAL = "Equal"
    NET_LIQUIDATION = "NetLiq"
    AVAILABLE_EQUITY = "AvailableEquity"
    PERCENT_CHANGE = "PctChange"
    SHARES = "ContractsOrShares"
    RATIO = "Ratio"
    PERCENT = "Percent"
    AMOUNT = "MonetaryAmount"

    @property
    def has_amounts(self) -> bool:
        """Whether each account has a number of its own."""
        return self in (self.SHARES, self.RATIO, self.PERCENT, self.AMOUNT)

    @property
    def says_quantity(self) -> bool:
        """Whether how much an order is for follows from it, and is not said by the order."""
        return self in (self.SHARES, self.AMOUNT, self.PERCENT_CHANGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMember(Record):
    """An account of a group; `amount` where the method has one for each."""

    account: str
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisorGroup(Record):
    """
    Accounts among which an order is divided.

    `method` is IB's word, one of `AllocationMethod` or one that is new. `is_profile` tells an
    allocation profile of a server older than 177, which has become a group since.
    """

    name: str
    method: str
    members: tuple[GroupMember, ...]
    is_profile: bool = False

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts alone."""
        return tuple(member.account for member in self.members)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation(Record):
    """
    Among which accounts an order is divided, and how.

    Args:
        group: Name of an advisor's group; of an allocation profile with `is_profile`.
        method: Another way than the group's own.
        percentage: By how much positions change: with `PERCENT_CHANGE` alone, where more than 0
            makes them larger and less than 0 smaller.
        is_profile: Whether it is an allocation profile of a server older than 177; these have
            become groups since.
    """

    group: str
    method: AllocationMethod | None = None
    percentage: Decimal | None = None
    is_profile: bool = False

    def __str__(self) -> str:
        by = "" if self.method is None else f" by {self.method}"
        return f"{self.group}{by}" + ("" if self.percentage is None else f" {self.percentage:f}%")


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftDollarTier(Record):
    """A tier of a soft-dollar contract that an order's commission counts towards."""

    name: str
    value: str
    display_name: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.display_name or self.name


def is_advisors_own(account: str) -> bool:
    """
    Whether an account is that of an advisor or a broker, which trades for others.

    Their codes begin with F or I (on paper DF, DI); with an A behind it is all accounts as one
    (IB's guide to its API, financial advisors; QuantConnect's of the same).
    """
    return _ADVISORS.fullmatch(account) is not None
