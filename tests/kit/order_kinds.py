"""Every kind of order that stories place: how it is bought, and how it is sold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["CALL", "KINDS"]

Terms = Mapping[str, Any]

CALL: Final = "AAPL 20260320 C 100"
"""An option that can be bought, sold and exercised."""

_HOUR_OR_TRADE: Final = [
    {"kind": "time", "after": "2026-03-04T20:30:00+00:00", "joined": "or"},
    {"kind": "execution", "symbol": "AAPL"},
]

_KINDS: Final[list[tuple[str, str, Terms, Terms]]] = [
    ("market", "MKT", {}, {}),
    ("rests", "LMT", {"limit_price": "90.00"}, {"limit_price": "112.00"}),
    ("waits", "LMT", {"limit_price": "99.00"}, {"limit_price": "102.00"}),
    ("crosses", "LMT", {"limit_price": "112.00"}, {"limit_price": "90.00"}),
    (
        "ioc",
        "LMT",
        {"limit_price": "101.00", "time_in_force": "IOC"},
        {"limit_price": "100.00", "time_in_force": "IOC"},
    ),
    (
        "fok",
        "LMT",
        {"limit_price": "101.00", "time_in_force": "FOK"},
        {"limit_price": "100.00", "time_in_force": "FOK"},
    ),
    ("stop", "STP", {"stop_price": "103.00"}, {"stop_price": "98.00"}),
    (
        "stop limit",
        "STP LMT",
        {"stop_price": "103.00", "limit_price": "104.00"},
        {"stop_price": "98.00", "limit_price": "97.00"},
    ),
    ("trail", "TRAIL", {"trail_amount": "2.00"}, {"trail_amount": "2.00"}),
    ("trail percent", "TRAIL", {"trail_percent": "3"}, {"trail_percent": "3"}),
    (
        "trail limit",
        "TRAIL LIMIT",
        {"trail_amount": "2.00", "limit_offset": "0.50", "stop_price": "103.00"},
        {"trail_amount": "2.00", "limit_offset": "0.50", "stop_price": "98.00"},
    ),
    ("close", "MOC", {}, {}),
    ("limit on close", "LOC", {"limit_price": "105.00"}, {"limit_price": "95.00"}),
    ("touched", "MIT", {"stop_price": "98.00"}, {"stop_price": "103.00"}),
    (
        "limit touched",
        "LIT",
        {"stop_price": "98.00", "limit_price": "99.00"},
        {"stop_price": "103.00", "limit_price": "102.00"},
    ),
    (
        "relative",
        "REL",
        {"offset": "0.05", "limit_price": "104.00"},
        {"offset": "0.05", "limit_price": "97.00"},
    ),
    ("midprice", "MIDPRICE", {"limit_price": "104.00"}, {"limit_price": "97.00"}),
    (
        "group cancels",
        "LMT",
        {"limit_price": "99.00", "oca_group": "g1", "oca_type": 1},
        {"limit_price": "102.00", "oca_group": "g1", "oca_type": 1},
    ),
    (
        "group reduces",
        "LMT",
        {"limit_price": "99.00", "oca_group": "g3", "oca_type": 3},
        {"limit_price": "102.00", "oca_group": "g3", "oca_type": 3},
    ),
    (
        "on condition",
        "LMT",
        {
            "limit_price": "112.00",
            "conditions": [{"kind": "price", "contract": "AAPL", "above": "102.50"}],
        },
        {
            "limit_price": "90.00",
            "conditions": [{"kind": "price", "contract": "AAPL", "below": "98.50"}],
        },
    ),
    (
        "group reduces one at a time",
        "LMT",
        {"limit_price": "99.00", "oca_group": "g2", "oca_type": 2},
        {"limit_price": "102.00", "oca_group": "g2", "oca_type": 2},
    ),
    (
        "until a date",
        "LMT",
        {
            "limit_price": "99.00",
            "time_in_force": "GTD",
            "good_till": "2026-12-18T21:00:00+00:00",
        },
        {
            "limit_price": "102.00",
            "time_in_force": "GTD",
            "good_till": "2026-12-18T21:00:00+00:00",
        },
    ),
    (
        "at the opening",
        "LMT",
        {"limit_price": "105.00", "time_in_force": "OPG"},
        {"limit_price": "95.00", "time_in_force": "OPG"},
    ),
    (
        "iceberg",
        "LMT",
        {"limit_price": "100.00", "display_size": 1},
        {"limit_price": "101.00", "display_size": 1},
    ),
    (
        "all or none",
        "LMT",
        {"limit_price": "101.00", "all_or_none": True},
        {"limit_price": "100.00", "all_or_none": True},
    ),
    (
        "adaptive",
        "LMT",
        {"limit_price": "101.00", "adaptive": "Normal"},
        {"limit_price": "100.00", "adaptive": "Normal"},
    ),
    (
        "cash",
        "MKT",
        {"symbol": "EUR.USD", "cash_quantity": "900"},
        {"symbol": "EUR.USD", "cash_quantity": "900"},
    ),
    (
        "cash rests",
        "LMT",
        {"symbol": "EUR.USD", "cash_quantity": "900", "limit_price": "1.09000"},
        {"symbol": "EUR.USD", "cash_quantity": "900", "limit_price": "1.11000"},
    ),
    ("call", "MKT", {"symbol": CALL}, {"symbol": CALL}),
    ("pair", "MKT", {"symbol": "4*AAPL - MSFT"}, {"symbol": "4*AAPL - MSFT"}),
    (
        "pair rests",
        "LMT",
        {"symbol": "4*AAPL - MSFT", "limit_price": "-60.00"},
        {"symbol": "4*AAPL - MSFT", "limit_price": "60.00"},
    ),
    (
        "pegged to market",
        "PEG MKT",
        {"offset": "0.05", "limit_price": "104.00"},
        {"offset": "0.05", "limit_price": "97.00"},
    ),
    (
        "pegged to the middle",
        "PEG MID",
        {"offset": "0.00", "limit_price": "104.00"},
        {"offset": "0.00", "limit_price": "97.00"},
    ),
    (
        "until cancelled",
        "LMT",
        {"limit_price": "99.00", "time_in_force": "GTC"},
        {"limit_price": "102.00", "time_in_force": "GTC"},
    ),
    (
        "at any hour",
        "LMT",
        {"limit_price": "101.00", "outside_regular_hours": True, "time_in_force": "GTC"},
        {"limit_price": "100.00", "outside_regular_hours": True, "time_in_force": "GTC"},
    ),
    (
        "at least",
        "LMT",
        {"limit_price": "101.00", "minimum_quantity": 1},
        {"limit_price": "100.00", "minimum_quantity": 1},
    ),
    (
        "hidden",
        "LMT",
        {"limit_price": "99.00", "hidden": True},
        {"limit_price": "102.00", "hidden": True},
    ),
    (
        "over time",
        "LMT",
        {"limit_price": "112.00", "algo": {"kind": "twap"}},
        {"limit_price": "90.00", "algo": {"kind": "twap"}},
    ),
    (
        "by volume",
        "MKT",
        {"algo": {"kind": "vwap", "max_volume": "0.1"}},
        {"algo": {"kind": "vwap", "max_volume": "0.1"}},
    ),
    (
        "after an hour or a trade",
        "LMT",
        {"limit_price": "112.00", "conditions": _HOUR_OR_TRADE},
        {"limit_price": "90.00", "conditions": _HOUR_OR_TRADE},
    ),
    (
        "until a margin",
        "LMT",
        {
            "limit_price": "99.00",
            "conditions": [{"kind": "margin", "below": "5"}],
            "conditions_cancel": True,
        },
        {
            "limit_price": "102.00",
            "conditions": [{"kind": "margin", "below": "5"}],
            "conditions_cancel": True,
        },
    ),
    (
        "by its legs",
        "LMT",
        {
            "symbol": "AAPL - MSFT",
            "leg_prices": ["104.00", "396.00"],
            "non_guaranteed": True,
        },
        {
            "symbol": "AAPL - MSFT",
            "leg_prices": ["97.00", "405.00"],
            "non_guaranteed": True,
        },
    ),
    (
        "later",
        "LMT",
        {"limit_price": "112.00", "good_after": "2026-03-04T20:30:00+00:00"},
        {"limit_price": "90.00", "good_after": "2026-03-04T20:30:00+00:00"},
    ),
]

KINDS: Final[Mapping[str, tuple[Terms, Terms]]] = {
    name: ({"order_type": kind, **buy}, {"order_type": kind, **sell})
    for name, kind, buy, sell in _KINDS
}
"""Every kind of order: how it is bought, and how it is sold, in a market around 100."""
