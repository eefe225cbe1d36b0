"""
The whole desk beside bare `ib_async.placeOrder`, and where the time between them goes.

All place the same limit orders at a simulator: ours with its limits, its journal on disk (a full
sync before each first byte), its pipeline and the hop between two threads; ib_async with its
throttle off and a handler on the trade's event, the cheapest way to wait that it has. Ours gets a
budget of messages that it never reaches, so that the two are measured and not their manners.

Each side is a program of its own (`desk_side.py`), one after the other, round after round, in the
order A B and then B A: in one process they would share the interpreter's lock and the collector of
cycles. Each has a gateway of its own, a process too, which would else tell the one of the other's
fills, and remember them. Each round gives a ratio, and the median of the ratios counts: the
machine's speed is on both sides of it.

That gateway answers as fast as it can, which no real one does: a gateway asks the broker. So the
two sides place orders one at a time also at a gateway whose broker is `AWAY_S` away.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Final

from .desk_side import Task, Told, Work
from .gateway import HELD_ASK, running
from .sides import BARE, FLUSH, HOP, OURS, SIDES

__all__ = [
    "ALONE",
    "FIGURES",
    "IN_FLIGHT",
    "Comparison",
    "Figure",
    "compare",
    "judged",
    "report",
    "turns",
]

ROOT: Final = Path(__file__).parents[1]

IN_FLIGHT: Final = 200
"""Orders that are placed at once."""

ALONE: Final = 60
"""Orders that are placed one after the other."""

TIMES: Final = 3
"""So often a side does either in a round."""

SETTLE_S: Final = 3.0
"""What is made behind `ready` is made by then."""

UNPACED: Final = 1_000_000
"""Messages a second; more than anybody can send."""

FAR: Final = Decimal("1.00")
"""A limit at which nothing trades."""

THROUGH: Final = Decimal(5)
"""How far through the market a limit is that trades at once."""

AWAY_S: Final = 0.007
"""
A round trip to the broker's servers from a machine that is near them.

Two users measured 7 ms from Virginia to Connecticut, one by `ping` from a rented machine
(elitetrader.com, thread 375258), one as half of 7 ms each way (books4u2.com, TWS API group, message
46359). It is what the way alone takes: what servers make of an order comes on top.
"""

_DEADLINE_S: Final = 300
"""For one side of one round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """
    What is compared: seconds an order, or orders a second when it `is_rate`.

    `target` is the most that the ratio of a latency may be, and the least that of a rate may;
    `away_s` is how far off the broker is, in seconds there and back.
    """

    name: str
    fills: bool
    is_rate: bool
    target: float
    away_s: float = 0.0

    def is_met(self, ratio: float) -> bool:
        """Whether the target is reached."""
        return ratio >= self.target if self.is_rate else ratio <= self.target


FIGURES: Final = (
    Figure(name="acknowledged, one at a time", fills=False, is_rate=False, target=1.5),
    Figure(name="filled, one at a time", fills=True, is_rate=False, target=1.5),
    Figure(name="acknowledged, 200 in flight", fills=False, is_rate=True, target=0.8),
    Figure(name="filled, 200 in flight", fills=True, is_rate=True, target=0.8),
    Figure(
        name="acknowledged, broker 7 ms away", fills=False, is_rate=False, target=1.5, away_s=AWAY_S
    ),
    Figure(name="filled, broker 7 ms away", fills=True, is_rate=False, target=1.5, away_s=AWAY_S),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """
    What came out.

    `values` holds by figure the medians of ib_async and of ours (seconds an order, or orders a
    second), `ratios` the medians of the rounds' ratios, and `ranges` the lowest and the highest of
    them. `stages` are the seconds of each stage of an order that is placed alone, `legs` the
    processor time of the gateway's leg of such an order. `loop` is the event loop of the
    connector's thread; bare ib_async runs on asyncio's own. `floors` has, by figure, the ratios of
    the hop alone and of hop and disk, see `floor.py`.
    """

    values: Mapping[str, tuple[float, float]]
    ratios: Mapping[str, float]
    ranges: Mapping[str, tuple[float, float]]
    stages: Mapping[str, float]
    legs: Mapping[str, float]
    loop: str
    floors: Mapping[str, tuple[float, float]]

    def missed(self) -> tuple[str, ...]:
        """Return the figures whose target is missed."""
        return tuple(f.name for f in FIGURES if not f.is_met(self.ratios[f.name]))


def compare(
    rounds: int,
    *,
    alone: int = ALONE,
    in_flight: int = IN_FLIGHT,
    times: int = TIMES,
    settle_s: float = SETTLE_S,
) -> Comparison:
    """
    Let each side place orders, round after round.

    Raises:
        RuntimeError: A side ended with an error, or not at all.
    """

    def played(side: str, away_s: float = 0.0) -> Told:
        with running(away_s=away_s) as port, tempfile.TemporaryDirectory() as folder:
            work = Work(
                port=port,
                folder=folder,
                messages_per_second=UNPACED,
                tasks=[_task(figure) for figure in FIGURES if figure.away_s == away_s],
                rests=str(FAR),
                alone=alone,
                in_flight=in_flight,
                times=times,
                settle_s=settle_s,
            )
            return _played(side, work)

    def one_round(number: int) -> dict[str, Told]:
        told = {side: played(side) for side in turns(number)}
        for side in turns(number):
            if side in (BARE, OURS):
                far = played(side, AWAY_S).values
                told[side] = replace(told[side], values={**told[side].values, **far})
        return told

    return judged([one_round(number) for number in range(rounds)])


def turns(number: int) -> Sequence[str]:
    """Return whose turn it is in a round, one after the other; the next one goes back."""
    return SIDES[::-1] if number % 2 else SIDES


def _task(figure: Figure) -> Task:
    limit = HELD_ASK + THROUGH if figure.fills else FAR
    return Task(name=figure.name, limit=str(limit), fills=figure.fills, is_rate=figure.is_rate)


def _played(side: str, work: Work) -> Told:
    command = [sys.executable, "-m", "benchmarks.desk_side", side, json.dumps(asdict(work))]
    try:
        done = subprocess.run(
            command, capture_output=True, cwd=ROOT, timeout=_DEADLINE_S, check=True
        )
    except subprocess.CalledProcessError as error:
        raise RuntimeError(
            f"{side} ended with {error.returncode}:\n{error.stderr.decode()}"
        ) from error
    except subprocess.TimeoutExpired as error:
        said = (error.stderr or b"").decode()
        raise RuntimeError(f"{side} was not done after {error.timeout} s:\n{said}") from error
    sys.stderr.write(done.stderr.decode())
    return Told(**json.loads(done.stdout.splitlines()[-1]))


def judged(rounds: Sequence[Mapping[str, Told]]) -> Comparison:
    """Return what counts of what the sides told, round by round."""

    def median(side: str, name: str) -> float:
        return statistics.median(told[side].values[name] for told in rounds)

    def ratios(side: str, name: str) -> list[float]:
        return [told[side].values[name] / told[BARE].values[name] for told in rounds]

    names = [figure.name for figure in FIGURES]
    ours = {name: ratios(OURS, name) for name in names}
    return Comparison(
        values={name: (median(BARE, name), median(OURS, name)) for name in names},
        ratios={name: statistics.median(found) for name, found in ours.items()},
        ranges={name: (min(found), max(found)) for name, found in ours.items()},
        stages={
            stage: statistics.median(told[OURS].stages[stage] for told in rounds)
            for stage in rounds[0][OURS].stages
        },
        legs={
            side: statistics.median(told[side].legs[side] for told in rounds)
            for side in (BARE, OURS)
        },
        loop=rounds[0][OURS].loop,
        floors={
            figure.name: (
                statistics.median(ratios(HOP, figure.name)),
                statistics.median(ratios(FLUSH, figure.name)),
            )
            for figure in FIGURES
            if not figure.is_rate and not figure.away_s
        },
    )


def report(found: Comparison) -> str:
    """Return the table and the stages."""
    lines = [f"{'':30}{'ib_async':>13}{'connector':>13}{'ratio':>8}{'rounds':>14}  target"]
    missed = found.missed()
    for figure in FIGURES:
        bare, ours = found.values[figure.name]
        shown = [
            f"{v:>11,.0f}/s" if figure.is_rate else f"{v * 1e3:>10.2f} ms" for v in (bare, ours)
        ]
        lowest, highest = found.ranges[figure.name]
        sign = ">=" if figure.is_rate else "<="
        verdict = "MISSED" if figure.name in missed else "met"
        lines.append(
            f"{figure.name:30}{shown[0]}{shown[1]}{found.ratios[figure.name]:>8.2f}"
            f"{f'{lowest:.2f} to {highest:.2f}':>14}  {sign} {figure.target:.2f} {verdict}"
        )
    lines += ["", "times bare ib_async, by nothing but what every such connector has"]
    lines += [f"{'':30}{'a hop':>13}{'and a flush':>13}{'connector':>13}"]
    lines += [
        f"{name:30}{hop:>13.2f}{disk:>13.2f}{found.ratios[name]:>13.2f}"
        for name, (hop, disk) in found.floors.items()
    ]
    whole = sum(found.stages.values())
    lines += ["", "one order, acknowledged, by stage"]
    lines += [
        f"{name:30}{seconds * 1e6:>10,.0f} us{seconds / whole:>8.0%}"
        for name, seconds in found.stages.items()
    ]
    bare, ours = (found.legs[name] * 1e6 for name in (BARE, OURS))
    lines += [
        "",
        f"{'the gateway leg, processor time':30}{bare:>9,.0f} us{ours:>10,.0f} us"
        f"{ours / bare:>8.2f}",
        "",
        f"the connector's thread runs {found.loop}; IBKR_EVENT_LOOP chooses",
    ]
    return "\n".join(lines)
