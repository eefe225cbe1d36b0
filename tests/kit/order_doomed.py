"""A process that places one order and kills itself at a chosen step of it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from ibkr_connector.gateway.link import GatewayLink
from ibkr_connector.gateway.port import GatewayEvent, OpenOrderSeen, OrderTicket
from ibkr_connector.model.advisor import Allocation
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.orders import limit_order
from ibkr_connector.orders.journal import Journal
from ibkr_connector.orders.notes import Intended, Note
from kit.order_mortal import loaded
from kit.order_socket import Wire

__all__ = ["doom"]


async def doom(port: int, path: Path, step: str, *, group: str = "") -> int:
    """Have one order placed by a process that dies at that step; return how the process ended."""
    process = loaded().Process(target=_live, args=(port, str(path), step, group), daemon=True)
    process.start()
    await asyncio.to_thread(process.join)
    assert process.exitcode is not None
    return process.exitcode


def die() -> None:
    """End as by `kill -9`: nothing is flushed, nothing is closed."""
    os.kill(os.getpid(), signal.SIGKILL)


class DoomedLink(GatewayLink):
    """Dies on one side of the send."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self.step = step

    async def send_order(self, ticket: OrderTicket) -> None:
        if self.step == "before the send":
            die()
        await super().send_order(ticket)
        if self.step == "after the send":
            die()


class DoomedWire(Wire):
    """Dies around the journal and on the first answer."""

    step = ""

    def take(self, event: GatewayEvent) -> None:
        if self.step == "before the answer" and isinstance(event, OpenOrderSeen):
            die()
        super().take(event)

    async def doom(self) -> None:
        write = self.journal.append

        async def append(notes: Sequence[Note]) -> None:
            intent = any(isinstance(note, Intended) for note in notes)
            if intent and self.step == "before the intent":
                die()
            await write(notes)
            if intent and self.step == "after the intent":
                die()

        self.journal.append = append  # type: ignore[method-assign]  # where the process dies


def _live(port: int, path: str, step: str, group: str) -> None:
    asyncio.run(_trade(port, Path(path), step, group=group))


async def _trade(port: int, path: Path, step: str, *, group: str) -> None:
    wire = DoomedWire(host="127.0.0.1", port=port, path=path, link=DoomedLink(step))
    wire.step = step
    await wire.start()
    assert isinstance(wire.journal, Journal)
    await wire.doom()
    await wire.connect()
    order = limit_order(
        stock("AAPL"), "BUY", 1, limit_price=Decimal("1.00"), client_order_id="doomed"
    )
    if group:
        order = replace(order, allocation=Allocation(group=group))
    await wire.desk.place(order)
    die()
