"""
The table of rules, and the one function that applies it.

Owns: which rules there are, in which order they speak, what each needs to know, and which of them
an order that only closes a position need not pass.
A fact that a rule needs and nobody knows breaks the rule: no limit is ever passed by not knowing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.orders import Action, OrderRequest, Violation

from . import losses, market, pace, permissions, sizes
from .facts import Book, Case, Needs, RiskFacts
from .limits import RiskLimits
from .valuation import closes, needs_price, sized

__all__ = [
    "RULES",
    "Rule",
    "check_risk",
    "judge",
    "needs_facts",
    "needs_of",
    "rules_for",
    "rules_set",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """
    One rule.

    `for_closing` says whether an order that only closes must pass it too, `legs` whether the legs
    of a combination must pass it, besides the whole (`too`) or in its place (`instead`).
    """

    name: str
    check: Callable[[Case], Iterator[Violation]]
    for_closing: bool
    legs: Literal["", "too", "instead"] = ""
    of_exercises: bool = False
    """Whether it is about exercises of options alone."""

    limits: tuple[str, ...] = ()
    """The limits it looks at: while none of them is set it says nothing; without any, always."""

    def is_set(self, limits: RiskLimits) -> bool:
        """Whether it can say anything at all under these limits."""
        return not self.limits or any(_is_set(name, getattr(limits, name)) for name in self.limits)

    def violations(self, case: Case) -> Iterator[Violation]:
        """Apply it to an order, and to its legs."""
        if self.legs != "instead" or not case.contract.legs:
            yield from self.check(case)
        if self.legs and case.contract.legs:
            for leg in case.legs:
                yield from self.check(leg)


def _is_set(name: str, value: object) -> bool:
    if name in _SET_BY_FALSE:
        return value is False
    return value is not None and value is not False and value != frozenset()


_SET_BY_FALSE: Final = frozenset({"allow_short"})

_SETS: Final = ("security_types", "symbols", "order_types", "exchanges", "currencies", "accounts")


RULES: Final = (
    Rule(name="allowed", check=permissions.allowed, for_closing=True, legs="too", limits=_SETS),
    Rule(
        name="denied",
        check=permissions.denied,
        for_closing=True,
        legs="too",
        limits=tuple(f"denied_{name}" for name in _SETS),
    ),
    Rule(
        name="exercise",
        check=sizes.exercise,
        for_closing=True,
        of_exercises=True,
    ),
    Rule(name="order size", check=sizes.order_size, for_closing=True),
    Rule(
        name="order value", check=sizes.order_worth, for_closing=True, limits=("max_order_value",)
    ),
    Rule(
        name="portfolio risk",
        check=sizes.portfolio_risk,
        for_closing=True,
        limits=("max_portfolio_risk",),
    ),
    # what only closes makes these better, however bad they are
    Rule(
        name="position size",
        check=sizes.position_size,
        for_closing=False,
        legs="instead",
        limits=("max_position_size",),
    ),
    Rule(
        name="position value",
        check=sizes.position_worth,
        for_closing=False,
        legs="instead",
        limits=("max_position_value",),
    ),
    Rule(
        name="exposure",
        check=sizes.exposure,
        for_closing=False,
        limits=("max_exposure", "max_exposure_share"),
    ),
    Rule(
        name="concentration",
        check=sizes.concentration,
        for_closing=False,
        limits=("max_concentration",),
    ),
    Rule(
        name="buying power",
        check=sizes.buying_power,
        for_closing=False,
        limits=("check_buying_power",),
    ),
    Rule(
        name="short selling",
        check=sizes.short_selling,
        for_closing=False,
        legs="instead",
        limits=("allow_short", "require_shortable"),
    ),
    Rule(
        name="price collar", check=market.price_collar, for_closing=True, limits=("price_collar",)
    ),
    Rule(
        name="quote age",
        check=market.quote_age,
        for_closing=False,
        legs="instead",
        limits=("max_quote_age_s",),
    ),
    Rule(
        name="open market",
        check=market.open_market,
        for_closing=True,
        limits=("require_open_market",),
    ),
    Rule(
        name="halted",
        check=market.halted,
        for_closing=True,
        legs="instead",
        limits=("refuse_halted",),
    ),
    Rule(
        name="losses",
        check=losses.losses,
        for_closing=False,
        limits=("max_daily_loss", "max_daily_loss_share", "max_drawdown"),
    ),
    Rule(name="cooldown", check=losses.cooldown, for_closing=False),
    # a program that has gone mad can be mad about closing too
    Rule(
        name="open orders", check=pace.open_orders, for_closing=False, limits=("max_open_orders",)
    ),
    Rule(
        name="order rate",
        check=pace.rate,
        for_closing=True,
        limits=("max_orders_per_second", "max_orders_per_minute"),
    ),
    Rule(name="duplicate", check=pace.duplicate, for_closing=True, limits=("duplicate_window_s",)),
)


_OF_ORDERS: Final = tuple(rule for rule in RULES if not rule.of_exercises)


def rules_for(case: Case) -> tuple[Rule, ...]:
    """Return the rules that are about such an order."""
    return _OF_ORDERS if case.request.exercise is None else RULES


def rules_set(case: Case) -> tuple[Rule, ...]:
    """Return those of them that can say anything under the limits of the case."""
    known = _known(case.limits)
    return known.of_orders if case.request.exercise is None else known.rules


_MOST_LIMITS: Final = 256


class _Known(NamedTuple):
    """What follows from limits alone."""

    limits: RiskLimits
    rules: tuple[Rule, ...]
    of_orders: tuple[Rule, ...]
    needs_facts: bool
    by_value: bool


# the same limits hold for thousands of orders; held here, an id is nobody else's
_KNOWN: Final[dict[int, _Known]] = {}


def _known(limits: RiskLimits) -> _Known:
    known = _KNOWN.get(id(limits))
    if known is None or known.limits is not limits:
        if len(_KNOWN) >= _MOST_LIMITS:
            _KNOWN.clear()
        rules = tuple(rule for rule in RULES if rule.is_set(limits))
        known = _KNOWN[id(limits)] = _Known(
            limits=limits,
            rules=rules,
            of_orders=tuple(rule for rule in rules if not rule.of_exercises),
            needs_facts=_needs_facts(limits),
            by_value=_by_value(limits),
        )
    return known


def check_risk(
    request: OrderRequest,
    contract: Contract,
    *,
    account: str,
    limits: RiskLimits,
    facts: RiskFacts,
    book: Book | None = None,
) -> tuple[Violation, ...]:
    """Return every rule that the order breaks, none when it may go."""
    case = Case(
        request=sized(request, facts),
        contract=contract,
        account=account,
        limits=limits,
        facts=facts,
        book=book or Book(),
    )
    return judge(case)


def judge(case: Case) -> tuple[Violation, ...]:
    """Return every rule that a case breaks."""
    only_closes = closes(case)
    return tuple(
        violation
        for rule in rules_for(case)
        if rule.for_closing or not only_closes
        for violation in rule.violations(case)
    )


def needs_of(request: OrderRequest, limits: RiskLimits) -> Needs:
    """Return the costly facts that the rules need for this order."""
    has_price = request.limit_price is not None or request.stop_price is not None
    valued = _known(limits).by_value and needs_price(request)
    quoted = limits.max_quote_age_s is not None or limits.refuse_halted
    collared = limits.price_collar is not None and has_price
    sells = request.action is Action.SELL or (
        isinstance(request.contract, Contract) and bool(request.contract.legs)
    )
    price = valued or quoted or collared or request.cash_quantity is not None
    shortable = limits.require_shortable and sells
    margin, session = limits.check_buying_power, limits.require_open_market
    if not (price or shortable or margin or session):
        return _NO_NEEDS
    return Needs(price=price, shortable=shortable, margin=margin, session=session)


_NO_NEEDS: Final = Needs()


def _by_value(limits: RiskLimits) -> bool:
    values = (
        limits.max_order_value,
        limits.max_portfolio_risk,
        limits.max_position_value,
        limits.max_exposure,
        limits.max_exposure_share,
        limits.max_concentration,
        limits.check_buying_power or None,
    )
    return any(limit is not None for limit in values)


def needs_facts(limits: RiskLimits) -> bool:
    """Whether any rule looks at prices, rates, sessions or the account's worth."""
    return _known(limits).needs_facts


def _needs_facts(limits: RiskLimits) -> bool:
    return any(
        (
            limits.max_order_value is not None,
            limits.max_portfolio_risk is not None,
            limits.max_position_value is not None,
            limits.max_exposure is not None,
            limits.max_exposure_share is not None,
            limits.max_concentration is not None,
            limits.price_collar is not None,
            limits.max_quote_age_s is not None,
            limits.check_buying_power,
            limits.require_shortable,
            limits.require_open_market,
            limits.refuse_halted,
        )
    )
