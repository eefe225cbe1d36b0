"""When the bytes of an order have left this process is the same on every loop that may run it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from importlib.util import find_spec
from typing import Any

import pytest

from ibkr_connector.gateway.client import Socket
from ibkr_connector.loops import loop_factory

CHUNK = b"x" * 100_000
LOOPS = [
    "asyncio",
    pytest.param(
        "uvloop",
        marks=pytest.mark.skipif(find_spec("uvloop") is None, reason="there is none for Windows"),
    ),
]


async def connected(listener: socket.socket) -> tuple[Socket, socket.socket]:
    """Connect to somebody who reads nothing until he is asked to."""
    line = Socket(received=lambda _: None, lost=lambda _: None)
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: line, *listener.getsockname())
    peer, _ = listener.accept()
    peer.setblocking(False)
    return line, peer


async def bytes_wait_until_the_system_has_taken_them(listener: socket.socket) -> None:
    line, peer = await connected(listener)
    line.sendMsg(b"first")
    assert line._flushed.is_set()
    written = 5
    while line._flushed.is_set():
        line.sendMsg(CHUNK)
        written += len(CHUNK)
    line.sendMsg(b"order")
    written += 5
    waiting, transport = asyncio.ensure_future(line.flushed()), line.transport
    assert transport is not None
    loop = asyncio.get_running_loop()
    while written:
        # he who waits is told when the last byte has gone, and not while one is left
        assert not waiting.done() or not transport.get_write_buffer_size()
        written -= len(await loop.sock_recv(peer, 1 << 20))
    await waiting
    peer.close()


async def whoever_waits_is_told_that_the_socket_is_gone(listener: socket.socket) -> None:
    line, peer = await connected(listener)
    while line._flushed.is_set():
        line.sendMsg(CHUNK)
    waiting = asyncio.ensure_future(line.flushed())
    peer.close()
    await waiting
    await line.closed.wait()
    assert line.transport is None
    line.sendMsg(b"order")  # into nothing, and without an error
    await line.flushed()


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    "story",
    [
        bytes_wait_until_the_system_has_taken_them,
        whoever_waits_is_told_that_the_socket_is_gone,
    ],
)
def test_every_loop_tells_alike(
    loop: str, story: Callable[[socket.socket], Coroutine[Any, Any, None]]
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        asyncio.Runner(loop_factory=loop_factory(loop)) as runner,
    ):
        runner.run(story(listener))
