"""
A process that trades on a disk with a limit, and prints what became of it.

Started by `test_orders_and_disks.py` with: how, journal, host, port.
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread  # noqa: F401  # loaded while this user may still read it
import json
import os
import resource
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from ibkr_connector.errors import IBKRError
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.orders import limit_order
from ibkr_connector.orders.history import read_orders
from ibkr_connector.orders.journal import verify
from kit.order_socket import Wire

NOBODY = 65534
ROOM = 300_000
"""Bytes that no file may pass: enough for some orders, and not for a hundred."""


async def trade(how: str, path: Path, host: str, port: int) -> dict[str, Any]:
    told: dict[str, Any] = {"placed": 0, "error": None}
    desk = Wire(host=host, port=port, path=path)
    try:
        await desk.start()
    except IBKRError as error:
        return {**told, "error": type(error).__name__}
    await desk.connect()
    for _ in range(1 if how == "whole" else 200):
        try:
            order = limit_order(stock("AAPL"), "BUY", 1, limit_price=Decimal("1.00"))
            await desk.desk.place(order)
        except IBKRError as error:
            told["error"], told["message"] = type(error).__name__, error.message
            told["disposition"] = error.disposition
            break
        told["placed"] += 1
    if told["error"]:
        try:
            await desk.desk.place(order)
        except IBKRError as error:
            told["then"] = type(error).__name__
    await desk.close()
    return told


def main() -> None:
    how, path, host, port = sys.argv[1:]
    if how == "full":
        # a write behind this fails with EFBIG, as on a disk without room
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))
    if how in ("read-only", "audit") and os.getuid() == 0:
        os.setuid(NOBODY)  # root may write to what is read-only
    if how == "audit":
        orders = [order.report.order_ref for order in read_orders(Path(path))]
        print(json.dumps({"orders": orders, "entries": verify(Path(path))}))
        return
    print(json.dumps(asyncio.run(trade(how, Path(path), host, int(port)))))


main()
