"""
Among whom an advisor's order is divided, and how much each account may get of it at most.

Pure. TWS divides by its own figures at its own moment, so what is worked out here is a bound and no
forecast: an account gets no more than this. Where only TWS knows the shares (by net liquidation
value, by available equity, in a model), the bound is the whole order.
Sources: IB's guide to its API, financial advisors (methods, and which of them say the quantity).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final

from ibkr_connector.errors import OrderValidationError
from ibkr_connector.model.advisor import (
    AdvisorGroup,
    Allocation,
    AllocationMethod,
    SoftDollarTier,
    is_advisors_own,
)
from ibkr_connector.model.orders import Fill, OrderRequest

from .values import (
    Reader,
    is_finite,
    not_one_of,
    read_flag,
    read_number,
    read_text,
    read_values,
    unknown_key,
)

__all__ = [
    "Division",
    "advice_faults",
    "allotted",
    "among",
    "counted_once",
    "divide",
    "method_of",
    "read_allocation",
    "read_tier",
]

ZERO: Final = Decimal(0)
_WEIGHTED: Final = (AllocationMethod.RATIO, AllocationMethod.PERCENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """
    The accounts that get something of an order.

    Args:
        accounts: By name, in the group's order.
        weights: Their shares, `None` where only TWS knows them.
        fixed: The most that each gets, where the method says it.
        quantity: How much the order is for, where the method says it; `None` where the order does.
        is_lasting: Whether it is the same for a later order of the same quantity, as an exit is.
            What follows from prices or positions is not, even where it is the same by chance.
    """

    accounts: tuple[str, ...]
    weights: Mapping[str, Decimal] | None = None
    fixed: Mapping[str, Decimal] | None = None
    quantity: Decimal | None = None
    is_lasting: bool = True

    def at_most(self, quantity: Decimal) -> dict[str, Decimal]:
        """Return how much of so many units each account may get."""
        if self.fixed is not None:
            return {account: self.fixed[account] for account in self.accounts}
        if self.weights is None:
            return dict.fromkeys(self.accounts, quantity)
        whole = sum(self.weights.values())
        return {
            account: min(quantity, _up(quantity * self.weights[account] / whole))
            for account in self.accounts
        }


# --- as it is written ---------------------------------------------------------------------------


def read_allocation(key: str, value: object) -> Allocation:
    """Read an `Allocation`, the name of a group, or a mapping of the fields."""
    if isinstance(value, Allocation):
        return value
    if isinstance(value, str):
        return Allocation(group=value)
    values = _read(key, value, "an Allocation, the name of a group", readers=_ALLOCATION)
    if "group" not in values:
        raise ValueError(f"{key}: group is missing")
    return Allocation(**values)


def read_tier(key: str, value: object) -> SoftDollarTier:
    """Read a `SoftDollarTier`, or a mapping of its fields."""
    if isinstance(value, SoftDollarTier):
        return value
    values = _read(key, value, "a SoftDollarTier", readers=_TIER)
    missing = [name for name in ("name", "value") if name not in values]
    if missing:
        raise ValueError(f"{key}: {' and '.join(missing)} missing")
    return SoftDollarTier(**values)


def _read(key: str, value: object, what: str, *, readers: Mapping[str, Reader]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{key} must be {what} or a mapping of its fields; got {value!r}")
    faults = [unknown_key(name, tuple(readers)) for name in value if name not in readers]
    given = {name: one for name, one in value.items() if one is not None}
    values = read_values(given, readers, faults)
    if faults:
        raise ValueError("; ".join(f"{key}: {fault}" for fault in faults))
    return values


def _method(key: str, value: object) -> AllocationMethod:
    text = str(value).strip().lower().replace(" ", "").replace("_", "")
    for method in AllocationMethod:
        if text in (method.value.lower(), method.name.lower().replace("_", "")):
            return method
    if text == "equalquantity":  # what it was called before groups and profiles became one
        return AllocationMethod.EQUAL
    raise ValueError(not_one_of(key, value, AllocationMethod))


_ALLOCATION: Final[Mapping[str, Reader]] = {
    "group": read_text,
    "method": _method,
    "percentage": read_number,
    "is_profile": read_flag,
}
_TIER: Final[Mapping[str, Reader]] = {
    "name": read_text,
    "value": read_text,
    "display_name": read_text,
}


def advice_faults(request: OrderRequest) -> Iterator[str]:
    """Check what an order says of group, model and tier by itself."""
    what: Any = request.allocation
    if what is not None and not isinstance(what, Allocation):
        yield f"allocation must be an Allocation; got {what!r}"
    elif what is not None:
        yield from _allocation_faults(what)
        yield from _excluded(request, what)
    tier: Any = request.soft_dollar_tier
    if tier is not None and not isinstance(tier, SoftDollarTier):
        yield f"soft_dollar_tier must be a SoftDollarTier; got {tier!r}"
    if request.model is not None and request.exercise is not None:
        yield "model does not go with an exercise; leave it out"


def _excluded(request: OrderRequest, what: Allocation) -> Iterator[str]:
    for key, value in (("account", request.account), ("model", request.model)):
        if value:
            yield f"{key} {value!r} and the group {what.group!r} exclude each other; give one"
    if request.cash_quantity is not None:
        yield "cash_quantity does not go with an allocation; give a quantity"
    if request.exercise is not None:
        yield "allocation does not go with an exercise: options are exercised account by account"


def _allocation_faults(what: Allocation) -> Iterator[str]:
    method: Any = what.method
    if what.is_profile and (what.method is not None or what.percentage is not None):
        yield f"the profile {what.group!r} has its own method; leave method and percentage out"
    if not what.group:
        yield "allocation.group is missing; name an advisor's group"
    if method is not None and not isinstance(method, AllocationMethod):
        yield not_one_of("allocation.method", method, AllocationMethod)
        return
    if what.percentage is None:
        if method is AllocationMethod.PERCENT_CHANGE:
            yield f"allocation.percentage is missing; the method {method} needs it"
        return
    if not is_finite(what.percentage) or what.percentage == 0:
        yield f"allocation.percentage must be a finite Decimal and not 0; got {what.percentage!r}"
    if method not in (None, AllocationMethod.PERCENT_CHANGE):
        yield (
            f"allocation.percentage goes with {AllocationMethod.PERCENT_CHANGE.value}; got the "
            f"method {method}, leave one of them out"
        )


# --- with the advisor's groups known ------------------------------------------------------------


def among(groups: tuple[AdvisorGroup, ...], what: Allocation) -> AdvisorGroup:
    """
    Find the group that an order names.

    Raises:
        OrderValidationError: There is none, or its method is not what the order needs.
    """
    kind = "profile" if what.is_profile else "group"
    found = next((group for group in groups if group.name == what.group), None)
    if found is None:
        names = ", ".join(repr(group.name) for group in groups) or "none"
        raise OrderValidationError(
            f"allocation names the {kind} {what.group!r}; the advisor has {names}",
            hint="portfolio.groups() lists groups, and portfolio.profiles() those of servers older "
            "than 177; make one in TWS, or by portfolio.replace_groups()",
        )
    method = method_of(found, what)
    if method.has_amounts and any(one.amount is None for one in found.members):
        raise OrderValidationError(
            f"the method {method} needs an amount for each account, and the group {found.name!r} "
            f"of method {found.method} has none",
            hint="leave the method out, or name a group that has amounts",
        )
    if (method is AllocationMethod.PERCENT_CHANGE) is not (what.percentage is not None):
        need = "needs" if what.percentage is None else "takes no"
        raise OrderValidationError(
            f"the method {method} of the group {found.name!r} {need} allocation.percentage"
        )
    return found


def method_of(group: AdvisorGroup, what: Allocation) -> AllocationMethod:
    """
    Return how an order is divided among a group.

    Raises:
        OrderValidationError: It is a way that is not known here, so that nothing bounds it.
    """
    if what.method is not None:
        return what.method
    try:
        return _method("", group.method)
    except ValueError as error:
        raise OrderValidationError(
            f"the group {group.name!r} has the method {group.method!r}, which is not known here",
            hint="name another method in the order's allocation",
        ) from error


def divide(
    group: AdvisorGroup,
    what: Allocation,
    *,
    held: Mapping[str, Decimal | None],
    prices: tuple[Decimal, ...],
) -> Division:
    """
    Work out who gets how much at most.

    Args:
        group: As the gateway tells it.
        what: What the order says.
        held: What each account holds of the contract, `None` where that is not known.
        prices: What one contract may cost, multiplier included, where a method divides money.

    Raises:
        OrderValidationError: The method says how much, and that is nothing or cannot be known.
    """
    method, accounts = method_of(group, what), group.accounts
    amounts = {one.account: _plain(one.amount or ZERO) for one in group.members}
    match method:
        case AllocationMethod.EQUAL:
            return Division(accounts=accounts, weights=dict.fromkeys(accounts, Decimal(1)))
        case AllocationMethod.RATIO | AllocationMethod.PERCENT:
            known = {account: amount for account, amount in amounts.items() if amount > 0}
            return Division(accounts=tuple(known), weights=_some(known, group, method))
        case AllocationMethod.SHARES:
            exact = {account: amount for account, amount in amounts.items() if amount > 0}
            return _fixed(_some(exact, group, method), exact, is_lasting=True)
        case AllocationMethod.AMOUNT:
            if not prices:
                raise OrderValidationError(
                    f"the method {method} needs a price, and the contract has none now",
                    hint="name a limit price, or divide by another method",
                )
            most = {a: _up(amount / min(prices)) for a, amount in amounts.items() if amount > 0}
            least = {a: _down(amounts[a] / max(prices)) for a in most}
            return _fixed(_some(most, group, method), least, is_lasting=False)
        case AllocationMethod.PERCENT_CHANGE:
            unknown = [account for account in accounts if held.get(account) is None]
            if unknown:
                raise OrderValidationError(
                    f"the method {method} needs the positions of {len(accounts)} accounts, and "
                    f"those of {len(unknown)} are not known",
                    hint="wait until they are told",
                )
            share = abs(what.percentage or ZERO) / 100
            parts = {account: abs(held[account] or ZERO) * share for account in accounts}
            most = {account: _up(part) for account, part in parts.items() if part}
            least = {account: _down(parts[account]) for account in most}
            return _fixed(_some(most, group, method), least, is_lasting=False)
    return Division(accounts=accounts)


def _fixed(
    most: Mapping[str, Decimal], about: Mapping[str, Decimal], *, is_lasting: bool
) -> Division:
    quantity = sum(about.values(), ZERO) or sum(most.values(), ZERO)
    return Division(accounts=tuple(most), fixed=most, quantity=quantity, is_lasting=is_lasting)


def _some(
    parts: Mapping[str, Decimal], group: AdvisorGroup, method: AllocationMethod
) -> Mapping[str, Decimal]:
    if not parts:
        raise OrderValidationError(
            f"by the method {method} no account of the group {group.name!r} gets anything",
            hint="look at its amounts, or at what its accounts hold",
        )
    return parts


def _plain(amount: Decimal) -> Decimal:
    """Return 5 for what the gateway writes as 5.0."""
    whole = amount.to_integral_value()
    return whole if whole == amount else amount


def _up(quantity: Decimal) -> Decimal:
    return quantity.to_integral_value(ROUND_CEILING)


def _down(quantity: Decimal) -> Decimal:
    return quantity.to_integral_value(ROUND_FLOOR)


# --- what was filled ----------------------------------------------------------------------------


def counted_once(fills: tuple[Fill, ...]) -> tuple[Fill, ...]:
    """
    Leave out what says the same again: of a divided order TWS tells the whole and the parts.

    First come the executions of the order itself, in the advisor's own account, and then those of
    each account (IB's guide: executions and commissions; Lean's brokerage, `CanEmitFill`). Both
    tell the same units. Those of the accounts count as soon as they are as many.
    """
    if len(fills) < 2:
        return fills
    first = fills[0].account
    if all(fill.account == first for fill in fills):
        return fills
    whole = tuple(fill for fill in fills if is_advisors_own(fill.account))
    if not whole or len(whole) == len(fills):
        return fills
    parts = tuple(fill for fill in fills if not is_advisors_own(fill.account))
    return parts if _sum(parts) >= _sum(whole) else whole


def allotted(fills: tuple[Fill, ...]) -> tuple[Fill, ...]:
    """Return the executions that accounts have got, without those of the order as a whole."""
    return tuple(fill for fill in fills if not is_advisors_own(fill.account))


def _sum(fills: tuple[Fill, ...]) -> Decimal:
    return sum((fill.quantity for fill in fills), ZERO)
