"""What an order would do, asked before it is placed: the broker's figures, the rules, the token."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from .orders import OrderRequest
from .record import Record

__all__ = [
    "UNTOLD",
    "Decision",
    "Figures",
    "OrderPreview",
    "OrderQuestion",
    "RuleVerdict",
    "Verdict",
    "WhatIf",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures(Record):
    """One figure of the account before and after an order; `None` where the broker says nothing."""

    before: Decimal | None = None
    change: Decimal | None = None
    after: Decimal | None = None

    @property
    def is_told(self) -> bool:
        """Whether the broker has said anything of it."""
        return any(value is not None for value in (self.before, self.change, self.after))


UNTOLD = Figures()
"""What the broker has left open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf(Record):
    """
    What the broker says an order would do.

    Margins are in the base currency of the account. `rejected_reason` and `code` are set when it
    would refuse the order; figures may have come all the same. `warnings` are its own words.
    `is_answered` says that it has described the order, be it without a single figure; without
    that it has only warned.
    """

    initial_margin: Figures = UNTOLD
    maintenance_margin: Figures = UNTOLD
    equity_with_loan: Figures = UNTOLD
    commission: Decimal | None = None
    min_commission: Decimal | None = None
    max_commission: Decimal | None = None
    commission_currency: str = ""
    warnings: tuple[str, ...] = ()
    rejected_reason: str = ""
    code: int | None = None
    is_answered: bool = True

    @property
    def is_told(self) -> bool:
        """Whether the broker has computed any margin."""
        parts = (self.initial_margin, self.maintenance_margin, self.equity_with_loan)
        return any(part.is_told for part in parts)


class Verdict(StrEnum):
    """What a rule says of an order."""

    PASSED = "passed"
    BROKEN = "broken"
    NOT_SET = "not set"
    """The user has set no limit."""

    WAIVED = "waived"
    """It does not hold for an order that only closes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleVerdict(Record):
    """One rule: what it compared, with what, how that came out, and what helps if it is broken."""

    rule: str
    verdict: Verdict
    value: str = ""
    limit: str = ""
    remedy: str = ""

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        compared = f": {self.value}" if self.value else ""
        return f"{self.rule} {self.verdict}{compared}" + (
            f", limit {self.limit}" if self.limit else ""
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(Record):
    """
    Who looked at an order before it was placed, when, and on which facts it was let go.

    Stored with the order in the journal. `by` is whatever name the caller gave; `price` is the
    market price that the rules were judged by.
    """

    by: str
    previewed_at: datetime
    placed_at: datetime
    correlation_id: str
    rules: tuple[RuleVerdict, ...]
    broker: WhatIf
    price: Decimal | None = None

    @property
    def sentence(self) -> str:
        """The decision in words."""
        who = f" by {self.by}" if self.by else ""
        passed = sum(rule.verdict is Verdict.PASSED for rule in self.rules)
        margin = self.broker.initial_margin.change
        cost = self.broker.commission
        return (
            f"previewed{who} at {self.previewed_at:%Y-%m-%d %H:%M:%S} UTC, {passed} rules passed, "
            f"initial margin {'unknown' if margin is None else f'{margin:+}'}, "
            f"commission {'unknown' if cost is None else cost}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPreview(Record):
    """
    What an order would do, and the token that lets exactly this order go once.

    `order` is the order as it would be placed: contract looked up, account chosen. `rules` are all
    rules, broken ones first. `token` is `None` when the order would be refused, by a rule or by the
    broker; it is valid until `expires`, for one placing, in this connector only. It is a secret:
    whoever has it can place the order.

    Of a bracket, `order` is the entry and `exits` are profit and stop, whose rules have their names
    in front. Of a change, `order_id` is the order's, and `order` is that order as it would be.
    """

    order: OrderRequest
    at: datetime
    rules: tuple[RuleVerdict, ...]
    broker: WhatIf
    price: Decimal | None = None
    correlation_id: str = ""
    expires: datetime | None = None
    token: str | None = field(default=None, repr=False)
    exits: tuple[OrderRequest, ...] = ()
    order_id: int | None = None

    @property
    def broken(self) -> tuple[RuleVerdict, ...]:
        """The rules that refuse it."""
        return tuple(rule for rule in self.rules if rule.verdict is Verdict.BROKEN)

    @property
    def is_allowed(self) -> bool:
        """Whether neither a rule nor the broker would refuse it, as far as is known now."""
        is_answered = self.broker.is_answered or not self.asked_about
        return not self.broken and is_answered and not self.broker.rejected_reason

    @property
    def is_placed_before(self) -> bool:
        """Whether its `client_order_id` names this very order: placing returns that one again."""
        return any(rule.rule == "client_order_id" for rule in self.broken)

    @property
    def asked_about(self) -> str:
        """
        What the broker was asked about: `order`, `entry` of a bracket, or empty for nothing.

        Of a change, or of an exit whose entry is not there yet, it would answer as if that were one
        more order; an exercise it cannot be asked about.
        """
        if self.order_id is not None or self.order.exercise is not None:
            return ""
        return "entry" if self.exits else "order"

    @property
    def initial_margin(self) -> Figures:
        """Initial margin before and after."""
        return self.broker.initial_margin

    @property
    def maintenance_margin(self) -> Figures:
        """Maintenance margin before and after."""
        return self.broker.maintenance_margin

    @property
    def equity_with_loan(self) -> Figures:
        """Equity with loan before and after."""
        return self.broker.equity_with_loan

    @property
    def warnings(self) -> tuple[str, ...]:
        """The broker's warnings."""
        return self.broker.warnings

    @property
    def rejected_reason(self) -> str:
        """Why the broker would refuse it; empty when it would not."""
        return self.broker.rejected_reason


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderQuestion(Record):
    """
    What somebody is asked to confirm before it is sent.

    `orders` are the orders as they would be placed: one, or the three of a bracket, or with
    `order_id` that order as it would be after a change. `rules` are all rules that are set; the
    order passes them. `worth` is the most that the (first) order can be worth in the account's
    base currency, where a rule has asked for what that takes; `price` is the market's. `by` is the
    name that was given to a preview. Without a yes by `expires` nothing is sent.
    """

    orders: tuple[OrderRequest, ...]
    rules: tuple[RuleVerdict, ...]
    at: datetime
    expires: datetime | None = None
    worth: Decimal | None = None
    price: Decimal | None = None
    order_id: int | None = None
    by: str = ""
    correlation_id: str = ""
