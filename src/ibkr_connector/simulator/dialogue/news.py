"""
News: providers, headlines as they come and of the past, articles, and IB's own bulletins.

Headlines of the past are made up from the instrument and the day, so that they are there whenever
they are asked for; those that a script publishes are told at once and stay in the past too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import (
    HistoricalNews,
    HistoricalNewsEnd,
    NewsArticle,
    NewsBulletin,
    NewsProviders,
    Pair,
    TickNews,
)

from .contracts import NO_CONTRACT
from .feed import feed_of
from .generic_ticks import WIDE_NEWS
from .headlines import PROVIDERS, Headline, article_text, headlines_of_day
from .times import parse_end

if TYPE_CHECKING:
    from .gateway import Gateway
    from .session import ClientSession, Handler

__all__ = ["HANDLERS", "NewsStreams", "Tape", "bulletin", "follow_tape", "publish"]

_MOST: Final = 300
_LONGEST: Final = timedelta(days=365)
_FIRST: Final = datetime(1990, 1, 1, tzinfo=UTC)
_NOT_ALLOWED: Final = "News feed is not allowed."


@dataclass(slots=True, kw_only=True)
class Tape:
    """All that a provider tells, and how much of it the client knows."""

    provider: str
    told: int


@dataclass(slots=True)
class NewsStreams:
    """What one client follows, and what it was told."""

    has_bulletins: bool = False
    told_bulletins: int = 0
    told: dict[int, int] = field(default_factory=dict)
    tapes: dict[int, Tape] = field(default_factory=dict)

    def tick(self, session: ClientSession, now: datetime) -> None:
        """Say what came since."""
        feed = feed_of(session.gateway)
        if self.has_bulletins:
            for notice in feed.bulletins[self.told_bulletins :]:
                session.say(notice)
            self.told_bulletins = len(feed.bulletins)
        if not feed.headlines:
            return
        for request_id, tape in self.tapes.items():
            for one in feed.headlines[tape.told :]:
                if one.provider == tape.provider:
                    session.say(_tick(request_id, one))
            tape.told = len(feed.headlines)
        for stream in session.streams.market.values():
            if WIDE_NEWS not in stream.generics:
                continue
            codes = _codes(stream.generics[WIDE_NEWS])
            con_id = stream.instrument.con_id
            for number in range(self.told.get(stream.request_id, 0), len(feed.headlines)):
                one = feed.headlines[number]
                is_new = stream.began is None or one.at >= stream.began
                if is_new and one.con_id in (0, con_id) and (not codes or one.provider in codes):
                    session.say(_tick(stream.request_id, one))
            self.told[stream.request_id] = len(feed.headlines)


def _tick(request_id: int, one: Headline) -> TickNews:
    return TickNews(
        request_id=request_id,
        time_ms=int(one.at.timestamp() * 1000),
        provider=one.provider,
        article_id=one.article_id,
        headline=one.text,
        extra=one.extra,
    )


def follow_tape(session: ClientSession, request: ask.ReqMarketData) -> None:
    """
    Follow all that one provider tells: symbol `BRFG:BRFG_ALL`, exchange `BRFG`.

    Source: IB's ContractSamples (newscontractbt); other topics of a provider are not simulated.
    """
    provider = request.contract.exchange
    if provider not in PROVIDERS or request.contract.symbol != f"{provider}:{provider}_ALL":
        session.fail(request.request_id, 200, NO_CONTRACT)
        return
    told = len(feed_of(session.gateway).headlines)
    session.streams.news.tapes[request.request_id] = Tape(provider=provider, told=told)


def publish(gateway: Gateway, headline: Headline) -> None:
    """Publish a headline: streams with generic tick 292 get it with their next round."""
    feed_of(gateway).headlines.append(headline)


def bulletin(gateway: Gateway, text: str, *, kind: int = 1, exchange: str = "") -> None:
    """Publish a bulletin: a notice (1), or an exchange that closed (2) or opened (3)."""
    bulletins = feed_of(gateway).bulletins
    bulletins.append(
        NewsBulletin(bulletin_id=len(bulletins) + 1, kind=kind, text=text, exchange=exchange)
    )


def providers(session: ClientSession, request: ask.ReqNewsProviders, now: datetime) -> None:
    """Send which providers the login may read."""
    known = PROVIDERS if session.gateway.permissions.news else {}
    rows = tuple(Pair(name=code, value=name) for code, name in known.items())
    session.say(NewsProviders(providers=rows))


def bulletins(session: ClientSession, request: ask.ReqNewsBulletins, now: datetime) -> None:
    """Follow bulletins, those of today too when asked for."""
    news = session.streams.news
    news.has_bulletins = True
    published = feed_of(session.gateway).bulletins
    news.told_bulletins = 0 if request.all_messages else len(published)
    news.tick(session, now)


def cancel_bulletins(
    session: ClientSession, request: ask.CancelNewsBulletins, now: datetime
) -> None:
    """End that."""
    session.streams.news.has_bulletins = False


def historical(session: ClientSession, request: ask.ReqHistoricalNews, now: datetime) -> None:
    """Send headlines about a contract, newest first."""
    request_id = request.request_id
    instrument = session.gateway.venue.catalogue.get(request.con_id)
    if instrument is None:
        session.fail(request_id, 200, "No security definition has been found for the request")
        return
    codes = _codes(request.providers)
    if not _may_read(session, codes):
        session.fail(request_id, 10276, _NOT_ALLOWED)
        return
    if not 1 <= request.total <= _MOST:
        session.fail(
            request_id,
            321,
            "Error validating request.-'cq' : cause - Total results must be between 1 and "
            f"{_MOST}.",
        )
        return
    limits = (_moment(request.start, now), _moment(request.end, now) or now)
    start = limits[0] or limits[1] - _LONGEST
    found: list[Headline] = []
    has_more = False
    for one in _past(session, instrument, start, end=limits[1]):
        if one.provider not in codes:
            continue
        if len(found) == request.total:
            has_more = True
            break
        found.append(one)
    for one in found:
        session.say(
            HistoricalNews(
                request_id=request_id,
                time=f"{one.at:%Y-%m-%d %H:%M:%S}.0",
                provider=one.provider,
                article_id=one.article_id,
                headline=one.text,
            )
        )
    session.say(HistoricalNewsEnd(request_id=request_id, has_more=has_more))


def _may_read(session: ClientSession, codes: Sequence[str]) -> bool:
    return bool(
        session.gateway.permissions.news and codes and all(code in PROVIDERS for code in codes)
    )


def _moment(text: str, now: datetime) -> datetime | None:
    """Read a limit of a request for news, `yyyy-mm-dd hh:mm:ss.0` (IB campus)."""
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip()).replace(tzinfo=UTC)
    except ValueError:
        return parse_end(text, now)
    return min(max(moment, _FIRST), now)


def _past(
    session: ClientSession, instrument: Instrument, start: datetime, *, end: datetime
) -> Iterator[Headline]:
    """Yield headlines between two moments, newest first."""
    published = [
        one for one in feed_of(session.gateway).headlines if one.con_id in (0, instrument.con_id)
    ]
    day = end.date()
    first = max(start, end - _LONGEST).date()
    while day >= first:
        found = [
            *headlines_of_day(instrument, day),
            *(one for one in published if one.at.date() == day),
        ]
        for one in sorted(found, key=lambda one: one.at, reverse=True):
            if start <= one.at <= end:
                yield one
        day -= timedelta(days=1)


def article(session: ClientSession, request: ask.ReqNewsArticle, now: datetime) -> None:
    """Send the text of an article."""
    if not _may_read(session, (request.provider,)):
        session.fail(request.request_id, 10276, _NOT_ALLOWED)
        return
    for one in feed_of(session.gateway).headlines:
        if one.article_id == request.article_id:
            session.say(NewsArticle(request_id=request.request_id, kind=0, text=one.article))
            return
    text = article_text(request.provider, request.article_id, session.gateway.venue.catalogue)
    if text is None:
        session.fail(request.request_id, 10172, "Failed to request news article: No data available")
        return
    session.say(NewsArticle(request_id=request.request_id, kind=0, text=text))


def _codes(text: str) -> tuple[str, ...]:
    return tuple(code for part in text.split("+") for code in part.split(":") if code)


HANDLERS: Final[Mapping[type, Handler]] = {
    ask.ReqNewsProviders: providers,
    ask.ReqNewsBulletins: bulletins,
    ask.CancelNewsBulletins: cancel_bulletins,
    ask.ReqHistoricalNews: historical,
    ask.ReqNewsArticle: article,
}
