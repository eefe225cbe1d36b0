"""Scans of the market, news, and what is known about companies."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel

from ibkr_connector.bridge.asking import READ, House, Symbol, of, unchanged_or
from ibkr_connector.bridge.guard import Refused
from ibkr_connector.bridge.plain import answer, as_json
from ibkr_connector.bridge.problems import Kind
from ibkr_connector.model.research import (
    Article,
    CorporateEvent,
    Headline,
    Headlines,
    NewsProvider,
    ScanRow,
)

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["research"], dependencies=[READ])

_XML: Final = "application/xml"
_FORMS: Final = {"content": {_XML: {"schema": {"type": "string"}}}, "description": "IB's XML."}

Most = Annotated[int, Query(ge=1, le=300, description="How many at most.")]


class Scan(BaseModel):
    """What a scan finds now, best first."""

    items: list[ScanRow]


class Providers(BaseModel):
    """The sources of news that the login may read."""

    items: list[NewsProvider]


class Events(BaseModel):
    """The events of a company."""

    items: list[CorporateEvent]


@router.get("/scans/{code}", responses=of(Scan, "Best first"))
async def v1_scan(
    code: str,
    house: House,
    instrument: Annotated[str, Query(max_length=32)] = "STK",
    location: Annotated[str, Query(max_length=64)] = "STK.US.MAJOR",
    rows: Annotated[int, Query(ge=1, le=50)] = 50,
    filters: Annotated[
        list[str] | None,
        Query(max_length=20, description="As in `priceAbove=5`.", examples=[["priceAbove=5"]]),
    ] = None,
) -> Response:
    """Return what a market scan finds now: `/v1/scans/TOP_PERC_GAIN`."""
    wanted = {}
    for one in filters or ():
        name, equals, value = one.partition("=")
        if not (name and equals and value):
            raise Refused(
                Kind(422, "invalid-request", "The request makes no sense"),
                "a filter is a name and a value, as in priceAbove=5",
                hint="GET /v1/scan-parameters has all names",
            )
        wanted[name] = value
    found = await house.ib.research.scan(
        code, instrument=instrument, location=location, rows=rows, filters=wanted
    )
    return answer(Scan(items=list(found)))


@router.get("/scan-parameters", response_class=Response, responses={200: _FORMS})
async def v1_scan_parameters(house: House, request: Request) -> Response:
    """Return IB's XML of all scan codes, instruments, locations and filters; it is large."""
    told = await house.ib.research.scan_parameters()
    return unchanged_or(request, told.encode(), media_type=_XML)


@router.get("/news/providers", responses=of(Providers, "Each of them"))
async def v1_news_providers(house: House, request: Request) -> Response:
    """Return the sources of news that the login may read."""
    rows = await house.ib.research.news_providers()
    return unchanged_or(request, as_json(Providers(items=list(rows))))


@router.get("/news/article", responses=of(Article, "Its text"))
async def v1_article(
    house: House,
    request: Request,
    provider: Annotated[str, Query(min_length=1, max_length=32)],
    article_id: Annotated[str, Query(min_length=1, max_length=128)],
) -> Response:
    """Return the text behind a headline."""
    named = Headline(
        time=datetime.min.replace(tzinfo=UTC), provider=provider, article_id=article_id, text=""
    )
    return unchanged_or(request, as_json(await house.ib.research.article(named)))


@router.get("/news/headlines/{symbol}", responses=of(Headlines, "The newest first"))
async def v1_headlines(
    symbol: Symbol,
    house: House,
    request: Request,
    providers: Annotated[str | None, Query(max_length=256, description="With commas.")] = None,
    start: AwareDatetime | None = None,
    end: Annotated[
        AwareDatetime | None, Query(description="The time of the last one, for those before it.")
    ] = None,
    limit: Most = 100,
) -> Response:
    """Return headlines about a contract, the newest first; `has_more` says that there are older."""
    found = await house.ib.research.headlines(
        symbol,
        providers=[one for one in (providers or "").split(",") if one] or None,
        start=start,
        end=end,
        most=limit,
    )
    return unchanged_or(request, as_json(found))


@router.get("/calendar/{symbol}", responses=of(Events, "The next one last"))
async def v1_calendar(
    symbol: Symbol,
    house: House,
    request: Request,
    start: date | None = None,
    end: date | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 100,
) -> Response:
    """Return the events of a company: earnings, dividends, meetings, splits."""
    rows = await house.ib.research.calendar(symbol, start=start, end=end, most=limit)
    return unchanged_or(request, as_json(Events(items=list(rows))))


@router.get("/fundamentals/{symbol}", response_class=Response, responses={200: _FORMS})
async def v1_fundamentals(
    symbol: Symbol,
    house: House,
    request: Request,
    report: Annotated[str, Query(min_length=1, max_length=32)] = "ReportSnapshot",
) -> Response:
    """Return a report about a company; IB has ended these in newer versions of TWS."""
    told = await house.ib.research.fundamentals(symbol, report)
    return unchanged_or(request, told.encode(), media_type=_XML)
