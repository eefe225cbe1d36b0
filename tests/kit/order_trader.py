"""Somebody who trades with the real engine: supervisor, session, socket, desk, journal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, assert_never

from ibkr_connector.engine import Engine
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.ids import ClientId
from ibkr_connector.model.orders import OrderReport, OrderStatus
from ibkr_connector.orders.events import EventsMissed, RulesReloaded
from ibkr_connector.orders.history import read_orders
from ibkr_connector.settings import Settings
from ibkr_connector.tuning import journal_place
from kit.jumpy_clock import JumpyClock
from kit.leaks import entries
from kit.order_kinds import CALL, KINDS
from kit.order_steps import (
    Again,
    Bracket,
    Cancel,
    CancelAll,
    Exercise,
    Flatten,
    Forget,
    Modify,
    Pause,
    Place,
    Settle,
    TraderStep,
    Volley,
)

__all__ = ["CALM", "CLIENT", "NOON", "SPEED", "Trader", "bear", "calm_trader", "journal_of"]

CLIENT: Final = ClientId(1)
NOON: Final = datetime(2026, 3, 4, 17, 0, tzinfo=UTC)
SPEED: Final = 40.0
"""Of the trader's clock: a deadline of 10 s passes in a quarter of one."""

CALM: Final = 2.0
"""Of the clock of one whose deadlines no busy machine misses."""

_UNDIVIDED: Final = frozenset({"cash_quantity", "exercise"})
_RULES: Final = "max_order_size: 1000\n"
_LIMIT_S: Final = 600.0
"""Of the machine's clock: after it, what should have come to pass will not."""

_HASTE_S: Final = 60.0
"""Of the trader's clock: what takes longer to be ready is given twice the time for everything."""


@dataclass
class Trader:
    """
    Does steps, one after the other, and remembers in a file under which keys.

    `heard` collects what is said of each order as it is said.
    """

    port: int
    folder: Path
    clock: JumpyClock = field(default_factory=lambda: JumpyClock(NOON, speed=SPEED))
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    heard: list[OrderReport] = field(default_factory=list)
    among: str | None = None
    """An advisor's group, among which every order is divided that can be."""
    patience: float = 1.0
    """By how much longer its deadlines are."""
    engine: Engine = field(init=False)

    # --- life -----------------------------------------------------------------------------------

    async def open(self) -> None:
        """Begin on the journal and the keys that there are, and connect."""
        self._keys = self.folder / "keys"
        self._keys.touch()
        lines = self._keys.read_text().splitlines()
        self.asked = {one["client_order_id"]: one for one in map(json.loads, lines)}
        settings = _settings(self.port, self.folder, patience=self.patience)
        self.engine = await Engine.open(settings, clock=self.clock)
        self._reader = self.engine.orders.feed.subscribe(buffer=100_000)
        self._listening = asyncio.create_task(self._listen(), name="listener")
        await self.connected()

    async def close(self) -> None:
        """End as a program ends that ends well."""
        await self.engine.aclose()
        await self._listening

    async def _listen(self) -> None:
        done = 0
        while True:
            done, events = await self._reader.batch(done)
            if not events:
                return
            for event in events:
                assert not isinstance(event, EventsMissed)
                if not isinstance(event, RulesReloaded) and event.report is not None:
                    self.heard.append(event.report)

    async def connected(self) -> None:
        """Wait until there is a session, whatever strikes meanwhile."""
        began = self.clock.monotonic()
        async with asyncio.timeout(_LIMIT_S):
            while True:
                with suppress(IBKRError):
                    await self.engine.connect()
                    return
                # the first connection failed, and the supervisor leaves the next to us
                if self.clock.monotonic() - began > _HASTE_S:
                    self.clock.slow_down()
                await self.clock.sleep(0.2)

    async def agreed(self) -> None:
        """Compare with the broker, over a line that may be found dead only now."""
        async with asyncio.timeout(_LIMIT_S):
            while True:
                with suppress(IBKRError):
                    await self._hurry(self.engine.wait_ready(None))
                    await self._hurry(self.engine.orders.reconcile())
                    return
                await self.clock.sleep(0.2)

    async def settled(self) -> None:
        """Wait until nothing is uncertain or on its way any more."""
        async with asyncio.timeout(_LIMIT_S):
            for one in self.own():
                await self._hurry(self.engine.orders.wait_for(one.order_id, _is_known))

    async def _hurry(self, call: Coroutine[Any, Any, Any]) -> None:
        """Await something, and slow the clock down for as long as that is not enough."""
        task = asyncio.ensure_future(call)
        while not task.done():
            late = asyncio.ensure_future(self.clock.sleep(_HASTE_S))
            try:
                await asyncio.wait([task, late], return_when=asyncio.FIRST_COMPLETED)
            finally:
                late.cancel()
            if not task.done():
                self.clock.slow_down()
        await task

    async def idle(self) -> None:
        """Wait until no table keeps an entry any more."""
        try:
            async with asyncio.timeout(_LIMIT_S):
                while entries(self.engine):
                    await self.clock.sleep(0.2)
        except TimeoutError:
            raise AssertionError(f"still there: {entries(self.engine)}") from None

    # --- looking --------------------------------------------------------------------------------

    def own(self) -> list[OrderReport]:
        """Return the orders of this journal, oldest first."""
        return [one for one in self.engine.orders.orders() if one.order_ref.startswith("ibc-")]

    async def told(self) -> list[OrderReport]:
        """Return every order of ours, those that have left memory too, and what others have."""
        orders = self.engine.orders
        await orders._book.journal.append([])
        written = await asyncio.to_thread(read_orders, journal_of(self.folder))
        ours = [
            await orders.look_up(one.report.perm_id or one.report.order_id)
            for one in written
            if one.is_own
        ]
        return [*ours, *(one for one in orders.orders() if not one.order_ref.startswith("ibc-"))]

    def trouble(self) -> list[str]:
        """Return what only a restart would lift."""
        return [why for why in self.engine.orders.halted_by if "restart" in why or "journal" in why]

    # --- doing ----------------------------------------------------------------------------------

    async def do(self, step: TraderStep) -> None:
        """Do one step, most of them with a line; that it is refused or uncertain is no failure."""
        if not (isinstance(step, Place) and step.patience_s == 0.05):
            with suppress(IBKRError):
                await self.engine.wait_ready(5.0 * self.patience)
        match step:
            case Place():
                await self._place(step)
            case Again(which=which):
                await self._again(which)
            case Bracket():
                await self._bracket(step)
            case Exercise():
                await self._exercise(step)
            case Modify(which=which) if which < len(self.own()):
                await self._modify(self.own()[which], step)
            case Cancel(which=which) if which < len(self.own()):
                order_id = self.own()[which].order_id
                call = self.engine.orders.cancel(order_id, timeout_s=step.patience_s)
                await bear(call, leaves_after=step.leaves_after)
            case Settle(which=which) if which < len(self.own()):
                order = self.own()[which]
                if order.terms.exercise is None:
                    await bear(self.engine.orders.settling.settle(order.order_id, why="is over"))
            case Modify() | Cancel() | Settle():
                pass
            case CancelAll():
                await bear(self.engine.closing.cancel_all())
            case Volley(count=count):
                await self._volley(count)
            case Flatten():
                await bear(self.engine.closing.flatten())
            case Forget():
                book, began = self.engine.orders._book, self.clock.monotonic()
                # what is forgotten has been on disk for a day; what is not there cannot come back
                await book.journal.append([])
                book.retention.sweep(self.clock.monotonic() - began, book._waiting)
            case Pause(seconds=seconds):
                await self.clock.sleep(seconds)
            case _:
                assert_never(step)

    def _keyed(self, **asked: Any) -> dict[str, Any]:
        key = f"k{len(self.asked)}"
        order = {"symbol": "AAPL", "client_order_id": key, **asked}
        if self.among is not None:
            alone = _UNDIVIDED.intersection(order)
            order |= {"account": "DU1"} if alone else {"allocation": self.among}
        with self._keys.open("a") as keys:
            keys.write(json.dumps(order) + "\n")
        self.asked[key] = order
        return order

    async def _place(self, step: Place) -> None:
        terms = KINDS[step.kind][0 if step.buy else 1]
        sized = {} if "cash_quantity" in terms else {"quantity": step.quantity}
        order = self._keyed(action="BUY" if step.buy else "SELL", **sized, **terms)
        token = None
        if step.previewed:
            within_s = step.preview_s or 20.0 * self.patience
            with suppress(IBKRError):
                token = (await self.engine.orders.preview(order, timeout_s=within_s)).token
            if token is None:
                return
        call = self.engine.orders.place(
            order, wait=step.wait, timeout_s=step.patience_s, token=token
        )
        await bear(call, leaves_after=step.leaves_after)

    async def _again(self, which: int) -> None:
        asked = list(self.asked.values())
        if which >= len(asked):
            return
        order = asked[which]
        if "take_profit" in order:
            await bear(self.engine.orders.place_bracket(order))
        else:
            await bear(self.engine.orders.place(order))

    async def _bracket(self, step: Bracket) -> None:
        # a stop on the far side of the market does not trade when it wakes
        sides = ("110.00", "92.00") if step.buy else ("91.00", "111.00")
        prices = ("93.00" if step.buy else "109.00",) if step.rests else ()
        order = self._keyed(
            action="BUY" if step.buy else "SELL",
            quantity=step.quantity,
            order_type="LMT" if prices else "MKT",
            take_profit=sides[0],
            stop_loss=sides[1],
            **({"limit_price": prices[0]} if prices else {}),
        )
        await bear(self.engine.orders.place_bracket(order), leaves_after=step.leaves_after)

    async def _exercise(self, step: Exercise) -> None:
        how = {"lapse": step.lapse, "override": True}
        order = self._keyed(symbol=CALL, action="SELL", quantity=step.quantity, exercise=how)
        call = self.engine.orders.place(order, wait=step.wait)
        await bear(call, leaves_after=step.leaves_after)

    async def _modify(self, order: OrderReport, step: Modify) -> None:
        changes: dict[str, Any] = {"quantity": step.quantity}
        if step.price is not None and order.limit_price is not None:
            changes["limit_price"] = step.price
        call = self.engine.orders.modify(order.order_id, changes)
        await bear(call, leaves_after=step.leaves_after)

    async def _volley(self, count: int) -> None:
        async def one(number: int) -> None:
            order = self._keyed(
                action="BUY", quantity=number + 1, order_type="LMT", limit_price=f"9{number}.00"
            )
            placing = asyncio.ensure_future(bear(self.engine.orders.place(order)))
            if number % 2:
                await asyncio.sleep(0)
                for found in self.own():
                    if found.client_order_id == order["client_order_id"]:
                        await bear(self.engine.orders.cancel(found.order_id))
            await placing

        await asyncio.gather(*(one(number) for number in range(count)))


def calm_trader(port: int, folder: Path, *, among: str | None = None) -> Trader:
    """Make one whose deadlines pass only where a step of the story says so."""
    clock = JumpyClock(NOON, speed=CALM)
    return Trader(port=port, folder=folder, among=among, clock=clock, patience=6.0)


def journal_of(folder: Path) -> Path:
    """Return where the journal of a trader is."""
    place = journal_place(_settings(1, folder))
    assert isinstance(place, Path)
    return place


def _settings(port: int, folder: Path, *, patience: float = 1.0) -> Settings:
    rules = folder / "rules"
    rules.mkdir(exist_ok=True)
    (rules / "risk_config.yaml").write_text(_RULES)
    return Settings.load(
        config_dir=rules,
        port=port,
        client_id=CLIENT,
        readonly=False,
        state_dir=folder / "state",
        connect_timeout_s=5.0 * patience,
        order_ack_timeout_s=20.0 * patience,
        order_fill_timeout_s=8.0 * patience,
        request_timeout_s=20.0 * patience,
        sync_timeout_s=20.0 * patience,
        heartbeat_interval_s=30.0 * patience,
        heartbeat_timeout_s=10.0 * patience,
        reconnect_base_s=0.2,
        reconnect_cap_s=2.0,
        client_id_wait_s=120.0,
        messages_per_second=100,
        breaker_reset_s=1.0,
    )


async def bear(call: Coroutine[Any, Any, Any], *, leaves_after: int | None = None) -> None:
    """Make a call and bear what our own errors say; a caller who leaves is cancelled."""
    task = asyncio.ensure_future(call)
    if leaves_after is not None:
        for _ in range(leaves_after):
            await asyncio.sleep(0)
        task.cancel()
    try:
        await task
    except IBKRError:
        pass
    except asyncio.CancelledError:
        if leaves_after is None:
            raise


def _is_known(report: OrderReport) -> bool:
    # of an exercise that was lost on the way nothing is ever proven
    known = report.status is not OrderStatus.UNCERTAIN or report.terms.exercise is not None
    return known and report.status is not OrderStatus.PENDING
