"""
How many trades there were: a count that grows with time, the same however an interval is cut.

A day has a number of trades, drawn from its hash; they fall on half hours by the rhythm of the
market, on minutes and seconds by chance. The number of trades until a moment is all that there is,
so the trades of an interval are a difference, and one trade happens where the count rises.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from .rhythm import SLOT_S, Rhythm, day_weight, weights

__all__ = ["Activity"]

_DAY_S: Final = 86_400
_MAX_KNOWN: Final = 4_000


class Activity:
    """The trades of one instrument, as a function of seconds since 1970."""

    def __init__(self, name: str, *, per_day: int, rhythm: Rhythm) -> None:
        self._name = name
        self._per_day = per_day
        self._rhythm = rhythm
        self._known: dict[tuple[int, int], list[int]] = {}

    def count(self, start: float, end: float) -> int:
        """Return how many trades there were from `start` until before `end`."""
        first, last = int(start // _DAY_S), int(end // _DAY_S)
        if first == last:
            return self._until(first, end - first * _DAY_S) - self._until(
                first, start - first * _DAY_S
            )
        whole = sum(self._of_day(day) for day in range(first, last))
        done = self._until(first, start - first * _DAY_S)
        return whole - done + self._until(last, end - last * _DAY_S)

    def moments(self, start: float, end: float) -> Iterator[tuple[float, int, int]]:
        """Yield when the trades of an interval happened, each with its number in its second."""
        second = int(start // 1)
        while second < end:
            day, within = divmod(second, _DAY_S)
            before = self._whole(day, within)
            number = self._whole(day, within + 1) - before
            for n in range(number):
                moment = second + (n + 0.5) / number
                if start <= moment < end:
                    yield moment, n, number
            second += 1

    def _until(self, day: int, within: float) -> int:
        """Return how many trades a day has had when so many seconds of it are over."""
        if not within:
            return 0
        second = int(within // 1)
        part = within - second
        done = self._whole(day, second)
        if not part:
            return done
        number = self._whole(day, second + 1) - done
        # the n-th of a second's trades happens at (n + 0.5) / number of it
        return done + sum(1 for n in range(number) if (n + 0.5) / number < part)

    def _whole(self, day: int, second: int) -> int:
        slots = self._slots(day)
        if second >= _DAY_S:
            return slots[-1]
        slot, within = divmod(second, SLOT_S)
        done = slots[slot]
        number = slots[slot + 1] - done
        if not within or not number:
            return done
        minute, rest = divmod(within, 60)
        minutes = self._split(day, slot, number=number, parts=30)
        done += minutes[minute]
        number = minutes[minute + 1] - minutes[minute]
        if not rest or not number:
            return done
        return done + self._split(day, 100 + slot * 30 + minute, number=number, parts=60)[rest]

    def _of_day(self, day: int) -> int:
        digest = hashlib.blake2b(f"{self._name}/trades/{day}".encode(), digest_size=1).digest()
        return round(self._per_day * (0.6 + digest[0] / 320) * day_weight(self._rhythm, day))

    def _slots(self, day: int) -> list[int]:
        known = self._known.get((day, -1))
        if known is None:
            # squared: volume has a steeper day than movement has
            shape = [weight * weight for weight in weights(self._rhythm, day)]
            known = self._keep((day, -1), _shares(self._of_day(day), shape))
        return known

    def _split(self, day: int, place: int, *, number: int, parts: int) -> list[int]:
        known = self._known.get((day, place))
        if known is None:
            text = f"{self._name}/trades/{day}/{place}".encode()
            raw = hashlib.blake2b(text, digest_size=parts).digest()
            # cubed: trades come in bursts
            shape = [(byte + 50) ** 3 for byte in raw]
            known = self._keep((day, place), _shares(number, shape))
        return known

    def _keep(self, key: tuple[int, int], counts: list[int]) -> list[int]:
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[key] = counts
        return counts


def _shares(number: int, shape: list[float] | list[int]) -> list[int]:
    """Return how much of a number has come after each part, nothing at first, all at last."""
    total = list(accumulate(shape, initial=0))
    return [int(number * reached / total[-1]) for reached in total[:-1]] + [number]
