"""
The whole desk beside bare `ib_async.placeOrder`, and where the time between them goes.

All place the same limit orders at a simulator: ours with its limits, its journal on disk (a full
sync before each first byte), its pipeline and the hop between two threads; ib_async with its
throttle off and a handler on the trade's event, the cheapest way to wait that it has. Ours gets a
budget of messages that it never reaches, so that the two are measured and not their manners.

Each side is a program of its own (`desk_side.py`): in one process they would share the
interpreter's lock and the collector of cycles. Each has a gateway of its own, a process too, which
would else tell the one of the other's fills, and remember them. All of them live from the first
round to the last and take turns at each figure, A B and then B A, a tenth of a second apart: a
machine whose speed changes from one second to the next changes it for both. Each round gives a
ratio, and the median of the ratios counts. At rates they take turns three times in a round.

Two hundred in flight are two hundred callers who each place one order after the other; two hundred
at once are placed in one go, with nothing before them and nothing behind.

That gateway answers as fast as it can, which no real one does: a gateway asks the broker. So the
two sides place orders one at a time also at a gateway whose broker is `AWAY_S` away.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from .desk_side import Aside, Task, Work
from .gateway import HELD_ASK, running
from .sides import BARE, FLUSH, HOP, OURS, SIDES

__all__ = [
    "ALONE",
    "EACH",
    "FIGURES",
    "IN_FLIGHT",
    "Comparison",
    "Figure",
    "Round",
    "compare",
    "judged",
    "report",
    "turns",
]

ROOT: Final = Path(__file__).parents[1]

IN_FLIGHT: Final = 200
"""Orders that are under way at the same time."""

EACH: Final = 5
"""So many orders each of those who keep them in flight places."""

ALONE: Final = 60
"""Orders that are placed one after the other."""

TURNS: Final = 3
"""
So often in a round the sides take turns at a rate: one turn takes half a second, and whatever else
runs on the machine for a moment is a good part of that.
"""

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
    `None` for what is told without one. Those of a rate are kept in flight, or come `at_once`;
    `away_s` is how far off the broker is, in seconds there and back.
    """

    name: str
    fills: bool
    is_rate: bool
    target: float | None
    at_once: bool = False
    away_s: float = 0.0

    def is_met(self, ratio: float) -> bool:
        """Whether the target is reached; so it is where there is none."""
        if self.target is None:
            return True
        return ratio >= self.target if self.is_rate else ratio <= self.target


FIGURES: Final = (
    Figure(name="acknowledged, one at a time", fills=False, is_rate=False, target=1.5),
    Figure(name="filled, one at a time", fills=True, is_rate=False, target=1.5),
    Figure(name="acknowledged, 200 in flight", fills=False, is_rate=True, target=0.8),
    Figure(name="filled, 200 in flight", fills=True, is_rate=True, target=0.8),
    Figure(name="acknowledged, 200 at once", fills=False, is_rate=True, target=None, at_once=True),
    Figure(name="filled, 200 at once", fills=True, is_rate=True, target=None, at_once=True),
    Figure(
        name="acknowledged, broker 7 ms away", fills=False, is_rate=False, target=1.5, away_s=AWAY_S
    ),
    Figure(name="filled, broker 7 ms away", fills=True, is_rate=False, target=1.5, away_s=AWAY_S),
)

Round = Mapping[str, Mapping[str, float]]
"""What was measured in one round, by figure and by side."""


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
    each: int = EACH,
    settle_s: float = SETTLE_S,
) -> Comparison:
    """
    Let the sides place orders, round after round.

    Raises:
        RuntimeError: A side ended with an error, or not at all.
    """

    def task(figure: Figure) -> Task:
        return Task(
            limit=str(HELD_ASK + THROUGH if figure.fills else FAR),
            fills=figure.fills,
            callers=in_flight if figure.is_rate else 1,
            each=1 if figure.at_once else each if figure.is_rate else alone,
        )

    with ExitStack() as stack:
        players: dict[tuple[str, float], _Player] = {}
        for figure in FIGURES:
            for name in _those_of(figure):
                if (name, figure.away_s) not in players:
                    mine = [task(one) for one in FIGURES if _plays(name, figure.away_s, one)]
                    player = stack.enter_context(_playing(name, figure.away_s, mine, alone))
                    players[name, figure.away_s] = player
        time.sleep(settle_s)
        measured: list[Round] = []
        for number in range(rounds):
            found: dict[str, Mapping[str, float]] = {}
            for figure in FIGURES:
                here = {name: players[name, figure.away_s] for name in _those_of(figure)}
                found[figure.name] = _taken(here, figure, task(figure), number=number)
            measured.append(found)
        asides = {name: players[name, 0.0].ends() for name in (BARE, OURS)}
    return judged(measured, asides)


def _taken(
    players: Mapping[str, _Player], figure: Figure, task: Task, *, number: int
) -> Mapping[str, float]:
    """Return what a round says of a figure, by side; of rates several turns are one."""
    values: dict[str, list[float]] = {name: [] for name in players}
    for nth in range(TURNS if figure.is_rate else 1):
        for name in turns(number + nth):
            if name in players:
                values[name].append(players[name].does(task))
    # each turn is as many orders: all of them by all of their time
    return {name: statistics.harmonic_mean(found) for name, found in values.items()}


def turns(number: int) -> Sequence[str]:
    """Return whose turn it is in a round, one after the other; the next one goes back."""
    return SIDES[::-1] if number % 2 else SIDES


def _those_of(figure: Figure) -> Sequence[str]:
    """Return who takes part: what a hop and a flush cost is looked at one at a time alone."""
    return (BARE, OURS) if figure.is_rate or figure.away_s else SIDES


def _plays(name: str, away_s: float, figure: Figure) -> bool:
    return figure.away_s == away_s and name in _those_of(figure)


class _Player:
    """A side that is at work in its own process."""

    def __init__(self, name: str, process: subprocess.Popen[str], stderr: Path) -> None:
        self._name = name
        self._process = process
        self._stderr = stderr
        self._answer()

    def does(self, task: Task) -> float:
        """Let it do something, and return what it measured."""
        assert self._process.stdin is not None
        print(json.dumps(asdict(task)), file=self._process.stdin, flush=True)
        return float(self._answer())

    def ends(self) -> Aside:
        """Return what it has to tell beside, which is its end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return Aside(**self._answer())

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        is_late = threading.Event()

        def stop() -> None:
            is_late.set()
            self._process.kill()

        timer = threading.Timer(_DEADLINE_S, stop)
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if line:
            return json.loads(line)
        ended = self._process.wait()
        how = f"was not done after {_DEADLINE_S} s" if is_late.is_set() else f"ended with {ended}"
        raise RuntimeError(f"{self._name} {how}:\n{self._stderr.read_text()}")


@contextmanager
def _playing(name: str, away_s: float, tasks: Sequence[Task], alone: int) -> Iterator[_Player]:
    """Run a side that is warm, at a gateway of its own."""
    with running(away_s=away_s) as port, tempfile.TemporaryDirectory() as folder:
        work = Work(
            port=port,
            folder=folder,
            messages_per_second=UNPACED,
            warm_up=tuple(tasks),
            rests=str(FAR),
            alone=alone,
        )
        stderr = Path(folder) / "stderr.txt"
        command = [sys.executable, "-m", "benchmarks.desk_side", name, json.dumps(asdict(work))]
        pipe = subprocess.PIPE
        with (
            stderr.open("w") as told,
            subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=told, cwd=ROOT, text=True
            ) as process,
        ):
            try:
                yield _Player(name, process, stderr)
            finally:
                process.kill()


def judged(rounds: Sequence[Round], asides: Mapping[str, Aside]) -> Comparison:
    """Return what counts of what was measured, round by round."""

    def median(side: str, name: str) -> float:
        return statistics.median(one[name][side] for one in rounds)

    def ratios(side: str, name: str) -> list[float]:
        return [one[name][side] / one[name][BARE] for one in rounds]

    ours = {figure.name: ratios(OURS, figure.name) for figure in FIGURES}
    return Comparison(
        values={name: (median(BARE, name), median(OURS, name)) for name in ours},
        ratios={name: statistics.median(found) for name, found in ours.items()},
        ranges={name: (min(found), max(found)) for name, found in ours.items()},
        stages=asides[OURS].stages,
        legs={side: asides[side].legs[side] for side in (BARE, OURS)},
        loop=asides[OURS].loop,
        floors={
            figure.name: (
                statistics.median(ratios(HOP, figure.name)),
                statistics.median(ratios(FLUSH, figure.name)),
            )
            for figure in FIGURES
            if HOP in _those_of(figure)
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
        target = "" if figure.target is None else f"  {sign} {figure.target:.2f} {verdict}"
        lines.append(
            f"{figure.name:30}{shown[0]}{shown[1]}{found.ratios[figure.name]:>8.2f}"
            f"{f'{lowest:.2f} to {highest:.2f}':>14}{target}"
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
