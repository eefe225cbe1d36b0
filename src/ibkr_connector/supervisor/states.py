"""
Where a supervised connection can be, what can happen to it, and what follows: one table.

A state is where the connection is, an event is what happened to it. Whoever reports an event does
not choose the next state, the table does; an event that has no row in a state is a bug of ours and
raises, changing nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from ibkr_connector.model.status import ConnectionState

__all__ = ["LOSSES", "TABLE", "UP", "InvalidTransition", "SupervisorEvent", "advance", "as_mermaid"]


class SupervisorEvent(StrEnum):
    """What can happen to a supervised connection."""

    START = "start"
    """Somebody wants a connection."""

    OPENED = "opened"
    """A session is logged in, and its accounts fit the mode."""

    LOST = "lost"
    """There is no session, or none that can be trusted: it ended, or it could not be had."""

    RESET = "reset"
    """As `LOST`, in a planned outage: IB resets its servers, or the gateway restarts."""

    LOGIN = "login"
    """As `LOST`, because the gateway waits for somebody to log in or to confirm it."""

    SYNCED = "synced"
    """Every part of the broker's state that trading needs has been read, and none is missing."""

    INCOMPLETE = "incomplete"
    """Something is missing: a part did not answer, or the gateway's link to IB is down."""

    LINK_DOWN = "link down"
    """The gateway lost its link to IB; the socket to us is up."""

    LINK_UP = "link up"
    """The gateway has its link to IB again, so what happened meanwhile must be read."""

    RETRY = "retry"
    """The wait before the next attempt is over."""

    GIVE_UP = "give up"
    """No further attempt will be made."""

    STOP = "stop"
    """Nobody wants the connection any more."""


_S = ConnectionState
_E = SupervisorEvent

TABLE: Final[Mapping[ConnectionState, Mapping[SupervisorEvent, ConnectionState]]] = (
    MappingProxyType(
        {
            _S.IDLE: {
                _E.START: _S.CONNECTING,
                _E.STOP: _S.STOPPED,
            },
            _S.CONNECTING: {
                _E.OPENED: _S.SYNCING,
                _E.LOST: _S.WAITING,
                _E.RESET: _S.MAINTENANCE,
                _E.LOGIN: _S.LOGIN_NEEDED,
                _E.GIVE_UP: _S.IDLE,  # the first attempt failed: its error goes to the caller
                _E.STOP: _S.STOPPED,
            },
            _S.SYNCING: {
                _E.SYNCED: _S.READY,
                _E.INCOMPLETE: _S.DEGRADED,
                _E.LINK_DOWN: _S.SYNCING,  # counted when the parts are through
                _E.LINK_UP: _S.SYNCING,  # the parts are read once more
                _E.LOST: _S.WAITING,
                _E.RESET: _S.MAINTENANCE,
                _E.LOGIN: _S.LOGIN_NEEDED,
                _E.GIVE_UP: _S.IDLE,  # as while connecting
                _E.STOP: _S.STOPPED,
            },
            _S.READY: {
                _E.INCOMPLETE: _S.DEGRADED,  # what is restored in the background did not come
                _E.LINK_DOWN: _S.DEGRADED,
                _E.LINK_UP: _S.SYNCING,  # a gateway may report the end of a gap we never heard of
                _E.LOST: _S.WAITING,
                _E.RESET: _S.MAINTENANCE,
                _E.LOGIN: _S.LOGIN_NEEDED,
                _E.GIVE_UP: _S.IDLE,  # whoever wanted it went away just as it came up
                _E.STOP: _S.STOPPED,
            },
            _S.DEGRADED: {
                _E.SYNCED: _S.READY,  # the missing parts have come after all
                _E.INCOMPLETE: _S.DEGRADED,
                _E.LINK_DOWN: _S.DEGRADED,
                _E.LINK_UP: _S.SYNCING,
                _E.LOST: _S.WAITING,
                _E.RESET: _S.MAINTENANCE,
                _E.LOGIN: _S.LOGIN_NEEDED,
                _E.GIVE_UP: _S.IDLE,  # as while ready
                _E.STOP: _S.STOPPED,
            },
            _S.WAITING: {
                _E.RETRY: _S.CONNECTING,
                _E.GIVE_UP: _S.STOPPED,
                _E.STOP: _S.STOPPED,
            },
            _S.MAINTENANCE: {
                _E.RETRY: _S.CONNECTING,
                _E.GIVE_UP: _S.STOPPED,
                _E.STOP: _S.STOPPED,
            },
            _S.LOGIN_NEEDED: {
                _E.RETRY: _S.CONNECTING,
                _E.GIVE_UP: _S.STOPPED,
                _E.STOP: _S.STOPPED,
            },
            _S.STOPPED: {
                _E.START: _S.CONNECTING,
                _E.STOP: _S.STOPPED,
            },
        }
    )
)
"""For each state, what may happen there and where it leads."""

UP: Final = frozenset({_S.READY, _S.DEGRADED})
"""States with a session that has been synchronised, whole or in part."""

LOSSES: Final = frozenset({_E.LOST, _E.RESET, _E.LOGIN})
"""Events after which there is no session, and another attempt is waited for."""


class InvalidTransition(RuntimeError):  # noqa: N818  # says what happened
    """An event was reported in a state that has no row for it."""


def advance(state: ConnectionState, event: SupervisorEvent) -> ConnectionState:
    """
    Return the state that follows.

    Raises:
        InvalidTransition: The table has no such row.
    """
    try:
        return TABLE[state][event]
    except KeyError:
        raise InvalidTransition(f"{event.value!r} cannot happen while {state.value}") from None


def as_mermaid() -> str:
    """Return the table as a Mermaid state diagram, for `docs/connection-life.md`."""
    lines = ["stateDiagram-v2", f"    [*] --> {_S.IDLE.value}"]
    lines += [
        f"    {state.value} --> {target.value}: {event.value}"
        for state, exits in TABLE.items()
        for event, target in exits.items()
    ]
    return "\n".join(lines)
