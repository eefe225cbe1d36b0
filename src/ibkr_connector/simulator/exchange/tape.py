"""
Where prices come from: any moment of any instrument, asked for in any order.

A tape is a function of time, so that history and stream are two views of the same thing: what a bar
said an hour ago is what the quotes of that hour were. The seeded tape is smooth noise on several
time scales; the replay steps through recorded prices and invents nothing between them.
"""

from __future__ import annotations

import bisect
import csv
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Final, Protocol

from .instruments import Instrument

__all__ = [
    "RecordedPrices",
    "ReplayTape",
    "SeededTape",
    "Tape",
    "read_recorded",
    "with_crosses",
]

_YEAR_S: Final = 365.25 * 86_400


class Tape(Protocol):
    """A price for every moment."""

    def price(self, instrument: Instrument, at: datetime) -> Decimal | None:
        """Return the middle price; `None` when there is none (yet)."""
        ...

    def path(self, instrument: Instrument, start: datetime, end: datetime) -> Sequence[Decimal]:
        """Return the prices of an interval, oldest first; empty when it has none."""
        ...


class SeededTape:
    """
    A market made of a seed: smooth noise on scales from seconds to a year, scaled to volatility.

    *limit*: it knows no sessions and no jumps, and instruments share one common factor only.
    """

    _SCALES_S: Final = (8.0, 60.0, 600.0, 3_600.0, 21_600.0, 86_400.0, 604_800.0, 5_000_000.0)
    _COMMON: Final = 0.5
    _SAMPLES: Final = 12

    def __init__(self, seed: int = 1) -> None:
        self._seed = seed
        self._noise: dict[tuple[str, int, int], float] = {}

    def price(self, instrument: Instrument, at: datetime) -> Decimal | None:
        """Return the middle price at a moment, on the grid of half ticks."""
        seconds = at.timestamp()
        moved = 0.0
        for scale in self._SCALES_S:
            width = instrument.volatility * math.sqrt(scale / _YEAR_S)
            own = self._wave(str(instrument.con_id), scale, seconds)
            shared = self._wave("market", scale, seconds)
            moved += width * (self._COMMON * shared + (1 - self._COMMON) * own)
        half = instrument.min_tick / 2
        exact = instrument.price * Decimal(repr(round(math.exp(moved), 9)))
        return max((exact / half).to_integral_value() * half, instrument.min_tick)

    def path(self, instrument: Instrument, start: datetime, end: datetime) -> Sequence[Decimal]:
        """
        Return samples of an interval, its first and its last moment included.

        *limit*: highs and lows between two samples are not seen, so that a day's high can fall
        while the day goes on, and finer bars can leave the range of the coarser one.
        """
        step = (end - start) / self._SAMPLES
        found = (self.price(instrument, start + step * n) for n in range(self._SAMPLES + 1))
        return [price for price in found if price is not None]

    def _wave(self, name: str, scale: float, seconds: float) -> float:
        """Return smooth noise between two knots of one time scale."""
        place = seconds / scale
        knot = math.floor(place)
        part = place - knot
        blend = part * part * (3 - 2 * part)
        here, there = self._knot(name, scale, knot), self._knot(name, scale, knot + 1)
        return here + (there - here) * blend

    def _knot(self, name: str, scale: float, knot: int) -> float:
        key = (name, int(scale), knot)
        value = self._noise.get(key)
        if value is None:
            if len(self._noise) > 200_000:
                self._noise.clear()
            text = f"{self._seed}/{name}/{int(scale)}/{knot}".encode()
            digest = hashlib.blake2b(text, digest_size=8).digest()
            value = self._noise[key] = int.from_bytes(digest, "big") / 2**63 - 1.0
        return value


RecordedPrices = Mapping[str, Sequence[tuple[datetime, Decimal]]]
"""Prices by local symbol (`EUR.USD`), each with its moment, oldest first."""


class ReplayTape:
    """Recorded prices, each standing until the next."""

    def __init__(self, prices: RecordedPrices) -> None:
        self._times = {name: [at for at, _ in rows] for name, rows in prices.items()}
        self._prices = {name: [price for _, price in rows] for name, rows in prices.items()}

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The first and the last recorded moment."""
        return (
            min(times[0] for times in self._times.values()),
            max(times[-1] for times in self._times.values()),
        )

    @property
    def symbols(self) -> tuple[str, ...]:
        """What was recorded, by local symbol."""
        return tuple(self._times)

    def price(self, instrument: Instrument, at: datetime) -> Decimal | None:
        """Return the last price recorded until then; `None` before the first."""
        times = self._times.get(instrument.local_symbol)
        if times is None:
            return None
        index = bisect.bisect_right(times, at) - 1
        return self._prices[instrument.local_symbol][index] if index >= 0 else None

    def path(self, instrument: Instrument, start: datetime, end: datetime) -> Sequence[Decimal]:
        """Return what was recorded within the interval, its end excluded."""
        times = self._times.get(instrument.local_symbol)
        if times is None:
            return []
        first, last = bisect.bisect_left(times, start), bisect.bisect_left(times, end)
        return self._prices[instrument.local_symbol][first:last]


def read_recorded(lines: Iterable[str] | None = None) -> RecordedPrices:
    """
    Read recorded prices from CSV lines `time,symbol,price`; the shipped data set when not given.

    The shipped data are the euro foreign exchange reference rates of the European Central Bank;
    see `simulator/data/SOURCE.md`.
    """
    if lines is None:
        text = files("ibkr_connector.simulator.data").joinpath("ecb_eurofxref.csv").read_text()
        lines = text.splitlines()
    found: dict[str, list[tuple[datetime, Decimal]]] = {}
    for row in csv.DictReader(lines):
        at = datetime.fromisoformat(row["time"])
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        found.setdefault(row["symbol"], []).append((at, Decimal(row["price"])))
    for rows in found.values():
        rows.sort()
    return found


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
