"""What makes two questions about the past the same, and what each counts under."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.errors import HistoricalDataError
from ibkr_connector.market.questions import aware, bars_key, counted, instant
from ibkr_connector.model.contracts import Action, ComboLeg, Contract, combo
from ibkr_connector.model.ids import ConId
from ibkr_connector.resilience.operation import HistoryKey

AAPL = Contract(symbol="AAPL", con_id=ConId(1))
ZONES = ("America/New_York", "Asia/Tokyo", "Australia/Lord_Howe", "UTC")


def key(contract: Contract = AAPL, **other: Any) -> HistoryKey:
    said: dict[str, Any] = {
        "bar_size": "30 secs",
        "duration": "1 D",
        "what_to_show": "TRADES",
        "end": datetime(2026, 11, 20, 21, tzinfo=UTC),
        "regular_hours_only": True,
    }
    return bars_key(contract, **{**said, **other})


@given(
    time=st.datetimes(
        min_value=datetime(1990, 1, 1),  # noqa: DTZ001  # the zone is drawn beside it
        max_value=datetime(2060, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
    one=st.sampled_from(ZONES),
    other=st.sampled_from(ZONES),
)
def test_one_instant_is_one_question_in_whatever_zone_it_is_written(
    time: datetime, one: str, other: str
) -> None:
    first, second = time.astimezone(ZoneInfo(one)), time.astimezone(ZoneInfo(other))
    assert key(end=first) == key(end=second)
    assert instant(first) == instant(second)


@pytest.mark.parametrize(
    "other",
    [
        {"bar_size": "1 min"},
        {"duration": "2 D"},
        {"what_to_show": "MIDPOINT"},
        {"end": datetime(2026, 11, 20, 20, 59, 59, tzinfo=UTC)},
        {"end": None},
        {"regular_hours_only": False},
    ],
    ids=lambda other: next(iter(other)),
)
def test_what_is_asked_for_otherwise_is_another_question(other: dict[str, Any]) -> None:
    assert key(**other).identical_key != key().identical_key


def test_both_sides_of_a_quote_count_twice_and_large_bars_are_not_limited() -> None:
    assert (key().weight, key(what_to_show="BID_ASK").weight) == (1, 2)
    assert (key().small_bars, key(bar_size="1 min").small_bars) == (True, False)


def test_combinations_are_told_apart_by_their_legs() -> None:
    legs = [Contract(symbol="ES", con_id=ConId(number)) for number in (1, 2, 3)]
    near, far = (
        combo(
            ComboLeg(contract=legs[0], action=Action.BUY),
            ComboLeg(contract=other, action=Action.SELL),
            exchange="CME",
        )
        for other in legs[1:]
    )
    assert counted(near, "TRADES", small=True) != counted(far, "TRADES", small=True)


def test_a_time_without_a_zone_is_refused_with_its_remedy() -> None:
    with pytest.raises(HistoricalDataError, match="names no zone") as caught:
        aware(datetime(2026, 1, 1))  # noqa: DTZ001
    assert "tzinfo=UTC" in str(caught.value.hint)
