"""A whole connector whose journal is in a real PostgreSQL server: a cut, a kill, a restart."""

from __future__ import annotations

import asyncio
import importlib
import json
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from ibkr_connector import IBKRConnector, OrderStatus
from ibkr_connector.errors import ConfigurationError, OrderUncertainError
from ibkr_connector.orders.feed import OrderEventStream
from ibkr_connector.settings import Settings
from ibkr_connector.simulator import Cut, Drop, GatewaySimulator, HostedSimulator
from ibkr_connector.storage.postgres import PostgresPlace
from ibkr_connector.tuning import journal_place
from kit.command import ibkr
from kit.connector_mortal import placing_process
from kit.postgres import on_a_server
from kit.rule_socket import at_the_venue, limits, order, quote

pytestmark = on_a_server

Make = Callable[..., IBKRConnector]

MINE = order(client_order_id="mine")


def run_sql(url: str, statement: str, *values: object) -> None:
    """Do something in a database that no connector does."""

    async def running() -> None:
        asyncpg: Any = importlib.import_module("asyncpg")
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement, *values)
        finally:
            await connection.close()

    asyncio.run(running())


@pytest.fixture
def journal_url(
    postgres_url: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Return a database of the test's own, and have every program here keep its journal there."""
    name = request.node.name.replace("test_", "")[:60]
    run_sql(postgres_url, f'CREATE DATABASE "{name}"')
    url = urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))
    monkeypatch.setenv("IBKR_JOURNAL_URL", url)
    return url


async def command_says(*options: str) -> Any:
    """Return what `ibkr orders` says of the journal, as it says it to programs."""
    done = await asyncio.to_thread(ibkr, "orders", *options, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def released(url: str, settings: Settings) -> None:
    """Wait until the server has noticed that the writer of a journal is gone."""
    place = journal_place(settings)
    assert isinstance(place, PostgresPlace)
    lock = "SELECT pg_advisory_lock(hashtextextended($1, 1))"
    await asyncio.to_thread(run_sql, url, lock, place.name)


async def becomes(
    ib: IBKRConnector, order_id: int, status: OrderStatus, events: OrderEventStream
) -> None:
    """Wait until an order is this."""
    async with asyncio.timeout(60):
        while (await ib.get_order_status(order_id)).status is not status:
            await anext(events)


async def test_a_cut_and_a_restart_are_told_by_a_journal_on_a_server(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path, journal_url: str
) -> None:
    limits(config)
    cut = Cut(on="PlaceOrder", handled=True, answered=False)
    async with make_connector(ibkr_gateway.port) as ib, ib.stream_order_events() as events:
        ibkr_gateway.do(lambda simulator: simulator.inject(cut))
        with pytest.raises(OrderUncertainError):
            await ib.place_order(MINE)
        await becomes(ib, 1, OrderStatus.SUBMITTED, events)
        placed = await ib.place_order(MINE)
        history = await ib.order_history("mine")
    targets = [step.target for step in history.steps if step.kind == "step"]
    assert targets == ["sent", "uncertain", "working"]
    assert at_the_venue(ibkr_gateway) == 1

    # another connector has nothing but the server's table: no file of orders is in its folder
    async with make_connector(ibkr_gateway.port) as again:
        report = await again.place_order(MINE)
        assert (report.order_id, report.perm_id) == (placed.order_id, placed.perm_id)
        cancelled = await again.cancel_order(report.order_id)
        assert cancelled.status is OrderStatus.CANCELLED
    assert at_the_venue(ibkr_gateway) == 1
    assert not list(config.parent.resolve().rglob("orders-*"))

    # and a person at a terminal
    (shown,) = await command_says()
    assert (shown["status"], shown["order_id"]) == ("cancelled", placed.order_id)
    told = await command_says("--history", "mine")
    steps = [step["target"] for step in told["steps"] if step["kind"] == "step"]
    assert (steps[:3], steps[-1]) == (targets, "cancelled")
    chain = await command_says("--verify")
    assert chain["sound"]
    assert chain["entries"] >= told["steps"][-1]["seq"]


async def test_an_order_of_a_killed_process_is_filled_meanwhile_and_met_again_on_a_server(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path, journal_url: str
) -> None:
    limits(config)
    quote(ibkr_gateway, "104.90", "105.10")
    # without an answer the process still waits for one when it is killed
    for reply in ("OpenOrder", "OrderStatus"):
        drop = Drop(reply=reply, answering="PlaceOrder", times=5)
        ibkr_gateway.do(partial(GatewaySimulator.inject, fault=drop))
    settings = make_connector(ibkr_gateway.port).settings
    async with placing_process(settings, MINE) as process, asyncio.timeout(120):
        while at_the_venue(ibkr_gateway) == 0:
            assert process.is_alive()
            await asyncio.sleep(0.01)
        with pytest.raises(ConfigurationError, match="another connector"):
            await make_connector(ibkr_gateway.port).connect()
        process.kill()
        await asyncio.to_thread(process.join)
    assert process.exitcode == -signal.SIGKILL
    await released(journal_url, settings)
    left = await command_says("--history", "mine")
    assert left["order"]["status"] != "filled"
    quote(ibkr_gateway, "99.80", "99.90")
    async with make_connector(ibkr_gateway.port) as ib, ib.stream_order_events() as events:
        await becomes(ib, 1, OrderStatus.FILLED, events)
        assert (await ib.place_order(MINE)).filled_quantity == 10
    assert at_the_venue(ibkr_gateway) == 1
    told = await command_says("--history", "mine")
    assert told["steps"][: len(left["steps"])] == left["steps"]
    assert (told["order"]["status"], told["order"]["filled_quantity"]) == ("filled", "10")
    assert (await command_says("--verify"))["sound"]
