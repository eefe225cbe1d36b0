"""
What users of other libraries met with contracts, price steps and times: a test for each.

The numbers are the rows of the collection of field problems; `ROWS` says where each is tested.
"""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from ibkr_connector import (
    AmbiguousContractError,
    ContractNotFoundError,
    IBKRConnector,
    OrderValidationError,
    SecurityType,
    Settings,
)
from ibkr_connector.gateway.times import BadTimeError, add_zone_alias, parse_time, zone
from ibkr_connector.model.contracts import Contract
from ibkr_connector.orders import price_steps
from ibkr_connector.simulator import HostedSimulator
from kit.market import asked

TESTS = Path(__file__).parents[1]

ROWS: Final[dict[int, tuple[str, ...]]] = {
    23: (
        "spec/test_field_problems_instruments.py::"
        "test_row_23_a_price_between_two_steps_is_refused_before_it_is_sent",
        "unit/instruments/test_ticks.py::test_rounding_ends_on_legal_prices_with_none_between",
        "unit/instruments/test_ticks.py::test_a_float_stands_for_what_it_prints_as",
    ),
    24: (
        "spec/test_field_problems_instruments.py::"
        "test_row_24_several_contracts_are_listed_and_none_is_guessed",
        "spec/test_field_problems_instruments.py::test_row_24_what_is_known_is_not_asked_for_again",
    ),
    27: (
        "spec/test_field_problems_instruments.py::"
        "test_row_27_the_six_forms_of_a_time_are_one_moment",
        "spec/test_field_problems_instruments.py::test_row_27_a_zone_of_ones_own_can_be_taught",
        "spec/test_field_problems_instruments.py::"
        "test_row_27_hours_of_an_exchange_are_aware_and_utc",
        "unit/gateway/test_times.py::test_each_known_form_is_placed_on_the_utc_line",
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_every_row_names_tests_that_exist(row: int) -> None:
    for name in ROWS[row]:
        path, test = name.split("::")
        tree = ast.parse((TESTS / path).read_text("utf-8"))
        named = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert test in named


@pytest.fixture
async def ib(
    tmp_path: Path, ibkr_gateway: HostedSimulator, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[IBKRConnector]:
    # an order goes on without price steps that come late
    monkeypatch.setattr(price_steps, "_PATIENCE_S", 60.0)
    given: dict[str, Any] = {
        "port": ibkr_gateway.port,
        "readonly": False,
        "state_dir": tmp_path,
        "connect_timeout_s": 60.0,
        "sync_timeout_s": 60.0,
        "request_timeout_s": 60.0,
        "order_ack_timeout_s": 60.0,
    }
    async with IBKRConnector.create(Settings.load(**given)) as connector:
        yield connector


async def test_row_23_a_price_between_two_steps_is_refused_before_it_is_sent(
    ib: IBKRConnector, ibkr_gateway: HostedSimulator
) -> None:
    order: dict[str, Any] = {
        "symbol": "AAPL",
        "action": "BUY",
        "quantity": 1,
        "order_type": "LMT",
        "limit_price": "1.005",
    }
    with pytest.raises(OrderValidationError, match=r"multiple of 0\.01"):
        await ib.place_order(order)
    assert asked(ibkr_gateway, "PlaceOrder") == []
    rule = await ib.instruments.tick_rule("AAPL")
    report = await ib.place_order({**order, "limit_price": rule.round("1.005", "down")})
    (sent,) = asked(ibkr_gateway, "PlaceOrder")
    assert sent.order.texts["lmtPrice"] == "1.00"
    await ib.cancel_order(report.order_id)


async def test_row_24_several_contracts_are_listed_and_none_is_guessed(
    ib: IBKRConnector, ibkr_gateway: HostedSimulator
) -> None:
    wanted = Contract(symbol="ES", security_type=SecurityType.FUTURE, exchange="CME")
    with pytest.raises(AmbiguousContractError) as several:
        await ib.instruments.details(wanted)
    assert len(several.value.candidates) == 4
    assert all(one.con_id for one in several.value.candidates)
    with pytest.raises(ContractNotFoundError):
        await ib.instruments.details("NOSUCHTHING")
    with pytest.raises(AmbiguousContractError):
        await ib.place_order(
            {"contract": wanted, "action": "BUY", "quantity": 1, "order_type": "MKT"}
        )
    assert asked(ibkr_gateway, "PlaceOrder") == []


async def test_row_24_what_is_known_is_not_asked_for_again(
    ib: IBKRConnector, ibkr_gateway: HostedSimulator
) -> None:
    first = await ib.instruments.details("MSFT")
    before = len(asked(ibkr_gateway, "ReqContractDetails"))
    assert await ib.instruments.details("MSFT") == first
    assert await ib.instruments.details(first.contract) == first
    assert len(asked(ibkr_gateway, "ReqContractDetails")) == before


def test_row_27_the_six_forms_of_a_time_are_one_moment() -> None:
    moment = datetime(2026, 11, 20, 14, 31, tzinfo=UTC)
    forms = (
        "1795185060",
        "20261120-14:31:00",
        "20261120 09:31:00 US/Eastern",
        "20261120 15:31:00 Central European Standard Time",
        "20261120  09:31:00",
        "2026-11-20 09:31:00.0",
    )
    login_zone = zone("America/New_York")
    assert {parse_time(form, login_zone=login_zone) for form in forms} == {moment}


def test_row_27_a_zone_of_ones_own_can_be_taught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibkr_connector.gateway.times._OWN", {})
    text = "20260720 15:31:00 Mitteleuropäische Sommerzeit"
    with pytest.raises(BadTimeError, match="unknown time zone 'Mitteleurop"):
        parse_time(text, login_zone=UTC)
    add_zone_alias("Mitteleuropäische Sommerzeit", "Europe/Berlin")
    assert parse_time(text, login_zone=UTC) == datetime(2026, 7, 20, 13, 31, tzinfo=UTC)
    with pytest.raises(BadTimeError, match="'Middle/Earth'"):
        add_zone_alias("MET", "Middle/Earth")
    assert zone("MET").utcoffset(datetime(2026, 7, 1)) == timedelta(hours=2)  # noqa: DTZ001


@pytest.mark.parametrize("text", ["AAPL", "ES 202703", "EUR.USD", "BTC.USD", "BMW"])
async def test_row_27_hours_of_an_exchange_are_aware_and_utc(ib: IBKRConnector, text: str) -> None:
    contract: Contract | str = text
    if text == "BMW":
        contract = Contract(symbol="BMW", exchange="IBIS", currency="EUR")
    hours = await ib.instruments.hours(contract, regular=False)
    assert hours.sessions
    for one in hours.sessions:
        assert one.start.utcoffset() == one.end.utcoffset() == timedelta(0)
