"""A gateway that is a program of its own, and is stopped as a machine under load stops it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from ibkr_connector import (
    ConnectionState,
    IBKRConnector,
    NotConnectedError,
    OrderUncertainError,
    TradingHaltedError,
)
from ibkr_connector.clock import SystemClock

INTERVAL_S = 1.0
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


async def until(condition: Callable[[], bool], *, within_s: float) -> float:
    began = time.perf_counter()
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)
    return time.perf_counter() - began


@pytest.fixture
async def ib(
    gateway: Gateway, make_connector: Callable[..., IBKRConnector]
) -> AsyncIterator[IBKRConnector]:
    connector = make_connector(
        gateway.port, heartbeat_interval_s=INTERVAL_S, order_ack_timeout_s=1.0
    )
    async with connector:
        # what an order needs to know is asked before anything is stopped
        report = await connector.place_order(REST)
        await connector.cancel_order(report.order_id)
        yield connector


async def test_it_is_found_within_two_heartbeats(gateway: Gateway, ib: IBKRConnector) -> None:
    took: list[float] = []
    # a busy machine may stand still for a moment now and then, but not each time
    while not took or (len(took) < 3 and min(took) > 2 * INTERVAL_S + 0.3):
        gateway.send(signal.SIGSTOP)
        took.append(
            await until(
                lambda: ib.get_connection_status().state is not ConnectionState.READY, within_s=60
            )
        )
        gateway.send(signal.SIGCONT)
        await ib.wait_ready(timeout_s=60)
    assert min(took) <= 2 * INTERVAL_S + 0.3


async def test_an_order_in_that_window_is_refused_and_never_queued(
    gateway: Gateway, ib: IBKRConnector
) -> None:
    gateway.send(signal.SIGSTOP)
    # for longer than what was heard last proves anything, and not until the next heartbeat
    session = ib._engine()._link.session
    assert session is not None
    clock = SystemClock()
    await until(
        lambda: clock.monotonic() - session.last_received > INTERVAL_S * 0.5, within_s=INTERVAL_S
    )
    assert ib.get_connection_status().state is ConnectionState.READY, "nobody has noticed yet"
    with pytest.raises((NotConnectedError, TradingHaltedError)):
        await ib.place_order(REST | {"quantity": 77})
    gateway.send(signal.SIGCONT)
    await ib.wait_ready(timeout_s=60)
    await ib.request("positions", lambda raw: raw.reqPositionsAsync())  # it has read all we said
    assert not [one for one in await gateway.orders() if "77" in map(str, one.values())]


async def test_an_order_that_was_written_just_before_is_uncertain_and_then_known(
    gateway: Gateway, ib: IBKRConnector
) -> None:
    gateway.send(signal.SIGSTOP)
    with pytest.raises(OrderUncertainError) as caught:
        await ib.place_order(REST | {"quantity": 88})
    await until(lambda: ib.get_connection_status().state is not ConnectionState.READY, within_s=60)
    gateway.send(signal.SIGCONT)
    await until(lambda: ib.get_connection_status().reconnect_count > 0, within_s=60)
    await ib.wait_ready(timeout_s=60)
    there = [one for one in await gateway.orders() if "88" in map(str, one.values())]
    assert len(there) <= 1
    async with asyncio.timeout(60):
        while (report := await ib.get_order_status(caught.value.order_id)).status == "uncertain":
            await asyncio.sleep(0.05)
    assert report.is_closed is not bool(there)
