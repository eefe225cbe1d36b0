"""
Every kind of fault by its name: one list for Python, scenario files and the control port.

    kind: cut
    on: PlaceOrder
    handled: true
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ibkr_connector.simulator.inputs import InputError, build

from . import market, moments, orders, replies, requests, sockets
from .fault import Fault

__all__ = ["KINDS", "read_fault"]

_NAMED: Final = [
    getattr(module, name)
    for module in (sockets, requests, replies, moments, orders, market)
    for name in module.__all__
]

KINDS: Final[Mapping[str, type[Fault]]] = MappingProxyType(
    {
        kind.name: kind
        for kind in sorted(
            (one for one in _NAMED if isinstance(one, type) and issubclass(one, Fault)),
            key=lambda kind: kind.name,
        )
    }
)
"""What can be injected, by name."""


def read_fault(given: object, where: str = "fault") -> Fault:
    """
    Make a fault of names and values; `kind` says which.

    Raises:
        InputError: There is no such kind, or a field is missing, unknown or out of range.
    """
    if not isinstance(given, Mapping):
        raise InputError(f"{where} must hold names and values, got {given!r}")
    if "kind" not in given:
        raise InputError(f"{where} needs a 'kind': {', '.join(KINDS)}")
    name = given["kind"]
    kind = KINDS.get(name) or _by_record(name)
    if kind is None:
        raise InputError(f"{where}: there is no kind {name!r}; known are {', '.join(KINDS)}")
    rest = {key: value for key, value in given.items() if key != "kind"}
    return build(kind, rest, f"{where} {kind.name}")


def _by_record(name: object) -> type[Fault] | None:
    return next((kind for kind in KINDS.values() if kind.__name__ == name), None)
