"""Rules about what may be traded at all: symbols, kinds, places, currencies, accounts."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

from ibkr_connector.model.orders import Violation

from .facts import Case

__all__ = ["allowed", "denied"]

_FILE = "config/trading_permissions.yaml"

_SETS = ("security_types", "symbols", "order_types", "exchanges", "currencies", "accounts")
_ALLOWED = attrgetter(*_SETS)
_DENIED = attrgetter(*(f"denied_{name}" for name in _SETS))


def allowed(case: Case) -> Iterator[Violation]:
    """What is listed is allowed and nothing else; an empty list allows any."""
    if not any(_ALLOWED(case.limits)):
        return
    for name, values, names, _ in _subjects(case):
        if names and not any(value in names for value in values):
            secret = name == "account"  # account numbers stay out of messages
            yield Violation(
                rule=f"allowed {name}",
                value="this account" if secret else values[0],
                limit=f"{len(names)} named" if secret else ", ".join(sorted(names)),
                remedy=f"allow the {name} in {_FILE}",
            )


def denied(case: Case) -> Iterator[Violation]:
    """What is denied stays denied, whatever is allowed."""
    if not any(_DENIED(case.limits)):
        return
    for name, values, _, names in _subjects(case):
        hit = next((value for value in values if value in names), None)
        if hit is not None:
            secret = name == "account"
            yield Violation(
                rule=f"denied {name}",
                value="this account" if secret else hit,
                limit=f"{len(names)} named" if secret else ", ".join(sorted(names)),
                remedy=f"take it off the denied {name}s in {_FILE}",
            )


def _subjects(
    case: Case,
) -> tuple[tuple[str, tuple[str, ...], frozenset[str], frozenset[str]], ...]:
    """Return of each subject its name, the order's values, what is allowed and what is denied."""
    contract, limits = case.contract, case.limits
    places = tuple(place for place in (contract.exchange, contract.primary_exchange) if place)
    rows = (
        (
            "security type",
            (contract.security_type.value,),
            limits.security_types,
            limits.denied_security_types,
        ),
        ("symbol", (contract.symbol.upper(),), limits.symbols, limits.denied_symbols),
        (
            "order type",
            (case.request.order_type.value,),
            limits.order_types,
            limits.denied_order_types,
        ),
        ("exchange", places or ("",), limits.exchanges, limits.denied_exchanges),
        ("currency", (contract.currency,), limits.currencies, limits.denied_currencies),
        ("account", (case.account,), limits.accounts, limits.denied_accounts),
    )
    # a combination has no symbol of its own; its legs have theirs
    return tuple(row for row in rows if not (contract.legs and row[0] == "symbol"))
