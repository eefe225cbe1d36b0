"""Requests for ticks: streams, snapshots, and which data they get."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import (
    DeltaNeutralValidation,
    RerouteMarketData,
    TickReqParams,
)

from .combos import combo_of
from .contracts import find_for_data
from .exchanges import bbo_code
from .feed import Entitlement, Leg, feed_of
from .generic_ticks import DELAYED_IDS, WIDE_NEWS, legal_ids, parse_ids
from .market import SNAPSHOT_S, MarketStream
from .news import follow_tape
from .rights import NOT_SUBSCRIBED, entitlement, top_text

if TYPE_CHECKING:
    from .gateway import Gateway
    from .session import ClientSession, Handler

__all__ = ["HANDLERS", "compete"]

_LIVE, _FROZEN, _DELAYED, _DELAYED_FROZEN = 1, 2, 3, 4
_TYPES: Final = frozenset({_LIVE, _FROZEN, _DELAYED, _DELAYED_FROZEN})
_REROUTED: Final = frozenset({"STK", "CASH"})
_SNAPSHOT_RIGHTS: Final = 3

_COMPETING: Final = "No market data during competing live session"
_API_NEEDED: Final = (
    "Requested market data requires additional subscription for API. See link in 'Market Data "
    "Connections' dialog for more details."
)
_SEE_MANAGER: Final = (
    " Check API status by selecting the Account menu then under Management choose Market Data "
    "Subscription Manager and/or availability of delayed data."
)


def market_data_type(session: ClientSession, request: ask.ReqMarketDataType, now: datetime) -> None:
    """Remember what later requests get."""
    if request.data_type in _TYPES:
        session.streams.data_type = request.data_type
    else:
        session.fail(
            -1, 321, "Error validating request.-'cb' : cause - Market data type is not valid."
        )


def market_data(session: ClientSession, request: ask.ReqMarketData, now: datetime) -> None:
    """Begin a stream, or take a snapshot."""
    streams = session.streams
    if any(
        request.request_id in known
        for known in (streams.market, streams.snapshots, streams.news.tapes)
    ):
        session.fail(request.request_id, 102, "Duplicate ticker ID.")
        return
    is_snapshot = request.snapshot or request.regulatory_snapshot
    generics = _generics(session, request, is_snapshot=is_snapshot)
    if generics is None:
        return
    is_tape = request.contract.sec_type == "NEWS" and WIDE_NEWS in generics[1]
    if request.regulatory_snapshot and not _is_next_second(session, now):
        session.fail(
            request.request_id,
            322,
            # the limit is IB's (campus), code and text are assumed
            "Error processing request.-'bW' : cause - Only one regulatory snapshot a second",
        )
        return
    if is_tape:
        if not _is_full(session, request.request_id):
            follow_tape(session, request)
        return
    legs: tuple[Leg, ...] = ()
    if request.contract.sec_type == "BAG":
        combo = combo_of(session, request.contract, request.legs, request_id=request.request_id)
        if combo is None:
            return
        instrument, legs = combo
    else:
        found = find_for_data(session, request.contract, request.request_id)
        if found is None:
            return
        instrument = found
    if _is_rerouted(session, request, instrument):
        return
    if not is_snapshot and _is_full(session, request.request_id):
        return
    is_delayed = _admitted(session, request, instrument, generics=generics[1])
    if is_delayed is None:
        return
    stream = MarketStream(
        request_id=request.request_id,
        instrument=instrument,
        exchange=request.contract.exchange or "SMART",
        is_delayed=is_delayed,
        wants_frozen=session.streams.data_type in {_FROZEN, _DELAYED_FROZEN},
        has_defaults=generics[0],
        generics={
            code: text
            for code, text in generics[1].items()
            if not is_delayed or code in DELAYED_IDS
        },
        legs=legs,
        began=now,
        ends_at=now + timedelta(seconds=SNAPSHOT_S) if is_snapshot else None,
    )
    _begin(session, request, stream, now=now)


def _is_full(session: ClientSession, request_id: int) -> bool:
    """Say so when there is no line left."""
    used = sum(one.streams.lines for one in session.gateway.sessions.values())
    if used < session.gateway.permissions.data_lines:
        return False
    session.fail(request_id, 101, "Max number of tickers has been reached")
    return True


def _is_next_second(session: ClientSession, now: datetime) -> bool:
    before = session.streams.snapshot_at
    if before is not None and now - before < timedelta(seconds=1):
        return False
    session.streams.snapshot_at = now
    return True


def _generics(
    session: ClientSession, request: ask.ReqMarketData, *, is_snapshot: bool
) -> tuple[bool, dict[int, str]] | None:
    if not request.generic_ticks.strip():
        return True, {}
    if is_snapshot:
        session.fail(
            request.request_id,
            414,
            "Snapshot market data subscription is not applicable to generic ticks",
        )
        return None
    sec_type = request.contract.sec_type or _known_type(session, request.contract.con_id)
    has_news = session.gateway.permissions.news
    found = parse_ids(request.generic_ticks, sec_type, has_news=has_news)
    if found is None:
        # the text is that of TWS (deephaven-ib issue 46)
        session.fail(
            request.request_id,
            321,
            "Error validating request.-'bW' : cause - Incorrect generic tick list of "
            f"{request.generic_ticks}.  Legal ones for ({sec_type}) are: "
            f"{legal_ids(sec_type, has_news=has_news)}",
        )
    return found


def _known_type(session: ClientSession, con_id: int) -> str:
    found = session.gateway.venue.catalogue.get(con_id)
    return found.sec_type if found is not None else "STK"


def _is_rerouted(
    session: ClientSession, request: ask.ReqMarketData, instrument: Instrument
) -> bool:
    """Send the client of a CFD to its underlying (IB campus: rerouteMktDataReq)."""
    if instrument.sec_type != "CFD":
        return False
    under = session.gateway.venue.catalogue.get(instrument.under_con_id)
    if under is None or under.sec_type not in _REROUTED:
        return False
    session.say(
        RerouteMarketData(request_id=request.request_id, con_id=under.con_id, exchange=under.home)
    )
    return True


def _admitted(
    session: ClientSession,
    request: ask.ReqMarketData,
    instrument: Instrument,
    *,
    generics: Mapping[int, str],
) -> bool | None:
    """Tell whether a request gets delayed data; `None` when it gets none, which was said."""
    right = entitlement(session, instrument, request.contract.exchange)
    wants_delayed = session.streams.data_type >= _DELAYED
    request_id, name = request.request_id, top_text(instrument)
    if feed_of(session.gateway).is_competing:
        session.fail(request_id, 10197, _COMPETING)
    if right is Entitlement.LIVE:
        return False
    if right is Entitlement.PARTIAL:
        session.fail(
            request_id,
            10090,
            "Part of requested market data is not subscribed. Subscription-independent ticks are "
            f"still active.Delayed market data is available.{name}",
        )
        return False
    if right is Entitlement.NONE:
        if wants_delayed:
            session.fail(request_id, 10168, f"{NOT_SUBSCRIBED} Delayed market data is not enabled.")
        else:
            session.fail(
                request_id,
                354,
                f"{NOT_SUBSCRIBED}{_SEE_MANAGER}Delayed market data is not available.{name}",
            )
        return None
    if right is Entitlement.API:
        session.fail(request_id, 10089, f"{_API_NEEDED}Delayed market data is available.{name}")
        return True if wants_delayed else None
    if not wants_delayed:
        session.fail(
            request_id,
            354,
            f"{NOT_SUBSCRIBED}{_SEE_MANAGER}Delayed market data is available."
            f"{instrument.local_symbol}",
        )
        return None
    session.fail(request_id, 10167, f"{NOT_SUBSCRIBED} Displaying delayed market data.")
    if any(code not in DELAYED_IDS for code in generics):
        session.fail(
            request_id,
            10090,
            "Part of requested market data is not subscribed. Subscription-independent ticks are "
            f"still active.Delayed market data is available.{name}",
        )
    return True


def _begin(
    session: ClientSession, request: ask.ReqMarketData, stream: MarketStream, *, now: datetime
) -> None:
    instrument = stream.instrument
    session.say(
        TickReqParams(
            request_id=request.request_id,
            min_tick=instrument.min_tick,
            bbo_exchange=bbo_code(instrument) if not stream.legs else "",
            snapshot_permissions=_SNAPSHOT_RIGHTS,
        )
    )
    if request.delta_neutral is not None:
        session.say(
            DeltaNeutralValidation(
                request_id=request.request_id,
                contract=request.delta_neutral,
            )
        )
    feed = feed_of(session.gateway)
    # with live permission the answer is live, whatever was asked for (IB campus)
    stream.announce(session, feed, now)
    feed.refresh()
    if not feed.is_competing:
        stream.tick(session, feed, now)
    target = session.streams.snapshots if stream.ends_at is not None else session.streams.market
    target[request.request_id] = stream


def cancel_market_data(
    session: ClientSession, request: ask.CancelMarketData, now: datetime
) -> None:
    """End a stream."""
    streams = session.streams
    known = [
        kept.pop(request.request_id, None)
        for kept in (streams.market, streams.snapshots, streams.news.tapes)
    ]
    if not any(known):
        session.fail(request.request_id, 300, f"Can't find EId with tickerId:{request.request_id}")


def compete(gateway: Gateway, *, is_competing: bool) -> None:
    """Let another session of the user take the data of all clients, or give it back."""
    gateway.feed.is_competing = is_competing
    if is_competing:
        for one in gateway.sessions.values():
            for request_id in (*one.streams.market, *one.streams.ticks, *one.streams.depth):
                one.fail(request_id, 10197, _COMPETING)


HANDLERS: Final[Mapping[type, Handler]] = {
    ask.ReqMarketDataType: market_data_type,
    ask.ReqMarketData: market_data,
    ask.CancelMarketData: cancel_market_data,
}
