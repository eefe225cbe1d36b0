"""
An account as a picture: its worth over time with the way below its highest, and its exposure.

As a PNG or in a notebook, drawn without a window and without matplotlib's global state; the extra
`notebook` brings what it needs.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Final

from ibkr_connector.errors import NoDataError
from ibkr_connector.model.account_history import EquityHistory
from ibkr_connector.model.analytics import Exposure
from ibkr_connector.model.frames import with_library

from .analytics import drawdown

__all__ = ["draw_equity", "draw_exposure", "picture", "save_picture"]

_LINE: Final = "#2a6f9d"
_BELOW: Final = "#c8443c"
_LONG: Final = "#2a9d5c"
_MOST: Final = 20


def draw_equity(history: EquityHistory) -> Any:
    """
    Draw what an account was worth, what was paid in and out, and its drawdown below.

    Raises:
        NoDataError: There is no point with a worth.
        ConfigurationError: matplotlib is not installed.
    """
    figures = with_library("matplotlib.figure", extra="notebook")
    points = [point for point in history.points if point.total_value is not None]
    if not points:
        raise NoDataError("there is no history of the account to draw")
    figure = figures.Figure(figsize=(11, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    times = [point.at for point in points]
    above.plot(times, [float(point.total_value or 0) for point in points], color=_LINE)
    for flow in history.flows:
        above.axvline(flow.at, color=_LONG if flow.amount > 0 else _BELOW, linestyle=":")
    above.set_ylabel(f"worth, {points[-1].currency}")
    above.set_title(f"account {_masked(history.account)}")
    above.grid(visible=True, alpha=0.25)
    sunk = drawdown(history).points
    depths = [100 * point.drawdown for point in sunk]
    below.fill_between([point.at for point in sunk], depths, 0, color=_BELOW, alpha=0.5)
    below.set_ylabel("drawdown, %")
    below.set_xlabel("UTC")
    below.grid(visible=True, alpha=0.25)
    return figure


def draw_exposure(held: Exposure) -> Any:
    """
    Draw long and short exposure by symbol, the largest above.

    Raises:
        NoDataError: Nothing is held that has a price.
        ConfigurationError: matplotlib is not installed.
    """
    figures = with_library("matplotlib.figure", extra="notebook")
    parts = held.by_symbol[:_MOST][::-1]
    if not parts:
        raise NoDataError("nothing is held that has a price")
    figure = figures.Figure(figsize=(9, 1.5 + 0.35 * len(parts)), layout="constrained")
    axes = figure.subplots()
    names = [part.name for part in parts]
    axes.barh(names, [float(part.long) for part in parts], color=_LONG, label="long")
    axes.barh(names, [-float(part.short) for part in parts], color=_BELOW, label="short")
    axes.set_xlabel(f"exposure, {held.currency}")
    axes.set_title(f"account {_masked(held.account)}")
    axes.grid(visible=True, alpha=0.25)
    axes.legend()
    return figure


def picture(thing: EquityHistory | Exposure) -> bytes:
    """Draw as a PNG; in a notebook, `IPython.display.Image(picture(history))`."""
    page = io.BytesIO()
    _draw(thing).savefig(page, format="png", dpi=110)
    return page.getvalue()


def save_picture(thing: EquityHistory | Exposure, path: Path | str) -> Path:
    """Draw into a file; its ending says in which form: `.png`, `.svg`, `.pdf`."""
    place = Path(path)
    _draw(thing).savefig(place, dpi=110)
    return place


def _draw(thing: EquityHistory | Exposure) -> Any:
    return draw_equity(thing) if isinstance(thing, EquityHistory) else draw_exposure(thing)


def _masked(account: str) -> str:
    """Return the end of an account's name alone: pictures are shown around."""
    return f"…{account[-3:]}"
