"""
What fills cost, as a picture: slippage, commissions and time to fill, one bar for each order.

It is drawn without a window and without matplotlib's global state, so it can be drawn anywhere. The
extra `notebook` brings what it needs.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ibkr_connector.errors import ConfigurationError

if TYPE_CHECKING:
    from .fills import FillFigures

__all__ = ["draw_fills"]


def draw_fills(rows: Sequence[FillFigures]) -> Any:
    """
    Draw three panels above each other and return the `matplotlib.figure.Figure`.

    What is not known (no price at arrival, an execution that is not charged) is a gap, not a zero.

    Raises:
        ConfigurationError: matplotlib is not installed.
    """
    try:
        figures = importlib.import_module("matplotlib.figure")  # an extra, and heavy
    except ModuleNotFoundError as missing:
        raise ConfigurationError(
            "a plot needs matplotlib",
            hint="pip install 'ibkr-connector[notebook]'",
        ) from missing
    figure = figures.Figure(figsize=(max(6.0, 0.5 * len(rows) + 2), 8.0), layout="constrained")
    slippage, commission, duration = figure.subplots(3, 1, sharex=True)
    places = range(len(rows))
    slippage.axhline(0, color="grey", linewidth=0.8)
    slippage.bar(places, [_number(row.slippage_bps) for row in rows])
    slippage.set_ylabel("slippage, basis points")
    slippage.set_title("above zero: dearer than at arrival")
    currencies = "/".join(sorted({row.commission_currency for row in rows} - {""}))
    commission.bar(places, [_number(row.commission) for row in rows])
    commission.set_ylabel(f"commission, {currencies}" if currencies else "commission")
    duration.bar(places, [_number(row.fully_filled_s) for row in rows], label="fully filled")
    duration.plot(places, [row.first_fill_s for row in rows], "k_", label="first fill")
    duration.set_ylabel("seconds from the intent")
    if rows:
        duration.legend()
    names = [f"{row.contract}\n{row.action} {row.filled}" for row in rows]
    duration.set_xticks(list(places), names, rotation=45, ha="right", fontsize="small")
    return figure


def _number(value: Decimal | float | None) -> float:
    return float("nan") if value is None else float(value)
