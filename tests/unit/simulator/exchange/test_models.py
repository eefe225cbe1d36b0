from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.simulator.exchange.listing import default_catalogue
from ibkr_connector.simulator.exchange.models import (
    FixedLatency,
    Message,
    NoLatency,
    NoSlippage,
    PatientFill,
    PlainFill,
    TickSlippage,
)

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
FOUND = default_catalogue(NOW.date()).get(265598)
assert FOUND is not None
APPLE = FOUND
SIZES = st.integers(1, 10_000).map(Decimal)


@given(wanted=SIZES, displayed=SIZES, share=st.sampled_from(["0.01", "0.5", "1"]))
def test_nobody_takes_more_than_is_wanted_or_displayed(
    wanted: Decimal, displayed: Decimal, share: str
) -> None:
    for model in (PlainFill(), PatientFill(share=Decimal(share))):
        taken = model.taken(APPLE, wanted=wanted, displayed=displayed, perm_id=1, at=NOW)
        assert 0 < taken <= min(wanted, displayed)
        assert taken % APPLE.min_size == 0


def test_a_share_of_the_displayed_size_is_all_that_an_order_gets() -> None:
    model = PatientFill(share=Decimal("0.25"))
    taken = model.taken(APPLE, wanted=Decimal(500), displayed=Decimal(400), perm_id=1, at=NOW)
    assert Decimal(100) == taken


def test_nothing_is_taken_where_nothing_stands() -> None:
    for model in (PlainFill(), PatientFill()):
        got = model.taken(APPLE, wanted=Decimal(5), displayed=Decimal(0), perm_id=1, at=NOW)
        assert got == 0


def queued(chance: float, second: int, perm_id: int = 1) -> Decimal:
    model = PatientFill(chance=chance, seed=3)
    at = NOW + timedelta(seconds=second)
    return model.queued(APPLE, wanted=Decimal(50), traded=Decimal(30), perm_id=perm_id, at=at)


def test_a_queue_is_served_by_chance_and_the_same_way_twice() -> None:
    turns = [queued(0.3, second) for second in range(1_000)]
    assert turns == [queued(0.3, second) for second in range(1_000)]
    assert {Decimal(0), Decimal(30)} == set(turns)
    assert 230 < sum(1 for turn in turns if turn) < 370
    assert turns != [queued(0.3, second, perm_id=2) for second in range(1_000)]


def test_a_queue_without_chance_waits_and_one_without_doubt_does_not() -> None:
    assert {Decimal(0)} == {queued(0.0, second) for second in range(50)}
    assert {Decimal(30)} == {queued(1.0, second) for second in range(50)}


def test_the_plain_queue_waits_until_the_market_comes_through() -> None:
    got = PlainFill().queued(APPLE, wanted=Decimal(5), traded=Decimal(9), perm_id=1, at=NOW)
    assert got == 0


def slipped(model: NoSlippage | TickSlippage, *, is_buy: bool, quantity: int = 10) -> Decimal:
    return model.slipped(
        APPLE,
        Decimal("100.00"),
        is_buy=is_buy,
        quantity=Decimal(quantity),
        displayed=Decimal(100),
    )


def test_slippage_is_always_against_the_order() -> None:
    assert Decimal("100.00") == slipped(NoSlippage(), is_buy=True)
    assert Decimal("100.02") == slipped(TickSlippage(ticks=2), is_buy=True)
    assert Decimal("99.98") == slipped(TickSlippage(ticks=2), is_buy=False)


def test_a_large_order_slips_further() -> None:
    model = TickSlippage(ticks=0, by_size=True)
    assert Decimal("100.00") == slipped(model, is_buy=True, quantity=99)
    assert Decimal("100.03") == slipped(model, is_buy=True, quantity=350)


def test_no_price_slips_below_a_tick() -> None:
    model = TickSlippage(ticks=50)
    price = model.slipped(
        APPLE, Decimal("0.10"), is_buy=False, quantity=Decimal(1), displayed=Decimal(1)
    )
    assert APPLE.min_tick == price


def test_latency_is_what_was_set_and_its_jitter_stays_within_bounds() -> None:
    model = FixedLatency(place_s=0.2, cancel_s=0.05, jitter_s=0.1, seed=5)
    places = [model.delay_s(Message.PLACE, number) for number in range(200)]
    assert all(0.2 <= delay < 0.3 for delay in places)
    assert len(set(places)) > 150
    assert 0.05 <= model.delay_s(Message.CANCEL, 1) < 0.15
    assert model.delay_s(Message.MODIFY, 7) == places[7]
    assert places == [model.delay_s(Message.PLACE, number) for number in range(200)]


def test_no_latency_is_none() -> None:
    assert {0.0} == {NoLatency().delay_s(message, 1) for message in Message}
