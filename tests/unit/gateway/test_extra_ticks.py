"""What a quote is told besides: named when it is asked for, typed when it comes."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from ibkr_connector.errors import MarketDataError
from ibkr_connector.gateway.extra_ticks import TICKS, figures_of, generic_list
from ibkr_connector.gateway.quote_line import QuoteTicks
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.extras import QuoteExtra, QuoteExtras

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
DIVIDENDS = {"dividends_past_year", "dividends_next_year", "next_dividend", "next_dividend_date"}


def test_every_extra_can_be_asked_for_and_the_order_makes_no_difference() -> None:
    assert all(generic_list([extra]) for extra in QuoteExtra)
    assert generic_list(["shortable", "auction"]) == generic_list(["auction", "shortable"])
    assert generic_list(["shortable", QuoteExtra.AUCTION]) == "225,236"
    assert generic_list(()) == ""
    with pytest.raises(MarketDataError, match="no 'halts' besides") as wrong:
        generic_list(["halts"])
    assert "short-term volume" in str(wrong.value.hint)


def test_every_field_is_told_by_one_tick() -> None:
    assert sorted([*TICKS.values(), *DIVIDENDS]) == sorted(
        field.name for field in fields(QuoteExtras)
    )


def test_figures_are_exact_and_what_is_unset_is_none() -> None:
    assert figures_of("46", "2.5000") == {"shortable": Decimal("2.5000")}
    assert figures_of("89", "9223372036854775807") == {"shortable_shares": None}
    assert figures_of("37", "-1") == {"mark_price": None}
    assert figures_of("36", "0") == {"auction_imbalance": Decimal(0)}
    assert figures_of("45", "1760448601") is None


def test_dividends_are_read_and_those_of_who_pays_none_are_none() -> None:
    assert figures_of("59", "0.83,0.92,20270210,0.2300") == {
        "dividends_past_year": Decimal("0.83"),
        "dividends_next_year": Decimal("0.92"),
        "next_dividend_date": date(2027, 2, 10),
        "next_dividend": Decimal("0.2300"),
    }
    assert figures_of("59", ",,,") == dict.fromkeys(DIVIDENDS)
    assert figures_of("59", "") == dict.fromkeys(DIVIDENDS)


def test_extras_gather_beside_the_quote_whatever_message_brings_them() -> None:
    ticks = QuoteTicks(stock("AAPL"))
    ticks.price("1", "190", "3")
    assert ticks.quote(NOW).extras is None
    assert ticks.generic("46", "3")
    assert ticks.size("89", "12000")
    assert ticks.price("37", "190.01", "0")
    assert ticks.extra("59", "1,2,20270210,0.5")
    assert not ticks.extra("48", "190;1;2;3;4;true")
    quote = ticks.quote(NOW)
    assert quote.bid == 190
    assert quote.extras is not None
    assert quote.extras.shortable_shares == 12_000
    assert quote.extras.mark_price == Decimal("190.01")
    assert quote.extras.next_dividend == Decimal("0.5")
    assert quote.extras.auction_price is None
