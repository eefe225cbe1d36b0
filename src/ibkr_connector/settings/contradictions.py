"""What must not stand together in the files of the rules, and what an override may say."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.contracts import SecurityType

from .files import PERMISSIONS_NAME, RISK_NAME
from .mistakes import Mistake, Mistakes, all_described

if TYPE_CHECKING:
    from .rules import PermissionSettings, RiskSettings

__all__ = ["contrary_limits", "contrary_permissions"]

_NO_LIMIT: Final = Decimal(10**15)
"""More than any account holds, in any currency: a slip of the keys."""

_SUBJECTS = ("security_types", "symbols", "order_types", "exchanges", "currencies", "accounts")


def contrary_limits(limits: RiskSettings) -> Iterator[Mistake]:
    """Yield limits that contradict each other, or would never do anything."""
    for name in type(limits).model_fields:
        value = getattr(limits, name)
        if name.startswith("max_") and value is not None and value > _NO_LIMIT:
            yield _wrong(
                f"{name} is {value}, which limits nothing",
                remedy="write a limit that can be reached: nothing here means 'no limit'",
                key=name,
            )
    losses = (limits.max_daily_loss, limits.max_daily_loss_share, limits.max_drawdown)
    if limits.halt_cooldown_s and all(limit is None for limit in losses):
        yield _wrong(
            f"halt_cooldown_s is {limits.halt_cooldown_s}, but no loss limit ever halts",
            remedy="set max_daily_loss, max_daily_loss_share or max_drawdown, or take it away",
            key="halt_cooldown_s",
        )
    second, minute = limits.max_orders_per_second, limits.max_orders_per_minute
    if second is not None and minute is not None and second > minute:
        yield _wrong(
            f"max_orders_per_second is {second}, more than max_orders_per_minute {minute}",
            remedy="lower the one or raise the other",
            key="max_orders_per_second",
            other="max_orders_per_minute",
        )
    if limits.require_shortable and not limits.allow_short:
        yield _wrong(
            "require_shortable is true, but allow_short is false",
            remedy="take require_shortable away: nothing is sold short",
            key="require_shortable",
            other="allow_short",
        )
    for subject, rows in limits.overrides.items():
        yield from _contrary_names(subject, rows)
        for name, row in rows.items():
            yield from _contrary_override(f"overrides.{subject}.{name}", row, limits=limits)


def contrary_permissions(permissions: PermissionSettings) -> Iterator[Mistake]:
    """Yield what is allowed and denied at once, and lists that allow nothing."""
    for subject in _SUBJECTS:
        if subject in permissions.model_fields_set and not getattr(permissions, subject):
            # whoever takes the last name off a list does not mean: allow all of them
            yield Mistake(
                place=PERMISSIONS_NAME,
                key=subject,
                value=None,
                problem=f"{PERMISSIONS_NAME}: {subject} is an empty list, which allows nothing",
                remedy="name what is allowed, or leave the line out to allow all",
                keys=(subject,),
            )
        both = getattr(permissions, subject) & getattr(permissions, f"denied_{subject}")
        if both:
            named = "an account" if subject == "accounts" else ", ".join(sorted(map(str, both)))
            yield Mistake(
                place=PERMISSIONS_NAME,
                key=subject,
                value=None,
                problem=f"{PERMISSIONS_NAME}: {subject} and denied_{subject} both name {named}",
                remedy="take it off one of them",
                keys=(subject, f"denied_{subject}"),
            )


def _contrary_names(subject: str, names: Collection[str]) -> Iterator[Mistake]:
    # as they are looked up: letters and blanks do not tell names apart
    plain = [name.strip().upper() for name in names]
    if len(set(plain)) < len(plain):
        yield _wrong(
            f"overrides.{subject} names one of them twice",
            remedy="letters may be large or small: keep one of them",
            key=f"overrides.{subject}",
        )
    if subject == "security_types":
        for name in plain:
            if name not in set(SecurityType):
                valid = [kind.value for kind in SecurityType]
                close = get_close_matches(name, valid, n=1)
                yield _wrong(
                    f"overrides.{subject} names no security type: {name}",
                    remedy=f"did you mean {close[0]}?" if close else f"known: {', '.join(valid)}",
                    key=f"overrides.{subject}",
                )


def _contrary_override(
    place: str, row: Mapping[str, Any], *, limits: RiskSettings
) -> Iterator[Mistake]:
    known = type(limits).model_fields.keys() - {"overrides"}
    if not row:
        yield _wrong(f"{place} says nothing", remedy="name a limit there, or remove it", key=place)
    sound: dict[str, Any] = {}
    for key, value in row.items():
        if key not in known:
            close = get_close_matches(key, sorted(known), n=1)
            yield _wrong(
                f"unknown key {place}.{key}",
                remedy=f"did you mean {close[0]}?" if close else "remove it",
                key=f"{place}.{key}",
            )
        elif value is None:
            yield _wrong(
                f"{place}.{key} has no value",
                remedy="an override names a limit: give it one, or remove the line",
                key=f"{place}.{key}",
            )
        else:
            sound[key] = value
    base = {name: getattr(limits, name) for name in known}
    try:
        type(limits)(**(base | sound))
    except ConfigurationError as error:
        match error.__cause__:
            case ValidationError() as mistake:
                yield from all_described(
                    mistake, type(limits), sound, place=f"{RISK_NAME}: {place}"
                )
            case Mistakes() as several:
                # what the file itself contradicts is told of the file, not of each override
                yield from (one for one in several.mistakes if set(one.keys) & sound.keys())
            case _:
                yield Mistake.of(error, place=RISK_NAME, key=place)


def _wrong(problem: str, *, remedy: str, key: str, other: str = "") -> Mistake:
    return Mistake(
        place=RISK_NAME,
        key=key,
        value=None,
        problem=f"{RISK_NAME}: {problem}",
        remedy=remedy,
        keys=(key, other) if other else (key,),
    )
