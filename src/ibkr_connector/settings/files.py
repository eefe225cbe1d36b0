"""
Read the three files under `config/`; every scalar stays the text it was.

A limit must not become another number by a parser's cleverness (`010`, `off`, `12:30`), and a key
that stands twice must not win silently: both formats are read as text, and checked for that.
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from ibkr_connector.errors import ConfigurationError

__all__ = ["INI_NAME", "PERMISSIONS_NAME", "RISK_NAME", "read_ini", "read_yaml"]

INI_NAME: Final = "ibkr_config.ini"
RISK_NAME: Final = "risk_config.yaml"
PERMISSIONS_NAME: Final = "trading_permissions.yaml"

_NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL"})


def read_ini(path: Path) -> dict[str, dict[str, str]]:
    """
    Read the sections of an INI file.

    Raises:
        ConfigurationError: It cannot be read, or a key or section stands twice.
    """
    # no interpolation: a percent sign in a value is a percent sign
    parser = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=("#", ";"))
    try:
        parser.read_string(path.read_text("utf-8"), source=path.name)
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(
            f"cannot read {path.name}: {' '.join(str(error).split())}", hint="correct the file"
        ) from error
    if parser.defaults():
        raise ConfigurationError(
            f"{path.name}: the section [DEFAULT] has no meaning here", hint="use [ibkr]"
        )
    return {name: dict(parser[name]) for name in parser.sections()}


def read_yaml(path: Path) -> dict[str, Any]:
    """
    Read a mapping; scalars stay text, `null` becomes `None`.

    Raises:
        ConfigurationError: It cannot be read, is no mapping, or a key stands twice.
    """
    try:
        # BaseLoader makes text of every scalar and builds nothing else
        read = yaml.load(path.read_text("utf-8"), _UniqueKeys)
    except (yaml.YAMLError, UnicodeDecodeError, OSError, RecursionError) as error:
        raise ConfigurationError(
            f"cannot read {path.name}: {' '.join(str(error).split())}", hint="correct the file"
        ) from error
    if read is None or read == "":
        return {}
    if not isinstance(read, Mapping):
        raise ConfigurationError(
            f"{path.name} holds {type(read).__name__}, expected names and values",
            hint="see the example beside it",
        )
    return {key: _plain(value) for key, value in read.items()}


class _UniqueKeys(yaml.BaseLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", node.start_mark
                )
        return super().construct_mapping(node, deep)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return None if value in _NOTHING else value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
