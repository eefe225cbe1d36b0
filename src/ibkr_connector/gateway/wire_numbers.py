"""
Numbers of a column of the wire, all at once: from the bytes of a message to an array of numpy.

A column is read digit by digit from its right end, each digit for all rows together. Only what is
plainly a decimal number is read here, with at most as many digits as a double holds exactly; a
column with anything else in it is left to Python's own reading, value by value. What is read is the
same double: digits below 2**53 over a power of ten below 10**22 are both exact, and one division of
exact numbers rounds correctly (Clinger, How to read floating point numbers accurately, 1990).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Doubles", "Table", "Wholes", "days", "decimals", "wholes"]

Bytes = NDArray[np.uint8]
Wholes = NDArray[np.int64]
Doubles = NDArray[np.float64]

_ZERO: Final = ord("0")
_DOT: Final = ord(".")
_MINUS: Final = ord("-")
_MOST_LETTERS: Final = 17
"""A digit more would not fit into 64 bits together with the dot."""

_DAY: Final = 8
"""Letters of a day: year, month, day."""

_FIRST_DAY: Final = 1_01_01
_MONTHS: Final = 12
_EPOCH: Final = 1970

_EXACT: Final = 2**53
_POWERS: Final[Wholes] = np.array([10**n for n in range(19)], dtype=np.int64)
_TENS: Final[Doubles] = np.array([10.0**n for n in range(19)])


class Table:
    """
    The fields of one message, in rows of equal width.

    Args:
        payload: The message; each field ends with a NUL.
        start: Where the first field of the first row begins.
        width: Fields of a row.
        count: Rows.

    Raises:
        ValueError: There are fewer fields.
    """

    def __init__(self, payload: bytes, *, start: int, width: int, count: int) -> None:
        self.letters: Bytes = np.frombuffer(payload, dtype=np.uint8)
        ends = np.flatnonzero(self.letters[start:] == 0)[: width * count] + start
        if len(ends) < width * count or count < 0:
            raise ValueError(f"expected {count} rows of {width} fields, found {len(ends)} fields")
        starts = np.empty_like(ends)
        if len(ends):
            starts[0], starts[1:] = start, ends[:-1] + 1
        self._starts = starts.reshape(count, width)
        self._ends = ends.reshape(count, width)

    def column(self, number: int) -> tuple[Wholes, Wholes]:
        """Return where the fields of a column start and end."""
        return (
            np.ascontiguousarray(self._starts[:, number]),
            np.ascontiguousarray(self._ends[:, number]),
        )

    def texts(self, number: int) -> list[str]:
        """Return the fields of a column as texts."""
        whole = self.letters.tobytes()
        starts, ends = self.column(number)
        return [
            whole[start:end].decode(errors="backslashreplace")
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        ]


def _read(table: Table, number: int) -> tuple[Wholes, Wholes | None, NDArray[np.bool_]] | None:
    """Return a column's digits as whole numbers, how many stand behind the dots, and the signs."""
    letters = table.letters
    starts, ends = table.column(number)
    if not len(starts):
        none = np.zeros(0, dtype=np.int64)
        return none, None, np.zeros(0, dtype=bool)
    if (ends == starts).any():
        return None
    is_negative = letters[starts] == _MINUS
    lengths = ends - starts - is_negative
    longest, shortest = int(lengths.max()), int(lengths.min())
    if shortest < 1 or longest > _MOST_LETTERS:
        return None
    found = np.zeros(len(starts), dtype=np.int64)
    dots = np.full(len(starts), -1, dtype=np.int64)
    for place in range(longest):
        letter = letters[ends - (1 + place)]
        if place >= shortest:
            letter = np.where(place < lengths, letter, np.uint8(_ZERO))
        digit = letter - np.uint8(_ZERO)
        if digit.max() > 9:
            is_dot = letter == _DOT
            if ((digit > 9) & ~is_dot).any() or (dots[is_dot] >= 0).any():
                return None
            dots[is_dot] = place
            digit[is_dot] = 0
        found += digit * _POWERS[place]
    has_dot = dots >= 0
    if not has_dot.any():
        return found, None, is_negative
    if (has_dot & (lengths == 1)).any():
        return None
    # the dot has taken a place: what stands left of it moves down by one
    behind = np.where(has_dot, dots, 0)
    right = found % _POWERS[behind]
    left = found - right
    return np.where(has_dot, left // 10, left) + right, behind, is_negative


def decimals(table: Table, number: int) -> Doubles | None:
    """Return a column as doubles; `None` when it holds anything but short decimal numbers."""
    read = _read(table, number)
    if read is None:
        return None
    digits, behind, is_negative = read
    if len(digits) and int(digits.max()) > _EXACT:
        return None
    values: Doubles = digits / (1.0 if behind is None else _TENS[behind])
    return np.negative(values, out=values, where=is_negative)


def wholes(table: Table, number: int) -> Wholes | None:
    """Return a column as whole numbers; `None` when it holds anything else."""
    read = _read(table, number)
    if read is None or read[1] is not None:
        return None
    digits, _, is_negative = read
    return np.negative(digits, out=digits, where=is_negative)


def days(table: Table, number: int) -> Wholes | None:
    """
    Return a column of days, `20261218`, as days since 1970; `None` when it holds anything else, a
    thirtieth of February too.
    """
    starts, ends = table.column(number)
    if not len(starts) or (ends - starts != _DAY).any():
        return None
    read = wholes(table, number)
    if read is None or int(read.min()) < _FIRST_DAY:
        return None
    years, rest = np.divmod(read, 10_000)
    months, day = np.divmod(rest, 100)
    if months.min() < 1 or months.max() > _MONTHS or day.min() < 1:
        return None
    month = ((years - _EPOCH) * _MONTHS + months - 1).astype("datetime64[M]")
    found = month.astype("datetime64[D]") + (day - 1)
    if (found.astype("datetime64[M]") != month).any():
        return None
    since: Wholes = found.astype(np.int64)
    return since
