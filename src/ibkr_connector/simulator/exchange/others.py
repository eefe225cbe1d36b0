"""
Bonds, mutual funds, warrants and CFDs, a few of each.

The bonds, the funds and the warrants are made up, issuers and numbers too: they are called after
the simulator. A CFD costs what its underlying costs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from .bonds import BondTerms
from .contract import Instrument

__all__ = ["bonds", "cfds", "mutual_funds", "warrants"]

_CENT: Final = Decimal("0.01")

_BONDS: Final = (
    # con id, symbol, CUSIP, coupon, issued, matures, price, kind, ratings
    (
        9_300_001,
        "SIM-T",
        "SIM0000A5",
        "4.25",
        (2024, 11, 15),
        (2034, 11, 15),
        "99.500",
        "US TREASURY",
        "",
    ),
    (
        9_300_002,
        "SIM-T",
        "SIM0000B3",
        "3.875",
        (2023, 8, 15),
        (2033, 8, 15),
        "97.250",
        "US TREASURY",
        "",
    ),
    (
        9_300_003,
        "SIM-T",
        "SIM0000C1",
        "0",
        (2026, 2, 12),
        (2027, 2, 11),
        "99.000",
        "US TREASURY BILL",
        "",
    ),
    (
        9_300_004,
        "SIMCO",
        "SIM0000D9",
        "5.125",
        (2022, 3, 1),
        (2032, 3, 1),
        "101.750",
        "CORPORATE",
        "A2/A",
    ),
    (
        9_300_005,
        "SIMCO",
        "SIM0000E7",
        "6.3125",
        (2021, 5, 31),
        (2041, 5, 31),
        "104.000",
        "CORPORATE",
        "A2/A",
    ),
)

_CFDS: Final = (
    # con id, symbol, what it follows, name
    (9_310_001, "AAPL", "AAPL", "APPLE INC"),
    (9_310_002, "MSFT", "MSFT", "MICROSOFT CORP"),
    (9_310_003, "IBUS500", "SPX", "IB US 500"),
    (9_310_004, "IBUST100", "NDX", "IB US Tech 100"),
    (9_310_005, "IBDE40", "DAX", "IB Germany 40"),
    (9_310_006, "EUR", "EUR.USD", "EUR.USD"),
    (9_310_007, "XAUUSD", "XAUUSD", "London Gold"),
)


def bonds() -> Iterator[Instrument]:
    """Yield bonds, with coupons of all sorts."""
    for con_id, symbol, cusip, coupon, issued, matures, price, kind, ratings in _BONDS:
        terms = BondTerms(
            cusip=cusip,
            coupon=Decimal(coupon),
            issued=date(*issued),
            matures=date(*matures),
            bond_type=kind,
            coupon_type="FIXED" if coupon != "0" else "ZERO",
            ratings=ratings,
            description=f"{symbol} {coupon} {date(*matures):%m/%d/%y}",
            is_callable=kind == "CORPORATE",
            next_call=date(2030, 3, 1) if kind == "CORPORATE" else None,
        )
        yield Instrument(
            con_id=con_id,
            symbol=symbol,
            sec_type="BOND",
            currency="USD",
            exchanges=("SMART", "EDGX" if kind == "CORPORATE" else "TRADEWEBG"),
            last_trade=f"{terms.matures:%Y%m%d}",
            local_symbol=terms.description,
            trading_class=symbol,
            long_name=f"SIMULATED ISSUER {symbol}",
            market_name=symbol,
            min_tick=Decimal("0.001"),
            market_rule=9014,
            sec_ids=(("CUSIP", cusip),),
            bond=terms,
            price=Decimal(price),
            volatility=0.05,
            spread=Decimal("0.125"),
            lot=Decimal(100),
            group="rates",
            loading=0.9,
            trades=200,
        )


def mutual_funds() -> Iterator[Instrument]:
    """Yield funds that are bought at their net asset value."""
    for number, (symbol, name, price) in enumerate(
        (("SIMGX", "SIMULATED GROWTH FUND", "42.10"), ("SIMBX", "SIMULATED BOND FUND", "10.35"))
    ):
        yield Instrument(
            con_id=9_320_001 + number,
            symbol=symbol,
            sec_type="FUND",
            currency="USD",
            exchanges=("FUNDSERV",),
            local_symbol=symbol,
            trading_class=symbol,
            long_name=name,
            market_name=symbol,
            min_tick=_CENT,
            market_rule=26,
            min_size=Decimal("0.001"),
            price=Decimal(price),
            volatility=0.12,
            spread=_CENT,
            group="us",
            loading=0.8,
            trades=20,
        )


def warrants(apple: Instrument) -> Iterator[Instrument]:
    """Yield warrants on a stock."""
    for number, (right, strike, year) in enumerate((("C", 200, 2028), ("P", 180, 2028))):
        yield Instrument(
            con_id=9_330_001 + number,
            symbol="AAPL",
            sec_type="WAR",
            currency="EUR",
            exchanges=("FWB",),
            expiry=f"{year}0616",
            last_trade=f"{year}0616",
            strike=Decimal(strike),
            right=right,
            multiplier=1,
            local_symbol=f"SIMW{number + 1}",
            trading_class="SIMW",
            long_name=f"SIMULATED WARRANT {right} {strike}",
            market_name="SIMW",
            time_zone="MET",
            hours="0900-1730",
            min_tick=_CENT,
            market_rule=26,
            under_con_id=apple.con_id,
            under_symbol=apple.symbol,
            under_sec_type="STK",
            price=Decimal(30),
            volatility=apple.volatility,
            spread=_CENT * 2,
            lot=Decimal(1_000),
            follows=(apple,),
        )


def cfds(others: Mapping[str, Instrument]) -> Iterator[Instrument]:
    """Yield contracts for difference; market data of most is their underlying's."""
    for con_id, symbol, name, long_name in _CFDS:
        other = others[name]
        yield Instrument(
            con_id=con_id,
            symbol=symbol,
            sec_type="CFD",
            currency=other.currency,
            exchanges=("SMART",),
            local_symbol=f"{name}n" if other.sec_type == "STK" else name,
            trading_class=symbol,
            long_name=long_name,
            market_name=symbol,
            time_zone=other.time_zone,
            hours=other.hours,
            family="forex" if other.sec_type in {"CASH", "CMDTY"} else "",
            min_tick=other.min_tick,
            market_rule=other.market_rule,
            under_con_id=other.con_id,
            under_symbol=other.symbol,
            under_sec_type=other.sec_type,
            price=other.price,
            volatility=other.volatility,
            spread=other.spread * 2,
            lot=other.lot,
            follows=(other,),
        )
