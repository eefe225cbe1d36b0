"""A directory of rules of its own for each test that asks for one."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory in which the connector looks for the files of the rules."""
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()
    return Path("config")
