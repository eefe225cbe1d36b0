"""
Find the settings of the bridge, and what its older names of variables mean for the connector.

`IB_GATEWAY_HOST`, `IB_GATEWAY_PORT`, `IB_CLIENT_ID`, `PAPER_TRADING` and `AUTO_CONNECT` are those
of an older bridge. They are honoured here only: other programs of the environment may know other
meanings of them. Where one of them and the variable of this package say different things, nobody
can tell which is meant, and that is an error.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from ibkr_connector.errors import ConfigurationError

from .bridge import BRIDGE_VARIABLES, BridgeSettings, bridge_variable
from .mistakes import Mistake, described, refuse_unknown
from .model import Settings
from .places import DOTENV, read_dotenv

__all__ = ["OLDER_NAMES", "load_bridge", "older_overrides"]

OLDER_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "IB_GATEWAY_HOST": "host",
        "IB_GATEWAY_PORT": "port",
        "IB_CLIENT_ID": "client_id",
        "PAPER_TRADING": "paper_trading",
    }
)
"""Variables of the older bridge, and the settings of the connector that they mean."""

AUTO_CONNECT: Final = "AUTO_CONNECT"

_KINDS: Final[Mapping[str, TypeAdapter[Any]]] = MappingProxyType(
    {
        "host": TypeAdapter(str),
        "port": TypeAdapter(int),
        "client_id": TypeAdapter(int),
        "paper_trading": TypeAdapter(bool),
        "auto_connect": TypeAdapter(bool),
    }
)


def load_bridge(overrides: Mapping[str, Any]) -> BridgeSettings:
    """
    Read the settings of the bridge: arguments, then environment, then `.env`, then defaults.

    Raises:
        ConfigurationError: One is misspelt, wrong, or contradicts another.
    """
    refuse_unknown(overrides, BridgeSettings.model_fields, "keyword argument")
    values: dict[str, Any] = dict(overrides)
    origins = dict.fromkeys(overrides, "argument")
    places = _places()
    for place, variables in places.items():
        known = {name for name in variables if name.startswith("IBKR_BRIDGE_")}
        refuse_unknown(known, BRIDGE_VARIABLES, f"variable in the {place}")
    for field in BridgeSettings.model_fields:
        name = bridge_variable(field)
        older = {AUTO_CONNECT: field} if field == "auto_connect" else {}
        found = _found(places, {name: field, **older})
        if field not in values and found is not None:
            values[field], origins[field] = found[1], found[0]
    try:
        return BridgeSettings(**values)
    except ConfigurationError as error:
        if isinstance(error.__cause__, ValidationError):
            mistake = error.__cause__
            shown = {**values, "token": "***", "tls_key_password": "***"}
            raise described(
                mistake, BridgeSettings, shown, place="bridge", origins=origins
            ) from mistake
        raise


def older_overrides(given: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return what the older variables mean, as arguments for `Settings.load`.

    Args:
        given: Arguments that win over any variable; an older one of the same setting is passed by.

    Raises:
        ConfigurationError: One is no value of its setting, or contradicts the variable of this
            package.
    """
    places = _places()
    overrides: dict[str, Any] = {}
    for older, field in OLDER_NAMES.items():
        if given.get(field) is not None:
            continue
        found = _found(places, {f"IBKR_{field.upper()}": field, older: field})
        if found is not None and found[0].endswith(older):
            overrides[field] = _read(field, found[0], found[1])
    return overrides


def _places() -> dict[str, dict[str, str]]:
    """Return the variables by place, names in capitals; an empty one counts as not set."""
    return {
        place: {name.upper(): value for name, value in variables.items() if value}
        for place, variables in (("environment", dict(os.environ)), (DOTENV, read_dotenv(_refuse)))
    }


def _refuse(mistake: Mistake) -> None:
    raise mistake.error()


def _found(
    places: Mapping[str, Mapping[str, str]], names: Mapping[str, str]
) -> tuple[str, str] | None:
    """Return where one of some names for the same thing stands and what it says, if any does."""
    for place, variables in places.items():
        said = {name: variables[name] for name in names if name in variables}
        if not said:
            continue
        meanings = {
            str(_read(field, f"{place} {name}", said[name]))
            for name, field in names.items()
            if name in said and len(said) > 1
        }
        if len(meanings) > 1:
            told = " and ".join(f"{name}={value}" for name, value in sorted(said.items()))
            raise ConfigurationError(
                f"the {place} contradicts itself: {told}", hint="keep one of the two"
            )
        name = next(iter(said))
        return f"{place} {name}", said[name]
    return None


def _read(field: str, where: str, value: str) -> Any:
    try:
        return _KINDS[field].validate_strings(value)
    except ValidationError as error:
        meant = (Settings.model_fields if field != "auto_connect" else BridgeSettings.model_fields)[
            field
        ].description
        raise ConfigurationError(f"{where} is {value!r}", hint=f"expected: {meant}") from error
