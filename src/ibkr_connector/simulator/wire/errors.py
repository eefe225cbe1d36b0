"""Whose mistake it was."""

from __future__ import annotations

__all__ = ["LocalProtocolError", "RemoteProtocolError"]


class LocalProtocolError(Exception):
    """This side was asked to say something that the protocol cannot say, or at the wrong time."""


class RemoteProtocolError(Exception):
    """The client broke the protocol; the connection cannot go on."""
