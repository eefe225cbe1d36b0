"""What holds of all commands: `--json`, `--profile`, exit codes, completion, and no traceback."""

from __future__ import annotations

import importlib
import json
import logging
import pkgutil
import sys
from pathlib import Path
from typing import Final

import pytest
import typer
from tools.commands import commands
from typer.testing import CliRunner

import ibkr_connector.cli
from ibkr_connector.cli import main
from ibkr_connector.cli.app import app
from ibkr_connector.cli.options import EXIT_CODES, EXIT_DEFECT, EXIT_FAILED, EXIT_USAGE
from kit.command import ibkr

NO_JSON: Final = {
    "ibkr shell": "a prompt",
    "ibkr sim": "says in JSON where it listens, always",
    "ibkr sim play": "says in JSON where it listens, always",
    "ibkr sim record": "says in JSON where it listens, always",
}
NO_PROFILE: Final = {
    "ibkr config init": "writes the files that profiles are in",
    "ibkr config profiles": "shows all of them",
    "ibkr demo": "has settings of its own",
    "ibkr sim": "knows no settings of the connector",
    "ibkr sim play": "knows no settings of the connector",
    "ibkr sim record": "knows no settings of the connector",
}
NEEDED: Final = {
    "ibkr quote": ["AAPL"],
    "ibkr bars": ["AAPL"],
    "ibkr cancel": ["41"],
    "ibkr settle": ["41", "--why", "the statement says so"],
    "ibkr order": ["buy", "1", "AAPL", "--yes"],
    "ibkr preview": ["buy", "1", "AAPL"],
    "ibkr paid-in": ["5", "--wait", "0.01"],
    "ibkr paid-out": ["5", "--wait", "0.01"],
    "ibkr kill": ["enough", "--connect", "--cancel", "--wait", "0.01"],
    "ibkr flex": ["no-such-statement.xml"],
    "ibkr instruments import": ["no-such-file.csv"],
    "ibkr instruments export": ["no-such-folder/file.csv"],
    "ibkr instruments resolve": ["AAPL"],
    "ibkr instruments show": ["NOSUCH"],
}
"""What a command must be given; what is not here needs nothing."""

ELSEWHERE: Final = {"ibkr demo", "ibkr serve", "ibkr sim", "ibkr sim play", "ibkr sim record"}
"""These need no gateway, run until they are stopped, and have tests of their own."""


# a statement that is not there ends `flex` before it asks for settings
ASK_SETTINGS: Final = commands().keys() - set(NO_PROFILE) - set(NO_JSON) - {"ibkr flex"}

TYPED: Final = typer.main.get_command(app)


@pytest.fixture(autouse=True)
def made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the command line once: the runner would make it for each command."""
    monkeypatch.setattr("typer.testing._get_command", lambda _: TYPED)


def options(command: object) -> set[str]:
    return {name for one in command.params for name in one.opts}  # type: ignore[attr-defined]  # of click


def test_every_command_prints_json_and_takes_a_profile_or_says_why_not() -> None:
    all_of_them = commands()
    without = {name for name, one in all_of_them.items() if "--json" not in options(one)}
    assert without == set(NO_JSON)
    without = {name for name, one in all_of_them.items() if "--profile" not in options(one)}
    assert without == set(NO_PROFILE)


def test_every_exit_code_is_in_the_table_and_the_other_way_round() -> None:
    said = {
        value
        for module in pkgutil.iter_modules(ibkr_connector.cli.__path__)
        for name, value in vars(
            importlib.import_module(f"ibkr_connector.cli.{module.name}")
        ).items()
        if name.startswith("EXIT_") and isinstance(value, int)
    }
    assert said | {130} == set(EXIT_CODES)


@pytest.mark.parametrize("typed", sorted(commands().keys() - ELSEWHERE))
def test_without_a_gateway_it_ends_with_a_sentence_and_a_known_code(
    typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IBKR_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("IBKR_DATABASE_URL", f"sqlite:///{tmp_path}/instruments.sqlite3")
    monkeypatch.setenv("IBKR_PORT", "9")
    monkeypatch.setenv("IBKR_READONLY", "false")
    shows = [] if typed in NO_JSON else ["--json"]
    done = CliRunner().invoke(app, [*typed.split()[1:], *NEEDED.get(typed, []), *shows])
    assert isinstance(done.exception, SystemExit | None), repr(done.exception)
    assert done.exit_code in EXIT_CODES
    assert "Traceback" not in done.output
    if shows:
        for line in done.output.splitlines():
            json.loads(line)
    if done.exit_code in {EXIT_FAILED, EXIT_USAGE}:
        assert done.output.strip()


@pytest.mark.parametrize("typed", sorted(ASK_SETTINGS))
def test_a_mistake_of_the_configuration_is_a_document_for_programs(
    typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IBKR_PORT", "eighty")
    done = CliRunner().invoke(app, [*typed.split()[1:], *NEEDED.get(typed, []), "--json"])
    assert isinstance(done.exception, SystemExit), repr(done.exception)
    assert done.exit_code in {EXIT_FAILED, EXIT_USAGE}
    documents = [json.loads(line) for line in done.output.splitlines()]
    assert "port" in json.dumps(documents)


def test_without_the_extra_it_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["ibkr", "status"])
    for name in [name for name in sys.modules if name.startswith("ibkr_connector.cli.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "typer", None)  # as if it were not installed
    assert main() == EXIT_USAGE
    told = capsys.readouterr()
    assert told.err == (
        "the command line needs the extra 'cli': pip install 'ibkr-connector[cli]'\n"
    )


def test_a_defect_is_a_sentence_and_its_traceback_is_in_the_log(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> None:
        raise KeyError("nobody thought of this")

    monkeypatch.setattr("ibkr_connector.cli.app.app", broken)
    monkeypatch.setattr(sys, "argv", ["ibkr", "status"])
    with caplog.at_level(logging.DEBUG, logger="ibkr_connector.cli"):
        assert main() == EXIT_DEFECT
    told = capsys.readouterr().err
    assert "unexpected KeyError: 'nobody thought of this'" in told
    assert "report it" in told
    assert "Traceback" not in told
    assert "nobody thought of this" in caplog.text
    assert "Traceback" in caplog.text


def test_the_end_of_a_command_is_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["ibkr", "cancel"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == EXIT_USAGE


def test_a_shell_completes_commands_and_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_IBKR_COMPLETE", "complete_bash")
    for words, at, found in (
        ("ibkr ord", "1", {"order", "orders"}),
        ("ibkr orders --ver", "2", {"--verify"}),
        ("ibkr config ", "2", {"show", "check", "profiles", "init"}),
    ):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", at)
        assert set(ibkr().stdout.split()) == found
    monkeypatch.delenv("_IBKR_COMPLETE")
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    script = ibkr("--show-completion", "bash")
    assert "_IBKR_COMPLETE=complete_bash" in script.stdout, script.stderr
