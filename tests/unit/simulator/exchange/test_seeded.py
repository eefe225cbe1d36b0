from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.simulator.exchange import activity, cells, derived, seeded
from ibkr_connector.simulator.exchange.instruments import Instrument, Query
from ibkr_connector.simulator.exchange.listing import default_catalogue
from ibkr_connector.simulator.exchange.prices import Swing
from ibkr_connector.simulator.exchange.seeded import SeededTape

DAY = datetime(2026, 11, 18, tzinfo=UTC)
CATALOGUE = default_catalogue(DAY.date())
TAPE = SeededTape(7)

APPLE = 265598
EURO = 12087792
BITCOIN = 479624278
EURO_POUND = 12087807
[OPTION] = [one.con_id for one in CATALOGUE.find(Query(local_symbol="AAPL  261218C00190000"))]

quarters = st.integers(0, 3 * 86_400 * 4)
listed = st.sampled_from([APPLE, EURO, BITCOIN, EURO_POUND, OPTION])


def instrument(con_id: int) -> Instrument:
    found = CATALOGUE.get(con_id)
    assert found is not None
    return found


def moment(quarter: int) -> datetime:
    return DAY + timedelta(milliseconds=250 * quarter)


def swing(con_id: int, first: int, end: int) -> Swing:
    found = TAPE.swing(instrument(con_id), moment(first), moment(end))
    assert found is not None
    return found


@settings(max_examples=60, deadline=None)
@given(listed, st.lists(quarters, min_size=3, max_size=5, unique=True))
def test_a_swing_is_that_of_its_parts_taken_together(con_id: int, cuts: list[int]) -> None:
    cuts.sort()
    parts = [swing(con_id, first, end) for first, end in pairwise(cuts)]
    assert swing(con_id, cuts[0], cuts[-1]) == Swing(
        open=parts[0].open,
        high=max(part.high for part in parts),
        low=min(part.low for part in parts),
        close=parts[-1].close,
        volume=sum((part.volume for part in parts), Decimal(0)),
        count=sum(part.count for part in parts),
    )


@settings(max_examples=60, deadline=None)
@given(listed, quarters, quarters, quarters)
def test_no_price_is_outside_of_a_swing(con_id: int, one: int, two: int, inside: int) -> None:
    first, end = sorted((one, two))
    inside = first + inside % max(end - first, 1)
    price = TAPE.price(instrument(con_id), moment(inside))
    assert price is not None
    whole = swing(con_id, first, max(end, first + 1))
    assert whole.low <= price <= whole.high
    assert whole.open == TAPE.price(instrument(con_id), moment(first))


@pytest.mark.parametrize("con_id", [APPLE, EURO, BITCOIN])
def test_every_minute_has_its_high_and_low_at_some_moment(con_id: int) -> None:
    for minute in range(14 * 60, 14 * 60 + 40):
        first = minute * 240
        prices = [TAPE.price(instrument(con_id), moment(first + n)) for n in range(240)]
        known = [price for price in prices if price is not None]
        whole = swing(con_id, first, first + 240)
        assert (max(known), min(known)) == (whole.high, whole.low)
        assert (known[0], known[-1]) == (whole.open, whole.close)


@settings(max_examples=60, deadline=None)
@given(listed, st.lists(quarters, min_size=2, max_size=12))
def test_the_order_of_asking_changes_nothing(con_id: int, asked: list[int]) -> None:
    there, back = SeededTape(7), SeededTape(7)
    one = [there.price(instrument(con_id), moment(n)) for n in asked]
    two = [back.price(instrument(con_id), moment(n)) for n in reversed(asked)]
    assert one == two[::-1]


def test_another_seed_is_another_market() -> None:
    one, other = SeededTape(1), SeededTape(2)
    apple = instrument(APPLE)
    moments = [moment(n * 4_000) for n in range(20)]
    assert [one.price(apple, at) for at in moments] != [other.price(apple, at) for at in moments]


def test_what_is_forgotten_is_found_again() -> None:
    tape, apple = SeededTape(3), instrument(APPLE)
    before = [tape.price(apple, moment(n * 5_000)) for n in range(40)]
    tape.forget()
    assert [tape.price(apple, moment(n * 5_000)) for n in range(40)] == before


def test_memory_is_bounded_and_forgetting_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    apple, euro = instrument(APPLE), instrument(EURO)
    asked = [(one, moment(n * 9_001)) for n in range(40) for one in (apple, euro)]
    before = [TAPE.price(one, at) for one, at in asked]
    for module, name in (
        (cells, "_MAX_NODES"),
        (cells, "_MAX_KNOTS"),
        (derived, "_MAX_KNOWN"),
        (activity, "_MAX_KNOWN"),
        (seeded, "_MAX_PATHS"),
    ):
        monkeypatch.setattr(module, name, 3)
    small = SeededTape(7)
    assert [small.price(one, at) for one, at in asked] == before
    option, cross = instrument(OPTION), instrument(EURO_POUND)
    for one in (apple, option, cross):
        for n in range(5):
            first, end = moment(n * 70_000), moment(n * 70_000 + 30_000)
            assert small.swing(one, first, end) == TAPE.swing(one, first, end)


def test_what_follows_two_needs_two_that_follow_nothing() -> None:
    cross = instrument(EURO_POUND)
    bad = replace(cross, con_id=1, follows=(cross, instrument(EURO)))
    with pytest.raises(ValueError, match=r"EUR.GBP must follow two that follow nothing"):
        TAPE.price(bad, DAY)


def test_an_empty_interval_has_no_swing() -> None:
    apple = instrument(APPLE)
    assert TAPE.swing(apple, DAY, DAY) is None
    assert TAPE.path(apple, DAY, DAY) == ()
    whole = TAPE.swing(apple, DAY, moment(99))
    assert whole is not None
    assert TAPE.path(apple, DAY, moment(99)) == (whole.open, whole.high, whole.low, whole.close)
    assert TAPE.last(apple, DAY) == apple.last(*apple.sides(whole.open))
    assert TAPE.seed == 7


@settings(max_examples=60, deadline=None)
@given(listed, quarters, st.integers(1, 400))
def test_trades_are_counted_and_priced_as_the_swing_says(
    con_id: int, first: int, length: int
) -> None:
    start, end = moment(first), moment(first + length)
    whole = swing(con_id, first, first + length)
    traded = list(TAPE.trades(instrument(con_id), start, end))
    assert len(traded) == whole.count
    assert all(start <= trade.at < end and trade.size > 0 for trade in traded)
    assert [trade.at for trade in traded] == sorted(trade.at for trade in traded)
    one = instrument(con_id)
    for trade in traded:
        assert one.last(*one.sides(whole.low)) <= trade.price <= one.last(*one.sides(whole.high))


def test_a_second_has_the_volume_of_its_trades() -> None:
    apple = instrument(APPLE)
    seconds = range(15 * 3_600, 15 * 3_600 + 60)
    sizes = set()
    for second in seconds:
        traded = list(TAPE.trades(apple, moment(second * 4), moment(second * 4 + 4)))
        sizes |= {trade.size for trade in traded}
        assert sum((trade.size for trade in traded), Decimal(0)) == (
            swing(APPLE, second * 4, second * 4 + 4).volume
        )
    assert len(sizes) > 3


def test_quotes_say_every_change_and_no_more() -> None:
    apple, start = instrument(APPLE), moment(15 * 3_600 * 4)
    found = list(TAPE.quotes(apple, start, start + timedelta(seconds=30)))
    assert found[0].at == start
    assert len(found) > 20
    for one, two in pairwise(found):
        assert one.at < two.at
        assert (one.bid, one.ask, one.bid_size, one.ask_size) != (
            two.bid,
            two.ask,
            two.bid_size,
            two.ask_size,
        )
    for quote in found:
        middle = TAPE.price(apple, quote.at)
        assert middle is not None
        assert (quote.bid, quote.ask) == apple.sides(middle)


def test_a_ladder_stands_about_the_price_with_its_best_first() -> None:
    apple = instrument(APPLE)
    bids, asks = TAPE.ladder(apple, DAY, 5)
    middle = TAPE.price(apple, DAY)
    assert middle is not None
    assert (bids[0][0], asks[0][0]) == apple.sides(middle)
    assert len(bids) == len(asks) == 5
    assert [price for price, _ in bids] == sorted((price for price, _ in bids), reverse=True)
    assert [price for price, _ in asks] == sorted(price for price, _ in asks)
    assert all(size > 0 for _, size in (*bids, *asks))


def test_the_open_and_the_close_are_livelier_than_noon_and_the_night() -> None:
    def moved(hour: int) -> Decimal:
        ranges = []
        for day in range(1, 40):
            first = (day * 24 + hour) * 14_400
            found = swing(APPLE, first, first + 14_400)
            ranges.append(found.high - found.low)
        return sum(ranges, Decimal(0))

    # winter time: New York opens at 14:30 and closes at 21:00 in London
    opening, noon, closing, night = moved(14), moved(17), moved(20), moved(3)
    assert opening > noon < closing
    assert night < noon
    assert swing(APPLE, 14 * 14_400, 21 * 14_400).volume > 10 * (swing(APPLE, 0, 7 * 14_400).volume)


def test_a_weekend_is_still_but_for_crypto() -> None:
    saturday = (date(2026, 11, 21) - DAY.date()).days * 86_400 * 4
    for con_id, least in ((APPLE, Decimal(0)), (BITCOIN, Decimal("0.3"))):
        still = swing(con_id, saturday, saturday + 86_400 * 4)
        lively = swing(con_id, 0, 86_400 * 4)
        ratio = (still.high - still.low) / (lively.high - lively.low)
        assert least <= ratio
        assert con_id == BITCOIN or ratio < Decimal("0.6")


def test_now_and_then_a_price_jumps() -> None:
    apple = instrument(APPLE)
    largest = Decimal(0)
    for day in range(120):
        for hour in range(24):
            whole = swing(APPLE, (day * 24 + hour) * 14_400, (day * 24 + hour + 1) * 14_400)
            largest = max(largest, whole.high - whole.low)
    assert largest > apple.price * Decimal("0.02")
