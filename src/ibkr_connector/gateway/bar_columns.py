"""
The bars of one answer as columns, straight from the fields of the wire.

The numbers are read at once, all of a column together, so that what cannot be read is known at
once. The texts are kept beside them, for records as exact as the wire.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import tzinfo
from functools import lru_cache
from math import isfinite, nan
from typing import Final

from ibkr_connector.model.bars import NO_COUNT, BarColumns, micros
from ibkr_connector.model.market import Bar

from . import translate
from .times import parse_time

__all__ = ["BarRows"]

_WIDTH: Final = 8
_DAY: Final = 8
"""Letters of a date; anything longer that is all digits is seconds since 1970."""

_SECOND: Final = 1_000_000

_MOST: Final = 1.7e308
"""Beyond any price; IB's unset double and what is not finite are."""

_LEAST_UNSET: Final = 2147483647.0
_UNSET_WHOLE: Final = frozenset({_LEAST_UNSET, 9223372036854775807.0})


class BarRows:
    """
    What one message of bars holds.

    Args:
        fields: Eight for each bar.
        count: How many bars.
        login_zone: Of times that name no zone.

    Raises:
        ValueError: A price is missing, or a time is none.
    """

    def __init__(self, fields: Sequence[str], *, count: int, login_zone: tzinfo) -> None:
        self._fields = fields[: _WIDTH * count]
        self._zone = login_zone
        if len(self._fields) < _WIDTH * count:
            raise ValueError(f"expected {count} bars, found {len(self._fields) // _WIDTH}")
        read = BarColumns(
            timestamp=_times(self._column(0), login_zone),
            open=_prices(self._column(1)),
            high=_prices(self._column(2)),
            low=_prices(self._column(3)),
            close=_prices(self._column(4)),
            volume=_volumes(self._column(5)),
            average=_averages(self._column(6)),
            trade_count=_counts(self._column(7)),
        )
        self.columns = read.in_order()

    def _column(self, number: int) -> Sequence[str]:
        return self._fields[number::_WIDTH]

    def records(self) -> tuple[Bar, ...]:
        """Make the records, oldest first, with the decimals of the wire."""
        made = {}
        for at in range(0, len(self._fields), _WIDTH):
            bar = translate.bar(list(self._fields[at : at + _WIDTH]), login_zone=self._zone)
            made[bar.timestamp] = bar
        return tuple(made[time] for time in sorted(made))


def _times(texts: Sequence[str], zone: tzinfo) -> array[int]:
    # what `formatDate` asks for, all of it seconds since 1970, takes no look at each
    if texts and min(map(len, texts)) > _DAY and "".join(texts).isdecimal():
        return array("q", [seconds * _SECOND for seconds in map(int, texts)])
    return array("q", [_time(text, zone) for text in texts])


@lru_cache(maxsize=4_096)
def _time(text: str, zone: tzinfo) -> int:
    return micros(parse_time(text, login_zone=zone))


def _prices(texts: Sequence[str]) -> array[float]:
    prices = array("d", map(float, texts))
    if prices and not (max(prices) < _MOST and min(prices) > -_MOST and isfinite(sum(prices))):
        found = [text for text in texts if not -_MOST < float(text) < _MOST]
        raise ValueError(f"expected prices, found {found}")
    return prices


def _volumes(texts: Sequence[str]) -> array[float]:
    told = _maybe(texts)
    # -1 is IB's "none" for currencies and midpoints (IB campus: historical bars)
    if not told or (min(told) >= 0 and max(told) < _LEAST_UNSET):
        return told
    return array("d", [n if 0 <= n < _MOST and n not in _UNSET_WHOLE else nan for n in told])


def _averages(texts: Sequence[str]) -> array[float]:
    told = _maybe(texts)
    if not told or (min(told) >= 0 and max(told) < _MOST):
        return told
    return array("d", [n if n != -1 and -_MOST < n < _MOST else nan for n in told])


def _counts(texts: Sequence[str]) -> array[int]:
    told = array("q", map(int, texts if all(texts) else [text or "-1" for text in texts]))
    if not told or min(told) >= NO_COUNT:
        return told
    return array("q", [max(count, NO_COUNT) for count in told])


def _maybe(texts: Sequence[str]) -> array[float]:
    return array("d", map(float, texts if all(texts) else [text or "-1" for text in texts]))
