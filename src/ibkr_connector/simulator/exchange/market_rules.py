"""Price steps: which rule an instrument's prices keep, from which price on."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

__all__ = ["MARKET_RULES", "Steps", "step_at"]

Steps = tuple[tuple[Decimal, Decimal], ...]
"""Lower edges, each with the step from there on; the first edge is zero."""


def _steps(text: str) -> Steps:
    pairs = (part.split(":") for part in text.split())
    return tuple((Decimal(edge), Decimal(step)) for edge, step in pairs)


MARKET_RULES: Final[Mapping[int, Steps]] = MappingProxyType(
    # 26, 67, 239 and 2508 are IB's numbers (recorded details); the others are made up
    {
        26: _steps("0:0.01"),
        67: _steps("0:0.25"),
        109: _steps("0:0.05 3:0.10"),
        110: _steps("0:0.01 3:0.05"),
        239: _steps("0:0.00005"),
        2508: _steps("0:0.25"),
        9001: _steps("0:0.10"),
        9002: _steps("0:1"),
        9003: _steps("0:0.005"),
        9004: _steps("0:0.01"),
        9005: _steps("0:0.015625"),
        9006: _steps("0:0.03125"),
        9007: _steps("0:0.0001"),
        9008: _steps("0:0.00005"),
        9009: _steps("0:0.0000005"),
        9010: _steps("0:0.05"),
        9011: _steps("0:0.5"),
        9012: _steps("0:5"),
        9013: _steps("0:0.0005"),
        9014: _steps("0:0.001"),
        9015: _steps("0:0.25"),
        9020: _steps("0:0.01 5:0.02 10:0.05 50:0.1 100:0.2 500:0.5 1000:1"),
        9021: _steps("0:0.001 1:0.002 5:0.005 10:0.01 50:0.02 100:0.05 500:0.1"),
        9022: _steps("0:1 3000:5 5000:10 30000:50 50000:100"),
    }
)
"""IB names rules by number; `reqMarketRule` gives these steps."""

_GRADED: Final = {number: steps for number, steps in MARKET_RULES.items() if len(steps) > 1}


def step_at(rule: int, price: Decimal, *, below: bool = False) -> Decimal | None:
    """
    Return the step of a rule with several of them at a price; `None` for all other rules.

    Args:
        rule: Number of the rule.
        price: Where.
        below: Whether the step that leads up to the price is meant, where it is an edge.
    """
    steps = _GRADED.get(rule)
    if steps is None:
        return None
    found = steps[0][1]
    for edge, step in steps:
        if edge > price or (below and edge == price):
            break
        found = step
    return found
