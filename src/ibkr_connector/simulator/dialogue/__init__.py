"""
What a gateway does with a request: asks the venue, and answers as TWS answers.

No I/O and no clock: requests and moments come in, replies are left with each client's session, and
the server carries them. One `Gateway` for all clients, one `ClientSession` for each.
"""

from __future__ import annotations

from .gateway import Gateway, Permissions
from .session import ClientSession

__all__ = ["ClientSession", "Gateway", "Permissions"]
