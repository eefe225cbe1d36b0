"""What is watched, from when on it alarms, and from when on no more: the built-in rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from ibkr_connector.model.alerts import AlertKind, Severity

__all__ = ["BUILT_IN", "AlertAction", "Rule", "Side", "Unit", "threshold_of"]


class AlertAction(StrEnum):
    """What is done when an alert is raised; all of it by the kill switch."""

    NONE = "none"
    BLOCK_ORDERS = "block_orders"
    """Engage the kill switch: only cancelling and closing go."""

    CANCEL = "cancel"
    """The same, and cancel our open orders."""

    FLATTEN = "flatten"
    """The same, and close every position of the account that it is about, at the market."""


class Side(StrEnum):
    """On which side of its threshold a figure is a reason to alarm."""

    NONE = "none"
    """There is no figure: something is so, or it is not."""

    ABOVE = "above"
    BELOW = "below"


class Unit(StrEnum):
    """What a threshold counts."""

    NONE = ""
    SECONDS = "s"
    SHARE = "share"
    """A share of the account's worth, as 0.05 for five per cent."""

    MONEY = "money"
    """An amount in the account's base currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """
    When one kind of alert is raised, and when it is cleared.

    It is raised at `threshold`, when that has stood for `raise_after_s`, and cleared at `clear_at`,
    when that has stood for `clear_after_s`; between the two thresholds nothing changes. `remind_s`
    tells an alert that nobody has acknowledged again and again.
    """

    severity: Severity
    is_on: bool = True
    side: Side = Side.NONE
    unit: Unit = Unit.NONE
    threshold: Decimal | None = None
    clear_at: Decimal | None = None
    raise_after_s: float = 0.0
    clear_after_s: float = 0.0
    remind_s: float | None = None
    action: AlertAction = AlertAction.NONE
    may_act: bool = False
    units: tuple[Unit, ...] = ()

    def is_reached(self, value: Decimal) -> bool | None:
        """Whether a figure is a reason to alarm; `None` between the two thresholds."""
        if self.threshold is None:
            return False
        sign = 1 if self.side is Side.ABOVE else -1
        if sign * value >= sign * self.threshold:
            return True
        clear_at = self.threshold if self.clear_at is None else self.clear_at
        # at the very threshold that alarms nothing clears
        return None if sign * value > sign * clear_at else False


_K, _W, _C = AlertKind, Severity.WARNING, Severity.CRITICAL
_MONEY: Final = (Unit.SHARE, Unit.MONEY)


def _of(severity: Severity, **facts: float) -> Rule:
    return Rule(severity=severity, **facts)  # type: ignore[arg-type]  # durations only


def _figure(
    severity: Severity, side: Side, *, at: str | None, clear: str | None, unit: Unit, **more: float
) -> Rule:
    return Rule(
        severity=severity,
        is_on=at is not None,
        side=side,
        unit=unit,
        threshold=None if at is None else Decimal(at),
        clear_at=None if clear is None else Decimal(clear),
        **more,  # type: ignore[arg-type]  # durations only
    )


def _money(severity: Severity, at: str | None, clear: str | None) -> Rule:
    return Rule(
        severity=severity,
        is_on=at is not None,
        side=Side.ABOVE,
        unit=Unit.SHARE,
        units=_MONEY,
        may_act=True,
        threshold=None if at is None else Decimal(at),
        clear_at=None if clear is None else Decimal(clear),
        clear_after_s=60,
    )


BUILT_IN: Final[Mapping[AlertKind, Rule]] = MappingProxyType(
    {
        # a gateway that is back within seconds need not wake anybody
        _K.CONNECTION_LOST: _of(_W, raise_after_s=10, clear_after_s=30),
        _K.CONNECTION_FAILED: _of(_C),
        _K.BROKER_LINK_LOST: _of(_W, raise_after_s=30, clear_after_s=30),
        _K.OUTAGE_OVERDUE: _of(_C),
        _K.LOGIN_NEEDED: _of(_C),
        _K.COMPETING_SESSION: _of(_W, clear_after_s=60),
        # what happens at a moment is over when it has not happened for so long
        _K.ORDER_REJECTED: _of(_W, clear_after_s=300),
        _K.ORDER_UNCERTAIN: _of(_C, raise_after_s=60),
        _K.ORDER_ATTENTION: _of(_C),
        _K.BREAKER_OPEN: _of(_W, clear_after_s=30),
        _K.PACING: _of(_W, clear_after_s=300),
        _K.SLOW_HEARTBEAT: _figure(
            _W, Side.ABOVE, at="2", clear="1", unit=Unit.SECONDS, clear_after_s=60
        ),
        _K.SLOW_ORDERS: _figure(
            _W, Side.ABOVE, at="3", clear="1.5", unit=Unit.SECONDS, clear_after_s=60
        ),
        _K.SLOW_LOOP: _figure(
            _W, Side.ABOVE, at="0.5", clear="0.25", unit=Unit.SECONDS, clear_after_s=60
        ),
        # the watchdog asks for a silent stream again first, at most once a minute
        _K.STREAM_STALE: _of(_W, raise_after_s=30, clear_after_s=30),
        _K.DRIFT: _of(_C),
        _K.RULES_BROKEN: _of(_C),
        _K.KILL_SWITCH: _of(_W),
        _K.TRADING_HALTED: _of(_C),
        _K.UNREADABLE: _of(_W, clear_after_s=300),
        _K.MARGIN_CUSHION: Rule(
            severity=_W,
            side=Side.BELOW,
            unit=Unit.SHARE,
            threshold=Decimal("0.15"),
            clear_at=Decimal("0.20"),
            clear_after_s=60,
            may_act=True,
        ),
        _K.MARGIN_CALL: Rule(
            severity=_C,
            side=Side.BELOW,
            unit=Unit.MONEY,
            threshold=Decimal(0),
            clear_at=Decimal(1),
            clear_after_s=60,
            may_act=True,
        ),
        _K.LIQUIDATION: Rule(severity=_C, clear_after_s=3600, may_act=True),
        # IB resets its servers every night, and says so in the same words
        _K.ACCOUNT_RESTRICTED: Rule(
            severity=_C, raise_after_s=900, clear_after_s=3600, may_act=True
        ),
        _K.DAILY_LOSS: _money(_C, "0.05", "0.04"),
        _K.DRAWDOWN: Rule(
            severity=_C,
            side=Side.ABOVE,
            unit=Unit.SHARE,
            threshold=Decimal("0.15"),
            clear_at=Decimal("0.12"),
            clear_after_s=60,
            may_act=True,
        ),
        _K.UNREALIZED_LOSS: _money(_W, None, None),
        _K.DAILY_PROFIT: _money(Severity.INFO, None, None),
        _K.STALE_VALUES: _figure(_W, Side.ABOVE, at=None, clear=None, unit=Unit.SECONDS),
        _K.TEST: _of(Severity.INFO),
    }
)
"""Every kind with its rule; `alerts.yaml` changes single figures of them."""


def threshold_of(rule: Rule) -> str:
    """Return a rule's threshold in words; empty when it has none."""
    if rule.threshold is None:
        return ""
    unit = {Unit.SECONDS: " s", Unit.SHARE: " of the account's worth"}.get(rule.unit, "")
    return f"{rule.side} {rule.threshold}{unit}"
