"""How far the connecting of one session got."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Phase"]


class Phase(StrEnum):
    """How far the connecting got; each silence has its own meaning."""

    NAME = "name"
    """Resolving the name and opening the TCP connection."""

    GREETING = "greeting"
    """Connected; the gateway has not told its version yet."""

    LOGIN = "login"
    """Greeted; the gateway has not named the accounts and the next order id yet."""

    OPEN = "open"
    CLOSED = "closed"
