"""
A client that is as fast as Python can be: a socket that counts frames.

    python -m benchmarks.reader HOST PORT CLIENT_ID WANTED [CON_ID ...]

Subscribes to each contract, reads until so many ticks came, and prints one line of JSON. A program
of its own that imports nothing of this project, so that what it takes is not charged to what it
measures.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import time
from typing import Final

_CHUNK: Final = 1 << 20
_LENGTH: Final = struct.Struct(">I")
_TICKS: Final = (b"1\0", b"2\0", b"21", b"45", b"46")
"""Prices, sizes, option computations, numbers and texts (IB's message ids)."""


def _frame(*fields: object) -> bytes:
    payload = b"".join(str(field).encode() + b"\0" for field in fields)
    return _LENGTH.pack(len(payload)) + payload


def _market_data(request_id: int, con_id: int) -> bytes:
    # con id, symbol, type, month, strike, right, multiplier, exchange, primary exchange, currency,
    # local symbol, trading class; no delta-neutral contract, no generic ticks, no snapshot
    contract = (con_id, "", "", "", "0", "", "", "SMART", "", "", "", "")
    return _frame(1, 11, request_id, *contract, 0, "", 0, 0, "")


def main(arguments: list[str]) -> None:
    """Read, count, and say how long the ticks took from the first to the last."""
    host, port, client_id, wanted = arguments[0], *(int(text) for text in arguments[1:4])
    connection = socket.create_connection((host, port))
    hello = b"v157..178"
    connection.sendall(b"API\0" + _LENGTH.pack(len(hello)) + hello)
    connection.recv(_CHUNK)
    connection.sendall(_frame(71, 2, client_id, ""))
    con_ids = [int(text) for text in arguments[4:]]
    connection.sendall(b"".join(_market_data(1000 + n, one) for n, one in enumerate(con_ids)))
    ticks = frames = size = 0
    began = 0.0
    data = b""
    while ticks < wanted:
        more = connection.recv(_CHUNK)
        if not more:
            raise SystemExit(f"the gateway closed the socket after {ticks} ticks")
        began = began or time.perf_counter()
        size += len(more)
        data = data + more if data else more
        offset, end = 0, len(data)
        while offset + 4 <= end:
            (length,) = _LENGTH.unpack_from(data, offset)
            if offset + 4 + length > end:
                break
            ticks += data[offset + 4 : offset + 6] in _TICKS
            frames += 1
            offset += 4 + length
        data = data[offset:]
    took = time.perf_counter() - began
    print(json.dumps({"ticks": ticks, "frames": frames, "bytes": size, "seconds": took}))


if __name__ == "__main__":
    main(sys.argv[1:])
