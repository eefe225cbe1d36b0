"""
What stands inside of an order's mapping: the legs of a combination, conditions, an algorithm.

Each fault names the place in the list, as in `legs[1].ratio`, and all of a list are told together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from types import MappingProxyType
from typing import Any, Final, TypeVar, cast

from ibkr_connector.model.algos import Algo, RiskAversion, TwapStyle
from ibkr_connector.model.contracts import ComboLeg, Contract, OpenClose, SecurityType, combo
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.orders import (
    Action,
    Condition,
    ExecutionCondition,
    Joined,
    MarginCondition,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    TriggerMethod,
    VolumeCondition,
)

from .algo_rules import ALGO_KINDS
from .values import (
    Reader,
    not_one_of,
    read_contract,
    read_count,
    read_flag,
    read_number,
    read_numbered,
    read_slot,
    read_spelt,
    read_text,
    read_time,
    read_values,
    read_word,
    unknown_key,
)

__all__ = ["read_algo", "read_conditions", "read_legs"]

T = TypeVar("T")

_LEG_READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "contract": read_contract,
        "action": read_word(Action),
        "ratio": read_count,
        "exchange": read_text,
        "open_close": read_numbered(OpenClose),
        "short_sale_slot": read_slot,
        "designated_location": read_text,
    }
)

_CONDITION_KINDS: Final[Mapping[str, type[Condition]]] = MappingProxyType(
    {
        "price": PriceCondition,
        "time": TimeCondition,
        "margin": MarginCondition,
        "execution": ExecutionCondition,
        "volume": VolumeCondition,
        "percent_change": PercentChangeCondition,
    }
)

_CONDITION_READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "contract": read_contract,
        "above": read_number,
        "below": read_number,
        "after": read_time,
        "before": read_time,
        "symbol": read_text,
        "security_type": read_word(SecurityType),
        "exchange": read_text,
        "trigger_method": read_numbered(TriggerMethod),
        "joined": read_spelt(Joined, str.lower),
    }
)

_ALGO_READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "style": read_spelt(TwapStyle, str.title),
        "urgency": read_spelt(RiskAversion, str.title),
        "start": read_time,
        "end": read_time,
        "interval_s": read_count,
        **dict.fromkeys(("max_volume", "volume", "display_size", "component_size"), read_number),
        **dict.fromkeys(
            ("past_end", "passive", "speed_up", "force_completion", "randomize_time"), read_flag
        ),
        **dict.fromkeys(("randomize_size", "catch_up", "wait_for_fill"), read_flag),
    }
)


def read_algo(key: str, value: object) -> Algo:
    """Read an algorithm, a record or a mapping with its `kind`."""
    if isinstance(value, tuple(ALGO_KINDS.values())):
        return cast("Algo", value)
    if not isinstance(value, Mapping):
        raise ValueError(f"{key} must be an algorithm or a mapping; got {value!r}")
    word = str(value.get("kind", "")).strip().lower().replace(" ", "_")
    kind = ALGO_KINDS.get(word)
    if kind is None:
        raise ValueError(not_one_of(f"{key}.kind", value.get("kind"), ALGO_KINDS))
    given = {name: one for name, one in value.items() if name != "kind"}
    return _record(key, kind, given, readers=_ALGO_READERS)


def read_legs(key: str, value: object) -> Contract:
    """Read a list of legs, `ComboLeg` or mappings, into a combination."""
    return combo(*_each(key, value, _leg, of="legs"))


def read_conditions(key: str, value: object) -> tuple[Condition, ...]:
    """Read a list of conditions, records or mappings with their `kind`."""
    return tuple(_each(key, value, _condition, of="conditions"))


def _each(key: str, value: object, read: Callable[[str, object], T], *, of: str) -> list[T]:
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise ValueError(f"{key} must be a list of {of}; got {value!r}")
    done, faults = [], []
    for number, one in enumerate(value):
        try:
            done.append(read(f"{key}[{number}]", one))
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise ValueError("; ".join(faults))
    return done


def _leg(key: str, value: object) -> ComboLeg:
    if isinstance(value, ComboLeg):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"{key} must be a ComboLeg or a mapping; got {value!r}")
    given = {"contract" if name == "symbol" else name: one for name, one in value.items()}
    if "con_id" in given and "contract" not in given:
        con_id = read_count(f"{key}.con_id", given.pop("con_id"))
        given["contract"] = Contract(symbol="", con_id=ConId(con_id), exchange="")
    return _record(key, ComboLeg, given, readers=_LEG_READERS)


def _condition(key: str, value: object) -> Condition:
    if isinstance(value, tuple(_CONDITION_KINDS.values())):
        return cast("Condition", value)
    if not isinstance(value, Mapping):
        raise ValueError(f"{key} must be a condition or a mapping; got {value!r}")
    word = str(value.get("kind", "")).strip().lower().replace(" ", "_")
    kind = _CONDITION_KINDS.get(word)
    if kind is None:
        raise ValueError(not_one_of(f"{key}.kind", value.get("kind"), _CONDITION_KINDS))
    given = {name: one for name, one in value.items() if name != "kind"}
    if "contract" in kind.__dataclass_fields__ and "symbol" in given and "contract" not in given:
        given["contract"] = given.pop("symbol")
    return _record(key, kind, given, readers=_CONDITION_READERS)


def _record(
    key: str, kind: type[T], given: Mapping[str, Any], *, readers: Mapping[str, Reader]
) -> T:
    """Read the fields of a record that stands in a list of the order."""
    own: tuple[Any, ...] = fields(kind)  # type: ignore[arg-type]  # always a dataclass
    known = tuple(field.name for field in own if field.name != "kind")
    faults = [f"{key}: {unknown_key(name, known)}" for name in given if name not in known]
    found: list[str] = []
    read = read_values(given, {name: readers[name] for name in known}, found)
    faults += [f"{key}.{fault}" for fault in found]
    faults += [
        f"{key}.{field.name} is missing"
        for field in own
        if field.default is MISSING and field.name not in given
    ]
    if faults:
        raise ValueError("; ".join(faults))
    return kind(**read)
