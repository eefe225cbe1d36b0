"""Scenarios: what is wrong is named, and what is right happens."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from ibkr_connector.clock import ManualClock, ScaledClock, SystemClock
from ibkr_connector.simulator import Cut, GatewaySimulator, Quirk
from ibkr_connector.simulator.inputs import InputError
from ibkr_connector.simulator.scenario import (
    Account,
    Holding,
    HoldQuote,
    Order,
    RestartNow,
    SayNotice,
    Scenario,
    ScenarioError,
    parse_scenario,
    read_scenario,
)
from ibkr_connector.simulator.server import DEFAULT_START
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import ExecDetails, NextValidId, OrderStatus, Position
from kit.faults import heard, kinds, order
from kit.raw_client import RawClient, frame

WHOLE = """
start: 2026-11-18T15:00:00Z
speed: 60
seed: 7
sessions: true
server_version: 170
next_order_id: 40
latency_s: 0.5
accounts:
  DU1: 5000.25
  DU2:
    cash: {USD: 1000, EUR: 200}
    positions:
      - {symbol: AAPL, quantity: 100, price: 180.5}
      - {con_id: 12087792, quantity: -5, price: 1}
permissions: {live_data: false, data_lines: 7}
quirks: [commission_late, status_twice]
faults:
  - {kind: cut, on: PlaceOrder, handled: true, at_s: 30}
  - {kind: Delay, seconds: 1, lasts_s: 5}
script:
  - {at_s: 5, quote: {symbol: AAPL, bid: 190, ask: 191.5}}
  - {at_s: 6, release: {symbol: AAPL}}
  - {at_s: 7, halt: {con_id: 265598}}
  - {at_s: 8, order: {client_id: 9, order_id: 1, symbol: EUR.USD, action: BUY, quantity: 20000}}
  - {at_s: 9, notice: {code: 1100, text: lost}}
  - {at_s: 10, restart: {down_s: 30}}
  - {at_s: 11, cut: {reset: true}}
  - {at_s: 12, quirk: {name: preset_tif}}
  - {at_s: 13, quirk: {name: preset_tif, on: false}}
  - {at_s: 14, fault: {kind: drop, reply: OpenOrder}}
  - {at_s: 15, clear_faults: {}}
  - {at_s: 16, bulletin: {text: the exchange is closed}}
"""


def test_every_key_is_read(tmp_path: Path) -> None:
    path = tmp_path / "whole.yaml"
    path.write_text(WHOLE)
    said = read_scenario(path)
    assert said.accounts["DU1"] == Account(cash={"USD": Decimal("5000.25")})
    assert said.accounts["DU2"].cash == {"USD": Decimal(1000), "EUR": Decimal(200)}
    assert said.accounts["DU2"].positions[0] == Holding(
        symbol="AAPL", quantity=Decimal(100), price=Decimal("180.5")
    )
    assert (said.start, said.speed, said.seed) == (DEFAULT_START, 60, 7)
    assert (said.sessions, said.server_version, said.next_order_id) == (True, 170, 40)
    assert (said.permissions.live_data, said.permissions.data_lines) == (False, 7)
    assert said.quirks == (Quirk.COMMISSION_LATE, Quirk.STATUS_TWICE)
    assert said.faults[0] == Cut(on="PlaceOrder", handled=True, at_s=30)
    assert [cue.at_s for cue in said.script] == list(range(5, 17))
    assert said.script[0].action == HoldQuote(symbol="AAPL", bid=Decimal(190), ask=Decimal("191.5"))


def test_python_says_the_same_as_yaml(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text(
        "accounts: {DU1: 5}\n"
        "script:\n"
        "  - {at_s: 5, notice: {code: 1100, text: lost}}\n"
        "  - {at_s: 5, quirk: {name: preset_tif}}\n"
        "  - {at_s: 6, fault: {kind: cut, on: PlaceOrder, handled: true}}\n"
    )
    said = read_scenario(path)
    written = (
        Scenario(accounts={"DU1": Account(cash={"USD": Decimal(5)})})
        .at(5, SayNotice(code=1100, text="lost"), Quirk.PRESET_TIF)
        .at(6, Cut(on="PlaceOrder", handled=True))
    )
    assert said == written


@pytest.mark.parametrize(
    ("text", "named"),
    [
        # those that were once taken for something else
        ('permissions: {live_data: "no"}', "live_data must be true or false, got 'no'"),
        ("permissions: {data_lines: many}", "data_lines must be a whole number, got 'many'"),
        ("accounts: {DU1: NaN}", "DU1 must be a finite number, got 'NaN'"),
        ("accounts: {DU1: .nan}", "DU1 must be a finite number"),
        ("accounts: {DU1: .inf}", "DU1 must be a finite number"),
        ("next_order_id: -3", "next_order_id must be at least 1, got -3"),
        ("faults: [{kind: Stall}]", r"faults\[0\] stall needs 'seconds'"),
        # names
        ("acounts: {DU1: 5}", "'acounts' is not a key of scenario; known are accounts"),
        ("quirks: [late]", "quirks.*must be one of hello_zone_windows"),
        ("faults: [{kind: Crash}]", r"faults\[0\]: there is no kind 'Crash'; known are answer"),
        ("faults: [{seconds: 1}]", r"faults\[0\] needs a 'kind'"),
        ("faults: [{kind: drop, reply: Openorder}]", "no reply called 'Openorder'.*OpenOrder"),
        ("faults: [{kind: cut, on: Place, handled: true}]", "no request called 'Place'.*PlaceO"),
        ("faults: [{kind: delay, seconds: 1, secs: 2}]", "'secs' is not a key of .*delay"),
        ("script: [{at_s: 1, jump: {}}]", "'jump' is not a key of .*clear_faults"),
        ("script: [{quote: {symbol: AAPL}}]", r"script\[0\] needs at_s and one action"),
        ("script: [{at_s: 1, quirk: {name: nope}}]", "name must be one of"),
        ("accounts: {DU1: {cahs: 5}}", "'cahs' is not a key of accounts: DU1"),
        # types
        ("accounts: [DU1]", "accounts must hold account ids"),
        ("accounts: {17: 5}", "an account id must be a text as DU1234567, got 17"),
        ("accounts: {}", "accounts must hold one at least"),
        ("accounts: {DU1: {cash: {usd: 5}}}", "three capital letters, as USD; got 'usd'"),
        ("accounts: {DU1: {positions: 5}}", "positions must be a list, got 5"),
        ("sessions: 1", "sessions must be true or false, got 1"),
        ("seed: 1.5", "seed must be a whole number, got 1.5"),
        ("seed: true", "seed must be a whole number, got True"),
        ("quirks: preset_tif", "quirks must be a list, got 'preset_tif'"),
        ("faults: {kind: stall}", "faults must be a list"),
        ("script: 5", "script must be a list"),
        ("- 1", "must hold names and values"),
        ("a: [", "cannot read"),
        # ranges
        ("speed: 0", "speed must be above 0, got 0"),
        ("speed: fast", "speed must be a number, got 'fast'"),
        ("latency_s: -1", "latency_s must not be negative"),
        ("server_version: 500", "server_version must be within 157"),
        ("start: 2026-11-18T15:00:00", "start needs a time zone"),
        ("start: yesterday", "start must be a moment, as in 2026-11-18T15:00:00Z"),
        ("script: [{at_s: -1, clear_faults: {}}]", "at_s must not be negative"),
        ("script: [{at_s: 1, quote: {symbol: A, bid: 2, ask: 1}}]", "bid 2 must not be above ask"),
        ("script: [{at_s: 1, quote: {bid: 2}}]", "either con_id or symbol must be given"),
        ("faults: [{kind: stall, seconds: -1}]", "seconds must be above 0, got -1"),
        ("faults: [{kind: refuse, times: 0}]", "times must be at least 1, got 0"),
        ("faults: [{kind: refuse, probability: 2}]", "probability must be above 0 and at most 1"),
        ("faults: [{kind: silent, after: lunch}]", "after must be one of hello, start"),
        ("faults: [{kind: missing_end, of: OpenOrder}]", "of must be one of AccountDownloadEnd"),
        ("faults: [{kind: cut_after}]", "received or sent must be given"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(text: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=named):
        read_scenario(path)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("accounts: {DU1: {positions: [{symbol: NOPE1, quantity: 1, price: 1}]}}", "'NOPE1'"),
        ("script: [{at_s: 1, release: {con_id: 5}}]", "con_id 5 is not listed"),
        (
            "script: [{at_s: 1, order: {symbol: AAPL, action: BUY, quantity: 1, account: DU9}}]",
            "account 'DU9' is not one of",
        ),
    ],
)
def test_what_is_not_listed_is_refused_before_the_start(text: str, named: str) -> None:
    with pytest.raises(InputError, match=named):
        GatewaySimulator(parse_scenario(yaml.safe_load(text)))


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text("")
    assert read_scenario(path) == Scenario()


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (Scenario(), SystemClock),
        (Scenario(speed=60), ScaledClock),
        (Scenario(start=DEFAULT_START), ScaledClock),
    ],
)
def test_the_clock_is_what_the_scenario_asks_for(said: Scenario, kind: type) -> None:
    simulator = GatewaySimulator(said)
    assert isinstance(simulator.clock, kind)
    if said.start is not None:
        assert simulator.clock.utcnow() >= datetime(2026, 11, 18, 15, tzinfo=UTC)


def test_arguments_win_over_the_scenario() -> None:
    said = Scenario(seed=7, next_order_id=40)
    simulator = GatewaySimulator(said, seed=8, accounts={"DU5": Decimal(1)})
    assert (simulator.seed, simulator.gateway.first_order_id) == (8, 40)
    assert simulator.gateway.accounts == ("DU5",)


def running(said: Scenario, **arguments: Any) -> GatewaySimulator:
    return GatewaySimulator(said, clock=ManualClock(DEFAULT_START), **arguments)


async def told(client: RawClient, *requests: Any) -> list[Any]:
    client.write(b"".join(frame(request) for request in requests))
    return list(await heard(client))


async def test_accounts_begin_with_their_money_and_positions() -> None:
    said = Scenario(
        accounts={
            "DU1": Account(
                cash={"USD": Decimal(1000), "EUR": Decimal(200)},
                positions=(Holding(symbol="AAPL", quantity=Decimal(-7), price=Decimal("180.5")),),
            )
        }
    )
    async with running(said) as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        (position,) = [
            one for one in await told(client, ask.ReqPositions()) if isinstance(one, Position)
        ]
        assert position.contract.symbol == "AAPL"
        assert position.position == -7
        assert position.average_cost == Decimal("180.5")
        assert simulator.venue.ledgers["DU1"].cash == {"USD": 1000, "EUR": 200}
        await client.aclose()


async def test_a_script_moves_the_market_and_fills_an_order() -> None:
    said = Scenario().at(5, HoldQuote(symbol="AAPL", bid=Decimal(50), ask=Decimal(51)))
    async with running(said) as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        client.write(frame(order(lmtPrice="60")))
        await heard(client)
        await simulator.advance(4)
        assert not [one for one in await heard(client) if isinstance(one, ExecDetails)]
        await simulator.advance(2)
        fills = [one for one in await heard(client) if isinstance(one, ExecDetails)]
        assert [one.price for one in fills] == [60]
        await client.aclose()


async def test_others_place_orders_and_the_gateway_restarts_on_time() -> None:
    said = (
        Scenario(next_order_id=7)
        .at(
            3,
            Order(
                client_id=9,
                order_id=4,
                symbol="AAPL",
                action="BUY",
                quantity=Decimal(5),
                limit_price=Decimal(1),
            ),
        )
        .at(6, RestartNow(down_s=10))
    )
    async with running(said) as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        await simulator.advance(3)
        shown = [
            one
            for one in await told(client, ask.ReqAllOpenOrders())
            if isinstance(one, OrderStatus)
        ]
        assert [(one.client_id, one.order_id) for one in shown] == [(9, 4)]
        await simulator.advance(3)
        with pytest.raises(EOFError):
            await client.fields()
        await client.aclose()
        early = await RawClient.open(simulator.host, simulator.port)
        assert await early.rest() == b""
        await early.aclose()
        await simulator.advance(10)
        client = await RawClient.start(simulator.host, simulator.port)
        assert (await told(client, ask.ReqIds())) == [NextValidId(order_id=7)]
        await client.aclose()


async def test_sessions_keep_a_market_order_waiting_for_the_opening() -> None:
    night = ManualClock(datetime(2026, 11, 18, 3, 0, tzinfo=UTC))
    async with GatewaySimulator(Scenario(sessions=True), clock=night) as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        got = await told(client, order(orderType="MKT"))
        assert "ExecDetails" not in kinds(got)
        await client.aclose()
    async with GatewaySimulator(Scenario(), clock=night) as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        assert "ExecDetails" in kinds(await told(client, order(orderType="MKT")))
        await client.aclose()


async def test_the_same_order_under_two_ids_is_found() -> None:
    async with running(Scenario()) as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        await told(client, order(1), order(1), order(2, lmtPrice="2"), order(3, orderRef="b"))
        simulator.assert_no_duplicate_orders()
        await told(client, order(4))
        with pytest.raises(AssertionError, match="client 1: 1 and 4, BUY 5 of"):
            simulator.assert_no_duplicate_orders()
        await told(client, order(5, orderRef="b", lmtPrice="3"))
        with pytest.raises(AssertionError, match=r"3 and 5, BUY 5 of .*, order reference 'b'"):
            simulator.assert_no_duplicate_orders()
        await client.aclose()
