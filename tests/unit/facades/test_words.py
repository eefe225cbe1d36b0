"""Configurations of older programs, read as settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ibkr_connector import ConfigurationError, ContractError
from ibkr_connector.facades import InteractiveBrokersApiService, InteractiveBrokersBroker
from ibkr_connector.facades.words import broker_settings, client_settings, wants_logging


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_a_flat_configuration_is_read_under_its_older_words() -> None:
    found = broker_settings(
        {
            "host": "gateway",
            "port": 7497,
            "client_id": 7,
            "timeout": 9,
            "paper_trading": True,
            "account_id": "DU1234567",
            "enable_logging": True,
            "readonly": False,
        }
    )
    assert (found.host, found.effective_port, found.client_id) == ("gateway", 7497, 7)
    assert (found.connect_timeout_s, found.account_id) == (9, "DU1234567")
    assert not found.readonly


def test_nothing_at_all_is_paper_loopback_and_readonly() -> None:
    for found in (broker_settings({}), client_settings({})):
        assert (found.host, found.paper_trading, found.readonly) == ("127.0.0.1", True, True)


def test_the_default_account_is_the_one_of_the_login() -> None:
    assert broker_settings({"account_id": "DEFAULT"}).account_id is None
    assert client_settings({"api": {"account_id": "DEFAULT"}}).account_id is None


def test_a_nested_configuration_is_read_under_its_older_words() -> None:
    found = client_settings(
        {
            "api": {"endpoint": "gateway:4001", "timeout": 5, "retry_attempts": 4}
            | {"paper_trading": False},
            "market_data": {"data_type": "Realtime"},
        }
    )
    assert (found.host, found.effective_port) == ("gateway", 4001)
    assert (found.retry_max_attempts, found.connect_timeout_s) == (4, 5)
    assert found.market_data_type == "live"
    assert not found.paper_trading


@pytest.mark.parametrize("kind", ["delayed", "realtime", "real-time", "frozen", "delayed_frozen"])
def test_each_kind_of_market_data_has_a_word(kind: str) -> None:
    found = client_settings({"market_data": {"data_type": kind}})
    assert found.market_data_type == {"realtime": "live", "real-time": "live"}.get(kind, kind)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"hots": "x"}, "unknown key of the broker's configuration: hots"),
        ({"port": "many"}, "port is 'many'"),
        ({"timeout": 5, "connect_timeout_s": 6}, "given under two names"),
        ({"account_id": "DEFAULT", "port": 4001}, "4001"),
    ],
)
def test_a_wrong_broker_is_refused_with_its_key(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        broker_settings(config)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"apo": {}}, "unknown section of the client's configuration: apo"),
        ({"api": {"hots": 1}}, "unknown key in section `api`: hots"),
        ({"api": 5}, "section `api` is 5"),
        ({"api": {"endpoint": "http://gateway"}}, "api.endpoint is 'http://gateway'"),
        ({"api": {"endpoint": "gateway:4002", "port": 7497}}, "names port 4002, api.port 7497"),
        ({"api": {"endpoint": "a", "host": "b"}}, "given under two names"),
        ({"market_data": {"data_type": "fast"}}, "data_type is 'fast'"),
        ({"market_data": {"type": "live"}}, "unknown key in section `market_data`: type"),
    ],
)
def test_a_wrong_client_is_refused_with_its_key(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        client_settings(config)


@pytest.mark.parametrize(
    ("endpoint", "host", "port"),
    [("::1", "::1", 4002), ("[::1]:7497", "::1", 7497), ("gateway", "gateway", 4002)],
)
def test_an_endpoint_may_be_of_ipv6(endpoint: str, host: str, port: int) -> None:
    found = client_settings({"api": {"endpoint": endpoint}})
    assert (found.host, found.effective_port) == (host, port)


@pytest.mark.parametrize(("what", "said"), [(("X", "ABC"), "STK"), (("EURUSDX", "CASH"), "EUR")])
def test_a_kind_of_contract_that_does_not_exist_is_refused(what: Any, said: str) -> None:
    with pytest.raises(ContractError) as refused:
        InteractiveBrokersBroker().create_stock_contract(*what)
    assert said in str(refused.value.hint)


def test_what_a_caller_insists_on_cannot_be_configured_away() -> None:
    with pytest.raises(ConfigurationError, match="paper_trading is False"):
        broker_settings({"paper_trading": False}, paper_trading=True)


def test_a_log_is_asked_for_in_either_form() -> None:
    assert wants_logging({"enable_logging": True})
    assert wants_logging({"api": {"enable_logging": True}})
    assert not wants_logging({"port": 7497})


def test_the_older_name_warns_where_it_is_used_and_names_the_newer_one() -> None:
    with pytest.warns(DeprecationWarning, match="get_recommended_broker") as told:
        older = InteractiveBrokersApiService({"port": 7497})
    assert told[0].filename == __file__
    broker = older.get_recommended_broker()
    assert type(broker) is InteractiveBrokersBroker
    assert broker.connector is older.connector
    assert "127.0.0.1:7497" in repr(broker)
