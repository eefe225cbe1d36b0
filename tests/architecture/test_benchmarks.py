"""The benchmarks run; what they measure is no test's business, since machines differ."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.simulator import FIGURES, Figure, Measured, report

ROOT = Path(__file__).parents[2]


def test_a_figure_is_measured_and_printed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "simulator", "listing", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr
    assert json.loads(done.stdout)[FIGURES["listing"].name] > 0


@pytest.mark.parametrize(
    ("value", "is_rate", "verdict"),
    [(99.0, True, "MISSED"), (100.0, True, "met"), (101.0, False, "MISSED"), (99.0, False, "met")],
)
def test_a_promise_is_met_or_missed(value: float, is_rate: bool, verdict: str) -> None:
    figure = Figure(name="it", unit="/s", target=100, is_rate=is_rate, run=lambda: value)
    measured = Measured(figure=figure, value=value, profile=None)
    assert measured.is_met is (verdict == "met")
    assert report(measured).endswith(verdict)
