"""Each kind of fault by its name, as scenario files and the control port know it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ibkr_connector.simulator import GatewaySimulator, HalfOpen, Trickle
from ibkr_connector.simulator.exchange.commands import SetQuote
from ibkr_connector.simulator.faults import KINDS, read_fault
from ibkr_connector.simulator.inputs import InputError
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.frames import FrameReader
from ibkr_connector.simulator.wire.replies import ErrorMessage, OrderStatus
from kit.faults import ASK_TIME, available, gateway, heard, kinds, order, segment, settle
from kit.raw_client import RawClient, frame

Check = Callable[[GatewaySimulator, RawClient], Awaitable[None]]


def arm(simulator: GatewaySimulator, kind: str, **fields: Any) -> None:
    simulator.inject(read_fault({"kind": kind, **fields}))


async def told(client: RawClient, *requests: Any) -> list[Any]:
    client.write(b"".join(frame(request) for request in requests))
    return list(await heard(client))


async def duplicate(simulator: GatewaySimulator, client: RawClient) -> None:
    arm(simulator, "duplicate", reply="CurrentTime", copies=2, times=1)
    assert kinds(await told(client, ask.ReqCurrentTime())) == ["CurrentTime"] * 3
    assert kinds(await told(client, ask.ReqCurrentTime())) == ["CurrentTime"]


async def hold(simulator: GatewaySimulator, client: RawClient) -> None:
    arm(simulator, "hold", reply="OrderStatus", seconds=3, where={"status": "Submitted"})
    early = [one for one in await told(client, order()) if isinstance(one, OrderStatus)]
    assert "Submitted" not in {one.status for one in early}
    assert kinds(await told(client, ask.ReqCurrentTime())) == ["CurrentTime"]
    await simulator.advance(3)
    late = [one for one in await heard(client) if isinstance(one, OrderStatus)]
    assert {one.status for one in late} == {"Submitted"}


async def missing_end(simulator: GatewaySimulator, client: RawClient) -> None:
    arm(simulator, "missing_end", times=2)
    got = await told(client, ask.ReqOpenOrders(), ask.ReqExecutions(request_id=1))
    assert got == []
    assert kinds(await told(client, ask.ReqOpenOrders())) == ["OpenOrderEnd"]


async def reorder(simulator: GatewaySimulator, client: RawClient) -> None:
    arm(simulator, "reorder", reply="OrderStatus", before="OpenOrder", times=1)
    got = kinds(await told(client, order()))
    assert got[0] == "OrderStatus"
    assert sorted(got) == sorted(kinds(await told(client, order(2))))


async def rewrite(simulator: GatewaySimulator, client: RawClient) -> None:
    arm(simulator, "rewrite", reply="OrderStatus", values={"status": "Dreaming", "filled": "2.5"})
    got = [one for one in await told(client, order()) if isinstance(one, OrderStatus)]
    assert {(one.status, str(one.filled)) for one in got} == {("Dreaming", "2.5")}


async def garble(simulator: GatewaySimulator, client: RawClient) -> None:
    arm(simulator, "garble", reply="CurrentTime", number=2, text="soon", times=1)
    client.write(ASK_TIME)
    assert (await client.fields())[2] == "soon"


async def truncate(simulator: GatewaySimulator, client: RawClient) -> None:
    arm(simulator, "truncate", reply="CurrentTime", at=7)
    client.write(frame(ask.ReqIds()) + ASK_TIME + frame(ask.ReqIds()))
    frames = FrameReader()
    frames.feed(await client.rest())
    assert len(list(frames.payloads())) == 1
    assert len(frames.peek(100)) == 7


async def reject(simulator: GatewaySimulator, client: RawClient) -> None:
    arm(simulator, "reject", text="no", manner="inactive first")
    got = await told(client, order())
    assert kinds(got) == ["OrderStatus", "201"]
    assert got[0].status == "Inactive"
    assert simulator.venue.open_orders() == ()
    assert "201" not in kinds(await told(client, order(2)))


async def warn(simulator: GatewaySimulator, client: RawClient) -> None:
    arm(simulator, "warn", on="CancelOrder", code=2100, text="hm", first=True)
    await told(client, order())
    got = await told(client, ask.CancelOrder(order_id=1))
    assert kinds(got)[0] == "2100"
    assert "202" in kinds(got)


async def ignore(simulator: GatewaySimulator, client: RawClient) -> None:
    arm(simulator, "ignore_request", on="ReqIds", times=1)
    assert kinds(await told(client, ask.ReqIds(), ask.ReqIds())) == ["NextValidId"]
    assert simulator.log[-2].replies == ()


async def trickle(simulator: GatewaySimulator, client: RawClient) -> None:
    arm(simulator, "trickle", bytes_per_s=10)
    client.write(ASK_TIME)
    got = await available(client)
    assert got == b""
    for _ in range(3):
        await simulator.advance(1)
        got += await segment(client)
        assert len(got) <= 30
    assert len(got) >= 20


async def slow_reader(simulator: GatewaySimulator, client: RawClient) -> None:
    arm(simulator, "slow_reader", bytes_per_s=len(ASK_TIME))
    client.write(ASK_TIME * 3)
    assert await heard(client) == []
    for _ in range(3):
        await simulator.advance(1)
        assert kinds(await heard(client)) == ["CurrentTime"]


async def merge(simulator: GatewaySimulator, client: RawClient) -> None:
    arm(simulator, "merge", seconds=2)
    client.write(ASK_TIME * 2)
    assert await heard(client) == []
    await simulator.advance(2)
    assert kinds(await heard(client)) == ["CurrentTime"] * 2


async def encode(simulator: GatewaySimulator, client: RawClient) -> None:
    arm(simulator, "encode", encoding="utf-16-le")
    client.write(ASK_TIME)
    assert "49\0".encode("utf-16-le") in await segment(client)


async def notice(simulator: GatewaySimulator, client: RawClient) -> None:
    arm(simulator, "notice", code=2103, text="broken", at_s=5, copies=2, times=2, every_s=10)
    assert await heard(client) == []
    await simulator.advance(5)
    assert kinds(await heard(client)) == ["2103", "2103"]
    await simulator.advance(9)
    assert await heard(client) == []
    await simulator.advance(1)
    assert kinds(await heard(client)) == ["2103", "2103"]
    await simulator.advance(30)
    assert await heard(client) == []


async def outage_cleared(simulator: GatewaySimulator, client: RawClient) -> None:
    arm(simulator, "outage", link="history farm", lasts_s=3_600)
    assert kinds(await heard(client)) == ["2105"]
    simulator.clear_faults()
    assert kinds(await heard(client)) == ["2106"]


async def restart(simulator: GatewaySimulator, client: RawClient) -> None:
    arm(simulator, "restart", at_s=3, keep_state=False)
    await told(client, order())
    await simulator.advance(3)
    assert (simulator.venue.open_orders(), simulator.connections) == ((), {})


async def foreign_order(simulator: GatewaySimulator, client: RawClient) -> None:
    arm(simulator, "foreign_order", of_client=3, order_id=8, con_id=265598, limit_price=1)
    (open_order,) = simulator.venue.open_orders()
    assert (open_order.owner.client_id, open_order.owner.order_id) == (3, 8)


async def message_rate(simulator: GatewaySimulator, client: RawClient) -> None:
    arm(simulator, "message_rate", per_s=2, breaches=1)
    client.write(ASK_TIME * 3)
    assert kinds([await client.reply() for _ in range(3)]) == ["CurrentTime", "CurrentTime", "100"]
    with pytest.raises(EOFError):
        await client.fields()


CHECKS: dict[str, Check] = {
    "duplicate": duplicate,
    "encode": encode,
    "foreign_order": foreign_order,
    "garble": garble,
    "hold": hold,
    "ignore_request": ignore,
    "merge": merge,
    "message_rate": message_rate,
    "missing_end": missing_end,
    "notice": notice,
    "outage": outage_cleared,
    "reject": reject,
    "reorder": reorder,
    "restart": restart,
    "rewrite": rewrite,
    "slow_reader": slow_reader,
    "trickle": trickle,
    "truncate": truncate,
    "warn": warn,
}
ELSEWHERE = {
    # test_faults_on_a_socket, test_faults_in_company
    *{"answer", "cut", "cut_after", "delay", "drop", "half_open", "refuse", "silent", "stall"},
    # test_quirks_on_a_socket: quirks of the same name, or of the same words
    *{"cancel_race", "clock_skew", "competing_session", "delayed_ticks", "end_of_streams"},
    *{"hello_zone", "no_price_first", "not_subscribed", "port_reset", "preset_tif"},
    *{"read_only_api", "rejection_manner", "revision", "split", "summary_slots"},
    *{"unset_first", "what_if_twice", "zone_form"},
}


@pytest.mark.parametrize("kind", CHECKS)
async def test_the_fault_does_what_its_name_says(kind: str) -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        await CHECKS[kind](simulator, client)
        await client.aclose()


def test_every_kind_has_a_test() -> None:
    assert set(KINDS) == set(CHECKS) | ELSEWHERE


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_refuses_a_field_that_it_does_not_have(kind: str) -> None:
    with pytest.raises(InputError, match=f"'speed_of_light' is not a key of fault {kind}"):
        read_fault({"kind": kind, "speed_of_light": 1})


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"kind": "truncate", "reply": "CurrentTime", "at": -1}, "at must not be negative"),
        ({"kind": "duplicate", "reply": "CurrentTime", "copies": 0}, "copies must be at least 1"),
        ({"kind": "hold", "reply": "CurrentTime", "seconds": 0}, "seconds must be above 0"),
        ({"kind": "reorder", "reply": "OrderStatus"}, "either before or behind"),
        ({"kind": "rewrite", "reply": "CurrentTime", "values": {}}, "values must name a field"),
        ({"kind": "rewrite", "reply": "CurrentTime", "values": {"a": "1"}}, "has no field 'a'"),
        ({"kind": "garble", "reply": "Pnl", "number": -1, "text": ""}, "number must not be"),
        ({"kind": "garble", "reply": "Pnl", "number": 1, "text": "\0"}, "must not hold a NUL"),
        ({"kind": "trickle", "bytes_per_s": 0}, "bytes_per_s must be above 0"),
        ({"kind": "split", "size": 0}, "size must be above 0"),
        ({"kind": "encode", "encoding": "klingon"}, "no encoding called 'klingon'"),
        ({"kind": "hello_zone", "zone": "中", "encoding": "latin-1"}, "zone cannot be written"),
        ({"kind": "notice", "code": 1, "text": "", "copies": 0}, "copies must be at least 1"),
        ({"kind": "restart", "down_s": -1}, "down_s must not be negative"),
        ({"kind": "outage", "repeats": 0}, "repeats must be at least 1"),
        ({"kind": "end_of_streams", "of": "ReqIds", "code": 1, "text": ""}, "of must be one of"),
        ({"kind": "cancel_race", "code": 5}, "code must be one of"),
        ({"kind": "not_subscribed", "code": 5}, "code must be one of"),
        ({"kind": "foreign_order", "con_id": 1, "action": "HOLD"}, "action must be BUY or SELL"),
        ({"kind": "message_rate", "per_s": 0}, "per_s and breaches must be at least 1"),
        ({"kind": "cut_after", "sent": 0}, "sent must be at least 1"),
        ({"kind": "refuse", "skip": -1}, "skip must not be negative"),
        ({"kind": "refuse", "at_s": -1}, "at_s must not be negative"),
        ({"kind": "refuse", "lasts_s": 0}, "lasts_s must be above 0"),
        (["refuse"], "must hold names and values"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(given: Any, named: str) -> None:
    with pytest.raises(InputError, match=named):
        read_fault(given)


async def test_a_client_that_does_not_read_is_not_read_from_and_hurts_nobody() -> None:
    async with gateway() as simulator:
        greedy = await RawClient.start(simulator.host, simulator.port, 1, receive_buffer=4_096)
        other = await RawClient.start(simulator.host, simulator.port, 2)
        request = frame(ask.ReqContractDetails(request_id=1, contract=order().contract))
        greedy.write(request * 5_000)
        await settle()
        # far more was asked for than was done: the rest waits on the client's own side
        done = len(simulator.log)
        assert done < 5_000
        assert kinds(await told(other, ask.ReqCurrentTime())) == ["CurrentTime"]
        greedy.write(request)
        await settle()
        assert len(simulator.log) == done + 1  # of the other
        await greedy.aclose()
        await other.aclose()


async def test_faults_add_up() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.inject(Trickle(bytes_per_s=1_000))
        arm(simulator, "duplicate", reply="CurrentTime")
        arm(simulator, "delay", seconds=3)
        arm(simulator, "split", size=2)
        client.write(ASK_TIME)
        await simulator.advance(2)
        assert await heard(client) == []
        await simulator.advance(3)
        assert kinds(await heard(client)) == ["CurrentTime"] * 2
        await client.aclose()


async def test_streams_of_a_half_open_client_do_not_pile_up() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        await told(client, ask.ReqMarketData(request_id=7, contract=order().contract))
        simulator.inject(HalfOpen(lasts_s=500))
        for cents in range(400):
            quote = SetQuote(con_id=265598, bid=100 + cents, ask=None)  # type: ignore[arg-type]
            simulator.gateway.execute(quote, simulator.clock.utcnow())
            await simulator.advance(1)
        await simulator.advance(101)
        got = await heard(client)
        assert 0 < len(got) < 40
        assert not [one for one in got if isinstance(one, ErrorMessage)]
        await client.aclose()
