"""
One seeded price path, cut into cells: a day into hours, those into five minutes, and so on.

A cell knows where it opens, closes and turns; its children are drawn so that together they do
exactly that, and one of them has the high and one the low. So any interval is the sum of its parts,
however it is cut, and any moment is found without walking there. Everything is drawn by hashes of
seed, name and place: nothing is remembered but what was drawn already, and that may be forgotten.

Prices are whole numbers of half ticks, time is whole quarters of a second.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from itertools import accumulate
from statistics import NormalDist
from typing import Final, Protocol

from .rhythm import SLOT_S, Rhythm, day_weight, hours_of, roots_of

__all__ = ["FAN", "QUARTERS_A_DAY", "SECONDS", "Ohlc", "RootPath", "Source", "Weather"]

Ohlc = tuple[int, int, int, int]
"""Open, high, low and close in half ticks."""

SECONDS: Final = (86_400, 3_600, 300, 60, 5, 1)
"""How long the cells of each level are."""

QUARTERS_A_DAY: Final = 86_400 * 4

FAN: Final = (24, 12, 5, 12, 5)
"""How many children cells of each level have."""

_LEAF: Final = 4
_TRADING_DAYS: Final = 252.0
_SCALES: Final = tuple((days, 0.7 * math.sqrt(days)) for days in (1, 4, 16, 64, 256))
"""Days between the knots of the noise that moves prices from day to day, and its height."""

_GAUSS: Final = tuple(NormalDist().inv_cdf((n + 0.5) / 256) for n in range(256))
_REACH: Final = tuple(-2.0 * math.log((n + 0.5) / 256) for n in range(256))
"""Squared reach of a Brownian bridge beyond its ends, by a byte of chance."""

_TENT: Final = {
    fan: tuple(
        tuple(min(i / top, (fan - i) / (fan - top)) for i in range(1, fan)) for top in range(1, fan)
    )
    for fan in set(FAN)
}
"""A line up from the open to each inner knot and down to the close."""

_ROOTS: Final = tuple(math.sqrt(seconds) for seconds in SECONDS)
_HOUR_ROOT: Final = math.sqrt(3_600)
_sqrt: Final = math.sqrt
_NO_JUMP: Final = -1
_JUMP_ODDS: Final = 12
"""Of 256 days of an instrument, so many have a jump in them."""

_JUMP_SIZE: Final = 3.5
_LOWEST: Final = 2
_MAX_NODES: Final = 20_000
_MAX_KNOTS: Final = 20_000

Node = tuple[Sequence[int], Sequence[int], Sequence[int], int]
"""Where children open (and the last closes), their highs, their lows, and which of them jumps."""


class Source(Protocol):
    """A path of prices in half ticks."""

    def at(self, quarter: int) -> int:
        """Return the price in one quarter of a second."""
        ...

    def span(self, first: int, end: int) -> Ohlc:
        """Return where the price went from one quarter until before another."""
        ...


class Weather:
    """What many paths share: the seed, the moods of their groups, and the memory of drawn cells."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.nodes: dict[tuple[int, int], Node] = {}
        self._knots: dict[tuple[str, int, int], bytes] = {}
        self._moods: dict[tuple[str, int, int], tuple[float, ...]] = {}
        self._paths = 0

    def number(self) -> int:
        """Return a number for one more path, its own in the memory of cells."""
        self._paths += 1
        return self._paths

    def keep(self, key: tuple[int, int], node: Node) -> None:
        """Remember a cell, and forget all of them when they are too many."""
        if len(self.nodes) >= _MAX_NODES:
            self.nodes.clear()
        self.nodes[key] = node

    def knot(self, name: str, scale: int, number: int) -> float:
        """Return a normal draw, one of those between which noise on a scale of days is spanned."""
        block = number >> 5
        key = (name, scale, block)
        found = self._knots.get(key)
        if found is None:
            if len(self._knots) >= _MAX_KNOTS:
                self._knots.clear()
            text = f"{self.seed}/{name}/{scale}d/{block}".encode()
            found = self._knots[key] = hashlib.blake2b(text, digest_size=32).digest()
        return _GAUSS[found[number & 31]]

    def mood(self, group: str, level: int, index: int) -> tuple[float, ...]:
        """Return the steps that a group of instruments has in common within one cell."""
        key = (group, level, index)
        found = self._moods.get(key)
        if found is None:
            if len(self._moods) >= _MAX_NODES:
                self._moods.clear()
            text = f"{self.seed}/mood {group}/{level}/{index}".encode()
            raw = hashlib.blake2b(text, digest_size=FAN[level]).digest()
            found = self._moods[key] = tuple(_GAUSS[byte] for byte in raw)
        return found


class RootPath:
    """
    The path of an instrument that follows no other.

    Args:
        weather: What it shares with others.
        name: Its own name in all hashes.
        middle: The price about which it moves, in half ticks.
        volatility: Yearly standard deviation of its returns.
        group: Whom it moves together with; empty for nobody.
        loading: How much of its movement is the group's, 0 to 1.
        rhythm: When it moves.
    """

    def __init__(
        self,
        weather: Weather,
        *,
        name: str,
        middle: float,
        volatility: float,
        group: str,
        loading: float,
        rhythm: Rhythm,
    ) -> None:
        self._weather = weather
        self._number = weather.number()
        self._name = name
        self._middle = middle
        self._volatility = volatility
        self._group = group
        self._shared = loading if group else 0.0
        self._own = math.sqrt(1.0 - self._shared**2)
        self._rhythm = rhythm
        self._is_flat = rhythm[0] == "flat"
        days = 365.0 if rhythm[0] == "flat" else _TRADING_DAYS
        self._day_move = volatility / math.sqrt(days)
        self._second_move = self._day_move / math.sqrt(SECONDS[0])
        self._opens: dict[int, int] = {}
        self._places = [f"{weather.seed}/{name}/{level}/%d".encode() for level in range(_LEAF + 1)]

    def at(self, quarter: int) -> int:
        """Return the price in one quarter of a second."""
        second, part = quarter >> 2, quarter & 3
        opens, highs, lows, _ = self._node(_LEAF, second // 5)
        child = second % 5
        if part == 0:
            return opens[child]
        if part == 3:
            return opens[child + 1]
        return highs[child] if (part == 1) == _rises(second) else lows[child]

    def span(self, first: int, end: int) -> Ohlc:
        """Return where the price went from one quarter until before another."""
        opens = self.at(first) if first & 3 else self._knot(first >> 2)
        # the last quarter of a second is where the next one opens
        closes = self.at(end - 1) if end & 3 else self._knot(end >> 2)
        high, low = max(opens, closes), min(opens, closes)
        start, stop = (first + 3) >> 2, end >> 2
        if start >= stop:
            seen = [self.at(quarter) for quarter in range(first, end)]
            return opens, max(seen), min(seen), closes
        for quarter in (*range(first, start << 2), *range(stop << 2, end)):
            price = self.at(quarter)
            high, low = max(high, price), min(low, price)
        day, last = start // SECONDS[0], (stop - 1) // SECONDS[0]
        while day <= last:
            base = day * SECONDS[0]
            top, bottom = self._fold(0, day, max(start, base), min(stop, base + SECONDS[0]))
            high, low = max(high, top), min(low, bottom)
            day += 1
        return opens, high, low, closes

    def inside(self, level: int, index: int) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
        """Return where the children of a cell open (and the last closes), their highs and lows."""
        opens, highs, lows, _ = self._node(level, index)
        return opens, highs, lows

    def _knot(self, second: int) -> int:
        """Return the price at the beginning of a second, found in the largest cell that has it."""
        day, within = divmod(second, SECONDS[0])
        if not within:
            return self._open(day)
        level = 1
        while second % SECONDS[level]:
            level += 1
        index, child = divmod(second // SECONDS[level], FAN[level - 1])
        return self._node(level - 1, index)[0][child]

    def _fold(self, level: int, index: int, start: int, stop: int) -> tuple[int, int]:  # noqa: PLR0917
        """Return high and low of whole seconds within one cell."""
        _, highs, lows, _ = self._node(level, index)
        size = SECONDS[level + 1]
        fan = FAN[level]
        base = index * SECONDS[level]
        i, before = divmod(start - base, size)
        j, after = divmod(stop - base, size)
        found_high: list[int] = []
        found_low: list[int] = []
        if before:
            # a first child that is only partly inside
            until = min(stop, base + (i + 1) * size)
            top, bottom = self._fold(level + 1, index * fan + i, start, until)
            found_high.append(top)
            found_low.append(bottom)
            i += 1
        if i < j:
            found_high.append(max(highs[i:j]))
            found_low.append(min(lows[i:j]))
        if after and j >= i:
            top, bottom = self._fold(level + 1, index * fan + j, base + j * size, stop)
            found_high.append(top)
            found_low.append(bottom)
        return max(found_high), min(found_low)

    def _node(self, level: int, index: int) -> Node:
        key = (self._number * 8 + level, index)
        node = self._weather.nodes.get(key)
        if node is None:
            node = self._draw_day(index) if level == 0 else self._draw(level, index)
            self._weather.keep(key, node)
        return node

    # --- from day to day ------------------------------------------------------------------------

    def _open(self, day: int) -> int:
        """Return the price at midnight of a day."""
        found = self._opens.get(day)
        if found is None:
            if len(self._opens) >= _MAX_NODES:
                self._opens.clear()
            moved = self._own * self._noise(self._name, day)
            if self._shared:
                moved += self._shared * self._noise(f"group {self._group}", day)
            price = self._middle * math.exp(self._day_move * moved)
            found = self._opens[day] = max(round(price), _LOWEST)
        return found

    def _noise(self, name: str, day: int) -> float:
        """Return noise on several scales, in standard deviations of a day."""
        if self._is_flat:
            age = float(day)
        else:
            # weekends hardly age a market; 1970-01-05 was a Monday
            week, weekday = divmod(day - 4, 7)
            age = week * 5.2 + min(weekday, 5) + max(weekday - 5, 0) * 0.1
        moved = 0.0
        knot = self._weather.knot
        for scale, height in _SCALES:
            place = age / scale
            number = math.floor(place)
            here = knot(name, scale, number)
            moved += height * (here + (knot(name, scale, number + 1) - here) * (place - number))
        return moved

    def _draw_day(self, day: int) -> Node:
        opens, closes = self._open(day), self._open(day + 1)
        raw = hashlib.shake_128(self._places[0] % day).digest(3 * 24 + 2)
        roots, shares, over = hours_of(self._rhythm, day)
        sd = opens * self._second_move * _HOUR_ROOT * math.sqrt(day_weight(self._rhythm, day))
        steps = self._steps(raw, 0, day)
        jumps = raw[-1] % 24 if raw[-2] < _JUMP_ODDS else _NO_JUMP
        if jumps != _NO_JUMP:
            steps[jumps] = math.copysign(abs(steps[jumps]) + _JUMP_SIZE, steps[jumps])
        walk = list(accumulate([step * root for step, root in zip(steps, roots, strict=True)]))
        missing = closes - opens - sd * walk[-1]
        knots = [opens]
        for went, done in zip(walk[:-1], over, strict=False):
            knot = int(opens + sd * went + missing * done + 0.5)
            knots.append(knot if knot > _LOWEST else _LOWEST)
        knots.append(closes)
        variance = sd * sd
        highs, lows = [], []
        here = opens
        for there, above, below, share in zip(
            knots[1:], raw[24:48], raw[48:72], shares, strict=True
        ):
            gap, both, reach = (here - there) ** 2, here + there, variance * share
            highs.append(int((both + _sqrt(gap + _REACH[above] * reach)) / 2))
            low = -int((_sqrt(gap + _REACH[below] * reach) - both) // 2)
            lows.append(low if low > _LOWEST else _LOWEST)
            here = there
        return knots, highs, lows, jumps

    def _steps(self, raw: bytes, level: int, index: int) -> list[float]:
        fan = FAN[level]
        if not self._shared:
            return [_GAUSS[byte] for byte in raw[:fan]]
        shared, own = self._shared, self._own
        mood = self._weather.mood(self._group, level, index)
        return [
            shared * common + own * _GAUSS[byte]
            for common, byte in zip(mood, raw[:fan], strict=True)
        ]

    # --- within the day -------------------------------------------------------------------------

    def _draw(self, level: int, index: int) -> Node:
        """Draw the children of a cell so that they do together what it does."""
        fan = FAN[level]
        parent, child = divmod(index, FAN[level - 1])
        outer = self._node(level - 1, parent)
        opens, closes = outer[0][child], outer[0][child + 1]
        top, bottom = outer[1][child], outer[2][child]
        if top == bottom:
            return (opens,) * (fan + 1), (top,) * fan, (top,) * fan, _NO_JUMP
        raw = hashlib.blake2b(self._places[level] % index, digest_size=3 * fan + 1).digest()
        day, second = divmod(index * SECONDS[level], SECONDS[0])
        sd = opens * self._second_move * _ROOTS[level + 1]
        sd *= roots_of(self._rhythm, day)[second // SLOT_S]
        if not self._is_flat:
            sd *= _sqrt(day_weight(self._rhythm, day))
        if level == 1:
            steps = self._steps(raw, level, index)
        else:
            steps = [_GAUSS[byte] for byte in raw[:fan]]
        jumps = raw[-1] % fan if outer[3] == child else _NO_JUMP
        knots = _led(opens, closes, steps, sd=sd, top=top, bottom=bottom, jumps=jumps)
        highs, lows = _turns(knots, raw, variance=sd * sd, top=top, bottom=bottom)
        return knots, highs, lows, jumps


def _led(
    opens: int,
    closes: int,
    steps: list[float],
    *,
    sd: float,
    top: int,
    bottom: int,
    jumps: int,
) -> list[int]:
    """Walk from open to close, led towards the extremes instead of leaving a spike to the end."""
    fan = len(steps)
    walk = list(accumulate(steps))
    back = walk[-1] / fan
    if jumps == _NO_JUMP:
        slope = (closes - opens) / fan - sd * back
        inner = [opens + slope * n + sd * walk[n - 1] for n in range(1, fan)]
    else:
        inner = [
            (opens if n <= jumps else closes) + sd * (walk[n - 1] - back * n) for n in range(1, fan)
        ]
    peak, trough = max(inner), min(inner)
    tents = _TENT[fan]
    rising, falling = tents[inner.index(peak)], tents[inner.index(trough)]
    reach = 0.4 * sd
    up, down = top - reach - peak, bottom + reach - trough
    knots = [opens]
    for place, rises, falls in zip(inner, rising, falling, strict=True):
        knot = int(place + up * rises + down * falls + 0.5)
        knots.append(top if knot > top else bottom if knot < bottom else knot)
    knots.append(closes)
    return knots


def _turns(
    knots: list[int], raw: bytes, *, variance: float, top: int, bottom: int
) -> tuple[list[int], list[int]]:
    """Give each child its high and low, as far as a Brownian bridge goes; one has the cell's."""
    fan = len(knots) - 1
    highs: list[int] = []
    lows: list[int] = []
    here = knots[0]
    for there, above, below in zip(knots[1:], raw[fan : 2 * fan], raw[2 * fan :], strict=False):
        gap, both = (here - there) ** 2, here + there
        high = int((both + _sqrt(gap + _REACH[above] * variance)) / 2)
        low = -int((_sqrt(gap + _REACH[below] * variance) - both) // 2)
        highs.append(top if high > top else high)
        lows.append(bottom if low < bottom else low)
        here = there
    best, worst = max(highs), min(lows)
    if best < top:
        highs[highs.index(best)] = top
    if worst > bottom:
        lows[lows.index(worst)] = bottom
    return highs, lows


def _rises(second: int) -> bool:
    """Tell whether the high of a second comes before its low."""
    return (second * 2_654_435_761 >> 9) & 1 == 1
