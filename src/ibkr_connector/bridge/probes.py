"""Whether the bridge lives, whether it is ready, and what it counts."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel

from .asking import READ, House, of
from .older_form import Health

__all__ = ["router"]

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """Said by a server that answers at all."""

    alive: bool


class Readiness(BaseModel):
    """
    Whether it can do its work.

    `reasons` are codes: why it cannot. `notes` are codes of what is wrong without being in the way.
    """

    ready: bool
    state: str
    reasons: list[str]
    notes: list[str]


@router.get("/health")
async def health(house: House) -> Health:
    """Say whether there is a connection; answers 200 as long as the bridge runs."""
    return house.health()


@router.get("/livez")
async def livez() -> Alive:
    """Say that the process lives; restart it when this does not answer."""
    return Alive(alive=True)


@router.get(
    "/readyz",
    response_model=Readiness,
    responses={**of(Readiness, "Not ready, and why", status=503)},
)
async def readyz(house: House) -> Response:
    """Say whether it can do its work; with the reasons, as 503, when it cannot."""
    ready, told = house.readiness()
    return JSONResponse(dict(told), status_code=200 if ready else 503)


@router.get("/metrics", dependencies=[READ], response_class=PlainTextResponse)
async def metrics(house: House, request: Request) -> Response:
    """Return what is counted, as Prometheus reads it."""
    # on a thread of its own: to write thousands of lines takes a while
    shown = await asyncio.to_thread(house.ib.metrics.exposition, request.headers.get("accept", ""))
    return Response(shown.body, media_type=shown.content_type)
