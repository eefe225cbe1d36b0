"""A process that trades on a disk with a limit, and says what became of it."""

from __future__ import annotations

import asyncio
import concurrent.futures.thread  # noqa: F401  # loaded while this user may still read it
import multiprocessing
import os
import resource
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ibkr_connector.errors import IBKRError
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.orders import limit_order
from ibkr_connector.orders.history import read_orders
from ibkr_connector.orders.journal import verify
from ibkr_connector.simulator import HostedSimulator
from kit.order_mortal import loaded
from kit.order_socket import Wire

__all__ = ["trade_cramped"]

NOBODY = 65534
ROOM = 300_000
"""Bytes that no file may pass: enough for some orders, and not for a hundred."""


def trade_cramped(how: str, path: Path, gateway: HostedSimulator) -> dict[str, Any]:
    """
    Trade in a process of its own, and return what it says of it.

    Arguments:
        how: `whole`; `full`, on a disk without room; `read-only`; or `audit`, which only reads.
        path: The journal.
        gateway: Where it trades.
    """
    mine, its = multiprocessing.Pipe()
    process = loaded().Process(
        target=_live, args=(its, how, str(path), gateway.host, gateway.port), daemon=True
    )
    process.start()
    its.close()
    told = mine.recv()
    process.join()
    mine.close()
    assert isinstance(told, dict), told
    return told


def _live(pipe: Connection, how: str, path: str, host: str, port: int) -> None:
    try:
        pipe.send(_do(how, Path(path), host, port))
    except Exception as error:  # noqa: BLE001  # whatever it is, the other side must hear of it
        pipe.send(repr(error))


def _do(how: str, path: Path, host: str, port: int) -> dict[str, Any]:
    if how == "full":
        # a write behind this fails with EFBIG, as on a disk without room
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))
    if how in ("read-only", "audit") and os.getuid() == 0:
        os.setuid(NOBODY)  # root may write to what is read-only
    if how == "audit":
        orders = [order.report.order_ref for order in read_orders(path)]
        return {"orders": orders, "entries": verify(path)}
    return asyncio.run(_trade(how, path, host, port))


async def _trade(how: str, path: Path, host: str, port: int) -> dict[str, Any]:
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
