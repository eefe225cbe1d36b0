"""Bars of futures in the database: written over, so that fetching twice changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ibkr_connector.model.futures import FetchedFuture
from ibkr_connector.storage.statements import Connection, upsert
from ibkr_connector.storage.tables import FUTURE_BARS

__all__ = ["store_bars"]

_TOGETHER = 500


def store_bars(
    connection: Connection,
    fetched: Sequence[FetchedFuture],
    *,
    bar_size: str,
    what_to_show: str,
    now: datetime,
) -> list[int]:
    """Write bars, over those that are there; return how many of each future were not."""
    connection.make(FUTURE_BARS)
    counts = []
    for one in fetched:
        mine = {
            "con_id": one.contract.con_id,
            "bar_size": bar_size,
            "what_to_show": what_to_show,
        }
        before = _count(connection, **mine)
        rows = [
            {
                **mine,
                "start": bar.timestamp,
                "symbol": one.symbol,
                "contract_month": one.contract.expiry[:6],
                "open": bar.open,
                "high": bar.high,
                "low": bar.low,
                "close": bar.close,
                "volume": bar.volume,
                "stored_at": now,
            }
            for bar in one.bars
        ]
        for at in range(0, len(rows), _TOGETHER):
            upsert(connection, FUTURE_BARS, rows[at : at + _TOGETHER])
        counts.append(_count(connection, **mine) - before)
    return counts


def _count(connection: Connection, **mine: object) -> int:
    (found,) = connection.read(
        """
        SELECT count(*) AS bars FROM future_bars
        WHERE con_id = :con_id AND bar_size = :bar_size AND what_to_show = :what_to_show
        """,
        **mine,
    )
    return int(found["bars"])
