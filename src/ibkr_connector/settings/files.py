"""
Read the files under `config/`; every scalar stays the text it was.

A limit must not become another number by a parser's cleverness (`010`, `off`, `12:30`), and a key
that stands twice must not win silently: both formats are read as text, and checked for that. What
is there and cannot be read is an error, never "no file".
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ibkr_connector.errors import ConfigurationError

__all__ = [
    "ALERTS_NAME",
    "FILE_NAMES",
    "INI_NAME",
    "PERMISSIONS_NAME",
    "RISK_NAME",
    "is_there",
    "misnamed",
    "read_ini",
    "read_text",
    "read_yaml",
]

INI_NAME: Final = "ibkr_config.ini"
RISK_NAME: Final = "risk_config.yaml"
PERMISSIONS_NAME: Final = "trading_permissions.yaml"
ALERTS_NAME: Final = "alerts.yaml"
FILE_NAMES: Final = (INI_NAME, RISK_NAME, PERMISSIONS_NAME, ALERTS_NAME)

_NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL"})
_ENDINGS: Final = (".ini", ".yaml", ".yml", ".txt", ".cfg", ".conf")


def is_there(path: Path) -> bool:
    """
    Tell whether there is a file to read.

    Raises:
        ConfigurationError: What is there is no file, or a link to nothing.
    """
    if path.is_file():
        return True
    if path.is_dir():
        raise ConfigurationError(
            f"{path.name} is a directory, expected a file",
            hint="remove it and put the file there (containers make a directory of a mount "
            "whose source is missing)",
        )
    if path.is_symlink() or path.exists():
        raise ConfigurationError(
            f"{path.name} is no file that can be read",
            hint="a link to nothing? Point it at the file, or remove it",
        )
    return False


def misnamed(directory: Path) -> dict[str, str]:
    """Return files that look like one of ours and are read by nobody, with the name that is."""
    try:
        found = sorted(one.name for one in directory.iterdir() if one.is_file())
    except OSError:
        return {}
    meant = {_plain_name(name): name for name in FILE_NAMES}
    return {
        name: meant[plain]
        for name in found
        if (plain := _plain_name(name)) in meant
        and name not in FILE_NAMES
        and meant[plain] not in found
    }


def _plain_name(name: str) -> str:
    """Take off what editors and people add: endings, capitals, dashes."""
    plain = name.lower().replace("-", "_").replace(" ", "_")
    while plain.endswith(_ENDINGS):
        plain = plain.rpartition(".")[0]
    return plain


def read_text(path: Path) -> str:
    """
    Read a file as text; a mark of its encoding at the start, as Windows writes it, is no text.

    Raises:
        ConfigurationError: It cannot be read, or there is nothing in it.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"cannot read {path.name}: it is not UTF-8 (byte {error.start})",
            hint="save it as UTF-8; Notepad offers that under Save as",
        ) from error
    except OSError as error:
        raise ConfigurationError(
            f"cannot read {path.name}: {error.strerror or type(error).__name__}",
            hint="let the user of this program read it: chown, and chmod 600",
        ) from error
    if "\0" in text:
        raise ConfigurationError(
            f"cannot read {path.name}: it holds bytes that are no text",
            hint="save it as UTF-8; Notepad offers that under Save as",
        )
    if not text.strip():
        raise ConfigurationError(
            f"{path.name} is empty",
            hint="write it again from its example (`ibkr config init`), or remove it",
        )
    return text


def read_ini(path: Path) -> dict[str, dict[str, str]]:
    """
    Read the sections of an INI file.

    Raises:
        ConfigurationError: It cannot be read, or a key or section stands twice.
    """
    # no interpolation: a percent sign in a value is a percent sign
    parser = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=("#", ";"))
    text = read_text(path)
    try:
        parser.read_string(text, source=path.name)
    except configparser.Error as error:
        raise _ini_mistake(path.name, error) from error
    if parser.defaults():
        raise ConfigurationError(
            f"{path.name}: the section [DEFAULT] has no meaning here", hint="use [ibkr]"
        )
    return {name: dict(parser[name]) for name in parser.sections()}


def _ini_mistake(name: str, error: configparser.Error) -> ConfigurationError:
    match error:
        case configparser.DuplicateOptionError(section=section, option=option, lineno=line):
            return ConfigurationError(
                f"{name}: {option} stands twice in [{section}], again in line {line}",
                hint="keep one of them",
            )
        case configparser.DuplicateSectionError(section=section, lineno=line):
            return ConfigurationError(
                f"{name}: the section [{section}] stands twice, again in line {line}",
                hint="put the two together",
            )
        case configparser.MissingSectionHeaderError(lineno=line):
            return ConfigurationError(
                f"{name}: line {line} stands before any section",
                hint="put [ibkr] in a line of its own above it",
            )
        case configparser.ParsingError(errors=errors) if errors:
            # the line itself may hold a secret
            return ConfigurationError(
                f"{name}: line {errors[0][0]} is no `name = value`",
                hint="correct it, or take it away; a comment starts with ; or #",
            )
    return ConfigurationError(
        f"cannot read {name}: {type(error).__name__}", hint="compare it with its example"
    )


def read_yaml(path: Path) -> dict[str, Any]:
    """
    Read a mapping; scalars stay text, `null` becomes `None`.

    Raises:
        ConfigurationError: It cannot be read, is no mapping, or a key stands twice.
    """
    # many a program has none of these files, and the parser takes its time to load
    from .yaml_text import parse_yaml  # noqa: PLC0415

    read = parse_yaml(path.name, read_text(path))
    if read is None or read == "":
        return {}
    if not isinstance(read, Mapping):
        raise ConfigurationError(
            f"{path.name} holds {_KINDS.get(type(read), 'something else')}, "
            "expected names and values",
            hint="write `name: value`, as in the example beside it",
        )
    return {key: _plain(value) for key, value in read.items()}


_KINDS: Final[Mapping[type, str]] = {list: "a list", str: "one text"}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return None if value in _NOTHING else value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
