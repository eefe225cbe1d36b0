"""
What a simulator of a gateway must do that none did before, point by point.

Eleven points, each by tests whose names begin with its number; data and orders are in the files
beside this one. Everything is said over a socket, in frames; nothing of the connector takes part.
"""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from ibkr_connector.simulator import Permissions
from ibkr_connector.simulator.dialogue.gateway import MANUAL
from ibkr_connector.simulator.exchange.records import Terms
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.frames import encode_frame, join_fields
from ibkr_connector.simulator.wire.replies import (
    ContractDetails,
    ContractDetailsEnd,
    ErrorMessage,
    ManagedAccounts,
    MarketRule,
    NextValidId,
    OpenOrder,
    OpenOrderEnd,
    OrderBound,
    OrderStatus,
)
from ibkr_connector.simulator.wire.requests import (
    CancelOrder,
    ReqAllOpenOrders,
    ReqAutoOpenOrders,
    ReqContractDetails,
    ReqMarketRule,
    ReqOpenOrders,
    StartApi,
    encode_request,
)
from kit.broker import AAPL
from kit.conversation import APPLE, Conversation, order, standing_still, talk

VERSIONS = (157, 166, 178)


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
    assert sizes == {157: None, 166: Decimal(1), 178: Decimal(1)}  # since 164
    heads = {
        version: next(len(one) for one in client.frames if one[0] == "5")
        for version, client in told.items()
    }
    assert heads[157] < heads[166]


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
