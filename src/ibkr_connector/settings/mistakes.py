"""One sentence for a wrong setting: the place, the key, the value, what is wrong, what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Final

from pydantic import BaseModel, SecretStr, ValidationError

from ibkr_connector.errors import ConfigurationError

from .secrets import reference_of

__all__ = [
    "MASK",
    "Mistake",
    "Mistakes",
    "all_described",
    "described",
    "is_secret",
    "masked",
    "refuse",
    "refuse_unknown",
    "shown_value",
    "unknown_names",
]

MASK: Final = "**********"
"""What stands for a secret, as in pydantic."""

_LONGEST: Final = 120

_NUMBER: Final = "write it as 10000 or 0.05: no comma, no percent sign, no unit"
_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "bool_parsing": ("neither true nor false", "write true or false"),
    "bool_type": ("neither true nor false", "write true or false"),
    "int_parsing": ("no whole number", "write digits only"),
    "int_from_float": ("no whole number", "write digits only"),
    "int_type": ("no whole number", "write digits only"),
    "float_parsing": ("no number", _NUMBER),
    "float_type": ("no number", _NUMBER),
    "decimal_parsing": ("no number", _NUMBER),
    "decimal_type": ("no number", _NUMBER),
    "finite_number": ("no finite number", _NUMBER),
    "frozen_set_type": ("no list", "write a list, as in [AAPL, MSFT]"),
    "tuple_type": ("no list", "write a list, as in 11, 12"),
    "mapping_type": ("no set of names and values", "indent names and values below it"),
    "string_too_short": ("empty", "give it a value, or take the line away"),
    "greater_than": ("not above {gt}", ""),
    "greater_than_equal": ("below {ge}", ""),
    "less_than": ("not below {lt}", ""),
    "less_than_equal": ("above {le}", ""),
    "literal_error": ("none of {expected}", ""),
    "enum": ("none of {expected}", ""),
}
"""What pydantic finds, in the words of somebody who has to mend it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """
    One thing that is wrong with the settings.

    Args:
        place: Where it stands: `ibkr_config.ini [ibkr]`, `environment IBKR_PORT`.
        key: What the setting is called there.
        value: What it says there, secrets masked; `None` when nothing stands there.
        problem: What is wrong, as a sentence that names the three.
        remedy: What to do.
        is_error: Whether the settings are refused; `False` is a warning.
        keys: The settings that it is about.
    """

    place: str
    key: str
    value: str | None
    problem: str
    remedy: str
    is_error: bool = True
    keys: tuple[str, ...] = ()

    def error(self) -> ConfigurationError:
        """Return it as the error that is raised."""
        return ConfigurationError(self.problem, hint=self.remedy)

    def placed(self, origins: Mapping[str, str]) -> Mistake:
        """Return it with the places of its settings, for what stands in several."""
        where = [f"{key}: {origins.get(key, 'default')}" for key in self.keys]
        if not any(key in origins for key in self.keys):
            return self
        first = next(origins[key] for key in self.keys if key in origins)
        return replace(
            self, place=self.place or first, problem=f"{self.problem} ({'; '.join(where)})"
        )

    def within(self, place: str) -> Mistake:
        """Return it as one of a place that its sentence does not name yet."""
        return replace(self, place=place, problem=f"{place}: {self.problem}")

    @classmethod
    def of(
        cls,
        error: ConfigurationError,
        *,
        place: str = "",
        key: str = "",
        value: str | None = None,
        keys: Sequence[str] = (),
    ) -> Mistake:
        """Take an error that was raised elsewhere."""
        return cls(
            place=place,
            key=key,
            value=value,
            problem=error.message,
            remedy=error.hint or "correct it",
            keys=tuple(keys) or ((key,) if key else ()),
        )


class Mistakes(Exception):  # noqa: N818  # carries mistakes, as the cause of the first one's error
    """Several mistakes at once."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__(f"{len(mistakes)} mistakes")
        self.mistakes = tuple(mistakes)


def refuse(found: Iterable[Mistake]) -> None:
    """
    Raise the first mistake, if there is one; the others are its cause.

    Raises:
        ConfigurationError: There is one.
    """
    mistakes = [one for one in found if one.is_error]
    if mistakes:
        raise mistakes[0].error() from Mistakes(mistakes)


def is_secret(model: type[BaseModel], field: str) -> bool:
    """Whether a field holds what is never shown."""
    info = model.model_fields.get(field)
    return info is not None and "SecretStr" in str(info.annotation)


def masked(model: type[BaseModel], field: str, value: object) -> object:
    """Return a value that may be shown: of a secret only the place that it points to."""
    if isinstance(value, SecretStr) or is_secret(model, field):
        return (reference_of(value) if isinstance(value, str) else None) or MASK
    return value


def shown_value(model: type[BaseModel], field: str, value: object) -> str:
    """Return a value as a message shows it, secrets masked."""
    shown = masked(model, field, value)
    if shown is not value:
        return str(shown)
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def unknown_names(given: Iterable[str], known: Iterable[str], what: str) -> list[Mistake]:
    """Return a mistake for each name that is not known; the nearest known one is offered."""
    valid = sorted(known)
    return [
        Mistake(
            place=what,
            key=name,
            value=None,
            problem=f"unknown {what}: {name}",
            remedy=f"did you mean {close[0]}?"
            if (close := get_close_matches(name, valid, n=1))
            else "remove it",
        )
        for name in sorted(set(given) - set(valid))
    ]


def refuse_unknown(given: Iterable[str], known: Iterable[str], what: str) -> None:
    """
    Refuse a name that is not known; the nearest known one is offered.

    Raises:
        ConfigurationError: One is not.
    """
    refuse(unknown_names(given, known, what))


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
    return all_described(error, model, values, place=place, origins=origins)[0].error()


def all_described(
    error: ValidationError,
    model: type[BaseModel],
    values: Mapping[str, Any],
    *,
    place: str,
    origins: Mapping[str, str] | None = None,
) -> list[Mistake]:
    """Return every mistake that the model found, in its order; see `described`."""
    return [
        _one(dict(detail), model, values, place=place, origins=origins or {})
        for detail in error.errors(include_url=False)
    ]


def _one(
    detail: dict[str, Any],
    model: type[BaseModel],
    values: Mapping[str, Any],
    *,
    place: str,
    origins: Mapping[str, str],
) -> Mistake:
    path = detail["loc"]
    # a contradiction between settings: our own error is inside, and it is the better one
    context = detail.get("ctx", {})
    cause = context.get("error")
    if not path and isinstance(cause, ConfigurationError):
        return Mistake.of(cause, place=place)
    field = str(path[0]) if path else ""
    key = ".".join(str(part) for part in path if part != "[key]")
    where = origins.get(field, place)
    info = model.model_fields.get(field)
    meant = (
        f"expected: {info.description.rstrip('.')}" if info and info.description else "correct it"
    )
    if detail["type"] == "missing":
        return Mistake(
            place=where,
            key=key,
            value=None,
            problem=f"{where}: {key} is not given",
            remedy=meant,
            keys=(field,),
        )
    inner = detail["input"] if len(path) > 1 else values.get(field)
    value = shown_value(model, field, inner)
    said, remedy = _WORDS.get(detail["type"], ("", ""))
    if close := _meant(inner, context.get("expected")):
        remedy = f"did you mean {close}?"
    if said:
        said = f", which is {said.format(**context)}"
    else:
        said = f": {cause if isinstance(cause, ValueError) else detail['msg'].lower()}"
    return Mistake(
        place=where,
        key=key,
        value=value,
        problem=f"{where}: {key} is {value}{said}",
        remedy=f"{remedy}; {meant}" if remedy else meant,
        keys=(field,),
    )


def _meant(value: object, expected: object) -> str | None:
    """Return the word of a short list that was probably meant."""
    if not isinstance(value, str) or not isinstance(expected, str):
        return None
    words = re.findall(r"'([^']+)'", expected)
    plain = {word.lower(): word for word in words}
    close = get_close_matches(value.lower(), plain, n=1)
    return plain[close[0]] if close else None
