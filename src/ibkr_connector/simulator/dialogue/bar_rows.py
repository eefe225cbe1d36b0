"""Bars as the wire has them: what is not there as -1, and dates as their client wants them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ibkr_connector.simulator.exchange.history import HistoricalBar, is_dated
from ibkr_connector.simulator.wire.replies import Bar

from .history_rules import Asked
from .times import write_bar_time, zone_of

if TYPE_CHECKING:
    from .session import ClientSession

__all__ = ["NOTHING", "wire_bar"]

NOTHING: Final = Decimal(-1)
"""Volume and average of what has no trades (recorded frames)."""


def wire_bar(session: ClientSession, bar: HistoricalBar, asked: Asked) -> Bar:
    """Write a bar with its date as its client wants it."""
    return Bar(
        date=write_bar_time(
            bar.start,
            day=bar.day or bar.start.date() if is_dated(asked.bar_size) else None,
            form=asked.format_date,
            version=session.version,
            zone=zone_of(session, asked.instrument),
        ),
        open=bar.open,
        high=bar.high,
        low=bar.low,
        close=bar.close,
        volume=bar.volume if bar.volume is not None else NOTHING,
        wap=bar.average if bar.average is not None else NOTHING,
        count=bar.count if bar.count is not None else -1,
    )
