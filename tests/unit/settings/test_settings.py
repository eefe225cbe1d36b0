from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.status import Application, TradingMode
from ibkr_connector.settings import (
    RiskSettings,
    Settings,
    check_accounts,
    load_settings,
    setting_sources,
    standard_port,
)

EXAMPLES = Path(__file__).parents[3] / "config"


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Read nothing that belongs to whoever runs the tests."""
    for name in list(os.environ):
        if name.upper().startswith(("IBKR_", "MAX_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def write(files: Mapping[str, str]) -> None:
    Path("config").mkdir(exist_ok=True)
    for name, text in files.items():
        Path(name if name == ".env" else f"config/{name}").write_text(text)


def test_the_defaults_are_paper_loopback_and_read_only() -> None:
    settings = Settings.load()
    assert (settings.host, settings.effective_port) == ("127.0.0.1", 4002)
    assert settings.mode is TradingMode.PAPER
    assert settings.readonly is True
    assert settings.account_id is None


def test_each_place_wins_over_the_next_and_is_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(
        {
            "ibkr_config.ini": "[ibkr]\nport=5000\nhost=ini\nclient_id=4\nlog_level=ERROR\n",
            ".env": "IBKR_PORT=5001\nIBKR_HOST=dotenv\nIBKR_CLIENT_ID=3\nOTHER_TOOL=1\n",
        }
    )
    monkeypatch.setenv("IBKR_PORT", "5002")
    monkeypatch.setenv("IBKR_HOST", "environment")
    settings = Settings.load(port=5003)
    assert (settings.port, settings.origin("port")) == (5003, "argument port")
    assert (settings.host, settings.origin("host")) == ("environment", "environment IBKR_HOST")
    assert (settings.client_id, settings.origin("client_id")) == (3, ".env IBKR_CLIENT_ID")
    assert settings.origin("log_level") == "ibkr_config.ini [ibkr] log_level"
    assert settings.origin("readonly") == "default"
    rows = {row.key: row for row in setting_sources(settings)}
    assert rows["port"].value == 5003
    assert rows.keys() == Settings.model_fields.keys()


def test_a_profile_wins_over_the_common_section(monkeypatch: pytest.MonkeyPatch) -> None:
    write({"ibkr_config.ini": "[ibkr]\nclient_id=1\nhost=a\n[profile.live]\nclient_id=2\n"})
    assert Settings.load().client_id == 1
    live = Settings.load("live")
    assert (live.client_id, live.host, live.profile) == (2, "a", "live")
    monkeypatch.setenv("IBKR_PROFILE", "live")
    assert Settings.load().client_id == 2


def test_the_names_that_others_use_without_a_prefix_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_ORDER_SIZE", "12.5")
    monkeypatch.setenv("MAX_PORTFOLIO_RISK", "0.02")
    settings = Settings.load()
    assert settings.max_order_size == Decimal("12.5")
    assert settings.max_portfolio_risk == Decimal("0.02")
    assert settings.origin("max_order_size") == "environment MAX_ORDER_SIZE"


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBKR_PORT", "")
    assert Settings.load().port is None


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"ibkr_config.ini": "[ibkr]\nprot=1\n"}, ["prot", "ibkr_config.ini", "port"]),
        ({"ibkr_config.ini": "[ibrk]\nport=1\n"}, ["[ibrk]", "[ibkr]"]),
        ({"ibkr_config.ini": "[DEFAULT]\nport=1\n"}, ["[DEFAULT]"]),
        ({"ibkr_config.ini": "port=1\n"}, ["ibkr_config.ini"]),
        ({"ibkr_config.ini": "[ibkr]\nport=1\nport=2\n"}, ["ibkr_config.ini", "port"]),
        ({"ibkr_config.ini": "[ibkr]\nport=many\n"}, ["[ibkr] port", "many"]),
        ({"ibkr_config.ini": "[ibkr]\nport=99999\n"}, ["port", "99999"]),
        ({".env": "IBKR_PROT=1\n"}, ["IBKR_PROT", ".env", "IBKR_PORT"]),
        ({".env": "IBKR_READONLY=perhaps\n"}, ["IBKR_READONLY", "perhaps"]),
        ({"risk_config.yaml": "max_order_sise: 5\n"}, ["max_order_sise", "max_order_size"]),
        ({"risk_config.yaml": "max_order_size: 5\nmax_order_size: 6\n"}, ["stands twice"]),
        ({"risk_config.yaml": "max_order_size: off\n"}, ["max_order_size", "off"]),
        ({"risk_config.yaml": "max_order_size: 0\n"}, ["max_order_size", "'0'"]),
        ({"risk_config.yaml": "max_order_size: .inf\n"}, ["max_order_size"]),
        ({"risk_config.yaml": "{}\n"}, ["risk_config.yaml", "max_order_size"]),
        ({"risk_config.yaml": "- 5\n"}, ["risk_config.yaml", "names and values"]),
        ({"risk_config.yaml": "a: [\n"}, ["cannot read risk_config.yaml"]),
        (
            {"risk_config.yaml": "max_order_size: 5\nmax_portfolio_risk: 2\n"},
            ["max_portfolio_risk"],
        ),
        ({"trading_permissions.yaml": "security_types: [STOCK]\n"}, ["security_types"]),
    ],
)
def test_a_mistake_in_a_file_names_place_key_and_remedy(
    files: dict[str, str], named: list[str]
) -> None:
    write(files)
    with pytest.raises(ConfigurationError) as wrong:
        Settings.load()
    for word in named:
        assert word in str(wrong.value)
    assert wrong.value.hint


def test_a_misspelt_variable_names_the_one_that_was_meant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IBKR_CLIENTID", "3")
    with pytest.raises(ConfigurationError, match=r"IBKR_CLIENTID.*did you mean IBKR_CLIENT_ID"):
        Settings.load()


def test_a_profile_that_is_not_there_names_those_that_are() -> None:
    write({"ibkr_config.ini": "[profile.live]\nclient_id=2\n"})
    with pytest.raises(ConfigurationError, match="profiles there: live"):
        Settings.load("lvie")


def test_a_named_directory_that_is_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBKR_CONFIG_DIR", "nowhere")
    with pytest.raises(ConfigurationError, match="IBKR_CONFIG_DIR"):
        Settings.load()


@pytest.mark.parametrize(
    ("application", "paper", "port"),
    [
        (Application.TWS, True, 7497),
        (Application.TWS, False, 7496),
        (Application.GATEWAY, True, 4002),
        (Application.GATEWAY, False, 4001),
    ],
)
def test_the_port_follows_from_mode_and_application(
    application: Application, paper: bool, port: int
) -> None:
    settings = Settings.load(application=application, paper_trading=paper)
    assert settings.effective_port == port == standard_port(application, settings.mode)
    assert Settings.load(paper_trading=paper, port=port).port == port
    with pytest.raises(ConfigurationError, match="standard port"):
        Settings.load(paper_trading=not paper, port=port)


def test_a_port_that_is_nobodys_says_nothing() -> None:
    assert Settings.load(port=14002, paper_trading=False).mode is TradingMode.LIVE


@pytest.mark.parametrize(
    ("paper", "accounts", "named"),
    [
        (True, ("U1234567",), "live account"),
        (True, ("DU1234567", "U1234567"), "live account"),
        (False, ("DU1234567",), "paper account"),
    ],
)
def test_accounts_of_the_other_mode_are_refused_without_naming_them(
    paper: bool, accounts: tuple[str, ...], named: str
) -> None:
    with pytest.raises(ConfigurationError, match=named) as wrong:
        check_accounts(Settings.load(paper_trading=paper), accounts)
    assert "1234567" not in str(wrong.value)


def test_accounts_of_the_mode_are_fine() -> None:
    check_accounts(Settings.load(), ("DU1234567", "DF7654321"))
    check_accounts(Settings.load(paper_trading=False), ("U1234567",))


def test_an_account_that_the_login_does_not_have_is_refused() -> None:
    settings = Settings.load(account_id="DU9")
    with pytest.raises(ConfigurationError, match="IBKR_ACCOUNT_ID"):
        check_accounts(settings, ("DU1",))


def test_without_a_risk_file_paper_is_limited_and_live_does_not_trade() -> None:
    paper, live = Settings.load().risk, Settings.load(paper_trading="false").risk
    assert paper.source == live.source == "built-in"
    assert paper.trading_allowed
    assert paper.max_order_value is not None
    assert not live.trading_allowed
    assert "risk_config.yaml" in live.halted_reason


def test_limits_are_read_exactly() -> None:
    write({"risk_config.yaml": "max_order_size: 0.1\nmax_order_value: 1e3\n"})
    risk = Settings.load(paper_trading=False).risk
    assert risk.max_order_size == Decimal("0.1")
    assert risk.max_order_value == Decimal(1000)
    assert risk.max_portfolio_risk is None
    assert (risk.source, risk.trading_allowed) == ("risk_config.yaml", True)


def test_settings_never_change() -> None:
    settings = Settings.load()
    with pytest.raises(Exception, match="frozen"):
        settings.port = 1


def test_the_examples_load_and_are_sane_for_a_small_paper_account(tmp_path: Path) -> None:
    for example in EXAMPLES.glob("*.example"):
        shutil.copy(example, tmp_path / example.stem)
    settings = load_settings("paper", config_dir=tmp_path)
    assert (settings.mode, settings.client_id, settings.readonly) == (TradingMode.PAPER, 11, False)
    assert settings.risk.max_order_value == Decimal(10_000)
    assert settings.permissions.denied_symbols == {"GME"}
    live = load_settings("live", config_dir=tmp_path)
    assert (live.mode, live.readonly) == (TradingMode.LIVE, True)


def test_a_denied_symbol_in_small_letters_is_denied() -> None:
    write({"trading_permissions.yaml": "denied_symbols: [gme]\nsymbols: [ aapl ]\n"})
    permissions = Settings.load().permissions
    assert permissions.denied_symbols == {"GME"}
    assert permissions.symbols == {"AAPL"}


def test_a_denied_account_in_small_letters_is_denied() -> None:
    write({"trading_permissions.yaml": "denied_accounts: [ du1234567 ]\n"})
    assert Settings.load().permissions.denied_accounts == {"DU1234567"}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"security_types": {"STOCK": {"max_order_size": "1"}}}, "names no security type: STOCK"),
        (
            {"symbols": {"AAPL": {"max_order_size": "1"}, "aapl ": {"max_order_size": "9"}}},
            "overrides.symbols names one of them twice",
        ),
    ],
)
def test_an_override_that_would_never_hold_is_an_error(overrides: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        RiskSettings(max_order_size=Decimal(10), overrides=overrides)


def test_the_profile_that_is_named_wins_over_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    write({"ibkr_config.ini": "[profile.live]\nclient_id=9\n[profile.paper]\nclient_id=8\n"})
    monkeypatch.setenv("IBKR_PROFILE", "paper")
    named = Settings.load("live")
    assert (named.profile, named.client_id, named.state_dir.name) == ("live", 9, "live")
    chosen = Settings.load()
    assert (chosen.profile, chosen.client_id, chosen.state_dir.name) == ("paper", 8, "paper")


def test_a_profile_is_not_chosen_by_a_file_of_profiles() -> None:
    write({"ibkr_config.ini": "[ibkr]\nprofile=live\n"})
    with pytest.raises(ConfigurationError, match="profile"):
        Settings.load()


def test_the_directory_may_stand_in_dotenv(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "risk_config.yaml").write_text("max_order_size: 3\n")
    write({".env": "IBKR_CONFIG_DIR=mine\n"})
    assert Settings.load().risk.max_order_size == Decimal(3)
    write({".env": "IBKR_CONFIG_DIR=nowhere\n"})
    with pytest.raises(ConfigurationError, match="nowhere"):
        Settings.load()


def test_files_that_are_no_text_or_have_no_bottom_are_named() -> None:
    Path(".env").write_bytes(b"IBKR_HOST=\xff\n")
    with pytest.raises(ConfigurationError, match=r"cannot read \.env"):
        Settings.load()
    Path(".env").unlink()
    write({"risk_config.yaml": "[" * 5_000})
    with pytest.raises(ConfigurationError, match=r"cannot read risk_config\.yaml"):
        Settings.load()


@pytest.mark.parametrize("word", ["y", "t", "yes", "on", "1", "TRUE"])
def test_every_way_to_say_paper_gets_the_limits_of_paper(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_PAPER_TRADING", word)
    assert Settings.load().mode is TradingMode.PAPER
    assert Settings.load().risk.trading_allowed


@pytest.mark.parametrize("name", ["MAX_ORDER_SISE", "max_portfolio_risks", "MAX_ORDERSIZE"])
def test_a_misspelt_limit_without_a_prefix_is_no_limit_and_so_an_error(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(ConfigurationError, match=name.upper()) as caught:
        Settings.load()
    assert "did you mean MAX_" in (caught.value.hint or "")


def test_other_programs_keep_their_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_WORKERS", "4")
    write({".env": "ORDER_SIZE=1\nORDER_SIZE=2\nDATABASE=x\n"})
    assert Settings.load().max_order_size is None


def test_a_key_that_stands_twice_in_dotenv_does_not_win_silently() -> None:
    write({".env": "# limits\nMAX_ORDER_SIZE=10\nexport MAX_ORDER_SIZE=1000\n"})
    with pytest.raises(ConfigurationError, match="MAX_ORDER_SIZE stands twice, again in line 3"):
        Settings.load()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"port": 0}, "Settings: port is 0"),
        ({"porte": 4002}, "Settings: porte is 4002"),
        ({"heartbeat_interval_s": "soon"}, "Settings: heartbeat_interval_s is 'soon'"),
        ({"port": 4001}, "port 4001 is the standard port of live trading"),
        ({"risk": None}, "Settings: risk is None"),
    ],
)
def test_settings_made_by_hand_fail_like_those_that_were_read(
    tmp_path: Path, values: dict[str, Any], named: str
) -> None:
    good: dict[str, Any] = {
        "state_dir": tmp_path,
        "risk": RiskSettings.built_in(TradingMode.PAPER),
    }
    assert Settings(**good).state_dir == tmp_path
    with pytest.raises(ConfigurationError, match=named) as caught:
        Settings(**(good | values))
    assert caught.value.hint


def test_what_is_not_given_is_said_to_be_missing(tmp_path: Path) -> None:
    given: dict[str, Any] = {"state_dir": tmp_path}
    with pytest.raises(ConfigurationError, match="Settings: risk is not given"):
        Settings(**given)
