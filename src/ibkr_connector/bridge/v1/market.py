"""Quotes, of one symbol or of many."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from ibkr_connector.bridge.asking import READ, House, Symbol, of
from ibkr_connector.bridge.plain import answer
from ibkr_connector.bridge.problems import told_of
from ibkr_connector.bridge.running import Bridge
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.market import Quote

from .instruments import symbols_of

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["market data"], dependencies=[READ])


class QuoteRow(BaseModel):
    """One symbol: its quote, or the problem with it."""

    symbol: str
    quote: Quote | None = None
    problem: dict[str, Any] | None = None


class QuoteRows(BaseModel):
    """Quotes in the order in which they were asked for."""

    items: list[QuoteRow]


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
    rows = await asyncio.gather(*(_row(house, symbol) for symbol in symbols_of(symbols)))
    return answer(QuoteRows(items=list(rows)))


async def _row(house: Bridge, symbol: str) -> QuoteRow:
    try:
        quote, _ = await house.quotes.get(symbol, max_age_s=house.settings.quote_max_age_s)
    except IBKRError as error:
        return QuoteRow(symbol=symbol, problem=told_of(error))
    return QuoteRow(symbol=symbol, quote=quote)
