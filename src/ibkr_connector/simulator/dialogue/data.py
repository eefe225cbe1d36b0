"""All requests about contracts and data: one table made of those of the modules."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from . import (
    bars,
    contracts,
    depth,
    fundamentals,
    groups,
    historical_ticks,
    history,
    market_data,
    news,
    option_ticks,
    scanner,
    service,
    ticks,
    wall_street_horizon,
)
from .contracts import find_one

if TYPE_CHECKING:
    from .session import Handler

__all__ = ["HANDLERS", "find_one"]

HANDLERS: Final[Mapping[type, Handler]] = MappingProxyType(
    {
        request: handler
        for module in (
            contracts,
            market_data,
            option_ticks,
            ticks,
            depth,
            bars,
            history,
            historical_ticks,
            news,
            scanner,
            fundamentals,
            wall_street_horizon,
            groups,
            service,
        )
        for request, handler in module.HANDLERS.items()
    }
)
