"""
What an alert does by itself: engage the kill switch, and have it cancel or flatten.

Owns: that one alert acts once, also over a restart, in the account alone that it is about, and that
a connector which is read-only does nothing. What is cancelled and closed goes the kill switch's own
way: through the desk, its journal and its log, by the connector of this state directory that is
ready first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.alerts import Alert
from ibkr_connector.observe.alerts import REST
from ibkr_connector.observe.logs import mask_accounts
from ibkr_connector.orders.kill_switch import KillState, KillSwitch
from ibkr_connector.settings.alert_rules import AlertAction, Rule

from .accounts import ANY_ACCOUNT

__all__ = ["Actions"]

_log = logging.getLogger("ibkr_connector.alerts")


class Actions:
    """
    Do what rules ask for.

    Args:
        kill: The switch.
        readonly: Whether nothing may be done.
    """

    def __init__(self, kill: KillSwitch, *, readonly: Callable[[], bool]) -> None:
        self._kill = kill
        self._readonly = readonly

    def __call__(self, alert: Alert, rule: Rule) -> str:
        """Act on an alert that was just raised, and say what was done; empty for nothing."""
        action = rule.action
        if action is AlertAction.NONE or alert.acted_at is not None:
            return ""
        if self._readonly():
            return f"nothing ({action.value} was asked for, and the connector is read-only)"
        cause = f"alert {alert.kind.value} of {mask_accounts(alert.key)}"
        cancel, flatten = action is AlertAction.CANCEL, action is AlertAction.FLATTEN
        accounts = _accounts_of(alert)
        state = self._kill.state()
        is_same = state is not None and state.reason.startswith(cause)
        if state is not None and is_same and not _is_more(state, action, accounts):
            # the run that raised it ended before it could write down that it had acted
            return f"{action.value} (engaged already)"
        try:
            self._kill.engage(
                f"{cause}: {mask_accounts(alert.text)}",
                cancel=cancel,
                flatten=flatten,
                accounts=accounts,
            )
        except ConfigurationError as error:
            _log.critical("alert %s could NOT act (%s): %s", alert.alert_id, action.value, error)
            return f"FAILED ({action.value}): {error.message}"
        _log.critical("alert %s acts: %s, because %s", alert.alert_id, action.value, cause)
        return action.value


def _accounts_of(alert: Alert) -> tuple[str, ...]:
    """Return the account that an alert is about; nothing when it does not say which."""
    first = alert.key.partition(" ")[0]
    return () if first in {"", ANY_ACCOUNT, REST} else (first,)


def _is_more(state: KillState, action: AlertAction, accounts: tuple[str, ...]) -> bool:
    """Whether an action asks for more than the engaged switch was asked for."""
    if action is AlertAction.FLATTEN:
        return not state.flatten or not _covers(state.flatten_in, accounts)
    if action is AlertAction.CANCEL:
        return not state.cancel or not _covers(state.cancel_in, accounts)
    return False


def _covers(asked: tuple[str, ...], accounts: tuple[str, ...]) -> bool:
    return not asked or (bool(accounts) and set(accounts) <= set(asked))
