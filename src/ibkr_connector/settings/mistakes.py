"""One sentence for a wrong setting: the place, the key, the value, and what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from ibkr_connector.errors import ConfigurationError

__all__ = ["described", "refuse_unknown"]


def refuse_unknown(given: Iterable[str], known: Iterable[str], what: str) -> None:
    """
    Refuse a name that is not known; the nearest known one is offered.

    Raises:
        ConfigurationError: One is not.
    """
    valid = sorted(known)
    for name in sorted(set(given) - set(valid)):
        close = get_close_matches(name, valid, n=1)
        remedy = f"did you mean {close[0]}?" if close else "remove it"
        raise ConfigurationError(f"unknown {what}: {name}", hint=remedy)


def described(
    error: ValidationError,
    model: type[BaseModel],
    values: Mapping[str, Any],
    *,
    place: str,
    origins: Mapping[str, str] | None = None,
) -> ConfigurationError:
    """
    Return the first mistake as our own error.

    Args:
        error: What the model found.
        model: The model that was to be built.
        values: What it was given.
        place: What to call the place that the values came from.
        origins: Places of single fields, where they differ.
    """
    first = error.errors()[0]
    path = first["loc"]
    # a contradiction between settings: our own error is inside, and it is the better one
    cause = first.get("ctx", {}).get("error")
    if not path and isinstance(cause, ConfigurationError):
        return cause
    field = str(path[0]) if path else ""
    key = ".".join(str(part) for part in path)
    where = (origins or {}).get(field, place)
    info = model.model_fields.get(field)
    remedy = f"expected: {info.description}" if info and info.description else "correct it"
    if first["type"] == "missing":
        return ConfigurationError(f"{where}: {key} is not given", hint=remedy)
    return ConfigurationError(
        f"{where}: {key} is {values.get(field)!r}; {first['msg'].lower()}", hint=remedy
    )
