"""The files of the dashboard: whole, from here alone, and nothing of other programs unnamed."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

import pytest

from ibkr_connector.bridge import dashboard
from ibkr_connector.bridge.dashboard.serving import pages

FOLDER: Final = Path(dashboard.__file__).parent / "static"
OURS: Final = sorted(name for name in pages() if not name.startswith("vendor/"))
SCRIPTS: Final = [name for name in OURS if name.endswith(".js")]


def text(name: str) -> str:
    return pages()[name].body.decode()


def test_every_file_of_the_folder_is_served() -> None:
    there = {str(one.relative_to(FOLDER)) for one in FOLDER.rglob("*") if one.is_file()}
    assert set(pages()) == there


def test_what_the_page_names_is_there() -> None:
    named = re.findall(r'(?:src|href)="([^"#]+)"', text("index.html"))
    assert len(named) > 5
    assert {one.removeprefix("dashboard/") for one in named} <= set(pages())


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_module_imports_files_that_are_there(name: str) -> None:
    named = re.findall(r'from "\./([^"]+)"', text(name))
    assert set(named) <= set(pages())


@pytest.mark.parametrize("name", OURS)
def test_nothing_names_another_host_or_stands_in_line(name: str) -> None:
    said = text(name).replace("http://www.w3.org/2000/svg", "")
    assert "//" not in re.sub(r"^\s*//.*$|\s// .*$", "", said, flags=re.MULTILINE)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", said)
    assert not re.search(r"<script>|<style|\sstyle=|\son\w+=\"", said)


def test_the_library_is_what_its_page_says() -> None:
    said = dict(re.findall(r"^([0-9a-f]{64})  (\S+)$", text("vendor/SOURCE.md"), re.MULTILINE))
    assert len(said) == 3
    for digest, name in said.items():
        assert hashlib.sha256((FOLDER / "vendor" / name).read_bytes()).hexdigest() == digest
    assert "MIT License" in text("vendor/uPlot.LICENSE")


def test_modules_are_small() -> None:
    assert {name: text(name).count("\n") for name in SCRIPTS if text(name).count("\n") > 300} == {}
