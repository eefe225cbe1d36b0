from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from ibkr_connector.connector import IBKRConnector
from ibkr_connector.errors import ConfigurationError
from ibkr_connector.settings import Settings, setting_sources
from ibkr_connector.settings.load import gather
from ibkr_connector.settings.review import profile_names, review

SECRET = "postgresql://trader:hunter2@db/orders"


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.upper().startswith(("IBKR_", "MAX_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()


def test_what_a_value_stood_before_is_told_strongest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("config/ibkr_config.ini").write_text(
        "[ibkr]\nclient_id = 1\nhost = a\n[profile.p]\nclient_id = 2\n"
    )
    Path(".env").write_text("IBKR_CLIENT_ID=3\n")
    monkeypatch.setenv("IBKR_CLIENT_ID", "4")
    rows = {row.key: row for row in setting_sources(Settings.load("p", client_id=5))}
    row = rows["client_id"]
    assert (row.value, row.source) == (5, "argument client_id")
    assert [(one.value, one.source) for one in row.overrode] == [
        ("4", "environment IBKR_CLIENT_ID"),
        ("3", ".env IBKR_CLIENT_ID"),
        ("2", "ibkr_config.ini [profile.p] client_id"),
        ("1", "ibkr_config.ini [ibkr] client_id"),
    ]
    assert rows["host"].overrode == ()


def test_a_secret_is_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Path("secret").write_text(f"{SECRET}\n")
    Path("secret").chmod(0o644)  # so that something is logged about it
    Path("config/ibkr_config.ini").write_text(f"[ibkr]\njournal_url = {SECRET}\n")
    monkeypatch.setenv("IBKR_JOURNAL_URL", "file:secret")
    with caplog.at_level(logging.DEBUG):
        settings = Settings.load(database_url=SECRET)
        ib = IBKRConnector.create(settings)
        shown = [repr(settings), str(settings), settings.model_dump_json(), repr(ib), str(ib)]
        rows = setting_sources(settings)
        shown += [repr(rows), *(str(row.value) for row in rows)]
        shown += [repr(review()), repr(gather()), str(settings.overrode("journal_url"))]
    shown += [record.getMessage() for record in caplog.records]
    assert caplog.records
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == SECRET
    for text in shown:
        assert "hunter2" not in text
    found = {row.key: row for row in rows}["journal_url"]
    assert found.source == "environment IBKR_JOURNAL_URL, from file:secret"
    assert [str(one.value) for one in found.overrode] == ["**********"]


@pytest.mark.parametrize("value", ["mysql://u:hunter2@h/d", "hunter2", "postgresql://:hunter2"])
def test_a_secret_that_is_wrong_is_not_quoted(value: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        Settings.load(journal_url=value)
    chain: BaseException | None = wrong.value
    while chain is not None:
        assert "hunter2" not in f"{chain} {chain!r}"
        chain = chain.__cause__ or chain.__context__


def test_the_profiles_of_the_file_are_listed() -> None:
    assert profile_names() == ("default",)
    Path("config/ibkr_config.ini").write_text("[ibkr]\n[profile.live]\n[profile.a]\n")
    assert profile_names() == ("default", "live", "a")


def test_home_is_expanded() -> None:
    assert Settings.load(state_dir="~/x").state_dir == Path.home() / "x"


@pytest.mark.parametrize("host", ["::1", "fe80::1%eth0", "gateway.local", "ib_gateway", "10.0.0.1"])
def test_names_and_addresses_are_hosts(host: str) -> None:
    assert Settings.load(host=f" {host} ").host == host


def test_a_virtual_environment_may_be_called_dotenv() -> None:
    Path(".env").mkdir()
    Path(".env/pyvenv.cfg").write_text("home = /usr/bin\n")
    assert Settings.load().readonly
