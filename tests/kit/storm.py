"""
Everything that can happen to a connection, drawn by a seed, over a real socket on virtual time.

A scenario is a list of blows, each with the seconds before it. Between them a trader places and
cancels orders and the market fills some, also while nobody is connected; streams of every kind are
followed, and what the account holds is asked for. At the end the faults are over, and everything
must be as if nothing had happened.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from ibkr_connector.errors import IBKRError, OrderUncertainError
from ibkr_connector.gateway.stream_port import StreamKind
from ibkr_connector.market.streaming import StreamWish, Ticket
from ibkr_connector.model.market import Quote
from ibkr_connector.model.orders import SendDisposition
from ibkr_connector.model.status import ConnectionState
from ibkr_connector.model.streams import BarUpdate, Gap, Trade
from ibkr_connector.simulator import Quirk
from ibkr_connector.simulator.exchange.commands import SetQuote
from ibkr_connector.simulator.wire.requests import ReqAccountSummary
from ibkr_connector.supervisor import SupervisorEvent
from kit.leaks import entries
from kit.rig import Rig
from kit.storm_blows import BLOWS

__all__ = ["BLOWS", "Storm"]

CLIENT = 1
SYMBOLS = ("AAPL", "MSFT", "SPY")
LONGEST_S = 3 * 3600.0
FOLLOWED = (
    *(StreamWish(kind=StreamKind.QUOTES, contract=symbol) for symbol in SYMBOLS),
    StreamWish(kind=StreamKind.TRADES, contract="MSFT"),
    StreamWish(kind=StreamKind.FIVE_SECONDS, contract="AAPL"),
    StreamWish(kind=StreamKind.BARS, contract="SPY", bar_size="1 min", duration="600 S"),
    StreamWish(kind=StreamKind.DEPTH, contract="AAPL"),
)


@dataclass
class Storm:
    """One scenario on one rig."""

    rig: Rig
    seed: int
    blows: int = 50
    trades: bool = True
    told: list[str] = field(default_factory=list)
    placed: dict[str, str] = field(default_factory=dict)
    readers: list[Reader] = field(default_factory=list)
    jobs: set[asyncio.Task[None]] = field(default_factory=set)
    ended: Counter[str] = field(default_factory=Counter)
    wrong: list[BaseException] = field(default_factory=list)

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
        """Follow streams of every kind."""
        for wish in FOLLOWED:
            ticket = await self.rig.run(self.rig.engine.streaming.open(wish))
            self.readers.append(Reader(wish, ticket))

    async def rage(self, names: list[str] | None = None) -> None:
        """Let it all happen."""
        for _ in range(self.blows):
            await self.rig.advance(self.up_to(90))
            name = self.draw.choice(names or list(BLOWS))
            self.told.append(f"{self.rig.clock.monotonic():.1f} {name}")
            BLOWS[name](self)
            self.check_on_the_way()
            if self.trades and self.chance(0.5):
                self.trade()
            if self.trades and self.chance(0.3):
                self._fill_one()
            if self.trades and self.chance(0.3):
                self._cancel_one()
            if self.chance(0.5):
                self._ask()

    def trade(self) -> None:
        """Place an order that rests far from the market."""
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
        self._start(self._place(order))

    def _start(self, doing: Coroutine[Any, Any, None]) -> None:
        job = asyncio.ensure_future(doing)
        self.jobs.add(job)
        job.add_done_callback(self._job_ended)

    def _job_ended(self, job: asyncio.Task[None]) -> None:
        self.jobs.discard(job)
        error = job.exception()
        if error is not None:
            self.wrong.append(error)

    def _ask(self) -> None:
        """Ask one of the questions that a trader has; each ends, by an answer or a typed error."""
        engine = self.rig.engine
        symbol = self.draw.choice(SYMBOLS)
        stock = f"SIM{self.draw.randrange(1, 200):04d}"
        questions: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
            "quote": lambda: engine.market.quote(stock),
            "bars": lambda: engine.market.bars(symbol, duration="1 D", bar_size="5 mins"),
            "positions": engine.account.ask_positions,
            "details": lambda: engine.instruments.resolve(stock),
            "figures": self._read_figures,
        }
        name = self.draw.choice(list(questions))
        self._start(self._question(name, questions[name]))

    async def _question(self, name: str, asked: Callable[[], Coroutine[Any, Any, object]]) -> None:
        try:
            await asked()
        except IBKRError as error:
            self.ended[f"{name}: {type(error).__name__}"] += 1
        else:
            self.ended[name] += 1

    async def _read_figures(self) -> None:
        self.rig.engine.summary(None)
        self.rig.engine.positions(None)

    def _cancel_one(self) -> None:
        working = [one for one in self.rig.engine.orders.ours() if not one.is_closed]
        if working:
            chosen = self.draw.choice(working)
            self._start(
                self._question("cancel", lambda: self.rig.engine.orders.cancel(chosen.order_id))
            )

    async def _place(self, order: dict[str, Any]) -> None:
        try:
            await self.rig.place(order)
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
        assert names["ibkr-restore"] <= 1, names
        assert self.rig.engine._supervisor._task is self.keeper
        assert not self.wrong, self.wrong
        for reader in self.readers:
            reader.read()

    async def end(self) -> None:
        """The faults are over: everything is as if nothing had happened."""
        self.gateway.clear_faults()
        # where the word of a new port was lost with the socket, whoever runs it sets the port
        self.rig.engine._address.moved(self.gateway.port)
        self.gateway.quirk(Quirk.CLIENT_ID_IN_USE, on=False)
        await self.rig.until(self._is_well, within_s=LONGEST_S)
        # a link that is back, but of which the notice was lost with the socket, is a new login
        await self.rig.advance(120)
        await self.rig.until(self._is_well, within_s=LONGEST_S)
        self.check_on_the_way()
        self._check_sessions()
        await self._check_orders()
        await self._check_positions()
        await self._check_streams()
        # a heartbeat or a look at the broker may be under way just now, and ends
        await self.rig.until(lambda: not entries(self.rig.engine), within_s=60)

    def _is_well(self) -> bool:
        states = self.rig.engine.streams.states()
        return (
            self.rig.state is ConnectionState.READY
            and not self.jobs
            and all(state.phase == "live" for state in states)
        )

    def _check_sessions(self) -> None:
        """Each session became ready once, or was lost before."""
        opened, synced = 0, 0
        for change in self.rig.changes:
            if change.event is SupervisorEvent.OPENED:
                opened += 1
            if change.event is SupervisorEvent.LINK_DOWN:
                assert change.target is not ConnectionState.READY
            synced += change.event is SupervisorEvent.SYNCED
        # the gateway counts the ids of summaries, those that were called off too
        summaries = {
            one.request.request_id
            for one in self.gateway.log
            if isinstance(one.request, ReqAccountSummary)
        }
        assert len(summaries) <= 1, summaries
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

    async def _check_positions(self) -> None:
        (ledger,) = self.gateway.venue.ledgers.values()
        held = {con_id: one.quantity for con_id, one in ledger.holdings.items() if one.quantity}
        known = {one.contract.con_id: one.quantity for one in self.rig.engine.positions(None)}
        assert {con_id: size for con_id, size in known.items() if size} == held

    async def _check_streams(self) -> None:
        if not self.readers:
            return
        prices = {}
        for number, symbol in enumerate(SYMBOLS):
            contract = (await self.rig.engine.instruments.resolve(symbol)).contract
            prices[symbol] = Decimal(60 + number)
            command = SetQuote(
                con_id=int(contract.con_id or 0),
                bid=prices[symbol],
                ask=prices[symbol] + 1,
                last=prices[symbol],
            )
            self.gateway.gateway.execute(command, self.rig.clock.utcnow())
        await self.rig.advance(30)
        for reader in self.readers:
            reader.read()
            assert reader.gap is None, (reader.wish, reader.gap)
            if reader.wish.kind is StreamKind.QUOTES:
                assert reader.bid == prices[str(reader.wish.contract)], reader.wish
        (live,) = [one for one in self.gateway.connections.values() if one.client_id == CLIENT]
        there = live._session.streams
        lines = Counter(
            {
                "quotes": len(there.market),
                "trades": len(there.ticks),
                "five-second bars": len(there.real_time),
                "bars": len(there.bars),
                "depth": len(there.depth),
            }
        )
        assert lines == Counter(str(wish.kind) for wish in FOLLOWED), lines


@dataclass
class Reader:
    """Reads one stream, which must go on without a hole or say that there is one."""

    wish: StreamWish
    ticket: Ticket
    gap: Gap | None = None
    hole: Gap | None = None
    may_jump: bool = True
    newest: datetime | None = None
    bid: Decimal | None = None
    seen: int = 0

    def read(self) -> None:
        """Read everything that waits."""
        while (letter := self.ticket.box.take()) is not None:
            if isinstance(letter, Gap):
                self.gap = None if letter.is_over else letter
                self.may_jump = True
                if letter.is_over:
                    self.hole = letter
                continue
            self.seen += 1
            # what history knows is answered while the link is down
            is_past = self.wish.kind is StreamKind.BARS
            assert self.gap is None or is_past, (
                self.wish.kind,
                self.gap.reason,
                self.gap.start,
                letter,
            )
            match letter:
                case Quote(bid=bid):
                    self.bid = bid
                case BarUpdate(bar=bar, is_final=True):
                    self._bar(bar.timestamp)
                case Trade(timestamp=timestamp):
                    in_order = self.newest is None or timestamp >= self.newest
                    assert in_order or self.may_jump, (self.wish.kind, self.newest, letter)
                    self.newest, self.may_jump = timestamp, False

    def _bar(self, timestamp: datetime) -> None:
        step = timedelta(seconds=5 if self.wish.kind is StreamKind.FIVE_SECONDS else 60)
        if self.newest is not None:
            assert timestamp > self.newest, (self.wish.kind, "twice", timestamp)
            # a bar that was growing when a gap began is over only when the next one comes
            end = None if self.hole is None else self.hole.end
            is_told = self.may_jump or (end is not None and end >= self.newest)
            assert timestamp == self.newest + step or is_told, (
                self.wish.kind,
                self.newest,
                timestamp,
            )
        self.newest, self.may_jump = timestamp, False
