"""
Recordings as tracks: files of ticks, quotes or bars, scripts written by hand, and derived pairs.

Files are CSV, or Parquet where pyarrow is installed. Prices are taken as they are; a bar becomes
its open, its extremes and its close, a quarter of its time apart, the extreme that is farther from
the close first.
"""

from __future__ import annotations

import csv
import importlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from .prices import QuoteTick, TapeError, TradeTick
from .rows import BarRow, QuoteRow, Row, TickRow, read_rows, sort_of
from .tracks import Track

__all__ = ["RecordedPrices", "read_file", "read_recorded", "tracks_of", "with_crosses"]

RecordedPrices = Mapping[str, Sequence[tuple[datetime, Decimal]]]
"""Prices by local symbol (`EUR.USD`), each with its moment, oldest first."""

_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)


def read_file(path: Path) -> dict[str, Track]:
    """
    Read a recording of ticks, quotes or bars, `.csv` or `.parquet`.

    Raises:
        TapeError: It cannot be read; the text says where and what to do.
    """
    name = path.name
    try:
        match path.suffix.lower():
            case ".csv":
                with path.open(encoding="utf-8", newline="") as lines:
                    return tracks_of(_csv(lines, name))
            case ".parquet":
                return tracks_of(_parquet(path))
            case suffix:
                raise TapeError(
                    f"{name}: {suffix or 'no ending'} is not known; use .csv or .parquet"
                )
    except (OSError, UnicodeDecodeError) as error:
        raise TapeError(f"{name}: cannot be read: {error}") from error


def read_recorded(lines: Iterable[str] | None = None) -> RecordedPrices:
    """
    Read recorded prices from CSV lines `time,symbol,price`; the shipped data set when not given.

    The shipped data are the euro foreign exchange reference rates of the European Central Bank;
    see `simulator/data/SOURCE.md`.

    Raises:
        TapeError: A line cannot be read.
    """
    name = "lines"
    if lines is None:
        name = "ecb_eurofxref.csv"
        text = files("ibkr_connector.simulator.data").joinpath(name).read_text()
        lines = text.splitlines()
    return {symbol: track.points for symbol, track in tracks_of(_csv(lines, name)).items()}


def tracks_of(rows: Iterable[Row]) -> dict[str, Track]:
    """Return the tracks of rows by symbol, each put into order of time."""
    ticks: dict[str, list[TickRow]] = {}
    quotes: dict[str, list[QuoteRow]] = {}
    bars: dict[str, list[BarRow]] = {}
    for row in rows:
        match row:
            case TickRow():
                ticks.setdefault(row.symbol, []).append(row)
            case QuoteRow():
                quotes.setdefault(row.symbol, []).append(row)
            case BarRow():
                bars.setdefault(row.symbol, []).append(row)
    return {
        **{symbol: _of_ticks(found) for symbol, found in ticks.items()},
        **{symbol: _of_quotes(found) for symbol, found in quotes.items()},
        **{symbol: _of_bars(found) for symbol, found in bars.items()},
    }


# --- files --------------------------------------------------------------------------------------


def _csv(lines: Iterable[str], name: str) -> Iterator[Row]:
    reader = csv.DictReader(lines)
    sort = sort_of(reader.fieldnames or (), name)
    numbered = ((reader.line_num, row) for row in reader)
    return read_rows(numbered, sort, name=name)


def _parquet(path: Path) -> Iterator[Row]:
    try:
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise TapeError(
            f"{path.name}: Parquet is read with pyarrow, which is not installed; install it with "
            "pip install 'ibkr-connector[data]', or use CSV"
        ) from error
    try:
        table = parquet.read_table(path)
    except (ValueError, OSError) as error:  # pyarrow's errors derive from these
        raise TapeError(f"{path.name}: is no Parquet file that can be read: {error}") from error
    sort = sort_of(table.column_names, path.name)
    return read_rows(enumerate(table.to_pylist(), start=1), sort, name=path.name)


# --- tracks -------------------------------------------------------------------------------------


def _of_ticks(rows: list[TickRow]) -> Track:
    rows.sort(key=lambda row: row.at)
    return Track(
        points=[(row.at, row.price) for row in rows],
        trades=[
            TradeTick(at=row.at, price=row.price, size=row.size)
            for row in rows
            if row.size is not None
        ],
    )


def _of_quotes(rows: list[QuoteRow]) -> Track:
    rows.sort(key=lambda row: row.at)
    return Track(
        points=[(row.at, (row.bid + row.ask) / 2) for row in rows],
        quotes=[
            QuoteTick(
                at=row.at,
                bid=row.bid,
                ask=row.ask,
                bid_size=row.bid_size,
                ask_size=row.ask_size,
            )
            for row in rows
        ],
    )


def _of_bars(rows: list[BarRow]) -> Track:
    rows.sort(key=lambda row: row.at)
    quarter = _length(rows) / 4
    points: list[tuple[datetime, Decimal]] = []
    trades: list[TradeTick] = []
    for row in rows:
        rises = row.close >= row.open
        turns = (row.low, row.high) if rises else (row.high, row.low)
        share = row.volume // 4
        sizes = (row.volume - 3 * share, share, share, share)
        prices = (row.open, *turns, row.close)
        for number, (price, size) in enumerate(zip(prices, sizes, strict=True)):
            at = row.at + quarter * number
            points.append((at, price))
            if size:
                trades.append(TradeTick(at=at, price=price, size=size))
    return Track(points=points, trades=trades)


def _length(rows: list[BarRow]) -> timedelta:
    """Deduce how long the bars are: the gap that is there most often, the shorter of equals."""
    gaps = Counter(two.at - one.at for one, two in pairwise(rows) if two.at > one.at)
    if gaps:
        return min(gaps, key=lambda gap: (-gaps[gap], gap))
    at = rows[0].at
    return _DAY if (at.hour, at.minute, at.second) == (0, 0, 0) else _MINUTE


# --- crosses ------------------------------------------------------------------------------------

_CROSSES: Final = (
    # pair, the rate that is divided, the rate that it is divided by, decimal places
    ("USD.JPY", "EUR.JPY", "EUR.USD", 3),
    ("USD.CHF", "EUR.CHF", "EUR.USD", 5),
    ("GBP.USD", "EUR.USD", "EUR.GBP", 5),
)


def with_crosses(prices: RecordedPrices) -> RecordedPrices:
    """Return the prices with the pairs that follow from them, where both sides were recorded."""
    found = dict(prices)
    for pair, above, below, places in _CROSSES:
        divisors = dict(prices.get(below, ()))
        rows = [
            (at, round(price / divisors[at], places))
            for at, price in prices.get(above, ())
            if at in divisors
        ]
        if rows and pair not in found:
            found[pair] = rows
    return found
