"""What can be scanned for: instruments, places, scan codes and filters, and the XML of them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final
from xml.etree import ElementTree

from ibkr_connector.simulator.exchange.instruments import Instrument

from .draws import seeded

__all__ = [
    "FILTERS",
    "INSTRUMENTS",
    "PLACES",
    "SCANS",
    "ScanType",
    "Standing",
    "parameters_xml",
]

INSTRUMENTS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    # code: name, security type
    {
        "STK": ("US Stocks", "STK"),
        "ETF.EQ.US": ("US Equity ETFs", "ETF"),
        "STOCK.EU": ("Europe Stocks", "STK"),
        "STOCK.NA": ("America Non-US Stocks", "STK"),
        "STOCK.HK": ("Asia Stocks", "STK"),
        "FUT.US": ("US Futures", "FUT"),
        "FUT.EU": ("Europe Futures", "FUT"),
        "IND.US": ("US Indexes", "IND"),
        "BOND": ("Corporate Bonds", "BOND"),
    }
)

PLACES: Final[Mapping[str, tuple[str, frozenset[str], frozenset[str]]]] = MappingProxyType(
    # code: name, currencies, primary exchanges; nothing means any
    {
        "STK.US": ("US Stocks", frozenset({"USD"}), frozenset()),
        "STK.US.MAJOR": (
            "Listed/NASDAQ",
            frozenset({"USD"}),
            frozenset({"NYSE", "NASDAQ", "AMEX", "ARCA", "BATS"}),
        ),
        "STK.US.MINOR": ("OTC Markets", frozenset({"USD"}), frozenset({"PINK"})),
        "STK.NYSE": ("NYSE", frozenset({"USD"}), frozenset({"NYSE"})),
        "STK.NASDAQ": ("NASDAQ", frozenset({"USD"}), frozenset({"NASDAQ"})),
        "STK.AMEX": ("AMEX", frozenset({"USD"}), frozenset({"AMEX"})),
        "STK.ARCA": ("ARCA", frozenset({"USD"}), frozenset({"ARCA"})),
        "ETF.EQ.US": ("US ETFs", frozenset({"USD"}), frozenset()),
        "ETF.EQ.US.MAJOR": ("US ETFs", frozenset({"USD"}), frozenset()),
        "STK.EU": ("Europe", frozenset({"EUR", "GBP", "CHF"}), frozenset()),
        "STK.EU.LSE": ("London", frozenset({"GBP"}), frozenset({"LSE"})),
        "STK.EU.IBIS": ("Germany", frozenset({"EUR"}), frozenset({"IBIS", "IBIS2"})),
        "STK.NA": ("Canada", frozenset({"CAD"}), frozenset()),
        "STK.HK": ("Asia", frozenset({"HKD", "JPY", "AUD"}), frozenset()),
        "FUT.US": ("US Futures", frozenset({"USD"}), frozenset()),
        "FUT.EU": ("Europe Futures", frozenset({"EUR", "GBP", "CHF"}), frozenset()),
        "IND.US": ("US Indexes", frozenset({"USD"}), frozenset()),
        "BOND.US": ("US Bonds", frozenset({"USD"}), frozenset()),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a scan knows of a contract: its last price, the close, the open, and its volume."""

    instrument: Instrument
    price: Decimal
    close: Decimal
    open: Decimal
    volume: Decimal


Rank = Callable[[Standing], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanType:
    """One scan: its name, and what ranks contracts, the highest first."""

    name: str
    rank: Rank


def _gain(one: Standing) -> float:
    return float(one.price / one.close) - 1


def _since_open(one: Standing) -> float:
    return float(one.price / one.open) - 1


def _volume(one: Standing) -> float:
    return float(one.volume)


def _turnover(one: Standing) -> float:
    return float(one.volume * one.price)


def _made_up(name: str) -> Rank:
    return lambda one: seeded(one.instrument.con_id, name)


def _down(rank: Rank) -> Rank:
    return lambda one: -rank(one)


SCANS: Final[Mapping[str, ScanType]] = MappingProxyType(
    {
        "TOP_PERC_GAIN": ScanType(name="Top % Gainers", rank=_gain),
        "TOP_PERC_LOSE": ScanType(name="Top % Losers", rank=_down(_gain)),
        "TOP_OPEN_PERC_GAIN": ScanType(name="Top % Gainers Since Open", rank=_since_open),
        "TOP_OPEN_PERC_LOSE": ScanType(name="Top % Losers Since Open", rank=_down(_since_open)),
        "MOST_ACTIVE": ScanType(name="Most Active", rank=_volume),
        "MOST_ACTIVE_USD": ScanType(name="Most Active ($)", rank=_turnover),
        "NOT_OPEN": ScanType(name="Not Open", rank=_made_up("not open")),
        "HOT_BY_VOLUME": ScanType(name="Hot Contracts by Volume", rank=_volume),
        "HOT_BY_PRICE": ScanType(name="Hot Contracts by Price", rank=_gain),
        "TOP_TRADE_COUNT": ScanType(name="Top Trade Count", rank=_volume),
        "TOP_TRADE_RATE": ScanType(name="Top Trade Rate", rank=_volume),
        "TOP_VOLUME_RATE": ScanType(name="Top Volume Rate", rank=_volume),
        "TOP_PRICE_RANGE": ScanType(name="Top Price Range", rank=_made_up("range")),
        "HOT_BY_PRICE_RANGE": ScanType(name="Hot by Price Range", rank=_made_up("hot range")),
        "HIGH_OPT_IMP_VOLAT": ScanType(name="Highest Option Imp Vol", rank=_made_up("iv")),
        "LOW_OPT_IMP_VOLAT": ScanType(name="Lowest Option Imp Vol", rank=_down(_made_up("iv"))),
        "TOP_OPT_IMP_VOLAT_GAIN": ScanType(
            name="Top Option Imp Vol % Gainers", rank=_made_up("iv gain")
        ),
        "TOP_OPT_IMP_VOLAT_LOSE": ScanType(
            name="Top Option Imp Vol % Losers", rank=_down(_made_up("iv gain"))
        ),
        "HIGH_OPT_VOLUME_PUT_CALL_RATIO": ScanType(
            name="High Put/Call Volume Ratio", rank=_made_up("put call")
        ),
        "OPT_VOLUME_MOST_ACTIVE": ScanType(
            name="Most Active by Option Volume", rank=_made_up("option volume")
        ),
        "OPT_OPEN_INTEREST_MOST_ACTIVE": ScanType(
            name="Most Active by Option Open Interest", rank=_made_up("open interest")
        ),
        "HIGH_DIVIDEND_YIELD_IB": ScanType(name="High Dividend Yield", rank=_made_up("yield")),
        "HIGH_VS_52W_HL": ScanType(name="High vs 52 Week", rank=_made_up("52 high")),
        "LOW_VS_52W_HL": ScanType(name="Low vs 52 Week", rank=_down(_made_up("52 high"))),
        "HIGH_SYNTH_BID_REV_NAT_YIELD": ScanType(
            name="High Synthetic Bid Yield", rank=_made_up("synthetic")
        ),
        "HIGH_BOND_ASK_YIELD_ALL": ScanType(name="High Ask Yield", rank=_made_up("bond yield")),
    }
)

FILTERS: Final[Mapping[str, tuple[str, bool]]] = MappingProxyType(
    # code: name, whether it is a lower limit; names of ib_async's fields and of filter options
    {
        "abovePrice": ("price", True),
        "priceAbove": ("price", True),
        "belowPrice": ("price", False),
        "priceBelow": ("price", False),
        "aboveVolume": ("volume", True),
        "volumeAbove": ("volume", True),
        "usdPriceAbove": ("price", True),
        "usdPriceBelow": ("price", False),
        "usdVolumeAbove": ("turnover", True),
        "changePercAbove": ("change", True),
        "changePercBelow": ("change", False),
        "marketCapAbove": ("cap", True),
        "marketCapAbove1e6": ("cap", True),
        "marketCapBelow": ("cap", False),
        "marketCapBelow1e6": ("cap", False),
        "averageOptionVolumeAbove": ("options", True),
        "avgVolumeAbove": ("volume", True),
    }
)


def parameters_xml() -> str:
    """Write everything above, with the elements that TWS uses."""
    root = ElementTree.Element("ScanParameterResponse")
    instruments = _under(root, "InstrumentList", varName="instrumentList")
    for code, (name, sec_type) in INSTRUMENTS.items():
        _rows(
            _under(instruments, "Instrument"),
            name=name,
            type=code,
            secType=sec_type,
            filters=",".join(_codes()),
            group=f"{code}.GLOBAL",
            shortName=name,
        )
    tree = _under(root, "LocationTree", varName="locationTree")
    for code, (name, _, _) in PLACES.items():
        _rows(
            _under(tree, "Location"),
            displayName=name,
            locationCode=code,
            instruments=_instrument_of(code),
            routeExchange="SMART",
            delayedOnly="false",
            access="unrestricted",
        )
    scans = _under(root, "ScanTypeList", varName="scanTypeList")
    for code, scan in SCANS.items():
        _rows(
            _under(scans, "ScanType"),
            displayName=scan.name,
            scanCode=code,
            instruments=",".join(INSTRUMENTS),
            absoluteColumns="false",
            feature="",
            searchDefault="false",
            access="unrestricted",
        )
    filters = _under(root, "FilterList", varName="filterList")
    for code in _codes():
        one = _under(filters, "SimpleFilter")
        _rows(one, id=code, category="General", access="unrestricted")
        field = _under(one, "AbstractField", type="scanner.filter.DoubleField")
        _rows(
            field,
            code=code,
            codeNot="",
            displayName=FILTERS[code][0].title(),
            dontAllowClear="",
            abbrev="",
            acceptNegatives="false",
            minValue="",
            maxValue="",
        )
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, "unicode")


def _codes() -> tuple[str, ...]:
    return tuple(code for code in FILTERS if code.endswith(("Above", "Below", "1e6")))


def _instrument_of(place: str) -> str:
    for code, _ in sorted(INSTRUMENTS.items(), key=lambda item: -len(item[0])):
        if place == code or place.startswith(f"{code}."):
            return code
    return {"STK.EU": "STOCK.EU", "STK.NA": "STOCK.NA", "STK.HK": "STOCK.HK"}.get(place, "STK")


def _under(parent: ElementTree.Element, name: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, name, attributes)


def _rows(parent: ElementTree.Element, **texts: str) -> None:
    for name, text in texts.items():
        _under(parent, name).text = text
