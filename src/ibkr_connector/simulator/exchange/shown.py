"""
What a bar shows: trades, one side of the quote, a volatility, a yield, all made of the same prices.

Each is a function of where the middle price went, so that every sort of bar agrees with the quotes
of its time and with each other.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import pstdev
from typing import Final

from .contract import Instrument
from .prices import Swing, Tape

__all__ = ["NOT_BARS", "SHOWN", "TRADED", "YIELDS", "Shown", "show"]

TRADED: Final = frozenset({"TRADES", "ADJUSTED_LAST", "AGGTRADES"})
YIELDS: Final = frozenset({"YIELD_BID", "YIELD_ASK", "YIELD_BID_ASK", "YIELD_LAST"})
NOT_BARS: Final = frozenset({"SCHEDULE"})
_RATES: Final = frozenset({"HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY", "FEE_RATE"})
SHOWN: Final = TRADED | YIELDS | _RATES | {"MIDPOINT", "BID", "ASK", "BID_ASK"} | NOT_BARS
"""All that may be asked for (IB campus)."""

_TRADING_DAYS: Final = 252
_VOLATILITY_DAYS: Final = 30
_SIX: Final = Decimal("0.000001")
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The figures of one bar."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None = None
    average: Decimal | None = None
    count: int | None = None


def show(  # noqa: PLR0917
    tape: Tape,
    instrument: Instrument,
    swing: Swing,
    what_to_show: str,
    *,
    span: tuple[datetime, datetime],
) -> Shown:
    """
    Return what a bar shows of a swing.

    Args:
        tape: Where the swing is from, for figures that look further back.
        instrument: Of what.
        swing: Where the middle price went.
        what_to_show: IB's word.
        span: From when until when the bar is.
    """
    if what_to_show in YIELDS:
        return _yields(instrument, swing, what_to_show, day=span[0].date())
    if what_to_show in _RATES:
        return _rates(tape, instrument, what_to_show, span=span)
    bids, asks = _sides(instrument, swing)
    match what_to_show:
        case "BID":
            return _four(bids)
        case "ASK":
            return _four(asks)
        case "MIDPOINT":
            return Shown(open=swing.open, high=swing.high, low=swing.low, close=swing.close)
        case "BID_ASK":
            # average bid, highest ask, lowest bid, average ask (IB campus)
            return Shown(
                open=_mean(instrument, bids),
                high=asks[1],
                low=bids[2],
                close=_mean(instrument, asks),
            )
        case _:
            lasts = [instrument.last(bid, ask) for bid, ask in zip(bids, asks, strict=True)]
            return _trades(instrument, lasts, swing)


def _sides(instrument: Instrument, swing: Swing) -> tuple[list[Decimal], list[Decimal]]:
    middles = (swing.open, swing.high, swing.low, swing.close)
    pairs = [instrument.sides(middle) for middle in middles]
    return [bid for bid, _ in pairs], [ask for _, ask in pairs]


def _four(prices: list[Decimal]) -> Shown:
    return Shown(open=prices[0], high=prices[1], low=prices[2], close=prices[3])


def _trades(instrument: Instrument, lasts: list[Decimal], swing: Swing) -> Shown:
    four = _four(lasts)
    if not instrument.is_traded or instrument.sec_type == "IND":
        return four
    return Shown(
        open=four.open,
        high=four.high,
        low=four.low,
        close=four.close,
        volume=swing.volume,
        average=_mean(instrument, lasts),
        count=swing.count,
    )


def _mean(instrument: Instrument, prices: list[Decimal]) -> Decimal:
    step = instrument.min_tick / 10
    return (sum(prices, Decimal(0)) / len(prices) / step).to_integral_value() * step


# --- yields of bonds ----------------------------------------------------------------------------


def _yields(instrument: Instrument, swing: Swing, what_to_show: str, *, day: date) -> Shown:
    bids, asks = _sides(instrument, swing)
    if instrument.bond is None:
        zero = Decimal(0)
        return Shown(open=zero, high=zero, low=zero, close=zero)
    # a dearer bond yields less, so that high and low change places
    bid = [instrument.bond.yield_at(price, day) for price in bids]
    ask = [instrument.bond.yield_at(price, day) for price in asks]
    bid[1], bid[2] = bid[2], bid[1]
    ask[1], ask[2] = ask[2], ask[1]
    match what_to_show:
        case "YIELD_BID":
            return _four(bid)
        case "YIELD_ASK":
            return _four(ask)
        case "YIELD_BID_ASK":
            average_bid, average_ask = (sum(side, Decimal(0)) / 4 for side in (bid, ask))
            return Shown(
                open=average_bid.quantize(_SIX),
                high=bid[1],
                low=ask[2],
                close=average_ask.quantize(_SIX),
            )
        case _:
            middle = [(one + two) / 2 for one, two in zip(bid, ask, strict=True)]
            return _four([value.quantize(_SIX) for value in middle])


# --- volatilities and fees ----------------------------------------------------------------------


def _rates(
    tape: Tape, instrument: Instrument, what_to_show: str, *, span: tuple[datetime, datetime]
) -> Shown:
    """Return a figure that has one value a day and goes straight from one to the next."""
    opens, closes = (_at(tape, instrument, what_to_show, moment=moment) for moment in span)
    return Shown(open=opens, high=max(opens, closes), low=min(opens, closes), close=closes)


def _at(tape: Tape, instrument: Instrument, what_to_show: str, *, moment: datetime) -> Decimal:
    utc = moment.astimezone(UTC)
    day = utc.date()
    part = (utc - datetime(day.year, day.month, day.day, tzinfo=UTC)) / timedelta(days=1)
    today = _of_day(tape, instrument, what_to_show, day=day)
    tomorrow = (
        _of_day(tape, instrument, what_to_show, day=day + timedelta(days=1)) if part else today
    )
    return Decimal(repr(round(today + (tomorrow - today) * part, 6)))


def _of_day(tape: Tape, instrument: Instrument, what_to_show: str, *, day: date) -> float:
    match what_to_show:
        case "HISTORICAL_VOLATILITY":
            return _realized(tape, instrument, day)
        case "OPTION_IMPLIED_VOLATILITY":
            # about the instrument's own, higher and lower by the week (assumed)
            return instrument.volatility * (1.02 + 0.12 * _drawn(instrument, "implied", day))
        case _:
            # most stocks are easy to borrow, a few are not (assumed)
            least = 0.25 if _drawn(instrument, "hard", date.min) < 0.9 else 12.0
            return least * (1 + 0.2 * _drawn(instrument, "fee", day))


def _realized(tape: Tape, instrument: Instrument, day: date) -> float:
    """Return the yearly volatility of the last thirty days' closes."""
    closes: list[float] = []
    while len(closes) <= _VOLATILITY_DAYS:
        day -= timedelta(days=1)
        if day.weekday() < _SATURDAY:
            price = tape.price(instrument, datetime(day.year, day.month, day.day, 21, tzinfo=UTC))
            if price is None:
                break
            closes.append(math.log(float(price)))
    moves = [one - two for one, two in pairwise(closes)]
    return pstdev(moves) * math.sqrt(_TRADING_DAYS) if len(moves) > 1 else 0.0


def _drawn(instrument: Instrument, name: str, day: date) -> float:
    """Return a number from -1 to 1 that changes from week to week, without steps."""
    number, part = divmod(day.toordinal() / 7, 1)
    one, two = (_knot(instrument, name, int(number) + n) for n in (0, 1))
    return one + (two - one) * part


def _knot(instrument: Instrument, name: str, number: int) -> float:
    text = f"{instrument.con_id}/{name}/{number}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=2).digest(), "big") / 32_768 - 1
