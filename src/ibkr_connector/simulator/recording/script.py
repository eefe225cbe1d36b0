"""
One connection of a recording as a script: a client says something, and hears what was said then.

Requests are recognised by their content apart from their own numbers (request id, order id), in
the order in which they were recorded. What was heard between one request and the next belongs to
the former; a client that says the same as the recorded one hears the same bytes. When its numbers
are others, they are put into what it hears (*limit*: in text, up to server version 200).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ibkr_connector.simulator.wire.errors import LocalProtocolError, RemoteProtocolError
from ibkr_connector.simulator.wire.frames import split_fields
from ibkr_connector.simulator.wire.replies import ErrorMessage, decode_reply, encode_reply
from ibkr_connector.simulator.wire.requests import (
    BrokenRequest,
    UnsupportedRequest,
    decode_request,
    encode_request,
)

from .entries import Entry, Sender, payload_of

__all__ = ["Script", "Unexpected"]

_NEWEST_TEXT: Final = 200
_OLDEST_TEXT: Final = 157


@dataclass(frozen=True, slots=True, kw_only=True)
class Unexpected:
    """Something that a client said and that is not in the recording."""

    connection: int
    payload: bytes

    def __str__(self) -> str:
        return f"connection {self.connection}: {self.payload!r}"


@dataclass(slots=True)
class _Line:
    """A recorded request and what was heard before the next one."""

    request: Entry
    heard: list[Entry] = field(default_factory=list)
    is_played: bool = False


@dataclass(frozen=True, slots=True)
class _Content:
    """A request without its own numbers, and those numbers."""

    key: object
    numbers: dict[str, int]


class Script:
    """What was said on one connection; played once."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._opening: list[Entry] = []
        self._lines: list[_Line] = []
        self._ids: dict[tuple[str, int], int] = {}
        for entry in entries:
            if entry.sender is Sender.CLIENT and entry.payload is None:
                # the client left: what came behind that was heard by nobody
                break
            if entry.sender is Sender.CLIENT:
                self._lines.append(_Line(entry))
            else:
                (self._lines[-1].heard if self._lines else self._opening).append(entry)
        self._version = self._agreed()

    @property
    def version(self) -> int:
        """The server version that was agreed on; 0 when it cannot be read."""
        return self._version

    def opening(self) -> list[Entry]:
        """Return what is heard before anything was said."""
        return self._opening

    def hear(self, payload: bytes, *, is_hello: bool = False) -> list[Entry] | None:
        """Say something; return what is heard, `None` when it was never said."""
        said = self._content(payload, is_hello=is_hello)
        for line in self._lines:
            if line.is_played:
                continue
            recorded = self._content(line.request.payload or b"", is_hello=line.request.is_hello)
            if recorded.key != said.key:
                continue
            line.is_played = True
            for name, number in recorded.numbers.items():
                self._ids[name, number] = said.numbers[name]
            return [self._renumbered(entry) for entry in line.heard]
        return None

    def refusal(self, payload: bytes) -> bytes | None:
        """Return the answer (320) to something that was never said; `None`: in no way to say it."""
        if not self._is_text():
            return None
        number = -1
        try:
            request = decode_request(split_fields(payload), self._version)
            number = getattr(request, "order_id", getattr(request, "request_id", -1))
        except RemoteProtocolError:
            pass
        text = "Error reading request. It is not in the recording"
        error = ErrorMessage(request_id=number, code=320, text=text)
        return payload_of(encode_reply(error, self._version))

    # --- numbers --------------------------------------------------------------------------------

    def _agreed(self) -> int:
        said = next((line for line in self._lines if line.request.is_hello), None)
        first = said.heard[0].payload if said is not None and said.heard else None
        text = (first or b"").split(b"\0")[0]
        return int(text) if text.isdigit() else 0

    def _is_text(self) -> bool:
        return _OLDEST_TEXT <= self._version <= _NEWEST_TEXT

    def _content(self, payload: bytes, *, is_hello: bool) -> _Content:
        if is_hello:
            # which versions a client speaks does not matter: the answer is a recorded one
            return _Content("hello", {})
        if not self._is_text():
            return _Content(payload, {})
        try:
            fields = split_fields(payload)
            request = decode_request(fields, self._version)
            if isinstance(request, UnsupportedRequest | BrokenRequest):
                return _Content(payload, {})
            places = _places(request, lambda record: encode_request(record, self._version))
        except (RemoteProtocolError, LocalProtocolError, IndexError):
            return _Content(payload, {})
        return _without(fields, places)

    def _renumbered(self, entry: Entry) -> Entry:
        changed = {key: new for key, new in self._ids.items() if key[1] != new}
        if not changed or entry.payload is None or not self._is_text():
            return entry
        try:
            fields = split_fields(entry.payload)
            reply = decode_reply(fields, self._version)
            places = _places(reply, lambda record: encode_reply(record, self._version))
        except (RemoteProtocolError, LocalProtocolError, IndexError):
            return entry
        for name, place in places.items():
            new = self._new_number(name, int(fields[place]))
            fields[place] = str(new)
        return replace(entry, payload=payload_of(fields))

    def _new_number(self, name: str, old: int) -> int:
        other = {"request_id": "order_id", "parent_id": "order_id"}.get(name, name)
        # an error's id may be that of an order
        return self._ids.get((name, old), self._ids.get((other, old), old))


_NUMBERS: Final = ("request_id", "order_id", "parent_id")


def _places(record: Any, encode: Callable[[Any], list[str]]) -> dict[str, int]:
    """Find the fields in which a message has its own numbers: those that change with them."""
    plain = encode(record)
    found: dict[str, int] = {}
    for name in _NUMBERS:
        if not isinstance(getattr(record, name, None), int):
            continue
        other = encode(replace(record, **{name: getattr(record, name) + 1}))
        places = [at for at, pair in enumerate(zip(plain, other, strict=True)) if len({*pair}) > 1]
        if len(places) == 1:
            found[name] = places[0]
    return found


def _without(fields: list[str], places: dict[str, int]) -> _Content:
    numbers = {
        name: int(fields[place])
        for name, place in places.items()
        if place < len(fields) and fields[place].lstrip("-").isdigit()
    }
    key = tuple("" if at in places.values() else text for at, text in enumerate(fields))
    return _Content(key, numbers)
