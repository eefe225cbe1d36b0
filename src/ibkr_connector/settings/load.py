"""
Find the settings: keyword arguments, environment, `.env`, files, defaults, in that order.

Every value remembers where it came from, and every mistake names the place, the key and the remedy.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Any, Final, TypeVar

from dotenv.parser import parse_stream
from pydantic import TypeAdapter, ValidationError
from pydantic_settings import BaseSettings

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.status import TradingMode

from .files import INI_NAME, PERMISSIONS_NAME, RISK_NAME, read_ini, read_yaml
from .mistakes import described, refuse_unknown
from .model import Settings
from .rules import PermissionSettings, RiskSettings

__all__ = ["SettingSource", "environment_names", "load_rules", "load_settings", "setting_sources"]

COMMON_SECTION: Final = "ibkr"
PROFILE_PREFIX: Final = "profile."

_NESTED: Final = frozenset({"risk", "permissions"})
"""Fields that are files of their own."""

_CHOSEN: Final = frozenset({"profile"})
"""What chooses among settings and is none itself: it stands in no file."""

_LOADER_VARIABLES: Final = frozenset({"IBKR_PROFILE", "IBKR_CONFIG_DIR"})
_FLAG: Final = TypeAdapter(bool)
_BARE: Final = frozenset({"max_order_size", "max_portfolio_risk"})
"""Fields whose variable also exists without the prefix."""

_NEAR: Final = 0.85
"""How alike a name must be to one of those, of 1, to be taken for a misspelling of it."""


M = TypeVar("M", bound=BaseSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingSource:
    """One setting, its value, and where that came from."""

    key: str
    value: object
    source: str


@dataclass(frozen=True, slots=True)
class _Layer:
    """Values of one place; `names` maps a field to what it is called there."""

    place: str
    values: Mapping[str, object]
    names: Mapping[str, str]


def environment_names(field: str) -> tuple[str, ...]:
    """Return the environment variables of a field, the one that wins first."""
    prefixed = f"IBKR_{field.upper()}"
    return (field.upper(), prefixed) if field in _BARE else (prefixed,)


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
        config_dir: Directory of the three files; `IBKR_CONFIG_DIR`, then `./config` when not given.
        overrides: Values that win over everything, by field name.

    Raises:
        ConfigurationError: Something is misspelt, wrong, contradictory, or named but missing.
    """
    environment, dotenv = dict(os.environ), _dotenv()
    named = profile or environment.get("IBKR_PROFILE") or dotenv.get("IBKR_PROFILE")
    directory = _config_dir(
        config_dir or environment.get("IBKR_CONFIG_DIR") or dotenv.get("IBKR_CONFIG_DIR")
    )
    layers = (
        _arguments(overrides or {}),
        _variables("environment", environment),
        _variables(".env", dotenv),
        *_ini_layers(directory / INI_NAME, named),
    )
    merged: dict[str, object] = {"profile": named or "default"}
    origins: dict[str, str] = {}
    for layer in layers:
        for field, value in layer.values.items():
            if field not in merged:
                merged[field] = value
                origins[field] = f"{layer.place} {layer.names[field]}".strip()
    merged.setdefault("state_dir", _state_dir(environment, str(merged["profile"])))
    given = "risk" in merged
    if not given:
        merged["risk"] = risk = _risk(directory / RISK_NAME, merged)
        origins["risk"] = risk.source
    if "permissions" not in merged and (permissions := _permissions(directory)) is not None:
        merged["permissions"] = permissions
        origins["permissions"] = PERMISSIONS_NAME
    settings = _checked(Settings, merged, "settings", origins=origins)
    settings._origins = origins
    settings._rules_dir = None if given else directory.absolute()
    return settings


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
    risk = _risk(directory / RISK_NAME, {"paper_trading": settings.paper_trading})
    return risk, _permissions(directory) or settings.permissions


def _permissions(directory: Path) -> PermissionSettings | None:
    path = directory / PERMISSIONS_NAME
    if not path.is_file():
        return None
    return _checked(PermissionSettings, read_yaml(path), path.name)


def setting_sources(settings: Settings) -> tuple[SettingSource, ...]:
    """Return each setting with its value and where that came from, in declared order."""
    return tuple(
        SettingSource(
            key=field,
            value=settings.effective_port if field == "port" else getattr(settings, field),
            source=settings.origin(field),
        )
        for field in Settings.model_fields
    )


def _arguments(overrides: Mapping[str, object]) -> _Layer:
    refuse_unknown(overrides, Settings.model_fields, "keyword argument")
    return _Layer("argument", dict(overrides), {name: name for name in overrides})


def _variables(place: str, variables: Mapping[str, str]) -> _Layer:
    fields = {
        name: field
        for field in Settings.model_fields
        if field not in _NESTED | _CHOSEN
        for name in environment_names(field)
    }
    mine = {
        name.upper(): value
        for name, value in variables.items()
        if name.upper().startswith("IBKR_") or name.upper() in fields
    }
    refuse_unknown(mine, fields.keys() | _LOADER_VARIABLES, f"variable in the {place}")
    _refuse_near_misses(variables, fields, place)
    values: dict[str, object] = {}
    names: dict[str, str] = {}
    for name, field in fields.items():
        # an empty variable is how shells and compose files say "not set"
        if field not in values and mine.get(name):
            values[field], names[field] = mine[name], name
    return _Layer(place, values, names)


def _refuse_near_misses(variables: Iterable[str], fields: Mapping[str, str], place: str) -> None:
    """Refuse a misspelt name of a limit without the prefix: it would be no limit at all."""
    bare = [field.upper() for field in sorted(_BARE)]
    for name in sorted({name.upper() for name in variables} - fields.keys()):
        if close := get_close_matches(name, bare, n=1, cutoff=_NEAR):
            raise ConfigurationError(
                f"unknown variable in the {place}: {name}",
                hint=f"did you mean {close[0]}? If it is another program's, rename or unset it",
            )


def _ini_layers(path: Path, profile: str | None) -> tuple[_Layer, ...]:
    sections = read_ini(path) if path.is_file() else {}
    fields = Settings.model_fields.keys() - _NESTED - _CHOSEN
    for section, keys in sections.items():
        if section != COMMON_SECTION and not section.startswith(PROFILE_PREFIX):
            raise ConfigurationError(
                f"{path.name}: the section [{section}] is not known",
                hint=f"use [{COMMON_SECTION}] or [{PROFILE_PREFIX}NAME]",
            )
        refuse_unknown(keys, fields, f"key in section [{section}] of {path.name}")
    wanted = f"{PROFILE_PREFIX}{profile}"
    if profile is not None and profile != "default" and wanted not in sections and sections:
        known = [name.removeprefix(PROFILE_PREFIX) for name in sections if name != COMMON_SECTION]
        raise ConfigurationError(
            f"{path.name} has no section [{wanted}]",
            hint=f"profiles there: {', '.join(known) or 'none'}",
        )
    return tuple(
        _Layer(path.name, sections[name], {key: f"[{name}] {key}" for key in sections[name]})
        for name in (wanted, COMMON_SECTION)
        if name in sections
    )


def _risk(path: Path, merged: Mapping[str, object]) -> RiskSettings:
    if path.is_file():
        return _checked(RiskSettings, read_yaml(path), path.name).from_file(path.name)
    try:
        paper = _FLAG.validate_python(merged.get("paper_trading", True))
    except ValidationError:
        paper = True  # it is no flag, and is named as such with all the others
    return RiskSettings.built_in(TradingMode.PAPER if paper else TradingMode.LIVE)


def _dotenv() -> dict[str, str]:
    path = Path(".env")
    if not path.is_file():
        return {}
    try:
        text = path.read_text("utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(f"cannot read .env: {error}", hint="save it as UTF-8") from error
    values: dict[str, str] = {}
    for line in parse_stream(StringIO(text)):
        if line.key is None or line.value is None:
            continue
        if line.key in values and line.key.upper().startswith(("IBKR_", "MAX_")):
            raise ConfigurationError(
                f"cannot read .env: {line.key} stands twice, again in line {line.original.line}",
                hint="keep one of them",
            )
        values[line.key] = line.value
    return values


def _config_dir(named: Path | str | None) -> Path:
    if named is None:
        return Path("config")
    directory = Path(named).expanduser()
    if not directory.is_dir():
        raise ConfigurationError(
            f"the configuration directory {directory.name!r} does not exist",
            hint="correct IBKR_CONFIG_DIR, or create it",
        )
    return directory


def _state_dir(environment: Mapping[str, str], profile: str) -> Path:
    # XDG base directory specification: state that survives restarts
    root = environment.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(root) / "ibkr-connector" / profile


def _checked(
    model: type[M],
    values: Mapping[str, Any],
    place: str,
    *,
    origins: Mapping[str, str] | None = None,
) -> M:
    """Build the model; a mistake becomes one sentence that names place, key, value and remedy."""
    if origins is None:
        refuse_unknown(values, model.model_fields, f"key in {place}")
    try:
        return model(**values)
    except ConfigurationError as error:
        if isinstance(error.__cause__, ValidationError):
            # said again with the place that the value came from, which the model cannot know
            mistake = error.__cause__
            raise described(mistake, model, values, place=place, origins=origins) from mistake
        raise
