"""Which lists of generic ticks are legal, and how an illegal one is answered."""

from __future__ import annotations

import pytest

from ibkr_connector.simulator.dialogue.generic_ticks import legal_ids, parse_ids

LEGAL_OF_A_STOCK = (
    # TWS's own text (deephaven-ib issue 46)
    "100(Option Volume),101(Option Open Interest),105(Average Opt Volume),106(impvolat),"
    "165(Misc. Stats),221/220(Creditman Mark Price),225(Auction),232/221(Pl Price),233(RTVolume),"
    "236(inventory),258/47(Fundamentals),293(TradeCount),294(TradeRate),295(VolumeRate),"
    "318(LastRTHTrade),375(RTTrdVolume),411(rthistvol),456/59(IBDividends),"
    "460(Bond Factor Multiplier),576(EtfNavBidAsk(navbidask)),577(EtfNavLast(navlast)),"
    "578(EtfNavClose(navclose)),586(IPOHLMPRC),587(Pl Price Delayed),588(Futures Open Interest),"
    "595(Short-Term Volume X Mins),614(EtfNavMisc(high/low)),619(Creditman Slow Mark Price),"
    "623(EtfFrozenNavLast(fznavlast))"
)


def test_the_legal_ticks_of_a_stock_are_named_as_tws_names_them() -> None:
    # a login with news has 292 too
    assert legal_ids("STK").replace("292(Wide_news),", "") == LEGAL_OF_A_STOCK


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("233, 236 ,,", {233: "", 236: ""}),
        ("292:BRFG+DJNL", {292: "BRFG+DJNL"}),
        ("221,220,47,59", {232: "", 221: "", 258: "", 456: ""}),
        ("104", {104: ""}),
    ],
)
def test_a_list_is_read_with_parameters_and_older_numbers(text: str, codes: dict[int, str]) -> None:
    assert (True, codes) == parse_ids(text, "STK")


def test_mdoff_leaves_the_default_ticks_out() -> None:
    assert parse_ids("MDOFF,292:BRFG", "STK") == (False, {292: "BRFG"})


def test_news_are_no_tick_without_the_permission() -> None:
    assert parse_ids("mdoff,292:BRFG", "STK", has_news=False) is None


@pytest.mark.parametrize("text", ["999", "13", "233,13", "abc", "292:", ":5", "mdoff", ",", "-1"])
def test_one_bad_entry_spoils_the_list(text: str) -> None:
    assert parse_ids(text, "STK") is None


@pytest.mark.parametrize(
    ("text", "sec_type", "is_legal"),
    [
        ("162", "STK", False),
        ("162", "IND", True),
        ("456", "CASH", False),
        ("456", "FUT", True),
        ("595", "IND", False),
        ("595", "CRYPTO", True),
    ],
)
def test_some_ticks_belong_to_some_security_types(
    text: str,
    sec_type: str,
    is_legal: bool,
) -> None:
    assert is_legal == (parse_ids(text, sec_type) is not None)
