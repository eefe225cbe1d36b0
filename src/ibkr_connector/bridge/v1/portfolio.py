"""The accounts of the login: all of them, over time, and how well they did."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ibkr_connector.bridge.asking import ADMIN, READ, House, Symbol, of, unchanged_or
from ibkr_connector.bridge.pages import Limit, Mark, page
from ibkr_connector.bridge.plain import answer, as_json, utc_text
from ibkr_connector.model.account import (
    AccountSegment,
    AccountSummary,
    CurrencyBalance,
    PnLCheck,
    PositionPnL,
)
from ibkr_connector.model.account_history import (
    CashFlow,
    EquityPoint,
    KeepingState,
    PositionPoint,
)
from ibkr_connector.model.analytics import Concentration, DailyPnL, Drawdown, ReturnSeries

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["account"])

Account = Annotated[
    str | None, Query(max_length=64, description="One account, when the login has several.")
]
Start = Annotated[AwareDatetime | None, Query(description="From the beginning, when not given.")]
End = Annotated[AwareDatetime | None, Query(description="Not included; until now, if not given.")]


class Accounts(BaseModel):
    """The figures of every account; an advisor's own comes first."""

    items: list[AccountSummary]


class Balances(BaseModel):
    """The ledger of each currency; the row of all (`BASE`) comes last."""

    items: list[CurrencyBalance]


class Segments(BaseModel):
    """The parts of an account: securities, commodities, crypto."""

    items: list[AccountSegment]


class Equity(BaseModel):
    """A page of what an account was worth, and all that was paid in and out in the span."""

    account: str
    points: list[EquityPoint]
    flows: list[CashFlow]
    next: str | None


class Holdings(BaseModel):
    """A page of what an account held."""

    account: str
    points: list[PositionPoint]
    next: str | None


class Payment(BaseModel):
    """Money that was paid in, or out when it is negative."""

    model_config = ConfigDict(extra="forbid")

    amount: Annotated[
        Decimal, Field(allow_inf_nan=False, max_digits=40, description="In the base currency.")
    ]
    account: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    arrived: AwareDatetime | None = Field(default=None, description="Now, when not given.")


class Marks(BaseModel):
    """
    What losses are measured against from now on; all `null` when no limit is about losses.

    `day_start` is what the account was worth when the day began, `peak` the most since the last
    reset, and `halted_until` the end of a cooldown.
    """

    day: date | None = None
    day_start: Decimal | None = None
    peak: Decimal | None = None
    halted_until: datetime | None = None
    halted_by: str = ""


@router.get("/accounts", dependencies=[READ], responses=of(Accounts, "Each of them"))
async def v1_accounts(house: House, request: Request) -> Response:
    """Return the figures of every account of the login."""
    rows = await house.ib.portfolio.summaries()
    return unchanged_or(request, as_json(Accounts(items=list(rows))))


@router.get("/balances", dependencies=[READ], responses=of(Balances, "One for each currency"))
async def v1_balances(house: House, request: Request, account: Account = None) -> Response:
    """Return what an account has in each currency."""
    rows = await house.ib.portfolio.balances(account)
    return unchanged_or(request, as_json(Balances(items=list(rows))))


@router.get("/segments", dependencies=[READ], responses=of(Segments, "Its parts"))
async def v1_segments(house: House, request: Request, account: Account = None) -> Response:
    """Return the figures of the parts of an account."""
    rows = await house.ib.portfolio.segments(account)
    return unchanged_or(request, as_json(Segments(items=list(rows))))


@router.get("/positions/history", dependencies=[READ], responses=of(Holdings, "A page of them"))
async def v1_position_history(
    house: House,
    request: Request,
    start: Start = None,
    end: End = None,
    account: Account = None,
    con_id: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Of one contract.")] = None,
    limit: Limit = 1000,
    cursor: Mark = None,
) -> Response:
    """Return what an account held over time, from the database."""
    found = await house.ib.portfolio.position_history(account, start=start, end=end, con_id=con_id)
    rows, following = page(
        found.points, limit, cursor, key=lambda one: f"{utc_text(one.at)}/{one.con_id}"
    )
    told = Holdings(account=found.account, points=list(rows), next=following)
    return unchanged_or(request, as_json(told))


@router.get("/positions/{symbol}/pnl", dependencies=[READ], responses=of(PositionPnL, "Of today"))
async def v1_position_pnl(symbol: Symbol, house: House, account: Account = None) -> Response:
    """Return today's profit and loss of one position; the first call takes about a second."""
    return answer(await house.ib.portfolio.position_pnl(symbol, account=account))


@router.get("/pnl/check", dependencies=[READ], responses=of(PnLCheck, "Both, and what is missing"))
async def v1_check_pnl(house: House, account: Account = None) -> Response:
    """Return the broker's profit and loss beside what follows from positions and executions."""
    return answer(await house.ib.portfolio.check_pnl(account))


@router.get("/concentration", dependencies=[READ], responses=of(Concentration, "Weights and HHI"))
async def v1_concentration(house: House, account: Account = None) -> Response:
    """Return how unevenly what is held is spread over symbols."""
    return answer(await house.ib.portfolio.concentration(account))


@router.get("/equity", dependencies=[READ], responses=of(Equity, "A page of the curve"))
async def v1_equity(
    house: House,
    request: Request,
    start: Start = None,
    end: End = None,
    account: Account = None,
    limit: Limit = 1000,
    cursor: Mark = None,
) -> Response:
    """
    Return what an account was worth over time, from the database.

    `start` is a cursor too: who has a point asks from its `at` on.
    """
    found = await house.ib.portfolio.equity_history(account, start=start, end=end)
    rows, following = page(found.points, limit, cursor, key=lambda one: utc_text(one.at))
    told = Equity(account=found.account, points=list(rows), flows=list(found.flows), next=following)
    return unchanged_or(request, as_json(told))


@router.get("/equity/state", dependencies=[READ], responses=of(KeepingState, "How it is kept"))
async def v1_equity_state(house: House) -> Response:
    """Return whether the history of accounts is kept, and what is in the way of it."""
    return answer(await house.ib.portfolio.history_state())


@router.get("/returns", dependencies=[READ], responses=of(ReturnSeries, "By day"))
async def v1_returns(
    house: House,
    request: Request,
    start: Start = None,
    end: End = None,
    account: Account = None,
) -> Response:
    """Return time-weighted returns by day, from the history that is kept."""
    found = await house.ib.portfolio.returns(account, start=start, end=end)
    return unchanged_or(request, as_json(found))


@router.get("/drawdown", dependencies=[READ], responses=of(Drawdown, "At each point and at most"))
async def v1_drawdown(
    house: House,
    request: Request,
    start: Start = None,
    end: End = None,
    account: Account = None,
) -> Response:
    """Return how far an account was below its highest, payments left aside."""
    found = await house.ib.portfolio.drawdown(account, start=start, end=end)
    return unchanged_or(request, as_json(found))


@router.get("/daily-pnl", dependencies=[READ], responses=of(DailyPnL, "By day"))
async def v1_daily_pnl(
    house: House,
    request: Request,
    start: Start = None,
    end: End = None,
    account: Account = None,
) -> Response:
    """Return realised and unrealised gains by day, from the history that is kept."""
    found = await house.ib.portfolio.daily_pnl(account, start=start, end=end)
    return unchanged_or(request, as_json(found))


@router.post("/losses/payment", dependencies=[ADMIN], responses=of(Marks, "What counts from now"))
async def v1_adjust_equity(body: Payment, house: House) -> Response:
    """Tell that money was paid in or out: it is no gain and no loss to the limits of losses."""
    marks = await house.ib.adjust_equity(body.amount, account=body.account, arrived=body.arrived)
    if marks is None:
        return answer(Marks())
    return answer(
        Marks(
            day=marks.day,
            day_start=marks.day_start,
            peak=marks.peak,
            halted_until=marks.halted_until,
            halted_by=marks.halted_by,
        )
    )


@router.delete("/losses", status_code=204, dependencies=[ADMIN])
async def v1_reset_losses(house: House, account: Account = None) -> Response:
    """Measure daily loss and drawdown from the next figures on, and end a cooldown."""
    await house.ib.reset_losses(account)
    return Response(status_code=204)
