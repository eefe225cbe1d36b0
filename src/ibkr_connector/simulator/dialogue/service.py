"""Requests to the gateway itself: its log, and its clock in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import CurrentTimeMillis
from ibkr_connector.simulator.wire.versions import Version

from .feed import feed_of

if TYPE_CHECKING:
    from .session import ClientSession, Handler

__all__ = ["HANDLERS"]

_LEVELS: Final = range(1, 6)


def log_level(session: ClientSession, request: ask.SetServerLogLevel, now: datetime) -> None:
    """Choose how much the gateway logs: 1 system, 2 errors, 3 warnings, 4 information, 5 all."""
    if request.level not in _LEVELS:
        session.fail(
            -1, 321, f"Error validating request.-'bE' : cause - Invalid log level {request.level}"
        )
        return
    feed_of(session.gateway).log_levels[session.client_id] = request.level


def time_in_millis(
    session: ClientSession, request: ask.ReqCurrentTimeMillis, now: datetime
) -> None:
    """Send the gateway's time; gateways before version 197 do not know the request."""
    if session.version < Version.CURRENT_TIME_IN_MILLIS:
        session.fail(-1, 320, "Error reading request. Unknown message id 105.")
        return
    session.say(CurrentTimeMillis(time_ms=int(now.timestamp() * 1000)))


HANDLERS: Final[Mapping[type, Handler]] = {
    ask.SetServerLogLevel: log_level,
    ask.ReqCurrentTimeMillis: time_in_millis,
}
