"""
The bars of one answer as columns, straight from the fields of the wire.

The numbers are read at once, all of a column together, so that what cannot be read is known at
once. The bytes are kept beside them, for records as exact as the wire.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import tzinfo
from functools import lru_cache
from math import isfinite, nan
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from ibkr_connector.model.bars import NO_COUNT, BarColumns, micros
from ibkr_connector.model.market import Bar

from . import translate
from .times import parse_time

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .wire_numbers import Doubles, Wholes

__all__ = ["BarRows"]

_WIDTH: Final = 8
_DAY: Final = 8
"""Letters of a date; anything longer that is all digits is seconds since 1970."""

_SECOND: Final = 1_000_000
_DAY_OF: Final = 86_400 * _SECOND
"""Microseconds of each."""

_LEAST_EPOCH: Final = 10**8
"""Seconds since 1970 have at least so many digits, and dates fewer."""

_MOST_EPOCH: Final = 10**12

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
        self._read(_Texts(fields, count), count, login_zone)

    @classmethod
    def of_payload(cls, payload: bytes, *, start: int, count: int, login_zone: tzinfo) -> Self:
        """
        Read the same from the bytes of the message, whose first bar begins at `start`.

        Raises:
            ValueError: As above.
        """
        rows = object.__new__(cls)
        rows._read(_Letters(payload, start, count), count, login_zone)
        return rows

    def _read(self, source: _Source, count: int, zone: tzinfo) -> None:
        self._source, self._count, self._zone = source, count, zone
        read = BarColumns(
            timestamp=_times(source, zone),
            open=_prices(source, 1),
            high=_prices(source, 2),
            low=_prices(source, 3),
            close=_prices(source, 4),
            volume=_volumes(source, 5),
            average=_averages(source, 6),
            trade_count=_counts(source, 7),
        )
        self.columns = read.in_order()

    def records(self) -> tuple[Bar, ...]:
        """Make the records, oldest first, with the decimals of the wire."""
        made = {}
        texts = self._source.texts()
        for at in range(0, _WIDTH * self._count, _WIDTH):
            bar = translate.bar(list(texts[at : at + _WIDTH]), login_zone=self._zone)
            made[bar.timestamp] = bar
        return tuple(made[time] for time in sorted(made))


class _Source(Protocol):
    """Where columns come from; numbers are `None` where they have to be read text by text."""

    def texts(self) -> Sequence[str]: ...
    def column(self, number: int) -> Sequence[str]: ...
    def decimals(self, number: int) -> Doubles | None: ...
    def wholes(self, number: int) -> Wholes | None: ...
    def days(self, number: int) -> Wholes | None: ...


class _Texts:
    """The fields of a message that is text already."""

    def __init__(self, fields: Sequence[str], count: int) -> None:
        self._fields = fields[: _WIDTH * count]
        if len(self._fields) < _WIDTH * count:
            raise ValueError(f"expected {count} bars, found {len(self._fields) // _WIDTH}")

    def texts(self) -> Sequence[str]:
        return self._fields

    def column(self, number: int) -> Sequence[str]:
        return self._fields[number::_WIDTH]

    def decimals(self, _number: int) -> Doubles | None:
        return None

    def wholes(self, _number: int) -> Wholes | None:
        return None

    def days(self, _number: int) -> Wholes | None:
        return None


class _Letters:
    """The bytes of a message, which become texts only where somebody needs them."""

    def __init__(self, payload: bytes, start: int, count: int) -> None:
        # numpy takes a tenth of a second to import, and who asks for no bars needs none
        from . import wire_numbers  # noqa: PLC0415

        self._payload, self._start, self._numbers = payload, start, wire_numbers
        self._table = wire_numbers.Table(payload, start=start, width=_WIDTH, count=count)

    def texts(self) -> Sequence[str]:
        return self._payload[self._start :].decode(errors="backslashreplace").split("\0")

    def column(self, number: int) -> Sequence[str]:
        return self._table.texts(number)

    def decimals(self, number: int) -> Doubles | None:
        return self._numbers.decimals(self._table, number)

    def wholes(self, number: int) -> Wholes | None:
        return self._numbers.wholes(self._table, number)

    def days(self, number: int) -> Wholes | None:
        return self._numbers.days(self._table, number)


def _times(source: _Source, zone: tzinfo) -> array[int]:
    seconds = source.wholes(0)
    if seconds is not None and len(seconds):
        least, most = int(seconds.min()), int(seconds.max())
        if least >= _LEAST_EPOCH and most < _MOST_EPOCH:
            return _array("q", seconds * _SECOND)
        # as bars of days and longer ones have it, whatever was asked for
        since = source.days(0)
        if since is not None:
            return _array("q", since * _DAY_OF)
    texts = source.column(0)
    # what `formatDate` asks for, all of it seconds since 1970, takes no look at each
    if texts and min(map(len, texts)) > _DAY and "".join(texts).isdecimal():
        return array("q", [seconds * _SECOND for seconds in map(int, texts)])
    return array("q", [_time(text, zone) for text in texts])


@lru_cache(maxsize=4_096)
def _time(text: str, zone: tzinfo) -> int:
    return micros(parse_time(text, login_zone=zone))


def _prices(source: _Source, number: int) -> array[float]:
    # what is read in one go has too few digits to be anything but a price
    read = source.decimals(number)
    if read is not None:
        return _array("d", read)
    texts = source.column(number)
    prices = array("d", map(float, texts))
    if prices and not (max(prices) < _MOST and min(prices) > -_MOST and isfinite(sum(prices))):
        found = [text for text in texts if not -_MOST < float(text) < _MOST]
        raise ValueError(f"expected prices, found {found}")
    return prices


def _volumes(source: _Source, number: int) -> array[float]:
    plain = _plain(source, number, _LEAST_UNSET)
    if plain is not None:
        return plain
    told = _maybe(source, number)
    # -1 is IB's "none" for currencies and midpoints (IB campus: historical bars)
    return array("d", [n if 0 <= n < _MOST and n not in _UNSET_WHOLE else nan for n in told])


def _averages(source: _Source, number: int) -> array[float]:
    plain = _plain(source, number, _MOST)
    if plain is not None:
        return plain
    told = _maybe(source, number)
    return array("d", [n if n != -1 and -_MOST < n < _MOST else nan for n in told])


def _plain(source: _Source, number: int, most: float) -> array[float] | None:
    """Return a column read in one go that says all there is to say."""
    read = source.decimals(number)
    if read is None or not len(read) or float(read.min()) < 0 or float(read.max()) >= most:
        return None
    return _array("d", read)


def _counts(source: _Source, number: int) -> array[int]:
    read = source.wholes(number)
    if read is not None:
        return _array("q", read.clip(NO_COUNT))
    texts = source.column(number)
    told = array("q", map(int, texts if all(texts) else [text or "-1" for text in texts]))
    if not told or min(told) >= NO_COUNT:
        return told
    return array("q", [max(count, NO_COUNT) for count in told])


def _maybe(source: _Source, number: int) -> array[float]:
    texts = source.column(number)
    return array("d", map(float, texts if all(texts) else [text or "-1" for text in texts]))


def _array(code: str, column: NDArray[Any]) -> array[Any]:
    made: array[Any] = array(code)
    made.frombytes(column.tobytes())
    return made
