"""Faults next to each other, next to pipelined requests, and with several clients."""

from __future__ import annotations

import pytest

from ibkr_connector.simulator import (
    Answer,
    Cut,
    CutAfter,
    Delay,
    HalfOpen,
    Refuse,
    Stall,
)
from ibkr_connector.simulator.wire.replies import CurrentTime
from ibkr_connector.simulator.wire.requests import PlaceOrder, ReqIds, ReqPositions, StartApi
from kit.faults import ASK_TIME, NOW, gateway, heard, kinds, order, settle
from kit.raw_client import HELLO, RawClient, frame


async def test_the_request_behind_an_answered_one_is_answered_too() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.inject(Answer(to="PlaceOrder", code=201, text="no"))
        client.write(frame(order()) + ASK_TIME)
        assert kinds(await heard(client)) == ["201", "CurrentTime"]
        await client.aclose()


async def test_what_a_fault_answered_is_in_the_log() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.inject(Answer(to="PlaceOrder", code=201, text="no"))
        client.write(frame(order()))
        await heard(client)
        last = simulator.log[-1]
        assert isinstance(last.request, PlaceOrder)
        assert (last.client_id, kinds(list(last.replies))) == (1, ["201"])
        await client.aclose()


async def test_the_request_behind_a_cut_is_never_done() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.inject(Cut(on="ReqCurrentTime", handled=True))
        client.write(ASK_TIME + frame(order()))
        assert await client.rest() == b""
        assert simulator.venue.open_orders() == ()
        await client.aclose()


async def test_a_cut_does_not_take_back_what_was_answered_before_it() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.inject(Cut(on="PlaceOrder", handled=False))
        client.write(ASK_TIME + frame(order()))
        assert await client.reply() == CurrentTime(time=NOW)
        assert await client.rest() == b""
        await client.aclose()


async def test_what_is_late_is_not_overtaken_when_the_delay_is_cleared() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.inject(Delay(seconds=5))
        client.write(frame(ReqIds()))
        await settle()
        simulator.clear_faults()
        client.write(ASK_TIME)
        assert await heard(client) == []
        await simulator.advance(5)
        assert kinds(await heard(client)) == ["NextValidId", "CurrentTime"]
        await client.aclose()


async def test_a_stepped_clock_stops_where_something_is_due() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.inject(Delay(seconds=0.25))
        client.write(frame(ReqIds()))
        await settle()
        await simulator.advance(0.5)
        assert kinds(await heard(client)) == ["NextValidId"]
        await client.aclose()


async def test_a_cut_that_happens_twice_counts_anew_for_the_second_socket() -> None:
    async with gateway() as simulator:
        simulator.inject(CutAfter(sent=40, times=2))
        for _ in range(2):
            client = await RawClient.open(simulator.host, simulator.port)
            client.write(HELLO + frame(StartApi(client_id=1)))
            assert len(await client.rest()) == 40
            await client.aclose()
        client = await RawClient.start(simulator.host, simulator.port)
        await client.aclose()


@pytest.mark.parametrize(("received", "sent", "got"), [(1000, 5, 5), (5, 1000, 0)])
async def test_a_cut_in_both_directions_waits_for_whichever_is_first(
    received: int, sent: int, got: int
) -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.inject(CutAfter(received=received, sent=sent))
        client.write(ASK_TIME)
        assert len(await client.rest()) == got
        await client.aclose()


async def test_a_half_open_socket_in_the_middle_of_a_frame_goes_on_where_it_was() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        client.write(ASK_TIME[:3])
        await settle()
        simulator.inject(HalfOpen())
        client.write(ASK_TIME[3:])
        assert await heard(client) == []
        simulator.clear_faults()
        client.write(frame(ReqIds()))
        assert kinds(await heard(client)) == ["CurrentTime", "NextValidId"]
        await client.aclose()


async def test_a_half_open_socket_heals_by_itself_when_it_was_told_to() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.inject(HalfOpen(lasts_s=30))
        client.write(ASK_TIME)
        await simulator.advance(29)
        assert await heard(client) == []
        await simulator.advance(1)
        assert kinds(await heard(client)) == ["CurrentTime"]
        await client.aclose()


async def test_a_stall_holds_everybody_back_alike() -> None:
    async with gateway() as simulator:
        clients = [await RawClient.start(simulator.host, simulator.port, n) for n in (1, 2, 3)]
        simulator.inject(Stall(seconds=30))
        for client in reversed(clients):
            client.write(ASK_TIME)
            await settle()
        assert [await heard(client) for client in clients] == [[], [], []]
        await simulator.advance(30)
        assert [kinds(await heard(client)) for client in clients] == [["CurrentTime"]] * 3
        for client in clients:
            await client.aclose()


async def test_a_fault_with_a_client_id_leaves_the_others_alone() -> None:
    async with gateway() as simulator:
        one, two = [await RawClient.start(simulator.host, simulator.port, n) for n in (1, 2)]
        simulator.inject(Stall(seconds=30, client_id=2))
        for client in (one, two):
            client.write(ASK_TIME)
        assert kinds(await heard(one)) == ["CurrentTime"]
        assert await heard(two) == []
        await one.aclose()
        await two.aclose()


async def test_a_fault_waits_for_its_time_and_for_its_turn() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.inject(Answer(to="ReqIds", code=322, text="", at_s=10, skip=1))
        ask = frame(ReqIds())
        client.write(ask)
        await simulator.advance(10)
        client.write(ask + ask + ask)
        told = kinds(await heard(client))
        assert told == ["NextValidId", "NextValidId", "322", "NextValidId"]
        await client.aclose()


async def test_chance_is_drawn_from_the_seed() -> None:
    async def told(seed: int) -> list[str]:
        async with gateway(seed=seed) as simulator:
            client = await RawClient.start(simulator.host, simulator.port)
            simulator.inject(Answer(to="ReqIds", code=322, text="", times=99, probability=0.5))
            client.write(frame(ReqIds()) * 30)
            got = kinds(await heard(client))
            await client.aclose()
            return got

    first = await told(1)
    assert set(first) == {"322", "NextValidId"}
    assert await told(1) == first
    assert await told(2) != first


async def test_a_restart_does_not_forget_what_was_not_simulated() -> None:
    async with gateway() as simulator:
        simulator.gateway.unsupported.append("client 1: message 24")
        simulator.restart(keep_state=False)
        with pytest.raises(AssertionError, match="message 24"):
            simulator.check()


async def test_the_log_survives_a_restart() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.restart(keep_state=False)
        assert len(simulator.log) == 1
        await client.aclose()


async def test_others_hear_of_an_order_without_waiting_for_the_clock() -> None:
    async with gateway() as simulator:
        one, two = [await RawClient.start(simulator.host, simulator.port, n) for n in (1, 2)]
        one.write(frame(order(orderType="MKT")))
        two.write(frame(ReqPositions()))
        await heard(two)
        one.write(frame(order(2, orderType="MKT")))
        assert kinds(await heard(two)) == ["Position"]
        await one.aclose()
        await two.aclose()


async def test_the_client_after_the_thirty_second_is_closed_at_once() -> None:
    async with gateway() as simulator:
        clients = [await RawClient.start(simulator.host, simulator.port, n) for n in range(32)]
        late = await RawClient.open(simulator.host, simulator.port)
        assert await late.rest() == b""
        await late.aclose()
        await clients.pop().aclose()
        await settle()
        clients.append(await RawClient.start(simulator.host, simulator.port, 99))
        for client in clients:
            await client.aclose()


async def test_a_reset_is_a_reset_and_an_end_is_an_end() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.inject(Cut(on="ReqIds", handled=False, reset=True))
        client.write(frame(ReqIds()))
        with pytest.raises(ConnectionResetError):
            await client.fields()
        await client.aclose()
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.inject(Cut(on="ReqIds", handled=False))
        client.write(frame(ReqIds()))
        with pytest.raises(EOFError):
            await client.fields()
        await client.aclose()


async def test_refuse_may_reset_too() -> None:
    async with gateway(faults=[Refuse(reset=True)]) as simulator:
        client = await RawClient.open(simulator.host, simulator.port)
        with pytest.raises(ConnectionResetError):
            await client.fields()
        await client.aclose()
