"""Each way of not being let in has its own error, in good time, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, NoReturn

import pytest

from ibkr_connector.clock import Clock, ManualClock, SystemClock
from ibkr_connector.errors import (
    AuthenticationError,
    ClientIdInUseError,
    ConfigurationError,
    GatewayUnavailableError,
    IBKRError,
)
from ibkr_connector.gateway.port import GatewayEvent
from ibkr_connector.gateway.session import Session
from ibkr_connector.model.ids import ClientId
from ibkr_connector.simulator import GatewaySimulator
from kit.quiet import settled
from kit.scripted_gateway import ScriptedGateway

BUDGET_S = 60.0


async def open_session(
    port: int,
    *,
    host: str = "127.0.0.1",
    budget_s: float = BUDGET_S,
    sink: list[GatewayEvent] | None = None,
    clock: Clock | None = None,
) -> Session:
    return await Session.open(
        host=host,
        port=port,
        client_id=ClientId(7),
        clock=clock or SystemClock(),
        sink=(sink if sink is not None else []).append,
        connect_timeout_s=budget_s,
        request_timeout_s=60.0,
    )


async def wait_in_vain(
    gateway: ScriptedGateway, *, sink: list[GatewayEvent] | None = None
) -> Session:
    """Let the budget pass, once all has been said that is said without time."""
    clock = ManualClock(SystemClock().utcnow())
    opening = asyncio.ensure_future(open_session(gateway.port, sink=sink, clock=clock))
    await settled()
    clock.advance(BUDGET_S - 0.001)
    await settled()
    # an answer that came, of whatever kind, did not wait for time
    is_over = opening.done()
    clock.advance(0.001)
    try:
        return await opening
    except IBKRError as error:
        if not is_over:
            error.add_note("after all of the budget")
        raise


async def test_a_session_knows_what_the_login_said() -> None:
    async with ScriptedGateway() as gateway:
        session = await open_session(gateway.port)
        assert session.info.accounts == ("DU1",)
        assert session.info.server_version == 178
        assert session.info.connected_since.utcoffset() is not None
        assert session.is_open
        await session.aclose()
        assert not session.is_open


async def test_the_next_order_id_may_come_before_the_accounts() -> None:
    async with ScriptedGateway(login=[(9, 1, 42), (15, 1, "DU1,DU2,")]) as gateway:
        session = await open_session(gateway.port)
        assert session.info.accounts == ("DU1", "DU2")
        await session.aclose()


async def test_a_greeting_with_an_odd_zone_is_a_greeting() -> None:
    async with ScriptedGateway(greeting=(178, "20261120 09:30:00 Ã¼ber")) as gateway:
        session = await open_session(gateway.port)
        assert session.is_open
        await session.aclose()


async def test_a_refused_connection_names_the_address_and_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(
            GatewayUnavailableError, match=rf"127\.0\.0\.1:{port}.*enable"
        ) as caught:
            await open_session(port)
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


async def test_an_unknown_host_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    # whoever answers for names may take longer to say so than anybody waits
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(GatewayUnavailableError, match=r"'no\.such\.host\.invalid' is not known"):
        await open_session(4002, host="no.such.host.invalid")


async def test_a_peer_that_says_nothing_is_not_waited_for_longer_than_the_budget() -> None:
    async with ScriptedGateway(greeting=None) as gateway:
        with pytest.raises(
            GatewayUnavailableError, match="took the connection and said nothing"
        ) as caught:
            await wait_in_vain(gateway)
        assert caught.value.__notes__ == ["after all of the budget"]
        await gateway.hung_up.wait()


async def test_silence_after_the_greeting_is_a_gateway_that_is_not_logged_in() -> None:
    async with ScriptedGateway(login=[]) as gateway:
        with pytest.raises(AuthenticationError, match="log in to TWS"):
            await wait_in_vain(gateway)
        await gateway.hung_up.wait()


async def test_hanging_up_without_a_greeting_is_its_own_error() -> None:
    async with ScriptedGateway(greeting=()) as gateway:
        with pytest.raises(GatewayUnavailableError, match="closed without a greeting"):
            await open_session(gateway.port)


async def test_hanging_up_during_the_login_is_its_own_error() -> None:
    async with ScriptedGateway(login=None) as gateway:
        with pytest.raises(GatewayUnavailableError, match=r"during login.*trusted addresses"):
            await open_session(gateway.port)


@pytest.mark.parametrize("greeting", [("what", "is this"), (1, 2, 3), ("hello",)])
async def test_another_program_on_the_port_is_called_that(greeting: tuple[Any, ...]) -> None:
    async with ScriptedGateway(greeting=greeting) as gateway:
        with pytest.raises(GatewayUnavailableError, match="another program"):
            await open_session(gateway.port)


async def test_a_web_server_on_the_port_is_called_another_program() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(GatewayUnavailableError, match="another program"):
            await open_session(port)


async def test_an_old_gateway_is_told_to_be_updated() -> None:
    async with ScriptedGateway(greeting=(156, "20261120 09:30:00 UTC")) as gateway:
        with pytest.raises(ConfigurationError, match=r"157 or newer, found 156.*update"):
            await open_session(gateway.port)


async def test_j_a_client_id_in_use_is_known_at_once_and_not_after_the_timeout() -> None:
    text = "Unable to connect as the client id is already in use."
    async with ScriptedGateway(login=[(4, 2, -1, 326, text, "")]) as gateway:
        async with asyncio.timeout(60):
            with pytest.raises(ClientIdInUseError) as caught:
                await open_session(gateway.port, budget_s=3600)
        assert caught.value.code == 326
        assert caught.value.retry_after_s


async def test_a_failed_attempt_tells_the_sink_nothing_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    events: list[GatewayEvent] = []
    for script in (
        ScriptedGateway(greeting=None),
        ScriptedGateway(login=[]),
        ScriptedGateway(login=None),
        ScriptedGateway(greeting=()),
    ):
        async with script as gateway:
            with pytest.raises(IBKRError):
                await wait_in_vain(gateway, sink=events)
            await gateway.hung_up.wait()
    assert events == []
    assert asyncio.all_tasks() == before


async def test_a_cancelled_attempt_closes_its_socket() -> None:
    async with ScriptedGateway(greeting=None) as gateway:
        attempt = asyncio.ensure_future(open_session(gateway.port))
        await gateway.connected.wait()
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        await gateway.hung_up.wait()


async def test_a_connect_that_is_cancelled_at_any_moment_leaves_no_socket_behind() -> None:
    async with GatewaySimulator() as gateway:
        ended: object = None
        turns = 0
        # as many turns as it takes, which are more where the system takes its time
        while not isinstance(ended, Session):
            opening = asyncio.create_task(open_session(gateway.port))
            for _ in range(turns):
                await asyncio.sleep(0)
            turns += 1
            opening.cancel()
            [ended] = await asyncio.gather(opening, return_exceptions=True)
            if isinstance(ended, Session):
                await ended.aclose()
            async with asyncio.timeout(60):
                while gateway.connections:
                    await asyncio.sleep(0)
        assert turns > 10


async def test_a_close_that_is_cancelled_closes_nevertheless() -> None:
    async with GatewaySimulator() as gateway:
        for turns in range(4):
            session = await open_session(gateway.port)
            # what waits in the buffer is waited for, before it is closed
            session._client.conn._flushed.clear()
            closing = asyncio.create_task(session.aclose())
            for _ in range(turns):
                await asyncio.sleep(0)
            closing.cancel()
            await asyncio.gather(closing, return_exceptions=True)
            if not turns:
                await session.aclose()  # it had not begun
            async with asyncio.timeout(60):
                while gateway.connections:
                    await asyncio.sleep(0)
