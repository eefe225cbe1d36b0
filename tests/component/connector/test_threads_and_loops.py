"""One object, from wherever it is called."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ibkr_connector import (
    ConfigurationError,
    ConnectionState,
    IBKRConnector,
    NotConnectedError,
    WrongThreadError,
)
from ibkr_connector.simulator import HostedSimulator

Make = Callable[..., IBKRConnector]


@pytest.fixture(autouse=True)
def _no_shared_connectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a process without shared connectors."""
    monkeypatch.setattr(IBKRConnector, "_shared", {})


def test_it_is_one_object_from_eight_threads() -> None:
    start = threading.Barrier(8)

    def construct() -> IBKRConnector:
        start.wait()
        return IBKRConnector()

    with ThreadPoolExecutor(8) as threads:
        made = [task.result() for task in [threads.submit(construct) for _ in range(8)]]
    assert {id(connector) for connector in made} == {id(IBKRConnector())}


def test_a_profile_has_a_connector_of_its_own() -> None:
    assert IBKRConnector("one") is IBKRConnector("one")
    assert IBKRConnector("one") is not IBKRConnector("two")
    assert IBKRConnector("one").settings.profile == "one"


def test_other_settings_for_a_profile_in_use_are_an_error() -> None:
    first = IBKRConnector(port=5000)
    assert IBKRConnector(port=5000) is first
    with pytest.raises(ConfigurationError, match="in use with other settings: port"):
        IBKRConnector(port=5001)
    assert IBKRConnector() is first


def test_eight_threads_and_three_loops_at_once_get_right_answers(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    connector = make_connector(ibkr_gateway.port)
    symbols = ["AAPL", "MSFT", "SPY", "IBM", "EUR.USD", "KO", "JPM", "QQQ"]

    async def ask(symbol: str) -> str:
        await connector.connect()
        quote = await connector.get_quote(symbol)
        return quote.contract.local_symbol

    async def ask_all() -> list[str]:
        return list(await asyncio.gather(*(ask(symbol) for symbol in symbols)))

    async def from_eight_threads() -> list[str]:
        return list(
            await asyncio.gather(*(asyncio.to_thread(asyncio.run, ask(one)) for one in symbols))
        )

    with ThreadPoolExecutor(3) as loops:
        found = [task.result() for task in [loops.submit(asyncio.run, ask_all()) for _ in range(3)]]
    assert found == [symbols] * 3
    assert asyncio.run(from_eight_threads()) == symbols
    asyncio.run(connector.disconnect())
    assert connector.get_connection_status().state is ConnectionState.IDLE
    assert ibkr_gateway.do(lambda simulator: simulator.accepted) == 1


def test_asyncio_run_works_twice_in_a_row(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    connector = make_connector(ibkr_gateway.port)

    async def once() -> bool:
        async with connector:
            return (await connector.get_quote("AAPL")).bid is not None

    assert asyncio.run(once())
    assert asyncio.run(once())


def test_a_connection_outlives_the_loop_that_made_it(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    connector = make_connector(ibkr_gateway.port)
    asyncio.run(connector.connect())
    assert connector.get_connection_status().is_connected

    async def later() -> str:
        quote = await connector.get_quote("AAPL")
        await connector.disconnect()
        return quote.symbol

    assert asyncio.run(later()) == "AAPL"


async def test_concurrent_connects_share_one_attempt(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    connector = make_connector(ibkr_gateway.port)
    await asyncio.gather(*(connector.connect() for _ in range(10)))
    assert ibkr_gateway.do(lambda simulator: simulator.accepted) == 1
    await asyncio.gather(*(connector.disconnect() for _ in range(3)))
    await connector.disconnect()


async def test_one_cancelled_caller_does_not_take_the_connection_from_the_others(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    connector = make_connector(ibkr_gateway.port)
    first, second = (asyncio.create_task(connector.connect()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await second
    with pytest.raises(asyncio.CancelledError):
        await first
    assert connector.get_connection_status().is_connected
    await connector.disconnect()


async def test_disconnect_leaves_no_thread_and_no_task(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    before = {thread.ident for thread in threading.enumerate()}
    async with make_connector(ibkr_gateway.port) as connector:
        await connector.get_quote("AAPL")
    assert [t.name for t in threading.enumerate() if t.ident not in before] == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_disconnect_that_is_cancelled_still_closes_everything(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    connector = make_connector(ibkr_gateway.port)
    await connector.connect()
    closing = asyncio.create_task(connector.disconnect())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    # the journal is not locked, and the client id is free
    async with connector:
        await connector.get_quote("AAPL")


async def test_disconnect_ends_a_connection_attempt(make_connector: Make) -> None:
    released = asyncio.Event()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4)
        released.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    connector = make_connector(server.sockets[0].getsockname()[1], connect_timeout_s=30.0)
    attempt = asyncio.create_task(connector.connect())
    await released.wait()
    await connector.disconnect()
    with pytest.raises(NotConnectedError):
        await attempt
    assert connector.get_connection_status().state is ConnectionState.IDLE
    server.close()
    await server.wait_closed()


async def test_a_strategy_may_run_on_the_io_loop_itself(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as connector:

        async def strategy() -> str:
            with pytest.raises(WrongThreadError):
                await connector.disconnect()
            return (await connector.get_quote("AAPL")).symbol

        assert await connector.run(strategy()) == "AAPL"
