from __future__ import annotations

import shutil
from importlib import util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ibkr_connector.doctor.findings import Check, Finding, Health, is_well, menu, ok, problem
from ibkr_connector.doctor.machine import EXTRAS, examine_machine
from ibkr_connector.model.status import Application
from ibkr_connector.settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "doctor.md"


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def looked_at(**settings: Any) -> dict[Check, Finding]:
    return {one.check: one for one in examine_machine(Settings.load(**settings))}


def test_a_directory_that_can_be_made_is_fine(tmp_path: Path) -> None:
    found = looked_at(state_dir=tmp_path / "a" / "b")
    assert is_well(found.values())
    assert "not there yet" in found[Check.STATE].seen
    assert not (tmp_path / "a").exists()


def test_a_file_where_the_state_should_be_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = looked_at(state_dir=tmp_path / "file" / "state")[Check.STATE]
    assert told.health is Health.PROBLEM
    assert "is a file" in told.seen


def test_a_directory_of_everybody_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o777)
    told = looked_at(state_dir=tmp_path / "state")[Check.STATE]
    assert told.health is Health.WARNING
    assert "chmod 700" in told.remedy


@pytest.mark.parametrize(
    ("free", "health"),
    [(10_000_000, Health.PROBLEM), (200_000_000, Health.WARNING), (10**10, Health.OK)],
)
def test_a_disk_that_fills_up_is_told_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, health: Health
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    told = looked_at(state_dir=tmp_path)[Check.DISK]
    assert told.health is health
    assert f"{free // 1_000_000:,} MB" in told.seen


def test_an_extra_that_is_needed_and_not_there_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = util.find_spec
    monkeypatch.setattr(
        "ibkr_connector.doctor.machine.find_spec",
        lambda name: None if name == "asyncpg" else found(name),
    )
    without = looked_at(state_dir=tmp_path)[Check.EXTRAS]
    assert (without.health, "not installed: postgres" in without.seen) == (Health.OK, True)
    told = looked_at(state_dir=tmp_path, database_url="postgresql://u:hunter2@h/d")[Check.EXTRAS]
    assert told.health is Health.PROBLEM
    assert "ibkr-connector[postgres]" in told.remedy
    assert "hunter2" not in repr(told)


def test_every_extra_of_the_package_that_the_code_needs_is_known() -> None:
    import tomllib  # of the test alone

    project = tomllib.loads((PAGE.parents[2] / "pyproject.toml").read_text())["project"]
    assert set(EXTRAS) <= set(project["optional-dependencies"])


def test_a_journal_in_a_database_has_no_file_to_look_at(tmp_path: Path) -> None:
    assert Check.JOURNAL not in looked_at(state_dir=tmp_path, journal_url="postgresql://h/d")


def test_the_way_through_the_menus_is_that_of_the_application() -> None:
    assert menu(Application.TWS, "Settings") == "File > Global Configuration > API > Settings"
    assert menu(Application.GATEWAY, "Precautions") == "Configure > Settings > API > Precautions"


def test_every_check_has_its_part_of_the_page() -> None:
    headings = [line for line in PAGE.read_text().splitlines() if line.startswith("### ")]
    assert headings == [f"### {check}" for check in Check]


def test_one_problem_is_enough_to_be_ill() -> None:
    assert is_well([ok(Check.DISK, "fine")])
    assert not is_well([ok(Check.DISK, "fine"), problem(Check.DISK, "full", "make room")])
