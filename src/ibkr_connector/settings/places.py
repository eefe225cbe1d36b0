"""The places where a setting may stand: each is read into a layer, what is wrong is collected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Final, TypeVar

from dotenv.parser import parse_stream

from ibkr_connector.errors import ConfigurationError

from .files import (
    ALERTS_NAME,
    INI_NAME,
    PERMISSIONS_NAME,
    RISK_NAME,
    is_there,
    misnamed,
    read_ini,
    read_text,
)
from .mistakes import Mistake, shown_value, unknown_names
from .model import Settings

__all__ = [
    "COMMON_SECTION",
    "DOTENV",
    "PROFILE_PREFIX",
    "Complain",
    "Layer",
    "arguments",
    "environment_names",
    "ini_layers",
    "ini_sections",
    "read_dotenv",
    "tried",
    "variables",
    "wrong_names",
]

COMMON_SECTION: Final = "ibkr"
PROFILE_PREFIX: Final = "profile."
DOTENV: Final = ".env"

_NESTED: Final = frozenset({"risk", "permissions", "alerts"})
"""Fields that are files of their own."""

_CHOSEN: Final = frozenset({"profile"})
"""What chooses among settings and is none itself: it stands in no file."""

_FIELD_OF_FILE: Final[Mapping[str, tuple[str, ...]]] = {
    RISK_NAME: ("risk",),
    PERMISSIONS_NAME: ("permissions",),
    ALERTS_NAME: ("alerts",),
}

_LOADER_VARIABLES: Final = frozenset({"IBKR_PROFILE", "IBKR_CONFIG_DIR"})
_BARE: Final = frozenset({"max_order_size", "max_portfolio_risk"})
"""Fields whose variable also exists without the prefix."""

_NEAR: Final = 0.85
"""How alike a name must be to one of those, of 1, to be taken for a misspelling of it."""

_OURS: Final = ("IBKR_", "MAX_")

Complain = Callable[[Mistake], None]
"""Told of every mistake."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Layer:
    """Values of one place; `names` maps a field to what it is called there."""

    place: str
    values: Mapping[str, object]
    names: Mapping[str, str]

    def origin(self, field: str) -> str:
        """Return where a value stands, as in `environment IBKR_PORT`."""
        return f"{self.place} {self.names[field]}".strip()


def environment_names(field: str) -> tuple[str, ...]:
    """Return the environment variables of a field, the one that wins first."""
    prefixed = f"IBKR_{field.upper()}"
    return (field.upper(), prefixed) if field in _BARE else (prefixed,)


def tried(read: Callable[[], T], default: T, complain: Complain, *, place: str) -> T:
    """Return what a reader finds; when it fails, say so and return the default."""
    try:
        return read()
    except ConfigurationError as error:
        complain(Mistake.of(error, place=place))
        return default


def arguments(given: Mapping[str, object], complain: Complain) -> Layer:
    """Take what a program says."""
    unknown = unknown_names(given, Settings.model_fields, "keyword argument")
    for mistake in unknown:
        complain(mistake)
    known = {name: value for name, value in given.items() if name in Settings.model_fields}
    return Layer("argument", known, {name: name for name in known})


def variables(place: str, found: Mapping[str, str], complain: Complain) -> Layer:
    """Take the variables of the environment, or of `.env`."""
    fields = {
        name: field
        for field in Settings.model_fields
        if field not in _NESTED | _CHOSEN
        for name in environment_names(field)
    }
    mine: dict[str, str] = {}
    for name, value in found.items():
        plain = name.upper()
        if not plain.startswith("IBKR_") and plain not in fields:
            continue
        if mine.get(plain, value) != value:
            complain(_twice(place, plain))
        mine[plain] = value
    known = fields.keys() | _LOADER_VARIABLES
    if mine.keys() - known:
        from .bridge import BRIDGE_VARIABLES  # noqa: PLC0415  # few programs have any of them

        for mistake in unknown_names(mine, known | BRIDGE_VARIABLES, f"variable in the {place}"):
            complain(mistake)
    for mistake in _near_misses(found, fields, place):
        complain(mistake)
    for bare in sorted(_BARE):
        said = {name: mine[name] for name in environment_names(bare) if mine.get(name)}
        if len(set(said.values())) > 1:
            complain(_two_names(place, said))
    values: dict[str, object] = {}
    names: dict[str, str] = {}
    for name, field in fields.items():
        # an empty variable is how shells and compose files say "not set"
        if field not in values and mine.get(name):
            values[field], names[field] = mine[name], name
    return Layer(place, values, names)


def _twice(place: str, name: str) -> Mistake:
    return Mistake(
        place=place,
        key=name,
        value=None,
        problem=f"the {place} has {name} twice, in large and small letters, with two values",
        remedy="keep the one in capitals",
    )


def _two_names(place: str, said: Mapping[str, str]) -> Mistake:
    first, second = said
    return Mistake(
        place=place,
        key=first,
        value=said[first],
        problem=f"the {place} has {first}={said[first]} and {second}={said[second]}, which are "
        "one limit",
        remedy="keep the one that is meant",
    )


def _near_misses(found: Iterable[str], fields: Mapping[str, str], place: str) -> Iterator[Mistake]:
    """Yield misspelt names of limits without the prefix: they would be no limits at all."""
    bare = [field.upper() for field in sorted(_BARE)]
    for name in sorted({name.upper() for name in found} - fields.keys()):
        if close := get_close_matches(name, bare, n=1, cutoff=_NEAR):
            yield Mistake(
                place=place,
                key=name,
                value=None,
                problem=f"unknown variable in the {place}: {name}",
                remedy=f"did you mean {close[0]}? If it is another program's, rename or unset it",
            )


def read_dotenv(complain: Complain) -> dict[str, str]:
    """Read `.env` of the working directory; other programs' lines in it are nobody's business."""
    path = Path(DOTENV)
    if (path / "pyvenv.cfg").is_file():
        return {}  # some call their virtual environment so
    if not tried(lambda: is_there(path), False, complain, place=DOTENV):  # noqa: FBT003
        return {}
    # an empty one says nothing, as an empty variable does
    text = (
        ""
        if not path.stat().st_size
        else tried(lambda: read_text(path), "", complain, place=DOTENV)
    )
    values: dict[str, str] = {}
    for line in parse_stream(StringIO(text)):
        if line.key is None or line.value is None:
            said = line.original.string.strip().removeprefix("export ").lstrip()
            if said.upper().startswith(_OURS):
                complain(_unreadable(said, line.original.line))
            continue
        if line.key in values and line.key.upper().startswith(_OURS):
            complain(
                Mistake(
                    place=DOTENV,
                    key=line.key,
                    value=None,
                    problem=f"cannot read .env: {line.key} stands twice, "
                    f"again in line {line.original.line}",
                    remedy="keep one of them",
                )
            )
        values[line.key] = line.value
    return values


def _unreadable(said: str, number: int) -> Mistake:
    # what follows the name may be a secret
    name = "".join(letter if letter.isalnum() or letter == "_" else " " for letter in said)
    name = name.split()[0]
    return Mistake(
        place=DOTENV,
        key=name,
        value=None,
        problem=f"cannot read .env: line {number}, of {name}, is no `NAME=value`",
        remedy="write an equals sign after the name, and close the quotes; a comment starts with #",
    )


def wrong_names(directory: Path) -> Iterator[Mistake]:
    """Yield files that look like ours and would be read by nobody."""
    for name, meant in misnamed(directory).items():
        yield Mistake(
            place=name,
            key="",
            value=None,
            problem=f"{name} is read by nobody: the file is called {meant}",
            remedy=f"rename it to {meant}, or move it to another directory",
            keys=_FIELD_OF_FILE.get(meant, ()),
        )


def ini_sections(directory: Path, complain: Complain) -> dict[str, dict[str, str]]:
    """Read the INI file, and complain about sections and keys that are not known."""
    path = directory / INI_NAME
    nothing: dict[str, dict[str, str]] = {}
    if not tried(lambda: is_there(path), False, complain, place=INI_NAME):  # noqa: FBT003
        return nothing
    sections = tried(lambda: read_ini(path), nothing, complain, place=INI_NAME)
    fields = Settings.model_fields.keys() - _NESTED - _CHOSEN
    for section, keys in sections.items():
        if section != COMMON_SECTION and not _is_profile(section):
            complain(_unknown_section(section))
        for mistake in unknown_names(keys, fields, f"key in section [{section}] of {INI_NAME}"):
            complain(mistake)
        for key, value in tuple(keys.items()):
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                shown = shown_value(Settings, key, value)
                keys[key] = value[1:-1]  # told once is enough
                complain(
                    Mistake(
                        place=f"{INI_NAME} [{section}]",
                        key=key,
                        value=shown,
                        problem=f"{INI_NAME} [{section}] {key} is {shown}, quotes included",
                        remedy="take the quotes away",
                        keys=(key,),
                    )
                )
    return sections


def _is_profile(section: str) -> bool:
    return section.startswith(PROFILE_PREFIX) and len(section) > len(PROFILE_PREFIX)


def _unknown_section(section: str) -> Mistake:
    close = get_close_matches(section.lower(), [COMMON_SECTION, f"{PROFILE_PREFIX}live"], n=1)
    meant = f"did you mean [{close[0]}]? " if close and close[0] == COMMON_SECTION else ""
    return Mistake(
        place=INI_NAME,
        key=f"[{section}]",
        value=None,
        problem=f"{INI_NAME}: the section [{section}] is not known",
        remedy=f"{meant}use [{COMMON_SECTION}] or [{PROFILE_PREFIX}NAME]",
    )


def ini_layers(
    sections: Mapping[str, Mapping[str, str]], profile: str | None, complain: Complain
) -> tuple[Layer, ...]:
    """Take the sections that hold for a profile: its own before the common one."""
    wanted = f"{PROFILE_PREFIX}{profile}"
    if profile is not None and profile != "default" and wanted not in sections and sections:
        known = [name.removeprefix(PROFILE_PREFIX) for name in sections if name != COMMON_SECTION]
        complain(
            Mistake(
                place=INI_NAME,
                key=f"[{wanted}]",
                value=None,
                problem=f"{INI_NAME} has no section [{wanted}]",
                remedy=f"profiles there: {', '.join(known) or 'none'}",
            )
        )
    fields = Settings.model_fields.keys() - _NESTED - _CHOSEN
    found = {
        name: {key: value for key, value in sections[name].items() if key in fields}
        for name in (wanted, COMMON_SECTION)
        if name in sections
    }
    return tuple(
        Layer(INI_NAME, keys, {key: f"[{name}] {key}" for key in keys})
        for name, keys in found.items()
    )
