"""A stock of Tokyo through a real socket: its break at noon, its currency, its price steps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest

from ibkr_connector import IBKRConnector, OrderValidationError
from ibkr_connector.clock import ScaledClock
from ibkr_connector.market.history import HistoryWish
from ibkr_connector.simulator import HostedSimulator

TOYOTA = "7203@TSEJ/JPY"

MORNING = datetime(2026, 11, 18, 1, 0, tzinfo=UTC)
"""Ten on a Wednesday in Tokyo, which is nine hours ahead."""


@pytest.fixture
async def ib(
    make_connector: Callable[..., IBKRConnector],
    make_ibkr_gateway: Callable[..., HostedSimulator],
) -> AsyncIterator[IBKRConnector]:
    gateway = make_ibkr_gateway(clock=ScaledClock(MORNING, speed=1.0), sessions=True)
    async with make_connector(gateway.port) as connector:
        yield connector


def tokyo(day: int, hour: int, minute: int = 0) -> datetime:
    """Return a moment of November 2026 by Tokyo's clocks."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC) - timedelta(hours=9)


async def test_its_hours_have_a_break_at_noon(ib: IBKRConnector) -> None:
    hours = await ib.instruments.hours(TOYOTA)
    asked = {at: hours.is_open(tokyo(18, *at)) for at in [(10, 0), (11, 45), (12, 30), (15, 30)]}
    assert asked == {(10, 0): True, (11, 45): False, (12, 30): True, (15, 30): False}
    assert hours.next_close(tokyo(18, 10)) == tokyo(18, 11, 30)
    assert hours.next_open(tokyo(18, 11, 45)) == tokyo(18, 12, 30)
    assert len(hours.sessions_on(date(2026, 11, 18))) == 2
    # Labour Thanksgiving Day
    assert date(2026, 11, 23) in hours.closed


async def test_its_hours_are_those_of_a_calendar(ib: IBKRConnector) -> None:
    check = await ib.instruments.check_hours(TOYOTA)
    assert (check.calendar, check.disagreements) == ("JPX", ())


async def test_its_bars_stop_at_noon_and_that_is_no_hole(ib: IBKRConnector) -> None:
    found = await ib.history.download(
        TOYOTA, bar_size="5 mins", start=tokyo(16, 0), end=tokyo(18, 0)
    )
    starts = {(one.timestamp + timedelta(hours=9)).time() for one in found.series.bars}
    assert (min(starts), max(starts)) == (time(9), time(15, 25))
    assert {one for one in starts if time(11, 30) <= one < time(12, 30)} == set()
    assert len(found.series.bars) == 2 * (30 + 36)
    assert (found.gaps, found.notes) == ((), ())


async def test_bars_that_are_missing_around_noon_are_two_holes(ib: IBKRConnector) -> None:
    await ib.history.download(TOYOTA, bar_size="5 mins", start=tokyo(17, 0), end=tokyo(18, 0))
    store = ib.history.store
    wanted = HistoryWish(contract=TOYOTA, bar_size="5 mins")
    key = await ib.history._do(lambda desk: desk.key_of(wanted))
    # what was lost on the disk, and is still taken for known
    whole, known = store.read(key), store.coverage(key)
    store.forget(key)
    parts = [whole.between(tokyo(17, 0), tokyo(17, 11)), whole.between(tokyo(17, 13), tokyo(18, 0))]
    store.add(key, type(whole).merged(parts), known=known)
    gaps = await ib.history.gaps(TOYOTA, bar_size="5 mins")
    assert [(gap.start, gap.end, gap.missing) for gap in gaps] == [
        (tokyo(17, 11), tokyo(17, 11, 30), 6),
        (tokyo(17, 12, 30), tokyo(17, 13), 6),
    ]


async def test_it_is_quoted_in_yen_and_in_steps_of_its_band(ib: IBKRConnector) -> None:
    quote = await ib.get_quote(TOYOTA)
    assert quote.contract.currency == "JPY"
    assert quote.bid is not None
    rule = await ib.instruments.tick_rule(TOYOTA)
    # the steps of Tokyo's exchange for stocks outside of its large index
    steps = [rule.tick_at(Decimal(price)) for price in (2_600, 3_001, 6_000, 31_000)]
    assert steps == [Decimal(1), Decimal(5), Decimal(10), Decimal(50)]
    assert rule.is_legal(quote.bid)
    assert rule.round("4001.5") == Decimal(4_000)
    order = {
        "symbol": TOYOTA,
        "action": "BUY",
        "quantity": 100,
        "order_type": "LMT",
        "limit_price": "2500.5",
    }
    with pytest.raises(OrderValidationError, match="2501"):
        await ib.place_order(order)
