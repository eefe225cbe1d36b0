"""
An order beside what the account holds and what is under way, as the rules look at it.

Owns: what stands in for what: a changed order for the order as it was, an exit as if its entry were
filled, and each account's part for a divided order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.orders import OrderRequest

from .division import Division
from .exposure import Exposure, group_of
from .judging import of_account, of_whole, whole_book
from .ledger import Ledger
from .risk import Case, LimitSource, RiskFacts, RiskLimits, sized, with_filled

__all__ = ["Cases", "Examined"]

_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """
    A request that makes sense for its contract, with what the rules need to know.

    Of an order that is divided `account` is empty, or the advisor's own; `division` says who gets
    how much of it at most, and `of_accounts` has what is known for each of them.
    """

    request: OrderRequest
    contract: Contract
    account: str
    facts: RiskFacts
    limits: RiskLimits
    division: Division | None = None
    of_accounts: tuple[RiskFacts, ...] = ()


class Cases:
    """Put cases together; nothing here awaits."""

    def __init__(self, *, ledger: Ledger, limits: LimitSource, exposure: Exposure) -> None:
        self._ledger = ledger
        self._limits = limits
        self._exposure = exposure

    def of(
        self,
        examined: Examined,
        *,
        replacing: str | None = None,
        entry: Examined | None = None,
    ) -> tuple[Case, ...]:
        """
        Return what the rules look at: the order, or of a divided one the whole and each part.

        With an `entry` to which it is attached, it is judged as if that were filled.
        """
        division = examined.division
        if division is None:
            case = self._case(examined, replacing=replacing)
            if entry is not None:
                case = with_filled(case, entry.request.action, entry.request.quantity)
            return (case,)
        parts = []
        most = division.at_most(examined.request.quantity)
        of_entry = {} if entry is None else division.at_most(entry.request.quantity)
        for account, facts in zip(division.accounts, examined.of_accounts, strict=True):
            one = replace(
                examined,
                account=account,
                facts=facts,
                request=replace(examined.request, quantity=most[account]),
                division=division,
            )
            case = self._case(one, replacing=replacing)
            if entry is not None:
                case = with_filled(case, entry.request.action, of_entry[account])
            parts.append(case)
        return (self._whole(examined, parts), *map(of_account, parts))

    def _whole(self, examined: Examined, parts: Sequence[Case]) -> Case:
        """Return the order as one, for the rules that are about no account."""
        limits = self._limits.limits_for(examined.contract, examined.account)
        request, division = examined.request, examined.division
        if division is not None and division.quantity is not None:
            # the method says how much, whatever the order itself names
            request = replace(request, quantity=max(request.quantity, division.quantity))
        return replace(
            parts[0],
            request=request,
            account=examined.account,
            facts=examined.facts,
            limits=of_whole(limits, of_accounts=[part.limits for part in parts]),
            book=whole_book(parts),
        )

    def _case(self, examined: Examined, *, replacing: str | None = None) -> Case:
        limits = self._limits.limits_for(examined.contract, examined.account)
        changed = None if replacing is None else self._ledger.get(replacing)
        parent = None if changed is None else self._exposure.open_parent(changed)
        without = [one.key for one in (changed, parent) if one is not None]
        filled = _ZERO if changed is None else changed.filled
        left = _ZERO if parent is None else parent.remaining
        if examined.division is not None:
            # what an account has got of it, and what it may still get of the entry
            filled = _ZERO if changed is None else changed.allotted_to(examined.account)
            left = examined.division.at_most(left).get(examined.account, left)
        case = Case(
            request=sized(examined.request, examined.facts),
            contract=examined.contract,
            account=examined.account,
            limits=limits,
            facts=examined.facts,
            book=self._exposure.book(examined.account, limits, without=without),
            is_change=changed is not None,
            filled=filled,
            group="" if changed is None else group_of(changed),
        )
        if parent is None:
            return case
        # as when it was placed: an exit is judged as if its entry were filled
        return with_filled(case, parent.action, left)
