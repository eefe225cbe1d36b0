"""
Find the settings: keyword arguments, environment, `.env`, files, defaults, in that order.

Every value remembers where it came from and what it stood before, and every mistake names the
place, the key and the remedy. Loading stops at the first mistake, looking through (`gather`) goes
on to the last.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_settings import BaseSettings

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.status import TradingMode

from .alerts import find_alerts
from .files import PERMISSIONS_NAME, RISK_NAME, is_there, read_yaml
from .mistakes import Mistake, Mistakes, all_described, is_secret, masked, unknown_names
from .model import Settings
from .places import (
    Complain,
    Layer,
    arguments,
    environment_names,
    ini_layers,
    ini_sections,
    read_dotenv,
    tried,
    variables,
    wrong_names,
)
from .rules import PermissionSettings, RiskSettings
from .secrets import reference_of, resolve_secret

__all__ = ["Gathered", "environment_names", "gather", "load_rules", "load_settings"]

_FLAG: Final = TypeAdapter(bool)

M = TypeVar("M", bound=BaseSettings)


@dataclass(slots=True, kw_only=True)
class Gathered:
    """What was found for one profile, and everything that is wrong with it."""

    profile: str
    directory: Path
    settings: Settings | None = None
    # as they were read, secrets included
    layers: tuple[Layer, ...] = field(default=(), repr=False)
    sections: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    mistakes: list[Mistake] = field(default_factory=list)


def load_settings(
    profile: str | None = None,
    *,
    config_dir: Path | str | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """
    Read the settings of one profile.

    Args:
        profile: Section `[profile.NAME]` of the INI file; `IBKR_PROFILE` when not given.
        config_dir: Directory of the files; `IBKR_CONFIG_DIR`, then `./config` when not given.
        overrides: Values that win over everything, by field name.

    Raises:
        ConfigurationError: Something is misspelt, wrong, contradictory, or named but missing. Of
            several mistakes the first; a note says how to see the others.
    """
    found = gather(profile, config_dir=config_dir, overrides=overrides)
    if found.mistakes:
        error = found.mistakes[0].error()
        if others := len(found.mistakes) - 1:
            error.add_note(f"and {others} more: `ibkr config check` tells all of them")
        raise error from Mistakes(found.mistakes)
    if found.settings is None:
        raise ConfigurationError("the settings could not be built", hint="ibkr config check")
    return found.settings


def gather(
    profile: str | None = None,
    *,
    config_dir: Path | str | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Gathered:
    """Read the settings of one profile as far as they go; see `load_settings`."""
    mistakes: list[Mistake] = []
    complain = mistakes.append
    environment = dict(os.environ)
    dotenv = read_dotenv(complain)
    named = profile or environment.get("IBKR_PROFILE") or dotenv.get("IBKR_PROFILE")
    directory = _config_dir(
        config_dir or environment.get("IBKR_CONFIG_DIR") or dotenv.get("IBKR_CONFIG_DIR"),
        complain,
    )
    # what is named first is what is told first
    given = arguments(overrides or {}, complain)
    mistakes.extend(
        one
        for one in wrong_names(directory)
        # whoever brings the rules along does not need their files, sound or not
        if not set(one.keys) & given.values.keys()
    )
    found = variables("environment", environment, complain)
    found_too = variables(".env", dotenv, complain)
    sections = ini_sections(directory, complain)
    layers = (given, found, found_too, *ini_layers(sections, named, complain))
    gathered = Gathered(
        profile=named or "default",
        directory=directory,
        layers=layers,
        sections=sections,
        mistakes=mistakes,
    )
    merged: dict[str, object] = {"profile": gathered.profile}
    origins: dict[str, str] = {}
    for layer in layers:
        for name, value in layer.values.items():
            if name not in merged:
                merged[name] = value
                origins[name] = layer.origin(name)
    _resolve_secrets(merged, origins, environment={**dotenv, **environment}, complain=complain)
    merged.setdefault("state_dir", _state_dir(environment, gathered.profile))
    from_files = "risk" not in merged
    if from_files:
        merged["risk"] = risk = _risk(directory / RISK_NAME, merged, complain)
        origins["risk"] = risk.source
    if "permissions" not in merged:
        permissions = _permissions(directory, complain)
        if permissions is not None:
            merged["permissions"] = permissions
            origins["permissions"] = PERMISSIONS_NAME
    if "alerts" not in merged:
        alerts = find_alerts(directory, complain)
        merged["alerts"], origins["alerts"] = alerts, alerts.source
    settings = _built(Settings, merged, complain, place="settings", origins=origins)
    if settings is None:
        _look_on(merged, origins, mistakes)
        return gathered
    settings._origins = origins
    settings._overrode = _overrode(layers)
    settings._rules_dir = directory.absolute() if from_files else None
    gathered.settings = settings
    return gathered


def load_rules(
    settings: Settings, *, had: Collection[str] = ()
) -> tuple[RiskSettings, PermissionSettings]:
    """
    Read the two files of the rules again.

    A file that was there and has gone is an error: the built-in limits might be looser than it was.

    Raises:
        ConfigurationError: A file is missing or broken.
    """
    directory = settings.rules_dir
    if directory is None:
        return settings.risk, settings.permissions
    for name in sorted(had):
        if not (directory / name).is_file():
            raise ConfigurationError(f"{name} has gone", hint="put it back, or restart without it")
    mode = {"paper_trading": settings.paper_trading}
    risk = _risk(directory / RISK_NAME, mode, _raise)
    return risk, _permissions(directory, _raise) or settings.permissions


def _raise(mistake: Mistake) -> None:
    raise mistake.error()


def _permissions(directory: Path, complain: Complain) -> PermissionSettings | None:
    path = directory / PERMISSIONS_NAME
    if not tried(lambda: is_there(path), False, complain, place=path.name):  # noqa: FBT003
        return None
    return _from_yaml(PermissionSettings, path, complain)


def _risk(path: Path, merged: Mapping[str, object], complain: Complain) -> RiskSettings:
    if tried(lambda: is_there(path), False, complain, place=path.name):  # noqa: FBT003
        read = _from_yaml(RiskSettings, path, complain)
        if read is not None:
            return read.from_file(path.name)
    try:
        paper = _FLAG.validate_python(merged.get("paper_trading", True))
    except ValidationError:
        paper = True  # it is no flag, and is named as such with all the others
    return RiskSettings.built_in(TradingMode.PAPER if paper else TradingMode.LIVE)


def _from_yaml(model: type[M], path: Path, complain: Complain) -> M | None:
    values = tried(lambda: read_yaml(path), None, complain, place=path.name)
    if values is None:
        return None
    unknown = unknown_names(values, model.model_fields, f"key in {path.name}")
    for mistake in unknown:
        complain(mistake)
    known = {name: value for name, value in values.items() if name in model.model_fields}
    return _built(model, known, complain, place=path.name)


def _resolve_secrets(
    merged: dict[str, object],
    origins: dict[str, str],
    *,
    environment: Mapping[str, str],
    complain: Complain,
) -> None:
    """Fetch secrets from where they stand, before a model that cannot say where it was told so."""
    for name, value in tuple(merged.items()):
        if not isinstance(value, str) or not is_secret(Settings, name):
            continue
        origin, reference = origins[name], reference_of(value)
        try:
            merged[name] = resolve_secret(value, key=name, place=origin, environment=environment)
        except ConfigurationError as error:
            complain(Mistake.of(error, place=origin, key=name, value=reference))
            del merged[name], origins[name]
            continue
        if reference is not None:
            origins[name] = f"{origin}, from {reference}"


def _built(
    model: type[M],
    values: Mapping[str, Any],
    complain: Complain,
    *,
    place: str,
    origins: Mapping[str, str] | None = None,
) -> M | None:
    """Build the model; a mistake becomes one sentence that names place, key, value and remedy."""
    try:
        return model(**values)
    except ConfigurationError as error:
        for mistake in _told(error, model, values, place=place, origins=origins or {}):
            complain(mistake)
        return None


def _told(
    error: ConfigurationError,
    model: type[BaseSettings],
    values: Mapping[str, Any],
    *,
    place: str,
    origins: Mapping[str, str],
) -> list[Mistake]:
    match error.__cause__:
        case ValidationError() as several:
            # said again with the place that the value came from, which the model cannot know
            return all_described(several, model, values, place=place, origins=origins)
        case Mistakes() as several:
            return [one.placed(origins) for one in several.mistakes]
        case _:
            return [Mistake.of(error, place=place)]


def _look_on(
    merged: Mapping[str, object], origins: Mapping[str, str], mistakes: list[Mistake]
) -> None:
    """Look for contradictions among what is left when the wrong values are taken away."""
    wrong = {key for mistake in mistakes for key in mistake.keys}
    rest = {name: value for name, value in merged.items() if name not in wrong}
    rest.setdefault("state_dir", Path())
    if len(rest) == len(merged):
        return  # nothing was in the way: the contradictions have been told
    found: list[Mistake] = []
    _built(Settings, rest, found.append, place="settings", origins=origins)
    told = {mistake.problem for mistake in mistakes}
    # a contradiction with the default of what was taken away is none
    mistakes += [one for one in found if not wrong & set(one.keys) and one.problem not in told]


def _overrode(layers: tuple[Layer, ...]) -> dict[str, tuple[tuple[str, object], ...]]:
    """Return what each field would be elsewhere, places that lose included, strongest first."""
    found: dict[str, list[tuple[str, object]]] = {}
    for layer in layers:
        for name, value in layer.values.items():
            found.setdefault(name, []).append((layer.origin(name), masked(Settings, name, value)))
    return {name: tuple(rows[1:]) for name, rows in found.items() if len(rows) > 1}


def _config_dir(named: Path | str | None, complain: Complain) -> Path:
    directory = Path("config") if named is None else Path(named).expanduser()
    if named is None and not directory.exists():
        return directory
    if not directory.is_dir():
        how = "is a file" if directory.exists() else "does not exist"
        complain(
            Mistake(
                place="IBKR_CONFIG_DIR",
                key="config_dir",
                value=str(directory),
                problem=f"the configuration directory {directory.name!r} {how}",
                remedy="correct IBKR_CONFIG_DIR, or create it: ibkr config init",
            )
        )
    return directory


def _state_dir(environment: Mapping[str, str], profile: str) -> Path:
    # XDG base directory specification: state that survives restarts
    root = environment.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(root) / "ibkr-connector" / profile
