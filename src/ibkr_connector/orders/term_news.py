"""
What the broker says of an order's terms that is not known yet: a change, ours or somebody's in TWS.

Pure. The wire names contracts of conditions by their ids alone, so conditions are compared by those
and the fuller description is kept.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ibkr_connector.gateway.port import BrokerOrder
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.orders import Condition, OrderTerms

from .entry import OrderEntry

__all__ = ["terms_news"]


def terms_news(order: BrokerOrder, entry: OrderEntry) -> dict[str, Any]:
    """Return the fields of a `Learned` note of which the broker says something new."""
    terms = _with_known_contracts(order.terms, entry.terms)
    if terms.algo is None and entry.terms.algo is not None:
        # an algorithm never ends on a working order: the broker has said it in a form that is not
        # understood here, and a change sent without it would say something else
        terms = replace(terms, algo=entry.terms.algo)
    if terms.cash_quantity is None and entry.terms.cash_quantity is not None:
        # nobody says that TWS tells the amount again, and nothing turns it into a quantity
        terms = replace(terms, cash_quantity=entry.terms.cash_quantity)
    if terms.exercise is not entry.terms.exercise:
        # an exercise is shown as an order, and never turns into one
        terms = replace(terms, exercise=entry.terms.exercise)
    if entry.terms.is_divided or entry.terms.soft_dollar_tier is not None:
        terms = _as_divided(terms, entry.terms)
    news: dict[str, Any] = {}
    if order.limit_price is not None and order.limit_price != entry.limit_price:
        news["limit_price"] = order.limit_price
    if order.stop_price is not None and order.stop_price != entry.stop_price:
        news["stop_price"] = order.stop_price
    if order.time_in_force and order.time_in_force != entry.time_in_force:
        news["time_in_force"] = order.time_in_force
    if order.outside_regular_hours != entry.outside_regular_hours:
        news["outside_regular_hours"] = order.outside_regular_hours
    # most orders have no terms at all, and share one record that says so
    if terms is not entry.terms and terms != entry.terms:
        news["terms"] = terms
    return news


def _as_divided(said: OrderTerms, known: OrderTerms) -> OrderTerms:
    """
    Keep among whom an order is divided where the broker says less of it than is known.

    Nothing says that TWS repeats the method and the percentage, and an order that was divided does
    not end to be.
    """
    ours, theirs = known.allocation, said.allocation
    if ours is not None and (theirs is None or theirs.group == ours.group):
        said = replace(said, allocation=ours)
    return replace(
        said,
        model=said.model or known.model,
        soft_dollar_tier=said.soft_dollar_tier or known.soft_dollar_tier,
    )


def _with_known_contracts(said: OrderTerms, known: OrderTerms) -> OrderTerms:
    if not said.conditions or said.conditions == known.conditions:
        return said
    if [*map(_bare, said.conditions)] != [*map(_bare, known.conditions)]:
        return said
    return replace(said, conditions=known.conditions)


def _bare(condition: Condition) -> dict[str, Any]:
    fields = dict(condition)
    contract = fields.get("contract")
    return fields | {"contract": contract.con_id} if isinstance(contract, Contract) else fields
