"""Quotes, history, and what a contract is."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel

from ibkr_connector.bridge.asking import READ, House, Symbol, of, unchanged_or
from ibkr_connector.bridge.guard import Refused
from ibkr_connector.bridge.pages import Limit, Mark, page
from ibkr_connector.bridge.plain import answer, as_json, utc_text
from ibkr_connector.bridge.problems import Kind, of_error
from ibkr_connector.bridge.running import Bridge
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.contracts import ContractDetails
from ibkr_connector.model.market import Bar, Quote

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["market data"], dependencies=[READ])

_MOST: Final = 50


class QuoteRow(BaseModel):
    """One symbol: its quote, or the problem with it."""

    symbol: str
    quote: Quote | None = None
    problem: dict[str, Any] | None = None


class QuoteRows(BaseModel):
    """Quotes in the order in which they were asked for."""

    items: list[QuoteRow]


class Bars(BaseModel):
    """A page of bars, oldest first; `next` is the cursor of the one after it."""

    symbol: str
    bar_size: str
    what_to_show: str
    items: list[Bar]
    next: str | None


@router.get("/quotes/{symbol}", responses=of(Quote, "The quote; `Age` tells how old it is"))
async def v1_quote(
    symbol: Symbol,
    house: House,
    max_age_s: Annotated[float | None, Query(ge=0, le=60, description="How old it may be.")] = None,
) -> Response:
    """Return a quote: of a stream that somebody follows, of a young snapshot, or a new one."""
    most = house.settings.quote_max_age_s if max_age_s is None else max_age_s
    quote, age_s = await house.quotes.get(symbol, max_age_s=most)
    return answer(quote, headers={"Age": str(int(age_s))})


@router.get("/quotes", responses=of(QuoteRows, "One row for each symbol"))
async def v1_quotes(
    house: House,
    symbols: Annotated[
        str, Query(min_length=1, max_length=2048, description="With commas: `AAPL,EUR.USD`.")
    ],
) -> Response:
    """Return many quotes; a symbol that has none has its problem instead."""
    wanted = list(dict.fromkeys(part.strip() for part in symbols.split(",") if part.strip()))
    if not 1 <= len(wanted) <= _MOST or any(len(one) > 64 for one in wanted):
        raise Refused(
            Kind(422, "invalid-request", "The request makes no sense"),
            f"symbols names 1 to {_MOST} contracts of at most 64 letters, with commas",
        )
    return answer(QuoteRows(items=list(await asyncio.gather(*(_row(house, s) for s in wanted)))))


async def _row(house: Bridge, symbol: str) -> QuoteRow:
    try:
        quote, _ = await house.quotes.get(symbol, max_age_s=house.settings.quote_max_age_s)
    except IBKRError as error:
        said = json.loads(bytes(of_error(error, correlation_id="").body))
        return QuoteRow(symbol=symbol, problem=said)
    return QuoteRow(symbol=symbol, quote=quote)


@router.get("/bars/{symbol}", responses=of(Bars, "Bars, oldest first"))
async def v1_bars(
    symbol: Symbol,
    house: House,
    request: Request,
    duration: Annotated[
        str, Query(max_length=32, description="Count and unit (S D W M Y), without `start`.")
    ] = "1 D",
    bar_size: Annotated[str, Query(max_length=32, description="IB's spelling.")] = "5 mins",
    what_to_show: Annotated[str | None, Query(max_length=32)] = None,
    start: Annotated[AwareDatetime | None, Query(description="Instead of `duration`.")] = None,
    end: Annotated[AwareDatetime | None, Query(description="Now, when not given.")] = None,
    regular_hours_only: bool = True,
    stored: Annotated[bool, Query(description="Read the store first, and keep there.")] = False,
    limit: Limit = 1000,
    cursor: Mark = None,
) -> Response:
    """
    Return historical bars of any range, in pages.

    Further pages are cut from the same range: give `end`, so that it does not move on meanwhile.
    """
    series = await house.ib.get_historical_data(
        symbol,
        duration=duration,
        bar_size=bar_size,
        what_to_show=what_to_show,
        start=start,
        end=end,
        regular_hours_only=regular_hours_only,
        stored=stored,
    )
    rows, following = page(series.bars, limit, cursor, key=lambda bar: utc_text(bar.timestamp))
    told = Bars(
        symbol=symbol,
        bar_size=series.bar_size,
        what_to_show=series.what_to_show,
        items=list(rows),
        next=following,
    )
    return unchanged_or(request, as_json(told))


@router.get(
    "/instruments/{symbol}", tags=["instruments"], responses=of(ContractDetails, "What IB says")
)
async def v1_instrument(symbol: Symbol, house: House, request: Request) -> Response:
    """Return what IB knows about the one contract that fits."""
    return unchanged_or(request, as_json(await house.ib.instruments.details(symbol)))
