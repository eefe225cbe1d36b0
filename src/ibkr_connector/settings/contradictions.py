"""What must not stand together in the files of the rules, and what an override may say."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.contracts import SecurityType

from .files import PERMISSIONS_NAME, RISK_NAME
from .mistakes import described

if TYPE_CHECKING:
    from .rules import PermissionSettings, RiskSettings

__all__ = ["check_limits", "check_overridden", "check_override", "check_permissions"]

_SUBJECTS = ("security_types", "symbols", "order_types", "exchanges", "currencies", "accounts")


def check_limits(limits: RiskSettings) -> None:
    """
    Refuse limits that contradict each other, or would never do anything.

    Raises:
        ConfigurationError: They do.
    """
    losses = (limits.max_daily_loss, limits.max_daily_loss_share, limits.max_drawdown)
    if limits.halt_cooldown_s and all(limit is None for limit in losses):
        raise _wrong(
            f"halt_cooldown_s is {limits.halt_cooldown_s}, but no loss limit ever halts",
            hint="set max_daily_loss, max_daily_loss_share or max_drawdown, or take it away",
        )
    second, minute = limits.max_orders_per_second, limits.max_orders_per_minute
    if second is not None and minute is not None and second > minute:
        raise _wrong(
            f"max_orders_per_second is {second}, more than max_orders_per_minute {minute}",
            hint="lower the one or raise the other",
        )
    if limits.require_shortable and not limits.allow_short:
        raise _wrong(
            "require_shortable is true, but allow_short is false",
            hint="take require_shortable away: nothing is sold short",
        )


def check_overridden(subject: str, names: Collection[str]) -> None:
    """
    Refuse a name of overrides that stands for nothing, or stands twice: one would never hold.

    Raises:
        ConfigurationError: There is one.
    """
    # as they are looked up: letters and blanks do not tell names apart
    plain = [name.strip().upper() for name in names]
    if len(set(plain)) < len(plain):
        raise _wrong(
            f"overrides.{subject} names one of them twice", hint="letters may be large or small"
        )
    if subject == "security_types":
        for name in plain:
            if name not in set(SecurityType):
                valid = [kind.value for kind in SecurityType]
                close = get_close_matches(name, valid, n=1)
                raise _wrong(
                    f"overrides.{subject} names no security type: {name}",
                    hint=f"did you mean {close[0]}?" if close else f"known: {', '.join(valid)}",
                )


def check_override(place: str, row: Mapping[str, Any], *, limits: RiskSettings) -> None:
    """
    Refuse an override that names no limit, or a value that the limit does not take.

    Raises:
        ConfigurationError: It does.
    """
    known = type(limits).model_fields.keys() - {"overrides"}
    for key in row:
        if key not in known:
            close = get_close_matches(key, sorted(known), n=1)
            raise _wrong(
                f"unknown key {place}.{key}",
                hint=f"did you mean {close[0]}?" if close else "remove it",
            )
        if row[key] is None:
            raise _wrong(f"{place}.{key} has no value", hint="an override names a limit")
    if not row:
        raise _wrong(f"{place} says nothing", hint="name a limit there, or remove it")
    base = {name: getattr(limits, name) for name in known}
    try:
        type(limits)(**(base | dict(row)))
    except ConfigurationError as error:
        mistake = error.__cause__
        if not isinstance(mistake, ValidationError) or not mistake.errors()[0]["loc"]:
            raise
        better = described(mistake, type(limits), row, place=f"{RISK_NAME}: {place}")
        # no cause: whoever builds the whole would take it for a mistake of the file's own keys
        raise better from None


def check_permissions(permissions: PermissionSettings) -> None:
    """
    Refuse a thing that is allowed and denied at once.

    Raises:
        ConfigurationError: There is one.
    """
    for subject in _SUBJECTS:
        both = getattr(permissions, subject) & getattr(permissions, f"denied_{subject}")
        if both:
            named = "an account" if subject == "accounts" else ", ".join(sorted(map(str, both)))
            raise ConfigurationError(
                f"{PERMISSIONS_NAME}: {subject} and denied_{subject} both name {named}",
                hint="take it off one of them",
            )


def _wrong(what: str, *, hint: str) -> ConfigurationError:
    return ConfigurationError(f"{RISK_NAME}: {what}", hint=hint)
