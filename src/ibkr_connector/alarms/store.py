"""
Alerts and their deliveries in the database: written before anybody is told, read after a restart.

Pieces of work on one SQLAlchemy connection each; who runs them decides when and how often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, RowMapping, delete, select, update

from ibkr_connector.model.alerts import Alert, AlertKind, AlertStep, Receipt, Severity
from ibkr_connector.observe.messages import Message
from ibkr_connector.storage.schema import alert_deliveries, alerts

__all__ = [
    "Delivery",
    "active",
    "forget",
    "history",
    "mark",
    "outstanding",
    "put_alert",
    "put_deliveries",
    "receipts",
]

_OTHER: Final = ("kind", "severity", "key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One step of an alert that one route is to be told, or was."""

    delivery_id: str
    route: str
    alert_id: str
    step: AlertStep
    message: Message
    created_at: datetime
    attempts: int = 0
    problem: str = ""
    delivered_at: datetime | None = None
    digest: str = ""
    is_held: bool = False
    next_at: datetime | None = None

    @property
    def receipt(self) -> Receipt:
        """What users are told of it."""
        return Receipt(
            delivery_id=self.delivery_id,
            route=self.route,
            title=self.message.title,
            created_at=self.created_at,
            attempts=self.attempts,
            delivered_at=self.delivered_at,
            next_at=self.next_at,
            problem=self.problem,
            is_held=self.is_held,
            digest=self.digest,
        )


def put_alert(connection: Connection, alert: Alert, owner: str) -> None:
    """Write an alert as it stands."""
    names = Alert.__dataclass_fields__.keys() - set(_OTHER)
    row = {name: alert[name] for name in names}
    row |= {"kind": alert.kind.value, "severity": alert.severity.value, "subject": alert.key}
    row["owner"] = owner
    is_meant = alerts.c.alert_id == alert.alert_id
    if not connection.execute(update(alerts).where(is_meant).values(row)).rowcount:
        connection.execute(alerts.insert().values(row))


def put_deliveries(connection: Connection, deliveries: Sequence[Delivery], owner: str) -> None:
    """Write what routes are to be told."""
    if not deliveries:
        return
    connection.execute(
        alert_deliveries.insert(),
        [
            {
                "delivery_id": one.delivery_id,
                "owner": owner,
                "route": one.route,
                "alert_id": one.alert_id,
                "step": one.step.value,
                "severity": one.message.severity.value,
                "title": one.message.title,
                "body": one.message.body,
                "created_at": one.created_at,
                "attempts": one.attempts,
                "problem": one.problem,
                "delivered_at": one.delivered_at,
                "digest": one.digest,
            }
            for one in deliveries
        ],
    )


def mark(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """Write how deliveries stand."""
    for one in deliveries:
        connection.execute(
            update(alert_deliveries)
            .where(alert_deliveries.c.delivery_id == one.delivery_id)
            .values(
                attempts=one.attempts,
                problem=one.problem,
                delivered_at=one.delivered_at,
                digest=one.digest,
            )
        )


def active(connection: Connection, owner: str | None) -> list[Alert]:
    """Return the alerts that go on, the oldest first."""
    asked = select(alerts).where(alerts.c.cleared_at.is_(None)).order_by(alerts.c.raised_at)
    if owner is not None:
        asked = asked.where(alerts.c.owner == owner)
    return [_alert(row) for row in connection.execute(asked).mappings()]


def history(
    connection: Connection,
    *,
    owner: str | None = None,
    kind: AlertKind | None = None,
    since: datetime | None = None,
    limit: int = 100,
) -> list[Alert]:
    """Return alerts, the newest first."""
    asked = select(alerts).order_by(alerts.c.raised_at.desc(), alerts.c.alert_id).limit(limit)
    if owner is not None:
        asked = asked.where(alerts.c.owner == owner)
    if kind is not None:
        asked = asked.where(alerts.c.kind == kind.value)
    if since is not None:
        asked = asked.where(alerts.c.raised_at >= since)
    return [_alert(row) for row in connection.execute(asked).mappings()]


def outstanding(connection: Connection, owner: str | None) -> list[Delivery]:
    """Return what was not told yet, the oldest first."""
    asked = (
        select(alert_deliveries)
        .where(alert_deliveries.c.delivered_at.is_(None))
        .order_by(alert_deliveries.c.created_at, alert_deliveries.c.delivery_id)
    )
    if owner is not None:
        asked = asked.where(alert_deliveries.c.owner == owner)
    return [_delivery(row) for row in connection.execute(asked).mappings()]


def receipts(
    connection: Connection, *, owner: str | None = None, limit: int = 100
) -> list[Receipt]:
    """Return what became of deliveries, the newest first."""
    asked = (
        select(alert_deliveries)
        .order_by(alert_deliveries.c.created_at.desc(), alert_deliveries.c.delivery_id)
        .limit(limit)
    )
    if owner is not None:
        asked = asked.where(alert_deliveries.c.owner == owner)
    return [_delivery(row).receipt for row in connection.execute(asked).mappings()]


def forget(connection: Connection, before: datetime) -> None:
    """Let go what was over, and told, before a time."""
    connection.execute(delete(alerts).where(alerts.c.cleared_at < before))
    connection.execute(delete(alert_deliveries).where(alert_deliveries.c.delivered_at < before))


def _alert(row: RowMapping) -> Alert:
    known = {name: row[name] for name in Alert.__dataclass_fields__ if name not in _OTHER}
    return Alert(
        kind=AlertKind(row["kind"]),
        severity=Severity(row["severity"]),
        key=row["subject"],
        **known,
    )


def _delivery(row: RowMapping) -> Delivery:
    severity = Severity(row["severity"])
    message = Message(title=row["title"], body=row["body"], severity=severity)
    return Delivery(
        delivery_id=row["delivery_id"],
        route=row["route"],
        alert_id=row["alert_id"],
        step=AlertStep(row["step"]),
        message=message,
        created_at=row["created_at"],
        attempts=row["attempts"],
        problem=row["problem"],
        delivered_at=row["delivered_at"],
        digest=row["digest"],
    )
