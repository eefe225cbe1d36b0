"""What is wrong, what was, and that somebody has seen it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ibkr_connector.bridge.asking import ADMIN, READ, TRADE, House, Who, of, unchanged_or
from ibkr_connector.bridge.guard import Refused
from ibkr_connector.bridge.plain import answer, as_json
from ibkr_connector.bridge.problems import Kind
from ibkr_connector.model.alerts import Alert, AlertKind, Receipt, Severity, Silence
from ibkr_connector.settings.alert_rules import AlertAction, Side, Unit

__all__ = ["router"]

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])


class Receipts(BaseModel):
    """What became of telling routes, the newest first."""

    items: list[Receipt]


class Silences(BaseModel):
    """What nobody is told of for a while."""

    items: list[Silence]


class SilenceWish(BaseModel):
    """For how long which alerts are told to nobody; they are raised and shown all the same."""

    model_config = ConfigDict(extra="forbid")

    for_s: Annotated[float, Field(gt=0, le=604_800, examples=[3600])]
    kind: AlertKind | None = Field(default=None, description="Every kind, when not given.")
    key: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    reason: Annotated[str, Field(max_length=500)] = ""


class Alerts(BaseModel):
    """Alerts, each from when it was raised until it is cleared."""

    items: list[Alert]


class WatchedKind(BaseModel):
    """
    When one kind of alert is raised, when it is cleared, and what is done then.

    It is raised when its figure is on the `side` of `threshold` for `raise_after_s`, and cleared
    when it is beyond `clear_at` for `clear_after_s`.
    """

    kind: AlertKind
    enabled: bool
    severity: Severity
    threshold: Decimal | None
    clear_at: Decimal | None
    side: Side
    unit: Unit
    raise_after_s: float
    clear_after_s: float
    remind_s: float | None
    action: AlertAction


class Watched(BaseModel):
    """The rules in force, where they come from, and the names of the routes that are told."""

    source: str
    enabled: bool
    routes: list[str]
    items: list[WatchedKind]


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


@router.get("/rules", dependencies=[READ], responses=of(Watched, "Each kind"))
async def v1_alert_rules(house: House, request: Request) -> Response:
    """Return what is watched, from when on it alarms, and what is done then by itself."""
    given = house.ib.settings.alerts
    rules = [(kind, given.rule(kind)) for kind in AlertKind if kind is not AlertKind.TEST]
    told = Watched(
        source=given.source,
        enabled=given.enabled,
        routes=sorted(given.routes),
        items=[
            WatchedKind(
                kind=kind,
                enabled=rule.is_on,
                severity=rule.severity,
                threshold=rule.threshold,
                clear_at=rule.clear_at,
                side=rule.side,
                unit=rule.unit,
                raise_after_s=rule.raise_after_s,
                clear_after_s=rule.clear_after_s,
                remind_s=rule.remind_s,
                action=rule.action,
            )
            for kind, rule in rules
        ],
    )
    return unchanged_or(request, as_json(told))


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


@router.get("/receipts", dependencies=[READ], responses=of(Receipts, "The newest first"))
async def v1_alert_receipts(
    house: House, request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> Response:
    """Return what became of telling routes of alerts: delivered, or why not yet."""
    rows = await house.ib.alerts.receipts(limit=limit)
    return unchanged_or(request, as_json(Receipts(items=list(rows))))


@router.post(
    "/test", dependencies=[ADMIN], responses=of(Receipts, "What one attempt with each brought")
)
async def v1_test_alerts(house: House) -> Response:
    """Tell every route that this is a test."""
    return answer(Receipts(items=list(await house.ib.alerts.test())))


@router.get("/silences", dependencies=[READ], responses=of(Silences, "Those that hold"))
async def v1_silences(house: House) -> Response:
    """Return what nobody is told of at the moment."""
    return answer(Silences(items=list(await house.ib.alerts.silences())))


@router.post(
    "/silences",
    status_code=201,
    dependencies=[TRADE],
    responses=of(Silence, "It holds from now on", status=201),
)
async def v1_silence(body: SilenceWish, house: House, who: Who) -> Response:
    """Tell no route of some alerts for a while, as during work on the gateway."""
    made = await house.ib.alerts.silence(
        for_s=body.for_s,
        kind=body.kind,
        key=body.key,
        reason=f"{body.reason} ({who.name}, over HTTP)".strip(),
    )
    where = {"Location": f"/v1/alerts/silences/{made.silence_id}"}
    return answer(made, status=201, headers=where)


@router.delete("/silences/{silence_id}", status_code=204, dependencies=[TRADE])
async def v1_end_silence(
    silence_id: Annotated[str, Path(min_length=1, max_length=64)], house: House
) -> Response:
    """End a silence before its time."""
    if not await house.ib.alerts.unsilence(silence_id):
        raise Refused(
            Kind(404, "no-such-silence", "No such silence"),
            "no silence that holds has that id",
            hint="GET /v1/alerts/silences lists them",
        )
    return Response(status_code=204)
