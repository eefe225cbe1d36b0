"""The settings of the bridge, and the names that an older bridge had for some of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector import ConfigurationError, Settings
from ibkr_connector.settings.bridge import BridgeSettings
from ibkr_connector.settings.bridge_load import older_overrides

TOKEN = "t" * 40


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("IBKR_", "MAX_", "IB_", "AUTO_", "PAPER_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_it_listens_for_this_machine_only_unless_told_otherwise() -> None:
    settings = BridgeSettings.load()
    assert (settings.host, settings.port, settings.is_local) == ("127.0.0.1", 8092, True)
    assert settings.auto_connect
    assert not settings.has_tokens


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "bridge.example", "10.0.0.1"])
def test_other_machines_are_not_let_in_without_a_token(host: str) -> None:
    with pytest.raises(ConfigurationError, match="without any token"):
        BridgeSettings(host=host)
    assert not BridgeSettings(host=host, token=TOKEN).is_local  # type: ignore[arg-type]  # text


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "localhost", "::1", "[::1]"])
def test_a_loopback_address_is_of_this_machine(host: str) -> None:
    assert BridgeSettings(host=host).is_local


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"token": "short"}, "at least 32"),
        ({"token": "ü" * 40}, "ascii"),
        ({"token_scopes": "read, everything"}, "token_scopes"),
        ({"tls_certificate": "x"}, "certificate and its key"),
        ({"tls_certificate": "x", "tls_key": "y"}, "no file x"),
        ({"allowed_origins": "*"}, "no origin"),
        ({"allowed_origins": "https://*.example"}, "no origin"),
        ({"allowed_origins": "https://a.example/path"}, "no origin"),
        ({"port": 70000}, "port"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=f"(?i){says}") as told:
        BridgeSettings.load(**given)
    assert "short" not in str(told.value)


def test_variables_and_dotenv_are_read_in_that_order(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("IBKR_BRIDGE_PORT=1111\nIBKR_BRIDGE_BURST=7\n")
    monkeypatch.setenv("IBKR_BRIDGE_PORT", "2222")
    monkeypatch.setenv("IBKR_BRIDGE_ALLOWED_HOSTS", "a, b")
    settings = BridgeSettings.load()
    assert (settings.port, settings.burst, settings.allowed_hosts) == (2222, 7, ("a", "b"))
    assert BridgeSettings.load(port=3333).port == 3333


def test_a_misspelt_variable_is_refused_by_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBKR_BRIDGE_TOKN", TOKEN)
    for load in (BridgeSettings.load, Settings.load):
        with pytest.raises(ConfigurationError, match="IBKR_BRIDGE_TOKN"):
            load()


def test_the_connector_leaves_the_bridges_variables_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBKR_BRIDGE_TOKEN", TOKEN)
    assert Settings.load().port is None


def test_a_token_may_stand_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    file.chmod(0o600)
    monkeypatch.setenv("IBKR_BRIDGE_TOKEN", f"file:{file}")
    settings = BridgeSettings.load()
    assert settings.token is not None
    assert settings.token.get_secret_value() == TOKEN
    assert TOKEN not in repr(settings)


def test_the_older_names_mean_the_connectors_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IB_GATEWAY_HOST", "gateway")
    monkeypatch.setenv("IB_GATEWAY_PORT", "4001")
    monkeypatch.setenv("IB_CLIENT_ID", "9")
    monkeypatch.setenv("PAPER_TRADING", "false")
    assert older_overrides({}) == {
        "host": "gateway",
        "port": 4001,
        "client_id": 9,
        "paper_trading": False,
    }
    settings = Settings.load(**older_overrides({}))
    assert (settings.host, settings.port, settings.client_id) == ("gateway", 4001, 9)
    assert not settings.paper_trading


def test_an_argument_wins_over_an_older_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IB_GATEWAY_PORT", "4001")
    assert older_overrides({"port": 7497}) == {}


@pytest.mark.parametrize(
    ("older", "value", "own", "other"),
    [
        ("IB_GATEWAY_PORT", "4002", "IBKR_PORT", "7497"),
        ("IB_GATEWAY_HOST", "a", "IBKR_HOST", "b"),
        ("IB_CLIENT_ID", "1", "IBKR_CLIENT_ID", "2"),
        ("PAPER_TRADING", "true", "IBKR_PAPER_TRADING", "false"),
    ],
)
def test_two_names_that_say_different_things_are_an_error(
    monkeypatch: pytest.MonkeyPatch, older: str, value: str, own: str, other: str
) -> None:
    monkeypatch.setenv(older, value)
    monkeypatch.setenv(own, other)
    with pytest.raises(ConfigurationError, match=f"contradicts itself.*{older}"):
        older_overrides({})


def test_two_names_may_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAPER_TRADING", "1")
    monkeypatch.setenv("IBKR_PAPER_TRADING", "true")
    assert Settings.load(**older_overrides({})).paper_trading


@pytest.mark.parametrize(("said", "meant"), [("false", False), ("1", True), ("", True)])
def test_auto_connect_has_an_older_name(
    monkeypatch: pytest.MonkeyPatch, said: str, meant: bool
) -> None:
    monkeypatch.setenv("AUTO_CONNECT", said)
    assert BridgeSettings.load().auto_connect is meant


def test_auto_connect_that_contradicts_itself_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTO_CONNECT", "false")
    monkeypatch.setenv("IBKR_BRIDGE_AUTO_CONNECT", "true")
    with pytest.raises(ConfigurationError, match="contradicts itself"):
        BridgeSettings.load()


def test_an_older_name_with_nonsense_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IB_GATEWAY_PORT", "x")
    with pytest.raises(ConfigurationError, match="IB_GATEWAY_PORT"):
        Settings.load(**older_overrides({}))
