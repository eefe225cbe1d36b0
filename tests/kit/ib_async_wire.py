"""ib_async's two ends of the wire, without a socket: what it hears, and what it writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from types import SimpleNamespace
from typing import Any

from ib_async.client import Client
from ib_async.decoder import Decoder

from ibkr_connector.simulator.wire.frames import FrameReader, join_fields, split_fields
from ibkr_connector.simulator.wire.replies import Reply, encode_reply

__all__ = ["VERSIONS", "heard", "written"]

VERSIONS = range(157, 179)
"""What both ib_async and this wire speak."""


class _Wrapper:
    """Stands where ib_async's wrapper stands, and keeps the calls."""

    defaultTimezone = UTC
    ib = SimpleNamespace(TimezoneTWS=None)

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args: self.calls.append((name, *args))


def heard(reply: Reply, version: int) -> list[tuple[Any, ...]]:
    """Carry a reply over the wire to ib_async's decoder."""
    wrapper: Any = _Wrapper()
    decoder = Decoder(wrapper, version)
    fields = split_fields(join_fields(encode_reply(reply, version)))
    decoder.handlers[int(fields[0])](fields)  # `interpret` would log an error and go on
    calls: list[tuple[Any, ...]] = wrapper.calls
    return calls


class _Wire:
    """Stands where ib_async's socket stands, and keeps what goes out."""

    def __init__(self) -> None:
        self.reader = FrameReader()

    def isConnected(self) -> bool:
        return True

    def sendMsg(self, data: bytes) -> None:
        self.reader.feed(data)

    def fields(self) -> list[str]:
        payload = self.reader.payload()
        assert payload is not None
        return split_fields(payload)


def written(version: int, ask: Callable[[Any], None]) -> list[str]:
    """Let ib_async's client ask, and return the fields it wrote."""
    wire = _Wire()
    client: Any = Client(wrapper=None)  # type: ignore[no-untyped-call]  # ib_async is half-typed
    client.conn = wire
    client.connState = Client.CONNECTED
    client._serverVersion = version
    client.MaxRequests = 0
    ask(client)
    return wire.fields()
