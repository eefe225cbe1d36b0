"""
Record what a client and a gateway say to each other, without changing a byte of it.

    ibkr sim record --upstream 127.0.0.1:4001 --out morning.jsonl

A client connects here instead of there. Account ids are masked in the recording only.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from ibkr_connector.clock import Clock, SystemClock

from .recording import ClientSplitter, Entry, GatewaySplitter, Mask, Sender, write_entry
from .recording.entries import FORM, payload_of

__all__ = ["Recorder"]

_CHUNK: Final = 65_536
_log: Final = logging.getLogger("ibkr_connector.simulator")


class Recorder:
    """
    A relay between clients and a gateway that writes down what passes.

    Args:
        upstream: Host and port of the gateway.
        write: Takes each line of the recording, without its end.
        host: Address to listen on.
        port: Port to listen on; 0 picks a free one.
        is_masked: Whether account ids are hidden in the recording.
        clock: Whose seconds stand in the recording.
    """

    def __init__(
        self,
        upstream: tuple[str, int],
        write: Callable[[str], None],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        is_masked: bool = True,
        clock: Clock | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self._upstream = upstream
        self._write = write
        self._mask = Mask() if is_masked else None
        self._clock = clock or SystemClock()
        self._since = self._clock.monotonic()
        self._number = 0
        self._server: asyncio.Server | None = None
        self._relaying: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._write(json.dumps({"recording": FORM}))
        self._server = await asyncio.start_server(self._relay, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        relaying = tuple(self._relaying)
        for task in relaying:
            task.cancel()
        await asyncio.gather(*relaying, return_exceptions=True)
        await self._server.wait_closed()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._relaying.add(task)
        self._number += 1
        number = self._number
        there: asyncio.StreamWriter | None = None
        try:
            answers, there = await asyncio.open_connection(*self._upstream)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._carry_requests(reader, there, number))
                group.create_task(self._carry_answers(answers, writer, number))
        except OSError as error:
            _log.warning("cannot reach the gateway at %s:%s: %s", *self._upstream, error)
        except asyncio.CancelledError:
            # the recorder is leaving; nobody else cancels a relay
            pass
        finally:
            self._relaying.discard(task)
            for end in (writer, there):
                await _close(end)

    async def _carry_requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        splitter = ClientSplitter()
        while data := await _read(reader):
            writer.write(data)
            for payload, is_raw, is_hello in splitter.feed(data):
                self._note(number, Sender.CLIENT, payload, is_raw=is_raw, is_hello=is_hello)
        self._note(number, Sender.CLIENT, None)
        await _close(writer)

    async def _carry_answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        splitter = GatewaySplitter()
        while data := await _read(reader):
            writer.write(data)
            for payload, is_raw in splitter.feed(data):
                self._note(number, Sender.GATEWAY, payload, is_raw=is_raw)
        self._note(number, Sender.GATEWAY, None)
        await _close(writer)

    def _note(
        self,
        number: int,
        sender: Sender,
        payload: bytes | None,
        *,
        is_raw: bool = False,
        is_hello: bool = False,
    ) -> None:
        entry = Entry(
            connection=number,
            at_s=self._clock.monotonic() - self._since,
            sender=sender,
            payload=payload if is_hello or payload is None else self._masked(payload, sender),
            is_hello=is_hello,
            is_raw=is_raw,
        )
        self._write(write_entry(entry))

    def _masked(self, payload: bytes, sender: Sender) -> bytes:
        if self._mask is None:
            return payload
        try:
            fields = payload[:-1].decode().split("\0") if payload.endswith(b"\0") else None
        except UnicodeDecodeError:
            fields = None
        if fields is None:
            return self._mask.data(payload)
        return payload_of(self._mask.fields(fields, sender=sender))


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(_CHUNK)
    except OSError:
        return b""


async def _close(writer: asyncio.StreamWriter | None) -> None:
    if writer is not None:
        writer.close()
        with suppress(OSError, asyncio.CancelledError):
            await writer.wait_closed()
