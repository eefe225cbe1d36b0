"""
For notebooks: rows of records as a table, and a stream as a line that grows while one looks.

A single record shows itself as a table; so does a frame. Needs the extra `notebook`.
"""

from __future__ import annotations

import asyncio
import io
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from .clock import SystemClock
from .errors import ConfigurationError, NoDataError
from .model.frames import with_library
from .model.html import rows_table
from .model.record import Record

__all__ = ["Table", "plot_live", "table"]

_WORTH: Final = ("midpoint", "price", "close", "last", "daily", "unrealized")
"""What of a record is drawn when nobody says: the first of these that it has."""

_MOMENT: Final = ("timestamp", "time", "as_of", "at")


class Table:
    """Rows of records, shown as a table."""

    def __init__(self, rows: Iterable[Record], columns: Sequence[str] | None = None) -> None:
        self.rows = tuple(rows)
        self._columns = columns

    def _repr_html_(self) -> str:
        return rows_table(self.rows, columns=self._columns)

    def __repr__(self) -> str:
        return "\n".join(str(row) for row in self.rows) or "none"


def table(rows: Iterable[Record], *columns: str) -> Table:
    """
    Show records of one kind as a table: `table(await ib.get_positions(), "symbol", "quantity")`.

    Args:
        rows: The records.
        columns: Which fields or properties; the fields that any record fills, when not given.

    Raises:
        ConfigurationError: The records have nothing of that name.
    """
    made = Table(rows, columns or None)
    for name in columns:
        if made.rows and not hasattr(made.rows[0], name):
            known = ", ".join(made.rows[0].keys())
            raise ConfigurationError(f"no column {name!r}", hint=f"expected: {known}")
    return made


async def plot_live(
    stream: AsyncIterator[Any],
    value: str | Callable[[Any], Any] | None = None,
    *,
    seconds: float = 30,
    every_s: float = 0.5,
    keep: int = 600,
    title: str = "",
) -> int:
    """
    Draw a stream as a line below the cell, newer and newer, and return how many points came.

    A gap of the stream is a gap of the line. The stream is left open; end it with `aclose()`, or
    with the cell.

    Args:
        stream: As `ib.stream_quotes("AAPL")`.
        value: A field, or a function of the record; by the kind of the stream when not given.
        seconds: How long.
        every_s: Between two pictures.
        keep: So many points are shown.
        title: Above the picture.

    Raises:
        NoDataError: Nothing came that could be drawn.
        ConfigurationError: The extra `notebook` is not installed, or there is no such field.
    """
    figures = with_library("matplotlib.figure", extra="notebook")
    display = with_library("IPython.display", extra="notebook")
    clock = SystemClock()
    points: deque[tuple[datetime, float]] = deque(maxlen=keep)
    shown: Any = None
    drawn = count = 0
    end = clock.monotonic() + seconds
    due = clock.monotonic() + every_s
    coming: asyncio.Future[Any] | None = None

    def draw() -> None:
        nonlocal shown, drawn
        picture = display.Image(_line(figures, tuple(points), title))
        drawn = count
        if shown is None:
            shown = display.display(picture, display_id=True)
        else:
            shown.update(picture)

    try:
        while (now := clock.monotonic()) < end:
            if now >= due:
                due = now + every_s
                if count > drawn:
                    draw()
            coming = coming or asyncio.ensure_future(anext(stream, None))
            done, _ = await asyncio.wait([coming], timeout=min(due, end) - now)
            if not done:
                continue
            record, coming = coming.result(), None
            if record is None:
                break
            point = _point(record, value)
            points.append(point)
            count += point[1] == point[1]
    finally:
        if coming is not None:
            coming.cancel()
    if not count:
        raise NoDataError("nothing came that could be drawn", hint="is the market open?")
    draw()
    return count


def _point(record: Any, value: str | Callable[[Any], Any] | None) -> tuple[datetime, float]:
    moment = next(
        (at for name in _MOMENT if isinstance(at := getattr(record, name, None), datetime)),
        SystemClock().utcnow(),
    )
    if callable(value):
        found = value(record)
    elif value is not None:
        if not hasattr(record, value) and type(record).__name__ != "Gap":
            raise ConfigurationError(f"{type(record).__name__} has no field {value!r}")
        found = getattr(record, value, None)
    else:
        found = next((getattr(record, name) for name in _WORTH if hasattr(record, name)), None)
    return moment, float("nan") if found is None else float(found)


def _line(figures: Any, points: Sequence[tuple[datetime, float]], title: str) -> bytes:
    figure = figures.Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([at for at, _ in points], [height for _, height in points], linewidth=1.2)
    axes.set_title(title)
    axes.set_xlabel("UTC")
    axes.grid(visible=True, alpha=0.25)
    page = io.BytesIO()
    figure.savefig(page, format="png", dpi=100)
    return page.getvalue()
