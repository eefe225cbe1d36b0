"""
The mouth of the wire: counts each message as it is written, whoever wrote it.

The pacer admits calls by what they say they cost. What they write is counted here against that;
a message beyond it (of the escape hatch, of a call that does more than its row says) is charged
afterwards, so that the others wait for it. Messages that call something off, which may come all
at once, wait for their turn here instead.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Final

from .pacing import Pacer

__all__ = ["MessageOutlet", "paid"]


class _Credit:
    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


_CREDIT: Final[ContextVar[_Credit | None]] = ContextVar("ibkr_message_credit", default=None)


class paid:  # noqa: N801  # reads as what it does, and is cheaper than a generator
    """Let the enclosed call write so many messages that are paid for already."""

    __slots__ = ("_credit", "_token")

    def __init__(self, messages: int) -> None:
        self._credit = _Credit(messages)

    def __enter__(self) -> None:
        self._token = _CREDIT.set(self._credit)

    def __exit__(self, *_: object) -> None:
        # a task that outlives the call has the same credit in its context
        self._credit.left = 0
        _CREDIT.reset(self._token)


class MessageOutlet:
    """
    What a session tells of its messages.

    Args:
        pacer: Counts them.
        net_limit: Messages a second at which ib_async's own throttle, the net behind the pacing,
            steps in: the gateway's own limit.
    """

    def __init__(self, pacer: Pacer, *, net_limit: int) -> None:
        self._pacer = pacer
        self.net_limit = net_limit
        self.net_alarms = 0

    def sent(self, messages: int = 1) -> None:
        """Count messages that are being written."""
        credit = _CREDIT.get()
        covered = min(messages, credit.left) if credit is not None else 0
        if credit is not None:
            credit.left -= covered
        for _ in range(messages - covered):
            self._pacer.charge()

    def post(self, send: Callable[[], None]) -> None:
        """Write one message that calls something off, now if there is room and else in turn."""
        self._pacer.post(send)

    def alarm(self) -> None:
        """Count that ib_async's own throttle was reached: the pacing let too much pass."""
        self.net_alarms += 1
