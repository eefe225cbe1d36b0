"""
Everything that can happen to a connection, drawn by a seed, over a real socket on virtual time.

A scenario is a list of blows, each with the seconds before it. Between them a trader places and
cancels orders and the market fills some, also while nobody is connected. At the end the faults are
over, and everything must be as if nothing had happened.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ibkr_connector.errors import IBKRError, OrderUncertainError
from ibkr_connector.gateway.stream_port import StreamKind
from ibkr_connector.market.streaming import StreamWish, Ticket
from ibkr_connector.model.market import Quote
from ibkr_connector.model.orders import SendDisposition
from ibkr_connector.model.status import ConnectionState
from ibkr_connector.simulator import (
    Cut,
    CutAfter,
    HalfOpen,
    Link,
    MissingEnd,
    Outage,
    PortReset,
    Quirk,
    Refuse,
    Restart,
    Silent,
    Split,
    Stage,
    Stall,
)
from ibkr_connector.supervisor import SupervisorEvent
from kit.leaks import entries
from kit.rig import Rig

__all__ = ["BLOWS", "Storm"]

CLIENT = 1
SYMBOLS = ("AAPL", "MSFT", "SPY")
LONGEST_S = 3 * 3600.0

Blow = Callable[["Storm"], None]
BLOWS: dict[str, Blow] = {}


def blow(act: Blow) -> Blow:
    """Enter a blow under its name."""
    BLOWS[act.__name__] = act
    return act


@blow
def cut(storm: Storm) -> None:
    storm.gateway.cut(reset=storm.chance(0.5))


@blow
def cut_twice_within_50_ms(storm: Storm) -> None:
    storm.gateway.cut()
    storm.gateway.later(0.05, storm.gateway.cut)


@blow
def cut_at_a_byte(storm: Storm) -> None:
    """Somewhere in the handshake, the login or the reading of the broker's state."""
    at = storm.draw.randrange(1, 4000)
    storm.gateway.inject(CutAfter(sent=at) if storm.chance(0.5) else CutAfter(received=at))
    storm.gateway.cut()


@blow
def cut_on_a_question(storm: Storm) -> None:
    asked = storm.draw.choice(
        ["ReqPositions", "ReqAllOpenOrders", "ReqCompletedOrders", "ReqExecutions", "StartApi"]
    )
    storm.gateway.inject(Cut(on=asked, handled=storm.chance(0.5)))
    storm.gateway.cut()


@blow
def lose_an_order_on_its_way(storm: Storm) -> None:
    storm.gateway.inject(
        Cut(on="PlaceOrder", handled=storm.chance(0.5), answered=False, lasts_s=300.0)
    )


@blow
def say_nothing_at_the_greeting(storm: Storm) -> None:
    storm.gateway.inject(Silent(after=Stage.HELLO, lasts_s=storm.up_to(120)))
    storm.gateway.cut()


@blow
def wait_for_a_login(storm: Storm) -> None:
    storm.gateway.inject(Silent(after=Stage.START, lasts_s=storm.up_to(600)))
    storm.gateway.cut()


@blow
def refuse(storm: Storm) -> None:
    storm.gateway.inject(Refuse(lasts_s=storm.up_to(300), reset=storm.chance(0.5)))
    storm.gateway.cut()


@blow
def restart(storm: Storm) -> None:
    storm.gateway.inject(Restart(down_s=storm.up_to(300)))


@blow
def hang(storm: Storm) -> None:
    storm.gateway.inject(HalfOpen(lasts_s=storm.up_to(3600)))


@blow
def stall(storm: Storm) -> None:
    storm.gateway.inject(Stall(seconds=storm.up_to(20)))


@blow
def lose_the_link(storm: Storm) -> None:
    storm.gateway.inject(
        Outage(
            link=Link.SERVER,
            lasts_s=storm.up_to(600),
            repeats=storm.draw.randrange(1, 50),
            data_lost=storm.chance(0.5),
        )
    )


@blow
def lose_the_link_quietly(storm: Storm) -> None:
    storm.gateway.inject(Outage(link=Link.QUIET, lasts_s=storm.up_to(60)))


@blow
def blip_of_a_farm(storm: Storm) -> None:
    farm = storm.draw.choice([Link.DATA_FARM, Link.HISTORY_FARM, Link.DEFINITION_FARM])
    storm.gateway.inject(Outage(link=farm, lasts_s=storm.up_to(30)))


@blow
def competing_sessions(storm: Storm) -> None:
    for _ in range(storm.draw.randrange(1, 20)):
        storm.gateway.notice(10197, "No market data during competing live session")


@blow
def id_in_use_after_a_crash(storm: Storm) -> None:
    storm.gateway.quirk(Quirk.CLIENT_ID_IN_USE)
    storm.gateway.later(
        storm.up_to(240), lambda: storm.gateway.quirk(Quirk.CLIENT_ID_IN_USE, on=False)
    )
    storm.gateway.cut()


@blow
def move_to_another_port(storm: Storm) -> None:
    """Only whoever is connected and hears can be told: else nobody could ever know."""
    storm.gateway.clear_faults()
    if storm.rig.state is ConnectionState.READY:
        storm.gateway.inject(PortReset())


@blow
def answer_a_list_in_part(storm: Storm) -> None:
    storm.gateway.inject(
        MissingEnd(of=storm.draw.choice(["PositionEnd", "OpenOrderEnd", None]), lasts_s=60.0)
    )
    storm.gateway.cut()


@blow
def crumbs(storm: Storm) -> None:
    storm.gateway.inject(Split(size=storm.draw.randrange(1, 7), lasts_s=storm.up_to(60)))


@dataclass
class Storm:
    """One scenario on one rig."""

    rig: Rig
    seed: int
    blows: int = 50
    trades: bool = True
    told: list[str] = field(default_factory=list)
    placed: dict[str, str] = field(default_factory=dict)
    tickets: list[Ticket] = field(default_factory=list)
    jobs: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)
        # the waits are drawn by the seed too, so that a scenario can be had again
        self.rig.engine._supervisor._patience._draw = self.draw.random
        self.rig.engine._pipeline._retry._draw = random.Random(self.seed).random
        self.keeper = self.rig.engine._supervisor._task

    @property
    def gateway(self) -> Any:
        """The simulator."""
        return self.rig.simulator

    def chance(self, share: float) -> bool:
        """Tell, by the seed, whether something happens."""
        return self.draw.random() < share

    def up_to(self, most: float) -> float:
        """Draw seconds, the short ones more often."""
        return max(0.01, most * self.draw.random() ** 3)

    # --- what goes on ---------------------------------------------------------------------------

    async def follow(self) -> None:
        """Follow the quotes of each symbol."""
        for symbol in SYMBOLS:
            wish = StreamWish(kind=StreamKind.QUOTES, contract=symbol)
            self.tickets.append(await self.rig.run(self.rig.engine.streaming.open(wish)))

    async def rage(self, names: list[str] | None = None) -> None:
        """Let it all happen."""
        for _ in range(self.blows):
            await self.rig.advance(self.up_to(90))
            name = self.draw.choice(names or list(BLOWS))
            self.told.append(f"{self.rig.clock.monotonic():.1f} {name}")
            BLOWS[name](self)
            self.check_on_the_way()
            if self.trades and self.chance(0.5):
                self._trade()
            if self.trades and self.chance(0.3):
                self._fill_one()

    def _trade(self) -> None:
        number = len(self.placed) + 1
        name = f"storm-{self.seed}-{number}"
        order = {
            "symbol": self.draw.choice(SYMBOLS),
            "action": "BUY",
            "quantity": number,
            "order_type": "LMT",
            "limit_price": "1.00",
            "client_order_id": name,
        }
        self.placed[name] = "under way"
        job = asyncio.ensure_future(self._place(order))
        self.jobs.add(job)
        job.add_done_callback(self.jobs.discard)

    async def _place(self, order: dict[str, Any]) -> None:
        try:
            await self.rig.engine.hold(lambda desk: desk.place(order))
        except OrderUncertainError:
            verdict = "uncertain"
        except IBKRError as error:
            unsent = error.disposition in (None, SendDisposition.UNSENT)
            verdict = "refused" if unsent else f"failed: {error!r}"
        else:
            verdict = "placed"
        self.placed[order["client_order_id"]] = verdict

    def _fill_one(self) -> None:
        working = [one for one in self.gateway.venue.open_orders() if one.owner.client_id == CLIENT]
        if working:
            self.gateway.fill_order(CLIENT, self.draw.choice(working).owner.order_id)
            self.gateway.flush()

    # --- what must hold -------------------------------------------------------------------------

    def check_on_the_way(self) -> None:
        """One loop, one heartbeat, at most, whatever has happened."""
        names = Counter(task.get_name() for task in asyncio.all_tasks())
        assert names["ibkr-supervisor"] == 1, names
        assert names["ibkr-heartbeat"] <= 1, names
        assert names["ibkr-sync"] <= 1, names
        assert self.rig.engine._supervisor._task is self.keeper

    async def end(self) -> None:
        """The faults are over: everything is as if nothing had happened."""
        self.gateway.clear_faults()
        self.gateway.quirk(Quirk.CLIENT_ID_IN_USE, on=False)
        await self.rig.until(self._is_well, within_s=LONGEST_S)
        # a link that is back, but of which the notice was lost with the socket, is a new login
        await self.rig.advance(120)
        await self.rig.until(self._is_well, within_s=LONGEST_S)
        self.check_on_the_way()
        self._check_sessions()
        await self._check_orders()
        await self._check_streams()
        # a heartbeat or a look at the broker may be under way just now, and ends
        await self.rig.until(lambda: not entries(self.rig.engine), within_s=60)

    def _is_well(self) -> bool:
        return self.rig.state is ConnectionState.READY and not self.jobs

    def _check_sessions(self) -> None:
        """Each session became ready once, or was lost before."""
        opened, synced = 0, 0
        for change in self.rig.changes:
            if change.event is SupervisorEvent.OPENED:
                opened += 1
            if change.event is SupervisorEvent.LINK_DOWN:
                assert change.target is not ConnectionState.READY
            synced += change.event is SupervisorEvent.SYNCED
        assert opened >= 1
        assert synced >= 1

    async def _check_orders(self) -> None:
        venue, ledger = self.gateway.venue, self.rig.engine.orders._book.ledger
        self.gateway.assert_no_duplicate_orders()
        there = {
            one.order_ref: one
            for one in (*venue.open_orders(), *venue.closed_orders())
            if one.owner.client_id == CLIENT
        }
        refs = Counter(
            one.order_ref
            for one in (*venue.open_orders(), *venue.closed_orders())
            if one.owner.client_id == CLIENT
        )
        assert not [ref for ref, count in refs.items() if count > 1], refs
        traded: Counter[str] = Counter()
        for execution, _ in venue.executions():
            traded[execution.order.order_ref] += int(execution.quantity)
        own = {entry.client_order_id: entry for entry in ledger if entry.is_own}
        for name, verdict in self.placed.items():
            entry = own.get(name)
            at_broker = entry is not None and entry.order_ref in there
            assert verdict in ("placed", "refused", "uncertain"), (name, verdict)
            if verdict == "placed":
                assert at_broker, (name, "was lost")
            if verdict == "refused":
                assert not at_broker, (name, "was refused and is there")
            if entry is not None:
                assert not entry.is_awaiting, (name, entry.state)
                filled = sum((fill.quantity for fill in entry.fills), Decimal(0))
                assert filled == traded[entry.order_ref], (name, filled, traded[entry.order_ref])
                if at_broker:
                    working = there[entry.order_ref] in venue.open_orders()
                    assert entry.is_open is working, (name, entry.state)

    async def _check_streams(self) -> None:
        if not self.tickets:
            return
        # what was put into the boxes before is out of them: what comes now is new
        for ticket in self.tickets:
            _drain(ticket)
        # a price may stand still for minutes
        silent = set(self.tickets)
        until = self.rig.clock.monotonic() + 1800
        while silent and self.rig.clock.monotonic() < until:
            await self.rig.advance(10)
            silent = {
                one
                for one in silent
                if not any(isinstance(letter, Quote) for letter in _drain(one))
            }
        assert not silent, self.rig.engine.streams.states()
        live = [one for one in self.gateway.connections.values() if one.client_id == CLIENT]
        assert [one._session.streams.lines for one in live] == [len(SYMBOLS)]


def _drain(ticket: Ticket) -> list[Any]:
    letters = []
    while (letter := ticket.box.take()) is not None:
        letters.append(letter)
    return letters
