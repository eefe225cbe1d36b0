"""What pages include is there, and the calls that they name exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from ibkr_connector import IBKRConnector, Settings
from ibkr_connector.settings.bridge import BridgeSettings, bridge_variable
from ibkr_connector.settings.manual import MODELS, entries

ROOT: Final = Path(__file__).parents[2]
EXAMPLES: Final = ROOT / "docs" / "examples"
PAGES: Final = [
    ROOT / "README.md",
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if "adr" not in page.parts),
]

INCLUDE: Final = re.compile(r'--8<-- "(?P<name>[\w.-]+)(?::(?P<part>[a-z_]+))?"')
"""A whole file, or a part of it by a name; line numbers move when nobody looks."""

LANGUAGES: Final = {
    ".py": {"python"},
    ".yaml": {"yaml"},
    ".sh": {"sh", "console", "bash", "shell"},
    ".service": {"ini"},
    "": {"dockerfile", "Dockerfile", "text", "docker"},
}

CALL: Final = re.compile(r"\bib((?:\.[a-z_]+)+)\(")

OTHERS: Final = {"blocking.md", "migration.md"}
"""Pages whose `ib` is something else: the blocking facade, the libraries that one comes from."""


def includes() -> list[tuple[str, int, str, str]]:
    """Return page, line, text and the language of the fence of each line that means to include."""
    found = []
    for page in PAGES:
        fence = ""
        for number, line in enumerate(page.read_text().splitlines(), 1):
            if line.startswith("```"):
                fence = "" if fence else line.removeprefix("```").strip() or "text"
            elif re.search(r"-+ ?8 ?< ?-", line):
                found.append((str(page.relative_to(ROOT)), number, line.strip(), fence))
    return found


@pytest.mark.parametrize(("page", "number", "line", "fence"), includes())
def test_an_include_names_a_file_that_is_there_and_what_it_is(
    page: str, number: int, line: str, fence: str
) -> None:
    said = INCLUDE.fullmatch(line)
    assert said is not None, f"{page}:{number} includes nothing: {line}"
    file = EXAMPLES / said["name"]
    assert file.is_file(), f"{page}:{number}: no {file}"
    assert fence in LANGUAGES[file.suffix], f"{page}:{number}: {file.name} is shown as {fence!r}"
    if part := said["part"]:
        text = file.read_text()
        for mark in ("start", "end"):
            assert f"--8<-- [{mark}:{part}]" in text, f"{page}:{number}: no {mark} of {part}"


def test_there_are_includes_and_every_example_is_on_a_page() -> None:
    shown = {said["name"] for *_, line, _ in includes() if (said := INCLUDE.fullmatch(line))}
    # or it runs in the suite for readers of the folder
    tested = Path(__file__).with_name("test_examples.py")
    mentioned = "\n".join(page.read_text() for page in [*PAGES, tested])
    there = {file.name for file in EXAMPLES.iterdir() if file.is_file()}
    assert shown
    assert {name for name in there - shown if name not in mentioned} == set()


def test_a_line_that_a_formatter_has_torn_is_seen() -> None:
    assert re.search(r"-+ ?8 ?< ?-", '--8 < --"instruments.py"')
    assert INCLUDE.fullmatch('--8 < --"instruments.py"') is None
    assert INCLUDE.fullmatch('--8<-- "streams.py:3:9"') is None


def test_every_call_that_a_page_names_exists(tmp_path: Path) -> None:
    ib = IBKRConnector.create(Settings.load(port=7497, state_dir=tmp_path))
    missing = set()
    for page in (one for one in PAGES if one.name not in OTHERS):
        for path in set(CALL.findall(page.read_text())):
            found: object = ib
            for name in path.split(".")[1:]:
                found = getattr(found, name, None)
            if not callable(found):
                missing.add((str(page.relative_to(ROOT)), f"ib{path}"))
    assert missing == set()


CHOOSERS: Final = {"IBKR_PROFILE", "IBKR_CONFIG_DIR", "IBKR_SOAK_MINUTES", "IBKR_SOAK_WRITES"}
"""What is read before there are settings, or by the tests alone."""


def test_every_variable_that_a_page_names_is_read() -> None:
    known = {name for model in MODELS.values() for row in entries(model) for name in row.variables}
    known |= {bridge_variable(name) for name in BridgeSettings.model_fields} | CHOOSERS
    files = [*PAGES, *(file for file in (ROOT / "deploy").iterdir() if file.is_file())]
    files += [file for file in EXAMPLES.iterdir() if file.is_file()]
    unknown = {
        (str(file.relative_to(ROOT)), name)
        for file in files
        for name in re.findall(r"\bIBKR_[A-Z_]*[A-Z]\b", file.read_text("utf-8"))
        if name not in known
    }
    assert unknown == set()
