"""A real Jupyter kernel that need not be loaded each time, and whoever runs notebooks in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from nbclient import NotebookClient

from kit.command import PATIENT
from kit.forked import Loaded

__all__ = ["kernel", "run_notebook"]

_LOADED: Final = Loaded(
    "ibkr_connector.engine",
    "ibkr_connector.notebook",
    "ipykernel.ipkernel",
    "matplotlib.pyplot",
    "matplotlib_inline.backend_inline",
    "pandas",
)

_LATEST_S: Final = 200


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a kernel that need not be loaded."""
    folder = tmp_path / "kernels" / "loaded"
    folder.mkdir(parents=True)
    spec = {
        "argv": _LOADED.command("-m", "ipykernel_launcher", "-f", "{connection_file}"),
        "display_name": "loaded",
        "language": "python",
    }
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    for name, value in PATIENT.items():
        monkeypatch.setenv(name, value)
    return "loaded"


async def run_notebook(notebook: Any, kernel: str, folder: Path | None = None) -> None:
    """Run a notebook from top to bottom, and keep all that it shows, however late it comes."""
    client = NotebookClient(
        notebook,
        timeout=_LATEST_S,
        # what comes four seconds after the end of its cell would be lost
        iopub_timeout=_LATEST_S,
        startup_timeout=_LATEST_S,
        kernel_name=kernel,
        resources={} if folder is None else {"metadata": {"path": folder}},
    )
    await client.async_execute()
