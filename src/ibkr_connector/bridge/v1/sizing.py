"""How large a position may be: from a share of the account to a quantity within the limits."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from ibkr_connector.bridge.asking import READ, House, Symbol, of
from ibkr_connector.bridge.plain import answer
from ibkr_connector.orders.sizing import (
    PositionSize,
    SizingBasis,
    size_by_equity,
    size_by_risk,
    size_by_volatility,
)

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["risk"], dependencies=[READ])

Price = Annotated[Decimal, Query(gt=0, max_digits=40, allow_inf_nan=False, examples=["187.50"])]
Share = Annotated[
    Decimal,
    Query(
        gt=0,
        le=1,
        max_digits=40,
        allow_inf_nan=False,
        description="`0.01` is one per cent.",
        examples=["0.01"],
    ),
]
Account = Annotated[str | None, Query(max_length=64)]


class Risk(BaseModel):
    """
    What stands in the way of orders now.

    `halted_by` is every reason for which new orders are refused, `rules` where the limits come
    from, `uncertain_orders` how many there are of which nobody knows, and `attention` what somebody
    must look at.
    """

    readonly: bool
    halted_by: list[str]
    kill_switch: str
    rules: str
    open_orders: int
    uncertain_orders: int
    attention: list[str]


@router.get("/risk", responses=of(Risk, "What stands in the way"))
async def v1_risk(house: House) -> Response:
    """Tell what stands in the way of orders: halts, the kill switch, and which rules hold."""
    seen = house.ib.get_connection_status()
    return answer(
        Risk(
            readonly=seen.readonly,
            halted_by=list(seen.halted_by),
            kill_switch=seen.kill_switch,
            rules=seen.rules,
            open_orders=seen.open_orders,
            uncertain_orders=seen.uncertain_orders,
            attention=list(seen.attention),
        )
    )


@router.get("/sizing/{symbol}", responses=of(SizingBasis, "What sizes are made of"))
async def v1_sizing(symbol: Symbol, house: House, account: Account = None) -> Response:
    """Return worth, multiplier, rate, lot, and the quantity and value that the limits allow."""
    return answer(await house.ib.sizing_basis(symbol, account=account))


@router.get("/sizing/{symbol}/risk", responses=of(PositionSize, "How much, and what bounds it"))
async def v1_size_by_risk(
    symbol: Symbol, house: House, entry: Price, stop: Price, share: Share, account: Account = None
) -> Response:
    """Size so that the way from `entry` to `stop` costs that share of the equity."""
    basis = await house.ib.sizing_basis(symbol, account=account)
    return answer(size_by_risk(basis, entry=entry, stop=stop, risk_share=share))


@router.get("/sizing/{symbol}/equity", responses=of(PositionSize, "How much, and what bounds it"))
async def v1_size_by_equity(
    symbol: Symbol, house: House, price: Price, share: Share, account: Account = None
) -> Response:
    """Size so that the position is worth that share of the equity."""
    basis = await house.ib.sizing_basis(symbol, account=account)
    return answer(size_by_equity(basis, price=price, share=share))


@router.get(
    "/sizing/{symbol}/volatility", responses=of(PositionSize, "How much, and what bounds it")
)
async def v1_size_by_volatility(
    symbol: Symbol,
    house: House,
    price: Price,
    average_range: Price,
    share: Share,
    multiple: Annotated[Decimal, Query(gt=0, max_digits=20, allow_inf_nan=False)] = Decimal(1),
    account: Account = None,
) -> Response:
    """Size so that so many average ranges against the position cost that share of the equity."""
    basis = await house.ib.sizing_basis(symbol, account=account)
    sized = size_by_volatility(
        basis, price=price, average_range=average_range, risk_share=share, multiple=multiple
    )
    return answer(sized)
