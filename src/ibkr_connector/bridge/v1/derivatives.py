"""Options and futures: chains, greeks, front months, rolls, series that go on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from ibkr_connector.bridge.asking import READ, House, Symbol, of, unchanged_or
from ibkr_connector.bridge.pages import Limit, Mark, page
from ibkr_connector.bridge.plain import answer, as_json, utc_text
from ibkr_connector.bridge.problems import told_of
from ibkr_connector.model.contracts import ContractDetails, Right
from ibkr_connector.model.derivatives import OptionChain, OptionValue
from ibkr_connector.model.futures import Adjustment, Roll, RollNotice
from ibkr_connector.model.greeks import Greeks
from ibkr_connector.model.market import Bar

__all__ = ["router"]

router = APIRouter(prefix="/v1", dependencies=[READ])

Amount = Annotated[Decimal, Query(gt=0, max_digits=40, allow_inf_nan=False, examples=["187.50"])]


class Greeking(BaseModel):
    """The greeks of part of a chain; `problems` says of each option without them why."""

    items: list[OptionValue]
    problems: Mapping[str, dict[str, Any]]


class FutureContracts(BaseModel):
    """The futures of a symbol, the next to expire first."""

    items: list[ContractDetails]


class Rolls(BaseModel):
    """When each contract gives way to the next."""

    items: list[Roll]


class Continuous(BaseModel):
    """A page of bars that go on from one contract to the next, and where they do."""

    symbol: str
    bar_size: str
    rule: str
    adjustment: str
    rolls: list[Roll]
    items: list[Bar]
    next: str | None


@router.get("/options/{symbol}/chain", tags=["options"], responses=of(OptionChain, "The chain"))
async def v1_option_chain(
    symbol: Symbol,
    house: House,
    request: Request,
    exchange: Annotated[str | None, Query(max_length=32, examples=["SMART"])] = None,
    trading_class: Annotated[str | None, Query(max_length=32)] = None,
    until: Annotated[date | None, Query(description="The last expiry.")] = None,
) -> Response:
    """Return the options on an underlying: expiries and strikes of each class."""
    chain = await house.ib.options.chain(symbol)
    chain = chain.at(exchange=exchange, trading_class=trading_class).expiring(until=until)
    return unchanged_or(request, as_json(chain))


@router.get("/options/{symbol}/slice", tags=["options"], responses=of(Greeking, "One row each"))
async def v1_option_slice(
    symbol: Symbol,
    house: House,
    near: Annotated[Decimal, Query(gt=0, max_digits=40, allow_inf_nan=False, examples=["190"])],
    count: Annotated[int, Query(ge=1, le=10, description="Strikes of each class.")] = 2,
    expiries: Annotated[int, Query(ge=1, le=4, description="The nearest ones.")] = 1,
    right: Annotated[
        Right | None, Query(description="`C` calls, `P` puts; both if not given.")
    ] = None,
    exchange: Annotated[str, Query(max_length=32)] = "SMART",
    trading_class: Annotated[str | None, Query(max_length=32)] = None,
) -> Response:
    """Return the greeks of the options around a price, by IB's model and by the market."""
    chain = await house.ib.options.chain(symbol)
    part = chain.at(exchange=exchange, trading_class=trading_class)
    part = part.expiring(nearest=expiries).near(near, count=count)
    found = await house.ib.options.greeks_of(part if right is None else part.only(right))
    problems = {str(which): told_of(error) for which, error in found.failures.items()}
    return answer(Greeking(items=list(found.values), problems=problems))


@router.get("/options/{symbol}/greeks", tags=["options"], responses=of(OptionValue, "Its greeks"))
async def v1_greeks(symbol: Symbol, house: House) -> Response:
    """Return the greeks of one option, by IB's model and as bid, ask and last imply them."""
    return answer(await house.ib.options.greeks(symbol))


@router.get(
    "/options/{symbol}/implied-volatility", tags=["options"], responses=of(Greeks, "What follows")
)
async def v1_implied_volatility(
    symbol: Symbol, house: House, price: Amount, under_price: Amount
) -> Response:
    """Return which volatility a price of an option implies, at a price of its underlying."""
    found = await house.ib.options.implied_volatility(symbol, price=price, under_price=under_price)
    return answer(found)


@router.get("/options/{symbol}/price", tags=["options"], responses=of(Greeks, "What follows"))
async def v1_option_price(
    symbol: Symbol,
    house: House,
    volatility: Annotated[float, Query(gt=0, le=100, description="`0.25` is 25 per cent a year.")],
    under_price: Amount,
) -> Response:
    """Return which price of an option a volatility implies."""
    found = await house.ib.options.price(symbol, volatility=volatility, under_price=under_price)
    return answer(found)


@router.get(
    "/futures/{symbol}/contracts", tags=["futures"], responses=of(FutureContracts, "Each of them")
)
async def v1_futures(
    symbol: Symbol, house: House, request: Request, include_expired: bool = False
) -> Response:
    """Return the futures of a symbol, the next to expire first."""
    rows = await house.ib.futures.contracts(symbol, include_expired=include_expired)
    return unchanged_or(request, as_json(FutureContracts(items=list(rows))))


@router.get(
    "/futures/{symbol}/front", tags=["futures"], responses=of(ContractDetails, "What IB says of it")
)
async def v1_front(symbol: Symbol, house: House, request: Request) -> Response:
    """Return the contract in front."""
    return unchanged_or(request, as_json(await house.ib.futures.front(symbol)))


@router.get("/futures/{symbol}/rolls", tags=["futures"], responses=of(Rolls, "Each of them"))
async def v1_rolls(symbol: Symbol, house: House, request: Request) -> Response:
    """Return when each contract gives way to the next; two years back, and ahead."""
    rows = await house.ib.futures.roll_calendar(symbol)
    return unchanged_or(request, as_json(Rolls(items=list(rows))))


@router.get("/futures/{symbol}/next-roll", tags=["futures"], responses=of(RollNotice, "The next"))
async def v1_next_roll(symbol: Symbol, house: House) -> Response:
    """Return which contract follows the one in front, when, and in how many trading days."""
    return answer(await house.ib.futures.next_roll(symbol))


@router.get(
    "/futures/{symbol}/continuous", tags=["futures"], responses=of(Continuous, "A page of bars")
)
async def v1_continuous(
    symbol: Symbol,
    house: House,
    request: Request,
    start: Annotated[date, Query(description="The first day.", examples=["2026-06-01"])],
    end: Annotated[date | None, Query(description="Until now, when not given.")] = None,
    adjustment: Adjustment = Adjustment.DIFFERENCE,
    limit: Limit = 1000,
    cursor: Mark = None,
) -> Response:
    """Return daily bars that go on from one contract to the next, back-adjusted."""
    series = await house.ib.futures.continuous(symbol, start=start, end=end, adjustment=adjustment)
    rows, following = page(series.bars, limit, cursor, key=lambda bar: utc_text(bar.timestamp))
    told = Continuous(
        symbol=series.symbol,
        bar_size=series.bar_size,
        rule=series.rule.value,
        adjustment=series.adjustment.value,
        rolls=list(series.rolls),
        items=list(rows),
        next=following,
    )
    return unchanged_or(request, as_json(told))
