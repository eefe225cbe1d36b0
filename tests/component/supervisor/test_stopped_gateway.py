"""A gateway that is a program of its own, and is stopped as a machine under load stops it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from ibkr_connector import (
    ConnectionState,
    IBKRConnector,
    NotConnectedError,
    OrderReport,
    OrderUncertainError,
    TradingHaltedError,
)
from ibkr_connector.model.orders import SendDisposition
from kit.far_clock import FarClock, far_clock

__all__ = ["far_clock"]

INTERVAL_S = 60.0
REST: dict[str, Any] = {
    "symbol": "AAPL",
    "action": "BUY",
    "quantity": 1,
    "order_type": "LMT",
    "limit_price": "1.00",
}


@dataclass
class Gateway:
    """`ibkr sim` as a process."""

    process: asyncio.subprocess.Process
    port: int
    control_port: int

    def send(self, number: signal.Signals) -> None:
        """Stop it or let it go on."""
        os.kill(self.process.pid, number)

    async def orders(self) -> list[dict[str, Any]]:
        """Return the orders that the broker has."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.control_port)
        writer.write(b'{"command": "orders"}\n')
        said = json.loads(await reader.readline())
        writer.close()
        await writer.wait_closed()
        result: list[dict[str, Any]] = said["result"]
        return result


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    code = "from ibkr_connector.cli import main; raise SystemExit(main())"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, "sim", "--port", "0", "--control-port", "0"),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    said = json.loads(await process.stdout.readline())
    yield Gateway(process, said["port"], said["control_port"])
    os.kill(process.pid, signal.SIGCONT)
    process.kill()
    await process.communicate()


@pytest.fixture
async def ib(
    gateway: Gateway, make_connector: Callable[..., IBKRConnector], far_clock: FarClock
) -> AsyncIterator[IBKRConnector]:
    connector = make_connector(gateway.port, heartbeat_interval_s=INTERVAL_S)
    async with far_clock.running():
        await connector.connect()
        # what an order needs to know is asked before anything is stopped
        report = await connector.place_order(REST)
        await connector.cancel_order(report.order_id)
    yield connector
    async with far_clock.running():
        await connector.disconnect()


async def test_it_is_found_within_two_heartbeats(
    gateway: Gateway, ib: IBKRConnector, far_clock: FarClock
) -> None:
    gateway.send(signal.SIGSTOP)
    took = await far_clock.until(
        lambda: ib.get_connection_status().state is not ConnectionState.READY
    )
    gateway.send(signal.SIGCONT)
    async with far_clock.running():
        await ib.wait_ready(timeout_s=60)
    # each wait ends with the step in which it is over
    assert took <= 2 * INTERVAL_S + 4


async def test_an_order_in_that_window_is_refused_and_never_queued(
    gateway: Gateway, ib: IBKRConnector, far_clock: FarClock
) -> None:
    gateway.send(signal.SIGSTOP)
    # for longer than what was heard last proves anything, and not until the next heartbeat
    session = ib._engine()._link.session
    assert session is not None
    await far_clock.until(lambda: far_clock.monotonic() - session.last_received > INTERVAL_S * 0.25)
    assert ib.get_connection_status().state is ConnectionState.READY, "nobody has noticed yet"
    async with far_clock.running():
        with pytest.raises((NotConnectedError, TradingHaltedError)):
            await ib.place_order(REST | {"quantity": 77})
        gateway.send(signal.SIGCONT)
        await ib.wait_ready(timeout_s=60)
        # it has read all we said
        await ib.request("positions", lambda raw: raw.reqPositionsAsync())
    assert not [one for one in await gateway.orders() if "77" in map(str, one.values())]


async def test_an_order_that_was_written_just_before_is_uncertain_and_then_known(
    gateway: Gateway, ib: IBKRConnector, far_clock: FarClock
) -> None:
    gateway.send(signal.SIGSTOP)
    placing = asyncio.ensure_future(ib.place_order(REST | {"quantity": 88}))

    def is_written() -> bool:
        ours = [one for one in ib._engine().orders.ours() if one.quantity == 88]
        return [one.disposition for one in ours] == [SendDisposition.SENT]

    # the clock goes on so slowly that what was heard last proves enough until then
    await far_clock.until(is_written, step_s=0.0001)
    await far_clock.until(placing.done)
    with pytest.raises(OrderUncertainError) as caught:
        await placing
    await far_clock.until(lambda: ib.get_connection_status().state is not ConnectionState.READY)
    gateway.send(signal.SIGCONT)
    async with far_clock.running():
        async with asyncio.timeout(120):
            while not ib.get_connection_status().reconnect_count:
                await asyncio.sleep(0.005)
        await ib.wait_ready(timeout_s=60)
        report = await known(ib, caught.value.order_id)
    there = [one for one in await gateway.orders() if "88" in map(str, one.values())]
    assert len(there) <= 1
    assert report.is_closed is not bool(there)


async def known(ib: IBKRConnector, order_id: int) -> OrderReport:
    """Wait until it is known what has become of an order."""
    async with asyncio.timeout(120):
        while (report := await ib.get_order_status(order_id)).status == "uncertain":
            await asyncio.sleep(0.05)
    return report
