"""A real Jupyter kernel that need not be loaded each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from kit.forked import Loaded

__all__ = ["kernel"]

_LOADED: Final = Loaded(
    "ibkr_connector.engine",
    "ibkr_connector.notebook",
    "ipykernel.ipkernel",
    "matplotlib.pyplot",
    "matplotlib_inline.backend_inline",
    "pandas",
)


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
    return "loaded"
