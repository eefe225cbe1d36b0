"""What happens to a connection, in the log: as loud as it is."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ibkr_connector.model.ids import ClientId

from .outages import Loudness
from .records import StateChange

__all__ = ["write"]

_log = logging.getLogger(__name__)

_LEVELS: Final[Mapping[Loudness, int]] = MappingProxyType(
    {
        Loudness.QUIET: logging.INFO,
        Loudness.ALERT: logging.WARNING,
        Loudness.ESCALATION: logging.ERROR,
    }
)


def write(change: StateChange, client_id: ClientId) -> None:
    """Write one line about a change; the client id tells a program's connections apart."""
    said = f"connection of client {client_id} {change.target.value} ({change.event.value})"
    if change.degraded_by:
        said += f", without {', '.join(change.degraded_by)}"
    if change.error is not None:
        said += f": {change.error}"
    if change.loudness is Loudness.ESCALATION:
        said += "; it lasts longer than it may"
    _log.log(
        _LEVELS[change.loudness],
        "%s",
        said,
        extra={
            "state": change.target.value,
            "was": change.source.value,
            "cause": change.event.value,
            "missing": list(change.degraded_by),
        },
    )
