"""
Knock at a port as a program of the API does, and tell what answers; nothing is logged in.

The greeting alone tells TWS from anything else, takes no client id, and is answered before the
login. What the silences and refusals mean is from IB's pages on connecting and from the lifecycle
that was measured: nothing when the API is off or a dialog waits, an end when the address is not
trusted or nobody is behind a forwarded port.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ibkr_connector.gateway.frames import FrameError, Framer, frame

__all__ = ["Answer", "Knock", "knock"]

_FIELDS_OF_A_GREETING: Final = 2
_CHUNK: Final = 4096


class Answer(StrEnum):
    """What a port answers."""

    UNKNOWN_HOST = "unknown host"
    REFUSED = "refused"
    """Nobody listens."""

    UNREACHABLE = "unreachable"
    """Nothing came back at all: a firewall, or no such machine."""

    CLOSED = "closed"
    """It took the connection and ended it without a word."""

    SILENT = "silent"
    """It took the connection and says nothing."""

    FOREIGN = "foreign"
    """It speaks, and not the language of TWS."""

    TWS = "tws"


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock:
    """What came of it: for TWS its server version and greeting, otherwise a detail in words."""

    answer: Answer
    detail: str = ""
    server_version: int | None = None
    greeting: str = ""


async def knock(host: str, port: int, *, within_s: float) -> Knock:
    """Knock once; never raises for want of an answer."""
    # ib_async takes a third of a second to import, and most commands of `ibkr` need none; and here
    # nobody waits for an answer yet
    from ibkr_connector.gateway.client import GatewayClient  # noqa: PLC0415

    versions = b"v%d..%d" % (GatewayClient.MinClientVersion, GatewayClient.MaxClientVersion)
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return Knock(answer=Answer.UNREACHABLE, detail=f"no answer within {within_s:g} s")
    except socket.gaierror as error:
        return Knock(answer=Answer.UNKNOWN_HOST, detail=error.strerror or str(error))
    except ConnectionRefusedError:
        return Knock(answer=Answer.REFUSED, detail="nobody listens")
    except OSError as error:
        return Knock(answer=Answer.UNREACHABLE, detail=error.strerror or str(error))
    try:
        return await _greeted(reader, writer, versions=versions, within_s=within_s)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _greeted(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, versions: bytes, within_s: float
) -> Knock:
    framer, heard = Framer(), b""
    try:
        async with asyncio.timeout(within_s):
            writer.write(b"API\0" + frame(versions))
            while True:
                data = await reader.read(_CHUNK)
                if not data:
                    if heard:
                        return _foreign(heard)
                    return Knock(answer=Answer.CLOSED, detail="it hung up without a word")
                heard += data
                for payload in framer.feed(data):
                    return _read(payload, heard)
    except TimeoutError:
        if heard:
            return _foreign(heard)
        return Knock(answer=Answer.SILENT, detail=f"it said nothing for {within_s:g} s")
    except FrameError:
        return _foreign(heard)
    except OSError as error:
        return Knock(answer=Answer.CLOSED, detail=error.strerror or type(error).__name__)


def _read(payload: bytes, heard: bytes) -> Knock:
    fields = payload.decode(errors="backslashreplace").split("\0")[:-1]
    if len(fields) != _FIELDS_OF_A_GREETING or not fields[0].isdigit():
        return _foreign(heard)
    return Knock(answer=Answer.TWS, server_version=int(fields[0]), greeting=fields[1])


def _foreign(heard: bytes) -> Knock:
    first = heard.split(b"\n")[0][:40].decode("ascii", "replace")
    shown = "".join(letter if letter.isprintable() else "." for letter in first)
    return Knock(answer=Answer.FOREIGN, detail=f"it said {shown!r}")
