"""Reference data without an order or a price in it, asked for through the escape hatch."""

# mypy: disallow-untyped-calls=False
# ib_async's request methods are not typed.

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from ibkr_connector.errors import RequestTimeoutError
from ibkr_connector.model.instruments import PriceBand

from .figures import decimal_or_none

__all__ = ["market_rule"]

_PATIENCE_S: Final = 1.0
"""How long ib_async waits for a market rule; it has no way to be told otherwise."""


async def market_rule(ib: Any, rule_id: int) -> tuple[PriceBand, ...]:
    """
    Ask for the price bands of a market rule.

    Raises:
        RequestTimeoutError: TWS did not answer; it says nothing of rules that do not exist either.
    """
    rows = await ib.reqMarketRuleAsync(rule_id)
    if rows is None:
        raise RequestTimeoutError(
            f"the gateway told no market rule {rule_id} within {_PATIENCE_S:g} s", replay_safe=True
        )
    bands = []
    for row in rows:
        low, step = decimal_or_none(row.lowEdge), decimal_or_none(row.increment)
        if step is not None and step > 0:
            bands.append(PriceBand(low=low or Decimal(0), increment=step))
    return tuple(bands)
