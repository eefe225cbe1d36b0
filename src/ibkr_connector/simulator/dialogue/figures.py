"""
The figures of an account by IB's keys, as the account window and the summary give them.

Keys, their order and how numbers are written are those of recorded accounts: the whole of an
individual US account and of one with its base in euro (TWS 10.30 and server version 225, public
captures). What the simulator has no notion of (interest, dividends, guarantees) is 0.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final
from zoneinfo import ZoneInfo

from ibkr_connector.simulator.exchange.figures import Figures, Line, Segment
from ibkr_connector.simulator.exchange.venue import Venue

__all__ = ["SUMMARY_TAGS", "Row", "account_rows", "ledger_rows", "summary_rows", "value_text"]

Row = tuple[str, str, str]
"""Key, value and currency of one figure."""

_ZERO: Final = "0.00"
_FINEST: Final = Decimal("0.0000001")
_UNLIMITED: Final = "-1"
_BASE: Final = "BASE"
_NEW_YORK: Final = ZoneInfo("America/New_York")
_SATURDAY: Final = 5

_SEGMENTS: Final = (
    # letter, name of the part, where TWS shows it, attribute of `Figures`
    ("S", "US Securities", "1", "securities"),
    ("C", "US Commodities", "2", "commodities"),
    ("P", "Crypto at Paxos", "5", "crypto"),
)

_BY_SEGMENT: Final = (
    # key, attribute of `Figures` and of `Segment`; the look ahead and the full requirement are
    # those of now (*limit*: margins change at no time of day)
    ("AvailableFunds", "available_funds"),
    ("EquityWithLoanValue", "equity_with_loan"),
    ("ExcessLiquidity", "excess_liquidity"),
    ("FullAvailableFunds", "available_funds"),
    ("FullExcessLiquidity", "excess_liquidity"),
    ("FullInitMarginReq", "initial_margin"),
    ("FullMaintMarginReq", "maintenance_margin"),
    ("InitMarginReq", "initial_margin"),
    ("LookAheadAvailableFunds", "available_funds"),
    ("LookAheadExcessLiquidity", "excess_liquidity"),
    ("LookAheadInitMarginReq", "initial_margin"),
    ("LookAheadMaintMarginReq", "maintenance_margin"),
    ("MaintMarginReq", "maintenance_margin"),
    ("NetLiquidation", "net_liquidation"),
    ("TotalCashValue", "total_cash"),
)
_ZERO_BY_SEGMENT: Final = (
    "AccruedCash",
    "AccruedDividend",
    "Billable",
    "Guarantee",
    "IncentiveCoupons",
    "IndianStockHaircut",
    "PASharesValue",
    "PhysicalCertificateValue",
    "PostExpirationExcess",
    "PostExpirationMargin",
    "TotalDebitCardPendingCharges",
)

SUMMARY_TAGS: Final = frozenset(
    # ibapi account_summary_tags.py, and what ib_async asks for beside them
    {
        "AccountType",
        "NetLiquidation",
        "TotalCashValue",
        "SettledCash",
        "AccruedCash",
        "BuyingPower",
        "EquityWithLoanValue",
        "PreviousDayEquityWithLoanValue",
        "GrossPositionValue",
        "ReqTEquity",
        "ReqTMargin",
        "RegTEquity",
        "RegTMargin",
        "SMA",
        "InitMarginReq",
        "MaintMarginReq",
        "AvailableFunds",
        "ExcessLiquidity",
        "Cushion",
        "FullInitMarginReq",
        "FullMaintMarginReq",
        "FullAvailableFunds",
        "FullExcessLiquidity",
        "LookAheadNextChange",
        "LookAheadInitMarginReq",
        "LookAheadMaintMarginReq",
        "LookAheadAvailableFunds",
        "LookAheadExcessLiquidity",
        "HighestSeverity",
        "DayTradesRemaining",
        "DayTradesRemainingT+1",
        "DayTradesRemainingT+2",
        "DayTradesRemainingT+3",
        "DayTradesRemainingT+4",
        "Leverage",
    }
)


def account_rows(venue: Venue, account: str, now: datetime) -> list[Row]:
    """
    Return every figure of the account window, in the order of TWS: by key, then by currency.

    Sending them in that order is what recorded windows show for `reqAccountUpdates`.
    """
    worth = venue.figures(account, now)
    rows = [*_whole(venue, account, worth, now=now), *_lines(account, worth)]
    return sorted(rows, key=lambda row: (row[0], row[2]))


def ledger_rows(venue: Venue, account: str, now: datetime, *, ledger_only: bool) -> list[Row]:
    """
    Return the figures as `reqAccountUpdatesMulti` sends them.

    First those of the whole account by key, then the currencies one after the other, all of them
    together last. `ledger_only` leaves out the first (recorded: `ledgerAndNLV` sends no more).
    """
    worth = venue.figures(account, now)
    whole = [] if ledger_only else sorted(_whole(venue, account, worth, now=now))
    return [*whole, *_lines(account, worth)]


def summary_rows(
    venue: Venue, account: str, tags: Collection[str], *, now: datetime
) -> Iterator[Row]:
    """
    Yield the figures that a summary asks for, by key, whatever the order that was asked for.

    `$LEDGER` asks for the base currency's ledger, `$LEDGER:EUR` for one, `$LEDGER:ALL` for all of
    them. A tag that does not exist is passed over, as TWS does (assumed).
    """
    worth = venue.figures(account, now)
    if SUMMARY_TAGS.intersection(tags):
        base = venue.ledgers[account].base
        rows = {
            key: (key, value, currency)
            for key, value, currency in _whole(venue, account, worth, now=now)
        }
        rows["SettledCash"] = ("SettledCash", value_text(worth.cash), base)
        rows["HighestSeverity"] = ("HighestSeverity", "0", "")
        rows["Leverage"] = ("Leverage", rows["Leverage-S"][1], "")
        for asked in ("ReqTEquity", "ReqTMargin"):
            # IB's own list of tags misspells them
            _, value, currency = rows[asked.replace("Req", "Reg")]
            rows[asked] = (asked, value, currency)
        yield from (rows[tag] for tag in sorted(SUMMARY_TAGS.intersection(tags)))
    wanted = {_ledger_currency(tag) for tag in tags if tag.startswith("$LEDGER")}
    if wanted:
        for row in _lines(account, worth):
            if "ALL" in wanted or row[2] in wanted:
                yield row


def _ledger_currency(tag: str) -> str:
    _, _, currency = tag.partition(":")
    return currency.upper() or _BASE


def _whole(venue: Venue, account: str, worth: Figures, *, now: datetime) -> Iterator[Row]:
    """Yield what is said of the account as a whole, and of its parts."""
    ledger = venue.ledgers[account]
    base = ledger.base
    yield "AccountCode", account, ""
    yield "AccountReady", "true", ""
    yield "AccountType", "INDIVIDUAL", ""
    for letter, title, place, _ in _SEGMENTS:
        yield f"ColumnPrio-{letter}", place, ""
        yield f"SegmentTitle-{letter}", title, ""
    for key, name in _BY_SEGMENT:
        yield key, value_text(getattr(worth, name)), base
        for letter, _, _, part in _SEGMENTS:
            yield f"{key}-{letter}", value_text(getattr(getattr(worth, part), name)), base
    for key in _ZERO_BY_SEGMENT:
        yield key, _ZERO, base
        for letter, _, _, _ in _SEGMENTS:
            yield f"{key}-{letter}", _ZERO, base
    yield from _of_securities(worth, ledger.previous_equity, base=base)
    yield "BuyingPower", value_text(worth.buying_power), base
    yield "NetLiquidationUncertainty", _ZERO, base
    net = worth.net_liquidation
    cushion = worth.excess_liquidity / net if net > 0 else Decimal(0)
    yield "Cushion", f"{round(cushion, 6):f}", ""
    for day in ("", "T+1", "T+2", "T+3", "T+4"):
        yield f"DayTradesRemaining{day}", _UNLIMITED, ""
    yield "LookAheadNextChange", str(int(_next_opening(now).timestamp())), ""
    yield "NLVAndMarginInReview", "false", ""
    yield "TradingType-S", "STKNOPT", ""
    yield "WhatIfPMEnabled", "true", ""


def _of_securities(worth: Figures, previous: Decimal | None, *, base: str) -> Iterator[Row]:
    """Yield what only the securities part has: Regulation T, and how far it is leveraged."""
    part: Segment = worth.securities
    gross = part.gross_position_value
    yield "GrossPositionValue", value_text(worth.gross_position_value), base
    yield "GrossPositionValue-S", value_text(gross), base
    # Regulation T: half of what is held, whatever the broker asks for; the special memorandum
    # account is what is left, without its memory of better days (*limit*)
    equity, margin = part.net_liquidation, gross / 2
    before = worth.equity_with_loan if previous is None else previous
    for key, value in (
        ("PreviousDayEquityWithLoanValue", before),
        ("RegTEquity", equity),
        ("RegTMargin", margin),
        ("SMA", equity - margin),
    ):
        yield key, value_text(round(value, 2)), base
        yield f"{key}-S", value_text(round(value, 2)), base
    leverage = gross / equity if equity > 0 else Decimal(0)
    yield "Leverage-S", f"{round(leverage, 2):.2f}", ""


def _lines(account: str, worth: Figures) -> Iterator[Row]:
    for line in worth.lines:
        for key, value in _line(account, line):
            yield key, value, line.currency


def _line(account: str, line: Line) -> Iterator[tuple[str, str]]:
    """Yield the figures of one currency, in TWS's order."""
    values = line.values
    yield "Currency", line.currency
    yield "CashBalance", value_text(line.cash)
    yield "TotalCashBalance", value_text(line.cash + line.futures_gain)
    yield "AccruedCash", _ZERO
    yield "StockMarketValue", _sum(values, "STK", "CFD")
    yield "OptionMarketValue", _sum(values, "OPT")
    yield "FutureOptionValue", _sum(values, "FOP")
    yield "FuturesPNL", value_text(line.futures_gain)
    yield "NetLiquidationByCurrency", value_text(line.net_liquidation)
    yield "UnrealizedPnL", value_text(round(line.unrealized, 2))
    yield "RealizedPnL", value_text(round(line.realized, 2))
    yield "ExchangeRate", value_text(line.rate)
    yield "FundValue", _ZERO
    yield "NetDividend", _ZERO
    yield "MutualFundValue", _sum(values, "FUND")
    yield "MoneyMarketFundValue", _ZERO
    yield "CorporateBondValue", _sum(values, "BOND")
    yield "TBondValue", _ZERO
    yield "TBillValue", _sum(values, "BILL")
    yield "WarrantValue", _sum(values, "WAR")
    yield "FxCashBalance", _ZERO
    yield "AccountOrGroup", account
    yield "RealCurrency", line.currency
    yield "IssuerOptionValue", _sum(values, "IOPT")
    yield "Cryptocurrency", _sum(values, "CRYPTO")


def _sum(values: Mapping[str, Decimal], *kinds: str) -> str:
    return value_text(sum((values.get(kind, Decimal(0)) for kind in kinds), Decimal(0)))


def value_text(value: Decimal) -> str:
    """Write a figure as TWS does: two to seven decimals, halves to the even digit."""
    text = f"{value.quantize(_FINEST, ROUND_HALF_EVEN):f}".rstrip("0")
    whole, _, part = text.partition(".")
    text = f"{whole}.{part:<02}"
    return _ZERO if text == "-0.00" else text


def _next_opening(now: datetime) -> datetime:
    """Return when New York opens next: that is when TWS says that margins change."""
    local = now.astimezone(_NEW_YORK)
    opening = datetime.combine(local.date(), time(9, 30), tzinfo=_NEW_YORK)
    while opening <= local or opening.weekday() >= _SATURDAY:
        opening += timedelta(days=1)
    return opening
