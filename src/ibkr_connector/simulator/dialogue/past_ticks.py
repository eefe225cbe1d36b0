"""Single trades, quotes and midpoints of the past, so many before or after a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.past import (
    historical_middles,
    historical_quotes,
    historical_trades,
)
from ibkr_connector.simulator.exchange.tape import QuoteTick, Tape, TradeTick
from ibkr_connector.simulator.wire.replies import (
    HistoricalTick,
    HistoricalTickBidAsk,
    HistoricalTickLast,
    HistoricalTicks,
    HistoricalTicksBidAsk,
    HistoricalTicksLast,
)

__all__ = ["UNREPORTED", "PastTicks", "past_ticks"]

UNREPORTED: Final = 2
"""The bit of a trade that does not count for the last price (ibapi: TickAttribLast)."""

PastTicks = HistoricalTicks | HistoricalTicksBidAsk | HistoricalTicksLast
"""One answer with ticks of the past."""


def past_ticks(
    tape: Tape,
    instrument: Instrument,
    kind: str,
    *,
    request_id: int,
    count: int,
    now: datetime,
    start: datetime | None = None,
    end: datetime | None = None,
    regular: bool = False,
    ignores_size: bool = False,
) -> PastTicks:
    """
    Return ticks of the past, of one of the kinds of `reqHistoricalTicks`.

    Args:
        tape: What happened.
        instrument: To what.
        kind: `TRADES`, `BID_ASK` or `MIDPOINT`.
        request_id: Whose answer it is.
        count: How many ticks, or some more to complete a second.
        now: Nothing from then on has happened yet.
        start: From here on; or else:
        end: Right before here.
        regular: Only those of regular hours.
        ignores_size: Leave out changes of sizes alone.
    """

    if kind == "TRADES":
        traded = historical_trades(
            tape, instrument, now=now, start=start, end=end, count=count, regular=regular
        )
        return HistoricalTicksLast(
            request_id=request_id, ticks=tuple(_trade(row) for row in traded), done=True
        )
    if kind == "MIDPOINT":
        middles = historical_middles(
            tape, instrument, now=now, start=start, end=end, count=count, regular=regular
        )
        return HistoricalTicks(
            request_id=request_id,
            ticks=tuple(
                HistoricalTick(time=int(row.at.timestamp()), price=row.price) for row in middles
            ),
            done=True,
        )
    quoted = historical_quotes(
        tape, instrument, now=now, start=start, end=end, count=count, regular=regular
    )
    return HistoricalTicksBidAsk(
        request_id=request_id,
        ticks=tuple(_quote(row) for row in _moved(quoted, by_price=ignores_size)),
        done=True,
    )


def _moved(rows: Sequence[QuoteTick], *, by_price: bool) -> Iterator[QuoteTick]:
    last: tuple[Decimal | None, Decimal | None] | None = None
    for row in rows:
        if by_price and last == (row.bid, row.ask):
            continue
        last = (row.bid, row.ask)
        yield row


def _trade(row: TradeTick) -> HistoricalTickLast:
    return HistoricalTickLast(
        time=int(row.at.timestamp()),
        mask=UNREPORTED if row.is_odd else 0,
        price=row.price,
        size=row.size,
        exchange=row.exchange,
        conditions="I" if row.is_odd else "",
    )


def _quote(row: QuoteTick) -> HistoricalTickBidAsk:
    return HistoricalTickBidAsk(
        time=int(row.at.timestamp()),
        bid=row.bid if row.bid is not None else Decimal(0),
        ask=row.ask if row.ask is not None else Decimal(0),
        bid_size=row.bid_size,
        ask_size=row.ask_size,
    )
