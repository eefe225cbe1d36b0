"""
IB's algorithms, to and from the name and the tagged texts of an order; pure functions.

Source of names and values: IB's API guide, "IB algorithms", and its sample
`AvailableAlgoParams.py`; times are written in its form `yyyymmdd-hh:mm:ss zone`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

import ib_async.contract

from ibkr_connector.model.algos import (
    AccumulateDistribute,
    Algo,
    ArrivalPrice,
    ClosePrice,
    DarkIce,
    PercentOfVolume,
    RiskAversion,
    Twap,
    TwapStyle,
    Vwap,
)

from .times import date_text, parse_time

__all__ = ["read_algo", "write_algo"]

TagValue: Any = ib_async.contract.TagValue

_ZONE: Final = " UTC"


@dataclass(frozen=True, slots=True)
class _Form:
    """The wire name of an algorithm, and the tags of the fields of its record."""

    strategy: str
    tags: Mapping[str, str]


_MAX_VOLUME: Final = {"max_volume": "maxPctVol"}
_TIMES: Final = {"start": "startTime", "end": "endTime"}
_PAST_END: Final = {"past_end": "allowPastEndTime"}
_PASSIVE: Final = {"passive": "noTakeLiq"}
_URGENCY: Final = {"urgency": "riskAversion"}
_FORCED: Final = {"force_completion": "forceCompletion"}

_FORMS: Final[Mapping[type[Algo], _Form]] = MappingProxyType(
    {
        Twap: _Form("Twap", {"style": "strategyType", **_TIMES, **_PAST_END}),
        Vwap: _Form(
            "Vwap", {**_MAX_VOLUME, **_TIMES, **_PAST_END, **_PASSIVE, "speed_up": "speedUp"}
        ),
        ArrivalPrice: _Form(
            "ArrivalPx", {**_MAX_VOLUME, **_URGENCY, **_TIMES, **_FORCED, **_PAST_END}
        ),
        PercentOfVolume: _Form("PctVol", {"volume": "pctVol", **_TIMES, **_PASSIVE}),
        ClosePrice: _Form("ClosePx", {**_MAX_VOLUME, **_URGENCY, "start": "startTime", **_FORCED}),
        DarkIce: _Form("DarkIce", {"display_size": "displaySize", **_TIMES, **_PAST_END}),
        AccumulateDistribute: _Form(
            "AD",
            {
                "component_size": "componentSize",
                "interval_s": "timeBetweenOrders",
                "randomize_time": "randomizeTime20",
                "randomize_size": "randomizeSize55",
                "catch_up": "catchUp",
                "wait_for_fill": "waitForFill",
                "start": "activeTimeStart",
                "end": "activeTimeEnd",
            },
        ),
    }
)
_KINDS: Final = MappingProxyType({form.strategy: kind for kind, form in _FORMS.items()})

_WORDS: Final[Mapping[str, type[StrEnum]]] = MappingProxyType(
    {"style": TwapStyle, "urgency": RiskAversion}
)
_MOMENTS: Final = frozenset({"start", "end"})


def write_algo(order: Any, algo: Algo) -> None:
    """Set the algorithm of an ib_async order; what was left open is not on the wire."""
    form = _FORMS[type(algo)]
    order.algoStrategy = form.strategy
    order.algoParams = [
        TagValue(tag, _text(value))
        for name, tag in form.tags.items()
        if (value := getattr(algo, name)) is not None
    ]


def read_algo(order: Any, *, login_zone: tzinfo) -> Algo | None:
    """Read the algorithm of an ib_async order; `None` for none, or one that has no record."""
    kind = _KINDS.get(order.algoStrategy)
    if kind is None:
        return None
    said = {tag.tag: tag.value for tag in order.algoParams or ()}
    made: dict[str, Any] = {}
    defaults = {field.name: field.default for field in fields(kind)}
    try:
        for name, tag in _FORMS[kind].tags.items():
            text = said.get(tag, "")
            if text:
                made[name] = _value(name, text, default=defaults[name], login_zone=login_zone)
            elif defaults[name] is MISSING:
                return None
    except (ValueError, ArithmeticError):
        return None
    return kind(**made)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime):
        return date_text(value.astimezone(UTC)) + _ZONE
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _value(name: str, text: str, *, default: Any, login_zone: tzinfo) -> Any:
    if name in _WORDS:
        return _WORDS[name](text)
    if name in _MOMENTS:
        is_ours = text.endswith(_ZONE) and "-" in text
        return parse_time(text.removesuffix(_ZONE) if is_ours else text, login_zone=login_zone)
    if isinstance(default, bool):
        return text in ("1", "true", "True")
    return int(text) if name == "interval_s" else Decimal(text)
