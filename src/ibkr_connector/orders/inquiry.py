"""
Asking the broker what it knows, and settling with that what was uncertain.

Owns: when the broker is asked (a verdict window after a hint, repeatedly while anything of ours is
uncertain, or filled by a count that executions do not bear out yet), that one answer serves all who
asked before it began, and what is missing since when.
Refuses to know: what follows from an absence (`reconcile.py`), and users.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from ibkr_connector.errors import ConnectionLostError, IBKRError
from ibkr_connector.gateway.port import OrderGateway, PositionRow
from ibkr_connector.resilience.operation import ENDPOINTS, Operation
from ibkr_connector.resilience.pipeline import Pipeline

from .book import MOMENT_S, Book
from .drift_watch import INTERVAL_S, DriftWatch
from .entry import OrderEntry
from .evidence import see, see_completed, see_listed
from .reconcile import (
    Miss,
    Picture,
    Reconciliation,
    Verdict,
    is_judged,
    judge,
    memory_starts,
)
from .retention import KEEP_CLOSED_S
from .states import CLOSED, Event, State

__all__ = ["DeskTiming", "Inquiry"]

T = TypeVar("T")

_log = logging.getLogger("ibkr_connector.orders")

_FETCHES: Final = 6
"""How often the executions of one order are asked for in a session, each time after longer."""

_REASONS = {
    Verdict.NOT_PLACED: "not placed: the broker was asked twice and has never had it",
    Verdict.VANISHED: "the broker no longer lists it and does not say how it ended; "
    "look it up in TWS or in the statement, and tell by settle_order",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskTiming:
    """
    How long the desk waits, in seconds.

    Args:
        verdict_window_s: For the broker's own word after a code that only hints.
        grace_s: Before an absence is looked at a second time.
        lookup_cap_s: Longest pause between two questions while something is uncertain.
        cancel_timeout_s: For the broker's verdict on a cancellation.
        moment_s: For the executions of an order that is over, before a wait ends without them.
        keep_closed_s: Until a closed order leaves memory; the journal keeps it.
    """

    verdict_window_s: float = 2.0
    grace_s: float = 5.0
    lookup_cap_s: float = 60.0
    cancel_timeout_s: float = 10.0
    moment_s: float = MOMENT_S
    keep_closed_s: float = KEEP_CLOSED_S


class Inquiry:
    """The desk's questions to the broker; lives on one loop, its jobs run in the desk's group."""

    def __init__(
        self,
        *,
        book: Book,
        gateway: OrderGateway,
        pipeline: Pipeline,
        timing: DeskTiming,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None] | None],
    ) -> None:
        self._book = book
        self._gateway = gateway
        self._pipeline = pipeline
        self._timing = timing
        self.grace_s = timing.grace_s
        self._spawn = spawn
        self._turn = asyncio.Lock()
        self._begun = 0
        self._latest: tuple[int, Picture] | None = None
        self._misses: dict[str, Miss] = {}
        self._sent_in: dict[str, int] = {}
        book.retention.on_forgotten.append(lambda key: self._sent_in.pop(key, None))
        book.retention.on_forgotten.append(lambda key: self._short.discard(key))
        book.watchers.append(self._notice)
        self._windows: set[str] = set()
        self._short: set[str] = set()
        self._strangers: set[str] = set()
        self._following: asyncio.Task[None] | None = None
        self._asking_in: int | None = None
        self._again = False
        self.session = 0
        self.held: set[str] = set()
        """Orders that somebody else is settling: their absence is not judged meanwhile."""
        self.accounts: Callable[[], Sequence[str]] = lambda: ()
        """Tells those of the login; empty when they are not known."""

    # --- told by the desk -----------------------------------------------------------------------

    def sent(self, key: str) -> None:
        """Remember in which session an order was handed to the socket."""
        self._sent_in[key] = self.session

    def was_sent_before(self, key: str) -> bool:
        """Whether it was handed to a socket that is gone: that of an earlier session or process."""
        return self._sent_in.get(key) != self.session

    def session_ended(self) -> None:
        """Nothing that was asked in the old session proves anything in the next."""
        self.session += 1
        self._misses.clear()
        self._strangers.clear()
        self._short.clear()

    def is_undecided(self, key: str) -> bool:
        """Whether a verdict window of this order is open."""
        return key in self._windows

    def open_window(self, key: str) -> None:
        """Wait for the broker's own word for a while, then ask."""
        if key not in self._windows:
            self._windows.add(key)
            was_closed = self._book.ledger.get(key).state in CLOSED
            self._spawn(self._decide(key, was_closed=was_closed))

    def _notice(self, entry: OrderEntry) -> None:
        """Have the executions asked for of an order of ours that is filled by a count alone."""
        if entry.state in CLOSED and entry.lags and entry.is_own and entry.key not in self._short:
            self._short.add(entry.key)
            self._spawn(self._fetch(entry.key))

    def meet(self, stranger: str) -> None:
        """Ask once in a session about an order that only a status has named."""
        if stranger not in self._strangers:
            self._strangers.add(stranger)
            self._spawn(self._look_quietly())

    def follow_up(self) -> None:
        """Keep asking until nothing of ours is uncertain, or the session ends; begin at once."""
        if self._asking_in == self.session:
            # answers that are slower than the orders that are lost would otherwise never come
            self._again = True
            return
        if self._following is not None:
            self._following.cancel()
        self._following = self._spawn(self._follow())

    def watch_drift(
        self,
        positions: Callable[[], Awaitable[tuple[PositionRow, ...]]],
        *,
        interval_s: float = INTERVAL_S,
    ) -> DriftWatch:
        """Begin the periodic comparison with the broker; to be called once, when connected."""
        watch = DriftWatch(
            book=self._book,
            gateway=self._gateway,
            positions=positions,
            pipeline=self._pipeline,
            adopt=self.look,
            interval_s=interval_s,
            grace_s=self._timing.grace_s,
        )
        self._spawn(watch.run())
        return watch

    # --- asking ---------------------------------------------------------------------------------

    async def look(self) -> Picture:
        """
        Ask the broker for everything and take it in; callers who wait at once share an answer.

        Raises:
            IBKRError: A list did not come, or the session ended meanwhile: nothing is concluded.
        """
        asked_after = self._begun
        async with self._turn:
            if self._latest is not None and self._latest[0] > asked_after:
                return self._latest[1]
            self._begun += 1
            number = self._begun
            picture = await self._take_picture()
            self._latest = (number, picture)
            return picture

    async def reconcile(self) -> Reconciliation:
        """Compare with the broker; see `reconcile.py` for what follows from what."""
        ledger, clock = self._book.ledger, self._book.clock
        started = clock.utcnow()
        before = {entry.key: entry for entry in ledger if entry.is_own and entry.is_open}
        known_fills = sum(len(entry.fills) for entry in ledger)
        picture = await self.look()
        oldest = memory_starts(clock.utcnow())
        for entry in tuple(ledger):
            # a gateway that has just started may tell them later
            if entry.updated >= oldest:
                self._notice(entry)
        after = {key: ledger.get(key) for key in before}
        pending = tuple(key for key in before if key in self._misses)
        if pending or self._is_unsettled():
            self.follow_up()
        return Reconciliation(
            started=started,
            finished=clock.utcnow(),
            adopted=tuple(
                key
                for key, entry in after.items()
                if before[key].is_awaiting and not entry.is_awaiting and entry.seen
            ),
            closed=tuple(key for key, entry in after.items() if not entry.is_open and entry.seen),
            not_placed=tuple(
                key for key, entry in after.items() if not entry.is_open and not entry.seen
            ),
            uncertain=tuple(key for key, entry in after.items() if entry.state is State.UNCERTAIN),
            pending=pending,
            recovered_fills=sum(len(entry.fills) for entry in ledger) - known_fills,
            foreign=sum(not ledger.get(key).is_own for key in picture.listed),
        )

    async def _take_picture(self) -> Picture:
        book, session, mark = self._book, self.session, self._book.ledger.mark()
        ledger, listed = book.ledger, set()
        for order in await self._ask("open_orders", self._gateway.open_orders):
            book.take(see_listed(ledger, order, at=book.clock.utcnow(), since=mark))
            entry = ledger.about(order)
            if entry is not None:
                listed.add(entry.key)
        closed = await self._ask("completed_orders", self._gateway.completed_orders)
        # fills before endings: an order that was cancelled half way was filled half way first
        for execution in await self._ask("executions", self._gateway.executions):
            book.take(see(ledger, execution, at=book.clock.utcnow()))
        for completed in closed:
            book.take(see_completed(ledger, completed, at=book.clock.utcnow()))
        if session != self.session:
            raise ConnectionLostError("the session ended while the broker was asked")
        picture = Picture(
            session=session,
            client_id=self._gateway.client_id,
            mark=mark,
            at_s=book.clock.monotonic(),
            now=book.clock.utcnow(),
            listed=frozenset(listed),
            accounts=frozenset(self.accounts()),
        )
        self._judge(picture)
        return picture

    async def _ask(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        return await self._pipeline.run(Operation(policy=ENDPOINTS[name], call=call))

    def _judge(self, picture: Picture) -> None:
        ledger = self._book.ledger
        for entry in tuple(ledger):
            key = entry.key
            known_lost = entry.state is State.UNCERTAIN and entry.seen
            missing = is_judged(entry) and not known_lost and key not in picture.listed
            if key in self.held:
                continue
            if not missing or ledger.touched_since(key, picture.mark):
                self._misses.pop(key, None)
                continue
            verdict = judge(
                entry,
                picture=picture,
                first_miss=self._misses.get(key),
                sent_in=self._sent_in.get(key),
                grace_s=self._timing.grace_s,
            )
            if verdict is Verdict.ASK_AGAIN:
                miss = Miss(session=picture.session, at_s=picture.at_s)
                self._misses.setdefault(key, miss)
            elif verdict is not Verdict.UNPROVEN:
                self._misses.pop(key, None)
                event = Event.NOT_PLACED if verdict is Verdict.NOT_PLACED else Event.VANISH
                self._book.move(key, event, cause="reconciliation", reason=_REASONS[verdict])

    # --- jobs -----------------------------------------------------------------------------------

    async def _decide(self, key: str, *, was_closed: bool) -> None:
        try:
            await self._book.clock.sleep(self._timing.verdict_window_s)
            # what was closed already may have left memory meanwhile
            entry = self._book.ledger.entry(key)
            if was_closed or (entry is not None and entry.is_open):
                await self._look_quietly()
        finally:
            self._windows.discard(key)
            self._book.wake(key)
        if self._is_unsettled():
            self.follow_up()

    async def _fetch(self, key: str) -> None:
        session, pause = self.session, self._timing.verdict_window_s
        for _ in range(_FETCHES):
            # nearly always they are on their way
            await self._book.clock.sleep(pause)
            if session != self.session:
                return
            if not self._is_short(key):
                break
            await self._look_quietly()
            pause = min(pause * 2, self._timing.lookup_cap_s)
        if session != self.session:
            return
        if not self._is_short(key):
            self._short.discard(key)
            return
        entry = self._book.ledger.get(key)
        _log.warning(
            "order %s is %s, and of %s of the %s that are filled the broker tells no execution",
            entry.order_id,
            entry.status,
            entry.unbacked,
            entry.filled,
        )

    def _is_short(self, key: str) -> bool:
        entry = self._book.ledger.entry(key)
        return entry is not None and entry.lags

    async def _follow(self) -> None:
        session, pause = self.session, self._timing.grace_s
        while self._is_unsettled() and session == self.session:
            self._asking_in, self._again = session, False
            try:
                await self._look_quietly()
            finally:
                if self._asking_in == session:
                    self._asking_in = None
            if not self._is_unsettled():
                return
            if self._again:
                pause = self._timing.grace_s
                continue
            await self._book.clock.sleep(pause)
            pause = min(pause * 2, self._timing.lookup_cap_s)

    async def _look_quietly(self) -> None:
        try:
            await self.look()
        except IBKRError as error:
            _log.warning("the broker could not be asked about orders: %s", error)

    def _is_unsettled(self) -> bool:
        return bool(self._misses) or any(
            entry.is_own and entry.state is State.UNCERTAIN and not entry.seen
            for entry in self._book.ledger
        )
