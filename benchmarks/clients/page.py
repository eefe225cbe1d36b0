"""
The page of the comparison: tables and a plot, made of the JSON that runs have left.

    python -m benchmarks.clients.page            # writes all of them anew

Each release keeps its own JSON, in a folder of its name; the page shows the newest one, and the
releases beside each other. The text around the tables is written by hand; a test compares tables
and plot with the JSON.
"""

from __future__ import annotations

import hashlib
import json
import re
import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from benchmarks.memory import Memory
from ibkr_connector import __version__

from .rows import BESIDE, FIGURES, ROWS, Figure, Row
from .run import BASE, CLIENTS

__all__ = [
    "PAGE",
    "digest",
    "kept",
    "paths",
    "ratio",
    "store",
    "table",
    "told_of",
    "write",
    "written",
]

ROOT: Final = Path(__file__).parents[2]
MEASURED: Final = ROOT / "docs" / "measured"
PAGE: Final = ROOT / "docs" / "benchmarks.md"
_SECTION: Final = re.compile(
    r"(<!-- made: (\w+) -->\n)(?:.*?\n)??(<!-- end of what is made -->)", re.DOTALL
)


def kept() -> list[str]:
    """Return the releases whose figures are kept, oldest first."""
    found = [path.parent.name for path in MEASURED.glob("*/clients.json")]
    return sorted(found, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])


def paths(release: str) -> tuple[Path, Path, Path]:
    """Return where the figures of a release are: of clients, the plot, of memory."""
    folder = MEASURED / release
    return folder / "clients.json", folder / "clients.png", folder / "memory.json"


def told_of(release: str) -> dict[str, Any]:
    """Return what was measured of a release; what of memory is under `memory`."""
    clients, _, memory = paths(release)
    told: dict[str, Any] = json.loads(clients.read_text(encoding="utf-8"))
    if memory.exists():
        told["memory"] = json.loads(memory.read_text(encoding="utf-8"))
    return told


def _rows(told: Mapping[str, Any], scene: str, client: str) -> list[dict[str, float]]:
    found: list[dict[str, float]] = told["scenes"].get(scene, {}).get("clients", {}).get(client, [])
    return found


def ratio(told: Mapping[str, Any], row: Row, client: str) -> float | None:
    """Return the median ratio to the base; `None` where the client has no such figure."""
    unit = row.others.get(client, row.unit) if client != row.base else row.unit
    base, own = (_rows(told, row.scene, name) for name in (row.base, client))
    if not base or not own or unit not in own[0] or row.unit not in base[0]:
        return None
    known = {one["round"]: one[row.unit] for one in base}
    ratios = [known[one["round"]] / one[unit] for one in own if one["round"] in known]
    return float(statistics.median(ratios)) if ratios else None


def _number(value: float) -> str:
    if value < 10:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 1000 else f"{value:,.0f}"


def _cell(value: float | None, target: float | None) -> str:
    if value is None:
        return ""
    if target is None:
        return _number(value)
    verdict = "met" if value >= target else "missed"
    return f"**{_number(value)}** (≥ {target:g}: {verdict})"


def _lines(head: list[str], rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"| --- |{' --: |' * (len(head) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(cells)} |" for cells in rows)])


def table(told: Mapping[str, Any]) -> str:
    """Return the table of ratios to bare ib_async, and where it was measured."""
    others = [client for client in CLIENTS if client != BASE]
    rows = [
        [row.label, *(_cell(ratio(told, row, one), row.targets.get(one)) for one in others)]
        for row in ROWS
    ]
    scenes = told["scenes"].values()
    rounds = sorted({scene["rounds"] for scene in scenes})
    loads = [scene["load"] for scene in scenes]
    absent = [client for client in CLIENTS if not any(client in one["clients"] for one in scenes)]
    missing = f", without {' and '.join(absent)}" if absent else ""
    about = (
        f"Medians of {' and '.join(map(str, rounds))} rounds, Python {told['python']}, "
        f"{told['machine']}, load {min(loads)} to {max(loads)}, version {told['version']}{missing}."
    )
    return f"{_lines(['', *others], rows)}\n\n{about}"


def _beside(told: Mapping[str, Any]) -> str:
    rows = [
        [row.label, _cell(ratio(told, row, "connector"), row.targets["connector"])]
        for row in BESIDE
    ]
    return _lines(["", "connector"], rows)


def _figure(told: Mapping[str, Any], figure: Figure, client: str) -> str:
    rows = [row for row in _rows(told, figure.scene, client) if figure.unit in row]
    if not rows:
        return ""
    middle = statistics.median(row[figure.unit] for row in rows)
    return _number(1 / middle if figure.per_second else middle * figure.times)


def _figures(told: Mapping[str, Any]) -> str:
    rows = [[one.label, *(_figure(told, one, client) for client in CLIENTS)] for one in FIGURES]
    return _lines(["", *CLIENTS], rows)


def _releases(told: Mapping[str, Any]) -> str:
    """Beside each other, of the connector; `told` is the newest."""
    releases = kept()
    known = [told if name == told["version"] else told_of(name) for name in releases]
    rows = []
    for row in ROWS:
        client = "connector" if "connector" in row.targets or not row.targets else "hatch"
        values = [ratio(one, row, client) for one in known]
        rows.append([f"{row.label} ({client})", *(_cell(value, None) for value in values)])
    return _lines(["times bare ib_async", *releases], rows)


def _memory(told: Mapping[str, Any]) -> str:
    found = told.get("memory", {}).get("ways", {})
    rows = []
    for way, one in found.items():
        samples = one["samples"]
        warm = [mib for ticks, mib in samples if ticks >= one["warm_up"]]
        rows.append(
            [
                way,
                f"{samples[-1][0]:,}",
                f"{warm[0]:.1f}",
                f"{min(warm):.1f}",
                f"{max(warm):.1f}",
                f"{warm[-1]:.1f}",
            ]
        )
    head = ["", "ticks", "MiB after the warm-up", "least since", "most since", "at the end"]
    return _lines(head, rows)


_MADE: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "ratios": table,
    "beside": _beside,
    "plot": lambda told: (
        f"![Ratios to bare ib_async by kind of work and client](measured/{told['version']}"
        "/clients.png)"
    ),
    "figures": _figures,
    "releases": _releases,
    "memory": _memory,
}
"""What each made section of the page holds."""


def written(page: str, told: Mapping[str, Any]) -> str:
    """Return the page with these figures in its made sections."""
    return _SECTION.sub(lambda found: f"{found[1]}\n{_MADE[found[2]](told)}\n\n{found[3]}", page)


def digest(told: Mapping[str, Any]) -> str:
    """Return what the plot says that it was made of."""
    values = [[ratio(told, row, client) for client in CLIENTS] for row in ROWS]
    return hashlib.sha256(json.dumps([[row.label for row in ROWS], values]).encode()).hexdigest()


def _plot(told: Mapping[str, Any], place: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    others = [client for client in CLIENTS if client != BASE]
    figure, axes = pyplot.subplots(figsize=(9, 0.75 * len(ROWS) + 1))
    height = 0.8 / len(others)
    for at, client in enumerate(others):
        shown = [(line, ratio(told, row, client)) for line, row in enumerate(ROWS)]
        axes.barh(
            [line + at * height for line, value in shown if value is not None],
            [value for _, value in shown if value is not None],
            height=height,
            label=client,
        )
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks([line + 0.3 for line in range(len(ROWS))], [row.label for row in ROWS])
    axes.invert_yaxis()
    axes.set_xlabel("times as fast as bare ib_async (log scale)")
    axes.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(place, dpi=80, metadata={"Software": None, "Description": digest(told)})
    pyplot.close(figure)


def store(told: Mapping[str, Any] | None, memory: Mapping[str, Memory] | None) -> None:
    """
    Keep what was measured of this version, and write the page anew.

    What is not measured this time (a scene, or memory) stays what it was.
    """
    clients, _, of_memory = paths(__version__)
    clients.parent.mkdir(parents=True, exist_ok=True)
    before = told_of(__version__) if clients.exists() else {"scenes": {}}
    if told is not None:
        scenes = {**before["scenes"], **told["scenes"]}
        _keep(clients, {**told, "scenes": scenes})
    if memory is not None:
        _keep(of_memory, {"ways": {way: asdict(one) for way, one in memory.items()}})
    write()


def _keep(place: Path, told: Mapping[str, Any]) -> None:
    place.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def write() -> None:
    """Write page and plot anew, of the newest release."""
    release = kept()[-1]
    told = told_of(release)
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), told), encoding="utf-8")
    _plot(told, paths(release)[1])


if __name__ == "__main__":
    write()
