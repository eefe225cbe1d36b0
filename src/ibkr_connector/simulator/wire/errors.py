"""Whose mistake it was."""

from __future__ import annotations

__all__ = ["LocalProtocolError", "RemoteProtocolError"]


class LocalProtocolError(Exception):
    """This side was asked to say something that the protocol cannot say, or at the wrong time."""


class RemoteProtocolError(Exception):
    """
    The client broke the protocol.

    Attributes:
        message_id: Of the message that cannot be read; `None`: the stream is broken, and the
            connection cannot go on.
        request_id: Of that message, request or order; -1 when it could not be read either.
    """

    def __init__(self, text: str, *, message_id: int | None = None, request_id: int = -1) -> None:
        super().__init__(text)
        self.message_id = message_id
        self.request_id = request_id
