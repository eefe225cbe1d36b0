"""What a service is told of alerts, as text: one change, or many in a digest. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ibkr_connector.model.alerts import Alert, AlertChange, AlertStep, Severity

from .logs import mask_accounts

__all__ = ["LONGEST", "Message", "digest_of", "message_of"]

LONGEST: Final = 40
"""So many messages make one digest at most: what is more goes in the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent: `severity` is the worst in it."""

    title: str
    body: str
    severity: Severity


def message_of(change: AlertChange, *, sender: str, show_accounts: bool = False) -> Message:
    """
    Write one change; account ids are masked unless they are to be shown.

    Args:
        change: What happened.
        sender: Which of the user's connectors speaks.
        show_accounts: Whether account ids are written out.
    """
    alert = change.alert
    word = {AlertStep.CLEARED: "over", AlertStep.REMINDED: "still"}.get(change.step, "")
    head = word or alert.severity.value
    lines = [alert.text]
    if alert.value:
        measured = f" ({alert.threshold})" if alert.threshold else ""
        lines.append(f"found: {alert.value}{measured}")
    if alert.remedy and change.step is not AlertStep.CLEARED:
        lines.append(f"what to do: {alert.remedy}")
    if alert.action:
        lines.append(f"done by itself: {alert.action}")
    if alert.count > 1:
        lines.append(f"seen {alert.count} times")
    lines.append(_times(alert, change.step))
    # by its id whoever gets a message twice, because an answer was lost, can tell
    lines.append(f"{sender}, alert {alert.alert_id} {change.step.value}")
    message = Message(
        title=f"[{head}] {alert.kind.value.replace('_', ' ')}: {alert.key}",
        body="\n".join(lines),
        severity=alert.severity,
    )
    return message if show_accounts else _masked(message)


def digest_of(messages: Sequence[Message], *, since: datetime) -> Message:
    """Write many messages as one; each of them is named in it."""
    worst = max((message.severity for message in messages), key=lambda one: one.rank)
    lines = [f"held back since {since:%Y-%m-%d %H:%M:%S} UTC, because there were too many:"]
    for message in messages:
        first, *_, last = message.body.splitlines()
        lines.append(f"- {message.title}: {first} ({last.rpartition(', ')[2]})")
    return Message(
        title=f"[{worst.value}] {len(messages)} alerts", body="\n".join(lines), severity=worst
    )


def _times(alert: Alert, step: AlertStep) -> str:
    said = f"since {alert.raised_at:%Y-%m-%d %H:%M:%S} UTC"
    if step is not AlertStep.CLEARED or alert.cleared_at is None:
        return said
    lasted = (alert.cleared_at - alert.raised_at).total_seconds()
    return f"{said}, for {lasted:.0f} s"


def _masked(message: Message) -> Message:
    return Message(
        title=mask_accounts(message.title),
        body=mask_accounts(message.body),
        severity=message.severity,
    )
