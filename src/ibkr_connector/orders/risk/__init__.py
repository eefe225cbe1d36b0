"""
Whether your own limits allow an order: pure rules over a snapshot, each broken one named.

Owns: what each rule compares, and what it needs to know for that.
Refuses to know: where facts come from (`FactSource`), and whether to send (the desk).
A fact that a rule needs and nobody knows breaks the rule: no limit is ever passed by not knowing.
"""

from __future__ import annotations

from .facts import (
    AccountFacts,
    Book,
    Case,
    FactSource,
    Held,
    Needs,
    OpenOrders,
    Placed,
    RiskFacts,
    Working,
)
from .limits import LimitSource, RiskLimits
from .pace import Past, likeness
from .rules import RULES, check_risk, judge, needs_facts, needs_of
from .valuation import (
    closes,
    needs_price,
    order_unit_value,
    order_value,
    reckoned_units,
    sized,
    unit_value,
    with_filled,
    worst_price,
)
from .verdicts import decide, verdicts

__all__ = [
    "RULES",
    "AccountFacts",
    "Book",
    "Case",
    "FactSource",
    "Held",
    "LimitSource",
    "Needs",
    "OpenOrders",
    "Past",
    "Placed",
    "RiskFacts",
    "RiskLimits",
    "Working",
    "check_risk",
    "closes",
    "decide",
    "judge",
    "likeness",
    "needs_facts",
    "needs_of",
    "needs_price",
    "order_unit_value",
    "order_value",
    "reckoned_units",
    "sized",
    "unit_value",
    "verdicts",
    "with_filled",
    "worst_price",
]
