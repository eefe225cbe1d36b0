"""What alerts say: the sentence, the figure and the remedy of what was heard and measured. Pure."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from ibkr_connector.model.alerts import Alert, AlertChange, AlertKind, AlertStep, Severity
from ibkr_connector.model.status import ConnectionStatus
from ibkr_connector.observe.alerts import Finding
from ibkr_connector.observe.logs import mask_accounts
from ibkr_connector.orders.entry import OrderEntry
from ibkr_connector.settings.alert_rules import Rule, threshold_of

from .conditions import GATEWAY, ORDERS

__all__ = [
    "breaker",
    "pacing",
    "rejection",
    "slow",
    "trial",
    "unreadable",
    "write",
]

_log = logging.getLogger("ibkr_connector.alerts")

_K = AlertKind
_LEVELS: Final[Mapping[Severity, int]] = MappingProxyType(
    {
        Severity.INFO: logging.INFO,
        Severity.WARNING: logging.WARNING,
        Severity.CRITICAL: logging.CRITICAL,
    }
)
_SLOW: Final[Mapping[AlertKind, tuple[str, str, str]]] = MappingProxyType(
    {
        _K.SLOW_HEARTBEAT: (
            GATEWAY,
            "the gateway takes long to answer",
            "look at the load of its machine, and at the network between",
        ),
        _K.SLOW_ORDERS: (
            GATEWAY,
            "the broker takes long to acknowledge orders",
            "look at the gateway, at IB's system status, and at how many orders are sent",
        ),
        _K.SLOW_LOOP: (
            "loop",
            "the connector's own loop is held up",
            "let nothing block in `run` and in hooks; look at the load of this machine",
        ),
    }
)


def slow(kind: AlertKind, seconds: Decimal | None, rule: Rule) -> Finding:
    """Say how long something takes."""
    key, text, remedy = _SLOW[kind]
    return Finding(
        kind=kind,
        key=key,
        text=text,
        value=f"{seconds} s",
        threshold=threshold_of(rule),
        remedy=remedy,
    )


def rejection(entry: OrderEntry) -> Finding:
    """Say which order was rejected, and why."""
    order = f"{entry.action} {entry.quantity} {entry.contract}"
    return Finding(
        kind=_K.ORDER_REJECTED,
        key=entry.contract.symbol or ORDERS,
        text=f"order {entry.order_id} ({order}) was rejected: {entry.reason}",
        value="" if entry.code is None else f"code {entry.code}",
        remedy="read the reason; `ibkr orders --history` tells the life of the order",
    )


def trial(at: datetime) -> AlertChange:
    """Make what tells that nothing is wrong."""
    alert = Alert(
        alert_id=secrets.token_hex(6),
        kind=_K.TEST,
        severity=Severity.INFO,
        key="routes",
        text="this is a test: nothing is wrong, and this route works",
        raised_at=at,
    )
    return AlertChange(at=at, step=AlertStep.RAISED, alert=alert)


def breaker(key: str, why: str) -> Finding:
    return Finding(
        kind=_K.BREAKER_OPEN,
        key=key,
        text=f"the {key} circuit is open: its calls are refused{why}",
        remedy="it tries by itself; `reset_breaker` when the reason is known to be over",
    )


def pacing(limit: str) -> Finding:
    return Finding(
        kind=_K.PACING,
        key=limit,
        text=f"the gateway says that it is asked too often ({limit}); calls go slower for a while",
        remedy="ask less, or set messages_per_second and market_data_lines to what the login has",
    )


def unreadable(picture: ConnectionStatus) -> Finding:
    newest = picture.unreadable[-1].reason if picture.unreadable else ""
    return Finding(
        kind=_K.UNREADABLE,
        key=GATEWAY,
        text=f"a message of the gateway could not be read: {newest}",
        value=f"{picture.unreadable_count} in all",
        remedy="take a capture and report it; see `unreadable` in the connection status",
    )


def write(change: AlertChange) -> None:
    alert = change.alert
    level = _LEVELS[alert.severity] if change.step is AlertStep.RAISED else logging.INFO
    if alert.is_silenced:
        level = logging.INFO
    _log.log(
        level,
        "alert %s %s: %s of %s: %s",
        alert.alert_id,
        change.step.value,
        alert.kind.value,
        mask_accounts(alert.key),
        mask_accounts(alert.text),
    )
