"""One reader of a stream."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ibkr_connector.errors import MarketDataError, MarketDataPermissionError
from ibkr_connector.gateway.stream_port import StreamKind
from ibkr_connector.market.consumers import Consumer, buffer_of, manner_of
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.market import Bar, DataType, Quote
from ibkr_connector.model.streams import BarUpdate, Gap, GapReason, Trade, WhenFull

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
AAPL = stock("AAPL")
QUOTE = Quote(contract=AAPL, timestamp=NOW, data_type=DataType.LIVE)
GAP = Gap(contract=AAPL, reason=GapReason.LINK_DOWN, start=NOW)


def trade(second: int) -> Trade:
    moment = NOW + timedelta(seconds=second)
    return Trade(
        contract=AAPL, timestamp=moment, received=moment, price=Decimal(1), size=Decimal(1)
    )


def update(minute: int, close: int, *, is_final: bool = False) -> BarUpdate:
    price = Decimal(close)
    start = NOW + timedelta(minutes=minute)
    bar = Bar(timestamp=start, open=price, high=price, low=price, close=price)
    return BarUpdate(contract=AAPL, bar_size="1 min", bar=bar, is_final=is_final)


def test_a_newer_quote_takes_the_place_of_the_one_before_but_not_of_a_gap() -> None:
    reader = Consumer(AAPL, capacity=8)
    newer = replace(QUOTE, bid=Decimal(1))
    reader.put(QUOTE, newer)
    reader.put(GAP)
    reader.put(QUOTE)
    reader.put(newer)
    assert reader.box.take_all() == [newer, GAP, newer]
    assert reader.box.conflated == 2


def test_a_bar_that_grows_gives_way_to_its_newer_state_and_a_final_one_to_nothing() -> None:
    reader = Consumer(AAPL, capacity=8)
    letters = [update(0, 1), update(0, 2), update(0, 2, is_final=True), update(1, 3), update(1, 4)]
    reader.put(*letters)
    assert reader.box.take_all() == [letters[2], letters[4]]


def test_trades_that_do_not_fit_are_a_gap_from_the_first_to_the_last_of_them() -> None:
    reader = Consumer(AAPL, capacity=2, kind=StreamKind.TRADES)
    reader.put(*(trade(second) for second in range(5)))
    gap, *rest = reader.box.take_all()
    assert isinstance(gap, Gap)
    assert (gap.reason, gap.missed) == (GapReason.OVERFLOW, 3)
    assert (gap.start, gap.end) == (NOW, NOW + timedelta(seconds=2))
    assert rest == [trade(3), trade(4)]


@pytest.mark.parametrize("kind", [DataType.DELAYED, DataType.FROZEN, DataType.DELAYED_FROZEN])
def test_whoever_requires_live_quotes_gets_no_others(kind: DataType) -> None:
    reader = Consumer(AAPL, capacity=8, require_live=True, takes_delayed=True)
    assert not reader.takes_delayed
    reader.put(QUOTE)
    reader.put(replace(QUOTE, data_type=kind))
    reader.put(QUOTE)
    assert reader.box.take_all() == [QUOTE]
    with pytest.raises(MarketDataPermissionError, match=kind.name.lower().replace("_", "-")):
        reader.box.take()


def test_a_reader_who_wants_no_gaps_is_ended_by_the_first_record_that_is_dropped() -> None:
    reader = Consumer(AAPL, capacity=2, kind=StreamKind.TRADES, manner=WhenFull.CLOSE)
    reader.put(trade(0), trade(1))
    assert not reader.box.is_closed
    reader.put(trade(2))
    reader.put(trade(3))
    gap, *rest = reader.box.take_all()
    assert isinstance(gap, Gap)
    assert (gap.reason, gap.missed) == (GapReason.OVERFLOW, 1)
    assert rest == [trade(1), trade(2)]
    with pytest.raises(MarketDataError, match="slower than what came"):
        reader.box.take_all()


def test_whoever_wants_every_quote_gets_every_one_and_is_told_of_those_that_did_not_fit() -> None:
    reader = Consumer(AAPL, capacity=2, manner=WhenFull.DROP)
    quotes = [replace(QUOTE, bid=Decimal(number)) for number in range(3)]
    reader.put(*quotes)
    gap, *rest = reader.box.take_all()
    assert isinstance(gap, Gap)
    assert (gap.reason, gap.missed, rest) == (GapReason.OVERFLOW, 1, quotes[1:])
    assert reader.box.conflated == 0


@pytest.mark.parametrize("kind", list(StreamKind))
def test_each_kind_has_its_usual_manner_and_refuses_what_would_lose_in_silence(
    kind: StreamKind,
) -> None:
    newest = kind in {StreamKind.QUOTES, StreamKind.DEPTH, StreamKind.SCAN}
    assert manner_of(kind, None) is (WhenFull.CONFLATE if newest else WhenFull.DROP)
    if not newest:
        assert manner_of(kind, "close") is WhenFull.CLOSE
        with pytest.raises(MarketDataError, match="conflate"):
            manner_of(kind, "conflate")
    with pytest.raises(MarketDataError, match="'later'"):
        manner_of(kind, "later")


def test_a_reader_of_every_quote_has_the_buffer_of_one_of_every_trade() -> None:
    kinds = StreamKind.QUOTES, StreamKind.TRADES
    assert [buffer_of(kind, WhenFull.DROP, None) for kind in kinds] == [10_000, 10_000]
    assert buffer_of(StreamKind.QUOTES, WhenFull.CONFLATE, None) == 64
    with pytest.raises(MarketDataError, match="holds none"):
        buffer_of(StreamKind.QUOTES, WhenFull.DROP, 0)
