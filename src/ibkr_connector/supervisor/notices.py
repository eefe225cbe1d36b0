"""
What the gateway's notices say about its link to IB and its data farms.

Which code says what is a row of `codes.py`. Only the farm's name has to come from the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ibkr_connector.codes import farm_effect
from ibkr_connector.gateway.port import GatewayNotice
from ibkr_connector.model.status import FarmState

__all__ = ["farm_name", "with_notice"]


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
