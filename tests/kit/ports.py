"""Ports that stay one's own, while nobody listens and when somebody does."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["held_port"]


@contextmanager
def held_port(port: int = 0) -> Iterator[int]:
    """
    Keep a port from every other program: whoever connects is refused until a test listens there.

    A port that is only looked up and let go may be anybody's a moment later. Where a socket is
    bound that does not listen, the system gives the port to nobody who asks for just any, and lets
    in who binds it by its number and may share it, as servers do.
    """
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", port))
        yield bound.getsockname()[1]
