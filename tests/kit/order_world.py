"""What the world does to a trader: the simulator's faults, its market, and other people."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from ibkr_connector.simulator import GatewaySimulator
from ibkr_connector.simulator.exchange.commands import (
    BustExecution,
    CancelOrder,
    Command,
    CorrectExecution,
    Halt,
    ModifyOrder,
    SetQuote,
)
from ibkr_connector.simulator.exchange.records import Hold, Owner, Terms, VenueOrder
from kit.order_steps import (
    ByHand,
    Foreign,
    Happens,
    Lines,
    Market,
    NewGateway,
    Notice,
    Revise,
    Says,
    Storm,
    WorldStep,
)

__all__ = ["APPLE", "World"]

APPLE: Final = 265598
MICROSOFT: Final = 272093
EURO: Final = 12087792
_FATAL: Final = frozenset({103, 110, 135, 201, 10318})
"""The codes that prove a new order dead, when they are the first word on it."""

_TEXTS: Final = {1100: "Connectivity lost", 1101: "restored, data lost", 1102: "restored"}


@dataclass
class World:
    """Does steps to one simulator; what concerns the trader's own process is not its business."""

    simulator: GatewaySimulator
    strangers: int = 0
    call: int = 0
    lied_about: set[str] = field(default_factory=set)
    """The references of orders of the trader's that were called dead while they worked."""

    def open(self) -> None:
        """Hold the markets."""
        self._tell(SetQuote(con_id=MICROSOFT, bid=Decimal(400), ask=Decimal(401)))
        plenty = Decimal(1_000_000)
        low, high = Decimal("1.10000"), Decimal("1.10005")
        self._tell(SetQuote(con_id=EURO, bid=low, ask=high, bid_size=plenty, ask_size=plenty))
        for one in self.simulator.venue.catalogue.options_of(APPLE):
            if (one.last_trade, one.right, one.strike) == ("20260320", "C", Decimal(100)):
                self.call = one.con_id
        self._tell(SetQuote(con_id=self.call, bid=Decimal(4), ask=Decimal(5)))
        self._market(100, 5)

    async def do(self, step: WorldStep) -> None:
        """Do one step."""
        gw = self.simulator
        match step:
            case Happens(fault=fault):
                gw.inject(fault)
            case Lines(reset=reset):
                gw.cut(reset=reset)
            case Storm(cuts=cuts):
                await self._storm(cuts)
            case Market(bid=bid, size=size, unseen=unseen):
                if unseen:
                    gw.cut()
                self._market(bid, size)
            case Foreign():
                self._foreign(step)
            case Revise():
                self._revise(step)
            case ByHand():
                self._by_hand(step)
            case Says(which=which, code=code):
                self._say(which, code)
            case NewGateway(down_s=down_s):
                gw.restart(down_s=down_s)
            case Notice(code=code):
                gw.notice(code, _TEXTS[code])
            case _:
                raise AssertionError(f"{step} is not for the world")

    def clear(self) -> None:
        """Let nothing more go wrong, nothing trade, and give everybody a line that is whole."""
        self.simulator.clear_faults()
        # or what is left of an order is filled while both sides are compared: by the market, or by
        # another order of the trader's whose condition has come true
        nothing = Decimal(0)
        for con_id in (APPLE, MICROSOFT, EURO, self.call):
            self._tell(Halt(con_id=con_id))
            self._tell(
                SetQuote(con_id=con_id, bid=None, ask=None, bid_size=nothing, ask_size=nothing)
            )
        self.simulator.cut()

    def ours(self) -> dict[str, VenueOrder]:
        """Return the orders with a reference of the trader's; none may be there twice."""
        venue = self.simulator.venue
        found = [one for one in (*venue.open_orders(), *venue.closed_orders()) if one.order_ref]
        by_reference = {one.order_ref: one for one in found}
        assert len(found) == len(by_reference), "an intent is at the venue twice"
        return by_reference

    # --- how ------------------------------------------------------------------------------------

    def _tell(self, command: Command) -> None:
        self.simulator.gateway.execute(command, self.simulator.clock.utcnow())
        self.simulator.flush()

    def _market(self, bid: int, size: int) -> None:
        command = SetQuote(
            con_id=APPLE,
            bid=Decimal(bid),
            ask=Decimal(bid + 1),
            last=Decimal(bid),
            bid_size=Decimal(size),
            ask_size=Decimal(size),
        )
        self._tell(command)

    async def _storm(self, cuts: int) -> None:
        gw = self.simulator
        for _ in range(cuts):
            accepted = gw.accepted
            gw.cut()
            # cut again as soon as somebody is back, and not later than a moment
            for _ in range(200):
                if gw.accepted > accepted:
                    break
                await asyncio.sleep(0)

    def _foreign(self, step: Foreign) -> None:
        self.strangers += 1
        owner = Owner(client_id=0, order_id=0)
        if not step.by_hand:
            owner = Owner(client_id=9, order_id=self.strangers)
        terms = Terms(
            action="BUY",
            quantity=Decimal(step.quantity),
            order_type="LMT",
            limit_price=Decimal(112 if step.crosses else 90),
        )
        self.simulator.gateway.place_for(
            owner, con_id=APPLE, terms=terms, now=self.simulator.clock.utcnow()
        )
        self.simulator.flush()

    def _revise(self, step: Revise) -> None:
        # of a combination its legs are booked, and can be corrected
        executions = [
            one
            for one, _ in self.simulator.venue.executions()
            if one.quantity and one.instrument.sec_type != "BAG"
        ]
        if step.which >= len(executions):
            return
        found = executions[step.which]
        if step.unseen:
            self.simulator.cut()
        if step.quantity == 0:
            self._tell(BustExecution(exec_id=found.exec_id))
        elif step.quantity is not None or step.price is not None:
            price = None if step.price is None else Decimal(step.price)
            quantity = None if step.quantity is None else Decimal(step.quantity)
            self._tell(CorrectExecution(exec_id=found.exec_id, price=price, quantity=quantity))

    def _say(self, which: int, code: int) -> None:
        # of an order that was never released nothing was said, and this would be the first word
        told = [one for one in self._working() if one.hold is not Hold.UNTRANSMITTED]
        if which >= len(told):
            return
        owner = told[which].owner
        session = self.simulator.gateway.sessions.get(owner.client_id)
        if session is not None:
            session.fail(owner.order_id, code, "said for a test")
            if code in _FATAL:
                self.lied_about.add(told[which].order_ref)
            self.simulator.flush()

    def _working(self) -> list[VenueOrder]:
        return [one for one in self.simulator.venue.open_orders() if one.order_ref]

    def _by_hand(self, step: ByHand) -> None:
        found = self._working()
        if step.which >= len(found):
            return
        order = found[step.which]
        if step.quantity is None:
            self._tell(CancelOrder(perm_id=order.perm_id))
        else:
            terms = replace(order.terms, quantity=Decimal(step.quantity))
            self._tell(ModifyOrder(perm_id=order.perm_id, terms=terms))
