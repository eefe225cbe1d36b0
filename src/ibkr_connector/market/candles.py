"""
Bars as a picture: candles with their volume below, as a PNG or in a notebook.

Times in which the market is closed take no room. It is drawn without a window and without
matplotlib's global state, so it can be drawn anywhere; the extra `notebook` brings what it needs.
"""

from __future__ import annotations

import io
from datetime import datetime, tzinfo
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from ibkr_connector.errors import NoDataError
from ibkr_connector.model.bars import moment
from ibkr_connector.model.frames import with_library
from ibkr_connector.model.market import BarSeries

__all__ = ["candles_png", "draw_candles", "save_candles"]

_RISES: Final = "#2a9d5c"
_FALLS: Final = "#c8443c"
_TICKS: Final = 8
_UTC: Final = ZoneInfo("UTC")


def draw_candles(series: BarSeries, *, zone: tzinfo = _UTC) -> Any:
    """
    Draw a series and return the `matplotlib.figure.Figure`.

    Args:
        series: The bars.
        zone: Of the times below; UTC when not given.

    Raises:
        NoDataError: There are no bars.
        ConfigurationError: matplotlib is not installed.
    """
    figures = with_library("matplotlib.figure", extra="notebook")
    numpy = with_library("numpy", extra="notebook")
    columns = series.columns
    if not columns:
        raise NoDataError(f"there are no bars of {series.contract} to draw")
    opens, highs = numpy.array(columns.open), numpy.array(columns.high)
    lows, closes = numpy.array(columns.low), numpy.array(columns.close)
    volumes = numpy.nan_to_num(numpy.array(columns.volume))
    places = numpy.arange(len(columns))
    colours = numpy.where(closes >= opens, _RISES, _FALLS)
    figure = figures.Figure(figsize=(11, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.vlines(places, lows, highs, colors=colours, linewidth=0.8)
    # a bar that closes where it opened is a line
    least = max(float(highs.max() - lows.min()) * 0.0015, 1e-9)
    above.bar(
        places,
        numpy.maximum(abs(closes - opens), least),
        bottom=numpy.minimum(opens, closes),
        width=0.7,
        color=colours,
    )
    above.set_ylabel(f"price, {series.contract.currency}")
    above.set_title(f"{series.contract.text}, {series.bar_size}, {series.what_to_show}")
    above.grid(visible=True, alpha=0.25)
    below.bar(places, volumes, width=0.7, color=colours)
    below.set_ylabel("volume")
    below.grid(visible=True, alpha=0.25)
    below.set_xlim(-1, len(columns))
    times = [moment(time).astimezone(zone) for time in columns.timestamp]
    marks = _marks(times)
    has_days = times[0].date() != times[-1].date()
    form = "%d %b %Y" if _is_daily(times) else ("%d %b\n%H:%M" if has_days else "%H:%M")
    below.set_xticks(marks, [times[at].strftime(form) for at in marks])
    below.set_xlabel(str(zone))
    return figure


def candles_png(series: BarSeries, *, zone: tzinfo = _UTC) -> bytes:
    """Draw a series as a PNG; in a notebook, `IPython.display.Image(candles_png(series))`."""
    page = io.BytesIO()
    draw_candles(series, zone=zone).savefig(page, format="png", dpi=110)
    return page.getvalue()


def save_candles(series: BarSeries, path: Path | str, *, zone: tzinfo = _UTC) -> Path:
    """Draw a series into a file; its ending says in which form: `.png`, `.svg`, `.pdf`."""
    place = Path(path)
    draw_candles(series, zone=zone).savefig(place, dpi=110)
    return place


def _is_daily(times: list[datetime]) -> bool:
    return len(times) > 1 and all((b - a).total_seconds() >= 80_000 for a, b in pairwise(times))


def _marks(times: list[datetime]) -> list[int]:
    """Return the bars that get a time below: the first of each day, where that is not too many."""
    days = [0, *(at for at in range(1, len(times)) if times[at].date() != times[at - 1].date())]
    candidates = days if len(days) > 3 else list(range(len(times)))
    return candidates[:: max(1, -(-len(candidates) // _TICKS))]
