"""Requests about contracts, quotes, ticks and bars."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.replies import (
    ContractDetailsEnd,
    MarketDataType,
    MarketRule,
    PriceStep,
    SecDefOptParams,
    SecDefOptParamsEnd,
    SymbolSamples,
    TickReqParams,
)
from ibkr_connector.simulator.wire.replies import Expiration as ExpirationRow
from ibkr_connector.simulator.wire.replies import Strike as StrikeRow

from . import history
from .session import ClientSession, Handler
from .streams import SNAPSHOT_S, LiveBars, MarketStream, TickByTick, market_ticks
from .translate import contract_details as write_details
from .translate import query_of, symbol_sample

__all__ = ["HANDLERS", "find_one"]

_LIVE: Final = 1
_DELAYED: Final = 3
_TYPES: Final = frozenset({1, 2, 3, 4})
_NO_CONTRACT: Final = "No security definition has been found for the request"
_NOT_SUBSCRIBED: Final = "Requested market data is not subscribed."
_TICK_KINDS: Final = frozenset({"Last", "AllLast", "BidAsk", "MidPoint"})


def find_one(session: ClientSession, contract: WireContract, request_id: int) -> Instrument | None:
    """Return the one instrument that a description means; otherwise answer 200 and return none."""
    found = session.gateway.venue.catalogue.find(query_of(contract))
    if len(found) == 1:
        return found[0]
    text = (
        "The contract description specified for "
        f"{contract.symbol} is ambiguous; you must specify the primary exchange"
        if found
        else _NO_CONTRACT
    )
    session.fail(request_id, 200, text)
    return None


def contract_details(
    session: ClientSession, request: ask.ReqContractDetails, now: datetime
) -> None:
    """Send every contract that fits."""
    asked = request.contract
    found = session.gateway.venue.catalogue.find(query_of(asked))
    if not found:
        session.fail(request.request_id, 200, _NO_CONTRACT)
        return
    for instrument in found:
        session.say(
            write_details(
                instrument,
                request_id=request.request_id,
                exchange=asked.exchange or instrument.home,
                hours=_hours(instrument, now),
            )
        )
    session.say(ContractDetailsEnd(request_id=request.request_id))


def _hours(instrument: Instrument, now: datetime) -> str:
    """Write the hours of today and the next days, as `20261118:0930-20261118:1600;...:CLOSED`."""
    opens, closes = instrument.hours.split("-")
    days = []
    for day in (now.date() + timedelta(days=n) for n in range(6)):
        weekend = day.weekday() >= 5 and instrument.sec_type != "CRYPTO"
        first = day - timedelta(days=1) if opens > closes else day
        days.append(
            f"{day:%Y%m%d}:CLOSED" if weekend else f"{first:%Y%m%d}:{opens}-{day:%Y%m%d}:{closes}"
        )
    return ";".join(days)


def matching_symbols(
    session: ClientSession, request: ask.ReqMatchingSymbols, now: datetime
) -> None:
    """Send what a search finds."""
    catalogue = session.gateway.venue.catalogue
    samples = tuple(
        symbol_sample(found, catalogue.derivatives(found.symbol))
        for found in catalogue.search(request.pattern)
    )
    session.say(SymbolSamples(request_id=request.request_id, samples=samples))


def option_parameters(
    session: ClientSession, request: ask.ReqSecDefOptParams, now: datetime
) -> None:
    """Send expirations and strikes, one message per exchange."""
    options = session.gateway.venue.catalogue.options_of(request.con_id)
    for exchange in options[0].exchanges if options else ():
        session.say(
            SecDefOptParams(
                request_id=request.request_id,
                exchange=exchange,
                under_con_id=request.con_id,
                trading_class=options[0].trading_class,
                multiplier=str(options[0].size),
                expirations=tuple(
                    ExpirationRow(date=date) for date in sorted({one.expiry for one in options})
                ),
                strikes=tuple(
                    StrikeRow(strike=strike)
                    for strike in sorted({one.strike for one in options if one.strike})
                ),
            )
        )
    session.say(SecDefOptParamsEnd(request_id=request.request_id))


def market_rule(session: ClientSession, request: ask.ReqMarketRule, now: datetime) -> None:
    """Send the price steps of a rule; *limit*: every listed rule has one step from zero on."""
    for con_id in session.gateway.venue.catalogue.ids():
        instrument = session.gateway.venue.instrument(con_id)
        if instrument.market_rule == request.rule_id:
            step = PriceStep(low_edge=Decimal(0), increment=instrument.min_tick)
            session.say(MarketRule(rule_id=request.rule_id, steps=(step,)))
            return
    session.fail(-1, 322, "Error processing request.-'bY' : cause - Unknown market rule")


def market_data_type(session: ClientSession, request: ask.ReqMarketDataType, now: datetime) -> None:
    """Remember what later requests get."""
    if request.data_type in _TYPES:
        session.streams.data_type = request.data_type


def market_data(session: ClientSession, request: ask.ReqMarketData, now: datetime) -> None:
    """Begin a stream, or take a snapshot."""
    streams = session.streams
    if request.request_id in streams.market or request.request_id in streams.snapshots:
        session.fail(request.request_id, 102, "Duplicate ticker ID.")
        return
    if request.snapshot and request.generic_ticks:
        session.fail(
            request.request_id,
            414,
            "Snapshot market data subscription is not applicable to generic ticks",
        )
        return
    instrument = find_one(session, request.contract, request.request_id)
    if instrument is None:
        return
    gateway = session.gateway
    if not request.snapshot and gateway.lines_used >= gateway.permissions.data_lines:
        session.fail(request.request_id, 101, "Max number of tickers has been reached")
        return
    is_delayed = not gateway.permissions.live_data
    if is_delayed and streams.data_type < _DELAYED:
        session.fail(
            request.request_id,
            354,
            f"{_NOT_SUBSCRIBED} Check API status by selecting the Account menu then under "
            "Management choose Market Data Subscription Manager and/or availability of delayed "
            f"data.Delayed market data is available.{instrument.local_symbol}",
        )
        return
    _begin(session, request, instrument, now=now, is_delayed=is_delayed)


def _begin(
    session: ClientSession,
    request: ask.ReqMarketData,
    instrument: Instrument,
    *,
    now: datetime,
    is_delayed: bool,
) -> None:
    stream = MarketStream(
        request_id=request.request_id, instrument=instrument, is_delayed=is_delayed
    )
    if is_delayed:
        session.fail(
            request.request_id,
            10167,
            f"{_NOT_SUBSCRIBED} Displaying delayed market data.",
        )
    session.say(
        TickReqParams(
            request_id=request.request_id,
            min_tick=instrument.min_tick,
            bbo_exchange="9c0001",
            snapshot_permissions=3,
        )
    )
    # with live permission the answer is live, whatever was asked for (IB campus)
    data_type = _DELAYED if is_delayed else _LIVE
    session.say(MarketDataType(request_id=request.request_id, data_type=data_type))
    for reply in market_ticks(session, stream, now):
        session.say(reply)
    if request.snapshot:
        stream.ends_at = now + timedelta(seconds=SNAPSHOT_S)
        session.streams.snapshots[request.request_id] = stream
    else:
        session.streams.market[request.request_id] = stream


def cancel_market_data(
    session: ClientSession, request: ask.CancelMarketData, now: datetime
) -> None:
    """End a stream."""
    streams = session.streams
    known = streams.market.pop(request.request_id, None) or streams.snapshots.pop(
        request.request_id, None
    )
    if known is None:
        session.fail(request.request_id, 300, f"Can't find EId with tickerId:{request.request_id}")


def tick_by_tick(session: ClientSession, request: ask.ReqTickByTick, now: datetime) -> None:
    """Begin a stream of every change; delayed data has none."""
    instrument = find_one(session, request.contract, request.request_id)
    if instrument is None:
        return
    if not session.gateway.permissions.live_data or request.tick_type not in _TICK_KINDS:
        session.fail(request.request_id, 10189, "Failed to request tick-by-tick data")
        return
    session.streams.ticks[request.request_id] = TickByTick(
        request_id=request.request_id, instrument=instrument, kind=request.tick_type
    )


def cancel_tick_by_tick(
    session: ClientSession, request: ask.CancelTickByTick, now: datetime
) -> None:
    """End that."""
    session.streams.ticks.pop(request.request_id, None)


def real_time_bars(session: ClientSession, request: ask.ReqRealTimeBars, now: datetime) -> None:
    """Begin a stream of five-second bars."""
    instrument = find_one(session, request.contract, request.request_id)
    if instrument is None:
        return
    if not session.gateway.permissions.live_data:
        session.fail(request.request_id, 420, "Invalid Real-time Query:No market data permissions")
        return
    session.streams.real_time[request.request_id] = LiveBars(
        request_id=request.request_id,
        instrument=instrument,
        bar_size="5 secs",
        what_to_show=request.what_to_show,
        format_date=2,
        due=now + timedelta(seconds=5),
    )


def cancel_real_time_bars(
    session: ClientSession, request: ask.CancelRealTimeBars, now: datetime
) -> None:
    """End that."""
    session.streams.real_time.pop(request.request_id, None)


def bars(session: ClientSession, request: ask.ReqHistoricalData, now: datetime) -> None:
    """Send bars, and keep the newest up to date when asked to."""
    instrument = find_one(session, request.contract, request.request_id)
    if instrument is None:
        return
    accepted = history.historical_data(session, request, instrument, now=now)
    if accepted and request.keep_up_to_date:
        session.streams.bars[request.request_id] = LiveBars(
            request_id=request.request_id,
            instrument=instrument,
            bar_size=request.bar_size,
            what_to_show=request.what_to_show,
            format_date=request.format_date,
            due=now + timedelta(seconds=5),
        )


def cancel_bars(session: ClientSession, request: ask.CancelHistoricalData, now: datetime) -> None:
    """End a request for bars; what was answered already is unknown by then."""
    if session.streams.bars.pop(request.request_id, None) is None:
        session.fail(
            request.request_id,
            366,
            f"No historical data query found for ticker id:{request.request_id}",
        )


def head(session: ClientSession, request: ask.ReqHeadTimestamp, now: datetime) -> None:
    """Send the time of the first bar there is."""
    if find_one(session, request.contract, request.request_id) is not None:
        history.head_timestamp(session, request, now)


HANDLERS: Final[Mapping[type, Handler]] = {
    ask.ReqContractDetails: contract_details,
    ask.ReqMatchingSymbols: matching_symbols,
    ask.ReqSecDefOptParams: option_parameters,
    ask.ReqMarketRule: market_rule,
    ask.ReqMarketDataType: market_data_type,
    ask.ReqMarketData: market_data,
    ask.CancelMarketData: cancel_market_data,
    ask.ReqTickByTick: tick_by_tick,
    ask.CancelTickByTick: cancel_tick_by_tick,
    ask.ReqRealTimeBars: real_time_bars,
    ask.CancelRealTimeBars: cancel_real_time_bars,
    ask.ReqHistoricalData: bars,
    ask.CancelHistoricalData: cancel_bars,
    ask.ReqHeadTimestamp: head,
}
