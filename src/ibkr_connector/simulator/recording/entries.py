"""One message of a recording, and its line of JSON."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

__all__ = [
    "FORM",
    "Entry",
    "RecordingError",
    "Sender",
    "parse_recording",
    "payload_of",
    "write_entry",
]

FORM: Final = 1
"""The number of this form of recordings."""


class RecordingError(Exception):
    """A recording cannot be read."""


class Sender(StrEnum):
    """Who said it."""

    CLIENT = "client"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    One message, or the end of one side.

    Args:
        connection: Number of the socket, from 1.
        at_s: Seconds since the recording began.
        sender: Who said it.
        payload: What is in the frame; `None` at the end.
        is_hello: Whether it is a client's greeting, which stands behind `API` and a NUL.
        is_raw: Whether it is bytes that are no frames at all.
    """

    connection: int
    at_s: float
    sender: Sender
    payload: bytes | None
    is_hello: bool = False
    is_raw: bool = False


def write_entry(entry: Entry) -> str:
    """Write an entry as a line."""
    said: dict[str, Any] = {
        "connection": entry.connection,
        "at_s": round(entry.at_s, 6),
        "from": str(entry.sender),
    }
    if entry.payload is None:
        said["end"] = True
    elif entry.is_hello:
        said["hello"] = entry.payload.decode("ascii", errors="backslashreplace")
    else:
        fields = None if entry.is_raw else _fields(entry.payload)
        if fields is None:
            name = "raw" if entry.is_raw else "base64"
            said[name] = base64.b64encode(entry.payload).decode()
        else:
            said["fields"] = fields
    return json.dumps(said)


def _fields(payload: bytes) -> list[str] | None:
    """Return the fields of a message of text; `None` when they would not give it back exactly."""
    if not payload.endswith(b"\0"):
        return None
    try:
        return payload[:-1].decode().split("\0")
    except UnicodeDecodeError:
        return None


def payload_of(fields: Iterable[str]) -> bytes:
    """Return a message of text as the payload of its frame."""
    return "".join(f"{field}\0" for field in fields).encode()


def parse_recording(lines: Iterable[str]) -> list[Entry]:
    """
    Read a recording.

    Raises:
        RecordingError: A line is not one of a recording.
    """
    entries: list[Entry] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            said = json.loads(line)
            if number == 1:
                _check_form(said)
                continue
            entries.append(_entry(said))
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
            raise RecordingError(f"line {number} is not one of a recording: {error!r}") from error
    if not entries:
        raise RecordingError("there is no message in the recording")
    return entries


def _check_form(said: Any) -> None:
    if said.get("recording") != FORM:
        raise ValueError(f'the first line must be {{"recording": {FORM}}}')


def _entry(said: Any) -> Entry:
    payload: bytes | None = None
    if "fields" in said:
        payload = payload_of(said["fields"])
    elif "hello" in said:
        payload = said["hello"].encode("ascii")
    elif "base64" in said or "raw" in said:
        payload = base64.b64decode(said.get("base64", said.get("raw")), validate=True)
    elif not said["end"]:
        raise ValueError("neither a message nor an end")
    return Entry(
        connection=int(said["connection"]),
        at_s=float(said["at_s"]),
        sender=Sender(said["from"]),
        payload=payload,
        is_hello="hello" in said,
        is_raw="raw" in said,
    )
