"""What TWS tells of a contract besides its quote, when it is asked to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from .record import Record

__all__ = ["QuoteExtra", "QuoteExtras"]


class QuoteExtra(StrEnum):
    """What a stream of quotes can be asked to bring besides; TWS has a generic tick for each."""

    SHORTABLE = "shortable"
    AUCTION = "auction"
    MARK_PRICE = "mark price"
    STATISTICS = "statistics"
    DIVIDENDS = "dividends"
    TRADE_COUNT = "trade count"
    TRADE_RATE = "trade rate"
    VOLUME_RATE = "volume rate"
    SHORT_TERM_VOLUME = "short-term volume"
    LAST_REGULAR_TRADE = "last regular trade"
    HISTORICAL_VOLATILITY = "historical volatility"
    IMPLIED_VOLATILITY = "implied volatility"
    LIVE_VOLATILITY = "live volatility"
    OPTION_VOLUME = "option volume"
    OPTION_OPEN_INTEREST = "option open interest"
    AVERAGE_OPTION_VOLUME = "average option volume"
    FUTURES_OPEN_INTEREST = "futures open interest"
    INDEX_FUTURE_PREMIUM = "index future premium"
    BOND_FACTOR = "bond factor"
    NET_ASSET_VALUE = "net asset value"
    OFFERING = "offering"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteExtras(Record):
    """
    What was told besides the quote; a field is `None` when it was not asked for or not told.

    `shortable` is IB's figure: above 2.5 at least a thousand shares can be borrowed, above 1.5 they
    must be located. Volatilities are a year's, as fractions; rates are by the minute. Imbalances
    are sizes; TWS does not say of which side. Fields of calls and puts are of all options on a
    stock, or of the one that is followed.
    """

    shortable: Decimal | None = None
    shortable_shares: Decimal | None = None
    auction_volume: Decimal | None = None
    auction_price: Decimal | None = None
    auction_imbalance: Decimal | None = None
    regulatory_imbalance: Decimal | None = None
    mark_price: Decimal | None = None
    low_13_weeks: Decimal | None = None
    high_13_weeks: Decimal | None = None
    low_26_weeks: Decimal | None = None
    high_26_weeks: Decimal | None = None
    low_52_weeks: Decimal | None = None
    high_52_weeks: Decimal | None = None
    average_volume: Decimal | None = None
    dividends_past_year: Decimal | None = None
    dividends_next_year: Decimal | None = None
    next_dividend: Decimal | None = None
    next_dividend_date: date | None = None
    trade_count: Decimal | None = None
    trade_rate: Decimal | None = None
    volume_rate: Decimal | None = None
    volume_3_minutes: Decimal | None = None
    volume_5_minutes: Decimal | None = None
    volume_10_minutes: Decimal | None = None
    last_regular_trade: Decimal | None = None
    historical_volatility: Decimal | None = None
    implied_volatility: Decimal | None = None
    live_volatility: Decimal | None = None
    call_volume: Decimal | None = None
    put_volume: Decimal | None = None
    call_open_interest: Decimal | None = None
    put_open_interest: Decimal | None = None
    average_option_volume: Decimal | None = None
    futures_open_interest: Decimal | None = None
    index_future_premium: Decimal | None = None
    bond_factor: Decimal | None = None
    nav_bid: Decimal | None = None
    nav_ask: Decimal | None = None
    nav_last: Decimal | None = None
    nav_close: Decimal | None = None
    nav_prior_close: Decimal | None = None
    nav_high: Decimal | None = None
    nav_low: Decimal | None = None
    offering_midpoint: Decimal | None = None
    offering_price: Decimal | None = None
