"""
Where to knock, and under which name: the port and the client id of the next attempt.

A gateway may move to another port while it runs (it says which), and a client id may be taken by a
dead connection that the gateway has not noticed yet. Pure: told what happened, asked what is next.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from enum import StrEnum

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.ids import ClientId

__all__ = ["Address", "IdPolicy"]

_log = logging.getLogger(__name__)


class IdPolicy(StrEnum):
    """What a first attempt does when its client id is in use; a later one always waits."""

    FAIL = "fail"
    """Raise at once; whoever asked decides."""

    WAIT = "wait"
    """Ask for the same id again until it is free, for as long as the settings allow."""

    POOL = "pool"
    """Take the next id of the list, unless orders of the old one are open."""


class Address:
    """
    The port and the client id of the next attempt.

    Args:
        port: As configured; after a move, both are tried in turn until one answers.
        client_ids: The configured one first, then those that may stand in for it.
        policy: What to do when the id is in use.
        may_change_id: Whether no order of the current id is open.
        check_port: Refuses a port that contradicts the mode, by raising.
    """

    def __init__(
        self,
        *,
        port: int,
        client_ids: Sequence[ClientId],
        policy: IdPolicy = IdPolicy.FAIL,
        may_change_id: Callable[[], bool] = lambda: True,
        check_port: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.policy = policy
        self._ports = [port]
        self._ids = list(dict.fromkeys(client_ids))
        self._at = 0
        self._tried = 0
        self._may_change_id = may_change_id
        self._check_port = check_port
        self._has_moved = False

    @property
    def port(self) -> int:
        """The port to knock at."""
        return self._ports[0]

    @property
    def client_id(self) -> ClientId:
        """The id to log in with."""
        return self._ids[self._at]

    def moved(self, port: int) -> bool:
        """Take the news that the gateway listens elsewhere from now on; tell whether it is used."""
        try:
            self._check_port(port)
        except ConfigurationError as error:
            _log.error("the gateway has moved to a port that is not allowed: %s", error)
            return False
        self._ports = [port, *(known for known in self._ports if known != port)][:2]
        self._has_moved = True
        return True

    def take_move(self) -> bool:
        """Tell, once, whether the gateway has moved and nobody has knocked there yet."""
        moved, self._has_moved = self._has_moved, False
        return moved

    def opened(self) -> None:
        """There is a session: this port is right, and so is the id."""
        self._has_moved = False
        self._tried = 0

    def unreachable(self) -> None:
        """Nobody answered: a gateway that restarts may be back at the port it is configured to."""
        self._ports.reverse()

    def next_id(self) -> bool:
        """
        The id is in use: take the next one, if the policy has one that was not tried yet.

        Returns whether to try at once; when all are taken, the round begins again at the first.
        """
        if self.policy is not IdPolicy.POOL or len(self._ids) == 1 or not self._may_change_id():
            return False
        self._tried += 1
        self._at = (self._at + 1) % len(self._ids)
        if self._tried >= len(self._ids):
            self._tried = 0
            return False
        _log.warning("client id is in use: taking %d of the pool", self.client_id)
        return True
