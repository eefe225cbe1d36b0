"""Futures roll when they should, and prices go on over the rolls."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.derivatives.config import IBKRFuturesServiceConfig
from ibkr_connector.derivatives.roll_watch import RollWatch
from ibkr_connector.derivatives.rolls import (
    adjusted,
    chosen,
    days_until,
    front_by_expiry,
    last_common,
    one_family,
    over,
    roll_calendar,
    roll_day,
    volume_roll,
    weekdays,
)
from ibkr_connector.errors import ConfigurationError, ContractError, NoDataError
from ibkr_connector.instruments.calendars import trading_days
from ibkr_connector.model.contracts import ContractDetails, future
from ibkr_connector.model.futures import Adjustment, Roll, RollNotice, RollRule
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.market import Bar


def details(expiry: str, symbol: str = "ES") -> ContractDetails:
    return ContractDetails(contract=future(symbol, expiry), last_trade_date=expiry)


NOV = date(2026, 11, 18)
FAMILY = tuple(map(details, ("20261218", "20270319", "20270618")))


def bar(day: int, close: str, volume: int = 100) -> Bar:
    price = Decimal(close)
    return Bar(
        timestamp=datetime(2026, 12, day, tzinfo=UTC),
        open=price,
        high=price + 1,
        low=price - 1,
        close=price,
        volume=Decimal(volume),
    )


def test_a_contract_is_in_front_until_weekdays_before_its_last_day() -> None:
    assert roll_day(FAMILY[0], 5) == date(2026, 12, 11)
    assert roll_day(FAMILY[0], 0) == date(2026, 12, 19)
    for today, expected in ((date(2026, 12, 10), 0), (date(2026, 12, 11), 1)):
        assert front_by_expiry(FAMILY, today, roll_days=5) == FAMILY[expected]
    assert front_by_expiry(FAMILY, date(2026, 12, 18), roll_days=0) == FAMILY[0]
    with pytest.raises(NoDataError, match="3 are known"):
        front_by_expiry(FAMILY, date(2028, 1, 1), roll_days=5)
    rolls = roll_calendar(FAMILY, roll_days=5)
    assert [roll.day for roll in rolls] == [date(2026, 12, 11), date(2027, 3, 12)]
    assert rolls[0].new == rolls[1].old


def test_holidays_of_the_exchange_are_no_days_to_roll_on() -> None:
    shut = {date(2026, 12, 14), date(2026, 12, 15)}
    trades = partial(_trades, shut)
    assert roll_day(FAMILY[0], 5, trades) == date(2026, 12, 9)
    assert front_by_expiry(FAMILY, date(2026, 12, 9), roll_days=5, trades=trades) == FAMILY[1]
    (first, _) = roll_calendar(FAMILY, roll_days=5, trades=trades)
    assert first.day == date(2026, 12, 9)
    assert days_until(date(2026, 12, 9), date(2026, 12, 18), trades) == 5
    assert days_until(date(2026, 12, 18), date(2026, 12, 9), trades) == 0


def _trades(shut: set[date], day: date) -> bool:
    return weekdays(day) and day not in shut


def test_the_calendar_of_the_exchange_says_which_days_count() -> None:
    days = trading_days(future("DAX", "20261218", exchange="EUREX"), NOV, date(2027, 1, 4))
    assert days is not None
    assert date(2026, 12, 25) not in days
    assert roll_day(details("20261230"), 5, days.__contains__) == date(2026, 12, 21)
    assert roll_day(details("20261230"), 5) == date(2026, 12, 23)


def test_without_the_extra_or_a_calendar_nobody_knows_the_days(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nowhere = future("XYZ", "20261218", exchange="NOWHERE")
    assert trading_days(nowhere, NOV, NOV) is None
    monkeypatch.setitem(sys.modules, "pandas_market_calendars", None)
    missing = future("BUND", "20361218", exchange="EUREX")
    assert trading_days(missing, date(2036, 1, 1), date(2036, 1, 1)) is None


def test_a_roll_is_told_when_it_comes_near_and_when_it_has_happened() -> None:
    watch = RollWatch(5)
    near = RollNotice(
        symbol="ES",
        day=date(2026, 12, 11),
        days_left=6,
        old=replace(FAMILY[0].contract, con_id=ConId(1)),
        new=replace(FAMILY[1].contract, con_id=ConId(2)),
    )
    told = [list(watch.news(replace(near, days_left=left), NOV)) for left in (6, 5, 4)]
    assert [len(one) for one in told] == [0, 1, 0]
    assert told[1][0].days_left == 5
    third = replace(FAMILY[2].contract, con_id=ConId(3))
    later = replace(near, old=near.new, new=third, days_left=60)
    (over_,) = watch.news(later, date(2026, 12, 11))
    assert (over_.is_over, over_.old, over_.new) == (True, near.old, near.new)
    assert (over_.day, list(watch.news(later, NOV))) == (date(2026, 12, 11), [])


def test_several_kinds_are_never_mixed() -> None:
    assert one_family("ES", FAMILY[::-1]) == FAMILY
    other = replace(FAMILY[0], contract=replace(FAMILY[0].contract, trading_class="QES"))
    with pytest.raises(ContractError, match="several kinds"):
        one_family("ES", (*FAMILY, other))
    with pytest.raises(ContractError, match="no last trading day"):
        one_family("ES", [details("202612")])


def test_one_of_several_kinds_is_chosen_by_class_or_by_multiplier() -> None:
    other = replace(
        FAMILY[0],
        contract=replace(FAMILY[0].contract, trading_class="QES", multiplier=Decimal(5)),
    )
    both = (*FAMILY, other)
    assert chosen(both) == both
    assert chosen(both, trading_class="QES") == (other,)
    assert chosen(both, multiplier=Decimal("5.0")) == (other,)
    assert chosen(both, trading_class="QES", multiplier=Decimal(50)) == ()


@pytest.mark.parametrize(
    ("minutes", "kept"),
    [(0.5, 2), (59, 2), (61, 3), (500, 3)],
    ids=["growing", "over, and perhaps told in part", "an hour old", "old"],
)
def test_the_newest_bar_is_left_out_until_it_cannot_change(minutes: float, kept: int) -> None:
    bars = tuple(bar(day, "10") for day in (1, 2, 3))
    ended = datetime(2026, 12, 4, tzinfo=UTC)
    assert len(over(bars, bar_size="1 day", now=ended + timedelta(minutes=minutes))) == kept
    assert over((), bar_size="5 mins", now=ended) == ()


def test_volume_rolls_on_the_day_after_it_has_moved_and_at_the_latest_by_expiry() -> None:
    old = [bar(1, "10"), bar(2, "10"), bar(3, "10", 20)]
    new = [bar(1, "11", 5), bar(2, "11", 90), bar(3, "11", 200)]
    assert volume_roll(old, new, date(2026, 12, 11)) == date(2026, 12, 4)
    assert volume_roll(old[:2], new, date(2026, 12, 11)) == date(2026, 12, 11)
    assert last_common(old, new, date(2026, 12, 3)) == (Decimal(10), Decimal(11))
    assert last_common(old, new, date(2026, 12, 1)) is None


def rolled(old: str, new: str) -> Roll:
    return Roll(
        day=date(2026, 12, 3),
        old=FAMILY[0].contract,
        new=FAMILY[1].contract,
        old_close=Decimal(old),
        new_close=Decimal(new),
    )


def test_prices_before_a_roll_are_moved_and_those_after_it_stay() -> None:
    segments = [[bar(1, "100"), bar(2, "102")], [bar(3, "110")]]
    roll = rolled("102", "108")
    for how, closes in (
        (Adjustment.NONE, ["100", "102", "110"]),
        (Adjustment.DIFFERENCE, ["106", "108", "110"]),
    ):
        assert [str(one.close) for one in adjusted(segments, [roll], how)] == closes
    by_ratio = adjusted(segments, [rolled("100", "110")], Adjustment.RATIO)
    assert [one.close for one in by_ratio] == [Decimal(110), Decimal("112.2"), Decimal(110)]
    unknown = replace(roll, new_close=None)
    assert len(adjusted(segments, [unknown], Adjustment.NONE)) == 3
    with pytest.raises(NoDataError, match="no bar before"):
        adjusted(segments, [unknown], Adjustment.DIFFERENCE)
    with pytest.raises(NoDataError, match="no ratio"):
        adjusted(segments, [rolled("-1", "5")], Adjustment.RATIO)
    assert adjusted([], [], Adjustment.RATIO) == ()


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.lists(st.integers(50, 500), min_size=1, max_size=4), st.integers(-20, 20)),
        min_size=1,
        max_size=5,
    )
)
def test_differences_within_a_contract_survive_every_adjustment(
    given_segments: list[tuple[list[int], int]],
) -> None:
    segments: list[list[Bar]] = []
    day = datetime(2026, 1, 1, tzinfo=UTC)
    for closes, _ in given_segments:
        segment = []
        for close in closes:
            segment.append(replace(bar(1, str(close)), timestamp=day))
            day += timedelta(days=1)
        segments.append(segment)
    rolls = [
        rolled(str(segment[-1].close), str(segment[-1].close + gap))
        for segment, (_, gap) in zip(segments[:-1], given_segments, strict=False)
    ]
    joined = adjusted(segments, rolls, Adjustment.DIFFERENCE)
    assert [one.timestamp for one in joined] == sorted(one.timestamp for one in joined)
    assert joined[-len(segments[-1]) :] == tuple(segments[-1])
    at = 0
    for segment in segments:
        mine = joined[at : at + len(segment)]
        at += len(segment)
        for (one, two), (three, four) in zip(pairwise(segment), pairwise(mine), strict=True):
            assert two.close - one.close == four.close - three.close


def test_the_configuration_is_checked() -> None:
    default = IBKRFuturesServiceConfig.get_default_config()
    assert (default.symbols, default.roll) == (("ES", "NQ", "YM"), RollRule.EXPIRY)
    assert IBKRFuturesServiceConfig(roll="volume").roll is RollRule.VOLUME  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="roll_days"):
        IBKRFuturesServiceConfig(roll_days=-1)
    with pytest.raises(ConfigurationError, match="'moon'"):
        IBKRFuturesServiceConfig(roll="moon")  # type: ignore[arg-type]
