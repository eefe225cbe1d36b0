"""
What a simulator of a gateway must do that none did before, point by point.

Eleven points, each by tests whose names begin with its number; data and orders are in the files
beside this one. Everything is said over a socket, in frames; nothing of the connector takes part.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import sys
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.clock import ManualClock
from ibkr_connector.simulator import HostedSimulator, Permissions
from ibkr_connector.simulator.dialogue.gateway import MANUAL
from ibkr_connector.simulator.exchange.records import Terms
from ibkr_connector.simulator.faults import (
    Cut,
    Drop,
    Duplicate,
    Fault,
    HalfOpen,
    Hold,
    MissingEnd,
    Reorder,
    Split,
    Trickle,
)
from ibkr_connector.simulator.player import Player
from ibkr_connector.simulator.quirks import Quirk
from ibkr_connector.simulator.recorder import Recorder
from ibkr_connector.simulator.scenario import (
    Account,
    HoldQuote,
    SayNotice,
    Scenario,
    read_scenario,
)
from ibkr_connector.simulator.server import DEFAULT_START
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.frames import encode_frame, join_fields
from ibkr_connector.simulator.wire.replies import (
    BondContractDetails,
    ContractDetails,
    ContractDetailsEnd,
    CurrentTime,
    ErrorMessage,
    ExecDetails,
    ManagedAccounts,
    MarketRule,
    NextValidId,
    OpenOrder,
    OpenOrderEnd,
    OrderBound,
    OrderStatus,
    Position,
    TickPrice,
)
from ibkr_connector.simulator.wire.requests import (
    CancelOrder,
    ReqAccountUpdates,
    ReqAllOpenOrders,
    ReqAutoOpenOrders,
    ReqContractDetails,
    ReqCurrentTime,
    ReqExecutions,
    ReqMarketData,
    ReqMarketRule,
    ReqOpenOrders,
    ReqPositions,
    StartApi,
    encode_request,
)
from kit.broker import AAPL, set_quote
from kit.conversation import APPLE, Conversation, Listening, hello, order, standing_still, talk
from kit.foreign import ROOT

VERSIONS = (157, 166, 178, 200)
POINTS = 11


def test_every_point_of_the_list_has_tests() -> None:
    texts = [path.read_text("utf-8") for path in Path(__file__).parent.glob("test_simulator_*.py")]
    named = re.findall(r"def test_point_(\d\d)_", "".join(texts))
    assert {int(point) for point in named} == set(range(1, POINTS + 1))


# --- 1: handshake, framing, ids, versions, several clients --------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
async def test_point_01_a_session_begins_alike_at_every_version(version: int) -> None:
    async with talk(version=version) as (_, client):
        assert client.version == version
        accounts, first_id, *farms = client.heard
        assert accounts == ManagedAccounts(accounts="DU1234567")
        assert first_id == NextValidId(order_id=1)
        assert [farm.code for farm in farms if isinstance(farm, ErrorMessage)] == [
            2104,
            2106,
            2158,
        ]


async def test_point_01_a_newer_client_gets_the_gateways_own_version() -> None:
    async with talk(version=200, server_version=166) as (_, client):
        assert client.version == 166


async def test_point_01_frames_are_read_one_byte_at_a_time() -> None:
    async with standing_still() as gateway:
        client = await Conversation.open(gateway)
        for byte in encode_frame(join_fields(encode_request(StartApi(client_id=3), 178))):
            client.write(bytes([byte]))
            await client.hear()
        assert [type(reply) for reply in client.heard[:2]] == [ManagedAccounts, NextValidId]


async def test_point_01_hello_and_requests_may_come_in_one_piece() -> None:
    async with standing_still() as gateway:
        plain = await Conversation.start(gateway, client_id=1)
        merged = await Conversation.open(gateway)
        starts = [
            encode_frame(join_fields(encode_request(request, 178)))
            for request in (StartApi(client_id=2), ReqOpenOrders())
        ]
        merged.write(b"".join(starts))
        await merged.hear()
        assert merged.heard == [*plain.heard, OpenOrderEnd()]


async def test_point_01_optional_capabilities_are_heard_and_change_nothing() -> None:
    async with standing_still() as gateway:
        client = await Conversation.open(gateway)
        await client.ask(StartApi(client_id=1, capabilities="+PACEAPI"))
        assert client.heard[0] == ManagedAccounts(accounts="DU1234567")


async def test_point_01_a_taken_client_id_is_326_and_the_socket_closes() -> None:
    async with talk(client_id=4) as (gateway, _):
        second = await Conversation.start(gateway, client_id=4)
        assert second.codes() == [326]
        assert second.is_closed


async def test_point_01_a_stranger_who_says_no_hello_is_dropped() -> None:
    async with talk() as (gateway, client):
        stranger = await Conversation.open(gateway)
        stranger.write(b"GET / HTTP/1.1\r\n\r\n" * 20)
        await stranger.hear()
        assert stranger.is_closed
        assert (await client.ask(ReqOpenOrders())) == [OpenOrderEnd()]


async def test_point_01_fields_come_and_go_with_the_version() -> None:
    told = {}
    for version in VERSIONS:
        async with talk(version=version) as (_, client):
            await client.ask(ReqContractDetails(request_id=1, contract=APPLE), order(1))
            told[version] = client
    sizes = {version: client.last(ContractDetails).min_size for version, client in told.items()}
    one = Decimal(1)
    assert sizes == {157: None, 166: one, 178: one, 200: one}  # since 164
    heads = {
        version: next(len(one) for one in client.frames if one[0] == "5")
        for version, client in told.items()
    }
    assert heads[157] < heads[166] < heads[200]


async def test_point_01_orders_belong_to_their_client_and_master_hears_of_all() -> None:
    permissions = Permissions(master_client_id=9)
    async with talk(client_id=1, permissions=permissions) as (gateway, owner):
        master = await Conversation.start(gateway, client_id=9)
        other = await Conversation.start(gateway, client_id=2)
        await owner.ask(order(1))
        await master.hear()
        await other.hear()
        assert master.all(OpenOrder)
        assert not other.all(OpenOrder)
        assert await other.ask(ReqOpenOrders()) == [OpenOrderEnd()]
        assert [type(one) for one in await other.ask(ReqAllOpenOrders())] == [
            OpenOrder,
            OrderStatus,
            OpenOrderEnd,
        ]


async def test_point_01_client_zero_binds_orders_typed_by_hand_to_negative_ids() -> None:
    async with talk(client_id=0) as (gateway, zero):
        await zero.ask(ReqAutoOpenOrders(auto_bind=True))
        gateway.gateway.place_for(
            MANUAL,
            con_id=AAPL,
            terms=Terms(
                action="BUY", quantity=Decimal(5), order_type="LMT", limit_price=Decimal(1)
            ),
            now=gateway.clock.utcnow(),
        )
        gateway.flush()
        await zero.hear()
        [bound] = zero.all(OrderBound)
        assert bound.order_id < 0
        await zero.ask(CancelOrder(order_id=bound.order_id))
        assert gateway.venue.open_orders() == ()


# --- 2: contract database -----------------------------------------------------------------------

LOOKED_UP = {
    "stock": WireContract(symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD"),
    "future": WireContract(symbol="ES", sec_type="FUT", exchange="CME", expiry="202612"),
    "option": WireContract(
        symbol="AAPL",
        sec_type="OPT",
        exchange="SMART",
        currency="USD",
        expiry="20261218",
        strike=Decimal(190),
        right="C",
    ),
    "pair": WireContract(symbol="EUR", sec_type="CASH", currency="USD", exchange="IDEALPRO"),
    "index": WireContract(symbol="SPX", sec_type="IND", exchange="CBOE"),
    "crypto": WireContract(symbol="BTC", sec_type="CRYPTO", exchange="PAXOS"),
    "contract for difference": WireContract(symbol="AAPL", sec_type="CFD", exchange="SMART"),
    "fund": WireContract(symbol="SIMGX", sec_type="FUND"),
    "option on a future": WireContract(
        symbol="ES",
        sec_type="FOP",
        exchange="CME",
        expiry="20261218",
        strike=Decimal(5500),
        right="C",
    ),
}


@pytest.mark.parametrize("kind", LOOKED_UP)
async def test_point_02_each_asset_class_is_found_by_its_description(kind: str) -> None:
    contract = LOOKED_UP[kind]
    async with talk() as (_, client):
        details, end = await client.ask(ReqContractDetails(request_id=7, contract=contract))
        assert isinstance(details, ContractDetails)
        assert (details.symbol, details.sec_type) == (contract.symbol, contract.sec_type)
        assert end == ContractDetailsEnd(request_id=7)
        again = WireContract(con_id=details.con_id)
        same, _ = await client.ask(ReqContractDetails(request_id=8, contract=again))
        assert isinstance(same, ContractDetails)
        assert same.local_symbol == details.local_symbol


async def test_point_02_a_bond_has_a_coupon_that_is_no_whole_number() -> None:
    async with talk() as (_, client):
        bonds = WireContract(con_id=9300001)
        await client.ask(ReqContractDetails(request_id=1, contract=bonds))
        [bond] = client.all(BondContractDetails)
        assert bond.coupon % 1 != 0
        assert client.heard[-1] == ContractDetailsEnd(request_id=1)


async def test_point_02_a_future_without_a_month_is_every_month_in_order() -> None:
    contract = WireContract(symbol="ES", sec_type="FUT", exchange="CME")
    async with talk() as (_, client):
        await client.ask(ReqContractDetails(request_id=1, contract=contract))
        months = [details.contract_month for details in client.all(ContractDetails)]
        assert len(months) >= 4
        assert months == sorted(months)


async def test_point_02_unknown_is_200_and_ambiguous_is_a_list() -> None:
    async with talk() as (_, client):
        unknown = WireContract(symbol="ZZZZ", sec_type="STK", exchange="SMART", currency="USD")
        [error] = await client.ask(ReqContractDetails(request_id=1, contract=unknown))
        assert isinstance(error, ErrorMessage)
        assert (error.request_id, error.code) == (1, 200)
        both = WireContract(symbol="VOD", sec_type="STK", exchange="SMART")
        await client.ask(ReqContractDetails(request_id=2, contract=both))
        assert {one.currency for one in client.all(ContractDetails)} == {"USD", "GBP"}


async def test_point_02_market_rules_and_trading_hours_are_told() -> None:
    async with talk() as (_, client):
        await client.ask(ReqContractDetails(request_id=1, contract=APPLE))
        details = client.last(ContractDetails)
        assert re.fullmatch(
            r"(\d{8}:(CLOSED|\d{4}-\d{8}:\d{4})(,\d{4}-\d{8}:\d{4})*;?)+", details.trading_hours
        )
        rules = {int(rule) for rule in details.market_rule_ids.split(",")}
        assert len(details.valid_exchanges.split(",")) == len(details.market_rule_ids.split(","))
        for rule in rules:
            await client.ask(ReqMarketRule(rule_id=rule))
            assert client.last(MarketRule).steps[0].increment > 0


# --- 7: faults on demand and by seed ------------------------------------------------------------

NOTICES = (1100, 1101, 1102, 1300, 2103, 2104, 2105, 2106, 2107, 2108, 2110)


@pytest.mark.parametrize("code", NOTICES)
async def test_point_07_notices_reach_everybody_and_belong_to_no_request(code: int) -> None:
    async with talk() as (gateway, client):
        other = await Conversation.start(gateway, client_id=2)
        gateway.notice(code, "as told")
        for one in (client, other):
            await one.hear()
            assert one.heard[-1] == ErrorMessage(request_id=-1, code=code, text="as told")


@pytest.mark.parametrize(
    ("fault", "exists"),
    [
        pytest.param(Cut(on="PlaceOrder", handled=False), False, id="before it was read"),
        pytest.param(Cut(on="PlaceOrder", handled=True), True, id="before its answer"),
        pytest.param(Cut(on="PlaceOrder", handled=True, reset=True), True, id="with a reset"),
    ],
)
async def test_point_07_the_line_breaks_around_an_order(fault: Fault, exists: bool) -> None:
    async with talk() as (gateway, client):
        gateway.inject(fault)
        assert await client.ask(order(1)) == []
        assert client.is_closed
        assert bool(gateway.venue.open_orders()) is exists
        again = await Conversation.start(gateway, client_id=1)
        found = await again.ask(ReqOpenOrders())
        assert bool([one for one in found if isinstance(one, OpenOrder)]) is exists


async def test_point_07_a_half_open_line_swallows_what_is_said() -> None:
    async with talk() as (gateway, client):
        gateway.inject(HalfOpen())
        assert await client.ask(ReqCurrentTime()) == []
        assert not client.is_closed
        gateway.clear_faults()
        # what had been said is read now: the line was only not served
        assert [type(one) for one in await client.ask(ReqCurrentTime())] == [CurrentTime] * 2


async def test_point_07_frames_split_at_every_byte_say_the_same() -> None:
    async with talk() as (gateway, client):
        whole = await client.ask(ReqContractDetails(request_id=1, contract=APPLE))
        gateway.inject(Split(size=1))
        assert await client.ask(ReqContractDetails(request_id=1, contract=APPLE)) == whole


async def test_point_07_a_slow_reader_is_told_late() -> None:
    async with talk() as (gateway, client):
        gateway.inject(Trickle(bytes_per_s=10))
        await client.ask(ReqContractDetails(request_id=1, contract=APPLE))
        assert client.all(ContractDetailsEnd) == []
        await gateway.advance(600)
        await client.hear()
        assert client.all(ContractDetailsEnd) == [ContractDetailsEnd(request_id=1)]


async def test_point_07_an_end_is_lost_and_answers_come_twice_late_or_in_another_order() -> None:
    async with talk() as (gateway, client):
        gateway.inject(MissingEnd(times=1))
        assert await client.ask(ReqOpenOrders()) == []
        gateway.inject(Duplicate(reply="OrderStatus", times=1))
        await client.ask(order(1))
        first, second, *_ = client.all(OrderStatus)
        assert first == second
        gateway.clear_faults()
        gateway.inject(Hold(reply="CurrentTime", seconds=5, times=1))
        assert await client.ask(ReqCurrentTime()) == []
        await gateway.advance(6)
        assert [type(one) for one in await client.hear()] == [CurrentTime]
        gateway.clear_faults()
        gateway.inject(Reorder(reply="OrderStatus", before="OpenOrder", times=1))
        told = [type(one) for one in await client.ask(order(2))]
        assert told.index(OrderStatus) < told.index(OpenOrder)


async def test_point_07_a_restart_that_forgets_begins_with_the_first_id_again() -> None:
    async with talk() as (gateway, client):
        await client.ask(order(1), order(2))
        gateway.restart()
        kept = await Conversation.start(gateway, client_id=1)
        assert kept.last(NextValidId) == NextValidId(order_id=3)
        assert len(gateway.venue.open_orders()) == 2
        gateway.restart(keep_state=False)
        fresh = await Conversation.start(gateway, client_id=1)
        assert fresh.last(NextValidId) == NextValidId(order_id=1)
        assert gateway.venue.open_orders() == ()


async def test_point_07_an_order_is_filled_while_its_client_is_away() -> None:
    async with talk() as (gateway, client):
        set_quote(gateway, bid="189.98", ask="190.02", last="190.00")
        await client.ask(order(1, action="SELL", lmtPrice="193"))
        gateway.cut()
        set_quote(gateway, bid="193.10", ask="193.14", last="193.12")
        await gateway.advance(1)
        again = await Conversation.start(gateway, client_id=1)
        assert again.all(ExecDetails) == []
        await again.ask(ReqExecutions(request_id=1), ReqPositions())
        assert [one.order_id for one in again.all(ExecDetails)] == [1]
        assert again.last(Position).position == -5


@pytest.mark.parametrize(
    ("quirk", "start", "away_s"),
    [
        # in New York: Wednesday at 23:44, and Sunday at 00:59
        pytest.param(Quirk.DAILY_RESTART, "2026-11-19T04:44:00+00:00", 60, id="daily restart"),
        pytest.param(Quirk.WEEKLY_LOGOUT, "2026-11-22T05:59:00+00:00", 3_600, id="weekly logout"),
    ],
)
async def test_point_07_the_gateway_goes_away_at_its_hour_and_comes_back(
    quirk: Quirk, start: str, away_s: int
) -> None:
    clock = ManualClock(datetime.fromisoformat(start))
    async with talk(clock=clock, quirks=[quirk]) as (gateway, client):
        await client.ask(order(1, tif="GTC"))
        await gateway.advance(61)
        await client.hear()
        assert client.is_closed
        refused = await Conversation.dial(gateway)
        await refused.hear()
        assert refused.is_closed
        await gateway.advance(away_s + 1)
        again = await Conversation.start(gateway, client_id=1)
        assert [type(one) for one in await again.ask(ReqOpenOrders())] == [
            OpenOrder,
            OrderStatus,
            OpenOrderEnd,
        ]


async def test_point_07_the_clock_of_the_gateway_may_be_wrong() -> None:
    wrong = ManualClock(DEFAULT_START + timedelta(hours=3))
    async with talk(clock=wrong) as (_, client):
        [told] = await client.ask(ReqCurrentTime())
        assert told == CurrentTime(time=int(DEFAULT_START.timestamp()) + 3 * 3600)


async def test_point_07_chance_is_drawn_with_the_seed() -> None:
    async def lost(seed: int) -> list[int]:
        async with talk(seed=seed) as (gateway, client):
            gateway.inject(Drop(reply="CurrentTime", probability=0.5))
            return [len(await client.ask(ReqCurrentTime())) for _ in range(40)]

    one = await lost(1)
    assert one == await lost(1)
    assert set(one) == {0, 1}
    assert one != await lost(2)


# --- 8: virtual clock, seed, log, assertions ----------------------------------------------------


async def test_point_08_nothing_moves_until_time_does() -> None:
    async with talk() as (gateway, client):
        await client.ask(ReqMarketData(request_id=1, contract=APPLE))
        assert await client.hear() == []
        await gateway.advance(60)
        assert [type(one) for one in await client.hear()]


async def _bytes_of_a_session(seed: int) -> list[list[str]]:
    async with talk(seed=seed) as (gateway, client):
        await client.ask(
            ReqMarketData(request_id=1, contract=APPLE),
            order(1, orderType="MKT", totalQuantity="700"),
            ReqAccountUpdates(subscribe=True, account="DU1234567"),
        )
        await gateway.advance(120)
        await client.ask(order(2, action="SELL", orderType="MKT", totalQuantity="300"))
        return client.frames


async def test_point_08_two_runs_with_one_seed_are_equal_byte_for_byte() -> None:
    first = await _bytes_of_a_session(7)
    assert first == await _bytes_of_a_session(7)
    assert first != await _bytes_of_a_session(8)


async def test_point_08_every_request_is_in_the_log_with_what_was_answered_at_once() -> None:
    async with talk(client_id=5) as (gateway, client):
        await client.ask(ReqCurrentTime())
        logged = gateway.log[-1]
        assert (logged.client_id, logged.request) == (5, ReqCurrentTime())
        assert logged.replies == (client.heard[-1],)


SCENARIO = """
accounts: {DU1: 5000, DU2: {cash: {EUR: 100}}}
permissions: {data_lines: 1}
quirks: [preset_tif]
script:
  - {at_s: 5, quote: {symbol: AAPL, bid: 149.98, ask: 150.02, last: 150}}
  - {at_s: 10, notice: {code: 1100, text: gone}}
  - {at_s: 20, fault: {kind: cut, on: PlaceOrder, handled: true}}
"""


async def test_point_08_a_scenario_says_what_is_and_what_happens(tmp_path: Path) -> None:
    written = tmp_path / "scenario.yaml"
    written.write_text(SCENARIO)
    same = (
        Scenario(
            accounts={
                "DU1": Account(cash={"USD": Decimal(5000)}),
                "DU2": Account(cash={"EUR": Decimal(100)}),
            },
            permissions=Permissions(data_lines=1),
            quirks=(Quirk.PRESET_TIF,),
        )
        .at(
            5,
            HoldQuote(
                symbol="AAPL", bid=Decimal("149.98"), ask=Decimal("150.02"), last=Decimal(150)
            ),
        )
        .at(10, SayNotice(code=1100, text="gone"))
        .at(20, Cut(on="PlaceOrder", handled=True))
    )
    assert read_scenario(written) == same
    async with talk(scenario=same) as (gateway, client):
        assert client.heard[0] == ManagedAccounts(accounts="DU1,DU2")
        await client.ask(ReqMarketData(request_id=1, contract=APPLE))
        await gateway.advance(6)
        await client.hear()
        bids = [one.price for one in client.all(TickPrice) if one.tick_type == 1]
        assert bids[-1] == Decimal("149.98") != bids[0]
        await gateway.advance(5)
        await client.hear()
        assert 1100 in client.codes(-1)
        await client.ask(order(1, account="DU1", tif=""))
        assert 10349 in client.codes(1)
        await gateway.advance(10)
        await client.ask(order(2, account="DU1"))
        assert client.is_closed
        assert len(gateway.venue.open_orders()) == 2


async def test_point_08_an_order_that_was_sent_twice_is_noticed() -> None:
    async with talk() as (gateway, client):
        await client.ask(order(1, orderRef="once"), order(2, orderRef="another"))
        gateway.assert_no_duplicate_orders()
        await client.ask(order(3, orderRef="once"))
        with pytest.raises(AssertionError, match="placed twice: client 1: 1 and 3"):
            gateway.assert_no_duplicate_orders()


# --- 9: recorder and player ---------------------------------------------------------------------


async def _trade(gateway: Listening) -> list[list[str]]:
    client = await Conversation.start(gateway, client_id=1)
    await client.ask(ReqContractDetails(request_id=1, contract=APPLE))
    await client.ask(order(1, orderType="MKT"), order(2))
    await client.ask(ReqPositions())
    await client.ask(CancelOrder(order_id=2))
    await client.aclose()
    return client.frames


async def _recorded(*, is_masked: bool = True) -> tuple[list[str], list[list[str]]]:
    lines: list[str] = []
    async with standing_still() as gateway:
        upstream = gateway.host, gateway.port
        async with Recorder(upstream, lines.append, is_masked=is_masked) as between:
            said = await _trade(between)
        assert len(gateway.venue.executions()) == 1
    return lines, said


async def test_point_09_what_was_recorded_between_a_client_and_a_gateway_is_played_again() -> None:
    lines, said = await _recorded(is_masked=False)
    async with Player(lines) as player:
        assert await _trade(player) == said
        player.check()


async def test_point_09_a_recording_hides_the_account_and_is_a_gateway_all_the_same() -> None:
    lines, said = await _recorded()
    assert "DU1234567" not in "".join(lines)
    assert ["15", "1", "DU1234567"] in said
    async with Player(lines) as player:
        again = await _trade(player)
    assert len(again) == len(said)
    assert not [frame for frame in again if "DU1234567" in frame]


async def test_point_09_a_player_says_what_it_was_not_recorded_to_answer() -> None:
    lines, _ = await _recorded()
    async with Player(lines) as player:
        client = await Conversation.start(player, client_id=1)
        await client.ask(ReqMarketRule(rule_id=26))
        assert 320 in client.codes()
        with pytest.raises(AssertionError):
            player.check()
        await client.aclose()


# --- 10: fixture, program, container ------------------------------------------------------------


def test_point_10_a_fixture_is_there_for_whoever_installs_the_package(
    ibkr_gateway: HostedSimulator,
) -> None:
    async def ask() -> list[type]:
        reader, writer = await asyncio.open_connection(ibkr_gateway.host, ibkr_gateway.port)
        writer.write(hello(178))
        said = await reader.read(100)
        writer.close()
        return [type(said)]

    assert asyncio.run(ask()) == [bytes]


def test_point_10_a_program_says_where_it_listens() -> None:
    assert _version_of(["ibkr", "sim", "--port", "0"]) == b"178"


def test_point_10_a_container_starts_that_program() -> None:
    # *limit*: the image is not built here, what it starts is
    text = (ROOT / "docs" / "examples" / "Containerfile").read_text("utf-8")
    [entry] = re.findall(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)
    [exposed] = re.findall(r"^EXPOSE (.*)$", text, re.MULTILINE)
    command = json.loads(entry)
    assert command[command.index("--port") + 1] == exposed
    assert _version_of(["0" if word == exposed else word for word in command]) == b"178"


def _version_of(command: list[str]) -> bytes:
    """Start a gateway as a program, shake hands with it, stop it, and return its version."""
    code = "from ibkr_connector.cli import main; raise SystemExit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *command[1:]], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            client.sendall(hello(178))
            version = client.recv(100)[4:].split(b"\0")[0]
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 0
    return version
