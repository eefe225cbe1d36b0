"""
Messages that could not be read, kept for whoever has to find out why.

Owns: how many there were since the program began, the newest few of them, and that nothing in
them names an account. What such a message means for the question that it answers is for the
router of faults to say.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from ibkr_connector.model.status import UnreadableMessage

from .capture import Redaction
from .port import MessageUnreadable

__all__ = ["KEPT", "Unreadables"]

KEPT: Final = 8
"""So many of the newest are kept; a gateway that garbles one message garbles many."""

_LONGEST: Final = 4096
"""Characters of a message that are kept; a list of bars has megabytes."""

_SENDER: Final = "gateway"


class Unreadables:
    """
    Counts and keeps messages that could not be read. Reading is safe from any thread.

    Args:
        now: The time.
        accounts: The accounts of the login, which are masked.
    """

    def __init__(
        self, *, now: Callable[[], datetime], accounts: Callable[[], Iterable[str]]
    ) -> None:
        self._now = now
        self._accounts = accounts
        self._redaction = Redaction()
        self._kept: deque[UnreadableMessage] = deque(maxlen=KEPT)
        self.count = 0

    @property
    def newest(self) -> tuple[UnreadableMessage, ...]:
        """The newest messages, the last one last."""
        return tuple(self._kept)

    def note(self, event: MessageUnreadable) -> None:
        """Take one message."""
        self.count += 1
        self._redaction.learn(self._accounts())
        fields = self._redaction.fields(_SENDER, list(event.fields)) if event.fields else []
        kept, left = [], _LONGEST
        for one in fields:
            kept.append(one[:left])
            left -= len(one)
            if left <= 0:
                break
        self._kept.append(
            UnreadableMessage(
                at=self._now(),
                fields=tuple(kept),
                field_count=len(fields),
                reason=self._redaction.text(event.reason)[:_LONGEST],
            )
        )
