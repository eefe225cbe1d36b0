"""
What a person has to know of each setting, read from the models: kind, unit, range, default.

The reference page is made from it, and a test asks it for every field.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from .alerts import AlertRoute, AlertRule
from .model import Settings
from .places import COMMON_SECTION, environment_names
from .rules import PermissionSettings, RiskSettings

__all__ = ["MODELS", "Entry", "entries"]

_NOT_IN_FILES: Final = frozenset({"profile", "risk", "permissions", "alerts"})

_UNITS: Final[Mapping[str, str]] = {
    "market_data_lines": "lines",
    "account_history_days": "days",
    "max_concentration": "share of the net liquidation value",
    "max_daily_loss": "base currency",
    "max_drawdown": "share of the highest worth",
    "max_exposure": "base currency",
    "max_portfolio_risk": "share of the net liquidation value",
    "price_collar": "share of the price",
    "max_open_orders": "orders",
    "max_orders_per_minute": "orders",
    "max_orders_per_second": "orders",
    "messages_per_second": "messages",
    "breaker_fail_max": "failures",
    "log_file_max_bytes": "bytes",
    "log_file_keep": "files",
}
_ENDINGS: Final[Mapping[str, str]] = {
    "_s": "seconds",
    "_attempts": "attempts",
    "_share": "share of the net liquidation value",
    "_size": "units of the contract",
    "_value": "base currency",
}
_KINDS: Final[Mapping[object, str]] = {
    bool: "true or false",
    str: "text",
    int: "whole number",
    float: "number",
    Decimal: "exact number",
    Path: "path",
    SecretStr: "secret",
    Any: "anything",
}


MODELS: Final[Mapping[str, type[BaseModel]]] = {
    "config/ibkr_config.ini": Settings,
    "config/risk_config.yaml": RiskSettings,
    "config/trading_permissions.yaml": PermissionSettings,
    "config/alerts.yaml, below the name of a rule": AlertRule,
    "config/alerts.yaml, below the name of a route": AlertRoute,
}
"""What each file holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    One setting as its reader needs it.

    Args:
        name: As a keyword argument, and as a key of the file.
        kind: What is written there.
        unit: What a number counts; empty when it counts nothing.
        span: Smallest and largest; empty when there is neither.
        default: What holds when nothing is said.
        variables: Its environment variables, the one that wins first.
        section: Section of the INI file; empty for keys of the YAML files.
        meaning: What it does.
    """

    name: str
    kind: str
    unit: str
    span: str
    default: str
    variables: tuple[str, ...]
    section: str
    meaning: str


def entries(model: type[BaseModel]) -> tuple[Entry, ...]:
    """Return an entry for each field that can be written down, in declared order."""
    return tuple(_entries(model))


def _entries(model: type[BaseModel]) -> Iterator[Entry]:
    for name, info in model.model_fields.items():
        if model is Settings and name in _NOT_IN_FILES:
            continue
        yield Entry(
            name=name,
            kind=_kind(info.annotation),
            unit=_UNITS.get(name) or _ending(name),
            span=_span(info),
            default=_default(name, info),
            variables=environment_names(name) if model is Settings else (),
            section=COMMON_SECTION if model is Settings else "",
            meaning=info.description or "",
        )


def _ending(name: str) -> str:
    return next((unit for end, unit in _ENDINGS.items() if name.endswith(end)), "")


def _kind(annotation: Any) -> str:
    if annotation in _KINDS:
        return _KINDS[annotation]
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _kind(inner[0])
    if origin in (typing.Union, types.UnionType):
        return _kind(next(one for one in inner if one is not type(None)))
    if origin is Literal:
        return ", ".join(f"`{word}`" for word in inner)
    if origin in (tuple, frozenset):
        return f"list of {_kind(inner[0])}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{one.value}`" for one in annotation if one.value)
    return "names and values"


def _span(info: FieldInfo) -> str:
    low = high = ""
    for rule in info.metadata:
        low = f"from {rule.ge}" if hasattr(rule, "ge") else low
        low = f"above {rule.gt}" if hasattr(rule, "gt") else low
        high = f"to {rule.le}" if hasattr(rule, "le") else high
        high = f"below {rule.lt}" if hasattr(rule, "lt") else high
    return " ".join(part for part in (low, high) if part)


def _default(name: str, info: FieldInfo) -> str:
    if name == "state_dir":
        return "under `$XDG_STATE_HOME`"
    if info.is_required():
        return "required"
    value = info.default
    if value is None:
        return "not set"
    if value in (frozenset(), (), {}) or info.default_factory is dict:
        return "empty"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
