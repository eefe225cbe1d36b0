"""Rules from files: replaced while trading, never by a broken file or a variable loosened."""

from __future__ import annotations

import gc
import logging
import os
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.contracts import SecurityType, forex, stock
from ibkr_connector.orders.rule_book import RuleBook, RulesStatus
from ibkr_connector.settings import RiskSettings, Settings
from kit.order_desk import NOON

AAPL, EURUSD = stock("AAPL"), forex("EUR.USD")


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.upper().startswith(("IBKR_", "MAX_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()


def write(risk: str | None = None, permissions: str | None = None) -> None:
    if risk is not None:
        Path("config/risk_config.yaml").write_text(risk)
    if permissions is not None:
        Path("config/trading_permissions.yaml").write_text(permissions)


def size(rules: RuleBook) -> Decimal:
    return rules.limits_for(AAPL, "DU1").max_order_size


def test_new_rules_are_taken_when_a_file_changes() -> None:
    write("max_order_size: 500\n", "denied_symbols: [GME]\n")
    rules = RuleBook(Settings.load())
    assert size(rules) == 500
    assert not rules.reload_when_changed()
    write("max_order_size: 5\n")
    assert rules.reload_when_changed()
    assert size(rules) == 5
    assert rules.limits_for(AAPL, "DU1").denied_symbols == {"GME"}
    write(permissions="denied_symbols: [AAPL]\n")
    assert rules.reload_when_changed()
    assert rules.limits_for(AAPL, "DU1").denied_symbols == {"AAPL"}
    assert rules.status.sentence == "risk_config.yaml, replaced 2 times"


def test_a_look_at_the_files_survives_a_profiler_that_takes_hold_of_all_objects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("max_order_size: 500\n")
    rules, stat, held = RuleBook(Settings.load()), Path.stat, []

    def interrupted(path: Path) -> os.stat_result:
        held.append(gc.get_objects())
        return stat(path)

    monkeypatch.setattr(Path, "stat", interrupted)
    assert not rules.reload_when_changed()
    assert held


@pytest.mark.parametrize("text", ["max_order_sise: 5\n", "max_order_size: [\n", "", "- 1\n"])
def test_a_broken_file_changes_nothing_and_says_so(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    write("max_order_size: 500\n")
    rules = RuleBook(Settings.load())
    write(text)
    with caplog.at_level(logging.ERROR, "ibkr_connector.orders"):
        assert rules.reload_when_changed()
    assert size(rules) == 500
    assert "the earlier rules stay in force" in rules.status.problem
    assert "risk_config.yaml" in rules.status.sentence
    assert "the earlier rules stay in force" in caplog.text
    assert not rules.reload_when_changed()
    write("max_order_size: 400\n")
    assert rules.reload_when_changed()
    assert (size(rules), rules.status.problem) == (Decimal(400), "")


@pytest.mark.parametrize("name", ["risk_config.yaml", "trading_permissions.yaml"])
def test_a_file_that_goes_leaves_the_rules_that_it_gave(name: str) -> None:
    write("max_order_size: 500\n", "denied_symbols: [GME]\n")
    rules = RuleBook(Settings.load())
    (Path("config") / name).unlink()
    assert rules.reload_when_changed()
    assert f"{name} has gone" in rules.status.problem
    assert size(rules) == 500
    assert rules.limits_for(AAPL, "DU1").denied_symbols == {"GME"}


def test_a_file_that_comes_later_and_goes_again_leaves_its_rules_too() -> None:
    rules = RuleBook(Settings.load())
    assert size(rules) == 25_000
    write("max_order_size: 7\n")
    assert rules.reload_when_changed()
    assert size(rules) == 7
    Path("config/risk_config.yaml").unlink()
    assert rules.reload_when_changed()
    assert size(rules) == 7
    assert "has gone" in rules.status.problem


def test_live_trades_when_its_file_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBKR_PAPER_TRADING", "false")
    rules = RuleBook(Settings.load())
    assert not rules.trading_allowed
    assert "risk_config.yaml" in rules.halted_reason
    write("max_order_size: 7\n")
    assert rules.reload_when_changed()
    assert rules.trading_allowed


def test_paper_without_a_file_is_limited_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "ibkr_connector.orders"):
        RuleBook(Settings.load())
        assert caplog.text == ""  # read-only: no order goes anyway
        rules = RuleBook(Settings.load(readonly=False))
    assert "no risk_config.yaml: orders run under built-in limits of 25000 units" in caplog.text
    assert rules.status.sentence == "built-in"


def test_a_variable_tightens_a_limit_and_never_loosens_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write("max_order_size: 500\nmax_portfolio_risk: 0.05\n")
    monkeypatch.setenv("MAX_ORDER_SIZE", "100")
    monkeypatch.setenv("MAX_PORTFOLIO_RISK", "0.01")
    limits = RuleBook(Settings.load()).limits_for(AAPL, "DU1")
    assert (limits.max_order_size, limits.max_portfolio_risk) == (Decimal(100), Decimal("0.01"))
    monkeypatch.setenv("MAX_ORDER_SIZE", "10000")
    monkeypatch.setenv("MAX_PORTFOLIO_RISK", "1")
    with caplog.at_level(logging.WARNING, "ibkr_connector.orders"):
        limits = RuleBook(Settings.load(readonly=False)).limits_for(AAPL, "DU1")
    assert (limits.max_order_size, limits.max_portfolio_risk) == (Decimal(500), Decimal("0.05"))
    assert "MAX_ORDER_SIZE=10000 would loosen the limit 500" in caplog.text


def test_a_variable_is_a_limit_where_the_file_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    write("max_order_size: 500\n")
    monkeypatch.setenv("MAX_PORTFOLIO_RISK", "0.01")
    limits = RuleBook(Settings.load()).limits_for(AAPL, "DU1")
    assert limits.max_portfolio_risk == Decimal("0.01")


OVERRIDES = """
max_order_size: 100
max_portfolio_risk: 0.05
allow_short: true
overrides:
  security_types:
    CASH: {max_order_size: 25000}
  symbols:
    aapl: {max_order_size: 20, max_open_orders: 3}
  accounts:
    DU2: {max_order_size: 50, allow_short: false}
"""


def test_overrides_replace_and_of_several_the_strictest_wins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(OVERRIDES)
    rules = RuleBook(Settings.load())
    assert rules.limits_for(stock("MSFT"), "DU1").max_order_size == 100
    assert rules.limits_for(EURUSD, "DU1").max_order_size == 25_000
    assert rules.limits_for(EURUSD, "DU2").max_order_size == 50
    one = rules.limits_for(AAPL, "DU2")
    assert one.max_order_size == 20
    assert one.max_open_orders == 3
    assert not one.allow_short
    assert one.max_portfolio_risk == Decimal("0.05")
    monkeypatch.setenv("MAX_ORDER_SIZE", "1000")
    assert RuleBook(Settings.load()).limits_for(EURUSD, "DU1").max_order_size == 1_000


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("overrides: {symbols: {A: {max_order_sise: 1}}}", ["overrides.symbols.A.max_order_sise"]),
        ("overrides: {symbols: {A: {max_order_size: off}}}", ["overrides.symbols.A", "'off'"]),
        ("overrides: {symbols: {A: {max_order_size: -1}}}", ["overrides.symbols.A", "'-1'"]),
        ("overrides: {symbols: {A: {max_order_size: }}}", ["overrides.symbols.A"]),
        ("overrides: {symbols: {A: {}}}", ["overrides.symbols.A", "says nothing"]),
        ("overrides: {countries: {A: {max_order_size: 1}}}", ["overrides"]),
        ("overrides: 5", ["overrides"]),
        ("overrides: {symbols: {A: 5}}", ["overrides"]),
        ("halt_cooldown_s: 60", ["halt_cooldown_s", "no loss limit"]),
        ("max_orders_per_second: 5\nmax_orders_per_minute: 4", ["max_orders_per_second"]),
        ("allow_short: false\nrequire_shortable: true", ["require_shortable"]),
        ("allow_short: perhaps", ["allow_short", "perhaps"]),
        ("max_open_orders: 1.5", ["max_open_orders", "1.5"]),
        ("max_open_orders: 0", ["max_open_orders"]),
        ("price_collar: 5", ["price_collar"]),
        ("max_daily_loss_share: nan", ["max_daily_loss_share"]),
        ("duplicate_window_s: 1e9", ["duplicate_window_s"]),
        ("max_daily_loss: -5", ["max_daily_loss"]),
    ],
)
def test_a_mistake_names_the_file_the_key_and_the_remedy(text: str, named: list[str]) -> None:
    write(f"max_order_size: 5\n{text}\n")
    with pytest.raises(ConfigurationError) as wrong:
        Settings.load()
    for word in ("risk_config.yaml", *named):
        assert word in str(wrong.value)
    assert wrong.value.hint


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("symbols: [GME]\ndenied_symbols: [gme]", ["denied_symbols", "GME"]),
        ("accounts: [DU1]\ndenied_accounts: [DU1]", ["denied_accounts"]),
        ("order_types: [MARKET]", ["order_types"]),
        ("denied_order_types: [STOPLOSS]", ["denied_order_types"]),
        ("exchange: [SMART]", ["exchange", "did you mean exchanges"]),
    ],
)
def test_permissions_that_contradict_themselves_are_refused(text: str, named: list[str]) -> None:
    write(permissions=text + "\n")
    with pytest.raises(ConfigurationError) as wrong:
        Settings.load()
    for word in ("trading_permissions.yaml", *named):
        assert word in str(wrong.value)
    assert "DU1" not in str(wrong.value)
    assert wrong.value.hint


def test_permissions_reach_the_limits() -> None:
    write(permissions="security_types: [STK]\nexchanges: [smart]\ncurrencies: [usd]\n")
    limits = RuleBook(Settings.load()).limits_for(AAPL, "DU1")
    assert limits.security_types == {SecurityType.STOCK}
    assert limits.exchanges == {"SMART"}
    assert limits.currencies == {"USD"}


def test_rules_that_were_given_have_no_files_to_look_at() -> None:
    given = RiskSettings(max_order_size=Decimal(3))
    rules = RuleBook(Settings.load(risk=given))
    write("max_order_size: 500\n")
    assert not rules.reload_when_changed()
    rules.reload()
    assert size(rules) == 3


def test_every_change_is_told_once() -> None:
    write("max_order_size: 500\n")
    rules = RuleBook(Settings.load())
    told: list[RulesStatus] = []
    rules.on_change = told.append
    rules.reload()
    write("max_order_size: lots\n")
    rules.reload()
    rules.reload()
    write("max_order_size: 500\n")
    rules.reload()
    write("max_order_size: 400\n")
    rules.reload()
    assert [(status.reloads, bool(status.problem)) for status in told] == [
        (0, True),
        (0, False),
        (1, False),
    ]
    event = told[0].event(NOON)
    assert (event.at, event.source) == (NOON, "risk_config.yaml")
    assert "lots" in event.problem
