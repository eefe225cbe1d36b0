"""Rules of the house that a linter does not know."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tools.reference import DOCS, PAGES

import ibkr_connector
from ibkr_connector.codes import TABLE

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "ibkr_connector"
HERE = Path(__file__).parent
LIMIT = 450
_OF_MAKE = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}
"""What a `make` that runs the tests would tell one that they run."""


def tracked() -> list[Path]:
    """Return the files of the repository."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def test_modules_are_small_or_say_why_not() -> None:
    excused = tomllib.loads((HERE / "module_size.toml").read_text("utf-8"))["modules"]
    long = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if len(path.read_text("utf-8").splitlines()) > LIMIT
    }
    assert long == excused.keys()
    assert all(reason.strip() for reason in excused.values())


def test_the_public_names_are_those_that_were_agreed_on() -> None:
    agreed = (HERE / "exports.txt").read_text("utf-8").split()
    assert sorted(ibkr_connector.__all__) == agreed
    assert len(agreed) <= 60


@pytest.mark.parametrize("name", ibkr_connector.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    documented = getattr(ibkr_connector, name).__doc__
    assert documented
    # what dataclasses write by themselves is a signature and no documentation
    assert not documented.startswith(f"{name}(")


def test_every_public_name_is_used_where_its_types_are_checked() -> None:
    written = (HERE.parent / "typing" / "api.py").read_text("utf-8")
    used = {node.id for node in ast.walk(ast.parse(written)) if isinstance(node, ast.Name)}
    assert set(ibkr_connector.__all__) <= used


MODULE_DOCSTRING = re.compile(r'(#[^\n]*\n|\s)*"""\s*\S')


def test_every_module_says_what_it_is() -> None:
    silent = [
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if not MODULE_DOCSTRING.match(path.read_text("utf-8"))
    ]
    assert silent == []


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils.py", "helpers.py", "common.py", "base.py", "misc.py"}
    assert [path for path in SOURCE.rglob("*.py") if path.name in drawers] == []


NUMBERS = re.compile(
    r"(?:==|in \{|in \()\s*(?:1\d{4}|2[01]\d{2}|1[13]0[0-2]|162|20[0-3]|321|326)\b\s*[,:)}]"
)


def test_tws_codes_are_spoken_of_in_their_table_only() -> None:
    spoken = [
        f"{path.relative_to(SOURCE)}:{number}"
        for path in SOURCE.rglob("*.py")
        if not {"codes", "simulator"} & set(path.relative_to(SOURCE).parts)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if NUMBERS.search(line)
    ]
    assert spoken == []


CITED = re.compile(r"\((?:TWS|IB) (\d{3,5}(?:, \d{3,5})*)\)")


def test_codes_in_docstrings_have_a_row() -> None:
    listed = {row.code for row in TABLE}
    cited = {
        int(code)
        for path in SOURCE.rglob("*.py")
        for codes in CITED.findall(path.read_text("utf-8"))
        for code in codes.split(", ")
    }
    assert cited
    assert cited <= listed


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == PAGES[name](), "run python -m tools.reference"


# put together here, so that this file does not name what it looks for
FORBIDDEN = {
    "a path of somebody's machine": re.compile(
        "(?<![\\w.])/(?:" + "|".join(["wo" + "rk", "ro" + "ot", "ho" + "me"]) + r")/\w"
    ),
    "a host of a package registry": re.compile("|".join(["pythonho" + "sted", r"pypi\." + "org"])),
}
BINARY = {".png", ".ico", ".sqlite3"}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in tracked()
        if path.suffix not in BINARY and (match := FORBIDDEN[what].search(path.read_text("utf-8")))
    ]
    assert found == []


def test_every_lock_pins_by_hash() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        pinned = re.findall(r"^[a-z0-9][^\s]*==", path.read_text("utf-8"), flags=re.MULTILINE)
        hashes = path.read_text("utf-8").count("--hash=sha256:")
        assert pinned
        assert hashes >= len(pinned)


def test_the_version_is_one() -> None:
    assert importlib.metadata.version("ibkr-connector") == ibkr_connector.__version__
    assert ibkr_connector.__version__ in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_every_decision_has_its_four_parts_and_is_listed() -> None:
    decisions = sorted((DOCS / "adr").glob("[0-9]*.md"))
    numbers = [path.name[:4] for path in decisions]
    assert numbers == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    index = (DOCS / "adr" / "index.md").read_text("utf-8")
    for path in decisions:
        text = path.read_text("utf-8")
        assert path.name in index
        for part in ("Context", "Decision", "Consequences", "What would change our mind"):
            assert f"## {part}" in text, f"{path.name} has no {part}"


def test_every_test_is_in_exactly_one_of_the_parts_that_make_runs() -> None:
    listed = subprocess.run(
        ["make", "--silent", "--no-print-directory", "parts"],
        cwd=ROOT,
        env={name: said for name, said in os.environ.items() if name not in _OF_MAKE},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    run = [ROOT / place for line in listed for place in line.split(":")[1].split()]
    assert len(listed) > 5
    for path in (ROOT / "tests").rglob("test_*.py"):
        assert sum(path.is_relative_to(folder) for folder in run) == 1, path


LOADED = """
import sys, ibkr_connector
loaded = lambda: [name for name in sys.modules if name.startswith("ibkr_connector.")]
print(loaded())
ibkr_connector.IBKRError
print(loaded())
print("IBKRConnector" in dir(ibkr_connector))
"""


def test_nothing_is_loaded_before_somebody_asks_for_it() -> None:
    said = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert said == ["[]", "['ibkr_connector.errors']", "True"]


def test_a_name_that_nobody_has_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'IBKRConector'"):
        _ = ibkr_connector.IBKRConector
