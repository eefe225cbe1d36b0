"""
Whether your own limits allow an order: pure rules over a snapshot, each broken one named.

Owns: what each rule compares, and what it needs to know for that.
Refuses to know: where facts come from (`FactSource`), and whether to send (the desk).
A fact that a rule needs and nobody knows breaks the rule: no limit is ever passed by not knowing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from ibkr_connector.model.contracts import Contract, ContractDetails, SecurityType
from ibkr_connector.model.orders import Action, OrderRequest, Violation

__all__ = ["FactSource", "RiskFacts", "RiskLimits", "check_risk", "needs_facts", "needs_price"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """
    What the user allows.

    `max_order_size` is in units of the contract, `max_order_value` in the account's base currency,
    `max_portfolio_risk` the largest share (0 to 1) of the net liquidation value that one order may
    be worth. An empty set of allowed things allows any; denied symbols are denied in any case.
    `trading_allowed` is false when no rules or broken ones were found, and says why.
    """

    max_order_size: Decimal
    max_order_value: Decimal | None = None
    max_portfolio_risk: Decimal | None = None
    security_types: frozenset[str] = frozenset()
    symbols: frozenset[str] = frozenset()
    denied_symbols: frozenset[str] = frozenset()
    order_types: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    trading_allowed: bool = True
    halted_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskFacts:
    """
    What is known at the moment of the check; `None` is unknown.

    `price` is a current price of one unit in the contract's currency, `net_liquidation` the
    account's in its base currency, `exchange_rate` what one unit of the contract's currency is
    worth in the base currency. `missing` says why something is not known.
    """

    price: Decimal | None = None
    net_liquidation: Decimal | None = None
    exchange_rate: Decimal | None = None
    missing: str = ""


class FactSource(Protocol):
    """Tells the facts that the rules need."""

    async def facts(self, details: ContractDetails, *, account: str, with_price: bool) -> RiskFacts:
        """
        Return what is known now of the contract and the account; asked only when needed.

        A price costs a question to the gateway, so it is left out where the order's own will do.
        """
        ...


def needs_facts(limits: RiskLimits) -> bool:
    """Whether any rule compares values, so that prices and account figures are needed."""
    return limits.max_order_value is not None or limits.max_portfolio_risk is not None


def needs_price(request: OrderRequest) -> bool:
    """Whether the market's price is needed to say what an order can cost."""
    return worst_price(request, None) is None


def check_risk(
    request: OrderRequest, contract: Contract, *, account: str, limits: RiskLimits, facts: RiskFacts
) -> tuple[Violation, ...]:
    """Return every rule that the order breaks, none when it may go."""
    return (
        *_permissions(request, contract, account=account, limits=limits),
        *_size(request, limits),
        *_value(request, contract, limits=limits, facts=facts),
    )


def _permissions(
    request: OrderRequest, contract: Contract, *, account: str, limits: RiskLimits
) -> Iterator[Violation]:
    symbol = contract.symbol.upper()
    allowed = (
        ("security type", contract.security_type.value, limits.security_types),
        ("symbol", symbol, limits.symbols),
        ("order type", request.order_type.value, limits.order_types),
        ("account", account, limits.accounts),
    )
    for name, value, names in allowed:
        if names and value not in names:
            secret = name == "account"  # account numbers stay out of messages
            yield Violation(
                rule=f"allowed {name}",
                value="this account" if secret else value,
                limit=f"{len(names)} named" if secret else ", ".join(sorted(names)),
                remedy=f"allow the {name} in config/trading_permissions.yaml",
            )
    if symbol in limits.denied_symbols:
        yield Violation(
            rule="denied symbol",
            value=symbol,
            limit=", ".join(sorted(limits.denied_symbols)),
            remedy="take the symbol off denied_symbols in config/trading_permissions.yaml",
        )


def _size(request: OrderRequest, limits: RiskLimits) -> Iterator[Violation]:
    if request.quantity > limits.max_order_size:
        yield Violation(
            rule="MAX_ORDER_SIZE",
            value=f"{request.quantity}",
            limit=f"{limits.max_order_size}",
            remedy="order less, or raise max_order_size",
        )


def _value(
    request: OrderRequest, contract: Contract, *, limits: RiskLimits, facts: RiskFacts
) -> Iterator[Violation]:
    if not needs_facts(limits):
        return
    price = worst_price(request, facts.price)
    multiplier = _multiplier(contract)
    value, unknown = None, []
    if price is None:
        unknown.append("a current price")
    if multiplier is None:
        unknown.append("the contract's multiplier")
    if facts.exchange_rate is None:
        unknown.append(f"the exchange rate of {contract.currency}")
    elif price is not None and multiplier is not None:
        value = abs(price) * request.quantity * multiplier * facts.exchange_rate

    if limits.max_order_value is not None:
        limit = f"{limits.max_order_value}"
        if value is None:
            yield _unknown("max_order_value", limit, unknown=unknown, missing=facts.missing)
        elif value > limits.max_order_value:
            yield Violation(
                rule="max_order_value",
                value=f"{value:.2f}",
                limit=limit,
                remedy="order less, or raise max_order_value",
            )
    if limits.max_portfolio_risk is not None:
        limit = f"{limits.max_portfolio_risk} of the net liquidation value"
        worth = facts.net_liquidation
        if worth is None or worth <= 0:
            unknown.append("a positive net liquidation value")
        if value is None or worth is None or worth <= 0:
            yield _unknown("MAX_PORTFOLIO_RISK", limit, unknown=unknown, missing=facts.missing)
        elif value > limits.max_portfolio_risk * worth:
            yield Violation(
                rule="MAX_PORTFOLIO_RISK",
                value=f"{value / worth:.4f}",
                limit=limit,
                remedy="order less, or raise max_portfolio_risk",
            )


def _unknown(rule: str, limit: str, *, unknown: Sequence[str], missing: str) -> Violation:
    because = f" ({missing})" if missing else ""
    return Violation(
        rule=rule,
        value="an unknown value",
        limit=limit,
        remedy=f"wait until these are known, or take the limit off: {', '.join(unknown)}{because}",
    )


def worst_price(request: OrderRequest, current: Decimal | None) -> Decimal | None:
    """
    Return the highest price at which the order could trade, as far as it can be told.

    A limit binds a buyer from above, so it alone is enough; anybody else may trade at the market
    too, so without a current price the answer is not known.
    """
    if request.action is Action.BUY and request.limit_price is not None:
        return request.limit_price
    if current is None:
        return None
    stated = (request.limit_price, request.stop_price)
    return max([current, *(price for price in stated if price is not None)])


_WITHOUT_MULTIPLIER: Final = frozenset(
    {
        SecurityType.STOCK,
        SecurityType.FOREX,
        SecurityType.CRYPTO,
        SecurityType.CFD,
        SecurityType.FUND,
    }
)


def _multiplier(contract: Contract) -> Decimal | None:
    if contract.multiplier is not None:
        return contract.multiplier
    return Decimal(1) if contract.security_type in _WITHOUT_MULTIPLIER else None
