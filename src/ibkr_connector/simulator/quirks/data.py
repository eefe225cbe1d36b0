"""Quirks of market data and history."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ibkr_connector.simulator.faults import (
    Answer,
    CompetingSession,
    DelayedTicks,
    EndOfStreams,
    Fault,
    NoPriceFirst,
    NotSubscribed,
    Warn,
    ZoneForm,
)

from .names import Quirk, QuirkRow, row

__all__ = ["ROWS"]


def _history(text: str) -> tuple[Fault, ...]:
    said = f"Historical Market Data Service error message:{text}"
    kinds = ("ReqHistoricalData", "ReqHeadTimestamp")
    return tuple(Answer(to=kind, code=162, text=said, times=1_000_000) for kind in kinds)


ROWS: Final[Mapping[Quirk, QuirkRow]] = MappingProxyType(
    {
        Quirk.HISTORY_NO_DATA: row(
            "history answers 162: no data",
            "LEAN",
            *_history("HMDS query returned no data"),
        ),
        Quirk.HISTORY_PACING: row(
            "history answers 162: pacing violation",
            "LEAN",
            *_history("Historical data request pacing violation"),
        ),
        Quirk.HISTORY_OTHER_ADDRESS: row(
            "history answers 162: connected from another address",
            "field reports",
            *_history("Trading TWS session is connected from a different IP address"),
        ),
        Quirk.HISTORY_NO_PERMISSION: row(
            "history answers 162: no permissions",
            "field reports",
            *_history("No market data permissions for NASDAQ STK"),
        ),
        Quirk.REAL_TIME_PACING_420: row(
            "real-time bars answer 420",
            "IB campus, code 420",
            Answer(
                to="ReqRealTimeBars",
                code=420,
                text="Invalid Real-time Query:Historical data request pacing violation",
                times=1_000_000,
            ),
        ),
        Quirk.MAX_TICKERS_101: row(
            "no line is left: every stream is 101",
            "IB campus, code 101",
            Answer(
                to="ReqMarketData",
                code=101,
                text="Max number of tickers has been reached",
                times=1_000_000,
            ),
        ),
        Quirk.NOT_SUBSCRIBED_354: row(
            "market data is not subscribed: 354", "IB campus", NotSubscribed(code=354)
        ),
        Quirk.NOT_SUBSCRIBED_10089: row(
            "market data needs another subscription: 10089; delayed data follows where asked for",
            "rust",
            NotSubscribed(code=10089),
        ),
        Quirk.NOT_SUBSCRIBED_10168: row(
            "market data is not subscribed, and delayed data not enabled: 10168",
            "ibi#198",
            NotSubscribed(code=10168),
        ),
        Quirk.PARTLY_SUBSCRIBED_10090: row(
            "part of the market data is not subscribed, the rest comes: 10090",
            "rust#768, rust#769",
            Warn(
                on="ReqMarketData",
                code=10090,
                text="Part of requested market data is not subscribed. "
                "Subscription-independent ticks are still active.",
                first=True,
            ),
        ),
        Quirk.DELAYED_10167: row(
            "10167, and delayed ticks with ids from 66", "rust; IB campus", DelayedTicks()
        ),
        Quirk.COMPETING_SESSION_10197: row(
            "10197 ten times under each stream's id, and no data for 30 s",
            "LEAN PR#212; measured",
            CompetingSession(),
        ),
        Quirk.NO_PRICE_FIRST: row(
            "prices begin with -1 and size 0", "IB campus, tick types", NoPriceFirst()
        ),
        Quirk.DEPTH_RESET_317: row(
            "317 under each open depth stream, which then begins anew",
            "IB campus, code 317",
            EndOfStreams(
                of="ReqMarketDepth",
                code=317,
                text="Market depth data has been RESET. "
                "Please empty deep book contents before applying any new entries.",
                again=True,
            ),
        ),
        Quirk.UPDATES_FAILED_10182: row(
            "10182 under each history that keeps up to date, which ends",
            "ibi#670, ibi#333",
            EndOfStreams(
                of="ReqHistoricalData",
                code=10182,
                text="Failed to request live updates (disconnected).",
            ),
        ),
        Quirk.BUST_EVENT_10225: row(
            "10225 under each stream of real-time bars, which ends",
            "IB campus, code 10225",
            EndOfStreams(
                of="ReqRealTimeBars",
                code=10225,
                text="Bust event occurred, current subscription is deactivated. "
                "Please resubscribe real-time bars immediately.",
            ),
        ),
        Quirk.ZONE_ABBREVIATED: row(
            "moments name their zone EST", "rust, alias registry", ZoneForm(zone="EST")
        ),
        Quirk.ZONE_IANA: row(
            "moments name their zone America/New_York",
            "rust, alias registry",
            ZoneForm(zone="America/New_York"),
        ),
        Quirk.ZONE_MISSING: row(
            "moments name no zone", "recorded frames before 174", ZoneForm(zone="")
        ),
    }
)
"""What each of them does."""
