"""The notebooks run from top to bottom, and show what they are about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest

from ibkr_connector.simulator import HostedSimulator
from ibkr_connector.simulator.scenario import Scenario
from kit.notebooks import kernel, run_notebook

__all__ = ["kernel"]

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LIVELY = datetime(2026, 11, 18, 15, tzinfo=UTC)


def shown(notebook: Any, kind: str) -> list[str]:
    """Return what the cells of a notebook have shown in one form."""
    return [
        output["data"][kind]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if kind in output.get("data", {})
    ]


def printed(notebook: Any) -> str:
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    return "".join(output["text"] for output in outputs if output.output_type == "stream")


# the kernel is another process; what its client library warns of is not ours to mend
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("name", "tables", "pictures", "says"),
    [
        ("1-first-steps", ["<caption>Quote</caption>", "submitted"], 1, ""),
        ("2-history-and-charts", ["highest"], 2, "requests the second time: 1"),
        ("3-a-strategy-with-risk", ["MAX_ORDER_SIZE", "filled", "<i>none</i>"], 0, ""),
        ("4-what-fills-cost", ["slippage_bps"], 1, ""),
        ("5-options", ["volatility"], 1, "strikes"),
    ],
)
async def test_a_notebook_runs_from_top_to_bottom(
    name: str,
    tables: list[str],
    pictures: int,
    says: str,
    make_ibkr_gateway: Callable[..., HostedSimulator],
    kernel: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateway = make_ibkr_gateway(scenario=Scenario(start=LIVELY))
    monkeypatch.setenv("IBKR_PORT", str(gateway.port))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)  # type: ignore[no-untyped-call]  # nbformat is untyped
    await run_notebook(notebook, kernel, tmp_path)
    html = "".join(shown(notebook, "text/html"))
    for words in tables:
        assert words in html
    assert len(shown(notebook, "image/png")) == pictures
    assert says in printed(notebook)


def test_notebooks_are_kept_without_what_they_showed() -> None:
    kept = sorted(NOTEBOOKS.glob("*.ipynb"))
    assert len(kept) == 5
    for path in kept:
        notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # nbformat is untyped
        assert not any(cell.get("outputs") for cell in notebook.cells), path.name
