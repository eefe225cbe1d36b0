"""
Whether memory stays flat over ten million ticks, through a real socket.

A gateway in a process of its own pours ticks of 100 symbols, of 100,000 different prices, burst
after burst; the client is a program of its own too. `connector` has a reader's `async for` for each
symbol, behind the hop between threads; `hatch` has ib_async's tickers, each with a handler. What
counts is what stays resident after the warm-up, a twentieth of the way or half a million ticks.

    python -m benchmarks memory [--ticks N] [--json | --write]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .clients.run import Scene, gateway, played

__all__ = ["TICKS", "WAYS", "Memory", "compare", "report"]

TICKS: Final = 10_500_000
WAYS: Final = ("connector", "hatch")
GROWTH_MIB: Final = 5.0
"""What may be added after the warm-up; a leak of one byte a tick would be ten."""

_BURST: Final = 100_000
_PARTS: Final = 20
_WARM_UP: Final = 500_000

_DEADLINE_S: Final = 1_800


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Resident MiB of one way, by ticks; flat when hardly any is added after the warm-up."""

    samples: tuple[tuple[int, float], ...]
    warm_up: int

    @property
    def grown(self) -> float:
        """How much more than after the warm-up there ever was."""
        warm = [mib for ticks, mib in self.samples if ticks >= self.warm_up]
        return max(warm) - warm[0]

    @property
    def is_flat(self) -> bool:
        """Whether it did not grow."""
        return self.grown <= GROWTH_MIB


def compare(ticks: int = TICKS, *, symbols: int = 100) -> Mapping[str, Memory]:
    """Pour so many ticks into each."""
    bursts = max(1, ticks // _BURST)
    plays = {"symbols": symbols, "burst": min(ticks, _BURST), "bursts": bursts}
    scene = Scene(name="memory", work="memory", plays=plays)
    found: dict[str, Memory] = {}
    for way in WAYS:
        with gateway(plays) as port:
            told: Any = played(way, scene, port, deadline_s=_DEADLINE_S)
        samples = tuple((int(at), float(mib)) for at, mib in told["samples"])
        poured = samples[-1][0]
        warm_up = max(poured // _PARTS, min(_WARM_UP, poured // 2))
        found[way] = Memory(samples=samples, warm_up=warm_up)
    return found


def report(found: Mapping[str, Memory]) -> str:
    """Say it in lines."""
    lines = []
    for way, one in found.items():
        ticks, at_end = one.samples[-1]
        verdict = "flat" if one.is_flat else "MISSED"
        lines.append(
            f"{way:10} {ticks:>12,} ticks: {at_end:.1f} MiB at the end, at most {one.grown:+.1f} "
            f"since the warm-up, {verdict}"
        )
    return "\n".join(lines)
