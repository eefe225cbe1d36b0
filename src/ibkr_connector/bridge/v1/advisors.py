"""
What an advisor's login has set up, and what models hold.

*limit*: groups and aliases are changed by the SDK or in TWS: who replaces a list here could take
away what another screen has just put in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel

from ibkr_connector.bridge.asking import READ, House, of, unchanged_or
from ibkr_connector.bridge.plain import as_json
from ibkr_connector.model.account import AccountSummary, Position
from ibkr_connector.model.advisor import AdvisorGroup, SoftDollarTier

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["account"], dependencies=[READ])

Account = Annotated[
    str | None, Query(max_length=64, description="One account, when the login has several.")
]
Model = Annotated[
    str,
    Path(min_length=1, max_length=64, pattern=r"^[\x20-\x7e]+$", description="Name of a model."),
]


class Groups(BaseModel):
    """Groups of accounts, among which an order can be divided."""

    items: list[AdvisorGroup]


class Names(BaseModel):
    """A word for each account that has one."""

    accounts: Mapping[str, str]


class Tiers(BaseModel):
    """The tiers of the login's soft-dollar contracts."""

    items: list[SoftDollarTier]


class Models(BaseModel):
    """The models in which an account holds anything."""

    items: list[str]


class ModelPositions(BaseModel):
    """What an account holds in a model."""

    items: list[Position]


@router.get("/advisor/groups", responses=of(Groups, "Each of them"))
async def v1_advisor_groups(house: House, request: Request) -> Response:
    """Return an advisor's groups; refused for a login that is no advisor's."""
    rows = await house.ib.portfolio.groups()
    return unchanged_or(request, as_json(Groups(items=list(rows))))


@router.get("/advisor/profiles", responses=of(Groups, "Each of them"))
async def v1_advisor_profiles(house: House, request: Request) -> Response:
    """Return an advisor's allocation profiles; servers from 177 on have groups alone."""
    rows = await house.ib.portfolio.profiles()
    return unchanged_or(request, as_json(Groups(items=list(rows))))


@router.get("/advisor/aliases", responses=of(Names, "By account"))
async def v1_advisor_aliases(house: House, request: Request) -> Response:
    """Return the other names of an advisor's accounts."""
    return unchanged_or(request, as_json(Names(accounts=await house.ib.portfolio.aliases())))


@router.get("/families", responses=of(Names, "By account"))
async def v1_families(house: House, request: Request) -> Response:
    """Return the family code of each account that has one."""
    return unchanged_or(request, as_json(Names(accounts=await house.ib.portfolio.families())))


@router.get("/soft-dollar-tiers", responses=of(Tiers, "Each of them"))
async def v1_soft_dollar_tiers(house: House, request: Request) -> Response:
    """Return the tiers that an order may name; none without a soft-dollar contract."""
    rows = await house.ib.portfolio.soft_dollar_tiers()
    return unchanged_or(request, as_json(Tiers(items=list(rows))))


@router.get("/models", responses=of(Models, "Their names"))
async def v1_models(house: House, request: Request, account: Account = None) -> Response:
    """Return the models in which an account holds anything; TWS has no list of the others."""
    rows = await house.ib.portfolio.models(account)
    return unchanged_or(request, as_json(Models(items=list(rows))))


@router.get("/models/{model}/positions", responses=of(ModelPositions, "What is held"))
async def v1_model_positions(
    model: Model, house: House, request: Request, account: Account = None
) -> Response:
    """Return what an account holds in a model."""
    rows = await house.ib.portfolio.model_positions(model, account=account)
    return unchanged_or(request, as_json(ModelPositions(items=list(rows))))


@router.get("/models/{model}/account", responses=of(AccountSummary, "The figures"))
async def v1_model_account(
    model: Model, house: House, request: Request, account: Account = None
) -> Response:
    """Return the figures of a model."""
    found = await house.ib.portfolio.model_summary(model, account=account)
    return unchanged_or(request, as_json(found))
