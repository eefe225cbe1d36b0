"""`ibkr config` as its users run it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ibkr_connector.cli.app import app


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.upper().startswith(("IBKR_", "MAX_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


def ibkr(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["config", *arguments])


def test_a_configuration_is_written_and_looked_through_and_shown() -> None:
    done = ibkr("init", "--live", "--port", "14001")
    assert done.exit_code == 0
    assert "written  config/risk_config.yaml" in done.stdout
    assert "kept     config/risk_config.yaml" in ibkr("init").stdout
    checked = ibkr("check")
    assert checked.exit_code == 0
    assert "profile live: live trading at 127.0.0.1:14001, read-only" in checked.stdout
    listed = ibkr("profiles")
    assert "profile paper: paper trading at 127.0.0.1:4002, orders allowed" in listed.stdout
    shown = json.loads(ibkr("show", "--profile", "paper", "--json").stdout)
    assert shown["client_id"] == {
        "value": "11",
        "source": "ibkr_config.ini [profile.paper] client_id",
        "overrode": [{"value": "1", "source": "ibkr_config.ini [ibkr] client_id"}],
    }
    assert shown["risk.max_order_size"] == {"value": "500", "source": "risk_config.yaml"}
    assert shown["risk.max_quote_age_s"]["source"] == "default"
    assert shown["alerts.rules.daily_loss.action"]["source"] == "alerts.yaml"


def test_every_mistake_is_told_and_the_end_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("config").mkdir()
    Path("config/ibkr_config.ini").write_text("[ibkr]\nprot = 1\n[profile.live]\nclient_id = x\n")
    monkeypatch.setenv("IBKR_JOURNAL_URL", "file:missing")
    done = ibkr("check")
    assert done.exit_code == 2
    for words in ("did you mean port?", "[profile.live] client_id", "no such file; create it"):
        assert words in done.stderr
    told = json.loads(ibkr("check", "--json").stdout)
    assert told["ok"] is False
    assert {one["key"] for one in told["profiles"]["live"]["mistakes"]} == {
        "prot",
        "client_id",
        "journal_url",
    }
    assert json.loads(ibkr("check", "--profile", "live", "--json").stdout)["ok"] is False
    assert "broken" in ibkr("profiles").stdout


def test_sections_in_brackets_are_no_colours() -> None:
    Path("config").mkdir()
    Path("config/ibkr_config.ini").write_text("[ibkr]\nport = many\n")
    assert "ibkr_config.ini [ibkr] port" in ibkr("show").stderr
    Path("config/ibkr_config.ini").write_text("[ibkr]\nport = 5000\n")
    assert "ibkr_config.ini [ibkr] port" in ibkr("show").stdout


def test_somebody_at_a_terminal_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibkr_connector.cli.config.is_asked", lambda: True)
    done = CliRunner().invoke(app, ["config", "init"], input="n\ngw\n7496\n")
    assert done.exit_code == 0, done.output
    assert "For paper money?" in done.stdout
    assert "(usually 4001 or 7496)" in done.stdout
    checked = ibkr("check")
    assert "profile default: live trading at gw:7496, read-only" in checked.stdout


def test_a_place_that_cannot_be_written_to_is_a_mistake() -> None:
    Path("file").write_text("")
    done = ibkr("init", "file/config")
    assert done.exit_code == 2
    assert "cannot write to file/config" in done.stderr


def test_the_switch_is_engaged_whatever_the_files_of_the_rules_are_called() -> None:
    Path("config").mkdir()
    Path("config/risk_config.yml").write_text("max_order_size: [\n")
    Path("config/trading_permissions.yaml").mkdir()
    assert ibkr("check").exit_code == 2
    assert CliRunner().invoke(app, ["kill", "--show"]).exit_code == 0


@pytest.mark.parametrize("arguments", [("show",), ("show", "--json"), ("check",), ("profiles",)])
def test_a_secret_is_printed_by_no_command(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    secret = "postgresql://trader:hunter2@db/orders"
    Path("config").mkdir()
    Path("config/ibkr_config.ini").write_text(f"[ibkr]\njournal_url = {secret}\n")
    Path("config/ibkr_config.ini").chmod(0o644)
    Path(".env").write_text(f"IBKR_JOURNAL_URL={secret}\n")
    Path("config/alerts.yaml").write_text("routes: {desk: {url: 'json://me:hunter2@host'}}\n")
    monkeypatch.setenv("IBKR_JOURNAL_URL", f"{secret}?password=hunter2")
    done = ibkr(*arguments)
    assert done.exit_code == 0, done.output
    assert "hunter2" not in done.output
    if arguments[0] == "show":
        assert done.output.count("**********") == 4
    monkeypatch.setenv("IBKR_JOURNAL_URL", "mysql://hunter2")
    assert "hunter2" not in ibkr(*arguments).output
