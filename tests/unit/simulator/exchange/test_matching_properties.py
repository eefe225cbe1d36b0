"""
What holds whatever is traded: nobody pays more than his limit, the book is never crossed, those
who came first are served first, and every share and every cent is somebody's.
"""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ibkr_connector.simulator.exchange.commands import Event, Executed, OrderChanged
from ibkr_connector.simulator.exchange.models import NoFees
from ibkr_connector.simulator.exchange.records import Group, Terms
from kit.floor import ACCOUNT, NOW, Floor, terms

ACCOUNTS = (ACCOUNT, "DU2")
CENTS = st.integers(9_950, 10_050)
SIZES = st.integers(1, 40)


def price(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


@st.composite
def asked(draw: st.DrawFn) -> Terms:
    """Draw an order of any type that trades against a quote."""
    kind = draw(
        st.sampled_from(
            ["MKT", "LMT", "LMT", "LMT", "STP", "STP LMT", "MIT", "LIT", "TRAIL", "REL", "MIDPRICE"]
        )
    )
    more: dict[str, object] = {}
    if kind in {"LMT", "STP LMT", "LIT", "REL", "MIDPRICE"}:
        more["limit_price"] = price(draw(CENTS))
    if kind in {"STP", "STP LMT", "MIT", "LIT"}:
        more["stop_price"] = price(draw(CENTS))
    if kind == "TRAIL":
        more["stop_price"] = draw(st.sampled_from(["0.05", "0.20"]))
    if kind == "LMT":
        more["time_in_force"] = draw(st.sampled_from(["DAY", "GTC", "IOC", "FOK"]))
        more["is_all_or_none"] = draw(st.booleans()) and more["time_in_force"] == "DAY"
        more["is_hidden"] = draw(st.booleans())
    return terms(draw(st.sampled_from(["BUY", "SELL"])), kind, draw(SIZES), **more)


class Market(RuleBasedStateMachine):
    """Two accounts trade one stock with each other and with a market that the machine moves."""

    def __init__(self) -> None:
        super().__init__()
        self.floor = Floor(cash=10_000_000, fees=NoFees())
        self.taken_from_market = Decimal(0)
        self.paid_to_market = Decimal(0)

    @rule(order=asked(), account=st.sampled_from(ACCOUNTS), group=st.sampled_from([None, 1, 2, 3]))
    def place(self, order: Terms, account: str, group: int | None) -> None:
        """Place an order, some of them in a group."""
        oca = Group(name=f"g{group}", kind=group) if group is not None else None
        self._check(self.floor.place(order, account=account, group=oca))

    @rule(middle=CENTS, half=st.integers(0, 10), size=st.integers(0, 30))
    def move(self, middle: int, half: int, size: int) -> None:
        """Move the market; a spread of nothing is one cent."""
        bid, ask = middle - half, middle + half + 1
        self._check(self.floor.quote(price(bid), price(ask), size=size))

    @rule()
    def wait(self) -> None:
        """Let a second pass, with which the market offers its sizes again."""
        self._check(self.floor.wait())

    @precondition(lambda self: self.floor.venue.open_orders())
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Cancel an order."""
        order = data.draw(st.sampled_from(self.floor.venue.open_orders()))
        self._check(self.floor.cancel(order))

    @precondition(lambda self: self.floor.venue.open_orders())
    @rule(data=st.data(), cents=CENTS, quantity=SIZES)
    def modify(self, data: st.DataObject, cents: int, quantity: int) -> None:
        """Change price and size of an order that has them."""
        order = data.draw(st.sampled_from(self.floor.venue.open_orders()))
        changed = terms(
            order.terms.action,
            order.terms.order_type,
            quantity,
            limit_price=price(cents) if order.terms.limit_price is not None else None,
            stop_price=order.terms.stop_price,
        )
        self._check(self.floor.modify(order, changed))

    # --- what holds -----------------------------------------------------------------------------

    def _check(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Executed):
                self._check_execution(event)
            elif isinstance(event, OrderChanged):
                order = event.order
                assert 0 <= order.filled <= order.terms.quantity

    def _check_execution(self, event: Executed) -> None:
        execution = event.execution
        limit = execution.order.working_price
        assert execution.quantity > 0
        if limit is not None:
            beyond = execution.price - limit
            assert beyond <= 0 if execution.is_buy else beyond >= 0

    @invariant()
    def the_book_is_never_crossed(self) -> None:
        """The best bid that is shown is below the best ask."""
        quote = self.floor.venue.quote(self.floor.instrument(), self.floor.now)
        if quote.bid is not None and quote.ask is not None:
            assert quote.bid < quote.ask

    @invariant()
    def no_two_clients_stand_where_they_would_trade(self) -> None:
        """Resting orders of both sides that can trade with each other have done so."""
        orders = [
            one
            for one in self.floor.venue.open_orders()
            if one.works and one.is_triggered and not one.terms.is_all_or_none
        ]
        buys = [o.working_price for o in orders if o.terms.is_buy and o.working_price is not None]
        sells = [
            o.working_price for o in orders if not o.terms.is_buy and o.working_price is not None
        ]
        if buys and sells:
            assert max(buys) < min(sells)

    @invariant()
    def every_share_and_every_cent_is_somebodys(self) -> None:
        """What the accounts hold and paid is the sum of their executions."""
        for account in ACCOUNTS:
            shares, cash = Decimal(0), Decimal(10_000_000)
            for execution, _ in self.floor.venue.executions():
                if execution.account != account:
                    continue
                signed = execution.quantity if execution.is_buy else -execution.quantity
                shares += signed
                cash -= signed * execution.price
            assert self.floor.held(account=account) == shares
            assert self.floor.venue.ledgers[account].cash["USD"] == cash

    @invariant()
    def what_orders_say_is_what_was_executed(self) -> None:
        """Filled quantity and average price of each order follow from its executions."""
        sums: dict[int, tuple[Decimal, Decimal]] = {}
        for execution, _ in self.floor.venue.executions():
            quantity, value = sums.get(execution.order.perm_id, (Decimal(0), Decimal(0)))
            sums[execution.order.perm_id] = (
                quantity + execution.quantity,
                value + execution.quantity * execution.price,
            )
        for order in (*self.floor.venue.open_orders(), *self.floor.venue.closed_orders()):
            quantity, value = sums.get(order.perm_id, (Decimal(0), Decimal(0)))
            assert order.filled == quantity
            assert order.status != "Filled" or order.remaining == 0
            if quantity:
                assert abs(order.average_price * quantity - value) < Decimal("0.000001")


def test_the_market_stays_sound_whatever_is_traded() -> None:
    run_state_machine_as_test(Market, settings=settings(stateful_step_count=40))


@given(st.lists(st.tuples(CENTS, SIZES), min_size=2, max_size=12), st.integers(1, 100))
def test_a_better_price_and_then_an_earlier_order_is_always_served_first(
    resting: list[tuple[int, int]], quantity: int
) -> None:
    floor = Floor()
    floor.quote("99.00", "101.00", size=0)
    for cents, size in resting:
        floor.place(terms("BUY", "LMT", size, limit_price=price(cents)))
    events = floor.place(terms("SELL", "MKT", quantity), account="DU2")
    filled = [
        (event.execution.order.owner.order_id, event.execution.quantity)
        for event in events
        if isinstance(event, Executed) and event.execution.is_buy
    ]
    wanted, left = [], Decimal(quantity)
    for number in sorted(range(len(resting)), key=lambda n: (-resting[n][0], n)):
        part = min(left, Decimal(resting[number][1]))
        if part:
            wanted.append((number + 1, part))
        left -= part
    assert filled == wanted


def test_two_venues_with_one_seed_and_the_same_commands_say_the_same() -> None:
    said = []
    for _ in range(2):
        floor, events = Floor(now=NOW), list[Event]()
        for number in range(60):
            kind = ("MKT", "LMT", "STP")[number % 3]
            more = {"MKT": {}, "LMT": {"limit_price": "99.95"}, "STP": {"stop_price": "101.00"}}
            side = "BUY" if number % 4 < 2 else "SELL"
            events += floor.place(terms(side, kind, 1 + number % 7, **more[kind]))
            events += floor.wait(0.5)
        said.append(repr(events))
    assert said[0] == said[1]
