"""
The instruments that the simulator lists.

Symbols, exchanges, currencies, trading classes and con ids of stocks and pairs are IB's own; con
ids of dated contracts are made up (9_000_000 and on), since the contracts change with the calendar.
Prices are where the seeded market begins, not what anything costs today.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from .instruments import Catalogue, Instrument

__all__ = ["default_catalogue"]

_US: Final = ("SMART", "ISLAND", "ARCA", "NYSE", "BATS", "IEX")
_STOCK_RULE: Final = 26
_HALF_PIP_RULE: Final = 239
_CENT: Final = Decimal("0.01")

_STOCKS: Final = (
    # con id, symbol, primary exchange, trading class, name, industry, price
    (265598, "AAPL", "NASDAQ", "NMS", "APPLE INC", "Technology", "190.00"),
    (272093, "MSFT", "NASDAQ", "NMS", "MICROSOFT CORP", "Technology", "410.00"),
    (4815747, "NVDA", "NASDAQ", "NMS", "NVIDIA CORP", "Technology", "120.00"),
    (208813719, "GOOGL", "NASDAQ", "NMS", "ALPHABET INC-CL A", "Communications", "165.00"),
    (3691937, "AMZN", "NASDAQ", "NMS", "AMAZON.COM INC", "Communications", "185.00"),
    (107113386, "META", "NASDAQ", "NMS", "META PLATFORMS INC", "Communications", "500.00"),
    (76792991, "TSLA", "NASDAQ", "NMS", "TESLA INC", "Consumer, Cyclical", "250.00"),
    (270639, "INTC", "NASDAQ", "NMS", "INTEL CORP", "Technology", "22.00"),
    (4391, "AMD", "NASDAQ", "NMS", "ADVANCED MICRO DEVICES", "Technology", "150.00"),
    (8314, "IBM", "NYSE", "IBM", "INTL BUSINESS MACHINES CORP", "Technology", "210.00"),
    (1520593, "JPM", "NYSE", "JPM", "JPMORGAN CHASE & CO", "Financial", "215.00"),
    (8719, "JNJ", "NYSE", "JNJ", "JOHNSON & JOHNSON", "Consumer, Non-cyclical", "160.00"),
    (8894, "KO", "NYSE", "KO", "COCA-COLA CO/THE", "Consumer, Non-cyclical", "65.00"),
    (13977, "XOM", "NYSE", "XOM", "EXXON MOBIL CORP", "Energy", "115.00"),
    (11017, "PFE", "NYSE", "PFE", "PFIZER INC", "Consumer, Non-cyclical", "29.00"),
    (72063691, "BRK B", "NYSE", "BRK B", "BERKSHIRE HATHAWAY INC-CL B", "Financial", "450.00"),
)

_FUNDS: Final = (
    (756733, "SPY", "ARCA", "SPY", "SS SPDR S&P 500 ETF TRUST-US", "545.00"),
    (320227571, "QQQ", "NASDAQ", "NMS", "INVESCO QQQ TRUST SERIES 1", "470.00"),
    (9579970, "IWM", "ARCA", "IWM", "ISHARES RUSSELL 2000 ETF", "210.00"),
    (51529211, "GLD", "ARCA", "GLD", "SPDR GOLD SHARES", "230.00"),
    (15547841, "TLT", "NASDAQ", "NMS", "ISHARES 20+ YEAR TREASURY BD", "95.00"),
)

_PAIRS: Final = (
    (12087792, "EUR", "USD", "1.10000", "0.00005"),
    (12087797, "GBP", "USD", "1.27000", "0.00005"),
    (15016059, "USD", "JPY", "150.000", "0.005"),
    (12087807, "USD", "CHF", "0.88000", "0.00005"),
    (12087817, "EUR", "GBP", "0.86000", "0.00005"),
    (14321016, "EUR", "JPY", "165.000", "0.005"),
    (12087802, "EUR", "CHF", "0.97000", "0.00005"),
    (14433401, "AUD", "USD", "0.66000", "0.00005"),
    (15016062, "USD", "CAD", "1.36000", "0.00005"),
)

_FUTURES: Final = (
    # symbol, exchange, multiplier, tick, price, name
    ("ES", "CME", 50, "0.25", "5500.00", "E-mini S&P 500"),
    ("NQ", "CME", 20, "0.25", "19500.00", "E-mini NASDAQ 100"),
    ("YM", "CBOT", 5, "1", "40000", "Mini-Dow ($5)"),
    ("RTY", "CME", 50, "0.10", "2200.0", "Russell 2000"),
)

_MONTH_LETTERS: Final = "FGHJKMNQUVXZ"
_QUARTERS: Final = (3, 6, 9, 12)


def default_catalogue(today: date) -> Catalogue:
    """Return the default instruments; dated contracts are those alive on that day."""
    return Catalogue(
        [
            *_stocks(),
            *_funds(),
            *_pairs(),
            *_indices(),
            *_crypto(),
            *_futures(today),
            *_options(today),
        ]
    )


def _stocks() -> Iterator[Instrument]:
    for con_id, symbol, primary, trading_class, name, industry, price in _STOCKS:
        yield _stock(
            con_id,
            symbol,
            price=price,
            primary=primary,
            trading_class=trading_class,
            name=name,
            industry=industry,
            kind="COMMON",
        )
    # the same company under the same symbol in London and New York: a description that names
    # neither exchange nor currency fits both
    yield _stock(
        76961214,
        "VOD",
        price="9.00",
        primary="NASDAQ",
        trading_class="NMS",
        name="VODAFONE GROUP PLC-SP ADR",
        industry="Communications",
        kind="ADR",
    )
    yield Instrument(
        con_id=151745331,
        symbol="VOD",
        sec_type="STK",
        currency="GBP",
        exchanges=("SMART", "LSE"),
        primary_exchange="LSE",
        local_symbol="VOD",
        trading_class="SETS",
        long_name="VODAFONE GROUP PLC",
        market_name="SETS",
        industry="Communications",
        stock_type="COMMON",
        time_zone="GB-Eire",
        hours="0800-1630",
        min_tick=_CENT,
        market_rule=_STOCK_RULE,
        price=Decimal("70.00"),
        spread=Decimal("0.02"),
        lot=Decimal(500),
    )


def _stock(
    con_id: int,
    symbol: str,
    *,
    price: str,
    primary: str,
    trading_class: str,
    name: str,
    industry: str,
    kind: str,
) -> Instrument:
    return Instrument(
        con_id=con_id,
        symbol=symbol,
        sec_type="STK",
        currency="USD",
        exchanges=_US,
        primary_exchange=primary,
        local_symbol=symbol,
        trading_class=trading_class,
        long_name=name,
        market_name=trading_class,
        industry=industry,
        stock_type=kind,
        min_tick=_CENT,
        market_rule=_STOCK_RULE,
        price=Decimal(price),
        spread=Decimal("0.02"),
        lot=Decimal(300),
    )


def _funds() -> Iterator[Instrument]:
    for con_id, symbol, primary, trading_class, name, price in _FUNDS:
        yield _stock(
            con_id,
            symbol,
            price=price,
            primary=primary,
            trading_class=trading_class,
            name=name,
            industry="",
            kind="ETF",
        )


def _pairs() -> Iterator[Instrument]:
    for con_id, base, quote, price, tick in _PAIRS:
        yield Instrument(
            con_id=con_id,
            symbol=base,
            sec_type="CASH",
            currency=quote,
            exchanges=("IDEALPRO",),
            local_symbol=f"{base}.{quote}",
            trading_class=f"{base}.{quote}",
            long_name=f"{base}.{quote}",
            market_name=f"{base}.{quote}",
            hours="1715-1700",
            min_tick=Decimal(tick),
            market_rule=_HALF_PIP_RULE,
            price=Decimal(price),
            volatility=0.08,
            spread=Decimal(tick) * 2,
            lot=Decimal(1_000_000),
        )


def _indices() -> Iterator[Instrument]:
    for con_id, symbol, exchange, name, price in (
        (416904, "SPX", "CBOE", "S&P 500 Stock Index", "5480.00"),
        (416843, "NDX", "NASDAQ", "NASDAQ 100 Stock Index", "19450.00"),
        (13455763, "VIX", "CBOE", "CBOE Volatility Index", "16.00"),
    ):
        yield Instrument(
            con_id=con_id,
            symbol=symbol,
            sec_type="IND",
            currency="USD",
            exchanges=(exchange,),
            local_symbol=symbol,
            trading_class=symbol,
            long_name=name,
            market_name=symbol,
            min_tick=_CENT,
            market_rule=_STOCK_RULE,
            price=Decimal(price),
            volatility=0.15,
            spread=_CENT,
        )


def _crypto() -> Iterator[Instrument]:
    for con_id, symbol, price in ((479624278, "BTC", "60000"), (495759171, "ETH", "3000")):
        yield Instrument(
            con_id=con_id,
            symbol=symbol,
            sec_type="CRYPTO",
            currency="USD",
            exchanges=("PAXOS",),
            local_symbol=f"{symbol}.USD",
            trading_class=symbol,
            long_name=f"{symbol} cryptocurrency",
            market_name=symbol,
            hours="0000-2359",
            min_tick=Decimal("0.25"),
            market_rule=2508,
            min_size=Decimal("0.00000001"),
            price=Decimal(price),
            volatility=0.6,
            spread=Decimal("5.00"),
            lot=Decimal(1),
        )


def _futures(today: date) -> Iterator[Instrument]:
    for row, (symbol, exchange, multiplier, tick, price, name) in enumerate(_FUTURES):
        for number, expiry in enumerate(_quarterly(today, 4)):
            letter, year = _MONTH_LETTERS[expiry.month - 1], expiry.year % 10
            yield Instrument(
                con_id=9_000_000 + row * 100 + expiry.year % 10 * 12 + expiry.month,
                symbol=symbol,
                sec_type="FUT",
                currency="USD",
                exchanges=(exchange,),
                expiry=f"{expiry:%Y%m%d}",
                last_trade=f"{expiry:%Y%m%d}",
                multiplier=multiplier,
                local_symbol=f"{symbol}{letter}{year}",
                trading_class=symbol,
                long_name=name,
                market_name=symbol,
                time_zone="US/Central",
                hours="1700-1600",
                min_tick=Decimal(tick),
                market_rule=67,
                under_symbol=symbol,
                # each later contract costs a little more, as interest has it
                price=Decimal(price) * (100 + number) / 100,
                volatility=0.16,
                spread=Decimal(tick),
                lot=Decimal(40),
            )


def _options(today: date) -> Iterator[Instrument]:
    underlying = Decimal(190)
    for month, expiry in enumerate(_quarterly(today, 2)):
        for step, strike in enumerate(range(170, 215, 5)):
            for side, right in enumerate(("C", "P")):
                gap = underlying - strike if right == "C" else strike - underlying
                worth = max(gap, Decimal(0)) + Decimal("4.50") + month
                yield Instrument(
                    con_id=9_100_000 + month * 1000 + step * 10 + side,
                    symbol="AAPL",
                    sec_type="OPT",
                    currency="USD",
                    exchanges=("SMART", "CBOE", "ISE"),
                    expiry=f"{expiry:%Y%m%d}",
                    last_trade=f"{expiry:%Y%m%d}",
                    strike=Decimal(strike),
                    right=right,
                    multiplier=100,
                    local_symbol=f"AAPL  {expiry:%y%m%d}{right}{strike * 1000:08d}",
                    trading_class="AAPL",
                    long_name="APPLE INC",
                    market_name="AAPL",
                    min_tick=_CENT,
                    market_rule=_STOCK_RULE,
                    under_con_id=265598,
                    under_symbol="AAPL",
                    price=worth,
                    volatility=0.8,
                    spread=Decimal("0.10"),
                    lot=Decimal(20),
                )


def _quarterly(today: date, count: int) -> Iterator[date]:
    """Yield third Fridays of March, June, September and December that are not past."""
    year, found = today.year, 0
    while found < count:
        for month in _QUARTERS:
            first = date(year, month, 1)
            friday = first + timedelta(days=(4 - first.weekday()) % 7 + 14)
            if friday >= today and found < count:
                found += 1
                yield friday
        year += 1
