"""Single trades, quotes and midpoints of the past, so many before or after a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Final, TypeVar

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.tape import QuoteTick, Tape, TradeTick
from ibkr_connector.simulator.wire.replies import (
    HistoricalTick,
    HistoricalTickBidAsk,
    HistoricalTickLast,
    HistoricalTicks,
    HistoricalTicksBidAsk,
    HistoricalTicksLast,
)

__all__ = ["UNREPORTED", "PastTicks", "after", "before", "past_ticks"]

UNREPORTED: Final = 2
"""The bit of a trade that does not count for the last price (ibapi: TickAttribLast)."""

PastTicks = HistoricalTicks | HistoricalTicksBidAsk | HistoricalTicksLast
"""One answer with ticks of the past."""

Row = TypeVar("Row", TradeTick, QuoteTick)
Read = Callable[[datetime, datetime], Iterator[Row]]

_FIRST_STEP: Final = timedelta(seconds=30)
_LONGEST: Final = timedelta(days=7)


def before(read: Read[Row], until: datetime, count: int) -> list[Row]:
    """
    Return the last so many ticks before a moment, oldest first, and no more than a week of them.

    Ticks of the first second come whole, so that there can be more than were asked for (IB campus).
    """
    step = _FIRST_STEP
    start = until - step
    found: list[Row] = list(read(start, until))
    while len(found) < count and until - start < _LONGEST:
        step *= 4
        earlier = max(start - step, until - _LONGEST)
        found = list(read(earlier, start)) + found  # mypy sees the one type
        start = earlier
    if len(found) <= count:
        return found
    second = found[-count].at.replace(microsecond=0)
    first = next(n for n, row in enumerate(found) if row.at >= second)
    return found[first:]


def after(read: Read[Row], start: datetime, *, until: datetime, count: int) -> list[Row]:
    """Return the first so many ticks from a moment on; those of the last second come whole."""
    rows = read(start, min(until, start + _LONGEST))
    found = list(islice(rows, count))
    if len(found) == count:
        second = found[-1].at.replace(microsecond=0)
        for row in rows:
            if row.at.replace(microsecond=0) != second:
                break
            found.append(row)
    return found


def past_ticks(
    tape: Tape,
    instrument: Instrument,
    kind: str,
    *,
    request_id: int,
    count: int,
    start: datetime | None = None,
    end: datetime,
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
        start: From here on; `None` for those right before `end`.
        end: Nothing from here on.
        ignores_size: Leave out changes of sizes alone.
    """

    def trades(begin: datetime, until: datetime) -> Iterator[TradeTick]:
        return tape.trades(instrument, begin, until)

    def quotes(begin: datetime, until: datetime) -> Iterator[QuoteTick]:
        return _quotes(tape, instrument, begin, until=until, by_price=ignores_size)

    if kind == "TRADES":
        traded = (
            before(trades, end, count)
            if start is None
            else after(trades, start, until=end, count=count)
        )
        return HistoricalTicksLast(
            request_id=request_id, ticks=tuple(_trade(row) for row in traded), done=True
        )
    quoted = (
        before(quotes, end, count)
        if start is None
        else after(quotes, start, until=end, count=count)
    )
    if kind == "MIDPOINT":
        return HistoricalTicks(request_id=request_id, ticks=tuple(_middles(quoted)), done=True)
    return HistoricalTicksBidAsk(
        request_id=request_id, ticks=tuple(_quote(row) for row in quoted), done=True
    )


def _quotes(
    tape: Tape, instrument: Instrument, start: datetime, *, until: datetime, by_price: bool
) -> Iterator[QuoteTick]:
    last: tuple[Decimal | None, Decimal | None] | None = None
    for row in tape.quotes(instrument, start, until):
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


def _middles(rows: Sequence[QuoteTick]) -> Iterator[HistoricalTick]:
    last: Decimal | None = None
    for row in rows:
        if row.bid is None or row.ask is None:
            continue
        middle = (row.bid + row.ask) / 2
        if middle != last:
            last = middle
            yield HistoricalTick(time=int(row.at.timestamp()), price=middle)
