"""Any record of the wire: strategies for every request and every reply of the protocol."""

from __future__ import annotations

import dataclasses
import typing
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from ibkr_connector.simulator.wire import replies, requests
from ibkr_connector.simulator.wire.contracts import WireContract

__all__ = ["SCAN", "any_record"]

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
INTEGER = st.integers(-(2**31), 2**31 - 2)
NUMBER = st.decimals(-(10**12), 10**12, places=4)
POSITIVE = st.decimals(1, 10**6, places=4)


def _of(hint: Any) -> st.SearchStrategy[Any]:
    if hint in _PLAIN:
        return _PLAIN[hint]
    if hint is WireContract:
        return st.builds(
            WireContract,
            con_id=INTEGER,
            sec_type=st.sampled_from(["STK", "OPT", "FUT", "CASH"]),
            symbol=TEXT,
            strike=st.none() | POSITIVE,
            right=TEXT,
            currency=TEXT,
        )
    if typing.get_origin(hint) is tuple:
        return st.lists(_of(typing.get_args(hint)[0]), max_size=3).map(tuple)
    if type(None) in typing.get_args(hint):
        (inner,) = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        return st.none() | _of(inner)
    return any_record(hint)


_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: INTEGER,
    Decimal: NUMBER,
    bool: st.booleans(),
}

SCAN = ("numberOfRows", "instrument", "scanCode", "abovePrice", "stockTypeFilter")
SPECIAL: dict[Any, dict[str, st.SearchStrategy[Any]]] = {
    requests.UnsupportedRequest: {
        "message_id": st.sampled_from([26, 106, 107, 108, 109, 300]),
        "fields": st.lists(TEXT, max_size=4).map(tuple),
        "request_id": st.just(-1),
    },
    requests.ReqScannerSubscription: {
        "texts": st.fixed_dictionaries(dict.fromkeys(SCAN, TEXT)),
    },
    requests.ReqFundamentalData: {
        "contract": st.builds(WireContract, con_id=INTEGER, symbol=TEXT, exchange=TEXT)
    },
    replies.TickByTickLast: {"tick_type": st.sampled_from([1, 2])},
    replies.TickByTickBidAsk: {"tick_type": st.just(3)},
    replies.TickByTickMidpoint: {"tick_type": st.just(4)},
    replies.ContractDetails: {
        "strike": st.none() | POSITIVE,
        "sec_type": st.sampled_from(["STK", "FUND"]),
    },
    replies.ScannerRow: {"strike": st.none() | POSITIVE},
    # what stands for "not computed" cannot be a value
    replies.TickOptionComputation: {
        name: st.none() | POSITIVE
        for name in (
            *("implied_volatility", "delta", "option_price", "pv_dividend"),
            *("gamma", "vega", "theta", "under_price"),
        )
    },
}


def any_record(record: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for one sort of request or reply."""
    hints = typing.get_type_hints(record)
    special = SPECIAL.get(record, {})
    fields = {
        f.name: special[f.name] if f.name in special else _of(hints[f.name])
        for f in dataclasses.fields(record)
        # what the layout derives from something else
        if f.name != "legs" or hints["legs"] is str
    }
    return st.builds(record, **fields)
