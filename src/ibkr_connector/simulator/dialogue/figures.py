"""
The figures of an account by IB's keys, as the account window and the summary give them.

Keys, their order and how numbers are written are those of recorded accounts: the whole of an
individual US account and of one with its base in euro (TWS 10.30 and server version 225, public
captures). What the simulator has no notion of (interest, dividends, guarantees) is 0.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from operator import itemgetter
from typing import Final
from zoneinfo import ZoneInfo

from ibkr_connector.simulator.exchange.figures import Figures, Line, Segment, summed
from ibkr_connector.simulator.exchange.venue import Venue

__all__ = [
    "SUMMARY_TAGS",
    "Row",
    "Sheet",
    "account_rows",
    "in_order",
    "ledger_rows",
    "moving_rows",
    "summary_rows",
    "value_text",
]

Row = tuple[str, str, str]
"""Key, value and currency of one figure."""

_ZERO: Final = "0.00"
_FINEST: Final = Decimal("0.0000001")
_UNLIMITED: Final = "-1"
_BASE: Final = "BASE"
_KEY_AND_CURRENCY: Final = itemgetter(0, 2)
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
_SEGMENT_NAMES: Final = frozenset(name for _, name in _BY_SEGMENT)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """An account at one moment: valued once, however many ask for its figures."""

    account: str
    base: str
    previous_equity: Decimal | None
    worth: Figures
    now: datetime

    @classmethod
    def of(cls, venue: Venue, account: str, now: datetime) -> Sheet:
        """Value an account."""
        ledger = venue.ledgers[account]
        return cls(
            account=account,
            base=ledger.base,
            previous_equity=ledger.previous_equity,
            worth=venue.figures(account, now),
            now=now,
        )

    @classmethod
    def of_all(cls, venue: Venue, name: str, accounts: Sequence[str], *, now: datetime) -> Sheet:
        """Value several accounts together, under a name."""
        sheets = [cls.of(venue, account, now) for account in accounts]
        if len(sheets) == 1:
            return sheets[0]
        before = [
            sheet.worth.equity_with_loan if sheet.previous_equity is None else sheet.previous_equity
            for sheet in sheets
        ]
        return cls(
            account=name,
            base=sheets[0].base,
            previous_equity=sum(before, Decimal(0)),
            worth=summed([sheet.worth for sheet in sheets]),
            now=now,
        )


def account_rows(sheet: Sheet) -> Iterator[Row]:
    """Yield every figure of the account window, in no order: see `in_order`."""
    yield from _fixed(sheet)
    yield from moving_rows(sheet)


def moving_rows(sheet: Sheet) -> Iterator[Row]:
    """Yield the figures of the account window that can change."""
    yield from _whole(sheet)
    yield from _lines(sheet)


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Put figures in TWS's order: by key, then by currency (recorded windows)."""
    return sorted(rows, key=_KEY_AND_CURRENCY)


def ledger_rows(sheet: Sheet, *, ledger_only: bool) -> list[Row]:
    """
    Return the figures as `reqAccountUpdatesMulti` sends them.

    First those of the whole account by key, then the currencies one after the other, all of them
    together last. `ledger_only` leaves out the first (recorded: `ledgerAndNLV` sends no more).
    """
    whole = [] if ledger_only else in_order([*_fixed(sheet), *_whole(sheet)])
    return [*whole, *_lines(sheet)]


def summary_rows(sheet: Sheet, tags: Collection[str]) -> Iterator[Row]:
    """
    Yield the figures that a summary asks for, by key, whatever the order that was asked for.

    `$LEDGER` asks for the base currency's ledger, `$LEDGER:EUR` for one, `$LEDGER:ALL` for all of
    them. A tag that does not exist is passed over, as TWS does (assumed).
    """
    asked = SUMMARY_TAGS.intersection(tags)
    if asked:
        rows = {row[0]: row for row in (*_fixed(sheet), *_whole(sheet))}
        cash = value_text(sheet.worth.cash)
        rows["SettledCash"] = ("SettledCash", cash, sheet.base)
        rows["HighestSeverity"] = ("HighestSeverity", "0", "")
        rows["Leverage"] = ("Leverage", rows["Leverage-S"][1], "")
        for misspelt in ("ReqTEquity", "ReqTMargin"):
            # IB's own list of tags has them so
            _, value, currency = rows[misspelt.replace("Req", "Reg")]
            rows[misspelt] = (misspelt, value, currency)
        yield from (rows[tag] for tag in sorted(asked))
    wanted = {_ledger_currency(tag) for tag in tags if tag.startswith("$LEDGER")}
    if wanted:
        for row in _lines(sheet):
            if "ALL" in wanted or row[2] in wanted:
                yield row


def _ledger_currency(tag: str) -> str:
    _, _, currency = tag.partition(":")
    return currency.upper() or _BASE


def _fixed(sheet: Sheet) -> Iterator[Row]:
    """Yield what never changes while an account is open."""
    base = sheet.base
    yield "AccountCode", sheet.account, ""
    yield "AccountReady", "true", ""
    yield "AccountType", "INDIVIDUAL", ""
    for letter, title, place, _ in _SEGMENTS:
        yield f"ColumnPrio-{letter}", place, ""
        yield f"SegmentTitle-{letter}", title, ""
    for key in _ZERO_BY_SEGMENT:
        yield key, _ZERO, base
        for letter, _, _, _ in _SEGMENTS:
            yield f"{key}-{letter}", _ZERO, base
    yield "NetLiquidationUncertainty", _ZERO, base
    for day in ("", "T+1", "T+2", "T+3", "T+4"):
        yield f"DayTradesRemaining{day}", _UNLIMITED, ""
    yield "NLVAndMarginInReview", "false", ""
    yield "TradingType-S", "STKNOPT", ""
    yield "WhatIfPMEnabled", "true", ""


def _whole(sheet: Sheet) -> Iterator[Row]:
    """Yield what is said of the account as a whole, and of its parts."""
    worth, base = sheet.worth, sheet.base
    wholes = {name: value_text(getattr(worth, name)) for name in _SEGMENT_NAMES}
    for key, name in _BY_SEGMENT:
        yield key, wholes[name], base
    for letter, _, _, part in _SEGMENTS:
        segment: Segment = getattr(worth, part)
        values = {name: value_text(getattr(segment, name)) for name in _SEGMENT_NAMES}
        for key, name in _BY_SEGMENT:
            yield f"{key}-{letter}", values[name], base
    yield from _of_securities(worth, sheet.previous_equity, base=base)
    yield "BuyingPower", value_text(worth.buying_power), base
    net = worth.net_liquidation
    cushion = worth.excess_liquidity / net if net > 0 else Decimal(0)
    yield "Cushion", f"{round(cushion, 6):f}", ""
    yield "LookAheadNextChange", str(int(_next_opening(sheet.now).timestamp())), ""


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


def _lines(sheet: Sheet) -> Iterator[Row]:
    for line in sheet.worth.lines:
        for key, value in _line(sheet.account, line):
            yield key, value, line.currency


def _line(account: str, line: Line) -> Iterator[tuple[str, str]]:
    """Yield the figures of one currency, in TWS's order."""
    values = line.values
    yield "Currency", line.currency
    yield "CashBalance", value_text(line.cash)
    yield "TotalCashBalance", value_text(line.cash + line.futures_gain)
    yield "AccruedCash", _ZERO
    yield "StockMarketValue", _sum(values, "STK")
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
    text = str(value)
    if text[-3:-2] != "." or "E" in text:
        text = f"{value.quantize(_FINEST, ROUND_HALF_EVEN):f}".rstrip("0")
        whole, _, part = text.partition(".")
        text = f"{whole}.{part:0<2}"
    return _ZERO if text == "-0.00" else text


def _next_opening(now: datetime) -> datetime:
    """Return when New York opens next: that is when TWS says that margins change."""
    local = now.astimezone(_NEW_YORK)
    opening = datetime.combine(local.date(), time(9, 30), tzinfo=_NEW_YORK)
    while opening <= local or opening.weekday() >= _SATURDAY:
        opening += timedelta(days=1)
    return opening
