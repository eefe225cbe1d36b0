"""
The stocks and funds that are listed by name.

Symbols, names, exchanges and ISINs are public; con ids from 9,400,000 to 9,499,999, and ISINs that
begin with ZZ, are made up, other con ids are meant to be IB's. Prices are where the seeded market
begins, not what anything costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Final

from .contract import Instrument
from .isin import made_up_isin

__all__ = ["abroad", "funds", "stocks"]

_US: Final = ("SMART", "ISLAND", "ARCA", "NYSE", "BATS", "IEX")
_STOCK_RULE: Final = 26
_CENT: Final = Decimal("0.01")
_FIRST_MADE_UP: Final = 9_400_000

_STOCKS: Final = (
    # con id, symbol, primary exchange, trading class, name, industry, price, ISIN
    (265598, "AAPL", "NASDAQ", "NMS", "APPLE INC", "Technology", "190.00", "US0378331005"),
    (272093, "MSFT", "NASDAQ", "NMS", "MICROSOFT CORP", "Technology", "410.00", "US5949181045"),
    (4815747, "NVDA", "NASDAQ", "NMS", "NVIDIA CORP", "Technology", "120.00", "US67066G1040"),
    (
        208813719,
        "GOOGL",
        "NASDAQ",
        "NMS",
        "ALPHABET INC-CL A",
        "Communications",
        "165.00",
        "US02079K3059",
    ),
    (
        3691937,
        "AMZN",
        "NASDAQ",
        "NMS",
        "AMAZON.COM INC",
        "Communications",
        "185.00",
        "US0231351067",
    ),
    (
        107113386,
        "META",
        "NASDAQ",
        "NMS",
        "META PLATFORMS INC",
        "Communications",
        "500.00",
        "US30303M1027",
    ),
    (
        76792991,
        "TSLA",
        "NASDAQ",
        "NMS",
        "TESLA INC",
        "Consumer, Cyclical",
        "250.00",
        "US88160R1014",
    ),
    (270639, "INTC", "NASDAQ", "NMS", "INTEL CORP", "Technology", "22.00", "US4581401001"),
    (
        4391,
        "AMD",
        "NASDAQ",
        "NMS",
        "ADVANCED MICRO DEVICES",
        "Technology",
        "150.00",
        "US0079031078",
    ),
    (
        8314,
        "IBM",
        "NYSE",
        "IBM",
        "INTL BUSINESS MACHINES CORP",
        "Technology",
        "210.00",
        "US4592001014",
    ),
    (1520593, "JPM", "NYSE", "JPM", "JPMORGAN CHASE & CO", "Financial", "215.00", "US46625H1005"),
    (
        8719,
        "JNJ",
        "NYSE",
        "JNJ",
        "JOHNSON & JOHNSON",
        "Consumer, Non-cyclical",
        "160.00",
        "US4781601046",
    ),
    (
        8894,
        "KO",
        "NYSE",
        "KO",
        "COCA-COLA CO/THE",
        "Consumer, Non-cyclical",
        "65.00",
        "US1912161007",
    ),
    (13977, "XOM", "NYSE", "XOM", "EXXON MOBIL CORP", "Energy", "115.00", "US30231G1022"),
    (11017, "PFE", "NYSE", "PFE", "PFIZER INC", "Consumer, Non-cyclical", "29.00", "US7170811035"),
    (
        72063691,
        "BRK B",
        "NYSE",
        "BRK B",
        "BERKSHIRE HATHAWAY INC-CL B",
        "Financial",
        "450.00",
        "US0846707026",
    ),
)

_MORE: Final = """
GOOG NASDAQ Communications 166.00 ALPHABET INC-CL C
AVGO NASDAQ Technology 170.00 BROADCOM INC
NFLX NASDAQ Communications 650.00 NETFLIX INC
COST NASDAQ Consumer,~Cyclical 850.00 COSTCO WHOLESALE CORP
ADBE NASDAQ Technology 500.00 ADOBE INC
CSCO NASDAQ Communications 50.00 CISCO SYSTEMS INC
QCOM NASDAQ Technology 170.00 QUALCOMM INC
TXN NASDAQ Technology 200.00 TEXAS INSTRUMENTS INC
AMGN NASDAQ Consumer,~Non-cyclical 320.00 AMGEN INC
SBUX NASDAQ Consumer,~Cyclical 90.00 STARBUCKS CORP
PEP NASDAQ Consumer,~Non-cyclical 170.00 PEPSICO INC
MU NASDAQ Technology 100.00 MICRON TECHNOLOGY INC
AMAT NASDAQ Technology 190.00 APPLIED MATERIALS INC
GILD NASDAQ Consumer,~Non-cyclical 75.00 GILEAD SCIENCES INC
PYPL NASDAQ Consumer,~Non-cyclical 70.00 PAYPAL HOLDINGS INC
V NYSE Financial 280.00 VISA INC-CLASS A SHARES
MA NYSE Financial 480.00 MASTERCARD INC - A
BAC NYSE Financial 40.00 BANK OF AMERICA CORP
WFC NYSE Financial 58.00 WELLS FARGO & CO
C NYSE Financial 62.00 CITIGROUP INC
GS NYSE Financial 490.00 GOLDMAN SACHS GROUP INC
MS NYSE Financial 100.00 MORGAN STANLEY
WMT NYSE Consumer,~Cyclical 75.00 WALMART INC
HD NYSE Consumer,~Cyclical 370.00 HOME DEPOT INC
PG NYSE Consumer,~Non-cyclical 170.00 PROCTER & GAMBLE CO/THE
UNH NYSE Consumer,~Non-cyclical 560.00 UNITEDHEALTH GROUP INC
MRK NYSE Consumer,~Non-cyclical 115.00 MERCK & CO. INC.
ABBV NYSE Consumer,~Non-cyclical 190.00 ABBVIE INC
LLY NYSE Consumer,~Non-cyclical 880.00 ELI LILLY & CO
CVX NYSE Energy 150.00 CHEVRON CORP
COP NYSE Energy 110.00 CONOCOPHILLIPS
BA NYSE Industrial 170.00 BOEING CO/THE
CAT NYSE Industrial 350.00 CATERPILLAR INC
GE NYSE Industrial 175.00 GENERAL ELECTRIC
HON NASDAQ Industrial 205.00 HONEYWELL INTERNATIONAL INC
UPS NYSE Industrial 130.00 UNITED PARCEL SERVICE-CL B
MMM NYSE Industrial 130.00 3M CO
DIS NYSE Communications 92.00 WALT DISNEY CO/THE
T NYSE Communications 20.00 AT&T INC
VZ NYSE Communications 42.00 VERIZON COMMUNICATIONS INC
F NYSE Consumer,~Cyclical 11.00 FORD MOTOR CO
GM NYSE Consumer,~Cyclical 47.00 GENERAL MOTORS CO
NKE NYSE Consumer,~Cyclical 80.00 NIKE INC -CL B
MCD NYSE Consumer,~Cyclical 290.00 MCDONALD'S CORP
ORCL NYSE Technology 140.00 ORACLE CORP
CRM NYSE Technology 260.00 SALESFORCE INC
UBER NYSE Technology 72.00 UBER TECHNOLOGIES INC
PLTR NASDAQ Technology 35.00 PALANTIR TECHNOLOGIES INC-A
"""

_FUNDS: Final = (
    (756733, "SPY", "ARCA", "SPY", "SS SPDR S&P 500 ETF TRUST-US", "545.00", "US78462F1030", "SPX"),
    (
        320227571,
        "QQQ",
        "NASDAQ",
        "NMS",
        "INVESCO QQQ TRUST SERIES 1",
        "470.00",
        "US46090E1038",
        "NDX",
    ),
    (9579970, "IWM", "ARCA", "IWM", "ISHARES RUSSELL 2000 ETF", "210.00", "US4642876555", "RUT"),
    (51529211, "GLD", "ARCA", "GLD", "SPDR GOLD SHARES", "230.00", "US78463V1070", "XAUUSD"),
    (15547841, "TLT", "NASDAQ", "NMS", "ISHARES 20+ YEAR TREASURY BD", "95.00", "US4642874329", ""),
    (9_490_001, "DIA", "ARCA", "DIA", "SPDR DJIA TRUST", "400.00", "US78467X1090", "INDU"),
    (9_490_002, "SLV", "ARCA", "SLV", "ISHARES SILVER TRUST", "26.00", "US46428Q1094", "XAGUSD"),
    (9_490_003, "VOO", "ARCA", "VOO", "VANGUARD S&P 500 ETF", "502.00", "US9229083632", "SPX"),
)

_ABROAD: Final = (
    # con id, symbol, exchange, currency, class, name, price, zone, hours, rule, tick, group
    (151745331, "VOD", "LSE", "GBP", "SETS", "VODAFONE GROUP PLC", "70.00"),
    (9_480_001, "BP.", "LSE", "GBP", "SET0", "BP PLC", "430.00"),
    (9_480_002, "AZN", "LSE", "GBP", "SET0", "ASTRAZENECA PLC", "11000"),
    (9_480_003, "RIO", "LSE", "GBP", "SET0", "RIO TINTO PLC", "5000"),
    (9_480_010, "SAP", "IBIS", "EUR", "XETRA", "SAP SE", "200.00"),
    (9_480_011, "SIE", "IBIS", "EUR", "XETRA", "SIEMENS AG-REG", "175.00"),
    (9_480_012, "BMW", "IBIS", "EUR", "XETRA", "BAYERISCHE MOTOREN WERKE AG", "80.00"),
    (9_480_020, "ASML", "AEB", "EUR", "AEB", "ASML HOLDING NV", "800.00"),
    (9_480_021, "AIR", "SBF", "EUR", "SBF", "AIRBUS SE", "140.00"),
    (9_480_030, "RY", "TSE", "CAD", "RY", "ROYAL BANK OF CANADA", "160.00"),
    (9_480_031, "SHOP", "TSE", "CAD", "SHOP", "SHOPIFY INC - CLASS A", "110.00"),
    (9_480_040, "7203", "TSEJ", "JPY", "TSEJ", "TOYOTA MOTOR CORP", "2600"),
    (9_480_041, "6758", "TSEJ", "JPY", "TSEJ", "SONY GROUP CORP", "2800"),
)

_RECEIPTS: Final = (
    (76961214, "VOD", "NASDAQ", "NMS", "VODAFONE GROUP PLC-SP ADR", "9.00", "US92857W3088"),
    (9_470_001, "AZN", "NASDAQ", "NMS", "ASTRAZENECA PLC-SPONS ADR", "75.00", "US0463531089"),
    (9_470_002, "SAP", "NYSE", "SAP", "SAP SE-SPONSORED ADR", "218.00", "US8030542042"),
    (9_470_003, "ASML", "NASDAQ", "NMS", "ASML HOLDING NV-NY REG SHS", "880.00", "USN070592100"),
    (9_470_004, "RIO", "NYSE", "RIO", "RIO TINTO PLC-SPON ADR", "64.00", "US7672041008"),
    (9_470_005, "RY", "NYSE", "RY", "ROYAL BANK OF CANADA", "118.00", "CA7800871021"),
)

_PLACES: Final = {
    # exchange: time zone, hours, market rule, smallest step, magnifier, group
    "LSE": ("GB-Eire", "0800-1630", 9020, "0.01", 100, "eu"),
    "IBIS": ("MET", "0900-1730", 9020, "0.01", 1, "eu"),
    "AEB": ("MET", "0900-1730", 9020, "0.01", 1, "eu"),
    "SBF": ("MET", "0900-1730", 9020, "0.01", 1, "eu"),
    "TSE": ("US/Eastern", "0930-1600", 26, "0.01", 1, "us"),
    "TSEJ": ("Japan", "0900-1530", 9022, "1", 1, "jp"),
}

_IN_POUNDS: Final = frozenset({"VOD"})
"""London's prices are in pence; this one has been listed here in pounds from the beginning."""


@lru_cache(maxsize=1)
def stocks() -> tuple[Instrument, ...]:
    """Return the stocks of the United States, receipts of foreign ones among them."""
    found = [
        _stock(con_id, symbol, price, home=(home, name), about=(long_name, industry), isin=isin)
        for con_id, symbol, home, name, long_name, industry, price, isin in _STOCKS
    ]
    for number, line in enumerate(_MORE.strip().splitlines()):
        symbol, home, industry, price, long_name = line.split(" ", 4)
        about = long_name, industry.replace("~", " ")
        name = "NMS" if home == "NASDAQ" else symbol
        found.append(_stock(_FIRST_MADE_UP + number, symbol, price, home=(home, name), about=about))
    found.extend(
        _stock(
            con_id, symbol, price, home=(home, name), about=(long_name, ""), kind="ADR", isin=isin
        )
        for con_id, symbol, home, name, long_name, price, isin in _RECEIPTS
    )
    return tuple(found)


@lru_cache(maxsize=1)
def abroad() -> tuple[Instrument, ...]:
    """Return stocks of other countries; some symbols are those of others in New York."""
    return tuple(
        _foreign(con_id, symbol, price, home=(home, name), currency=currency, long_name=long_name)
        for con_id, symbol, home, currency, name, long_name, price in _ABROAD
    )


def funds(indices: dict[str, Instrument]) -> Iterator[Instrument]:
    """Yield exchange traded funds, which follow an index or a metal."""
    for con_id, symbol, home, name, long_name, price, isin, index in _FUNDS:
        follows = (indices[index],) if index else ()
        yield _stock(
            con_id,
            symbol,
            price,
            home=(home, name),
            about=(long_name, ""),
            kind="ETF",
            isin=isin,
            follows=follows,
        )


def _stock(
    con_id: int,
    symbol: str,
    price: str,
    *,
    home: tuple[str, str],
    about: tuple[str, str],
    kind: str = "COMMON",
    isin: str = "",
    follows: tuple[Instrument, ...] = (),
) -> Instrument:
    return Instrument(
        con_id=con_id,
        symbol=symbol,
        sec_type="STK",
        currency="USD",
        exchanges=_US,
        primary_exchange=home[0],
        local_symbol=symbol,
        trading_class=home[1],
        long_name=about[0],
        market_name=home[1],
        industry=about[1],
        stock_type=kind,
        min_tick=_CENT,
        market_rule=_STOCK_RULE,
        sec_ids=_numbers(isin or made_up_isin(con_id)),
        price=Decimal(price),
        spread=Decimal("0.02"),
        lot=Decimal(300),
        follows=follows,
        volatility=follows[0].volatility if follows else 0.25,
        group="us",
        loading=0.65,
    )


def _foreign(
    con_id: int,
    symbol: str,
    price: str,
    *,
    home: tuple[str, str],
    currency: str,
    long_name: str,
) -> Instrument:
    zone, hours, rule, tick, magnifier, group = _PLACES[home[0]]
    if symbol in _IN_POUNDS:
        rule, magnifier = 26, 1
    return Instrument(
        con_id=con_id,
        symbol=symbol,
        sec_type="STK",
        currency=currency,
        exchanges=("SMART", home[0]),
        primary_exchange=home[0],
        local_symbol=symbol,
        trading_class=home[1],
        long_name=long_name,
        market_name=home[1],
        stock_type="COMMON",
        time_zone=zone,
        hours=hours,
        min_tick=Decimal(tick),
        market_rule=rule,
        sec_ids=_numbers(made_up_isin(con_id)),
        price_magnifier=magnifier,
        price=Decimal(price),
        spread=Decimal(tick) * 2,
        lot=Decimal(500),
        group=group,
    )


def _numbers(isin: str) -> tuple[tuple[str, str], ...]:
    # a CUSIP is what an American ISIN is made of
    cusip = (("CUSIP", isin[2:11]),) if isin.startswith("US") else ()
    return ("ISIN", isin), *cusip
