"""
IB's figures of an account, by tag and currency, as the records that users receive.

Pure. A figure that is not there, is empty, unset or no number is `None`, never 0. Tags come in
three kinds: of the whole account (`NetLiquidation`), of a part of it (`NetLiquidation-C`), and of
one currency's ledger (`CashBalance` in `EUR`); gateways since 10.47 may write the last with
`$LEDGER-` before them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final

from ibkr_connector.gateway.figures import quantity
from ibkr_connector.model.account import (
    AccountSegment,
    AccountSummary,
    AccountValue,
    CurrencyBalance,
    FigureSource,
)
from ibkr_connector.model.making import quick

__all__ = [
    "LEDGER_PREFIX",
    "Figures",
    "balances_of",
    "base_currency",
    "plain_tag",
    "rate_of",
    "segments_of",
    "summary_of",
    "worth_of",
]

Figures = Mapping[tuple[str, str], AccountValue]
"""The figures of one account by plain tag and currency."""

_summary = quick(AccountSummary)

LEDGER_PREFIX: Final = "$LEDGER-"
_ALL: Final = "BASE"
_NO_CURRENCY: Final = frozenset({"", _ALL})

_SUMMARY: Final = (
    ("cash", "TotalCashValue"),
    ("total_value", "NetLiquidation"),
    ("buying_power", "BuyingPower"),
    ("maintenance_margin", "MaintMarginReq"),
    ("initial_margin", "InitMarginReq"),
    ("available_funds", "AvailableFunds"),
    ("excess_liquidity", "ExcessLiquidity"),
    ("gross_position_value", "GrossPositionValue"),
    ("cushion", "Cushion"),
    ("settled_cash", "SettledCash"),
    ("equity_with_loan", "EquityWithLoanValue"),
    ("previous_equity_with_loan", "PreviousDayEquityWithLoanValue"),
    ("reg_t_equity", "RegTEquity"),
    ("reg_t_margin", "RegTMargin"),
    ("sma", "SMA"),
    ("full_initial_margin", "FullInitMarginReq"),
    ("full_maintenance_margin", "FullMaintMarginReq"),
    ("full_available_funds", "FullAvailableFunds"),
    ("full_excess_liquidity", "FullExcessLiquidity"),
    ("look_ahead_initial_margin", "LookAheadInitMarginReq"),
    ("look_ahead_maintenance_margin", "LookAheadMaintMarginReq"),
    ("look_ahead_available_funds", "LookAheadAvailableFunds"),
    ("look_ahead_excess_liquidity", "LookAheadExcessLiquidity"),
)
_SPELLINGS: Final = {tag: (tag,) for _, tag in _SUMMARY} | {
    "RegTEquity": ("RegTEquity", "ReqTEquity"),
    "RegTMargin": ("RegTMargin", "ReqTMargin"),
}
"""The second ones are those of IB's own list of tags (ibapi account_summary_tags.py)."""

_LEDGER: Final = (
    ("exchange_rate", "ExchangeRate"),
    ("cash", "CashBalance"),
    ("total_cash", "TotalCashBalance"),
    ("accrued_cash", "AccruedCash"),
    ("stock_value", "StockMarketValue"),
    ("option_value", "OptionMarketValue"),
    ("future_option_value", "FutureOptionValue"),
    ("futures_pnl", "FuturesPNL"),
    ("bond_value", "CorporateBondValue"),
    ("bill_value", "TBillValue"),
    ("fund_value", "MutualFundValue"),
    ("warrant_value", "WarrantValue"),
    ("crypto_value", "Cryptocurrency"),
    ("dividends", "NetDividend"),
    ("net_liquidation", "NetLiquidationByCurrency"),
    ("unrealized_pnl", "UnrealizedPnL"),
    ("realized_pnl", "RealizedPnL"),
)
_SEGMENT: Final = (
    ("total_value", "NetLiquidation"),
    ("cash", "TotalCashValue"),
    ("equity_with_loan", "EquityWithLoanValue"),
    ("gross_position_value", "GrossPositionValue"),
    ("initial_margin", "InitMarginReq"),
    ("maintenance_margin", "MaintMarginReq"),
    ("available_funds", "AvailableFunds"),
    ("excess_liquidity", "ExcessLiquidity"),
    ("full_initial_margin", "FullInitMarginReq"),
    ("full_maintenance_margin", "FullMaintMarginReq"),
    ("accrued_cash", "AccruedCash"),
    ("leverage", "Leverage"),
)
_NAMES: Final = {"S": "securities", "C": "commodities", "P": "crypto", "F": "crypto"}
_CASH_OF_LEDGER: Final = "CashBalance"

_TEXTS: Final = 1024
"""So many figures are remembered as numbers: the same one stands under many tags, and stays."""


def plain_tag(tag: str) -> str:
    """Return a tag without the prefix of the ledger."""
    return tag.removeprefix(LEDGER_PREFIX)


def base_currency(figures: Figures) -> str:
    """Return the base currency; empty when nothing says it."""
    row = next((value for (tag, _), value in figures.items() if tag == "NetLiquidation"), None)
    return row.currency if row is not None and row.currency not in _NO_CURRENCY else ""


def worth_of(figures: Figures) -> Decimal | None:
    """Return what an account is worth, as its summary says; `None` when not told."""
    return _whole(figures, "NetLiquidation", base_currency(figures))


def rate_of(figures: Figures, currency: str) -> Decimal | None:
    """Return how much one unit of a currency is in the base currency; `None` when not told."""
    if currency == base_currency(figures):
        return Decimal(1)
    rate = _number(figures.get(("ExchangeRate", currency)))
    # none, or one that is not above zero, would make everything worth nothing to the rules
    return rate if rate is not None and rate > 0 else None


def summary_of(
    account: str, figures: Figures, *, as_of: datetime, source: FigureSource, model: str = ""
) -> AccountSummary:
    """Make the summary of an account."""
    currency = base_currency(figures)
    found = {name: _whole(figures, tag, currency) for name, tag in _SUMMARY}
    change = _whole(figures, "LookAheadNextChange", "")
    kind = figures.get(("AccountType", ""))
    ready = figures.get(("AccountReady", ""))
    return _summary(
        account=account,
        as_of=as_of,
        source=source,
        model=model,
        currency=currency,
        values=tuple(figures.values()),
        account_type="" if kind is None else kind.value,
        is_ready=ready is None or ready.value.lower() != "false",
        # that of the whole account has the same name as that of the base currency's ledger
        accrued_cash=_number(figures.get(("AccruedCash", _ALL)))
        or _whole(figures, "AccruedCash", currency),
        look_ahead_change=_moment(change),
        leverage=_whole(figures, "Leverage", "") or _whole(figures, "Leverage-S", ""),
        day_trades_left=_count(figures.get(("DayTradesRemaining", ""))),
        highest_severity=_count(figures.get(("HighestSeverity", ""))),
        unrealized_pnl=_number(figures.get(("UnrealizedPnL", _ALL))),
        realized_pnl=_number(figures.get(("RealizedPnL", _ALL))),
        **found,
    )


def balances_of(
    account: str, figures: Figures, *, as_of: datetime, source: FigureSource
) -> tuple[CurrencyBalance, ...]:
    """Make the ledgers of an account, by currency; that of all together comes last."""
    currencies = sorted(
        {currency for tag, currency in figures if tag == _CASH_OF_LEDGER and currency},
        key=lambda currency: (currency == _ALL, currency),
    )
    return tuple(
        CurrencyBalance(
            account=account,
            currency=currency,
            as_of=as_of,
            source=source,
            **{name: _number(figures.get((tag, currency))) for name, tag in _LEDGER},
        )
        for currency in currencies
    )


def segments_of(account: str, figures: Figures, *, as_of: datetime) -> tuple[AccountSegment, ...]:
    """Make the parts of an account, by their letters; of the account window alone."""
    letters = sorted({tag[-1] for tag, _ in figures if tag.startswith("NetLiquidation-")})
    by_tag = {tag: value for (tag, _), value in figures.items()}
    return tuple(
        AccountSegment(
            account=account,
            segment=letter,
            name=_title(by_tag.get(f"SegmentTitle-{letter}")) or _NAMES.get(letter, ""),
            as_of=as_of,
            **{name: _number(by_tag.get(f"{tag}-{letter}")) for name, tag in _SEGMENT},
        )
        for letter in letters
    )


def _title(value: AccountValue | None) -> str:
    return "" if value is None else value.value


def _whole(figures: Figures, tag: str, currency: str) -> Decimal | None:
    """Return a figure of the whole account, whichever currency stands with it."""
    for name in _SPELLINGS.get(tag, (tag,)):
        row = figures.get((name, currency)) or figures.get((name, ""))
        row = row or next((value for (key, _), value in figures.items() if key == name), None)
        if row is not None:
            return _number(row)
    return None


def _number(value: AccountValue | None) -> Decimal | None:
    return None if value is None or not value.value else _read(value.value)


@lru_cache(_TEXTS)
def _read(text: str) -> Decimal | None:
    try:
        return quantity(text)
    except ValueError:
        return None


def _moment(seconds: Decimal | None) -> datetime | None:
    """Return a time; one that cannot be is not said: it must not cost the figures beside it."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC) if seconds else None
    except (ValueError, OverflowError, OSError):
        return None


def _count(value: AccountValue | None) -> int | None:
    number = _number(value)
    # -1 is IB's "no limit" (API client.py: DayTradesRemaining)
    return int(number) if number is not None and number >= 0 else None
