"""
Whatever happens to the line, the gateway, the market and the process, and in whatever order: the
venue has each intent at most once, the journal knows each, and both say the same of each.

The real desk, the real session, ib_async and a real socket; every list of troubles is Hypothesis's.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ibkr_connector.errors import IBKRError, OrderUncertainError
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.orders import OrderReport, OrderStatus, limit_order, market_order
from ibkr_connector.orders.journal import verify
from ibkr_connector.simulator import Cut, CutAfter, Duplicate, GatewaySimulator, Hold
from ibkr_connector.simulator.exchange.commands import SetQuote
from ibkr_connector.simulator.exchange.records import Owner, Status, Terms, VenueOrder
from kit.order_socket import Wire

APPLE = 265598


@dataclass(frozen=True)
class Place:
    """Place an order that rests, or one that trades."""

    rests: bool
    quantity: int


@dataclass(frozen=True)
class Cancel:
    """Cancel one of the orders placed before, whatever became of it."""

    which: int


@dataclass(frozen=True)
class CutLine:
    """Let the socket end after so many bytes of one direction."""

    after: int
    received: bool


@dataclass(frozen=True)
class CutOrder:
    """Let the socket end on the next order, done or not."""

    handled: bool


@dataclass(frozen=True)
class Trouble:
    """Let statuses come twice, or commissions late."""

    twice: bool


@dataclass(frozen=True)
class Move:
    """Move the market, which may fill what rests; first cut the line when `away`."""

    bid: int
    size: int
    away: bool


@dataclass(frozen=True)
class Foreign:
    """Let somebody else place an order of the same size."""

    quantity: int


@dataclass(frozen=True)
class Restart:
    """End the desk without a word and begin again on its journal."""


Step = Place | Cancel | CutLine | CutOrder | Trouble | Move | Foreign | Restart

STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(Place, rests=st.booleans(), quantity=st.integers(1, 9)),
    st.builds(Place, rests=st.booleans(), quantity=st.integers(1, 9)),
    st.builds(Cancel, which=st.integers(0, 9)),
    st.builds(CutLine, after=st.integers(1, 900), received=st.booleans()),
    st.builds(CutOrder, handled=st.booleans()),
    st.builds(Trouble, twice=st.booleans()),
    st.builds(Move, bid=st.integers(95, 105), size=st.integers(1, 12), away=st.booleans()),
    st.builds(Foreign, quantity=st.integers(1, 9)),
    st.just(Restart()),
)


class Play:
    """Runs steps against one simulator, and compares both sides at the end."""

    def __init__(self, simulator: GatewaySimulator, path: Path) -> None:
        self.simulator = simulator
        self.path = path
        self.keys = 0
        self.placed: list[int] = []

    async def run(self, steps: list[Step]) -> None:
        """Do everything, and hold both sides against each other."""
        self.quote(100, 5)
        self.wire = await self.started()
        try:
            for step in steps:
                await self.do(step)
            self.simulator.clear_faults()
            await self.connected()
            await self.settled()
            self.compare()
        finally:
            await self.wire.close()
        assert verify(self.path) > 0 or not self.placed

    async def started(self) -> Wire:
        """Open a desk on the journal, and connect it as the supervisor would: until it works."""
        self.wire = Wire(host=self.simulator.host, port=self.simulator.port, path=self.path)
        await self.wire.start()
        await self.connected()
        return self.wire

    async def connected(self) -> None:
        """Connect when the line is cut; a cut that waits still may strike while it is done."""
        for _ in range(20):
            try:
                if self.wire.session is None or self.wire.ended.is_set():
                    await self.wire.connect()
                await self.wire.desk.reconcile()
            except IBKRError:
                # this attempt is over; the next begins with a new socket
                self.wire.ended.set()
            else:
                return
        raise AssertionError("never connected again")

    async def do(self, step: Step) -> None:
        """Do one step."""
        match step:
            case Place():
                await self.place(step)
            case Cancel(which=which):
                if which < len(self.placed):
                    with suppress(IBKRError):
                        await self.wire.desk.cancel(self.placed[which])
            case CutLine(after=after, received=True):
                self.simulator.inject(CutAfter(received=after))
            case CutLine(after=after):
                self.simulator.inject(CutAfter(sent=after))
            case CutOrder(handled=handled):
                self.simulator.inject(Cut(on="PlaceOrder", handled=handled))
            case Trouble(twice=True):
                self.simulator.inject(Duplicate(reply="OrderStatus", times=3))
            case Trouble():
                self.simulator.inject(Hold(reply="CommissionReport", seconds=0.05, times=3))
            case Move(bid=bid, size=size, away=away):
                if away:
                    self.simulator.cut()
                self.quote(bid, size)
            case Foreign(quantity=quantity):
                self.place_foreign(quantity)
            case Restart():
                await self.wire.close()
                await self.started()
        if self.wire.ended.is_set():
            await self.connected()

    async def place(self, step: Place) -> None:
        """Place an order; whether it is certain is what the end will tell."""
        self.keys += 1
        apple, key = stock("AAPL"), f"k{self.keys}"
        request = (
            limit_order(apple, "BUY", step.quantity, limit_price=Decimal(99), client_order_id=key)
            if step.rests
            else market_order(apple, "BUY", step.quantity, client_order_id=key)
        )
        try:
            report = await self.wire.desk.place(request)
        except OrderUncertainError as error:
            self.placed.append(error.order_id)
        except IBKRError as error:
            if (order_id := getattr(error, "order_id", None)) is not None:
                self.placed.append(order_id)
        else:
            self.placed.append(report.order_id)

    def quote(self, bid: int, size: int) -> None:
        """Hold the market."""
        command = SetQuote(
            con_id=APPLE,
            bid=Decimal(bid),
            ask=Decimal(bid + 1),
            bid_size=Decimal(size),
            ask_size=Decimal(size),
        )
        self.simulator.gateway.execute(command, self.simulator.clock.utcnow())
        self.simulator.flush()

    def place_foreign(self, quantity: int) -> None:
        """Place an order that is none of ours."""
        terms = Terms(
            action="BUY",
            quantity=Decimal(quantity),
            order_type="LMT",
            limit_price=Decimal(99),
        )
        self.simulator.gateway.place_for(
            Owner(client_id=9, order_id=quantity),
            con_id=APPLE,
            terms=terms,
            now=self.simulator.clock.utcnow(),
        )
        self.simulator.flush()

    async def settled(self) -> None:
        """Wait until the desk knows of each order what the venue knows."""
        for order_id in {*self.placed}:
            await self.wire.desk.wait_for(order_id, self.agrees, timeout_s=10.0)

    def ours(self) -> dict[str, VenueOrder]:
        """Return the orders with our references; none may be there twice."""
        venue = self.simulator.venue
        found = [one for one in (*venue.open_orders(), *venue.closed_orders()) if one.order_ref]
        by_reference = {one.order_ref: one for one in found}
        assert len(found) == len(by_reference), "an intent is at the venue twice"
        return by_reference

    def agrees(self, report: OrderReport) -> bool:
        """Tell whether a report is what the venue has."""
        there = self.ours().get(report.order_ref)
        if there is None:
            return report.status in (OrderStatus.REJECTED, OrderStatus.CANCELLED)
        filled = sum((fill.quantity for fill in report.fills), Decimal(0))
        if report.filled_quantity != there.filled or filled != there.filled:
            return False
        return report.status in _SAME[there.status]

    def compare(self) -> None:
        """Hold journal and venue against each other."""
        # orders of others are known too, without a reference of ours
        known = {one.order_ref: one for one in self.wire.desk.orders() if one.order_ref}
        there = self.ours()
        assert there.keys() <= known.keys(), "the venue has what the journal does not know"
        for reference, report in known.items():
            assert self.agrees(report), (report, there.get(reference))


_OPEN = (OrderStatus.SUBMITTED, OrderStatus.PARTIALLY_FILLED)
_SAME = {
    Status.PRE_SUBMITTED: _OPEN,
    Status.SUBMITTED: _OPEN,
    Status.FILLED: (OrderStatus.FILLED,),
    Status.CANCELLED: (OrderStatus.CANCELLED,),
    Status.INACTIVE: (OrderStatus.REJECTED,),
}


@pytest.mark.timeout(600)
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, min_size=1, max_size=14))
def test_each_intent_is_at_the_venue_once_or_not_at_all_and_both_sides_agree(
    steps: list[Step],
) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with GatewaySimulator() as simulator:
                await Play(simulator, Path(folder) / "journal").run(steps)

    asyncio.run(run())
