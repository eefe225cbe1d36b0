"""Headlines and articles that a seed makes up: a few a day about each company."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Final

from ibkr_connector.simulator.exchange.instruments import Catalogue, Instrument

from .draws import seeded

__all__ = ["PROVIDERS", "Headline", "article_text", "headlines_of_day"]

PROVIDERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # what an account has without paying (IB campus: news providers)
        "BRFG": "Briefing.com General Market Columns",
        "BRFUPDN": "Briefing.com Analyst Actions",
        "DJNL": "Dow Jones Newsletters",
        "DJ-N": "Dow Jones Global Equity Trader",
    }
)

_TOPICS: Final = (
    "{name} trades {way} as volume picks up",
    "{name}: options point to a move of {percent}% this week",
    "Analyst repeats opinion of {name}, target {way}",
    "{name} holders weigh results, shares {way} {percent}%",
    "What to watch: {name} and its sector",
)
_ID: Final = re.compile(r"(?P<provider>[A-Z-]+)\$(?P<con>[0-9a-f]+)\.(?P<day>\d{8})(?P<number>\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """One headline; con id 0 is about everything."""

    at: datetime
    provider: str
    article_id: str
    text: str
    con_id: int = 0
    article: str = ""
    extra: str = ""


def headlines_of_day(instrument: Instrument, day: date) -> Iterator[Headline]:
    """Yield the headlines about an instrument of one day, oldest first."""
    if instrument.sec_type != "STK" or day.weekday() >= 5:
        return
    count = int(seeded(instrument.con_id, day, "headlines") * 3)
    for number in range(count):
        draw = seeded(instrument.con_id, day, number)
        at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(
            seconds=int((number + draw) / count * 8 * 3600)
        )
        provider = tuple(PROVIDERS)[int(draw * 1_000) % len(PROVIDERS)]
        yield Headline(
            at=at,
            provider=provider,
            article_id=f"{provider}${instrument.con_id:x}.{day:%Y%m%d}{number}",
            text=_text(instrument, draw),
            con_id=instrument.con_id,
        )


def article_text(provider: str, article_id: str, catalogue: Catalogue) -> str | None:
    """Return the article of a headline; `None` when there never was one."""
    match = _ID.fullmatch(article_id)
    if match is None or match["provider"] != provider:
        return None
    instrument = catalogue.get(int(match["con"], 16))
    if instrument is None:
        return None
    try:
        day = datetime.strptime(match["day"], "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
    for one in headlines_of_day(instrument, day):
        if one.article_id == article_id:
            return (
                f"<p>{one.text}</p><p>{instrument.long_name or instrument.symbol} "
                f"({instrument.symbol}) is listed on {instrument.primary_exchange}. This article "
                "was made up by a simulator.</p>"
            )
    return None


def _text(instrument: Instrument, draw: float) -> str:
    topic = _TOPICS[int(draw * 10_000) % len(_TOPICS)]
    name = (instrument.long_name or instrument.symbol).title()
    way = "higher" if int(draw * 100_000) % 2 else "lower"
    return topic.format(name=name, way=way, percent=round(0.3 + draw * 3, 1))
