"""Ticks become one quote, marked for what they are."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ibkr_connector.gateway.snapshot import Snapshot
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.market import DataType

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def snapshot() -> Snapshot:
    return Snapshot(stock("AAPL"))


def test_one_delayed_price_or_size_marks_the_quote() -> None:
    by_price, by_size = snapshot(), snapshot()
    by_price.price(66, 100.0, 5)
    by_size.size(74, 1000)
    assert by_price.quote(NOW).is_delayed
    assert by_size.quote(NOW).is_delayed


def test_what_the_gateway_says_about_the_source_counts_unless_the_ticks_deny_it() -> None:
    frozen, denied, finer = snapshot(), snapshot(), snapshot()
    frozen.data_type(2)
    denied.data_type(1)
    denied.price(67, 100.0, 5)
    finer.data_type(4)
    finer.price(67, 100.0, 5)
    assert frozen.quote(NOW).data_type is DataType.FROZEN
    assert denied.quote(NOW).data_type is DataType.DELAYED
    assert finer.quote(NOW).data_type is DataType.DELAYED_FROZEN
    assert snapshot().quote(NOW).data_type is DataType.LIVE


def test_a_side_that_is_withdrawn_is_not_known_any_more() -> None:
    ticks = snapshot()
    ticks.price(1, 100.0, 5)
    ticks.price(1, -1.0, 0)
    ticks.size(8, 0)
    quote = ticks.quote(NOW)
    assert (quote.bid, quote.bid_size, quote.volume) == (None, None, Decimal(0))
    assert not ticks.has_price


@pytest.mark.parametrize(("value", "expected"), [(-1.0, None), (0.0, False), (2.0, True)])
def test_halted_may_be_unknown(value: float, expected: bool | None) -> None:
    ticks = snapshot()
    ticks.generic(23, 1.0)
    assert not ticks.has_halted
    ticks.generic(49, value)
    assert ticks.has_halted
    assert ticks.quote(NOW).halted is expected


def test_ticks_of_no_use_leave_no_trace() -> None:
    ticks = snapshot()
    ticks.price(37, 100.0, 0)
    ticks.size(21, 5)
    assert ticks.quote(NOW) == snapshot().quote(NOW)
