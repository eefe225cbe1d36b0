from __future__ import annotations

import pytest

from ibkr_connector.errors import HistoricalDataError
from ibkr_connector.market.spans import (
    BAR_SIZES,
    SMALL_BAR_SIZES,
    WHAT_TO_SHOW,
    check_bar_size,
    check_duration,
    check_what_to_show,
    default_what_to_show,
)
from ibkr_connector.model.contracts import SecurityType


@pytest.mark.parametrize("size", BAR_SIZES)
def test_every_size_of_ib_is_taken_as_it_is(size: str) -> None:
    assert check_bar_size(f" {size} ") == size


def test_the_small_ones_are_sizes() -> None:
    assert set(BAR_SIZES) > SMALL_BAR_SIZES


@pytest.mark.parametrize(
    ("written", "meant"), [("1 mins", "1 min"), ("1 hours", "1 hour"), ("1D", "1 day")]
)
def test_usual_spellings_are_understood(written: str, meant: str) -> None:
    assert check_bar_size(written) == meant


def test_a_size_that_is_none_names_the_closest() -> None:
    with pytest.raises(HistoricalDataError, match="did you mean '5 mins'"):
        check_bar_size("5 minss")


@pytest.mark.parametrize(
    ("text", "meant"), [("1 d", "1 D"), ("86400  S", "86400 S"), ("6 M", "6 M")]
)
def test_durations_are_read(text: str, meant: str) -> None:
    assert check_duration(text) == meant


@pytest.mark.parametrize("text", ["0 D", "D 1", "1", "1 H", "-1 D", "366 D", "53 W", "13 M"])
def test_durations_that_ib_refuses_are_refused_first(text: str) -> None:
    with pytest.raises(HistoricalDataError) as wrong:
        check_duration(text)
    assert wrong.value.hint is not None


def test_kinds_of_data() -> None:
    assert check_what_to_show(" midpoint ") == "MIDPOINT"
    with pytest.raises(HistoricalDataError, match="did you mean 'TRADES'"):
        check_what_to_show("TRADE")
    assert default_what_to_show(SecurityType.FOREX) == "MIDPOINT"
    assert default_what_to_show(SecurityType.CRYPTO) == "AGGTRADES"
    assert {default_what_to_show(kind) for kind in SecurityType} <= set(WHAT_TO_SHOW)
