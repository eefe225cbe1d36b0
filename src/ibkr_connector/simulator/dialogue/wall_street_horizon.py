"""The event calendar of Wall Street Horizon: its filters, and made-up events of companies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import WshEventData, WshMetaData

from .draws import seeded

if TYPE_CHECKING:
    from .session import ClientSession, Handler

__all__ = ["HANDLERS"]

_NOT_ALLOWED: Final = "News feed is not allowed."
_NO_PERMISSION: Final = "News feed permissions required."
_TYPES: Final = {
    "wshe_ed": "Earnings Date",
    "wshe_div": "Dividend",
    "wshe_cc": "Conference Call",
    "wshe_bod": "Board of Directors Meeting",
    "wshe_split": "Stock Split",
}
_MOST: Final = 100
_CON_ID: Final = re.compile(r"\d{1,10}", re.ASCII)


def meta_data(session: ClientSession, request: ask.ReqWshMetaData, now: datetime) -> None:
    """Send which events and filters there are."""
    if not session.gateway.permissions.calendar:
        session.fail(request.request_id, 10276, _NOT_ALLOWED)
        return
    session.streams.has_calendar = True
    meta = {
        "meta_data": {
            "event_types": [
                {"tag": tag, "name": name, "columns": [{"tag": "index_date", "name": "Date"}]}
                for tag, name in _TYPES.items()
            ],
            "filters": [
                {"tag": "country", "name": "Country", "values": ["All", "US"]},
                {"tag": "watchlist", "name": "Watchlist"},
                {"tag": "limit", "name": "Limit"},
            ],
        }
    }
    session.say(WshMetaData(request_id=request.request_id, json=json.dumps(meta)))


def cancel_meta_data(session: ClientSession, request: ask.CancelWshMetaData, now: datetime) -> None:
    """End that; it was answered at once."""
    if not session.streams.has_calendar:
        session.fail(request.request_id, 10279, "Failed to cancel WSH metadata: no such request.")


def events(session: ClientSession, request: ask.ReqWshEventData, now: datetime) -> None:
    """Send the events of a company, or of all that a filter fits."""
    request_id = request.request_id
    if not session.gateway.permissions.calendar:
        session.fail(request_id, 10277, _NO_PERMISSION)
        return
    if not session.streams.has_calendar:
        # events are asked for after the metadata (IB campus)
        session.fail(request_id, 10283, "WSH event data requires WSH metadata first.")
        return
    wish = _wish(request)
    if wish is None or (request.con_id is not None and request.filter):
        session.fail(request_id, 10282, "Failed to request WSH event data: invalid filter.")
        return
    limit = min(max(request.total_limit or _MOST, 1), _MOST)
    found = [
        event
        for instrument in _companies(session, request, wish)
        for event in _events(instrument, now.date(), wish)
        if _is_between(event, request.start_date, request.end_date)
    ]
    found.sort(key=lambda event: (event["index_date"], event["conid"]))
    session.say(WshEventData(request_id=request_id, json=json.dumps(found[:limit])))


def _wish(request: ask.ReqWshEventData) -> Mapping[str, Any] | None:
    if not request.filter:
        return {}
    try:
        wish = json.loads(request.filter)
    except (ValueError, RecursionError):
        return None
    return wish if isinstance(wish, dict) else None


def _companies(
    session: ClientSession, request: ask.ReqWshEventData, wish: Mapping[str, Any]
) -> Iterator[Instrument]:
    catalogue = session.gateway.venue.catalogue
    watched = wish.get("watchlist", ())
    named = [str(one) for one in watched] if isinstance(watched, list) else []
    con_ids = [int(one) for one in named if _CON_ID.fullmatch(one)]
    if request.con_id is not None:
        con_ids = [request.con_id]
    elif request.fill_portfolio:
        ledgers = session.gateway.venue.ledgers.values()
        con_ids += [con_id for ledger in ledgers for con_id in ledger.holdings]
    chosen = [catalogue.get(con_id) for con_id in con_ids]
    everybody = not con_ids and not named and not request.fill_portfolio
    for found in catalogue.listed() if everybody else chosen:
        if found is not None and found.sec_type == "STK" and found.stock_type != "ETF":
            yield found


def _events(
    instrument: Instrument, today: date, wish: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    # a filter names the events that it wants by tags set to "true" (IB campus)
    chosen = [tag for tag in _TYPES if str(wish.get(tag, "false")).lower() == "true"]
    for tag in chosen or _TYPES:
        day = today + timedelta(days=int(seeded(instrument.con_id, tag) * 90) - 10)
        yield {
            "event_key": f"{tag}_{instrument.con_id}_{day:%Y%m%d}",
            "event_type": tag,
            "event_name": _TYPES[tag],
            "conid": instrument.con_id,
            "symbol": instrument.symbol,
            "index_date": f"{day:%Y%m%d}",
            "index_date_type": "event",
        }


def _is_between(event: Mapping[str, Any], start: str, end: str) -> bool:
    return (not start or event["index_date"] >= start) and (not end or event["index_date"] <= end)


def cancel_events(session: ClientSession, request: ask.CancelWshEventData, now: datetime) -> None:
    """End that; it was answered at once."""
    if not session.streams.has_calendar:
        session.fail(request.request_id, 10284, "Failed to cancel WSH event data: no such request.")


HANDLERS: Final[Mapping[type, Handler]] = {
    ask.ReqWshMetaData: meta_data,
    ask.CancelWshMetaData: cancel_meta_data,
    ask.ReqWshEventData: events,
    ask.CancelWshEventData: cancel_events,
}
