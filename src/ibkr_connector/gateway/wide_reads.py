"""
A large read of the socket, looked at as a whole: where its messages are, and which are plain ticks.

When more comes than can be told, thousands of ticks are in one read, most of them of a price or a
size that a later one in the same read replaces. They are found here with a few steps over all bytes
together, before anything is made of any of them.

Nothing is guessed: what is not plainly a sound tick is left to those who read each message, and so
is all that stands behind the first frame that cannot be found this way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Sieve", "Survey", "Thinned", "survey"]

WIDE: Final = 16_384
"""Bytes of a read from which on it is worth a look; a tick has about thirty."""

_HEADER: Final = 4
_HEADER_NULS: Final = 3
_PRICE: Final = (ord("1"), 7)
_SIZE: Final = (ord("2"), 5)
_KIND: Final = 3
"""Number and fields of the messages of a price and of a size; where both say what it is."""

_DOT, _SLASH, _ZERO, _NINE = b"./09"
"""A slash is all there is between a dot and the digits."""

_BESIDE: Final = frozenset({b"21\0", b"45\0", b"46\0", b"58\0", b"81\0", b"99\0"})
"""Other messages of market data: none of them looks at a quote, and none ends one."""

_TICKS: Final = frozenset({b"1\0", b"2\0"})

Wholes = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Survey(NamedTuple):
    """
    The messages at the beginning of a read, one behind the other.

    The three arrays about fields have an entry for each plain tick.
    """

    starts: Wholes
    """Of each message, where its frame begins."""

    ends: Wholes
    """And where it ends."""

    plain: Wholes
    """Which messages are sound ticks, with nothing but digits and dots in them."""

    fields: Wholes
    """Of each of these, which of `nuls` ends its first field."""

    nuls: Wholes
    """Where the NULs are."""

    def keys(self, data: bytes) -> list[bytes]:
        """Return of each plain tick what it is about: all up to its request and its kind."""
        begin = (self.starts[self.plain] + _HEADER).tolist()
        end = self.nuls[self.fields + _KIND].tolist()
        return [data[a:b] for a, b in zip(begin, end, strict=True)]

    def others(self, data: bytes) -> set[bytes]:
        """Return the numbers of all other messages, each with its NUL and no more than that."""
        rest = np.ones(len(self.starts), dtype=bool)
        rest[self.plain] = False
        begin = (self.starts[rest] + _HEADER).tolist()
        return {data[a : a + 3] for a in begin}


def survey(data: bytes) -> Survey | None:
    """Find the messages of a read that begins with a frame; `None` when there is none to find."""
    letters = np.frombuffer(data, dtype=np.uint8)
    is_nul = letters == 0
    heads = np.zeros(len(letters), dtype=bool)
    # A header is three NULs and a length; what only looks like one does not stand where the message
    # before it ends, and then the chain breaks.
    heads[:-3] = is_nul[:-3] & is_nul[1:-2] & is_nul[2:-1] & ~is_nul[3:]
    starts = np.flatnonzero(heads)
    if not len(starts) or starts[0]:
        return None
    ends = starts + _HEADER + letters[starts + _HEADER_NULS]
    broken = np.flatnonzero(ends[:-1] != starts[1:])
    last = int(broken[0]) if len(broken) else len(starts) - 1
    count = last + 1 if ends[last] <= len(letters) else last
    if not count:
        return None
    starts, ends = starts[:count], ends[:count]
    stop = int(ends[-1])
    nuls = np.flatnonzero(is_nul[:stop])
    first = np.flatnonzero(heads[nuls])[:count]
    widths = np.diff(first, append=len(nuls)) - _HEADER_NULS
    numbers = letters[starts + _HEADER]
    is_tick = np.zeros(count, dtype=bool)
    for number, width in (_PRICE, _SIZE):
        is_tick |= (numbers == number) & (widths == width)
    is_tick &= ~_odd(letters[:stop], starts, nuls)
    plain = np.flatnonzero(is_tick)
    plain = plain[is_nul[starts[plain] + _HEADER + 1] & is_nul[ends[plain] - 1]]
    return Survey(starts, ends, plain, first[plain] + _HEADER_NULS, nuls)


def _odd(letters: NDArray[np.uint8], starts: Wholes, nuls: Wholes) -> Flags:
    """Tell of each message whether there is more in it than digits, and one dot behind a digit."""
    is_other = (letters - np.uint8(_DOT)) > _NINE - _DOT
    # a NUL is as far from the dot as letters are
    is_other ^= letters == 0
    lengths = starts + _HEADER_NULS
    is_other[lengths] = False
    is_dot = letters == _DOT
    is_dot[lengths] = False
    dots = np.flatnonzero(is_dot)
    of = np.searchsorted(starts, dots, side="right") - 1
    before = letters[dots - 1]
    odd = np.zeros(len(starts), dtype=bool)
    odd[of[(np.diff(of, prepend=-1) == 0) | (before < _ZERO) | (before > _NINE)]] = True
    odd[np.searchsorted(starts, np.flatnonzero(is_other), side="right") - 1] = True
    if (slashes := np.flatnonzero(letters == _SLASH)).size:
        odd[np.searchsorted(starts, slashes, side="right") - 1] = True
    return odd


class Thinned(NamedTuple):
    """What is left of a read."""

    payloads: list[bytes]
    """Of the messages that count, in their order."""

    passed_over: int
    """How many do not."""

    stop: int
    """Where the first message begins that was not looked at."""


class Sieve:
    """
    Passes over the ticks that a later one of the same read replaces, whoever has not seen them.

    Args:
        is_conflated: Whether only the newest counts, of a message number, a version, a request and
            a kind of tick, as they are on the wire.
        least: Bytes from which on a read is looked at.
    """

    __slots__ = ("_is_conflated", "least")

    def __init__(self, is_conflated: Callable[[bytes], bool], *, least: int = WIDE) -> None:
        self._is_conflated = is_conflated
        self.least = least

    def thin(self, data: bytes) -> Thinned | None:
        """Return what counts of a read; `None` when that is all of it, as far as can be seen."""
        if len(data) < self.least:
            return None
        found = survey(data)
        if found is None:
            return None
        for number in found.others(data):
            # a tick may be odd; what is no tick may make somebody look at the quotes
            if number not in _BESIDE and number[:2] not in _TICKS:
                return None
        keys = found.keys(data)
        plain: list[int] = found.plain.tolist()
        newest = dict(zip(keys, plain, strict=True))
        ours = set(filter(self._is_conflated, newest))
        if not ours:
            return None
        keep = np.ones(len(found.starts), dtype=bool)
        if len(ours) == len(newest):
            keep[found.plain] = False
            keep[list(newest.values())] = True
        else:
            keep[found.plain] = [
                key not in ours or newest[key] == at for at, key in zip(plain, keys, strict=True)
            ]
        begin = (found.starts[keep] + _HEADER).tolist()
        end: list[int] = found.ends[keep].tolist()
        payloads = [data[a:b] for a, b in zip(begin, end, strict=True)]
        return Thinned(payloads, len(keep) - len(payloads), int(found.ends[-1]))
