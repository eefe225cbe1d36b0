"""A library imports at first what it cannot do without, and the rest when that is used."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from ibkr_connector.imports import import_lean

LIBRARY = """
import json
import lean_large
from lean_large import part, make
try:
    import lean_missing
except ImportError:
    lean_missing = None

def ask():
    return lean_large.NUMBER, part.NUMBER, make(3)
"""
LATER = {"lean_small.inner": {"lean_large", "lean_missing"}}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Have two libraries: a small one, and the large one that it imports."""
    for name in ("lean_small", "lean_large"):
        (tmp_path / name).mkdir()
    (tmp_path / "lean_small" / "__init__.py").write_text("from . import inner\n")
    (tmp_path / "lean_small" / "inner.py").write_text(LIBRARY)
    large = "NUMBER = 1\ndef make(number):\n    return 2 * number\n"
    (tmp_path / "lean_large" / "__init__.py").write_text(large)
    (tmp_path / "lean_large" / "part.py").write_text("NUMBER = 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("lean_")]:
        del sys.modules[name]


def imported() -> ModuleType:
    import_lean("lean_small", LATER)
    return import_module("lean_small.inner")


def test_what_can_wait_is_imported_when_it_is_used(house: Path) -> None:
    inner = imported()
    assert "lean_large" not in sys.modules
    assert inner.ask() == (1, 2, 6)
    assert Path(str(sys.modules["lean_large"].__file__)).is_relative_to(house)


def test_what_is_not_installed_is_missing_as_ever(house: Path) -> None:
    del house
    assert imported().lean_missing is None


def test_what_was_imported_before_is_taken(house: Path) -> None:
    del house
    large = import_module("lean_large")
    assert imported().lean_large is large


def test_a_library_that_was_imported_before_stays_as_it_is(house: Path) -> None:
    del house
    inner = import_module("lean_small.inner")
    assert imported() is inner
    assert "lean_large" in sys.modules


def test_nobody_looks_for_modules_there_afterwards(house: Path) -> None:
    del house
    before = list(sys.meta_path)
    imported()
    assert sys.meta_path == before


def test_others_import_what_can_wait_at_once(house: Path) -> None:
    (house / "lean_other.py").write_text("import lean_large\nFOUND = lean_large\n")
    imported()
    assert import_module("lean_other").FOUND is sys.modules["lean_large"]
