from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.gauges import _names, build, connection, unconnected
from ibkr_connector.model.status import (
    BreakerState,
    CircuitStatus,
    ConnectionState,
    ConnectionStatus,
    FarmState,
    TradingMode,
)
from ibkr_connector.observe.metrics import Family

ids = st.from_regex(r"\AD?[UF][0-9]{5,8}\Z") | st.from_regex(r"\A[A-Z0-9]{3,10}\Z")


@given(st.lists(ids, unique=True, max_size=6))
def test_masked_names_are_one_to_an_account_and_tell_none(accounts: list[str]) -> None:
    named = _names(accounts, show=False)
    assert len(set(named.values())) == len(accounts)
    assert not set(named.values()) & set(accounts)
    assert _names(accounts, show=True) == {account: account for account in accounts}


def values(families: object) -> dict[str, dict[tuple[str, ...], float]]:
    listed = list(families)  # type: ignore[call-overload]  # whatever gives families
    assert all(isinstance(one, Family) for one in listed)
    assert len({one.name for one in listed}) == len(listed)
    return {one.name: dict(one.rows) for one in listed}


def test_a_status_becomes_numbers() -> None:
    status = ConnectionStatus(
        state=ConnectionState.DEGRADED,
        profile="p",
        host="h",
        port=1,
        client_id=1,
        mode=TradingMode.PAPER,
        readonly=True,
        farms={"usfarm": FarmState.BROKEN, "ushmds": FarmState.INACTIVE},
        breakers={"orders": BreakerState.OPEN},
        circuits={"orders": CircuitStatus(state=BreakerState.OPEN, opened=2, refused=7)},
        kill_switch="engaged by hand",
        halted_by=("a", "b"),
        data_connections={"21": ConnectionState.WAITING},
        degraded_by=("positions",),
    )
    told = values(connection(status))
    assert told["ibkr_up"] == {(): True}
    assert told["ibkr_connection_state"]["degraded",] == 1
    assert sum(told["ibkr_connection_state"].values()) == 1
    assert told["ibkr_farm_up"] == {("usfarm",): 0, ("ushmds",): 1}
    assert told["ibkr_breaker_state"]["orders", "open"] == 1
    assert sum(told["ibkr_breaker_state"].values()) == 1
    assert (told["ibkr_breaker_opened"]["orders",], told["ibkr_breaker_refused"]["orders",]) == (
        2,
        7,
    )
    assert told["ibkr_kill_switch_engaged"] == {(): True}
    assert told["ibkr_trading_halts"] == {(): 2}
    assert told["ibkr_data_connection_up"] == {("21",): 0}
    assert told["ibkr_connection_uptime_seconds"] == {}


def test_what_runs_is_told_with_and_without_a_connection() -> None:
    ((version, python, ib_async),) = values(build())["ibkr_build_info"]
    assert version[0].isdigit()
    assert python.startswith("3.")
    assert ib_async.startswith("2.")
    assert values(unconnected())["ibkr_up"] == {(): 0}
