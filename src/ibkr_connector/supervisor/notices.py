"""
What the gateway's notices say about its link to IB, its data farms and its port.

Which code says what is a row of `codes`. Only a farm's name and a port have to come from the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ibkr_connector.codes import farm_effect
from ibkr_connector.gateway.port import GatewayNotice
from ibkr_connector.model.status import FarmState

__all__ = ["farm_name", "moved_port", "with_notice"]

_PORT: Final = re.compile(r"\d{1,5}", re.ASCII)
_PORTS: Final = range(1, 65_536)


def moved_port(text: str) -> int | None:
    """
    Return the port that the gateway says it listens on from now on; `None` when it names none.

    It is the last number of the text (`... Please reconnect on the new port - 4003`).
    """
    numbers = _PORT.findall(text)
    port = int(numbers[-1]) if numbers else 0
    return port if port in _PORTS else None


def farm_name(text: str) -> str:
    """
    Return the name of the farm that a notice speaks of, or `""` when it names none.

    It stands after the last colon (`Market data farm connection is OK:usfarm`). The notices of
    inactive farms put it after a full stop instead (`... available upon demand.ushmds`).
    """
    _, colon, name = text.rpartition(":")
    if not colon:
        _, _, name = text.rpartition(".")
    name = name.strip()
    return name if len(name.split()) == 1 else ""


def with_notice(farms: Mapping[str, FarmState], notice: GatewayNotice) -> Mapping[str, FarmState]:
    """Return the farms as they stand after a notice; the same object when it is about none."""
    state, name = farm_effect(notice.code), farm_name(notice.text)
    if state is None or not name or farms.get(name) is state:
        return farms
    return MappingProxyType({**farms, name: state})
