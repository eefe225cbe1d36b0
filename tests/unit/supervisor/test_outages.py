"""How loud an outage is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ibkr_connector.model.outages import parse_windows
from ibkr_connector.supervisor.outages import Loudness, Outages
from ibkr_connector.supervisor.states import SupervisorEvent

E = SupervisorEvent
NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
WINDOWS = parse_windows("Mon-Sun 12:00-13:00 UTC")


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def test_a_loss_that_nobody_planned_is_told_once_and_escalates_once() -> None:
    outages = Outages(escalate_s=600)
    heard = [outages.heard(E.LOST, NOON + minutes(step)) for step in range(30)]
    assert heard[0] is Loudness.ALERT
    assert [step for step, one in enumerate(heard) if one is Loudness.ESCALATION] == [10]
    assert heard.count(Loudness.QUIET) == 28
    assert outages.is_escalated


def test_a_planned_outage_is_quiet_until_it_lasts_longer_than_planned() -> None:
    outages = Outages(WINDOWS, escalate_s=600)
    heard = [outages.heard(E.RESET, NOON + minutes(step)) for step in range(60)]
    heard += [outages.heard(E.LOST, NOON + minutes(60 + step)) for step in range(30)]
    assert set(heard[:70]) == {Loudness.QUIET}
    assert heard[70] is Loudness.ESCALATION
    assert set(heard[71:]) == {Loudness.QUIET}


def test_a_login_that_is_needed_is_told_in_a_planned_outage_too() -> None:
    outages = Outages(WINDOWS)
    assert outages.heard(E.RESET, NOON) is Loudness.QUIET
    assert outages.heard(E.LOGIN, NOON) is Loudness.ALERT
    assert outages.heard(E.LOGIN, NOON) is Loudness.QUIET


def test_a_loss_before_a_window_is_told_and_the_window_does_not_tell_it_again() -> None:
    outages = Outages(WINDOWS)
    assert outages.heard(E.LOST, NOON - minutes(5)) is Loudness.ALERT
    assert outages.heard(E.RESET, NOON) is Loudness.QUIET


def test_the_next_outage_begins_anew() -> None:
    outages = Outages(escalate_s=600)
    outages.heard(E.LOST, NOON)
    assert outages.since == NOON
    outages.over()
    assert outages.since is None
    assert outages.heard(E.LOST, NOON + minutes(20)) is Loudness.ALERT
    assert not outages.is_escalated


def test_a_planned_outage_names_its_window_and_its_end() -> None:
    planned = Outages(WINDOWS).planned(NOON + minutes(30))
    assert planned is not None
    assert planned.window == "Mon-Sun 12:00-13:00 UTC"
    assert planned.until == NOON + minutes(60)
