"""Bars of futures in the database: written over, so that fetching twice changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select

from ibkr_connector.instruments.records import upsert
from ibkr_connector.model.futures import FetchedFuture
from ibkr_connector.storage.schema import future_bars

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
    future_bars.create(connection, checkfirst=True)
    counts = []
    for one in fetched:
        mine = (
            (future_bars.c.con_id == one.contract.con_id)
            & (future_bars.c.bar_size == bar_size)
            & (future_bars.c.what_to_show == what_to_show)
        )
        count = select(func.count()).select_from(future_bars).where(mine)
        before = connection.execute(count).scalar_one()
        rows = [
            {
                "con_id": one.contract.con_id,
                "bar_size": bar_size,
                "what_to_show": what_to_show,
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
            upsert(connection, future_bars, rows[at : at + _TOGETHER])
        counts.append(connection.execute(count).scalar_one() - before)
    return counts
