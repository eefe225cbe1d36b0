"""
Exchanges by their MIC, the code that everybody but IB knows them by (ISO 10383).

IB has names of its own, sometimes several for one exchange; the first one of a row is what a MIC
reads as. Exchanges that are not here are known to IB alone, as far as this table knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ibkr_connector.model.contracts import Contract

__all__ = ["Venue", "exchange_of", "mic_of", "venue_of"]

_SMART: Final = "SMART"

_ROWS: Final = """
XNYS NYSE USD
XNAS NASDAQ,ISLAND USD
ARCX ARCA USD
XASE AMEX USD
BATS BATS USD
BATY BYX USD
EDGA EDGEA USD
IEXG IEX USD
MEMX MEMX USD
XCHI CHX USD
XBOS BEX USD
XPSX PSX USD
XCIS NYSENAT USD
LTSE LTSE USD
XCBO CBOE USD
XISX ISE USD
XPHL PHLX USD
XBOX BOX USD
XCBF CFE USD
XCME CME USD
XCBT CBOT USD
XNYM NYMEX USD
XCEC COMEX USD
XTSE TSE CAD
XTSX VENTURE CAD
XMEX MEXI MXN
XLON LSE,LSEETF GBP
XETR IBIS,IBIS2 EUR
XFRA FWB,FWB2 EUR
XEUR EUREX EUR
XPAR SBF EUR
XAMS AEB EUR
XBRU ENEXT.BE EUR
XLIS BVL EUR
XMIL BVME EUR
XMAD BM EUR
XWBO VSE EUR
XHEL HEX EUR
XSWX EBS CHF
XSTO SFB SEK
XCSE CPH DKK
XOSL OSE NOK
XWAR WSE PLN
XTKS TSEJ JPY
XOSE OSE.JPN JPY
XHKG SEHK HKD
XHKF HKFE HKD
XASX ASX AUD
XSFE SNFE AUD
XSES SGX SGD
XNSE NSE INR
XKRX KSE KRW
XTAI TWSE TWD
XTAE TASE ILS
XJSE JSE ZAR
"""


@dataclass(frozen=True, slots=True)
class Venue:
    """An exchange: its MIC, IB's name for it, and the currency in which most of it trades."""

    mic: str
    exchange: str
    currency: str


def _read() -> tuple[dict[str, Venue], dict[str, str]]:
    venues, mics = {}, {}
    for line in _ROWS.split("\n"):
        if line:
            mic, names, currency = line.split()
            exchanges = names.split(",")
            venues[mic] = Venue(mic, exchanges[0], currency)
            mics.update(dict.fromkeys(exchanges, mic))
    return venues, mics


_tables: Final = _read()
_VENUES: Final[Mapping[str, Venue]] = MappingProxyType(_tables[0])
_MICS: Final[Mapping[str, str]] = MappingProxyType(_tables[1])


def venue_of(mic: str) -> Venue | None:
    """Return the exchange of a MIC; `None` when it is not in the table."""
    return _VENUES.get(mic.upper())


def exchange_of(mic: str) -> str | None:
    """Return IB's name of the exchange of a MIC; `None` when it is not in the table."""
    venue = venue_of(mic)
    return None if venue is None else venue.exchange


def mic_of(where: Contract | str) -> str | None:
    """
    Return the MIC of an exchange, or of that on which a contract is listed.

    `None` where the table does not have it, and of what is routed by SMART when nobody has said
    where it is listed: a qualified contract does.
    """
    if isinstance(where, str):
        return _MICS.get(where.upper())
    place = where.primary_exchange or where.exchange
    return None if place == _SMART else _MICS.get(place)
