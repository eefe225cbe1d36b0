"""Money through the whole venue: orders, corrections, busts, exercises, days; no cent is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ibkr_connector.simulator.exchange.advisor import Method, Share
from ibkr_connector.simulator.exchange.commands import (
    BustExecution,
    CorrectExecution,
    ExerciseOption,
    PlaceOrder,
    SetQuote,
)
from ibkr_connector.simulator.exchange.instruments import Instrument, Query
from ibkr_connector.simulator.exchange.listing import default_catalogue
from ibkr_connector.simulator.exchange.records import Allocation, Owner, Terms
from ibkr_connector.simulator.exchange.tape import SeededTape
from ibkr_connector.simulator.exchange.venue import Venue

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
CATALOGUE = default_catalogue(NOW.date())
START = Decimal(1_000_000)
ACCOUNTS = ("DU1", "DU2")


def find(symbol: str, sec_type: str) -> Instrument:
    return CATALOGUE.find(Query(symbol=symbol, sec_type=sec_type))[0]


def _call() -> Instrument:
    listed = CATALOGUE.find(Query(symbol="AAPL", sec_type="OPT", right="C", strike=Decimal(190)))
    return listed[0]


STOCK, FUTURE, CALL = find("AAPL", "STK"), find("ES", "FUT"), _call()
TRADED = (STOCK, FUTURE, CALL, find("BTC", "CRYPTO"))
PRICES = {STOCK.con_id: 190, FUTURE.con_id: 5_500, CALL.con_id: 8, TRADED[3].con_id: 60_000}


class Money(RuleBasedStateMachine):
    """Does anything to the venue, and counts what must be there."""

    @initialize()
    def begin(self) -> None:
        self.venue = Venue(
            catalogue=CATALOGUE, tape=SeededTape(1), accounts=dict.fromkeys(ACCOUNTS, START)
        )
        self.now = NOW
        self.number = 0
        self.closed_days = dict.fromkeys(ACCOUNTS, Decimal(0))
        self.executed: list[str] = []
        for con_id, price in PRICES.items():
            self.quote(con_id, Decimal(price))

    def quote(self, con_id: int, price: Decimal) -> None:
        self.venue.execute(SetQuote(con_id=con_id, bid=price, ask=price), self.now)

    @rule(one=st.sampled_from(TRADED), percent=st.integers(-5, 5))
    def move(self, one: Instrument, percent: int) -> None:
        price = Decimal(PRICES[one.con_id]) * (100 + percent) / 100
        self.quote(one.con_id, one.floor(price))

    @rule(
        one=st.sampled_from(TRADED),
        quantity=st.integers(1, 9),
        action=st.sampled_from(["BUY", "SELL"]),
        account=st.sampled_from(ACCOUNTS),
        divided=st.booleans(),
    )
    def trade(
        self, one: Instrument, quantity: int, action: str, account: str, *, divided: bool
    ) -> None:
        shares = tuple(Share(account=name) for name in ACCOUNTS)
        self.number += 1
        before = len(self.venue.executions())
        self.venue.execute(
            PlaceOrder(
                owner=Owner(client_id=1, order_id=self.number),
                account=account,
                instrument=one,
                exchange=one.home,
                terms=Terms(action=action, quantity=Decimal(quantity), order_type="MKT"),
                allocation=Allocation(method=Method.EQUAL, shares=shares) if divided else None,
            ),
            self.now,
        )
        for execution, _ in self.venue.executions()[before:]:
            self.executed.append(execution.exec_id)

    @rule(data=st.data(), percent=st.integers(-10, 10))
    def correct(self, data: st.DataObject, percent: int) -> None:
        if self.executed:
            exec_id = data.draw(st.sampled_from(self.executed))
            price = Decimal(100 + percent)
            self.revise(CorrectExecution(exec_id=exec_id, price=price))

    @rule(data=st.data())
    def bust(self, data: st.DataObject) -> None:
        if self.executed:
            exec_id = data.draw(st.sampled_from(self.executed))
            self.executed.remove(exec_id)
            self.revise(BustExecution(exec_id=exec_id))

    def revise(self, command: CorrectExecution | BustExecution) -> None:
        self.venue.execute(command, self.now)

    @rule(account=st.sampled_from(ACCOUNTS))
    def exercise(self, account: str) -> None:
        held = self.venue.ledgers[account].holdings.get(CALL.con_id)
        if held is None or held.quantity <= 0:
            return
        self.number += 1
        self.venue.execute(
            ExerciseOption(
                owner=Owner(client_id=1, order_id=self.number),
                account=account,
                instrument=CALL,
                quantity=Decimal(1),
                override=True,
            ),
            self.now,
        )
        # what came before in these two cannot be revised any more
        self.executed.clear()

    @rule()
    def next_day(self) -> None:
        for account in ACCOUNTS:
            self.closed_days[account] += self.realized(account)
        self.executed.clear()
        self.now += timedelta(days=1)
        self.venue.advance(self.now)

    def realized(self, account: str) -> Decimal:
        holdings = self.venue.ledgers[account].holdings.values()
        return sum((one.realized for one in holdings), Decimal(0))

    @invariant()
    def not_a_cent_is_lost(self) -> None:
        for account in ACCOUNTS:
            ledger = self.venue.ledgers[account]
            at_cost = sum(
                (
                    one.fees if one.instrument.sec_type == "FUT" else one.cost
                    for one in ledger.holdings.values()
                ),
                Decimal(0),
            )
            gained = self.realized(account) + self.closed_days[account]
            assert ledger.cash["USD"] + at_cost - gained == START
            assert ledger.cash["USD"] == round(ledger.cash["USD"], 2)

    @invariant()
    def wealth_is_what_there_was_and_what_was_gained(self) -> None:
        for account in ACCOUNTS:
            worth = self.venue.figures(account, self.now)
            gained = worth.unrealized + worth.realized + self.closed_days[account]
            assert abs(worth.net_liquidation - START - gained) <= Decimal("0.02")


Money.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestMoney = Money.TestCase
