"""
The whole desk beside bare `ib_async.placeOrder`, and where the time between them goes.

Both place the same limit orders at the same gateway, a simulator in a process of its own, in turns
(A B A B): ours with its limits, its journal on disk (a full sync before each first byte), its
pipeline and the hop between two threads; ib_async with its throttle off and a handler on the
trade's event, the cheapest way to wait that it has. Ours gets a budget of messages that it never
reaches, so that the two are measured and not their manners. Each turn gives a ratio, and the median
of the ratios counts: the machine's speed is on both sides of it.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final, Protocol, TypeVar

import ib_async

from ibkr_connector import Action, IBKRConnector, Settings, limit_order
from ibkr_connector.loops import loop_factory

from .floor import Floor
from .gateway import HELD_ASK
from .leg import BARE, OURS, Leg
from .stages import Stages

__all__ = ["ALONE", "FIGURES", "IN_FLIGHT", "Comparison", "Figure", "compare", "report"]

T = TypeVar("T")

IN_FLIGHT: Final = 200
"""Orders of a turn that are placed at once."""

ALONE: Final = 60
"""Orders of a turn that are placed one after the other."""

UNPACED: Final = 1_000_000
"""Messages a second; more than anybody can send."""

FAR: Final = Decimal("1.00")
"""A limit at which nothing trades."""

THROUGH: Final = Decimal(5)
"""How far through the market a limit is that trades at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """
    What is compared: seconds an order, or orders a second when it `is_rate`.

    `target` is the most that the ratio of a latency may be, and the least that of a rate may.
    """

    name: str
    fills: bool
    is_rate: bool
    target: float

    def is_met(self, ratio: float) -> bool:
        """Whether the target is reached."""
        return ratio >= self.target if self.is_rate else ratio <= self.target


FIGURES: Final = (
    Figure(name="acknowledged, one at a time", fills=False, is_rate=False, target=1.5),
    Figure(name="filled, one at a time", fills=True, is_rate=False, target=1.5),
    Figure(name="acknowledged, 200 in flight", fills=False, is_rate=True, target=0.8),
    Figure(name="filled, 200 in flight", fills=True, is_rate=True, target=0.8),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """
    What came out.

    `values` holds by figure the medians of ib_async and of ours (seconds an order, or orders a
    second), `ratios` the medians of the turns' ratios, `stages` the seconds of each stage of an
    order that is placed alone, `legs` the processor time of the gateway's leg of such an order.
    `loop` is the event loop of the connector's thread; bare ib_async runs on asyncio's own.
    `floors` has, by figure, the ratios of the hop alone and of hop and disk, see `floor.py`.
    """

    values: Mapping[str, tuple[float, float]]
    ratios: Mapping[str, float]
    stages: Mapping[str, float]
    legs: Mapping[str, float]
    loop: str
    floors: Mapping[str, tuple[float, float]]

    def missed(self) -> tuple[str, ...]:
        """Return the figures whose target is missed."""
        return tuple(f.name for f in FIGURES if not f.is_met(self.ratios[f.name]))


class _Side(Protocol):
    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def place(self, *, fills: bool) -> None: ...
    async def clear(self) -> None: ...


class _OnFloor:
    """Nothing but a hop, and a flush where a path is given, before bare ib_async."""

    def __init__(self, port: int, *, client_id: int, path: Path | None = None) -> None:
        self._floor = Floor(port, client_id=client_id, path=path)
        self.open, self.close, self.clear = self._floor.open, self._floor.close, self._floor.clear

    async def place(self, *, fills: bool) -> None:
        await self._floor.place(price=_price(fills=fills), fills=fills)


class _Bare:
    """ib_async, its throttle off."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stock = ib_async.Stock("AAPL", "SMART", "USD")
        self._resting: list[ib_async.Trade] = []

    async def open(self) -> None:
        self._ib = ib_async.IB()
        self._ib.client.MaxRequests = 0
        await self._ib.connectAsync("127.0.0.1", self._port, clientId=1, timeout=60)
        await self._ib.qualifyContractsAsync(self._stock)

    async def close(self) -> None:
        self._ib.disconnect()

    async def place(self, *, fills: bool) -> None:
        order = ib_async.LimitOrder("BUY", 1, float(_price(fills=fills)))
        wanted = {"Filled"} if fills else {"Submitted", "Filled"}
        reached = asyncio.get_running_loop().create_future()

        def look(changed: ib_async.Trade) -> None:
            if changed.orderStatus.status in wanted and not reached.done():
                reached.set_result(None)

        trade = self._ib.placeOrder(self._stock, order)
        trade.statusEvent += look
        await reached
        trade.statusEvent -= look
        if not fills:
            self._resting.append(trade)

    async def clear(self) -> None:
        for trade in self._resting:
            self._ib.cancelOrder(trade.order)
        for trade in self._resting:
            while not trade.isDone():
                await trade.statusEvent
        self._resting.clear()


class _Desk:
    """The connector, called from the loop of a user."""

    def __init__(self, port: int, directory: Path) -> None:
        settings = Settings.load(port=port, client_id=2, readonly=False, state_dir=directory)
        self.loop = "asyncio" if loop_factory(settings.event_loop) is None else "uvloop"
        self._ib = IBKRConnector.create(
            settings.model_copy(update={"messages_per_second": UNPACED})
        )
        self._resting: list[int] = []

    async def open(self) -> None:
        await self._ib.connect()
        await self._ib.get_quote("AAPL")

    async def close(self) -> None:
        await self._ib.disconnect()

    async def place(self, *, fills: bool) -> None:
        order = limit_order("AAPL", Action.BUY, 1, limit_price=_price(fills=fills))
        report = await self._ib.place_order(order, wait="filled" if fills else "submitted")
        if not fills:
            self._resting.append(report.order_id)

    async def clear(self) -> None:
        await asyncio.gather(*(self._ib.cancel_order(number) for number in self._resting))
        self._resting.clear()


def _price(*, fills: bool) -> Decimal:
    return HELD_ASK + THROUGH if fills else FAR


def compare(port: int, *, turns: int, alone: int = ALONE, in_flight: int = IN_FLIGHT) -> Comparison:
    """Let both place orders, in turns."""

    def once(side: _Side, figure: Figure) -> Awaitable[float]:
        return _rate(side, figure, in_flight) if figure.is_rate else _latency(side, figure, alone)

    return asyncio.run(_compare(port, once, turns=turns, alone=alone))


async def _compare(
    port: int, once: Callable[[_Side, Figure], Awaitable[float]], *, turns: int, alone: int
) -> Comparison:
    found: dict[str, list[tuple[float, float]]] = {figure.name: [] for figure in FIGURES}
    stages, legs = Stages(), dict[str, float]()
    with tempfile.TemporaryDirectory() as directory:
        sides = (_Bare(port), _Desk(port, Path(directory)))
        for side in sides:
            await side.open()
        for figure in FIGURES:  # what is paid once is paid here
            for side in sides:
                await once(side, figure)
        for _ in range(turns):
            for figure in FIGURES:
                bare, ours = [await once(side, figure) for side in sides]
                found[figure.name].append((bare, ours))
        with stages.running():
            for _ in range(alone):
                await stages.order(lambda: sides[1].place(fills=False))
                await sides[1].clear()
        for side in sides:
            await side.close()
        floors = await _floors(port, once, turns=turns, path=Path(directory) / "floor.sqlite3")
        legs[BARE] = await _leg(BARE, _Bare(port), alone)
        legs[OURS] = await _leg(OURS, _Desk(port, Path(directory)), alone)
    return Comparison(
        values={
            name: (statistics.median(b for b, _ in pairs), statistics.median(o for _, o in pairs))
            for name, pairs in found.items()
        },
        ratios={
            name: statistics.median(ours / bare for bare, ours in pairs)
            for name, pairs in found.items()
        },
        stages=stages.medians(),
        legs=legs,
        loop=sides[1].loop,
        floors=floors,
    )


async def _floors(
    port: int, once: Callable[[_Side, Figure], Awaitable[float]], *, turns: int, path: Path
) -> dict[str, tuple[float, float]]:
    """Return how many times as long as bare ib_async a hop takes, and a hop and a flush."""
    figures = [figure for figure in FIGURES if not figure.is_rate]
    found: dict[str, list[tuple[float, float]]] = {figure.name: [] for figure in figures}
    sides = (_Bare(port), _OnFloor(port, client_id=3), _OnFloor(port, client_id=4, path=path))
    for side in sides:
        await side.open()
    for turn in range(turns + 1):
        for figure in figures:
            bare, hop, disk = [await once(side, figure) for side in sides]
            if turn:  # in the first is paid what is paid once
                found[figure.name].append((hop / bare, disk / bare))
    for side in sides:
        await side.close()
    return {
        name: (statistics.median(hop for hop, _ in pairs), statistics.median(d for _, d in pairs))
        for name, pairs in found.items()
    }


async def _leg(name: str, side: _Side, alone: int) -> float:
    """Return the processor seconds of the gateway's leg of an order that is placed alone."""
    leg = Leg()
    with leg.running():
        # a client keeps the doors that it was made with
        await side.open()
        await side.place(fills=False)
        leg.take(name)
        for _ in range(alone):
            await side.place(fills=False)
        spent = leg.take(name)
        await side.clear()
        await side.close()
    return spent / alone


async def _latency(side: _Side, figure: Figure, alone: int) -> float:
    """Return the median seconds of orders that are placed one after the other."""
    times = []
    for _ in range(alone):
        start = time.perf_counter()
        await side.place(fills=figure.fills)
        times.append(time.perf_counter() - start)
    await side.clear()
    return statistics.median(times)


async def _rate(side: _Side, figure: Figure, in_flight: int) -> float:
    """Return how many orders a second come through that are placed at once."""
    start = time.perf_counter()
    await asyncio.gather(*(side.place(fills=figure.fills) for _ in range(in_flight)))
    took = time.perf_counter() - start
    await side.clear()
    return in_flight / took


def report(found: Comparison) -> str:
    """Return the table and the stages."""
    lines = [f"{'':30}{'ib_async':>13}{'connector':>13}{'ratio':>8}  target"]
    missed = found.missed()
    for figure in FIGURES:
        bare, ours = found.values[figure.name]
        shown = [
            f"{v:>11,.0f}/s" if figure.is_rate else f"{v * 1e3:>10.2f} ms" for v in (bare, ours)
        ]
        sign = ">=" if figure.is_rate else "<="
        verdict = "MISSED" if figure.name in missed else "met"
        lines.append(
            f"{figure.name:30}{shown[0]}{shown[1]}{found.ratios[figure.name]:>8.2f}"
            f"  {sign} {figure.target:.2f} {verdict}"
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
