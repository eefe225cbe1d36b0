"""Market scanners: what is listed, ranked by a scan code and again every half minute."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import ScannerData, ScannerParameters, ScannerRow

from .draws import seeded
from .history_rules import FAILED
from .scans import FILTERS, INSTRUMENTS, PLACES, SCANS, Standing, parameters_xml

if TYPE_CHECKING:
    from .session import ClientSession, Handler

__all__ = ["HANDLERS", "Scan"]

_EVERY: Final = timedelta(seconds=30)
_MOST_ROWS: Final = 50
_NOTHING: Final = "Historical Market Data Service query message:no items retrieved"
_MOST_SCANS: Final = 10
_ROWS: Final = re.compile(r"-?\d{1,9}", re.ASCII)
_SAMPLED: Final = 200
"""Of the thousands of stocks that are not listed one by one, so many are looked at (*limit*)."""


@dataclass(slots=True)
class Scan:
    """One subscription."""

    request_id: int
    code: str
    instrument: str
    place: str
    rows: int
    filters: tuple[tuple[str, bool, Decimal], ...]
    due: datetime
    told: tuple[ScannerRow, ...] | None = None
    candidates: tuple[Instrument, ...] | None = None

    def tick(self, session: ClientSession, now: datetime) -> None:
        """Say what the scan finds, when it is time and when it is something else than before."""
        if now < self.due:
            return
        self.due = now + _EVERY
        rows = self._found(session, now)
        if rows != self.told:
            self.told = rows
            if rows:
                session.say(ScannerData(request_id=self.request_id, rows=rows))
            else:
                # nothing, or nothing any more, is a message; the scan goes on (ib_async wrapper.py)
                session.fail(self.request_id, 165, _NOTHING)

    def _found(self, session: ClientSession, now: datetime) -> tuple[ScannerRow, ...]:
        rank = SCANS[self.code].rank
        ranked: list[tuple[float, int, Instrument]] = []
        for instrument in self._candidates(session):
            one = _standing(session, instrument, now)
            if one is not None and self._fits(one):
                ranked.append((-rank(one), instrument.con_id, instrument))
        ranked.sort(key=lambda row: row[:2])
        return tuple(
            _row(place, instrument) for place, (_, _, instrument) in enumerate(ranked[: self.rows])
        )

    def _candidates(self, session: ClientSession) -> tuple[Instrument, ...]:
        if self.candidates is None:
            catalogue = session.gateway.venue.catalogue
            more = (catalogue.get(con_id) for con_id in catalogue.ids()[-_SAMPLED * 4 :: 4])
            found = [*catalogue.listed(), *(one for one in more if one is not None)]
            known = {one.con_id: one for one in found if self._is_here(one)}
            self.candidates = tuple(known.values())
        return self.candidates

    def _is_here(self, one: Instrument) -> bool:
        kind = INSTRUMENTS[self.instrument][1]
        is_kind = (
            one.sec_type == "STK" and one.stock_type == "ETF"
            if kind == "ETF"
            else one.sec_type == kind
        )
        _, currencies, exchanges = PLACES[self.place]
        return (
            is_kind
            and (not currencies or one.currency in currencies)
            and (not exchanges or one.primary_exchange in exchanges)
        )

    def _fits(self, one: Standing) -> bool:
        con_id = one.instrument.con_id
        values = {
            "price": one.price,
            "volume": one.volume,
            "turnover": one.volume * one.price,
            "change": (one.price / one.close - 1) * 100,
            # millions, made up
            "cap": Decimal(int(100 + seeded(con_id, "cap") * 900_000)),
            "options": Decimal(int(seeded(con_id, "average options") * 250_000)),
        }
        return all(
            values[name] >= limit if is_lower else values[name] <= limit
            for name, is_lower, limit in self.filters
        )


def _standing(session: ClientSession, instrument: Instrument, now: datetime) -> Standing | None:
    """Return how a contract stands, by two prices and no more: scans look at hundreds."""
    venue = session.gateway.venue
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    close = venue.tape.price(instrument, midnight)
    if not close:
        return None
    part = (now - midnight).total_seconds() / 86_400
    busy = 0.2 + seeded(instrument.con_id, "activity", now.date())
    volume = float(instrument.trade_size) * instrument.trades_a_day * part * busy
    return Standing(
        instrument=instrument,
        price=instrument.last(*instrument.sides(venue.mark(instrument, now))),
        close=instrument.floor(close),
        open=instrument.floor(close),
        volume=Decimal(int(volume)),
    )


def _row(rank: int, instrument: Instrument) -> ScannerRow:
    return ScannerRow(
        rank=rank,
        con_id=instrument.con_id,
        symbol=instrument.symbol,
        sec_type=instrument.sec_type,
        expiry=instrument.last_trade,
        strike=instrument.strike,
        right=instrument.right,
        exchange="SMART" if "SMART" in instrument.exchanges else instrument.home,
        currency=instrument.currency,
        local_symbol=instrument.local_symbol,
        market_name=instrument.market_name,
        trading_class=instrument.trading_class,
    )


def parameters(session: ClientSession, request: ask.ReqScannerParameters, now: datetime) -> None:
    """Send what can be scanned for."""
    session.say(ScannerParameters(xml=parameters_xml()))


def subscribe(session: ClientSession, request: ask.ReqScannerSubscription, now: datetime) -> None:
    """Begin a scan; its first answer comes at once."""
    request_id, texts = request.request_id, request.texts
    scans = session.streams.scans
    if request_id in scans:
        session.fail(request_id, 385, "Duplicate ticker ID for API scanner subscription")
        return
    if len(scans) >= _MOST_SCANS:
        session.fail(
            request_id,
            162,
            f"{FAILED}only {_MOST_SCANS} API scanner subscriptions allowed at a time",
        )
        return
    code, instrument = texts.get("scanCode", ""), texts.get("instrument", "")
    place = texts.get("locationCode", "")
    if code not in SCANS:
        session.fail(request_id, 162, f"{FAILED}Scanner type with code {code} is disabled.")
        return
    if instrument not in INSTRUMENTS or place not in PLACES:
        session.fail(
            request_id, 162, f"{FAILED}Unsupported instrument or location: {instrument}, {place}"
        )
        return
    filters = tuple(_filters(request))
    scan = Scan(
        request_id=request_id,
        code=code,
        instrument=instrument,
        place=place,
        rows=_rows(texts.get("numberOfRows", "")),
        filters=filters,
        due=now,
    )
    scan.tick(session, now)
    scans[request_id] = scan


def _rows(text: str) -> int:
    number = int(text) if _ROWS.fullmatch(text) else -1
    return min(number, _MOST_ROWS) if number > 0 else _MOST_ROWS


def _filters(request: ask.ReqScannerSubscription) -> Iterator[tuple[str, bool, Decimal]]:
    options = (part.partition("=") for part in request.filter_options.split(";") if part)
    pairs = [*request.texts.items(), *((name, value) for name, _, value in options)]
    for name, text in pairs:
        row = FILTERS.get(name)
        if row is None or not text:
            continue
        try:
            limit = Decimal(text)
        except InvalidOperation:
            continue
        if limit.is_finite():
            yield row[0], row[1], limit


def cancel(session: ClientSession, request: ask.CancelScannerSubscription, now: datetime) -> None:
    """End a scan; TWS tells of it as of an error."""
    request_id = request.request_id
    if session.streams.scans.pop(request_id, None) is None:
        session.fail(request_id, 365, f"No scanner subscription found for ticker id:{request_id}")
        return
    session.fail(request_id, 162, f"{FAILED}API scanner subscription cancelled: {request_id}")


HANDLERS: Final[Mapping[type, Handler]] = {
    ask.ReqScannerParameters: parameters,
    ask.ReqScannerSubscription: subscribe,
    ask.CancelScannerSubscription: cancel,
}
