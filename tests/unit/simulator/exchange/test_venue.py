from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.simulator.exchange.commands import (
    CancelAll,
    CancelOrder,
    Event,
    Executed,
    ModifyOrder,
    OrderChanged,
    OrderRefused,
    PlaceOrder,
    SetQuote,
)
from ibkr_connector.simulator.exchange.instruments import Instrument, Query
from ibkr_connector.simulator.exchange.listing import default_catalogue
from ibkr_connector.simulator.exchange.records import Owner, Status, Terms
from ibkr_connector.simulator.exchange.tape import SeededTape
from ibkr_connector.simulator.exchange.venue import Venue

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
SECOND = timedelta(seconds=1)
APPLE = 265598
ACCOUNT = "DU1"
CATALOGUE = default_catalogue(NOW.date())


def venue(cash: int = 1_000_000, seed: int = 1) -> Venue:
    made = Venue(catalogue=CATALOGUE, tape=SeededTape(seed), accounts={ACCOUNT: Decimal(cash)})
    quote(made, "99.90", "100.10")
    return made


def quote(made: Venue, bid: str, ask: str, size: int = 1_000) -> Sequence[Event]:
    return made.execute(
        SetQuote(
            con_id=APPLE,
            bid=Decimal(bid),
            ask=Decimal(ask),
            last=(Decimal(bid) + Decimal(ask)) / 2,
            bid_size=Decimal(size),
            ask_size=Decimal(size),
        ),
        NOW,
    )


def instrument(con_id: int = APPLE) -> Instrument:
    found = CATALOGUE.get(con_id)
    assert found is not None
    return found


def place(made: Venue, terms: Terms, *, number: int = 1, con_id: int = APPLE) -> Sequence[Event]:
    command = PlaceOrder(
        owner=Owner(client_id=1, order_id=number),
        account=ACCOUNT,
        instrument=instrument(con_id),
        exchange="SMART",
        terms=terms,
    )
    return made.execute(command, NOW)


def buy(quantity: int = 10, kind: str = "MKT", **terms: object) -> Terms:
    return Terms(action="BUY", quantity=Decimal(quantity), order_type=kind, **terms)  # type: ignore[arg-type]


def limit(price: str, quantity: int = 10, **terms: object) -> Terms:
    return buy(quantity, "LMT", limit_price=Decimal(price), **terms)


def statuses(events: Sequence[Event]) -> list[str]:
    return [event.order.status for event in events if isinstance(event, OrderChanged)]


def traded(events: Sequence[Event]) -> list[tuple[Decimal, Decimal]]:
    return [
        (event.execution.quantity, event.execution.price)
        for event in events
        if isinstance(event, Executed)
    ]


def test_a_market_order_takes_the_ask() -> None:
    events = place(venue(), buy())
    assert statuses(events) == ["PreSubmitted", "Filled"]
    assert traded(events) == [(Decimal(10), Decimal("100.10"))]


def test_more_than_is_displayed_is_filled_in_parts() -> None:
    made = venue()
    quote(made, "99.90", "100.10", size=60)
    events = place(made, buy(100))
    assert traded(events) == [(Decimal(60), Decimal("100.10"))]
    assert made.open_orders()[0].remaining == Decimal(40)
    assert traded(made.advance(NOW)) == []  # the same second has no more to give
    assert traded(made.advance(NOW + SECOND)) == [(Decimal(40), Decimal("100.10"))]
    assert made.open_orders() == ()


@pytest.mark.parametrize(
    ("price", "fills"), [("100.10", True), ("100.09", False), ("105.00", True)]
)
def test_a_limit_never_trades_above_its_price_and_may_trade_below(price: str, fills: bool) -> None:
    events = place(venue(), limit(price))
    assert bool(traded(events)) is fills
    assert all(paid <= Decimal(price) for _, paid in traded(events))


def test_a_resting_limit_trades_at_its_own_price_when_the_market_comes() -> None:
    made = venue()
    assert statuses(place(made, limit("99.00"))) == ["PreSubmitted", "Submitted"]
    assert traded(quote(made, "98.50", "98.70")) == [(Decimal(10), Decimal("99.00"))]


def test_the_better_price_is_served_first_and_then_the_earlier_order() -> None:
    made = venue()
    for number, price in enumerate(("99.00", "99.50", "99.50"), start=1):
        place(made, limit(price), number=number)
    events = quote(made, "98.50", "98.70", size=25)
    owners = [e.execution.order.owner.order_id for e in events if isinstance(e, Executed)]
    assert owners == [2, 3, 1]
    assert traded(events)[-1][0] == Decimal(5)


@pytest.mark.parametrize(
    ("kind", "extra"), [("STP", {}), ("STP LMT", {"limit_price": Decimal("101.50")})]
)
def test_a_stop_waits_for_its_trigger(kind: str, extra: dict[str, Decimal]) -> None:
    made = venue()
    terms = buy(10, kind, stop_price=Decimal("101.00"), **extra)
    assert statuses(place(made, terms)) == ["PreSubmitted"]
    events = quote(made, "101.00", "101.20")
    assert statuses(events) == ["Submitted", "Filled"]
    assert traded(events) == [(Decimal(10), Decimal("101.20"))]


def test_a_stop_for_a_sale_is_triggered_from_above() -> None:
    made = venue()
    terms = Terms(action="SELL", quantity=Decimal(5), order_type="STP", stop_price=Decimal("99.00"))
    assert statuses(place(made, terms)) == ["PreSubmitted"]
    assert traded(quote(made, "98.90", "99.10")) == [(Decimal(5), Decimal("98.90"))]


def test_immediate_or_cancel_takes_what_is_there() -> None:
    made = venue()
    quote(made, "99.90", "100.10", size=4)
    events = place(made, buy(10, time_in_force="IOC"))
    assert traded(events) == [(Decimal(4), Decimal("100.10"))]
    assert statuses(events)[-1] == "Cancelled"


def test_fill_or_kill_takes_all_or_nothing() -> None:
    made = venue()
    quote(made, "99.90", "100.10", size=4)
    events = place(made, buy(10, time_in_force="FOK"))
    assert traded(events) == []
    assert statuses(events)[-1] == "Cancelled"


def test_a_change_of_price_moves_the_order_and_less_quantity_keeps_its_place() -> None:
    made = venue()
    place(made, limit("99.00"), number=1)
    place(made, limit("99.00"), number=2)
    first, second = (order.perm_id for order in made.open_orders())
    made.execute(ModifyOrder(perm_id=first, terms=limit("99.00", 8)), NOW)
    assert made.order(first).priority < made.order(second).priority
    made.execute(ModifyOrder(perm_id=first, terms=limit("98.00", 8)), NOW)
    assert made.order(first).priority > made.order(second).priority


def test_a_change_that_makes_it_marketable_fills_it() -> None:
    made = venue()
    place(made, limit("99.00"))
    [order] = made.open_orders()
    events = made.execute(ModifyOrder(perm_id=order.perm_id, terms=limit("101.00")), NOW)
    assert statuses(events)[-1] == "Filled"


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        (buy(0), 434),
        (limit("99.001"), 110),
        (limit("0"), 201),
        (buy(10, "PEG BENCH"), 387),
        (buy(10, time_in_force="GTX"), 201),
        (Terms(action="BUY", quantity=Decimal("0.5"), order_type="MKT"), 10318),
        (buy(10, "STP"), 201),
    ],
)
def test_an_order_that_cannot_be_is_refused_with_tws_code(terms: Terms, code: int) -> None:
    made = venue()
    [refused] = place(made, terms)
    assert isinstance(refused, OrderRefused)
    assert refused.code == code
    assert made.open_orders() == made.closed_orders() == ()


def test_an_index_and_an_unknown_account_are_refused() -> None:
    made = venue()
    [refused] = place(made, buy(), con_id=416904)
    assert isinstance(refused, OrderRefused)
    assert refused.code == 200
    command = PlaceOrder(
        owner=Owner(client_id=1, order_id=1),
        account="U9",
        instrument=instrument(),
        exchange="SMART",
        terms=buy(),
    )
    [refused] = made.execute(command, NOW)
    assert isinstance(refused, OrderRefused)
    assert refused.code == 201


def test_an_order_beyond_the_margin_is_inactive_and_then_refused() -> None:
    made = venue(cash=1_000)
    events = place(made, buy(1_000))
    assert statuses(events) == ["PreSubmitted", "Inactive"]
    assert isinstance(events[-1], OrderRefused)
    assert events[-1].code == 201
    assert made.open_orders() == ()


def test_closed_orders_can_not_be_changed_or_cancelled() -> None:
    made = venue()
    place(made, buy())
    [filled] = made.closed_orders()
    for command, code in (
        (CancelOrder(perm_id=filled.perm_id), 10148),
        (ModifyOrder(perm_id=filled.perm_id, terms=buy(20)), 104),
    ):
        [refused] = made.execute(command, NOW)
        assert isinstance(refused, OrderRefused)
        assert refused.code == code


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        (buy(10), 329),
        (
            limit(
                "99.00",
                10,
            ),
            0,
        ),
        (limit("99.005"), 110),
    ],
)
def test_a_refused_change_leaves_the_order_as_it_was(terms: Terms, code: int) -> None:
    made = venue()
    place(made, limit("99.00"))
    [before] = made.open_orders()
    events = made.execute(ModifyOrder(perm_id=before.perm_id, terms=terms), NOW)
    refusals = [event.code for event in events if isinstance(event, OrderRefused)]
    assert refusals == ([code] if code else [])
    assert made.order(before.perm_id).terms == before.terms


def test_everything_is_cancelled_at_once() -> None:
    made = venue()
    for number in (1, 2, 3):
        place(made, limit("50.00"), number=number)
    assert statuses(made.execute(CancelAll(), NOW)) == ["Cancelled"] * 3
    assert made.open_orders() == ()


def test_the_same_seed_gives_the_same_market_and_another_gives_another() -> None:
    moments = [NOW + SECOND * number for number in range(30)]
    microsoft = instrument(272093)
    one, two, other = venue(seed=5), venue(seed=5), venue(seed=6)
    assert [one.quote(microsoft, at) for at in moments] == [
        two.quote(microsoft, at) for at in moments
    ]
    assert [one.quote(microsoft, at) for at in moments] != [
        other.quote(microsoft, at) for at in moments
    ]


def test_history_is_what_the_quotes_were() -> None:
    made, microsoft = venue(), instrument(272093)
    start = NOW - timedelta(minutes=10)
    bars = made.bars(microsoft, start=start, end=NOW, bar_size="1 min", what_to_show="MIDPOINT")
    assert [bar.start for bar in bars] == [start + timedelta(minutes=n) for n in range(10)]
    for bar in bars:
        assert bar.open == made.tape.price(microsoft, bar.start)
        assert bar.low <= bar.open <= bar.high
    assert [bar.close for bar in bars[:-1]] == [bar.open for bar in bars[1:]]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([APPLE, 12087792, 9_000_000]),
            st.sampled_from(["BUY", "SELL"]),
            st.integers(1, 400),
            st.integers(0, 3_000),
        ),
        max_size=12,
    )
)
def test_every_cent_is_accounted_for(trades: list[tuple[int, str, int, int]]) -> None:
    """What an account is worth changes by prices and commissions, and by nothing else."""
    made = venue(cash=100_000_000)
    future = CATALOGUE.find(Query(symbol="ES", sec_type="FUT", exchange="CME"))[0]
    moment = NOW
    for number, (con_id, action, quantity, later) in enumerate(trades):
        traded_in = future if con_id == 9_000_000 else instrument(con_id)
        moment += timedelta(seconds=later)
        before = made.figures(ACCOUNT, moment).net_liquidation
        events = made.execute(
            PlaceOrder(
                owner=Owner(client_id=1, order_id=number),
                account=ACCOUNT,
                instrument=traded_in,
                exchange=traded_in.home,
                terms=Terms(action=action, quantity=Decimal(quantity), order_type="MKT"),
            ),
            moment,
        )
        cost = Decimal(0)
        for event in events:
            if isinstance(event, Executed):
                # an earlier order that was filled in part may get its rest here too
                execution = event.execution
                sign = 1 if execution.order.terms.is_buy else -1
                slip = sign * (execution.price - made.mark(traded_in, moment))
                cost += slip * execution.quantity * traded_in.size + event.commission.amount
        after = made.figures(ACCOUNT, moment).net_liquidation
        assert abs(before - after - cost) <= Decimal("0.02")
        assert all(order.remaining >= 0 for order in made.open_orders())
    done = sum((commission.amount for _, commission in made.executions()), Decimal(0))
    assert done == made.ledgers[ACCOUNT].commissions


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 500), min_size=1, max_size=10), st.integers(1, 300))
def test_what_is_bought_is_what_is_held(quantities: list[int], displayed: int) -> None:
    made = venue(cash=1_000_000_000)
    quote(made, "99.90", "100.10", size=displayed)
    for number, quantity in enumerate(quantities):
        place(made, buy(quantity), number=number)
    moment = NOW
    while made.open_orders():
        moment += SECOND
        made.advance(moment)
    assert made.ledgers[ACCOUNT].holdings[APPLE].quantity == sum(quantities)
    ids = [execution.exec_id for execution, _ in made.executions()]
    assert len(ids) == len(set(ids))
    assert {order.status for order in made.closed_orders()} == {Status.FILLED}
