"""The connection and what stands in the way of orders: breakers, pacing, rules, kill switch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from ibkr_connector.bridge.asking import ADMIN, READ, TRADE, House, Who, of, unchanged_or
from ibkr_connector.bridge.guard import Refused
from ibkr_connector.bridge.older_form import Health
from ibkr_connector.bridge.plain import answer, as_json
from ibkr_connector.bridge.problems import Kind
from ibkr_connector.bridge.tokens import Scope
from ibkr_connector.model.capabilities import Capabilities
from ibkr_connector.model.pacing import PacingStatus
from ibkr_connector.model.status import CircuitStatus, ConnectionStatus
from ibkr_connector.orders.guard import KillReport
from ibkr_connector.orders.kill_switch import KillState
from ibkr_connector.orders.rule_book import RulesStatus

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["control"])


class Breakers(BaseModel):
    """Each circuit breaker by its name."""

    breakers: Mapping[str, CircuitStatus]


class Kill(BaseModel):
    """The kill switch."""

    engaged: bool
    state: KillState | None


class Engage(BaseModel):
    """Why the kill switch is engaged, and what is done besides."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=500)]
    cancel: bool = Field(default=False, description="Cancel our open orders too.")
    flatten: bool = Field(default=False, description="Cancel them, and close all positions.")
    everyone: bool = Field(
        default=False, description="Cancel the orders of all other programs of the login too."
    )


class CallerNow(BaseModel):
    """Who asks, by the name of its token, and what that may do."""

    name: str
    scopes: list[Scope]


@router.get("/caller", dependencies=[READ])
async def v1_caller(who: Who) -> CallerNow:
    """Tell who asks and what the token may do, so that a screen shows no more than that."""
    return CallerNow(name=who.name, scopes=sorted(who.scopes))


@router.get("/status", dependencies=[READ], responses=of(ConnectionStatus, "How it stands"))
async def v1_status(house: House) -> Response:
    """Take a picture of the connection, of what is degraded, and of what halts trading."""
    return answer(house.ib.get_connection_status())


@router.post("/connect", dependencies=[ADMIN])
async def v1_connect(house: House) -> Health:
    """Connect to the gateway, and return when it is ready; harmless when it is."""
    await house.connect()
    return house.health()


@router.post("/disconnect", dependencies=[ADMIN])
async def v1_disconnect(house: House) -> Health:
    """Disconnect from the gateway, and stay so until somebody connects."""
    await house.disconnect()
    return house.health()


@router.get("/capabilities", dependencies=[READ], responses=of(Capabilities, "What there is"))
async def v1_capabilities(house: House, request: Request) -> Response:
    """Return what gateway and connector can do together, what is missing, and why."""
    return unchanged_or(request, as_json(await house.ib.capabilities()))


@router.get("/pacing", dependencies=[READ], responses=of(PacingStatus, "Budgets and lanes"))
async def v1_pacing(house: House) -> Response:
    """Take a picture of the pacing: budgets, what is used of them, and who waits."""
    return answer(await house.ib.pacing_status())


@router.get("/breakers", dependencies=[READ], responses=of(Breakers, "Each of them"))
async def v1_breakers(house: House) -> Response:
    """Return how each circuit breaker stands, and what it has counted."""
    return answer(Breakers(breakers=house.ib.get_connection_status().circuits))


@router.post("/breakers/{name}/reset", dependencies=[ADMIN], responses=of(Breakers, "Each of them"))
async def v1_reset_breaker(
    name: Annotated[str, Path(min_length=1, max_length=64)], house: House
) -> Response:
    """Close a circuit breaker by hand, when what it protects from is known to be over."""
    # without a connection there is none, and that is what is told then
    await house.ib.pacing_status()
    if name not in house.ib.get_connection_status().breakers:
        raise Refused(
            Kind(404, "no-such-breaker", "No such circuit breaker"),
            "no circuit breaker has that name",
            hint="GET /v1/breakers lists them",
        )
    await house.ib.reset_breaker(name)
    return answer(Breakers(breakers=house.ib.get_connection_status().circuits))


@router.get("/kill-switch", dependencies=[READ], responses=of(Kill, "Whether it is engaged"))
async def v1_kill_switch(house: House) -> Response:
    """Tell whether the kill switch is engaged, by whom and since when."""
    return answer(_kill(house.ib.kill_switch.state))


@router.post(
    "/kill-switch", dependencies=[TRADE], responses=of(KillReport, "What was cancelled and closed")
)
async def v1_engage_kill_switch(body: Engage, house: House, who: Who) -> Response:
    """
    Refuse new orders from now on, also after a restart, until somebody releases it.

    Works without a connection; what is to be cancelled then is cancelled as soon as there is one.
    """
    report = await house.ib.kill_switch.engage(
        f"{body.reason} ({who.name}, over HTTP)",
        cancel=body.cancel,
        flatten=body.flatten,
        everyone=body.everyone,
    )
    return answer(report)


@router.delete("/kill-switch", dependencies=[ADMIN], responses=of(Kill, "Whether it is engaged"))
async def v1_release_kill_switch(house: House) -> Response:
    """Let orders go again; harmless when it is not engaged."""
    house.ib.kill_switch.release()
    return answer(_kill(house.ib.kill_switch.state))


@router.post("/rules/reload", dependencies=[ADMIN], responses=of(RulesStatus, "What is in force"))
async def v1_reload_rules(house: House) -> Response:
    """Read the files of the rules again, now; a broken one leaves the earlier rules in force."""
    return answer(await house.ib.reload_rules())


def _kill(state: KillState | None) -> Kill:
    return Kill(engaged=state is not None, state=state)
