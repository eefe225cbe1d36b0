"""What an advisor's login has set up: groups of accounts, their other names, models."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from .record import Record

__all__ = ["AdvisorGroup", "AllocationMethod", "GroupMember"]


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
