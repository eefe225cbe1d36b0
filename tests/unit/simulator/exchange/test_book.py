from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.simulator.exchange.book import Book
from ibkr_connector.simulator.exchange.commands import (
    CancelOrder,
    Event,
    Executed,
    ModifyOrder,
    OrderChanged,
    OrderRefused,
    PlaceOrder,
    SetQuote,
)
from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.listing import default_catalogue
from ibkr_connector.simulator.exchange.matching import (
    ADDED,
    REMOVED,
    accepts,
    priority_key,
)
from ibkr_connector.simulator.exchange.pricing import is_triggered
from ibkr_connector.simulator.exchange.records import Owner, Quote, Status, Terms, VenueOrder
from ibkr_connector.simulator.exchange.tape import SeededTape
from ibkr_connector.simulator.exchange.venue import Venue

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
SECOND = timedelta(seconds=1)
APPLE, MICROSOFT = 265598, 272093
CATALOGUE = default_catalogue(NOW.date())


def instrument(con_id: int) -> Instrument:
    found = CATALOGUE.get(con_id)
    assert found is not None
    return found


def venue(*, cash: int = 1_000_000) -> Venue:
    return Venue(catalogue=CATALOGUE, tape=SeededTape(1), accounts={"DU1": Decimal(cash)})


def quote(made: Venue, bid: str, ask: str, *, size: int = 100) -> Sequence[Event]:
    held = SetQuote(
        con_id=APPLE,
        bid=Decimal(bid),
        ask=Decimal(ask),
        bid_size=Decimal(size),
        ask_size=Decimal(size),
    )
    return made.execute(held, NOW)


def place(made: Venue, terms: Terms) -> Sequence[Event]:
    command = PlaceOrder(
        owner=Owner(client_id=1, order_id=1),
        account="DU1",
        instrument=instrument(APPLE),
        exchange="SMART",
        terms=terms,
    )
    return made.execute(command, NOW)


def buy(quantity: int, kind: str, limit: str | None = None, stop: str | None = None) -> Terms:
    return Terms(
        action="BUY",
        quantity=Decimal(quantity),
        order_type=kind,
        limit_price=None if limit is None else Decimal(limit),
        stop_price=None if stop is None else Decimal(stop),
    )


def traded(events: Sequence[Event]) -> list[tuple[int, str, int]]:
    return [
        (int(e.execution.quantity), str(e.execution.price), e.execution.liquidity)
        for e in events
        if isinstance(e, Executed)
    ]


def test_the_rest_of_a_marketable_limit_still_pays_what_the_market_asks() -> None:
    made = venue()
    quote(made, "99.90", "100.00")
    assert traded(place(made, buy(250, "LMT", "110.00"))) == [(100, "100.00", REMOVED)]
    assert traded(made.advance(NOW + SECOND)) == [(100, "100.00", REMOVED)]


def test_a_rest_that_the_market_left_and_came_back_to_trades_at_its_limit() -> None:
    made = venue()
    quote(made, "99.90", "100.00")
    place(made, buy(150, "LMT", "100.00"))
    assert traded(quote(made, "100.90", "101.00")) == []
    made.execute(SetQuote(con_id=APPLE, bid=Decimal("99.00"), ask=Decimal("99.50")), NOW + SECOND)
    assert made.executions()[-1][0].price == Decimal("100.00")
    assert made.executions()[-1][0].liquidity == ADDED


def test_an_elected_stop_limit_that_rests_trades_at_its_limit() -> None:
    made = venue()
    quote(made, "99.90", "100.10")
    place(made, buy(10, "STP LMT", "100.50", "101.00"))
    assert traded(quote(made, "101.00", "101.20")) == []
    assert traded(quote(made, "99.00", "99.20")) == [(10, "100.50", ADDED)]


def test_a_market_order_that_finds_nothing_says_that_it_works() -> None:
    made = venue()
    quote(made, "99.90", "100.10", size=0)
    told = [e.order.status for e in place(made, buy(10, "MKT")) if isinstance(e, OrderChanged)]
    assert told == [Status.PRE_SUBMITTED, Status.SUBMITTED]
    assert made.open_orders()[0].status is told[-1]


@pytest.mark.parametrize(
    "change",
    [
        replace(buy(1, "LMT", "90.00"), time_in_force="XYZ"),
        buy(100_000, "LMT", "200.00"),
    ],
    ids=["time in force", "margin"],
)
def test_a_change_is_held_to_what_a_new_order_is_held_to(change: Terms) -> None:
    made = venue(cash=1_000)
    quote(made, "99.90", "100.10")
    place(made, buy(1, "LMT", "90.00"))
    [before] = made.open_orders()
    [refused] = made.execute(ModifyOrder(perm_id=before.perm_id, terms=change), NOW)
    assert isinstance(refused, OrderRefused)
    assert refused.code == 201
    assert made.open_orders() == (before,)


def test_less_quantity_is_never_refused_for_margin() -> None:
    made = venue(cash=1_000)
    quote(made, "99.90", "100.10")
    place(made, buy(15, "LMT", "90.00"))
    [order] = made.open_orders()
    made.ledgers["DU1"].cash["USD"] = Decimal(1)
    events = made.execute(ModifyOrder(perm_id=order.perm_id, terms=buy(10, "LMT", "90.00")), NOW)
    assert [type(event) for event in events] == [OrderChanged]


@pytest.mark.parametrize("what", ["TRADES", "BID", "ASK"])
def test_a_bar_opens_where_the_quote_was(what: str) -> None:
    made, microsoft = venue(), instrument(MICROSOFT)
    for minute in range(1, 60):
        start = NOW - timedelta(minutes=minute)
        [bar] = made.bars(
            microsoft,
            start=start,
            end=start + timedelta(minutes=1),
            bar_size="1 min",
            what_to_show=what,
        )
        seen = made.quote(microsoft, start)
        assert bar.open == {"TRADES": seen.last, "BID": seen.bid, "ASK": seen.ask}[what]
        assert bar.low % microsoft.min_tick == bar.high % microsoft.min_tick == 0


@pytest.mark.parametrize("size", ["1 week", "1 month"])
def test_long_bars_are_cut_alike_by_every_request(size: str) -> None:
    made, microsoft = venue(), instrument(MICROSOFT)
    long, short = (
        {
            bar.start
            for bar in made.bars(
                microsoft,
                start=NOW - timedelta(days=days),
                end=NOW,
                bar_size=size,
                what_to_show="MIDPOINT",
            )
        }
        for days in (365, 350)
    )
    assert short
    assert short < long


PRICES = st.integers(9_900, 10_100).map(lambda cents: Decimal(cents) / 100)


@st.composite
def orders(draw: st.DrawFn, perm_id: int) -> VenueOrder:
    kind = draw(st.sampled_from(["MKT", "LMT", "STP", "STP LMT"]))
    is_waiting_stop = kind.startswith("STP") and draw(st.booleans())
    limit = draw(PRICES) if "LMT" in kind else None
    stop = draw(PRICES) if "STP" in kind else None
    return VenueOrder(
        perm_id=perm_id,
        owner=Owner(client_id=1, order_id=perm_id),
        account="DU1",
        instrument=instrument(draw(st.sampled_from([APPLE, MICROSOFT]))),
        exchange="SMART",
        terms=Terms(
            action=draw(st.sampled_from(["BUY", "SELL"])),
            quantity=Decimal(1),
            order_type=kind,
            limit_price=limit,
            stop_price=stop,
        ),
        working_price=None if is_waiting_stop else limit,
        trigger_price=stop,
        order_ref="",
        status=Status.PRE_SUBMITTED if is_waiting_stop else Status.SUBMITTED,
        placed_at=NOW,
        priority=draw(st.integers(1, 5)) * 1_000 + perm_id,
        is_triggered=not is_waiting_stop,
        is_resting="LMT" in kind and not is_waiting_stop and draw(st.booleans()),
    )


@st.composite
def histories(draw: st.DrawFn) -> list[VenueOrder | int]:
    """Draw orders put (some of them again, changed) and permanent ids removed."""
    steps: list[VenueOrder | int] = []
    for _ in range(draw(st.integers(0, 30))):
        perm_id = draw(st.integers(1, 8))
        gone = draw(st.integers(0, 3)) == 0
        steps.append(perm_id if gone else draw(orders(perm_id)))
    return steps


@given(histories(), PRICES, PRICES)
def test_nobody_whom_a_quote_moves_is_left_out(
    steps: list[VenueOrder | int], one: Decimal, other: Decimal
) -> None:
    """The sorted queues give what a look at every order gives, in the same order."""
    book, kept = Book(), dict[int, VenueOrder]()
    for step in steps:
        if isinstance(step, int):
            book.remove(step)
            kept.pop(step, None)
        else:
            book.put(step)
            kept[step.perm_id] = step
    zero = Decimal(0)
    bid, ask = min(one, other), max(one, other)
    market = Quote(
        bid=bid,
        ask=ask,
        last=(one + other) / 2,
        bid_size=zero,
        ask_size=zero,
        last_size=zero,
        volume=zero,
        open=None,
        high=None,
        low=None,
        close=None,
    )
    for con_id in (APPLE, MICROSOFT):
        here = [order for order in kept.values() if order.instrument.con_id == con_id]
        moved = [
            order
            for order in here
            if (
                is_triggered(order, market)
                if not order.is_triggered
                else not order.is_resting or accepts(order, ask if order.terms.is_buy else bid)
            )
        ]
        assert book.concerned(con_id, market) == sorted(moved, key=priority_key)
        assert book.works_in(con_id) is bool(here)
    assert {order.perm_id for order in book.orders()} == set(book.ids()) == set(kept)


def test_a_cancelled_order_is_gone_from_its_queue() -> None:
    made = venue()
    quote(made, "99.90", "100.10")
    place(made, buy(10, "LMT", "99.00"))
    [order] = made.open_orders()
    made.execute(CancelOrder(perm_id=order.perm_id), NOW)
    assert traded(quote(made, "98.00", "98.10")) == []
    assert made.order(order.perm_id).status is Status.CANCELLED


def test_a_marketable_order_that_found_nothing_takes_what_the_market_asks_later() -> None:
    made = venue()
    quote(made, "99.90", "100.00", size=0)
    place(made, buy(10, "LMT", "110.00"))
    assert traded(quote(made, "99.40", "99.50")) == [(10, "99.50", REMOVED)]


def test_a_resting_order_made_marketable_pays_what_the_market_asks() -> None:
    made = venue()
    quote(made, "99.90", "100.10")
    place(made, buy(10, "LMT", "99.00"))
    [order] = made.open_orders()
    change = ModifyOrder(perm_id=order.perm_id, terms=buy(10, "LMT", "101.00"))
    assert traded(made.execute(change, NOW)) == [(10, "100.10", REMOVED)]


def test_only_what_is_left_of_a_changed_order_needs_margin() -> None:
    made = venue(cash=11_000)
    quote(made, "99.90", "100.00")
    place(made, buy(150, "LMT", "100.00"))
    [order] = made.open_orders()
    assert order.filled == 100
    # 210 in all need 10,500; counting the 100 that are held already again would need 15,500
    change = ModifyOrder(perm_id=order.perm_id, terms=buy(210, "LMT", "100.00"))
    assert [type(e) for e in made.execute(change, NOW)] == [OrderChanged]


@given(PRICES, st.integers(0, 1))
def test_a_quote_is_never_nearer_than_its_spread(price: Decimal, half_ticks: int) -> None:
    apple = instrument(APPLE)
    middle = price + half_ticks * apple.min_tick / 2
    bid, ask = apple.sides(middle)
    assert bid <= middle - apple.spread / 2
    assert ask >= middle + apple.spread / 2
    assert bid <= apple.last(bid, ask) <= ask
