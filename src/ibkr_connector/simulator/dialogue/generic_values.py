"""
The values of generic ticks, each by one function of the market.

They are made up, but plausible, the same for one instrument and day, and consistent with quotes and
history where both say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.records import Quote
from ibkr_connector.simulator.wire.replies import TickGeneric, TickPrice, TickSize, TickString

from .draws import seeded
from .feed import Feed

if TYPE_CHECKING:
    from .gateway import Gateway

__all__ = [
    "Maker",
    "MarketView",
    "Rows",
    "auction",
    "average_option_volume",
    "bond_factor",
    "counted",
    "creditman",
    "dividends",
    "fund_close",
    "fund_frozen",
    "fund_last",
    "fund_range",
    "fund_sides",
    "fundamental_ratios",
    "futures_interest",
    "halted",
    "historical_volatility",
    "implied_volatility",
    "index_future_premium",
    "last_regular",
    "live_volatility",
    "mark_price",
    "nothing",
    "offering",
    "open_interest",
    "option_volume",
    "reported_volume",
    "short_volumes",
    "shortable",
    "slow_mark",
    "statistics",
    "trade_rate",
    "trade_volume",
    "volume_rate",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    """What generic ticks are made from."""

    gateway: Gateway
    feed: Feed
    instrument: Instrument
    quote: Quote
    now: datetime
    is_delayed: bool
    is_due: bool
    has_traded: bool

    def draw(self, name: str) -> float:
        """Return a number between 0 and 1 that stays for the instrument."""
        return seeded(self.instrument.con_id, name)

    def daily(self, name: str) -> float:
        """Return a number between 0 and 1 that stays for the day."""
        return seeded(self.instrument.con_id, name, self.now.date())

    @property
    def day_part(self) -> float:
        """How much of the day is over, by UTC."""
        midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        return (self.now - midnight).total_seconds() / 86_400


Value = Decimal | str | None
Rows = Iterator[tuple[type, int, Value]]
Maker = Callable[[MarketView], Rows]


def halted(view: MarketView) -> int:
    """Return whether trading is halted: 0 not, 1 in general, 2 for volatility."""
    scripted = view.feed.facts.get((view.instrument.con_id, 49))
    if scripted is not None:
        return int(scripted)
    return view.gateway.venue.halted(view.instrument, view.now)


def _number(value: float, places: int = 4) -> Decimal:
    return Decimal(repr(round(value, places)))


def _whole(value: float) -> Decimal:
    return Decimal(int(value))


def option_volume(view: MarketView) -> Rows:
    """Yield option volume."""
    for tick, side in ((29, "calls"), (30, "puts")):
        if view.instrument.sec_type == "OPT" and view.instrument.right != side[0].upper():
            continue
        yield TickSize, tick, _whole(view.daily(side) * 90_000 * view.day_part)


def open_interest(view: MarketView) -> Rows:
    """Yield open interest."""
    for tick, side in ((27, "calls held"), (28, "puts held")):
        if view.instrument.sec_type == "OPT" and view.instrument.right != side[0].upper():
            continue
        yield TickSize, tick, _whole(1_000 + view.daily(side) * 400_000)


def historical_volatility(view: MarketView) -> Rows:
    """Yield historical volatility."""
    yield TickGeneric, 23, _number(view.instrument.volatility * (0.85 + 0.3 * view.daily("hv")))


def average_option_volume(view: MarketView) -> Rows:
    """Yield average option volume."""
    yield TickSize, 87, _whole(5_000 + view.draw("average options") * 250_000)


def implied_volatility(view: MarketView) -> Rows:
    """Yield implied volatility."""
    yield TickGeneric, 24, _number(view.instrument.volatility * (0.9 + 0.3 * view.daily("iv")))


def index_future_premium(view: MarketView) -> Rows:
    """Yield index future premium."""
    yield TickGeneric, 31, _number((view.daily("premium") - 0.4) * 20, 2)


def statistics(view: MarketView) -> Rows:
    """Yield statistics."""
    yield from _ranges(view)
    yield TickSize, 21, _whole(_average_volume(view))


def _ranges(view: MarketView) -> Rows:
    begin = view.now.replace(hour=0, minute=0, second=0, microsecond=0)
    year = view.gateway.venue.bars(
        view.instrument,
        start=begin - timedelta(weeks=52),
        end=view.now,
        bar_size="1 week",
        what_to_show="TRADES",
    )
    for low_tick, high_tick, weeks in ((15, 16, 13), (17, 18, 26), (19, 20, 52)):
        found = year[-weeks:]
        if found:
            yield TickPrice, low_tick, min(bar.low for bar in found)
            yield TickPrice, high_tick, max(bar.high for bar in found)


def _average_volume(view: MarketView) -> float:
    return float(view.instrument.lot) * (20_000 + view.draw("average volume") * 200_000)


def auction(view: MarketView) -> Rows:
    """Yield auction."""
    if view.instrument.sec_type != "STK" or view.quote.last is None:
        return
    imbalance = _whole((view.daily("imbalance") - 0.5) * 200_000)
    yield TickSize, 34, _whole(view.daily("auction") * 900_000)
    yield TickPrice, 35, view.quote.last
    yield TickSize, 36, abs(imbalance)
    yield TickSize, 61, abs(imbalance)


def _mark(view: MarketView) -> Decimal | None:
    quote = view.quote
    if quote.last is not None and quote.bid is not None and quote.ask is not None:
        # the last price, held between bid and ask (IB glossary: mark price)
        return min(max(quote.last, quote.bid), quote.ask)
    if quote.bid is not None and quote.ask is not None:
        return (quote.bid + quote.ask) / 2
    return quote.last


def mark_price(view: MarketView) -> Rows:
    """Yield mark price."""
    yield TickPrice, 37, _mark(view)


def creditman(view: MarketView) -> Rows:
    """Yield creditman."""
    yield TickPrice, 78, _mark(view)


def slow_mark(view: MarketView) -> Rows:
    """Yield slow mark."""
    yield TickPrice, 79, _mark(view)


def _trade_text(view: MarketView) -> str | None:
    quote = view.quote
    if quote.last is None:
        return None
    prices = [price for price in (quote.high, quote.low, quote.last) if price is not None]
    average = sum(prices, Decimal(0)) / len(prices)
    at = int(view.now.timestamp() * 1000)
    is_single = "true" if int(quote.volume) % 2 else "false"
    return (
        f"{quote.last};{quote.last_size};{at};{quote.volume};"
        f"{round(average, 8).normalize():f};{is_single}"
    )


def trade_volume(view: MarketView) -> Rows:
    """Yield trade volume."""
    if view.has_traded:
        yield TickString, 48, _trade_text(view)


def reported_volume(view: MarketView) -> Rows:
    """Yield reported volume."""
    if view.has_traded:
        yield TickString, 77, _trade_text(view)


def shortable(view: MarketView) -> Rows:
    """Yield shortable."""
    if view.instrument.sec_type not in {"STK", "CFD", "SLB"}:
        return
    draw = view.draw("shortable")
    # above 2.5 a thousand shares are there, above 1.5 they must be located (IB campus)
    yield TickGeneric, 46, Decimal(3) if draw > 0.1 else Decimal("1.6")
    yield TickSize, 89, _whole(1_000 + draw * 20_000_000) if draw > 0.1 else Decimal(0)


def fundamental_ratios(view: MarketView) -> Rows:
    """Yield fundamental ratios."""
    if view.instrument.sec_type != "STK" or view.quote.last is None:
        return
    price = float(view.quote.last)
    earnings = price / (8 + 40 * view.draw("earnings"))
    shares = 50 + view.draw("shares") * 15_000
    ratios = {
        "TTMNPMGN": 25 * view.draw("margin"),
        "NLOW": price * 0.7,
        "TTMPRCFPS": 20 * view.draw("cash flow"),
        "TTMGROSMGN": 20 + 50 * view.draw("gross"),
        "TTMCFSHR": earnings * 1.4,
        "QCURRATIO": 0.7 + 2 * view.draw("current"),
        "TTMREV": shares * earnings * 6,
        "TTMINVTURN": 40 * view.draw("turn"),
        "TTMOPMGN": 30 * view.draw("operating"),
        "TTMPR2REV": 1 + 8 * view.draw("to sales"),
        "AEPSNORM": earnings,
        "TTMNIPEREM": 400_000 * view.draw("per head"),
        "EPSCHNGYR": 60 * (view.draw("growth") - 0.3),
        "TTMPRFCFPS": 30 * view.draw("free cash"),
        "TTMRECTURN": 15 * view.draw("receivables"),
        "TTMPTMGN": 28 * view.draw("pretax"),
        "QCSHPS": earnings * 3,
        "TTMFCF": shares * earnings,
        "LATESTADATE": float(f"{view.now.year}0630"),
        "APTMGNPCT": 26 * view.draw("pretax"),
        "QTOTD2EQ": 150 * view.draw("debt"),
        "MKTCAP": shares * price,
        "TTMROEPCT": 40 * view.draw("equity"),
        "PEEXCLXOR": price / earnings,
        "BETA": 0.4 + 1.4 * view.draw("beta"),
        "NHIG": price * 1.2,
        "YIELD": 4 * view.draw("yield"),
    }
    yield TickString, 47, ";".join(f"{name}={round(value, 5)}" for name, value in ratios.items())


def _trade_count(view: MarketView) -> float:
    return int(float(view.quote.volume) / max(float(view.instrument.lot), 1e-9))


def counted(view: MarketView) -> Rows:
    """Yield counted."""
    yield TickGeneric, 54, _whole(_trade_count(view))


def trade_rate(view: MarketView) -> Rows:
    """Yield trade rate."""
    yield TickGeneric, 55, _number(_trade_count(view) / max(view.day_part * 1_440, 1), 2)


def volume_rate(view: MarketView) -> Rows:
    """Yield volume rate."""
    yield TickGeneric, 56, _number(float(view.quote.volume) / max(view.day_part * 1_440, 1), 2)


def last_regular(view: MarketView) -> Rows:
    """Yield last regular."""
    yield TickPrice, 57, view.quote.last


def live_volatility(view: MarketView) -> Rows:
    """Yield live volatility."""
    yield TickGeneric, 58, _number(view.instrument.volatility * (0.7 + 0.6 * view.daily("live hv")))


def dividends(view: MarketView) -> Rows:
    """Yield dividends."""
    instrument = view.instrument
    if instrument.sec_type != "STK" or view.draw("pays") < 0.25:
        # who pays nothing has an empty text (recorded of TWS)
        yield TickString, 59, ",,,"
        return
    paid = round(float(instrument.price) * (0.004 + 0.03 * view.draw("dividend")), 2)
    following = round(paid * 1.05, 2)
    yield TickString, 59, f"{paid},{following},{_next_quarter(view.now.date())},{paid / 4:.4f}"


def _next_quarter(today: date) -> str:
    month = (today.month - 1) // 3 * 3 + 4
    return f"{today.year + month // 13}{(month - 1) % 12 + 1:02d}10"


def bond_factor(view: MarketView) -> Rows:
    """Yield bond factor."""
    if view.instrument.sec_type in {"BOND", "BILL"}:
        yield TickGeneric, 60, Decimal(1)


def _net_asset(view: MarketView, factor: float, price: Decimal | None) -> Decimal | None:
    if view.instrument.stock_type != "ETF" or price is None:
        return None
    return round(price * Decimal(repr(factor)), 4)


def fund_sides(view: MarketView) -> Rows:
    """Yield fund sides."""
    yield TickPrice, 94, _net_asset(view, 0.9999, view.quote.bid)
    yield TickPrice, 95, _net_asset(view, 1.0001, view.quote.ask)


def fund_last(view: MarketView) -> Rows:
    """Yield fund last."""
    yield TickPrice, 96, _net_asset(view, 1.0, view.quote.last)


def fund_close(view: MarketView) -> Rows:
    """Yield fund close."""
    yield TickPrice, 92, _net_asset(view, 1.0002, view.quote.close)
    yield TickPrice, 93, _net_asset(view, 0.9994, view.quote.close)


def fund_range(view: MarketView) -> Rows:
    """Yield fund range."""
    yield TickPrice, 98, _net_asset(view, 1.0001, view.quote.high)
    yield TickPrice, 99, _net_asset(view, 0.9999, view.quote.low)


def fund_frozen(view: MarketView) -> Rows:
    """Yield fund frozen."""
    yield TickPrice, 97, _net_asset(view, 1.0001, view.quote.close)


def offering(view: MarketView) -> Rows:
    """Yield offering."""
    # only what is being offered for the first time has these: a script says so
    yield TickPrice, 101, None
    yield TickPrice, 102, None


def futures_interest(view: MarketView) -> Rows:
    """Yield futures interest."""
    if view.instrument.sec_type == "FUT":
        yield TickSize, 86, _whole(20_000 + view.daily("futures held") * 2_000_000)


def short_volumes(view: MarketView) -> Rows:
    """Yield short volumes."""
    per_minute = float(view.quote.volume) / max(view.day_part * 1_440, 1)
    for tick, minutes in ((63, 3), (64, 5), (65, 10)):
        yield TickSize, tick, _whole(per_minute * minutes)


def nothing(view: MarketView) -> Rows:
    """News come when there are some, not with the clock."""
    yield from ()
