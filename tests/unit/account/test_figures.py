from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.account.figures import (
    balances_of,
    base_currency,
    plain_tag,
    rate_of,
    segments_of,
    summary_of,
)
from ibkr_connector.gateway.figures import UNSET_TEXTS
from ibkr_connector.gateway.translate import account_value
from ibkr_connector.model.account import AccountValue, FigureSource

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
NUMBERS = st.decimals(
    allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9
)


def figures(*rows: tuple[str, str, str]) -> dict[tuple[str, str], AccountValue]:
    """Tag, text and currency of each, as they come from the wire."""
    made = [account_value("DU1", tag, text, currency=currency) for tag, text, currency in rows]
    return {(plain_tag(one.tag), one.currency): one for one in made}


def test_ledgers_with_and_without_their_prefix_are_the_same() -> None:
    plain = figures(("CashBalance", "5.50", "EUR"), ("ExchangeRate", "1.08", "EUR"))
    prefixed = figures(
        ("$LEDGER-CashBalance", "5.50", "EUR"), ("$LEDGER-ExchangeRate", "1.08", "EUR")
    )
    for known in (plain, prefixed):
        (row,) = balances_of("DU1", known, as_of=NOW, source=FigureSource.SUMMARY)
        assert (row.currency, row.cash, row.exchange_rate) == (
            "EUR",
            Decimal("5.50"),
            Decimal("1.08"),
        )
        assert rate_of(known, "EUR") == Decimal("1.08")


def test_all_currencies_together_come_last() -> None:
    known = figures(*(("CashBalance", "1", currency) for currency in ("USD", "BASE", "EUR")))
    rows = balances_of("DU1", known, as_of=NOW, source=FigureSource.WINDOW)
    assert [row.currency for row in rows] == ["EUR", "USD", "BASE"]
    assert [row.is_base for row in rows] == [False, False, True]


def test_parts_of_an_account_are_no_figures_of_the_whole() -> None:
    known = figures(
        ("NetLiquidation-C", "7", "USD"),
        ("NetLiquidation-S", "93", "USD"),
        ("SegmentTitle-C", "US Commodities", ""),
        ("NetLiquidation", "100", "USD"),
        ("Leverage-S", "1.20", ""),
    )
    summary = summary_of("DU1", known, as_of=NOW, source=FigureSource.SUMMARY)
    assert (summary.total_value, summary.leverage) == (Decimal(100), Decimal("1.20"))
    parts = {part.segment: part for part in segments_of("DU1", known, as_of=NOW)}
    assert (parts["C"].total_value, parts["C"].name) == (Decimal(7), "US Commodities")
    assert (parts["S"].total_value, parts["S"].name) == (Decimal(93), "securities")


def test_what_ib_calls_otherwise_lands_in_the_same_field() -> None:
    for tag in ("RegTEquity", "ReqTEquity"):
        known = figures((tag, "12", "USD"), ("NetLiquidation", "1", "USD"))
        assert summary_of("DU1", known, as_of=NOW, source=FigureSource.SUMMARY).reg_t_equity == 12


def test_no_limit_of_day_trades_is_no_number() -> None:
    known = figures(("DayTradesRemaining", "-1", ""), ("HighestSeverity", "0", ""))
    summary = summary_of("DU1", known, as_of=NOW, source=FigureSource.SUMMARY)
    assert (summary.day_trades_left, summary.highest_severity) == (None, 0)


def test_a_server_that_resets_says_so() -> None:
    known = figures(("AccountReady", "false", ""))
    assert not summary_of("DU1", known, as_of=NOW, source=FigureSource.WINDOW).is_ready


@given(number=NUMBERS, unset=st.sampled_from([*sorted(UNSET_TEXTS), "", "NaN", "inf", "n/a"]))
def test_row_22_an_unset_figure_is_none_and_zero_and_negative_ones_are_kept(
    number: Decimal, unset: str
) -> None:
    tags = ("TotalCashValue", "NetLiquidation", "BuyingPower", "MaintMarginReq", "SMA")
    fields = ("cash", "total_value", "buying_power", "maintenance_margin", "sma")
    said = summary_of(
        "DU1",
        figures(*((tag, f"{number:f}", "USD") for tag in tags)),
        as_of=NOW,
        source=FigureSource.SUMMARY,
    )
    assert [said[name] for name in fields] == [number] * len(fields)
    known = figures(*((tag, unset, "USD") for tag in tags))
    unsaid = summary_of("DU1", known, as_of=NOW, source=FigureSource.SUMMARY)
    assert [unsaid[name] for name in fields] == [None] * len(fields)
    if unset in UNSET_TEXTS:
        assert {value.value for value in unsaid.values} == {""}


def test_the_base_currency_is_that_of_the_whole() -> None:
    assert base_currency(figures(("NetLiquidation", "1", "BASE"))) == ""
    assert base_currency(figures(("NetLiquidation", "1", "CHF"))) == "CHF"
    assert rate_of(figures(("NetLiquidation", "1", "CHF")), "CHF") == 1
    assert rate_of(figures(("ExchangeRate", "0", "EUR")), "EUR") is None


@pytest.mark.parametrize("odd", ["1795444200000", "99999999999999", "-1e30", "soon"])
def test_a_moment_that_cannot_be_costs_no_other_figure(odd: str) -> None:
    known = figures(("LookAheadNextChange", odd, ""), ("NetLiquidation", "1", "USD"))
    summary = summary_of("DU1", known, as_of=NOW, source=FigureSource.SUMMARY)
    assert (summary.look_ahead_change, summary.total_value) == (None, Decimal(1))


def test_what_is_printed_of_a_summary_is_short() -> None:
    known = figures(*((f"Tag{number}", "1", "USD") for number in range(500)))
    summary = summary_of("DU1", known, as_of=NOW, source=FigureSource.SUMMARY)
    assert len(summary.values) == 500
    assert len(repr(summary)) < 2000
