"""Exactly once, whatever happens to the link, the process and the answers."""

import asyncio
import tempfile
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from ibkr_connector.clock import ManualClock
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.orders import OrderStatus
from ibkr_connector.orders.journal import verify
from kit.order_desk import NOON, Bench, buy
from kit.order_venue import Mode, OrderVenue

TRUTH = {
    "Submitted": {OrderStatus.SUBMITTED, OrderStatus.PARTIALLY_FILLED},
    "Filled": {OrderStatus.FILLED},
    "Cancelled": {OrderStatus.CANCELLED, OrderStatus.REJECTED},
}


class AnyTrouble(RuleBasedStateMachine):
    """Orders, cuts, silence and restarts in any order; at the end the ledger equals the venue."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        clock = ManualClock(NOON)
        self.bench = Bench(
            path=Path(self.folder.name) / "orders.sqlite3",
            clock=clock,
            venue=OrderVenue(clock=clock),
            settings={},
        )
        self.runner.run(self.bench.start())
        self.keys = 0

    @precondition(lambda self: self.bench.venue.connected)
    @rule(mode=st.sampled_from(Mode), leave=st.booleans())
    def place(self, mode: Mode, leave: bool) -> None:
        self.keys += 1
        self.bench.venue.mode = mode
        self.runner.run(self._place(f"k{self.keys}", leave=leave))

    @precondition(lambda self: self.bench.venue.connected and self.keys)
    @rule(data=st.data())
    def place_again(self, data: st.DataObject) -> None:
        key = data.draw(st.integers(1, self.keys))
        self.bench.venue.mode = Mode.WORK
        self.runner.run(self._place(f"k{key}", leave=False))

    async def _place(self, key: str, *, leave: bool) -> None:
        order = buy(client_order_id=key)
        if leave:
            placing = asyncio.ensure_future(self.bench.desk.place(order))
            await self.bench.settle()
            placing.cancel()
            await asyncio.wait([placing])
            if not placing.cancelled():
                placing.exception()
            return
        with suppress(IBKRError):
            await self.bench.run(lambda: self.bench.desk.place(order))

    @precondition(lambda self: self.bench.venue.connected)
    @rule(data=st.data(), share=st.sampled_from([1, 30, 100]))
    def fill(self, data: st.DataObject, share: int) -> None:
        alive = [held for held in self.bench.venue.held.values() if held.is_open]
        if alive:
            held = data.draw(st.sampled_from(alive))
            left = held.ticket.quantity - held.filled
            self.bench.venue.execute(held, min(left, Decimal(share)), tell=data.draw(st.booleans()))

    @precondition(lambda self: self.bench.venue.connected)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        reports = self.bench.desk.orders()
        if reports:
            chosen = data.draw(st.sampled_from(reports))
            self.runner.run(self._cancel(chosen.order_id))

    async def _cancel(self, order_id: int) -> None:
        with suppress(IBKRError):
            await self.bench.run(lambda: self.bench.desk.cancel(order_id))

    @precondition(lambda self: self.bench.venue.connected)
    @rule()
    def cut(self) -> None:
        self.bench.venue.cut()
        self.runner.run(self.bench.settle())

    @rule()
    def reconnect(self) -> None:
        if self.bench.venue.connected:
            self.bench.venue.cut()
        self.runner.run(self._sync())

    @rule()
    def restart(self) -> None:
        self.runner.run(self.bench.restart())
        self.runner.run(self._sync())

    async def _sync(self) -> None:
        self.bench.venue.reconnect()
        await self.bench.run(self.bench.desk.reconcile)
        await self.bench.pass_time(6)

    def teardown(self) -> None:
        try:
            self.reconnect()
            self.runner.run(self.bench.pass_time(15))
            self.the_ledger_equals_the_venue()
            self.runner.run(self.bench.stop())
            verify(self.bench.path)
        finally:
            self.runner.run(self.bench.stop())
            self.runner.close()
            self.folder.cleanup()

    def the_ledger_equals_the_venue(self) -> None:
        venue = self.bench.venue
        refs = [ticket.order_ref for ticket in venue.sent]
        assert len(refs) == len(set(refs)), "an intent was sent twice"
        reports = {report.order_ref: report for report in self.bench.desk.orders()}
        assert set(venue.held) <= set(reports), "an order was forgotten"
        for ref, report in reports.items():
            held = venue.held.get(ref)
            if held is None:
                assert report.status is OrderStatus.REJECTED
            else:
                assert report.status in TRUTH[held.status]
                assert report.filled_quantity == held.filled


AnyTrouble.TestCase.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)
# it waits for the disk hundreds of times, and pytest's deadline strikes in the midst of whatever
# runs: in a job of the desk it looks like a bug there ("not sent: the desk was closed")
TestAnyTrouble = pytest.mark.timeout(0)(AnyTrouble.TestCase)
