"""
Who gets what of an advisor's order: groups of accounts, and how a quantity is divided among them.

A login is an advisor's when its first account is a master account (`F…`, on paper `DF…`). Division
is exact: the parts of every fill sum to the fill, no account is more than a step off its share of
one fill, and what an account lacks after one is made good with the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Final

__all__ = [
    "Advisor",
    "Group",
    "Method",
    "Share",
    "all_of",
    "allocate",
    "master_of",
    "order_quantity",
    "weights",
]

_NOTHING: Final = Decimal(0)
_MASTER: Final = re.compile(r"D?F\d+")


class Method(StrEnum):
    """How a group divides an order (IB campus: advisor, allocation methods)."""

    EQUAL = "Equal"
    NET_LIQ = "NetLiq"
    AVAILABLE_EQUITY = "AvailableEquity"
    PCT_CHANGE = "PctChange"
    CONTRACTS_OR_SHARES = "ContractsOrShares"
    RATIO = "Ratio"
    PERCENT = "Percent"
    MONETARY_AMOUNT = "MonetaryAmount"

    @classmethod
    def named(cls, text: str) -> Method | None:
        """Return a method by IB's name, the older `EqualQuantity` too; `None` for no such."""
        if text == "EqualQuantity":
            return cls.EQUAL
        return cls(text) if text in _NAMES else None

    @property
    def has_amounts(self) -> bool:
        """Whether each account of a group has a number of its own."""
        return self in _WITH_AMOUNTS


_NAMES: Final = frozenset(method.value for method in Method)
_WITH_AMOUNTS: Final = frozenset(
    {Method.CONTRACTS_OR_SHARES, Method.RATIO, Method.PERCENT, Method.MONETARY_AMOUNT}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Accounts by their amounts, in order; an amount is `None` where the method has none."""

    name: str
    method: Method
    members: Mapping[str, Decimal | None]


@dataclass(slots=True)
class Advisor:
    """
    What an advisor has set up: groups by name, other names of accounts, models, tiers.

    A model has the share of each account that is invested in it. A soft-dollar tier is its name,
    its value and what it is shown as.
    """

    groups: dict[str, Group] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    models: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    tiers: tuple[tuple[str, str, str], ...] = ()

    def replace_groups(self, groups: Iterable[Group]) -> None:
        """Set groups: TWS keeps those alone that are in the new list (IB campus: replaceFA)."""
        self.groups = {group.name: group for group in groups}


def master_of(accounts: Sequence[str]) -> str | None:
    """Return the advisor's own account among those of a login; `None` when it has none."""
    if len(accounts) > 1 and _MASTER.fullmatch(accounts[0]):
        return accounts[0]
    return None


def all_of(accounts: Sequence[str]) -> str | None:
    """Return the name under which an advisor sees all accounts as one, as in `F1234567A`."""
    master = master_of(accounts)
    return None if master is None else f"{master}A"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What there is to know of an account when an order is divided."""

    account: str
    amount: Decimal | None = None
    net_liquidation: Decimal = _NOTHING
    available_equity: Decimal = _NOTHING
    position: Decimal = _NOTHING


def weights(shares: Iterable[Share], method: Method) -> dict[str, Decimal]:
    """Return by what accounts take part in an order; those without any are left out."""
    found = {share.account: max(_weight(share, method), _NOTHING) for share in shares}
    return {account: weight for account, weight in found.items() if weight}


def _weight(share: Share, method: Method) -> Decimal:
    match method:
        case Method.EQUAL:
            return Decimal(1)
        case Method.NET_LIQ:
            return share.net_liquidation
        case Method.AVAILABLE_EQUITY:
            return share.available_equity
        case Method.PCT_CHANGE:
            return abs(share.position)
        case _:
            return share.amount or _NOTHING


def order_quantity(
    shares: Iterable[Share],
    method: Method,
    *,
    said: Decimal,
    price: Decimal,
    percentage: Decimal,
    step: Decimal = Decimal(1),
) -> Decimal:
    """
    Return how much an order is for, where the method says it; what the order says elsewhere.

    Args:
        shares: The accounts.
        method: How it is divided.
        said: The quantity in the order.
        price: What one contract costs, multiplier included.
        percentage: By how much positions change, for `PctChange`.
        step: Smallest quantity; each account's part is a multiple of it.
    """
    parts: list[Decimal]
    match method:
        case Method.CONTRACTS_OR_SHARES:
            parts = [share.amount or _NOTHING for share in shares]
        case Method.MONETARY_AMOUNT:
            parts = [(share.amount or _NOTHING) / price if price else _NOTHING for share in shares]
        case Method.PCT_CHANGE:
            parts = [abs(share.position * percentage / 100) for share in shares]
        case _:
            return said
    return sum((_floor(part, step) for part in parts), _NOTHING)


def allocate(
    quantity: Decimal,
    shares: Iterable[Share],
    method: Method,
    *,
    step: Decimal = Decimal(1),
    before: Mapping[str, Decimal] | None = None,
) -> dict[str, Decimal]:
    """
    Divide one fill of an order among the accounts of a group.

    Args:
        quantity: What was filled now, positive.
        shares: The accounts; they must say the same for every fill of an order.
        method: How it is divided.
        step: Smallest quantity; each part is a multiple of it, but for one account that gets what
            is left when `quantity` is none.
        before: What each account got of the order until now.

    Returns:
        Quantity by account, in the order of `shares`, without those that get nothing; it sums to
        `quantity`. Empty when no account takes part.
    """
    by_weight = weights(shares, method)
    if not by_weight or quantity <= 0:
        return {}
    had = {account: (before or {}).get(account, _NOTHING) for account in by_weight}
    whole, all_weights = sum(had.values(), quantity), sum(by_weight.values())
    # what an account lacks of its share of everything that is filled
    lacks = {
        account: max(whole * weight / all_weights - had[account], _NOTHING)
        for account, weight in by_weight.items()
    }
    parts, left = dict.fromkeys(by_weight, _NOTHING), quantity
    for account, lack in lacks.items():
        parts[account] = min(_floor(lack, step), left)
        left -= parts[account]
    # the largest remainders first; accounts that come first in the group win a draw
    behind = sorted(by_weight, key=lambda account: parts[account] - lacks[account])
    while left > 0:
        for account in behind:
            more = min(step, left)
            parts[account] += more
            left -= more
            if not left:
                break
    return {account: part for account, part in parts.items() if part}


def _floor(quantity: Decimal, step: Decimal) -> Decimal:
    return (quantity / step).to_integral_value(ROUND_FLOOR) * step
