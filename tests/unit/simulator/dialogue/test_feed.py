"""What streams are told of a quote that changed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.simulator.dialogue.exchanges import COMPONENTS, bbo_code, letters
from ibkr_connector.simulator.dialogue.feed import changes
from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.records import Quote

STOCK = Instrument(
    con_id=1,
    symbol="X",
    sec_type="STK",
    currency="USD",
    exchanges=("SMART", "ISLAND", "ARCA", "NYSE"),
    min_tick=Decimal("0.01"),
    market_rule=26,
    price=Decimal(10),
    spread=Decimal("0.02"),
)
QUOTE = Quote(
    bid=Decimal("9.99"),
    ask=Decimal("10.01"),
    last=Decimal("10.00"),
    bid_size=Decimal(100),
    ask_size=Decimal(200),
    last_size=Decimal(50),
    volume=Decimal(1_000),
    open=Decimal("9.90"),
    high=Decimal("10.10"),
    low=Decimal("9.80"),
    close=Decimal("9.95"),
)
PRICES = st.one_of(st.none(), st.integers(1, 5).map(Decimal))
QUOTES = st.builds(
    Quote,
    **dict.fromkeys(("bid", "ask", "last", "open", "high", "low", "close"), PRICES),
    **dict.fromkeys(
        ("bid_size", "ask_size", "last_size", "volume"), st.integers(0, 3).map(Decimal)
    ),
)


def kinds(found: list[tuple[int, Decimal | None, Decimal | None, str]]) -> list[int]:
    return [change[0] for change in found]


def test_a_new_stream_is_told_everything_there_is() -> None:
    assert kinds(changes(None, QUOTE, STOCK)) == [1, 2, 4, 6, 7, 9, 14, 8]


def test_the_same_price_with_another_size_is_a_size_alone() -> None:
    new = replace(QUOTE, bid_size=Decimal(300))
    assert [(1, None, Decimal(300), "")] == changes(QUOTE, new, STOCK)


def test_a_side_that_is_gone_is_minus_one_with_no_size() -> None:
    new = replace(QUOTE, ask=None, ask_size=Decimal(0))
    assert [(2, Decimal(-1), Decimal(0), "")] == changes(QUOTE, new, STOCK)


def test_a_side_that_was_never_there_is_not_mentioned() -> None:
    new = replace(QUOTE, ask=None, ask_size=Decimal(0))
    assert 2 not in kinds(changes(None, new, STOCK))


def test_currencies_have_neither_trades_nor_volume() -> None:
    pair = replace(STOCK, sec_type="CASH", exchanges=("IDEALPRO",))
    assert kinds(changes(None, QUOTE, pair)) == [1, 2, 6, 7, 9]


def test_an_index_is_not_quoted() -> None:
    index = replace(STOCK, sec_type="IND", exchanges=("CBOE",))
    assert kinds(changes(None, QUOTE, index)) == [4, 6, 7, 9, 14]


@given(old=QUOTES, new=QUOTES)
def test_what_is_told_makes_the_old_quote_into_the_new_one(old: Quote, new: Quote) -> None:
    names = {1: "bid", 2: "ask", 4: "last", 6: "high", 7: "low", 9: "close", 14: "open"}
    known = {tick: getattr(old, name) for tick, name in names.items()}
    for tick, price, _, _ in changes(old, new, STOCK):
        if price is not None:
            known[tick] = price if price >= 0 else None
    for tick, name in names.items():
        # figures of the day do not vanish
        if getattr(new, name) is not None or tick in {1, 2, 4}:
            assert known[tick] == getattr(new, name)


def test_letters_of_a_quote_are_those_of_its_group() -> None:
    group = {one.letter for one in COMPONENTS[bbo_code(STOCK)]}
    for cents in range(990, 1_010):
        text = letters(STOCK, Decimal(cents) / 100)
        assert text
        assert set(text) <= group
