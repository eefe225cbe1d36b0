"""What contracts are: their terms, hours and steps, and the ids that you gave them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel

from ibkr_connector.bridge.asking import READ, House, Symbol, of, unchanged_or
from ibkr_connector.bridge.guard import Refused
from ibkr_connector.bridge.pages import Limit, Mark, page
from ibkr_connector.bridge.plain import answer, as_json
from ibkr_connector.bridge.problems import Kind, told_of
from ibkr_connector.instruments.hours import TradingSession
from ibkr_connector.instruments.ticks import TickRule
from ibkr_connector.model.contracts import ContractDetails, ContractMatch
from ibkr_connector.model.registry import Change, Instrument

__all__ = ["router", "symbols_of"]

router = APIRouter(prefix="/v1", tags=["instruments"], dependencies=[READ])

MOST: Final = 50


class Found(BaseModel):
    """One contract that was looked for: what it is, or the problem, with what it might be."""

    symbol: str
    details: ContractDetails | None = None
    problem: dict[str, Any] | None = None


class FoundRows(BaseModel):
    """In the order in which they were asked for."""

    items: list[Found]


class Matches(BaseModel):
    """What a search found, the best first; look one up as `#` and its `con_id`."""

    items: list[ContractMatch]


class Hours(BaseModel):
    """When a contract trades, for the week or so that IB tells ahead; `zone` is the exchange's."""

    zone: str
    sessions: list[TradingSession]
    closed: list[date]
    problems: list[str]


class Instruments(BaseModel):
    """A page of the contracts that have ids of your own, by the ids."""

    items: list[Instrument]
    next: str | None


class Changes(BaseModel):
    """What became different of your instruments, oldest first."""

    items: list[Change]


def symbols_of(text: str) -> list[str]:
    """
    Return what a text with commas names, each once.

    Raises:
        Refused: It names nothing, too much, or something too long.
    """
    wanted = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not 1 <= len(wanted) <= MOST or any(len(one) > 64 for one in wanted):
        raise Refused(
            Kind(422, "invalid-request", "The request makes no sense"),
            f"symbols names 1 to {MOST} contracts of at most 64 letters, with commas",
        )
    return wanted


@router.get("/search", responses=of(Matches, "The best first"))
async def v1_search(
    house: House,
    request: Request,
    text: Annotated[str, Query(min_length=1, max_length=64, pattern=r"\S", examples=["apple"])],
) -> Response:
    """Search contracts by the beginning of a symbol or a name; one search a second."""
    rows = await house.ib.instruments.search(text)
    return unchanged_or(request, as_json(Matches(items=list(rows))))


@router.get("/instruments", responses=of(FoundRows, "One row for each"))
async def v1_instruments(
    house: House,
    request: Request,
    symbols: Annotated[
        str,
        Query(min_length=1, max_length=2048, description="With commas.", examples=["AAPL,EUR.USD"]),
    ],
) -> Response:
    """
    Look many contracts up; one that is unclear has its problem, with the candidates in it.
    """
    wanted = symbols_of(symbols)
    found = await house.ib.instruments.resolve_many(wanted)
    rows = [
        Found(symbol=one, details=found.found[one])
        if one in found.found
        else Found(symbol=one, problem=told_of(found.failures[one]))
        for one in wanted
    ]
    return unchanged_or(request, as_json(FoundRows(items=rows)))


@router.get("/instruments/{symbol}", responses=of(ContractDetails, "What IB says"))
async def v1_instrument(symbol: Symbol, house: House, request: Request) -> Response:
    """Return what IB knows about the one contract that fits."""
    return unchanged_or(request, as_json(await house.ib.instruments.details(symbol)))


@router.get("/instruments/{symbol}/hours", responses=of(Hours, "The sessions"))
async def v1_hours(
    symbol: Symbol, house: House, request: Request, regular: bool = True
) -> Response:
    """Return when a contract trades."""
    found = await house.ib.instruments.hours(symbol, regular=regular)
    told = Hours(
        zone=str(found.zone),
        sessions=list(found.sessions),
        closed=sorted(found.closed),
        problems=list(found.problems),
    )
    return unchanged_or(request, as_json(told))


@router.get("/instruments/{symbol}/steps", responses=of(TickRule, "Steps by price band"))
async def v1_steps(
    symbol: Symbol,
    house: House,
    request: Request,
    exchange: Annotated[str | None, Query(max_length=32)] = None,
) -> Response:
    """Return the price steps of a contract, by price band."""
    rule = await house.ib.instruments.tick_rule(symbol, exchange=exchange)
    return unchanged_or(request, as_json(rule))


@router.get("/registry", responses=of(Instruments, "A page of them"))
async def v1_registry(
    house: House, request: Request, limit: Limit = 1000, cursor: Mark = None
) -> Response:
    """Return the contracts that have ids of your own; such an id stands wherever a symbol does."""
    rows, following = page(
        await house.ib.instruments.list(), limit, cursor, key=lambda one: one.instrument_id
    )
    return unchanged_or(request, as_json(Instruments(items=list(rows), next=following)))


@router.get("/registry/changes", responses=of(Changes, "Oldest first"))
async def v1_registry_changes(
    house: House,
    since: Annotated[AwareDatetime | None, Query(description="Only since then.")] = None,
    corporate_actions: Annotated[bool, Query(description="Only what companies did.")] = False,
) -> Response:
    """Return what became different of your instruments: ids, symbols, terms."""
    rows = await house.ib.instruments.changes(since=since, corporate_actions=corporate_actions)
    return answer(Changes(items=list(rows)))
