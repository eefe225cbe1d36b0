"""
Exchanges behind SMART: their letters, the groups that a BBO code names, and who shows depth.

Letters are the participant codes of the consolidated tapes: CTA and UTP for stocks, OPRA for
options (public plan documents). Codes of groups are made up but for the one of US stocks, which is
on many recordings of TWS.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Final, NamedTuple

from ibkr_connector.simulator.exchange.instruments import Instrument

__all__ = ["COMPONENTS", "DEPTH", "Component", "DepthExchange", "bbo_code", "letters"]


class Component(NamedTuple):
    """One exchange of a group: its bit in masks, its name, and its letter in texts."""

    bit: int
    exchange: str
    letter: str


class DepthExchange(NamedTuple):
    """One exchange that shows depth; deep ones show market makers, the others their own total."""

    exchange: str
    sec_type: str
    listing: str
    service: str
    aggregate_group: int | None


def _group(*pairs: str) -> tuple[Component, ...]:
    rows = (pair.split(":") for pair in pairs)
    return tuple(Component(bit, name, letter) for bit, (name, letter) in enumerate(rows))


COMPONENTS: Final[Mapping[str, tuple[Component, ...]]] = MappingProxyType(
    {
        "9c0001": _group(
            "AMEX:A",
            "BEX:B",
            "NYSENAT:C",
            "EDGEA:J",
            "DRCTEDGE:K",
            "LTSE:L",
            "CHX:M",
            "NYSE:N",
            "ARCA:P",
            "ISLAND:Q",
            "MEMX:U",
            "IEX:V",
            "PSX:X",
            "BYX:Y",
            "BATS:Z",
            "PEARL:H",
            "NASDAQ:T",
            "EDGX:E",
        ),
        "a60001": _group(
            "AMEX:A",
            "BOX:B",
            "CBOE:C",
            "EMERALD:D",
            "EDGX:E",
            "GEMINI:H",
            "ISE:I",
            "MERCURY:J",
            "MIAX:M",
            "PSE:N",
            "PEARL:P",
            "NASDAQOM:Q",
            "NASDAQBX:T",
            "MEMX:U",
            "CBOE2:W",
            "PHLX:X",
            "BATS:Z",
        ),
        "b70001": _group("LSE:L", "CHIXUK:C", "BATEUK:B", "TRQXUK:T", "AQXUK:A"),
        "c20001": _group(
            "IBIS:D",
            "FWB:F",
            "AEB:A",
            "SBF:P",
            "EBS:S",
            "BVME:M",
            "BM:E",
            "CHIXEU:C",
            "BATEEU:B",
            "TRQXEU:T",
            "AQXEU:Q",
            "ENEXT.BE:X",
            "VSE:V",
            "SFB:H",
            "CPH:K",
            "HEX:I",
            "OSE:O",
        ),
        "d10001": _group("TSE:T", "CHIXCA:C", "OMEGA:O", "ALPHA:A", "PURE:P", "VENTURE:V"),
    }
)
"""Groups by the code that tick request parameters carry."""

DEPTH: Final = (
    # ibapi: reqMktDepthExchanges; aggregation groups as in contract details
    DepthExchange("ISLAND", "STK", "ISLAND", "Deep2", 1),
    DepthExchange("ARCA", "STK", "ARCA", "Deep", 1),
    DepthExchange("NYSE", "STK", "NYSE", "Deep", 1),
    DepthExchange("BATS", "STK", "BATS", "Deep", 1),
    DepthExchange("IEX", "STK", "IEX", "Deep", 1),
    DepthExchange("DRCTEDGE", "STK", "DRCTEDGE", "Deep", 1),
    DepthExchange("BEX", "STK", "BEX", "Deep2", 1),
    DepthExchange("LSE", "STK", "LSE", "Deep", None),
    DepthExchange("IBIS", "STK", "IBIS", "Deep", None),
    DepthExchange("IDEALPRO", "CASH", "IDEALPRO", "Deep", 4),
    DepthExchange("CME", "FUT", "CME", "Deep", None),
    DepthExchange("CBOT", "FUT", "CBOT", "Deep", None),
    DepthExchange("NYMEX", "FUT", "NYMEX", "Deep", None),
    DepthExchange("COMEX", "FUT", "COMEX", "Deep", None),
    DepthExchange("EUREX", "FUT", "EUREX", "Deep", None),
    DepthExchange("CME", "FOP", "CME", "Deep", None),
    DepthExchange("CBOE", "OPT", "CBOE", "Deep", 2),
    DepthExchange("PAXOS", "CRYPTO", "PAXOS", "Deep", None),
)

_BY_CURRENCY: Final = MappingProxyType(
    {"USD": "9c0001", "GBP": "b70001", "CAD": "d10001", "EUR": "c20001", "CHF": "c20001"}
)
_KNOWN: Final = MappingProxyType(
    {
        code: MappingProxyType({one.exchange: one.letter for one in group})
        for code, group in COMPONENTS.items()
    }
)


def bbo_code(instrument: Instrument) -> str:
    """Return the code of the group that quotes an instrument; empty when SMART does not route."""
    if "SMART" not in instrument.exchanges:
        return ""
    if instrument.sec_type in {"OPT", "WAR"}:
        return "a60001"
    return _BY_CURRENCY.get(instrument.currency, "9c0001")


def letters(instrument: Instrument, price: Decimal | None) -> str:
    """
    Return the letters of the exchanges that stand at a price; of the last trade, one letter.

    Which ones follows from the price alone, so that the same market is the same text.
    """
    found = _letters_at(bbo_code(instrument), instrument.exchanges)
    if price is None:
        return found[0]
    step = int(price / instrument.min_tick)
    first, count = step % len(found), 1 + step % 3
    return _chosen(found, first, count)


@cache
def _letters_at(code: str, exchanges: tuple[str, ...]) -> tuple[str, ...]:
    known: Mapping[str, str] = _KNOWN.get(code, MappingProxyType({}))
    return tuple(known[name] for name in exchanges if name in known) or ("Q",)


@cache
def _chosen(found: tuple[str, ...], first: int, count: int) -> str:
    return "".join(sorted({found[(first + n) % len(found)] for n in range(count)}))
