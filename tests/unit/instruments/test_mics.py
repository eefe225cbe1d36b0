"""Exchanges by MIC, in texts and beside a maintained calendar library."""

from __future__ import annotations

import pytest

from ibkr_connector.instruments.mics import exchange_of, mic_of, venue_of
from ibkr_connector.instruments.text import contract_text, parse_contract
from ibkr_connector.model.contracts import Contract, future, stock


@pytest.mark.parametrize(
    ("text", "contract"),
    [
        ("AAPL@XNAS", stock("AAPL", primary_exchange="NASDAQ")),
        ("SAP@XETR", stock("SAP", primary_exchange="IBIS", currency="EUR")),
        ("7203@XTKS", stock("7203", primary_exchange="TSEJ", currency="JPY")),
        ("SAP@XETR/USD", stock("SAP", primary_exchange="IBIS")),
        ("ES 202612@XCME", future("ES", "202612", exchange="CME")),
        ("IND DAX@XEUR", parse_contract("IND DAX@EUREX/EUR")),
    ],
)
def test_a_mic_says_where_a_stock_is_listed_and_where_anything_else_trades(
    text: str, contract: Contract
) -> None:
    assert parse_contract(text) == contract
    assert parse_contract(contract_text(contract)) == contract


def test_ibs_own_names_mean_what_they_always_meant() -> None:
    assert parse_contract("SAP@IBIS/EUR").exchange == "IBIS"
    # a name of IB's that is a MIC as well
    assert parse_contract("AAPL@BATS").exchange == "BATS"
    assert contract_text(stock("AAPL", primary_exchange="NASDAQ")) == "AAPL@XNAS"


def test_several_names_of_one_exchange_have_one_mic_and_it_reads_as_the_first() -> None:
    assert [mic_of(name) for name in ("NASDAQ", "ISLAND", "IBIS2", "NOWHERE")] == [
        "XNAS",
        "XNAS",
        "XETR",
        None,
    ]
    assert (exchange_of("xnas"), exchange_of("NONE"), venue_of("NONE")) == ("NASDAQ", None, None)
    assert mic_of(stock("AAPL")) is None
    assert mic_of(stock("AAPL", primary_exchange="NASDAQ")) == "XNAS"
    assert mic_of(future("ES", "202612", exchange="CME")) == "XCME"


def test_the_table_is_that_of_a_maintained_library() -> None:
    calendars = pytest.importorskip("exchange_calendars")
    known = set(calendars.get_calendar_names(include_aliases=False))
    ours = {"XNYS", "XLON", "XETR", "XFRA", "XEUR", "XPAR", "XAMS", "XBRU", "XLIS", "XMIL"}
    ours |= {"XMAD", "XWBO", "XHEL", "XSWX", "XSTO", "XCSE", "XOSL", "XWAR", "XTKS", "XHKG"}
    ours |= {"XASX", "XSES", "XKRX", "XTAI", "XTAE", "XJSE", "XTSE", "XMEX", "XCBF"}
    assert ours <= known
    assert all(venue_of(mic) for mic in ours)
