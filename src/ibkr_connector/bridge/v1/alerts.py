"""What is wrong, what was, and that somebody has seen it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel

from ibkr_connector.bridge.asking import READ, TRADE, House, Who, of, unchanged_or
from ibkr_connector.bridge.guard import Refused
from ibkr_connector.bridge.plain import answer, as_json
from ibkr_connector.bridge.problems import Kind
from ibkr_connector.model.alerts import Alert, AlertKind

__all__ = ["router"]

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])


class Alerts(BaseModel):
    """Alerts, each from when it was raised until it is cleared."""

    items: list[Alert]


@router.get("", dependencies=[READ], responses=of(Alerts, "The oldest first"))
async def v1_alerts(house: House, request: Request) -> Response:
    """Return what is wrong now."""
    return unchanged_or(request, as_json(Alerts(items=list(await house.ib.alerts.active()))))


@router.get("/history", dependencies=[READ], responses=of(Alerts, "The newest first"))
async def v1_alert_history(
    house: House,
    request: Request,
    since: Annotated[AwareDatetime | None, Query(description="Raised at or after it.")] = None,
    kind: AlertKind | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Return what was wrong, also in earlier runs."""
    rows = await house.ib.alerts.history(since=since, kind=kind, limit=limit)
    return unchanged_or(request, as_json(Alerts(items=list(rows))))


@router.post(
    "/{alert_id}/acknowledge", dependencies=[TRADE], responses=of(Alert, "The alert, as noted")
)
async def v1_acknowledge_alert(
    alert_id: Annotated[str, Path(min_length=1, max_length=64)], house: House, who: Who
) -> Response:
    """Note that somebody has seen an alert, so that nobody is reminded of it any more."""
    if alert_id not in [one.alert_id for one in await house.ib.alerts.active()]:
        raise Refused(
            Kind(404, "no-such-alert", "No such alert"),
            "nothing that is wrong now has that id",
            hint="GET /v1/alerts lists them",
        )
    return answer(await house.ib.alerts.acknowledge(alert_id, by=f"http: {who.name}"))
