"""Every way to get the settings wrong that we know, and what is said about each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.settings import load_settings
from ibkr_connector.settings.review import review, review_all

INI, RISK, ALLOWED = "ibkr_config.ini", "risk_config.yaml", "trading_permissions.yaml"
LIMITS = "max_order_size: 5\n"
LISTS = ("security_types", "symbols", "order_types", "exchanges", "currencies", "accounts")


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A broken configuration: what is where, and what must be said of it."""

    said: tuple[str, ...]
    remedy: str
    files: Mapping[str, str | bytes | None] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, object] = field(default_factory=dict)
    profile: str | None = None


def ini(body: str) -> dict[str, str | bytes | None]:
    return {INI: f"[ibkr]\n{body}\n"}


def risk(body: str) -> dict[str, str | bytes | None]:
    return {RISK: f"{LIMITS}{body}\n"}


BROKEN: dict[str, Broken] = {
    # --- names ---
    "key misspelt": Broken(
        files=ini("prot = 1"), said=("[ibkr] of ibkr_config.ini: prot",), remedy="mean port?"
    ),
    "section misspelt": Broken(
        files={INI: "[ibrk]\nport = 1\n"}, said=(INI, "[ibrk]"), remedy="did you mean [ibkr]?"
    ),
    "section without a name": Broken(
        files={INI: "[profile.]\nport = 1\n"}, said=(INI, "[profile.]"), remedy="[profile.NAME]"
    ),
    "section of other programs": Broken(
        files={INI: "[DEFAULT]\nport = 1\n"}, said=(INI, "[DEFAULT]"), remedy="use [ibkr]"
    ),
    "profile misspelt": Broken(
        files={INI: "[profile.live]\nclient_id = 2\n"},
        profile="lvie",
        said=(INI, "no section [profile.lvie]"),
        remedy="profiles there: live",
    ),
    "profile of the environment misspelt": Broken(
        files={INI: "[profile.live]\nclient_id = 2\n"},
        environment={"IBKR_PROFILE": "LIVE"},
        said=(INI, "no section [profile.LIVE]"),
        remedy="profiles there: live",
    ),
    "variable misspelt": Broken(
        environment={"IBKR_CLIENTID": "3"},
        said=("variable in the environment: IBKR_CLIENTID",),
        remedy="did you mean IBKR_CLIENT_ID?",
    ),
    "variable misspelt in .env": Broken(
        files={".env": "IBKR_REDONLY=true\n"},
        said=("variable in the .env: IBKR_REDONLY",),
        remedy="did you mean IBKR_READONLY?",
    ),
    "limit misspelt, without prefix": Broken(
        environment={"MAX_ORDER_SISE": "1"},
        said=("variable in the environment: MAX_ORDER_SISE",),
        remedy="did you mean MAX_ORDER_SIZE?",
    ),
    "variable twice in two cases": Broken(
        environment={"IBKR_PORT": "5001", "ibkr_port": "5002"},
        said=("environment has IBKR_PORT twice",),
        remedy="keep the one in capitals",
    ),
    "argument misspelt": Broken(
        arguments={"porte": 4002}, said=("keyword argument: porte",), remedy="did you mean port?"
    ),
    "limit misspelt in the file": Broken(
        files=risk("max_order_valeu: 5"),
        said=("key in risk_config.yaml: max_order_valeu",),
        remedy="did you mean max_order_value?",
    ),
    "permission misspelt": Broken(
        files={ALLOWED: "denied_symbol: [GME]\n"},
        said=("key in trading_permissions.yaml: denied_symbol",),
        remedy="did you mean denied_symbols?",
    ),
    "limit misspelt in an override": Broken(
        files=risk("overrides: {symbols: {GME: {max_order_siz: 1}}}"),
        said=(RISK, "overrides.symbols.GME.max_order_siz"),
        remedy="did you mean max_order_size?",
    ),
    "subject of overrides misspelt": Broken(
        files=risk("overrides: {symbol: {GME: {max_order_size: 1}}}"),
        said=("risk_config.yaml: overrides.symbol is 'symbol', which is none of",),
        remedy="did you mean symbols?",
    ),
    "security type of an override misspelt": Broken(
        files=risk("overrides: {security_types: {STOCK: {max_order_size: 1}}}"),
        said=(RISK, "overrides.security_types names no security type: STOCK"),
        remedy="did you mean STK?",
    ),
    # --- kinds of values ---
    "word for a number": Broken(
        files=ini("port = many"),
        said=("ibkr_config.ini [ibkr] port: port is 'many', which is no whole number",),
        remedy="write digits only",
    ),
    "word for a flag": Broken(
        files={".env": "IBKR_READONLY=perhaps\n"},
        said=(".env IBKR_READONLY: readonly is 'perhaps', which is neither true nor false",),
        remedy="write true or false",
    ),
    "number for a flag": Broken(
        environment={"IBKR_PAPER_TRADING": "2"},
        said=("environment IBKR_PAPER_TRADING: paper_trading is '2', which is neither true",),
        remedy="write true or false",
    ),
    "flag for a number": Broken(
        arguments={"client_id": True},
        said=("argument client_id: client_id is True: it is true or false",),
        remedy="Id of this API connection",
    ),
    "flag for a limit": Broken(
        files={RISK: "max_order_size: off\n"},
        said=("risk_config.yaml: max_order_size is 'off', which is no number",),
        remedy="write it as 10000 or 0.05",
    ),
    "percent sign": Broken(
        files=risk("max_portfolio_risk: 5%"),
        said=("risk_config.yaml: max_portfolio_risk is '5%', which is no number",),
        remedy="no percent sign",
    ),
    "decimal comma": Broken(
        environment={"MAX_PORTFOLIO_RISK": "0,05"},
        said=("environment MAX_PORTFOLIO_RISK: max_portfolio_risk is '0,05'",),
        remedy="no comma",
    ),
    "thousands with a comma": Broken(
        files=risk("max_order_value: '10,000'"),
        said=("risk_config.yaml: max_order_value is '10,000', which is no number",),
        remedy="no comma",
    ),
    "unit behind a number": Broken(
        files=ini("connect_timeout_s = 10s"),
        said=("[ibkr] connect_timeout_s: connect_timeout_s is '10s', which is no number",),
        remedy="no unit",
    ),
    "fraction for a whole number": Broken(
        files=ini("market_data_lines = 100.5"),
        said=("market_data_lines is '100.5', which is no whole number",),
        remedy="write digits only",
    ),
    "text for a list": Broken(
        files={ALLOWED: "symbols: AAPL\n"},
        said=("trading_permissions.yaml: symbols is 'AAPL', which is no list",),
        remedy="write a list",
    ),
    "list of ids with a word": Broken(
        files=ini("data_client_ids = 21, two"),
        said=("[ibkr] data_client_ids: data_client_ids.1 is 'two'",),
        remedy="write digits only",
    ),
    "not a number": Broken(
        files={RISK: "max_order_size: .nan\n"},
        said=("risk_config.yaml: max_order_size is '.nan', which is no number",),
        remedy="write it as 10000",
    ),
    "nan": Broken(
        environment={"IBKR_REQUEST_TIMEOUT_S": "nan"},
        said=("environment IBKR_REQUEST_TIMEOUT_S: request_timeout_s is 'nan'", "no finite"),
        remedy="write it as",
    ),
    "infinite": Broken(
        files=risk("max_exposure: inf"),
        said=("risk_config.yaml: max_exposure is 'inf', which is no finite number",),
        remedy="write it as",
    ),
    "word that is none of ours": Broken(
        files=ini("application = gatway"),
        said=("[ibkr] application: application is 'gatway'", "'gateway'"),
        remedy="did you mean gateway?",
    ),
    "level of the log in small letters": Broken(
        environment={"IBKR_LOG_LEVEL": "debug"},
        said=("environment IBKR_LOG_LEVEL: log_level is 'debug'", "'DEBUG'"),
        remedy="did you mean DEBUG?",
    ),
    "security type by another name": Broken(
        files={ALLOWED: "security_types: [STK, STOCK]\n"},
        said=("trading_permissions.yaml: security_types", "'STOCK'", "'STK'"),
        remedy="did you mean STK?",
    ),
    "quotes in an INI file": Broken(
        files=ini('host = "gateway.local"'),
        said=("ibkr_config.ini [ibkr] host is", "quotes included"),
        remedy="take the quotes away",
    ),
    "underscores in a number": Broken(
        files=risk("max_order_value: 1_0000"),
        said=("risk_config.yaml: max_order_value is '1_0000': a number has plain digits",),
        remedy="Largest value of one order",
    ),
    "digits of another script": Broken(
        environment={"MAX_ORDER_SIZE": "\uff11\uff10"},
        said=("environment MAX_ORDER_SIZE: max_order_size is '\uff11\uff10'", "plain digits"),
        remedy="Largest quantity",
    ),
    # --- ranges ---
    "limit that limits nothing": Broken(
        files=risk("max_order_value: 1e400"),
        said=("risk_config.yaml: max_order_value is 1E+400, which limits nothing",),
        remedy="a limit that can be reached",
    ),
    "port beyond the last": Broken(
        files=ini("port = 99999"),
        said=("[ibkr] port: port is '99999', which is above 65535",),
        remedy="Port of the API",
    ),
    "no limit by a zero": Broken(
        files={RISK: "max_order_size: 0\n"},
        said=("risk_config.yaml: max_order_size is '0', which is not above 0",),
        remedy="Largest quantity",
    ),
    "negative limit": Broken(
        files=risk("max_daily_loss: -500"),
        said=("risk_config.yaml: max_daily_loss is '-500', which is not above 0",),
        remedy="Loss since the start of the day",
    ),
    "percent for a share": Broken(
        environment={"MAX_PORTFOLIO_RISK": "5"},
        said=("environment MAX_PORTFOLIO_RISK: max_portfolio_risk is '5', which is above 1",),
        remedy="0.05 is five per cent",
    ),
    "percent for a share in the file": Broken(
        files=risk("price_collar: 10"),
        said=("risk_config.yaml: price_collar is '10', which is above 1",),
        remedy="as a share of it",
    ),
    "time that is none": Broken(
        environment={"IBKR_CONNECT_TIMEOUT_S": "0"},
        said=("environment IBKR_CONNECT_TIMEOUT_S: connect_timeout_s is '0'", "not above 0"),
        remedy="TCP, handshake",
    ),
    "negative client id": Broken(
        arguments={"client_id": -1},
        said=("argument client_id: client_id is -1, which is below 0",),
        remedy="Id of this API connection",
    ),
    # --- forms ---
    "host with a scheme": Broken(
        environment={"IBKR_HOST": "http://gw"},
        said=("environment IBKR_HOST: host is 'http://gw': a host has no scheme",),
        remedy="Host of TWS",
    ),
    "host with a port": Broken(
        files=ini("host = gw:4002"),
        said=("[ibkr] host: host is 'gw:4002'", "write gw here, and 4002 under port"),
        remedy="Host of TWS",
    ),
    "host with a blank": Broken(
        arguments={"host": "my gateway"},
        said=("argument host: host is 'my gateway'", "a name or an address"),
        remedy="Host of TWS",
    ),
    "zone that is nowhere": Broken(
        files=ini("reset_windows = Sun-Fri 00:15-01:45 US/Estern"),
        said=("[ibkr] reset_windows", "US/Estern"),
        remedy="Planned outages",
    ),
    "window without a day": Broken(
        files=ini("reset_windows = 00:15-01:45"),
        said=("[ibkr] reset_windows", "00:15-01:45"),
        remedy="Planned outages",
    ),
    "database of another kind": Broken(
        environment={"IBKR_DATABASE_URL": "mysql://u:hunter2@h/d"},
        said=("environment IBKR_DATABASE_URL: database_url is **********", "postgresql://"),
        remedy="PostgreSQL",
    ),
    "database with a broken address": Broken(
        files=ini("journal_url = postgresql://[u:hunter2@h/d"),
        said=("[ibkr] journal_url: journal_url is **********", "%5B"),
        remedy="PostgreSQL",
    ),
    "database without slashes": Broken(
        environment={"IBKR_JOURNAL_URL": "postgresql:/me:hunter2@host/db"},
        said=("environment IBKR_JOURNAL_URL: journal_url is **********: it is no URL",),
        remedy="PostgreSQL",
    ),
    "password that cuts its URL": Broken(
        environment={"IBKR_JOURNAL_URL": "postgresql://me:hun#hunter2@host/db"},
        said=("environment IBKR_JOURNAL_URL: journal_url is **********", "is written %23"),
        remedy="PostgreSQL",
    ),
    # --- secrets ---
    "secret in a file that is missing": Broken(
        environment={"IBKR_DATABASE_URL": "file:/run/secrets/none"},
        said=(
            "environment IBKR_DATABASE_URL: database_url is 'file:/run/secrets/none'",
            "no such file",
        ),
        remedy="create it, or mount the secret",
    ),
    "secret in a variable that is missing": Broken(
        files=ini("journal_url = env:NOT_THERE"),
        said=("[ibkr] journal_url: journal_url is 'env:NOT_THERE'", "NOT_THERE is not set"),
        remedy="set NOT_THERE",
    ),
    # --- contradictions ---
    "one limit by two names": Broken(
        environment={"MAX_ORDER_SIZE": "500", "IBKR_MAX_ORDER_SIZE": "7"},
        said=("the environment has MAX_ORDER_SIZE=500 and IBKR_MAX_ORDER_SIZE=7",),
        remedy="keep the one that is meant",
    ),
    "paper that is live": Broken(
        files={INI: "[profile.paper]\npaper_trading = no\n", RISK: LIMITS},
        profile="paper",
        said=("the profile is called paper, but the mode is live", "[profile.paper] paper_tr"),
        remedy="set paper_trading = true",
    ),
    "paper at a port of live trading": Broken(
        environment={"IBKR_PORT": "4001"},
        said=("port 4001", "the mode is paper", "environment IBKR_PORT"),
        remedy="set IBKR_PORT to 4002 or 7497",
    ),
    "live at a port of paper trading": Broken(
        files={RISK: LIMITS, INI: "[ibkr]\nport=7497\n[profile.live]\npaper_trading=false\n"},
        profile="live",
        said=("port 7497", "the mode is live", "[ibkr] port", "[profile.live] paper_trading"),
        remedy="set IBKR_PORT to 4001 or 7496",
    ),
    "live with an account of paper money": Broken(
        files={RISK: LIMITS},
        environment={"IBKR_PAPER_TRADING": "no", "IBKR_ACCOUNT_ID": "DU1234567"},
        said=("account_id names a paper account", "environment IBKR_ACCOUNT_ID"),
        remedy="set paper_trading to true",
    ),
    "paper with a live account": Broken(
        files=ini("account_id = U1234567"),
        said=("account_id names a live account", "[ibkr] account_id"),
        remedy="correct account_id",
    ),
    "live without limits": Broken(
        environment={"IBKR_PAPER_TRADING": "off", "IBKR_READONLY": "off"},
        said=("readonly is false, but no order will be sent", "environment IBKR_READONLY"),
        remedy="write risk_config.yaml",
    ),
    "read-only, and an alert that closes positions": Broken(
        files={"alerts.yaml": "rules: {daily_loss: {threshold: 0.05, action: flatten}}\n"},
        said=("alerts.yaml: rules.daily_loss.action is 'flatten', but readonly is true",),
        remedy="set readonly = false",
    ),
    "alert misspelt": Broken(
        files={"alerts.yaml": "rules: {daly_loss: {threshold: 0.05}}\n"},
        said=("rule in alerts.yaml: daly_loss",),
        remedy="did you mean daily_loss?",
    ),
    "address of a chat that is missing": Broken(
        files={"alerts.yaml": "routes: {desk: {url: 'file:/run/secrets/none'}}\n"},
        said=("alerts.yaml: routes.desk: url is 'file:/run/secrets/none'", "no such file"),
        remedy="create it, or mount the secret",
    ),
    "client id twice in a profile": Broken(
        files=ini("client_id = 21\ndata_client_ids = 21, 22"),
        said=("data_client_ids: 21 is taken", "[ibkr] data_client_ids"),
        remedy="a client id of its own",
    ),
    "pool without ids": Broken(
        files=ini("client_id_policy = pool"),
        said=("client_id_pool is empty", "[ibkr] client_id_policy"),
        remedy="client_id_pool = 11, 12",
    ),
    "backoff that starts above its end": Broken(
        environment={"IBKR_RECONNECT_BASE_S": "90"},
        said=("reconnect_base_s is 90, longer than reconnect_cap_s 60",),
        remedy="raise reconnect_cap_s",
    ),
    "more orders in a second than in a minute": Broken(
        files=risk("max_orders_per_second: 9\nmax_orders_per_minute: 6"),
        said=("risk_config.yaml: max_orders_per_second is 9",),
        remedy="lower the one",
    ),
    "cooldown of no limit": Broken(
        files=risk("halt_cooldown_s: 60"),
        said=("risk_config.yaml: halt_cooldown_s is 60",),
        remedy="set max_daily_loss",
    ),
    "allowed and denied": Broken(
        files={ALLOWED: "symbols: [GME]\ndenied_symbols: [gme]\n"},
        said=("trading_permissions.yaml: symbols and denied_symbols both name GME",),
        remedy="take it off one of them",
    ),
    **{
        f"no {name} at all": Broken(
            files={ALLOWED: f"{name}: []\n"},
            said=(f"trading_permissions.yaml: {name} is an empty list, which allows nothing",),
            remedy="name what is allowed, or leave the line out to allow all",
        )
        for name in LISTS
    },
    # --- files ---
    "key before any section": Broken(
        files={INI: "port = 1\n"}, said=(INI, "line 1 stands before any section"), remedy="[ibkr]"
    ),
    "key twice": Broken(
        files=ini("port = 1\nport = 2"),
        said=("ibkr_config.ini: port stands twice in [ibkr]", "line 3"),
        remedy="keep one of them",
    ),
    "section twice": Broken(
        files={INI: "[ibkr]\nport = 1\n[ibkr]\n"},
        said=("ibkr_config.ini: the section [ibkr] stands twice",),
        remedy="put the two together",
    ),
    "line that says nothing": Broken(
        files=ini("port 4002"), said=("ibkr_config.ini: line 2",), remedy="comment starts with"
    ),
    "variable twice in .env": Broken(
        files={".env": "MAX_ORDER_SIZE=10\nexport MAX_ORDER_SIZE=1000\n"},
        said=("MAX_ORDER_SIZE stands twice, again in line 2",),
        remedy="keep one of them",
    ),
    "variable without a value in .env": Broken(
        files={".env": "# mode\nIBKR_READONLY\n"},
        said=("cannot read .env: line 2, of IBKR_READONLY",),
        remedy="write an equals sign",
    ),
    "quotes left open in .env": Broken(
        files={".env": "IBKR_HOST='gw\nIBKR_PORT=5\n"},
        said=("cannot read .env: line 1, of IBKR_HOST",),
        remedy="close the quotes",
    ),
    "tab in YAML": Broken(
        files=risk("overrides:\n\tsymbols: {}"),
        said=("cannot read risk_config.yaml, line 3: it is indented with a tab",),
        remedy="indent with spaces",
    ),
    "key twice in YAML": Broken(
        files={RISK: "max_order_size: 5\nmax_order_size: 6\n"},
        said=("cannot read risk_config.yaml, line 2", "'max_order_size' stands twice"),
        remedy="keep one of them",
    ),
    "anchor in YAML": Broken(
        files={RISK: "max_order_size: &n 5\nmax_open_orders: *n\n"},
        said=("cannot read risk_config.yaml, line 1: anchors",),
        remedy="write the value where it is meant",
    ),
    "bracket left open in YAML": Broken(
        files={ALLOWED: "symbols: [AAPL\n"},
        said=("cannot read trading_permissions.yaml, line",),
        remedy="a bracket",
    ),
    "list for a mapping in YAML": Broken(
        files={RISK: "- max_order_size\n"},
        said=("risk_config.yaml holds a list",),
        remedy="name: value",
    ),
    "limit that is needed": Broken(
        files={RISK: "max_order_value: 5\n"},
        said=("risk_config.yaml: max_order_size is not given",),
        remedy="Largest quantity",
    ),
    "file emptied": Broken(
        files={ALLOWED: " \n"},
        said=("trading_permissions.yaml is empty",),
        remedy="ibkr config init",
    ),
    "INI file emptied": Broken(
        files={INI: ""}, said=("ibkr_config.ini is empty",), remedy="ibkr config init"
    ),
    "file of another encoding": Broken(
        files={INI: "[ibkr]\nhost = gw\n".encode("utf-16")},
        said=("cannot read ibkr_config.ini: it is not UTF-8",),
        remedy="save it as UTF-8",
    ),
    "text of Western Europe": Broken(
        files={".env": b"IBKR_HOST=g\xe4\n"},
        said=("cannot read .env: it is not UTF-8 (byte 11)",),
        remedy="save it as UTF-8",
    ),
    "bytes that are no text": Broken(
        files={RISK: b"max_order_size: 5\0\n"},
        said=("cannot read risk_config.yaml: it holds bytes that are no text",),
        remedy="save it as UTF-8",
    ),
    "directory for a file": Broken(
        files={RISK: None}, said=("risk_config.yaml is a directory",), remedy="remove it"
    ),
    "directory for .env": Broken(
        files={".env": None}, said=(".env is a directory",), remedy="remove it"
    ),
    "file by another name": Broken(
        files={"risk_config.yml": LIMITS},
        said=("risk_config.yml is read by nobody", RISK),
        remedy="rename it to risk_config.yaml",
    ),
    "file by a name that Windows gave": Broken(
        files={"ibkr_config.ini.txt": "[ibkr]\nport = 1\n"},
        said=("ibkr_config.ini.txt is read by nobody", INI),
        remedy="rename it to ibkr_config.ini",
    ),
    "directory that is not there": Broken(
        environment={"IBKR_CONFIG_DIR": "nowhere"},
        said=("the configuration directory 'nowhere' does not exist",),
        remedy="correct IBKR_CONFIG_DIR",
    ),
    "directory that is a file": Broken(
        files={INI: "[ibkr]\n"},
        environment={"IBKR_CONFIG_DIR": f"config/{INI}"},
        said=("the configuration directory 'ibkr_config.ini' is a file",),
        remedy="correct IBKR_CONFIG_DIR",
    ),
    "state where a file is": Broken(
        files={INI: "[ibkr]\nstate_dir = config/ibkr_config.ini\n"},
        said=("state_dir is 'config/ibkr_config.ini'", "is a file", "[ibkr] state_dir"),
        remedy="name a directory",
    ),
    # --- profiles ---
    "two profiles, one client id": Broken(
        files={INI: "[profile.a]\nclient_id = 5\n[profile.b]\nclient_id = 5\n"},
        said=("the profiles a and b use the client id 5", "[profile.b] client_id"),
        remedy="ids of its own",
    ),
    "paper and live, one state": Broken(
        files={
            RISK: LIMITS,
            INI: "[ibkr]\nstate_dir = s\n[profile.a]\nclient_id = 5\n"
            "[profile.b]\npaper_trading = false\n",
        },
        said=("the profiles a and b share the state_dir s", "[ibkr] state_dir"),
        remedy="a state_dir of its own",
    ),
}


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Read nothing that belongs to whoever runs the tests."""
    for name in list(os.environ):
        if name.upper().startswith(("IBKR_", "MAX_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


def made(broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("config").mkdir(exist_ok=True)
    for name, content in broken.files.items():
        path = Path(name if name == ".env" else f"config/{name}")
        if content is None:
            path.mkdir()
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    for name, value in broken.environment.items():
        monkeypatch.setenv(name, value)


def told(broken: Broken) -> list[tuple[str, str]]:
    whole = broken.profile is None and not broken.arguments
    reviews = review_all() if whole else (review(broken.profile, overrides=broken.arguments),)
    found = {
        (mistake.problem, mistake.remedy): None
        for one in reviews
        for mistake in one.mistakes
        if mistake.is_error
    }
    return list(found)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_configuration_is_told_by_place_key_value_and_remedy(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = BROKEN[name]
    made(broken, monkeypatch)
    mistakes = told(broken)
    assert len(mistakes) == 1, mistakes
    problem, remedy = mistakes[0]
    for words in broken.said:
        assert words in problem
    assert broken.remedy in remedy + problem
    assert "hunter2" not in problem + remedy


ONLY_LOOKED_THROUGH = {
    "read-only, and an alert that closes positions",  # loads, and refuses every order
    "live without limits",  # loads, and refuses every order
    "state where a file is",  # a machine that only reads needs no journal
    "two profiles, one client id",  # each of them alone is sound
    "paper and live, one state",
}


@pytest.mark.parametrize("name", sorted(BROKEN.keys() - ONLY_LOOKED_THROUGH))
def test_a_broken_configuration_does_not_load_and_says_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = BROKEN[name]
    made(broken, monkeypatch)
    with pytest.raises(ConfigurationError) as wrong:
        load_settings(broken.profile, overrides=broken.arguments)
    assert (wrong.value.message, wrong.value.hint) == told(broken)[0]


def test_there_are_many_ways_and_each_is_told_in_words_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert len(BROKEN) >= 40
    problems = set()
    for number, broken in enumerate(BROKEN.values()):
        directory = tmp_path / str(number)
        directory.mkdir()
        with monkeypatch.context() as patch:
            patch.chdir(directory)
            made(broken, patch)
            problems.add(told(broken)[0][0])
    assert len(problems) == len(BROKEN)


def test_all_mistakes_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Broken(
        files={
            INI: "[ibkr]\nprot = 1\nclient_id = x\nclient_id_policy = pool\n[pofile.live]\n",
            RISK: "max_order_size: -1\nmax_ordervalue: 5\n",
            ALLOWED: "symbols: [A]\ndenied_symbols: [A]\ncurrencies: [E]\ndenied_currencies: [E]\n",
            ".env": "IBKR_HOST=http://x\n",
        },
        environment={"IBKR_LOG_LEVEL": "loud"},
        said=(),
        remedy="",
    )
    made(broken, monkeypatch)
    problems = "\n".join(problem for problem, _ in told(broken))
    for word in (
        "prot",
        "client_id is 'x'",
        "client_id_pool is empty",
        "[pofile.live]",
        "max_order_size is '-1'",
        "max_ordervalue",
        "symbols and denied_symbols",
        "currencies and denied_currencies",
        "host is 'http://x'",
        "log_level is 'loud'",
    ):
        assert word in problems
    with pytest.raises(ConfigurationError) as wrong:
        load_settings()
    assert any("more: `ibkr config check`" in note for note in wrong.value.__notes__)


def test_a_wrong_value_does_not_bring_contradictions_with_its_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # live is meant, and misspelt: that the port is one of live trading is right
    made(
        Broken(
            environment={"IBKR_PAPER_TRADING": "fasle", "IBKR_PORT": "4001"}, said=(), remedy=""
        ),
        monkeypatch,
    )
    assert len(told(Broken(said=(), remedy=""))) == 1


def test_a_mark_of_the_encoding_as_notepad_writes_it_is_no_mistake() -> None:
    Path("config").mkdir()
    mark = b"\xef\xbb\xbf"
    Path("config", INI).write_bytes(mark + b"[ibkr]\r\nclient_id = 4\r\n")
    Path("config", RISK).write_bytes(mark + b"max_order_size: 5\r\n")
    Path(".env").write_bytes(mark + b"IBKR_HOST=gw\r\n")
    settings = load_settings()
    assert (settings.client_id, settings.host, settings.risk.max_order_size) == (
        4,
        "gw",
        Decimal(5),
    )


def test_a_list_of_what_is_denied_may_be_empty() -> None:
    Path("config").mkdir()
    Path("config", ALLOWED).write_text("".join(f"denied_{name}: []\n" for name in LISTS))
    assert load_settings().permissions.denied_symbols == frozenset()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({INI: "[ibkr]\nkill_switch = on\n"}, "readonly and kill_switch are both on"),
        ({INI: "[ibkr]\nclient_id_pool = 7, 8\n"}, "client_id_pool names ids"),
        ({INI: "[profile.live]\nclient_id = 3\n"}, "is called live, but the mode is paper"),
        ({INI: "[ibkr]\nheartbeat_timeout_s = 90\n"}, "longer than heartbeat_interval_s"),
        ({INI: "[ibkr]\nmessages_per_second = 80\n"}, "100 market data lines allow 50"),
        ({INI: "[ibkr]\nreconnect = no\nreconnect_max_attempts = 3\n"}, "reconnect is false"),
        ({INI: "[ibkr]\nmax_order_size = 50\n", RISK: LIMITS}, "looser than the 5"),
        ({RISK: f"{LIMITS}max_concentration: 25\n"}, "25 times the account"),
        ({INI: "[ibkr]\nstate_dir = s\n[profile.a]\n[profile.b]\nclient_id=2\n"}, "share the st"),
        ({INI: "[ibkr]\njournal_url = postgresql://u:hunter2@h/d\n"}, "can be read by"),
        (
            {"alerts.yaml": "routes: {desk: {url: 'json://u:hunter2@h'}}\n"},
            "alerts.yaml holds the secret of routes.desk.url",
        ),
        (
            {"chat": "json://u:hunter2@h\n", "alerts.yaml": "routes: {a: {url: file:config/chat}}"},
            "chat holds the secret of routes.a.url",
        ),
    ],
)
def test_what_is_hardly_meant_is_a_warning_and_loads(files: dict[str, str], said: str) -> None:
    Path("config").mkdir()
    for name, text in files.items():
        Path("config", name).write_text(text)
        Path("config", name).chmod(0o644)
    reviews = review_all()
    warnings = {one.problem for each in reviews for one in each.mistakes}
    assert all(each.is_sound for each in reviews)
    assert [text for text in warnings if said in text]
    assert "hunter2" not in str(warnings)
    load_settings()
