"""Scenarios out of YAML: what is wrong is said with its key, its value and what would do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import yaml

from ibkr_connector.simulator.faults import read_fault
from ibkr_connector.simulator.inputs import InputError, build, check_names, convert

from .actions import ACTIONS, read_action
from .values import Account, Cue, Scenario

__all__ = ["ScenarioError", "parse_scenario", "read_scenario"]

_NAMES: Final = frozenset(Scenario.__dataclass_fields__)


class ScenarioError(Exception):
    """A scenario file, or an option, that cannot be what was meant."""


class _Loader(yaml.SafeLoader):
    """YAML in which `on`, `off`, `yes` and `no` are words, as in YAML 1.2: faults have an `on`."""


_BOOL: Final = "tag:yaml.org,2002:bool"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag != _BOOL]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, re.compile(r"^(?:true|false)$", re.IGNORECASE), list("tTfF"))


def read_scenario(path: Path) -> Scenario:
    """
    Read a scenario file.

    Raises:
        ScenarioError: It cannot be read, or says something that cannot be.
    """
    try:
        # a SafeLoader, apart from what it takes for a truth value
        read = yaml.load(path.read_text("utf-8"), _Loader)
    except (OSError, UnicodeError, yaml.YAMLError, ValueError) as error:
        raise ScenarioError(f"cannot read {path.name}: {error}") from error
    if read is None:
        read = {}
    if not isinstance(read, dict):
        raise ScenarioError(f"{path.name} must hold names and values")
    return parse_scenario(read)


def parse_scenario(read: Mapping[str, Any]) -> Scenario:
    """
    Make a scenario of names and values.

    Raises:
        ScenarioError: A name is unknown, a value of the wrong type or out of range.
    """
    try:
        check_names(read, _NAMES, "scenario")
        given = {name: value for name, value in read.items() if value is not None}
        for name, reader in _READERS.items():
            if name in given:
                given[name] = reader(given[name])
        return build(Scenario, given, "scenario")
    except InputError as error:
        raise ScenarioError(str(error)) from error


def _accounts(given: object) -> dict[str, Account]:
    if not isinstance(given, Mapping):
        raise InputError(f"accounts must hold account ids and what they have, got {given!r}")
    return {_account_id(name): _account(name, value) for name, value in given.items()}


def _account_id(name: object) -> str:
    if not isinstance(name, str) or not name.strip() or "," in name:
        raise InputError(f"accounts: an account id must be a text as DU1234567, got {name!r}")
    return name


def _account(name: object, value: object) -> Account:
    where = f"accounts: {name}"
    if not isinstance(value, Mapping):
        return Account(cash={"USD": convert(Decimal, value, where)})
    given = dict(value)
    cash = given.get("cash")
    if cash is not None and not isinstance(cash, Mapping):
        given["cash"] = {"USD": convert(Decimal, cash, f"{where}: cash")}
    return build(Account, given, where)


def _faults(given: object) -> tuple[Any, ...]:
    if not isinstance(given, list):
        raise InputError(f"faults must be a list of faults, got {given!r}")
    return tuple(read_fault(one, f"faults[{index}]") for index, one in enumerate(given))


def _script(given: object) -> tuple[Cue, ...]:
    if not isinstance(given, list):
        raise InputError(f"script must be a list of what happens, got {given!r}")
    return tuple(_cue(one, f"script[{index}]") for index, one in enumerate(given))


def _cue(given: object, where: str) -> Cue:
    if not isinstance(given, Mapping):
        raise InputError(f"{where} must hold at_s and an action, got {given!r}")
    check_names(given, ["at_s", *ACTIONS], where)
    names = [name for name in given if name != "at_s"]
    if "at_s" not in given or len(names) != 1:
        raise InputError(f"{where} needs at_s and one action of {', '.join(ACTIONS)}")
    at_s = convert(float, given["at_s"], f"{where}: at_s")
    action = read_action(names[0], given[names[0]], where)
    try:
        return Cue(at_s=at_s, action=action)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


_READERS: Final = {"accounts": _accounts, "faults": _faults, "script": _script}
