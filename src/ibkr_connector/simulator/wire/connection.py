"""
One client's connection, without sockets: bytes in, requests out, replies in, bytes out.

    receive_data(bytes)   store what came
    events()              take what it meant
    send(reply)           say something
    data_to_send()        take the bytes of it

The handshake is the table below. What a gateway does for a request is somebody else's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from .errors import LocalProtocolError, RemoteProtocolError
from .frames import FrameReader, add_frame, join_fields, split_fields
from .plain import Writer
from .replies import Reply, reply_writer
from .requests import BrokenRequest, Request, StartApi, decode_request
from .versions import NEWEST, OLDEST

__all__ = [
    "HANDSHAKE",
    "ConnectionEvent",
    "Event",
    "Greeting",
    "ServerConnection",
    "State",
    "as_mermaid",
]

_PREFIX: Final = b"API\0"


class State(StrEnum):
    """How far the handshake is."""

    GREETING = "greeting"
    VERSION_SENT = "version sent"
    STARTED = "started"
    CLOSED = "closed"


class ConnectionEvent(StrEnum):
    """What moves the handshake on."""

    HELLO = "hello"
    START_API = "start api"
    REQUEST = "request"
    CLOSE = "close"


HANDSHAKE: Final[Mapping[State, Mapping[ConnectionEvent, State]]] = MappingProxyType(
    {
        State.GREETING: {
            ConnectionEvent.HELLO: State.VERSION_SENT,
            ConnectionEvent.CLOSE: State.CLOSED,
        },
        State.VERSION_SENT: {
            ConnectionEvent.START_API: State.STARTED,
            ConnectionEvent.CLOSE: State.CLOSED,
        },
        State.STARTED: {
            ConnectionEvent.REQUEST: State.STARTED,
            ConnectionEvent.CLOSE: State.CLOSED,
        },
        State.CLOSED: {},
    }
)
"""What may happen when; anything else is the client's mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """The client said which versions it speaks; `version` is what will be spoken."""

    oldest: int
    newest: int
    options: str
    version: int


Event = Greeting | Request
"""What `events()` yields."""


class ServerConnection:
    """
    The gateway's end of one connection.

    Args:
        newest: Newest server version this side speaks, 157 to 200.
    """

    def __init__(self, *, newest: int = NEWEST) -> None:
        if not OLDEST <= newest <= NEWEST:
            raise LocalProtocolError(f"server version {newest} is not within {OLDEST}..{NEWEST}")
        self._newest = newest
        self._reader = FrameReader()
        self._out = bytearray()
        self._state = State.GREETING
        self._version = 0
        self._writers: dict[type, Writer] = {}

    @property
    def state(self) -> State:
        """How far the handshake is."""
        return self._state

    @property
    def version(self) -> int:
        """The server version that was agreed on; 0 before."""
        return self._version

    def receive_data(self, data: bytes) -> None:
        """Store bytes, in whatever pieces they came; take what they mean with `events()`."""
        if self._state is not State.CLOSED:
            self._reader.feed(data)

    def events(self) -> Iterator[Event]:
        """
        Take what the stored bytes mean.

        A message that cannot be read is a `BrokenRequest` among the others: TWS answers it with
        320 and goes on.

        Raises:
            RemoteProtocolError: The stream or the handshake is broken; the connection is closed.
        """
        try:
            if self._state is State.GREETING:
                greeting = self._greeting()
                if greeting is None:
                    return
                yield greeting
            while self._state is not State.CLOSED:
                payload = self._reader.payload()
                if payload is None:
                    return
                yield self._request(payload)
        except RemoteProtocolError:
            self._shut()
            raise

    def send_version(self, connection_time: str) -> None:
        """Answer the greeting: the version, and the time of the gateway with its zone's name."""
        if self._state is not State.VERSION_SENT:
            raise LocalProtocolError(f"the version is not sent in state {self._state!r}")
        add_frame(self._out, join_fields([str(self._version), connection_time]))

    def send(self, reply: Reply) -> None:
        """
        Say something; an error may be said before the API was started, nothing else may.

        Raises:
            LocalProtocolError: It is not the time, or a client of this version does not know it.
        """
        record: type = type(reply)
        write = self._writers.get(record) or self._writer_of(record)
        add_frame(self._out, write(reply).encode())

    def data_to_send(self) -> bytes:
        """Take the bytes of everything said so far."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def close(self) -> None:
        """End it; what was not taken is lost."""
        self._shut()
        self._out.clear()

    def _shut(self) -> None:
        self._state = State.CLOSED
        self._writers.clear()

    def _writer_of(self, record: type) -> Writer:
        # found once for each sort of reply; none is kept while nothing may be said
        if self._state is State.GREETING or self._state is State.CLOSED:
            raise LocalProtocolError(f"nothing is said in state {self._state!r}")
        writer = self._writers[record] = reply_writer(record, self._version)
        return writer

    def _greeting(self) -> Greeting | None:
        start = self._reader.peek(len(_PREFIX))
        if not _PREFIX.startswith(start):
            raise RemoteProtocolError(f"a client begins with {_PREFIX!r}, this one with {start!r}")
        if len(start) < len(_PREFIX) or not self._has_hello():
            return None
        self._reader.skip(len(_PREFIX))
        payload = self._reader.payload()
        assert payload is not None
        greeting = self._agree(payload.decode("ascii", errors="backslashreplace"))
        self._version = greeting.version
        self._advance(ConnectionEvent.HELLO)
        return greeting

    def _has_hello(self) -> bool:
        # the length behind the prefix, then that many bytes
        head = self._reader.peek(len(_PREFIX) + 4)[len(_PREFIX) :]
        if len(head) < 4:
            return False
        needed = len(_PREFIX) + 4 + int.from_bytes(head, "big")
        if needed > _LONGEST_HELLO:
            raise RemoteProtocolError(f"a hello of {needed} bytes was announced")
        return len(self._reader.peek(needed)) == needed

    def _agree(self, text: str) -> Greeting:
        versions, _, options = text.partition(" ")
        oldest, _, newest = versions.removeprefix("v").partition("..")
        if not versions.startswith("v") or not oldest.isdigit() or not (newest or "0").isdigit():
            raise RemoteProtocolError(f"cannot read the versions {text!r}")
        low, high = int(oldest), int(newest or oldest)
        version = min(high, self._newest)
        if version < max(low, OLDEST):
            raise RemoteProtocolError(
                f"the client speaks {low}..{high}, this gateway {OLDEST}..{self._newest}"
            )
        return Greeting(oldest=low, newest=high, options=options, version=version)

    def _request(self, payload: bytes) -> Request:
        request = self._decoded(split_fields(payload))
        started = isinstance(request, StartApi)
        self._advance(ConnectionEvent.START_API if started else ConnectionEvent.REQUEST)
        return request

    def _decoded(self, fields: list[str]) -> Request:
        try:
            return decode_request(fields, self._version)
        except RemoteProtocolError as error:
            if error.message_id is None or self._state is not State.STARTED:
                raise
            return BrokenRequest(
                message_id=error.message_id, request_id=error.request_id, text=str(error)
            )

    def _advance(self, event: ConnectionEvent) -> None:
        following = HANDSHAKE[self._state].get(event)
        if following is None:
            raise RemoteProtocolError(f"{event!r} is not expected in state {self._state!r}")
        self._state = following


_LONGEST_HELLO: Final = 1_024
"""No client's versions and options are longer; more is somebody who speaks something else."""


def as_mermaid() -> str:
    """Draw the handshake."""
    lines = ["stateDiagram-v2"]
    names = {state: state.value.replace(" ", "_") for state in State}
    lines.append(f"    [*] --> {names[State.GREETING]}")
    for state, exits in HANDSHAKE.items():
        lines.extend(f"    {names[state]} --> {names[to]}: {on}" for on, to in exits.items())
    return "\n".join(lines)
