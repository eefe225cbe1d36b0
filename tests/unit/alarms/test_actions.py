"""What an alert does by itself: once, and nothing through a connector that is read-only."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ibkr_connector.alarms.accounts import restriction
from ibkr_connector.alarms.actions import Actions
from ibkr_connector.clock import ManualClock
from ibkr_connector.codes import AccountEffect, account_effect
from ibkr_connector.model.alerts import Alert, AlertKind, Severity
from ibkr_connector.orders.kill_switch import KillSwitch
from ibkr_connector.settings.alert_rules import BUILT_IN, AlertAction

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
RULE = BUILT_IN[AlertKind.MARGIN_CALL]
ALERT = Alert(
    alert_id="a",
    kind=AlertKind.MARGIN_CALL,
    severity=Severity.CRITICAL,
    key="DU1234567",
    text="excess liquidity of DU1234567 is below zero",
    raised_at=NOW,
)


@pytest.fixture
def kill(tmp_path: Path) -> KillSwitch:
    return KillSwitch(tmp_path, clock=ManualClock(NOW))


@pytest.mark.parametrize(
    ("action", "cancel", "flatten"),
    [
        (AlertAction.BLOCK_ORDERS, False, False),
        (AlertAction.CANCEL, True, False),
        (AlertAction.FLATTEN, True, True),
    ],
)
def test_an_action_engages_the_kill_switch_and_says_why(
    kill: KillSwitch, action: AlertAction, cancel: bool, flatten: bool
) -> None:
    act = Actions(kill, readonly=lambda: False)
    assert act(ALERT, replace(RULE, action=action)) == action.value
    state = kill.state()
    assert state is not None
    assert (state.cancel, state.flatten) == (cancel, flatten)
    assert state.reason == (
        "alert margin_call of DU1***67: excess liquidity of DU1***67 is below zero"
    )


def test_a_rule_without_an_action_does_nothing(kill: KillSwitch) -> None:
    assert Actions(kill, readonly=lambda: False)(ALERT, RULE) == ""
    assert kill.state() is None


def test_a_connector_that_is_read_only_does_nothing_and_says_so(kill: KillSwitch) -> None:
    act = Actions(kill, readonly=lambda: True)
    assert "read-only" in act(ALERT, replace(RULE, action=AlertAction.FLATTEN))
    assert kill.state() is None


def test_an_alert_acts_once_also_when_the_process_died_before_it_could_say_so(
    kill: KillSwitch,
) -> None:
    act, rule = Actions(kill, readonly=lambda: False), replace(RULE, action=AlertAction.FLATTEN)
    act(ALERT, rule)
    first = kill.state()
    assert act(ALERT, rule) == "flatten (engaged already)"
    assert kill.state() == first
    assert act(replace(ALERT, acted_at=NOW), rule) == ""
    # what asks for more is done
    kill.release()
    act(ALERT, replace(rule, action=AlertAction.CANCEL))
    assert act(ALERT, rule) == "flatten"


def test_a_switch_that_cannot_be_written_is_told_as_loud_as_can_be(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder", "utf-8")
    kill = KillSwitch(tmp_path / "file", clock=ManualClock(NOW))
    act = Actions(kill, readonly=lambda: False)
    with caplog.at_level(logging.CRITICAL):
        assert act(ALERT, replace(RULE, action=AlertAction.CANCEL)).startswith("FAILED (cancel)")
    assert "could NOT act" in caplog.text


@pytest.mark.parametrize(
    ("code", "text", "effect"),
    [
        (2148, "URGENT: ... insufficient to satisfy ...", AccountEffect.LIQUIDATION_NEAR),
        (2148, "... currently non-compliant with Regulation T", AccountEffect.LIQUIDATION_NEAR),
        (2148, "ALERT: ... only 5% above ...", AccountEffect.MARGIN_NEAR),
        (2104, "URGENT", None),
    ],
)
def test_what_the_broker_says_of_the_margin(
    code: int, text: str, effect: AccountEffect | None
) -> None:
    assert account_effect(code, text) is effect


def test_a_rejection_that_speaks_of_the_order_alone_is_no_restriction() -> None:
    assert restriction("DU1234567", "the stock is restricted from short sale") is None
    said = restriction("DU1234567", "Your ACCOUNT is Restricted to closing orders")
    assert said is not None
    assert said.key == "DU1234567"


def test_an_action_is_limited_to_the_account_that_the_alert_is_about(kill: KillSwitch) -> None:
    act, rule = Actions(kill, readonly=lambda: False), replace(RULE, action=AlertAction.FLATTEN)
    act(replace(ALERT, key="DU1234567 day trades"), rule)
    state = kill.state()
    assert state is not None
    assert (state.cancel_in, state.flatten_in) == (("DU1234567",), ("DU1234567",))
    # two accounts that are masked alike are two
    assert act(replace(ALERT, key="DU1999967"), rule) == "flatten"
    state = kill.state()
    assert state is not None
    assert state.flatten_in == ("DU1234567", "DU1999967")
    for key in ("account", "others", ""):
        kill.release()
        act(replace(ALERT, key=key), rule)
        state = kill.state()
        assert state is not None
        # nobody knows which account it is: all of them
        assert (state.flatten, state.flatten_in) == (True, ())
