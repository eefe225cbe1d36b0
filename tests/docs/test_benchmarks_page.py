"""The page of the comparison shows the figures that were measured, and no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks.clients import page as pages
from benchmarks.clients.page import PAGE, digest, kept, paths, ratio, store, table, told_of, written
from benchmarks.clients.rows import BESIDE, FIGURES, ROWS, Row
from benchmarks.clients.run import SCENES
from benchmarks.memory import Memory


def rounds(unit: str, *values: float) -> list[dict[str, float]]:
    return [{"round": number, unit: value} for number, value in enumerate(values)]


TOLD: dict[str, Any] = {
    "version": "0.0.1", "python": "3.11", "machine": "one",
    "scenes": {
        "ticks": {"rounds": 3, "load": 0.1, "clients": {
            "ib_async": rounds("cpu_s", 4.0, 6.0, 5.0),
            "connector": rounds("cpu_s", 1.0, 1.0, 1.0),
            "hatch": rounds("cpu_s", 4.0, 4.0, 4.0),
            "nautilus": rounds("cpu_s", 0.5, 2.0)[1:],
        }},
        "start": {"rounds": 2, "load": 1.5, "clients": {
            "nautilus": rounds("start_to_ready_s", 4.4),
            "connector": rounds("start_to_ready_s", 0.4),
        }},
    },
}  # fmt: skip


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep figures and page in a folder of the test, and draw nothing."""
    page = tmp_path / "benchmarks.md"
    sections = "".join(
        f"<!-- made: {name} -->\n<!-- end of what is made -->\n" for name in ("ratios", "memory")
    )
    page.write_text(f"by hand\n{sections}by hand too\n", encoding="utf-8")
    monkeypatch.setattr(pages, "MEASURED", tmp_path / "measured")
    monkeypatch.setattr(pages, "PAGE", page)
    monkeypatch.setattr(pages, "_plot", lambda told, place: None)
    return page


def test_the_page_shows_what_was_measured_of_the_newest_release() -> None:
    told = told_of(kept()[-1])
    page = PAGE.read_text(encoding="utf-8")
    assert page == written(page, told)
    plot = paths(told["version"])[1]
    assert digest(told).encode() in plot.read_bytes(), "draw it: python -m benchmarks.clients.page"


def test_the_plot_is_of_these_ratios_and_of_no_others() -> None:
    other = json.loads(json.dumps(TOLD))
    other["scenes"]["ticks"]["clients"]["hatch"][1]["cpu_s"] = 5.0
    other["scenes"]["ticks"]["clients"]["hatch"][2]["cpu_s"] = 5.0
    assert digest(TOLD) == digest(json.loads(json.dumps(TOLD)))
    assert digest(TOLD) != digest(other)


def test_a_ratio_is_taken_within_a_round_and_the_middle_one_counts() -> None:
    row = Row(label="ticks", scene="ticks")
    assert (ratio(TOLD, row, "connector"), ratio(TOLD, row, "hatch")) == (5.0, 1.25)
    assert ratio(TOLD, row, "ibapi") is None
    assert ratio(TOLD, row, "nautilus") == 3.0, "of the round in which it came to its end"


def test_a_target_is_met_or_missed_in_the_table() -> None:
    line = next(line for line in table(TOLD).splitlines() if line.startswith("| ticks, 100"))
    assert "**5.00** (≥ 5: met)" in line
    assert "**1.25** (≥ 3.5: missed)" in line


def test_a_ratio_may_be_beside_another_client_than_ib_async() -> None:
    row = next(row for row in BESIDE if row.base == "nautilus")
    assert ratio(TOLD, row, "connector") == pytest.approx(11)


def test_every_row_is_measured_by_a_scene() -> None:
    scenes = {scene.name for scene in SCENES}
    assert {row.scene for row in (*ROWS, *BESIDE, *FIGURES)} <= scenes


def test_figures_are_kept_by_release_and_what_is_measured_again_replaces_what_was(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flat = Memory(samples=((500_000, 70.0), (10_000_000, 71.0)), warm_up=500_000)
    monkeypatch.setattr(pages, "__version__", "0.9.0")
    store(TOLD, {"connector": flat})
    monkeypatch.setattr(pages, "__version__", "0.10.0")
    store({**TOLD, "version": "0.10.0"}, None)
    again = {
        **TOLD,
        "version": "0.10.0",
        "scenes": {"start": {"load": 9.0, "rounds": 1, "clients": {}}},
    }
    store(again, None)
    assert kept() == ["0.9.0", "0.10.0"], "the newest one is the last by its numbers"
    found = told_of("0.10.0")["scenes"]
    assert (found["start"]["load"], found["ticks"]) == (9.0, TOLD["scenes"]["ticks"])
    assert told_of("0.9.0")["memory"]["ways"]["connector"]["warm_up"] == 500_000
    shown = elsewhere.read_text(encoding="utf-8")
    assert "version 0.10.0" in shown
    assert shown.index("by the clock") < shown.index("after the warm-up"), "each in its section"
    assert shown.startswith("by hand\n")
    assert shown.endswith("by hand too\n")


def test_memory_is_flat_when_hardly_any_is_added_after_the_warm_up() -> None:
    samples = ((100_000, 60.0), (500_000, 70.0), (5_000_000, 74.9), (10_000_000, 74.0))
    found = Memory(samples=samples, warm_up=500_000)
    assert found.is_flat
    assert found.grown == pytest.approx(4.9)
    grown = Memory(samples=(*samples, (10_500_000, 75.1)), warm_up=500_000)
    assert not grown.is_flat
