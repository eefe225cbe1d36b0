"""Each fault does what its name says, to a client that is nothing but a socket."""

from __future__ import annotations

import pytest

from ibkr_connector.simulator import (
    Answer,
    Cut,
    CutAfter,
    Delay,
    Drop,
    GatewaySimulator,
    HalfOpen,
    Refuse,
    Silent,
    Stage,
    Stall,
)
from ibkr_connector.simulator.server import DEFAULT_START
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.replies import CurrentTime, ErrorMessage
from ibkr_connector.simulator.wire.requests import PlaceOrder, ReqCurrentTime, StartApi
from kit.faults import gateway, heard
from kit.raw_client import HELLO, RawClient, frame

ASK_TIME = frame(ReqCurrentTime())
ORDER = PlaceOrder(
    order_id=1,
    contract=WireContract(con_id=265598, exchange="SMART"),
    texts={
        "action": "BUY",
        "totalQuantity": "5",
        "orderType": "LMT",
        "lmtPrice": "1",
        "transmit": "1",
    },
)


async def quiet(client: RawClient) -> None:
    """Check that nothing comes: what was asked has been read, and the loop has come to rest."""
    assert await heard(client) == []


async def test_refuse_closes_the_socket_as_often_as_it_was_told() -> None:
    async with gateway(faults=[Refuse(times=1)]) as simulator:
        first = await RawClient.open(simulator.host, simulator.port)
        assert await first.rest() == b""
        await first.aclose()
        second = await RawClient.start(simulator.host, simulator.port)
        await second.aclose()


async def test_silent_after_the_hello_never_says_its_version() -> None:
    async with gateway(faults=[Silent(after=Stage.HELLO)]) as simulator:
        client = await RawClient.open(simulator.host, simulator.port)
        client.write(HELLO)
        await quiet(client)
        await client.aclose()


async def test_silent_after_the_start_says_its_version_and_no_more() -> None:
    async with gateway(faults=[Silent(after=Stage.START)]) as simulator:
        client = await RawClient.open(simulator.host, simulator.port)
        client.write(HELLO)
        assert (await client.fields())[0] == "178"
        client.write(frame(StartApi(client_id=1)))
        await quiet(client)
        await client.aclose()


@pytest.mark.parametrize("cut", range(1, len(frame(ORDER)) + 1, 7))
async def test_an_order_cut_at_any_byte_exists_only_when_its_last_byte_arrived(cut: int) -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.inject(CutAfter(received=cut))
        client.write(frame(ORDER))
        assert await client.rest() == b""
        exists = len(simulator.venue.open_orders()) == 1
        assert exists == (cut >= len(frame(ORDER)))
        await client.aclose()


async def test_an_order_that_arrived_whole_exists_although_its_answer_was_lost() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.inject(CutAfter(received=len(frame(ORDER))))
        client.write(frame(ORDER))
        assert await client.rest() == b""
        assert len(simulator.venue.open_orders()) == 1
        await client.aclose()


@pytest.mark.parametrize("cut", [1, 4, 5, 10])
async def test_an_answer_is_cut_after_exactly_so_many_bytes(cut: int) -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.inject(CutAfter(sent=cut))
        client.write(ASK_TIME)
        assert len(await client.rest()) == cut
        await client.aclose()


@pytest.mark.parametrize("handled", [True, False])
async def test_cut_on_a_request_does_it_first_or_never(handled: bool) -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.inject(Cut(on="PlaceOrder", handled=handled))
        client.write(frame(ORDER))
        assert await client.rest() == b""
        assert bool(simulator.venue.open_orders()) is handled
        await client.aclose()


async def test_half_open_keeps_the_socket_and_answers_nothing() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.inject(HalfOpen())
        client.write(ASK_TIME)
        await quiet(client)
        simulator.clear_faults()
        client.write(ASK_TIME)
        assert isinstance(await client.reply(), CurrentTime)
        await client.aclose()


async def test_stall_holds_everything_back_and_then_sends_it() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.inject(Stall(seconds=30))
        client.write(ASK_TIME)
        client.write(ASK_TIME)
        await quiet(client)
        await simulator.advance(29)
        await quiet(client)
        await simulator.advance(2)
        assert isinstance(await client.reply(), CurrentTime)
        assert isinstance(await client.reply(), CurrentTime)
        await client.aclose()


async def test_delay_sends_everything_late_and_in_order() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.inject(Delay(seconds=5))
        client.write(ASK_TIME)
        await quiet(client)
        await simulator.advance(4)
        await quiet(client)
        await simulator.advance(2)
        assert await client.reply() == CurrentTime(time=int(DEFAULT_START.timestamp()))
        await client.aclose()


async def test_answer_says_a_code_instead_of_doing_it() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.inject(Answer(to="PlaceOrder", code=201, text="no"))
        client.write(frame(ORDER))
        assert await client.reply() == ErrorMessage(request_id=1, code=201, text="no")
        assert simulator.venue.open_orders() == ()
        await client.aclose()


async def test_drop_loses_replies_of_one_kind() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.inject(Drop(reply="OpenOrder"))
        client.write(frame(ORDER))
        kinds = {type(await client.reply()).__name__ for _ in range(2)}
        assert kinds == {"OrderStatus"}
        await client.aclose()


async def test_a_notice_reaches_every_client() -> None:
    async with gateway() as simulator:
        clients = [await RawClient.start(simulator.host, simulator.port, n) for n in (1, 2)]
        simulator.notice(1100, "Connectivity between IB and Trader Workstation has been lost.")
        for client in clients:
            reply = await client.reply()
            assert isinstance(reply, ErrorMessage)
            assert (reply.request_id, reply.code) == (-1, 1100)
            await client.aclose()


@pytest.mark.parametrize("keep_state", [True, False])
async def test_a_restart_drops_everybody_and_keeps_the_orders_or_not(keep_state: bool) -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        client.write(frame(ORDER))
        await client.reply()
        simulator.restart(keep_state=keep_state)
        await client.rest()
        await client.aclose()
        assert bool(simulator.venue.open_orders()) is keep_state
        again = await RawClient.start(simulator.host, simulator.port)
        await again.aclose()


async def test_somebody_who_speaks_something_else_is_cut_off() -> None:
    async with gateway() as simulator:
        client = await RawClient.open(simulator.host, simulator.port)
        client.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await client.rest() == b""
        await client.aclose()


async def test_only_a_manual_clock_is_advanced() -> None:
    async with GatewaySimulator() as simulator:
        with pytest.raises(TypeError, match="runs by itself"):
            await simulator.advance(1)


@pytest.mark.parametrize(
    ("change", "code"),
    [({"orderType": "BOX TOP"}, 387), ({"account": "DU9"}, 201), ({"lmtPrice": "1.001"}, 110)],
)
async def test_a_what_if_is_refused_as_the_order_would_be(
    change: dict[str, str], code: int
) -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        texts = {**ORDER.texts, "whatIf": "1", **change}
        client.write(frame(PlaceOrder(order_id=1, contract=ORDER.contract, texts=texts)))
        reply = await client.reply()
        assert isinstance(reply, ErrorMessage)
        assert (reply.request_id, reply.code) == (1, code)
        assert simulator.venue.open_orders() == ()
        await client.aclose()
