"""What `alerts.yaml` may say: rules by the names of alerts, and routes by names of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.alerts import AlertKind, Severity

from .alert_rules import BUILT_IN, AlertAction, Rule, Side, Unit
from .files import ALERTS_NAME, is_there, read_yaml
from .given import Given
from .mistakes import described, refuse_unknown
from .secrets import resolve_secret

__all__ = ["AlertRoute", "AlertRule", "AlertSettings", "read_alerts"]

M = TypeVar("M", bound=Given)


def _listed(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


Kinds = Annotated[frozenset[AlertKind], BeforeValidator(_listed)]
"""Names of alerts, also as text with commas."""


class AlertRule(Given):
    """What one rule of `alerts.yaml` changes; what it leaves out stays as it is built in."""

    enabled: bool | None = Field(default=None, description="Whether it alarms at all.")
    severity: Severity | None = Field(
        default=None, description="`info`, `warning` or `critical`: which routes are told."
    )
    threshold: Decimal | None = Field(
        default=None, description="The figure from which on it alarms, in the rule's unit."
    )
    clear_at: Decimal | None = Field(
        default=None, description="The figure from which on all is well again."
    )
    unit: Unit | None = Field(
        default=None, description="`share` of the account's worth or `money` in its base currency."
    )
    raise_after_s: float | None = Field(
        default=None, ge=0, le=86_400, description="How long it must stand before it alarms."
    )
    clear_after_s: float | None = Field(
        default=None, ge=0, le=604_800, description="How long it must be over before it clears."
    )
    remind_s: float | None = Field(
        default=None, ge=60, description="Tell it again this often until it is acknowledged."
    )
    action: AlertAction | None = Field(
        default=None,
        description="Done once when it is raised: `none`, `block_orders`, `cancel`, `flatten`.",
    )


class AlertRoute(Given):
    """One service that is told; what it is told is masked, limited and kept until it was taken."""

    url: SecretStr = Field(
        description="Where to, in Apprise's form; better `env:NAME` or `file:PATH` than itself."
    )
    enabled: bool = Field(default=True, description="Whether anything is sent there.")
    severity: Severity = Field(
        default=Severity.WARNING, description="The least severity that is told."
    )
    kinds: Kinds = Field(
        default=frozenset(), description="The only alerts that are told; all when empty."
    )
    without: Kinds = Field(default=frozenset(), description="Alerts that are not told.")
    cleared: bool = Field(default=True, description="Whether the end of an alert is told too.")
    show_accounts: bool = Field(
        default=False, description="Whether account ids are written out instead of masked."
    )
    max_messages: int = Field(
        default=10, ge=1, le=1000, description="Most messages within `per_s`; more become a digest."
    )
    per_s: float = Field(
        default=600, ge=1, le=86_400, description="The time in which messages are counted."
    )
    timeout_s: float = Field(default=30, gt=0, le=600, description="How long one attempt may take.")

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        if both := sorted(self.kinds & self.without):
            raise ConfigurationError(
                f"kinds and without both name {both[0]}", hint="leave it in one of them"
            )
        return self

    def takes(self, kind: AlertKind, severity: Severity) -> bool:
        """Whether this route is told of such an alert."""
        if not self.enabled or kind in self.without or (self.kinds and kind not in self.kinds):
            return False
        return severity.rank >= self.severity.rank


class AlertSettings(Given):
    """Which alerts there are and who is told; the built-in rules and the log when nothing is."""

    enabled: bool = Field(default=True, description="Whether anything is watched at all.")
    rules: Mapping[AlertKind, AlertRule] = Field(
        default_factory=dict, description="Changes of built-in rules, by the alert's name."
    )
    routes: Mapping[str, AlertRoute] = Field(
        default_factory=dict, description="Services that are told, by names of your own."
    )

    _resolved: dict[AlertKind, Rule] = PrivateAttr(default_factory=dict)
    _source: str = PrivateAttr(default="built-in")

    @property
    def source(self) -> str:
        """Where they come from: a file's name, or `built-in`."""
        return self._source

    def rule(self, kind: AlertKind) -> Rule:
        """Return the rule of one kind, with what was changed of it."""
        return self._resolved[kind]

    @model_validator(mode="after")
    def _resolve(self) -> Self:
        for kind, built_in in BUILT_IN.items():
            rule = built_in
            if (given := self.rules.get(kind)) is not None:
                rule = _changed(kind, built_in, given)
            self._resolved[kind] = rule
        return self


def read_alerts(directory: Path) -> AlertSettings:
    """
    Read `alerts.yaml` of a directory; the built-in rules and no routes where there is none.

    Raises:
        ConfigurationError: It cannot be read, or something in it is misspelt, wrong or
            contradictory; the error names the file, the key, the value and the remedy. A broken
            file is never taken for "no alerts".
    """
    path = directory / ALERTS_NAME
    if not is_there(path):
        return AlertSettings()
    name, read = path.name, read_yaml(path)
    refuse_unknown(read, AlertSettings.model_fields, f"key in {name}")
    rules = _section(read, "rules", name)
    refuse_unknown(rules, [kind.value for kind in BUILT_IN], f"rule in {name}")
    made = {
        kind: _made(AlertRule, _mapping(row, f"{name}: rules.{kind}"), f"{name}: rules.{kind}")
        for kind, row in rules.items()
    }
    routes = {
        str(key): _route(row, f"{name}: routes.{key}")
        for key, row in _section(read, "routes", name).items()
    }
    given: dict[str, Any] = {"rules": made, "routes": routes}
    if "enabled" in read:
        given["enabled"] = read["enabled"]
    settings = _made(AlertSettings, given, name)
    settings._source = name
    return settings


def _route(row: object, place: str) -> AlertRoute:
    values = dict(_mapping(row, place))
    refuse_unknown(values, AlertRoute.model_fields, f"key in {place}")
    url = values.get("url")
    if not isinstance(url, str):
        raise ConfigurationError(
            f"{place}: url is not given", hint="write env:NAME, file:PATH, or a URL of Apprise's"
        )
    secret = resolve_secret(url, key="url", place=place)
    if "://" not in secret.get_secret_value():
        # what it is instead may be half of a secret, so it is not shown
        raise ConfigurationError(
            f"{place}: url is no URL", hint="as in json://host/path, mailto://..., tgram://..."
        )
    return _made(AlertRoute, {**values, "url": secret}, place)


def _section(read: Mapping[str, Any], key: str, name: str) -> Mapping[str, Any]:
    value = read.get(key)
    return {} if value is None else _mapping(value, f"{name}: {key}")


def _mapping(value: object, place: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"{place} is {value!r}, expected names and values", hint="see alerts.yaml.example"
        )
    nothing = ("", "~", "null", "Null", "NULL")
    return {str(key): None if one in nothing else one for key, one in value.items()}


def _made(model: type[M], values: Mapping[str, Any], place: str) -> M:
    refuse_unknown(values, model.model_fields, f"key in {place}")
    try:
        return model(**values)
    except ConfigurationError as error:
        mistake = error.__cause__
        if isinstance(mistake, ValidationError):
            # said again with the place that the value came from, which the model cannot know
            raise described(mistake, model, values, place=place) from mistake
        raise ConfigurationError(f"{place}: {error.message}", hint=error.hint) from error


def _changed(kind: AlertKind, built_in: Rule, given: AlertRule) -> Rule:
    place = f"rules.{kind}"
    _check_fits(place, built_in, given)
    changes: dict[str, Any] = {
        name: value
        for name in ("severity", "unit", "raise_after_s", "clear_after_s", "remind_s", "action")
        if (value := getattr(given, name)) is not None
    }
    if given.threshold is not None:
        # a threshold of one's own clears at itself unless it is said where
        changes |= {"threshold": given.threshold, "clear_at": given.clear_at, "is_on": True}
    elif given.clear_at is not None:
        changes["clear_at"] = given.clear_at
    if given.enabled is not None:
        changes["is_on"] = given.enabled
    rule = replace(built_in, **changes)
    _check_whole(place, rule)
    return rule


def _check_fits(place: str, built_in: Rule, given: AlertRule) -> None:
    if built_in.side is Side.NONE:
        for name in ("threshold", "clear_at"):
            if (value := getattr(given, name)) is not None:
                raise ConfigurationError(
                    f"{place}.{name} is {value}, and this rule measures nothing", hint="remove it"
                )
    if given.unit is not None and given.unit not in built_in.units:
        fits = ", ".join(built_in.units) or "none"
        raise ConfigurationError(
            f"{place}.unit is {given.unit.value!r}, which does not fit", hint=f"expected: {fits}"
        )
    if given.unit not in (None, built_in.unit) and given.threshold is None:
        raise ConfigurationError(
            f"{place}.unit is {given.unit!s} without a threshold", hint="give the threshold in it"
        )
    if given.action not in (None, AlertAction.NONE) and not built_in.may_act:
        raise ConfigurationError(
            f"{place}.action is {given.action!s}, and this rule is not about an account's risk",
            hint="remove it, or set it at margin_call, daily_loss, drawdown or the like",
        )


def _check_whole(place: str, rule: Rule) -> None:
    if rule.side is Side.NONE:
        return
    if rule.threshold is None:
        if rule.is_on:
            raise ConfigurationError(
                f"{place}.enabled is true, and there is no threshold", hint="give one"
            )
        return
    share_above_one = rule.unit is Unit.SHARE and rule.threshold > 1
    if share_above_one or (rule.threshold <= 0 and rule.side is Side.ABOVE):
        expected = "a share above 0, up to 1" if rule.unit is Unit.SHARE else "above 0"
        raise ConfigurationError(
            f"{place}.threshold is {rule.threshold}", hint=f"expected: {expected}"
        )
    if rule.clear_at is None:
        return
    sign = 1 if rule.side is Side.ABOVE else -1
    if sign * rule.clear_at > sign * rule.threshold:
        word = "above" if rule.side is Side.ABOVE else "below"
        raise ConfigurationError(
            f"{place}.clear_at is {rule.clear_at}, {word} the threshold {rule.threshold}, "
            "so it would be cleared and raised at once",
            hint="give a clear_at on the other side of the threshold, or leave it out",
        )
