"""
What an algorithm of IB needs, and what it does not go with; read from mappings by `parts.py`.

Pure rules over one request. Ranges and meanings: IB's API guide, "IB algorithms", and the TWS
users' guide, "algos" (a share of the volume is from 1 to 50 percent there).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, get_args

from ibkr_connector.model.algos import (
    AccumulateDistribute,
    Algo,
    DarkIce,
    RiskAversion,
    TwapStyle,
)
from ibkr_connector.model.contracts import ContractDetails, SecurityType
from ibkr_connector.model.orders import OrderRequest, OrderType, TimeInForce

from .values import is_finite, not_one_of

__all__ = ["ALGO_KINDS", "algo_contract_faults", "algo_faults"]

ALGO_KINDS: Final[Mapping[str, type[Algo]]] = MappingProxyType(
    {kind.__dataclass_fields__["kind"].default: kind for kind in get_args(Algo)}
)
"""The algorithms, by the word for each."""

_SHARES: Final = ("max_volume", "volume")
_LEAST_SHARE, _MOST_SHARE = Decimal("0.01"), Decimal("0.5")
_SIZES: Final = ("display_size", "component_size")
_WORDS: Final[Mapping[str, type[StrEnum]]] = MappingProxyType(
    {"style": TwapStyle, "urgency": RiskAversion}
)
_AT_ONCE: Final = (TimeInForce.IOC, TimeInForce.FOK, TimeInForce.OPG)
_TYPES: Final = (OrderType.MARKET, OrderType.LIMIT)


def algo_faults(request: OrderRequest) -> Iterator[str]:
    """Check the parameters of the algorithm, and that the order can be given to it."""
    algo: Any = request.algo
    if type(algo) not in ALGO_KINDS.values():
        yield f"algo must be one of the records of ibkr_connector.model.algos; got {algo!r}"
        return
    for field in fields(algo):
        if field.name != "kind":
            yield from _parameter_faults(request, field.name, field.default)
    yield from _window_faults(request)
    allowed = (OrderType.LIMIT,) if isinstance(algo, DarkIce) else _TYPES
    if request.order_type not in allowed:
        yield (
            f"algo {algo.kind} goes with orders of type {' and '.join(allowed)}; got "
            f"{request.order_type}, leave it out or change the type"
        )
    if request.time_in_force in _AT_ONCE:
        yield (
            f"time_in_force {request.time_in_force} contradicts algo {algo.kind}, which works "
            "over time; use DAY or GTC"
        )
    for key in ("adaptive", "all_or_none", "hidden", "display_size", "minimum_quantity"):
        value = getattr(request, key)
        if value is not None and value is not False:
            yield f"{key} contradicts algo {algo.kind}, which decides that itself; leave it out"


def algo_contract_faults(request: OrderRequest, details: ContractDetails) -> Iterator[str]:
    """Check that the contract can be given to the algorithm, by its list of order types."""
    algo, contract = request.algo, details.contract
    if algo is None:
        return
    if contract.security_type is SecurityType.COMBO:
        yield f"algo {algo.kind} does not work combinations; leave it out of {contract}"
        return
    name = "AD" if isinstance(algo, AccumulateDistribute) else "ALGO"
    if details.order_types and name not in details.order_types:
        yield f"{contract} takes no algo {algo.kind}; its order types have no {name}"


def _parameter_faults(request: OrderRequest, name: str, default: Any) -> Iterator[str]:
    key, value = f"algo.{name}", getattr(request.algo, name)
    if name in _SHARES:
        if not is_finite(value) or not _LEAST_SHARE <= value <= _MOST_SHARE:
            yield (
                f"{key} must be a Decimal from {_LEAST_SHARE} to {_MOST_SHARE}, a share of the "
                f"volume; got {value!r}"
            )
    elif name in _SIZES:
        if not is_finite(value) or value <= 0 or value % 1:
            yield f"{key} must be a whole Decimal above 0; got {value!r}"
        elif is_finite(request.quantity) and value > request.quantity:
            yield f"{key} must not be more than the quantity {request.quantity}; got {value}"
    elif name == "interval_s":
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            yield f"{key} must be a whole number of seconds of at least 1; got {value!r}"
    elif name in _WORDS:
        if not isinstance(value, _WORDS[name]):
            yield not_one_of(key, value, _WORDS[name])
    elif isinstance(default, bool):
        if not isinstance(value, bool):
            yield f"{key} must be True or False; got {value!r}"
    elif value is not None:
        yield from _moment_faults(key, value)


def _moment_faults(key: str, moment: Any) -> Iterator[str]:
    if not isinstance(moment, datetime):
        yield f"{key} must be an aware datetime; got {moment!r}"
    elif moment.utcoffset() is None:
        yield f"{key} must say its time zone, as in tzinfo=UTC; got the naive {moment!r}"
    elif moment.microsecond:
        yield f"{key} must be a whole second, as IB has no finer ones; got {moment}"


def _window_faults(request: OrderRequest) -> Iterator[str]:
    start: Any = getattr(request.algo, "start", None)
    end: Any = getattr(request.algo, "end", None)
    if _is_aware(start) and _is_aware(end) and start >= end:
        yield f"algo.start must be before algo.end; got {start} and {end}"
    if getattr(request.algo, "past_end", None) is True and end is None:
        yield "algo.past_end needs algo.end; give it, or leave past_end out"
    if end is not None and request.good_till is not None:
        yield f"algo.end contradicts good_till {request.good_till}; give one of them"


def _is_aware(moment: Any) -> bool:
    return isinstance(moment, datetime) and moment.utcoffset() is not None
