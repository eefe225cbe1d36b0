"""What services are told: masked, with the remedy, and many things as one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ibkr_connector.model.alerts import Alert, AlertChange, AlertKind, AlertStep, Severity
from ibkr_connector.observe.messages import digest_of, message_of

START = datetime(2026, 11, 18, 15, tzinfo=UTC)
ALERT = Alert(
    alert_id="f00d",
    kind=AlertKind.MARGIN_CALL,
    severity=Severity.CRITICAL,
    key="DU1234567",
    text="excess liquidity of DU1234567 is below zero",
    value="-12.50 USD",
    threshold="below 0",
    remedy="close something",
    raised_at=START,
    count=3,
    action="flatten",
)


def change(step: AlertStep = AlertStep.RAISED, alert: Alert = ALERT) -> AlertChange:
    return AlertChange(at=START, step=step, alert=alert)


def test_everything_is_said_and_the_account_is_masked() -> None:
    message = message_of(change(), sender="mine")
    assert message.title == "[critical] margin call: DU1***67"
    assert message.body.splitlines() == [
        "excess liquidity of DU1***67 is below zero",
        "found: -12.50 USD (below 0)",
        "what to do: close something",
        "done by itself: flatten",
        "seen 3 times",
        "since 2026-11-18 15:00:00 UTC",
        "mine, alert f00d raised",
    ]


def test_account_ids_are_shown_when_they_are_asked_for() -> None:
    message = message_of(change(), sender="mine", show_accounts=True)
    assert "DU1234567" in message.title
    assert "DU1234567" in message.body


def test_the_end_says_how_long_it_lasted_and_no_remedy() -> None:
    over = replace(ALERT, cleared_at=START + timedelta(minutes=5))
    message = message_of(change(AlertStep.CLEARED, over), sender="mine")
    assert message.title.startswith("[over] ")
    assert "since 2026-11-18 15:00:00 UTC, for 300 s" in message.body
    assert "what to do" not in message.body


def test_a_digest_names_each_and_is_as_loud_as_the_worst() -> None:
    calm = replace(ALERT, severity=Severity.INFO, alert_id="beef")
    messages = [message_of(change(alert=one), sender="m") for one in (calm, ALERT)]
    digest = digest_of(messages * 30, since=START)
    assert digest.severity is Severity.CRITICAL
    assert digest.title == "[critical] 60 alerts"
    assert digest.body.count("margin call") == 60
    assert "alert beef raised" in digest.body
    assert len(digest.body.splitlines()) == 61
