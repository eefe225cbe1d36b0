"""The control port: what other languages see of the simulator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.simulator import GatewaySimulator
from ibkr_connector.simulator.control import ControlPort
from kit.faults import ASK_TIME, gateway, heard, kinds, order
from kit.raw_client import RawClient, frame


class Controller:
    """The other end of the control port."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def raw(self, line: bytes) -> Any:
        self.writer.write(line + b"\n")
        return json.loads(await self.reader.readline())

    async def ask(self, command: str, **fields: Any) -> Any:
        answer = await self.raw(json.dumps({"command": command, **fields}).encode())
        assert answer["ok"], answer
        return answer["result"]

    async def fails(self, command: str, **fields: Any) -> str:
        answer = await self.raw(json.dumps({"command": command, **fields}).encode())
        assert not answer["ok"], answer
        return str(answer["error"])


@asynccontextmanager
async def controlled(**arguments: Any) -> AsyncIterator[tuple[GatewaySimulator, Controller]]:
    async with gateway(**arguments) as simulator, ControlPort(simulator) as port:
        controller = Controller(*await asyncio.open_connection("127.0.0.1", port.port))
        yield simulator, controller
        controller.writer.close()
        await controller.writer.wait_closed()


async def test_faults_and_quirks_are_driven_from_outside() -> None:
    async with controlled() as (simulator, control):
        client = await RawClient.start(simulator.host, simulator.port)
        await control.ask("inject", kind="answer", to="PlaceOrder", code=201, text="no")
        client.write(frame(order(1)))
        assert kinds(await heard(client)) == ["201"]
        await control.ask("quirk", name="status_twice")
        assert await control.ask("quirks") == ["status_twice"]
        client.write(frame(order(2)))
        assert kinds(await heard(client)).count("OrderStatus") % 2 == 0
        await control.ask("quirk", name="status_twice", on=False)
        await control.ask("inject", kind="drop", reply="OrderStatus")
        assert [one["kind"] for one in await control.ask("faults")] == ["drop"]
        await control.ask("clear")
        assert await control.ask("faults") == []
        await control.ask("notice", code=1100, text="lost")
        assert kinds([await client.reply()]) == ["1100"]
        await client.aclose()


async def test_the_market_and_the_clock_are_moved_from_outside() -> None:
    async with controlled() as (simulator, control):
        client = await RawClient.start(simulator.host, simulator.port)
        await control.ask("set_quote", symbol="AAPL", bid=100.25, ask=100.5)
        client.write(frame(order(1, orderType="MKT")))
        await heard(client)
        (execution,) = await control.ask("executions")
        assert (execution["price"], execution["quantity"]) == ("100.5", "5")
        (position,) = await control.ask("positions")
        assert (position["symbol"], position["quantity"]) == ("AAPL", "5")
        assert await control.ask("advance", seconds=90) == "2026-11-18T15:01:30+00:00"
        assert await control.ask("time") == "2026-11-18T15:01:30+00:00"
        await client.aclose()


async def test_orders_and_log_are_seen_from_outside() -> None:
    async with controlled() as (simulator, control):
        client = await RawClient.start(simulator.host, simulator.port)
        client.write(frame(order(1)) + ASK_TIME)
        await heard(client)
        await control.ask(
            "order", client_id=9, order_id=4, symbol="AAPL", action="BUY", quantity=3, limit_price=1
        )
        orders = await control.ask("orders")
        assert [(one["client_id"], one["order_id"], one["status"]) for one in orders] == [
            (1, 1, "Submitted"),
            (9, 4, "Submitted"),
        ]
        log = await control.ask("log")
        assert [one["request"] for one in log] == ["StartApi", "PlaceOrder", "ReqCurrentTime"]
        assert log[1]["fields"]["texts"]["lmtPrice"] == "1"
        assert await control.ask("clients") == [1]
        await client.aclose()


async def test_a_restart_and_a_cut_are_asked_for_from_outside() -> None:
    async with controlled() as (simulator, control):
        for command in ("cut", "restart"):
            client = await RawClient.start(simulator.host, simulator.port)
            await control.ask(command)
            with pytest.raises(EOFError):
                await client.fields()
            await client.aclose()


async def test_checks_fail_with_their_reason() -> None:
    async with controlled() as (simulator, control):
        client = await RawClient.start(simulator.host, simulator.port)
        assert await control.ask("check") is None
        assert await control.ask("assert_no_duplicate_orders") is None
        simulator.gateway.unsupported.append("client 1: message 24")
        client.write(frame(order(1)) + frame(order(2)))
        await heard(client)
        assert "message 24" in await control.fails("check")
        assert "1 and 2" in await control.fails("assert_no_duplicate_orders")
        await client.aclose()


async def test_help_names_everything_that_there_is() -> None:
    async with controlled() as (_, control):
        told = await control.ask("help")
        assert {"inject", "set_quote", "advance", "log"} <= set(told["commands"])
        assert "handled" in told["faults"]["cut"]
        assert told["quirks"]["preset_tif"]


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (b"hello", "must be an object in JSON"),
        (b"[1]", "must be an object in JSON, got list"),
        (b"\xff\xfe", "must be an object in JSON"),
        (b"{}", 'such as {"command": "help"}'),
        (b'{"command": "explode"}', "no command 'explode'; known are quote"),
        (b'{"command": "inject", "kind": "nope"}', "no kind 'nope'"),
        (b'{"command": "inject", "kind": "stall"}', "needs 'seconds'"),
        (b'{"command": "quirk", "name": "nope"}', "must be one of"),
        (b'{"command": "quote", "symbol": "NOPE1"}', "'NOPE1' is not listed"),
        (b'{"command": "advance"}', "seconds must be a number"),
        (b'{"command": "advance", "seconds": -1}', "seconds must be 0 to"),
        (b'{"command": "advance", "seconds": 1e300}', "seconds must be 0 to"),
        (b'{"command": "orders", "of": 1}', "'of' is not a key of orders"),
        (b"[" * 100_000, "must be an object in JSON"),
    ],
)
async def test_what_cannot_be_is_answered_and_the_next_line_works(line: bytes, named: str) -> None:
    async with controlled() as (_, control):
        answer = await control.raw(line)
        assert (answer["ok"], named in answer["error"]) == (False, True), answer
        assert await control.ask("port")


async def test_the_id_of_a_command_is_given_back() -> None:
    async with controlled() as (_, control):
        assert (await control.raw(b'{"command": "check", "id": "a7"}'))["id"] == "a7"
        assert (await control.raw(b'{"command": "nope", "id": 5}'))["id"] == 5


async def test_a_line_that_is_too_long_is_refused_and_the_next_one_works() -> None:
    async with controlled() as (simulator, control):
        answer = await control.raw(b"x" * (3 * 1024 * 1024))
        assert answer == {"ok": False, "error": "a line of more than 1 MiB"}
        assert await control.ask("port") == simulator.port


async def test_a_clock_that_runs_by_itself_is_not_advanced() -> None:
    async with GatewaySimulator() as simulator, ControlPort(simulator) as port:
        control = Controller(*await asyncio.open_connection("127.0.0.1", port.port))
        assert "runs by itself" in await control.fails("advance", seconds=1)
        control.writer.close()
        await control.writer.wait_closed()


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 10**20), st.floats(), st.text(max_size=8)
)


@settings(max_examples=100)
@given(
    st.sampled_from(["inject", "quirk", "quote", "order", "advance", "notice", "halt", "log"]),
    st.dictionaries(
        st.sampled_from(
            ["kind", "name", "symbol", "con_id", "bid", "ask", "seconds", "code", "reply", "on"]
        ),
        VALUES | st.sampled_from(["cut", "drop", "AAPL", "PlaceOrder", "OrderStatus"]),
        max_size=5,
    ),
)
def test_no_command_brings_it_down(command: str, fields: dict[str, Any]) -> None:
    if isinstance(fields.get("seconds"), int | float) and command == "advance":
        fields["seconds"] = min(fields["seconds"], 3)

    async def run() -> None:
        async with gateway() as simulator:
            port = ControlPort(simulator)
            line = json.dumps({"command": command, **fields}).encode()
            answer = await port.answer(line)
            assert "ok" in answer
            json.dumps(answer)
            client = await RawClient.open(simulator.host, simulator.port)
            await client.aclose()
            simulator.tick()

    asyncio.run(run())
