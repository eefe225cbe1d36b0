"""What the tables of the comparison show, and what was aimed at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from .run import BASE

__all__ = ["BESIDE", "FIGURES", "ROWS", "Figure", "Row"]

_CPU: Final = "cpu_s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One line of a table: how many times as fast each client is as another.

    Args:
        label: What is done.
        scene: Where it was measured.
        unit: What the base is measured by.
        base: Who is 1.
        others: The same for clients that call theirs something else.
        targets: What was aimed at.
    """

    label: str
    scene: str
    unit: str = _CPU
    base: str = BASE
    others: Mapping[str, str] = field(default_factory=dict)
    targets: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table of what was measured itself: a median, times `times`, or of it one."""

    label: str
    scene: str
    unit: str
    times: float = 1
    per_second: bool = False


_MANY: Final = "connect, 10,000 positions"
_FEW: Final = "connect, 100 positions and 500 orders"
_PANDAS: Final = {"connector": "pandas cpu_s"}
_POLARS: Final = {"connector": "polars cpu_s"}

ROWS: Final = (
    Row(label="ticks, 100 symbols", scene="ticks", targets={"connector": 5.0, "hatch": 3.5}),
    Row(label="the same, by the clock", scene="ticks", unit="wall_s", targets={"connector": 3.0}),
    Row(label="trades one by one", scene="trades"),
    Row(label="the same, by the clock", scene="trades", unit="wall_s"),
    Row(
        label="one tick a packet, p50",
        scene="one tick a packet",
        unit="p50_s",
        targets={"hatch": 1.7},
    ),
    Row(
        label="bars to objects, dates as text",
        scene="bars",
        unit="text objects cpu_s",
        targets={"hatch": 5.0},
    ),
    Row(
        label="bars to objects, dates as seconds",
        scene="bars",
        unit="epoch objects cpu_s",
        targets={"hatch": 2.0},
    ),
    Row(
        label="bars to pandas, ib_async's default dates",
        scene="bars",
        unit="text frame cpu_s",
        others=_PANDAS,
        targets={"connector": 8.0},
    ),
    Row(
        label="bars to pandas, dates as seconds",
        scene="bars",
        unit="epoch frame cpu_s",
        others=_PANDAS,
        targets={"connector": 8.0},
    ),
    Row(
        label="bars to polars, dates as seconds",
        scene="bars",
        unit="epoch frame cpu_s",
        others=_POLARS,
    ),
    Row(label=_MANY, scene=_MANY, targets={"connector": 6.0}),
    Row(label="the same, by the clock", scene=_MANY, unit="wall_s"),
    Row(label=_FEW, scene=_FEW, targets={"connector": 3.0}),
    Row(label="the same, by the clock", scene=_FEW, unit="wall_s"),
    Row(label="process start to ready, by the clock", scene="start", unit="start_to_ready_s"),
    Row(
        label="order to Filled, one at a time, p50",
        scene="orders",
        unit="p50_s",
        targets={"connector": 1.0},
    ),
    Row(
        label="200 orders in flight, by the clock",
        scene="orders",
        unit="flight wall_s",
        targets={"connector": 3.0},
    ),
    Row(label="the same, processor time", scene="orders", unit="flight cpu_s"),
    Row(
        label="import, by the clock",
        scene="imports",
        unit="import wall_s",
        targets={"connector": 2.25},
    ),
)
"""Beside bare ib_async."""

BESIDE: Final = (
    Row(label=f"{_MANY}: beside ibapi", scene=_MANY, base="ibapi", targets={"connector": 1.0}),
    Row(label=f"{_FEW}: beside ibapi", scene=_FEW, base="ibapi", targets={"connector": 1.0}),
    Row(
        label="order to Filled, one at a time, p50: beside ibapi",
        scene="orders",
        unit="p50_s",
        base="ibapi",
        targets={"connector": 1.0},
    ),
    Row(
        label="process start to ready: beside nautilus",
        scene="start",
        unit="start_to_ready_s",
        base="nautilus",
        targets={"connector": 10.0},
    ),
)
"""Beside others than ib_async."""

FIGURES: Final = (
    Figure(label="processor time of a million ticks, s", scene="ticks", unit=_CPU, times=10),
    Figure(label=f"{_MANY}, by the clock, ms", scene=_MANY, unit="wall_s", times=1e3),
    Figure(label=f"{_FEW}, by the clock, ms", scene=_FEW, unit="wall_s", times=1e3),
    Figure(label="process start to ready, s", scene="start", unit="start_to_ready_s"),
    Figure(label="order to Filled, p50, ms", scene="orders", unit="p50_s", times=1e3),
    Figure(
        label="processor time of an order alone, ms",
        scene="orders",
        unit="alone cpu_s",
        times=1e3,
    ),
    Figure(
        label="200 orders in flight, orders/s",
        scene="orders",
        unit="flight wall_s",
        per_second=True,
    ),
    Figure(label="import, ms", scene="imports", unit="import wall_s", times=1e3),
    Figure(label="resident after the import, MiB", scene="imports", unit="import mib"),
    Figure(
        label="import of what `connect()` needs, ms",
        scene="imports",
        unit="engine wall_s",
        times=1e3,
    ),
    Figure(label="resident after that, MiB", scene="imports", unit="engine mib"),
    Figure(label="most memory with 10,000 positions, MiB", scene=_MANY, unit="memory_mib"),
)
