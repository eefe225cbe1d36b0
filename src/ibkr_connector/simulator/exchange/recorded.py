"""Read recorded prices from plain lines, and derive the pairs that follow from them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Final

__all__ = ["RecordedPrices", "read_recorded", "with_crosses"]

RecordedPrices = Mapping[str, Sequence[tuple[datetime, Decimal]]]
"""Prices by local symbol (`EUR.USD`), each with its moment, oldest first."""


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
