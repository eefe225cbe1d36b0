"""
Alerts and their deliveries in the database: written before anybody is told, read after a restart.

Pieces of work on one connection each; who runs them decides when and how often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ibkr_connector.model.alerts import Alert, AlertKind, AlertStep, Receipt, Severity
from ibkr_connector.observe.messages import Message
from ibkr_connector.storage.statements import Connection, Row, insert, upsert
from ibkr_connector.storage.tables import ALERT_DELIVERIES, ALERTS

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
    upsert(connection, ALERTS, [row])


def put_deliveries(connection: Connection, deliveries: Sequence[Delivery], owner: str) -> None:
    """Write what routes are to be told."""
    insert(
        connection,
        ALERT_DELIVERIES,
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
    if not deliveries:
        return
    connection.write_all(
        """
        UPDATE alert_deliveries SET attempts = :attempts, problem = :problem,
            delivered_at = :delivered_at, digest = :digest
        WHERE delivery_id = :delivery_id
        """,
        [
            {
                "delivery_id": one.delivery_id,
                "attempts": one.attempts,
                "problem": one.problem,
                "delivered_at": one.delivered_at,
                "digest": one.digest,
            }
            for one in deliveries
        ],
    )


def active(connection: Connection, owner: str | None) -> list[Alert]:
    """Return the alerts that go on, the oldest first."""
    mine, values = _where(owner=owner)
    rows = connection.read(
        f"SELECT * FROM alerts WHERE cleared_at IS NULL {mine} ORDER BY raised_at", **values
    )
    return [_alert(row) for row in rows]


def history(
    connection: Connection,
    *,
    owner: str | None = None,
    kind: AlertKind | None = None,
    since: datetime | None = None,
    limit: int = 100,
) -> list[Alert]:
    """Return alerts, the newest first."""
    meant, values = _where(owner=owner, kind=kind and kind.value, since=since)
    rows = connection.read(
        f"SELECT * FROM alerts WHERE TRUE {meant} ORDER BY raised_at DESC, alert_id LIMIT :limit",
        limit=limit,
        **values,
    )
    return [_alert(row) for row in rows]


def outstanding(connection: Connection, owner: str | None) -> list[Delivery]:
    """Return what was not told yet, the oldest first."""
    mine, values = _where(owner=owner)
    rows = connection.read(
        f"""
        SELECT * FROM alert_deliveries WHERE delivered_at IS NULL {mine}
        ORDER BY created_at, delivery_id
        """,
        **values,
    )
    return [_delivery(row) for row in rows]


def receipts(
    connection: Connection, *, owner: str | None = None, limit: int = 100
) -> list[Receipt]:
    """Return what became of deliveries, the newest first."""
    mine, values = _where(owner=owner)
    rows = connection.read(
        f"""
        SELECT * FROM alert_deliveries WHERE TRUE {mine}
        ORDER BY created_at DESC, delivery_id LIMIT :limit
        """,
        limit=limit,
        **values,
    )
    return [_delivery(row).receipt for row in rows]


def forget(connection: Connection, before: datetime) -> None:
    """Let go what was over, and told, before a time."""
    connection.write("DELETE FROM alerts WHERE cleared_at < :before", before=before)
    connection.write("DELETE FROM alert_deliveries WHERE delivered_at < :before", before=before)


_CONDITIONS: Final = {
    "owner": "AND owner = :owner",
    "kind": "AND kind = :kind",
    "since": "AND raised_at >= :since",
}


def _where(**given: object) -> tuple[str, dict[str, object]]:
    """Return the conditions that were given, and their values."""
    values = {name: value for name, value in given.items() if value is not None}
    return " ".join(_CONDITIONS[name] for name in values), values


def _alert(row: Row) -> Alert:
    known = {name: row[name] for name in Alert.__dataclass_fields__ if name not in _OTHER}
    return Alert(
        kind=AlertKind(row["kind"]),
        severity=Severity(row["severity"]),
        key=row["subject"],
        **known,
    )


def _delivery(row: Row) -> Delivery:
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
