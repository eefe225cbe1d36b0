"""What `alerts.yaml` may say: rules by the names of alerts, and routes by names of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Self, TypeVar

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
from .mistakes import Mistake, all_described, refuse, unknown_names
from .secrets import resolve_secret

__all__ = ["AlertRoute", "AlertRule", "AlertSettings", "find_alerts", "read_alerts"]

M = TypeVar("M", bound=Given)

_ELSEWHERE: Final = SecretStr("json://nowhere")
"""Stands for an address that is wrong, to look for what else is wrong of its route."""


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
        refuse(
            mistake
            for kind, given in self.rules.items()
            for mistake in _contradictions(kind, given)
        )
        for kind, built_in in BUILT_IN.items():
            given = self.rules.get(kind)
            self._resolved[kind] = built_in if given is None else _changed(built_in, given)
        return self


def read_alerts(directory: Path) -> AlertSettings:
    """
    Read `alerts.yaml` of a directory; the built-in rules and no routes where there is none.

    Raises:
        ConfigurationError: It cannot be read, or something in it is misspelt, wrong or
            contradictory; the error names the file, the key, the value and the remedy. A broken
            file is never taken for "no alerts".
    """
    mistakes: list[Mistake] = []
    found = find_alerts(directory, mistakes.append)
    refuse(mistakes)
    return found


def find_alerts(directory: Path, complain: Callable[[Mistake], None]) -> AlertSettings:
    """
    Read `alerts.yaml` of a directory, and tell every mistake in it.

    What is returned beside a mistake is of no use but to go on looking for others.
    """
    path = directory / ALERTS_NAME
    try:
        read = read_yaml(path) if is_there(path) else None
    except ConfigurationError as error:
        complain(Mistake.of(error, place=path.name))
        return AlertSettings()
    return AlertSettings() if read is None else _Reading(path.name, complain).settings(read)


@dataclass(frozen=True, slots=True)
class _Reading:
    """Reads one file; goes on behind each mistake, so that all of them are told at once."""

    name: str
    complain: Callable[[Mistake], None]

    def settings(self, read: Mapping[str, Any]) -> AlertSettings:
        self._tell(unknown_names(read, AlertSettings.model_fields, f"key in {self.name}"))
        rows = self._rows(read, "rules")
        known = {kind.value for kind in BUILT_IN}
        self._tell(unknown_names(rows, known, f"rule in {self.name}"))
        rules = {}
        for kind, row in rows.items():
            made = self._made(AlertRule, row, f"rules.{kind}") if kind in known else None
            wrong = [] if made is None else list(_contradictions(AlertKind(kind), made))
            self._tell(one.within(self.name) for one in wrong)
            if made is not None and not wrong:
                rules[kind] = made
        routes = {
            name: self._route(row, f"routes.{name}")
            for name, row in self._rows(read, "routes").items()
        }
        given: dict[str, Any] = {
            "rules": rules,
            "routes": {name: route for name, route in routes.items() if route is not None},
        }
        if "enabled" in read:
            given["enabled"] = read["enabled"]
        settings = self._made(AlertSettings, given) or AlertSettings()
        settings._source = self.name
        return settings

    def _route(self, values: Mapping[str, Any], key: str) -> AlertRoute | None:
        url, place = values.get("url"), f"{self.name}: {key}"
        secret = _ELSEWHERE
        try:
            if not isinstance(url, str):
                raise ConfigurationError(
                    f"{place}: url is not given",
                    hint="write env:NAME, file:PATH, or a URL of Apprise's",
                )
            secret = resolve_secret(url, key="url", place=place)
            if "://" not in secret.get_secret_value():
                # what it is instead may be half of a secret, so it is not shown
                raise ConfigurationError(
                    f"{place}: url is no URL",
                    hint="as in json://host/path, mailto://..., tgram://...",
                )
        except ConfigurationError as error:
            self.complain(Mistake.of(error, place=place, key="url"))
        return self._made(AlertRoute, {**values, "url": secret}, key)

    def _rows(self, read: Mapping[str, Any], key: str) -> dict[str, Mapping[str, Any]]:
        """Return the rows of a section by their names; those that are none are told."""
        rows = {}
        for word, row in self._mapping(read.get(key), key).items():
            if row is None or isinstance(row, Mapping):
                rows[word] = self._mapping(row, f"{key}.{word}")
            else:
                self._mapping(row, f"{key}.{word}")
        return rows

    def _mapping(self, value: object, key: str) -> Mapping[str, Any]:
        if isinstance(value, Mapping):
            nothing = ("", "~", "null", "Null", "NULL")
            return {str(name): None if one in nothing else one for name, one in value.items()}
        if value is not None:
            error = ConfigurationError(
                f"{self.name}: {key} is {value!r}, expected names and values",
                hint="see alerts.yaml.example",
            )
            self.complain(Mistake.of(error, place=self.name, key=key))
        return {}

    def _made(self, model: type[M], values: Mapping[str, Any], key: str = "") -> M | None:
        """Build a model; `None` when something in it is wrong, which is told."""
        place = f"{self.name}: {key}" if key else self.name
        if key:
            self._tell(unknown_names(values, model.model_fields, f"key in {place}"))
        known = {name: value for name, value in values.items() if name in model.model_fields}
        try:
            return model(**known)
        except ConfigurationError as error:
            mistake = error.__cause__
            if isinstance(mistake, ValidationError):
                # said again with the place that the value came from, which no model can know
                self._tell(all_described(mistake, model, known, place=place))
            else:
                self.complain(Mistake.of(error).within(place))
            return None

    def _tell(self, mistakes: Iterable[Mistake]) -> None:
        for mistake in mistakes:
            self.complain(mistake)


def _changed(built_in: Rule, given: AlertRule) -> Rule:
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
    return replace(built_in, **changes)


def _contradictions(kind: AlertKind, given: AlertRule) -> Iterator[Mistake]:
    """Yield what in a rule does not fit its kind, or else what does not fit together."""
    built_in, place = BUILT_IN[kind], f"rules.{kind}"
    unfit = list(_unfit(place, built_in, given))
    yield from unfit or _torn(place, _changed(built_in, given))


def _unfit(place: str, built_in: Rule, given: AlertRule) -> Iterator[Mistake]:
    if built_in.side is Side.NONE:
        for name in ("threshold", "clear_at"):
            if (value := getattr(given, name)) is not None:
                yield _wrong(
                    f"{place}.{name}",
                    value,
                    why=", and this rule measures nothing",
                    remedy="remove it",
                )
    if given.unit is not None and given.unit not in built_in.units:
        fits = ", ".join(built_in.units) or "none"
        unit = repr(given.unit.value)
        yield _wrong(f"{place}.unit", unit, why=", which does not fit", remedy=f"expected: {fits}")
    elif given.unit not in (None, built_in.unit) and given.threshold is None:
        yield _wrong(
            f"{place}.unit",
            given.unit,
            why=" without a threshold",
            remedy="give the threshold in it",
        )
    if given.action not in (None, AlertAction.NONE) and not built_in.may_act:
        yield _wrong(
            f"{place}.action",
            given.action,
            why=", and this rule is not about an account's risk",
            remedy="remove it, or set it at margin_call, daily_loss, drawdown or the like",
        )


def _torn(place: str, rule: Rule) -> Iterator[Mistake]:
    if rule.side is Side.NONE:
        return
    if rule.threshold is None:
        if rule.is_on:
            yield _wrong(
                f"{place}.enabled", "true", why=", and there is no threshold", remedy="give one"
            )
        return
    share_above_one = rule.unit is Unit.SHARE and rule.threshold > 1
    if share_above_one or (rule.threshold <= 0 and rule.side is Side.ABOVE):
        expected = "a share above 0, up to 1" if rule.unit is Unit.SHARE else "above 0"
        yield _wrong(f"{place}.threshold", rule.threshold, why="", remedy=f"expected: {expected}")
    if rule.clear_at is None:
        return
    sign = 1 if rule.side is Side.ABOVE else -1
    if sign * rule.clear_at > sign * rule.threshold:
        word = "above" if rule.side is Side.ABOVE else "below"
        yield _wrong(
            f"{place}.clear_at",
            rule.clear_at,
            why=f", {word} the threshold {rule.threshold}, "
            "so it would be cleared and raised at once",
            remedy="give a clear_at on the other side of the threshold, or leave it out",
        )


def _wrong(key: str, value: object, *, why: str, remedy: str) -> Mistake:
    return Mistake(
        place="", key=key, value=str(value), problem=f"{key} is {value}{why}", remedy=remedy
    )
