"""
What happens to sockets and bytes: refused, silent, cut, late, slow, in pieces.

These are asked for by the edge when it opens, reads and writes; messages are none of their
business, but for `Truncate`, which ends the connection inside of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from ibkr_connector.simulator.wire.replies import Reply

from .fault import Fault, Said, Scene, check_reply

__all__ = [
    "CutAfter",
    "Delay",
    "Encode",
    "HalfOpen",
    "HelloZone",
    "Merge",
    "Refuse",
    "Silent",
    "SlowReader",
    "Split",
    "Stage",
    "Stall",
    "Trickle",
    "Truncate",
]


class Stage(StrEnum):
    """A moment of a connection at which the gateway may fall silent."""

    HELLO = "hello"
    """The client has said which versions it speaks."""

    START = "start"
    """The client has said who it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse(Fault):
    """Accept the socket and close it at once, as a port forwarder in front of nothing does."""

    name: ClassVar[str] = "refuse"
    reset: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent(Fault):
    """Never answer, from a stage of the handshake on."""

    name: ClassVar[str] = "silent"
    after: Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class CutAfter(Fault):
    """
    Close the socket after exactly so many bytes of one connection, counted from being armed.

    With both directions, whichever is reached first. What was read is done before the end.
    """

    name: ClassVar[str] = "cut_after"
    times: int = 1
    received: int | None = None
    sent: int | None = None
    reset: bool = False

    def check(self) -> None:
        """Need a direction, and bytes to count."""
        if self.received is None and self.sent is None:
            raise ValueError("received or sent must be given")
        for name, count in (("received", self.received), ("sent", self.sent)):
            if count is not None and count < 1:
                raise ValueError(f"{name} must be at least 1, got {count}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncate(Fault):
    """Send only the first bytes of a reply's frame, and close."""

    name: ClassVar[str] = "truncate"
    times: int = 1
    reply: str
    at: int

    def check(self) -> None:
        """Know the reply, and cut somewhere."""
        check_reply(self.reply)
        if self.at < 0:
            raise ValueError(f"at must not be negative, got {self.at}")

    def on_reply(self, reply: Reply, scene: Scene) -> Sequence[Said] | None:
        """End inside of it."""
        return [Said(reply, ends_at=self.at)] if type(reply).__name__ == self.reply else None


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfOpen(Fault):
    """Stop reading and writing, and keep the socket; what waits goes on when it is over."""

    name: ClassVar[str] = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall(Fault):
    """Hold back everything that anybody is told for so many seconds, from the next word on."""

    name: ClassVar[str] = "stall"
    times: int = 1
    seconds: float

    def check(self) -> None:
        """Last for some time."""
        _above_zero("seconds", self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay(Fault):
    """Send everything so many seconds late, and in order."""

    name: ClassVar[str] = "delay"
    seconds: float

    def check(self) -> None:
        """Last for some time."""
        _above_zero("seconds", self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trickle(Fault):
    """Send no more than so many bytes a second."""

    name: ClassVar[str] = "trickle"
    bytes_per_s: int

    def check(self) -> None:
        """Let something through."""
        _above_zero("bytes_per_s", self.bytes_per_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowReader(Fault):
    """Read no more than so many bytes a second: the client's own buffers fill up."""

    name: ClassVar[str] = "slow_reader"
    bytes_per_s: int

    def check(self) -> None:
        """Let something through."""
        _above_zero("bytes_per_s", self.bytes_per_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split(Fault):
    """Send everything in segments of so many bytes, each by itself."""

    name: ClassVar[str] = "split"
    size: int = 1

    def check(self) -> None:
        """Send something at a time."""
        _above_zero("size", self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge(Fault):
    """Collect what is said, and send it in one segment every so many seconds."""

    name: ClassVar[str] = "merge"
    seconds: float

    def check(self) -> None:
        """Last for some time."""
        _above_zero("seconds", self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encode(Fault):
    """
    Write texts in another encoding than UTF-8, as a gateway on a Windows machine does.

    Source: IB campus, error handling ("error messages are sent using Latin1 encoding").
    """

    name: ClassVar[str] = "encode"
    encoding: str = "latin-1"

    def check(self) -> None:
        """Know the encoding."""
        try:
            "".encode(self.encoding)
        except LookupError:
            raise ValueError(f"there is no encoding called {self.encoding!r}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloZone(Fault):
    """Name another time zone in the handshake, in any encoding (rust-ibapi#352)."""

    name: ClassVar[str] = "hello_zone"
    zone: str
    encoding: str = "utf-8"

    def check(self) -> None:
        """Be able to write it."""
        try:
            self.zone.encode(self.encoding)
        except (LookupError, UnicodeError) as error:
            raise ValueError(f"zone cannot be written as {self.encoding!r}: {error}") from None


def _above_zero(name: str, value: float) -> None:
    if value <= 0:
        raise ValueError(f"{name} must be above 0, got {value}")
