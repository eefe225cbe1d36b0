"""The figures of the account, and what it holds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from ibkr_connector.bridge.asking import READ, TRADE, House, Symbol, of, unchanged_or
from ibkr_connector.bridge.plain import answer, as_json
from ibkr_connector.model.account import AccountSummary, Position, ProfitAndLoss
from ibkr_connector.model.analytics import Exposure
from ibkr_connector.orders.closing import ClosingReport

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["account"])

Account = Annotated[
    str | None, Query(max_length=64, description="One account, when the login has several.")
]


class Positions(BaseModel):
    """What is held."""

    items: list[Position]


@router.get("/account", dependencies=[READ], responses=of(AccountSummary, "The figures"))
async def v1_account(house: House, request: Request, account: Account = None) -> Response:
    """Return the figures of one account, from what the gateway keeps current."""
    return unchanged_or(request, as_json(await house.ib.get_account_summary(account)))


@router.get("/positions", dependencies=[READ], responses=of(Positions, "What is held"))
async def v1_positions(house: House, request: Request, account: Account = None) -> Response:
    """Return what is held, one row for each account and contract."""
    rows = await house.ib.get_positions(account)
    return unchanged_or(request, as_json(Positions(items=list(rows))))


@router.get("/pnl", dependencies=[READ], responses=of(ProfitAndLoss, "Of today"))
async def v1_pnl(house: House, account: Account = None) -> Response:
    """Return today's profit and loss of an account; the first call takes about a second."""
    return answer(await house.ib.portfolio.pnl(account))


@router.get("/exposure", dependencies=[READ], responses=of(Exposure, "Long, short, net, gross"))
async def v1_exposure(house: House, account: Account = None) -> Response:
    """Return how much of the account is at stake, by what it holds."""
    return answer(await house.ib.portfolio.exposure(account))


@router.post(
    "/positions/{symbol}/close",
    dependencies=[TRADE],
    responses=of(ClosingReport, "What was cancelled and what closes"),
)
async def v1_close_position(symbol: Symbol, house: House, account: Account = None) -> Response:
    """Cancel our open orders on a contract, then close what is held of it at the market."""
    return answer(await house.ib.close_position(symbol, account=account))


@router.post(
    "/flatten",
    dependencies=[TRADE],
    responses=of(ClosingReport, "What was cancelled and what closes"),
)
async def v1_flatten(house: House, account: Account = None) -> Response:
    """Cancel every open order of ours, then close every position at the market."""
    return answer(await house.ib.flatten(account=account))
