"""When everything that can happen without time passing has happened, on one loop."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import termios
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from ibkr_connector.simulator import GatewaySimulator
from kit.threads import threads_work

__all__ = ["PatientGateway", "settled"]

_QUIET_ROUNDS = 5
_LATEST = 40
_LATEST_IN_FLIGHT = 4_000
_MOST_ROUNDS = 50_000
_MOST_RESTS = 200_000
_REST_S = 0.0005
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)
_UNSENT = 0x894B
"""SIOCOUTQNSD of Linux: the bytes that the system has not sent yet."""


def _never() -> bool:
    return False


async def settled(is_busy: Callable[[], bool] = _never) -> None:
    """
    Return when neither the loop nor its sockets nor its threads have anything left to do.

    Both ends of each connection have to be on this loop. How busy the machine is makes no
    difference: what the kernel still carries from one socket to another is waited for.

    Args:
        is_busy: Whether something is under way that is neither a socket's nor a thread's.

    Raises:
        RuntimeError: Something keeps the loop busy for ever.
    """
    ready = cast("deque[object]", asyncio.get_running_loop()._ready)  # type: ignore[attr-defined]
    quiet = late = rounds = rests = 0
    is_idle = False
    while rounds < _MOST_ROUNDS and rests < _MOST_RESTS:
        await asyncio.sleep(0)
        if ready:
            rounds += 1
            quiet, is_idle = 0, False
            continue
        quiet += 1
        if quiet < _QUIET_ROUNDS:
            continue
        # what arrived just before the sockets were looked at is heard in the rounds after it
        if is_idle:
            return
        quiet = 0
        rests += 1
        if is_busy() or threads_work():
            # as long as a slow disk takes
            await asyncio.sleep(_REST_S)
        elif (
            late < _LATEST_IN_FLIGHT and (waits := _on_the_way()) and (late < _LATEST or waits > 1)
        ):
            # what a gateway that reads nothing has no room for stays on its way
            late += 1
            await asyncio.sleep(_REST_S)
        else:
            is_idle = True
    raise RuntimeError("the loop never comes to rest")


class PatientGateway(GatewaySimulator):
    """A simulator for clients on its own loop: it hears all that was said before time passes."""

    async def advance(self, seconds: float) -> None:
        """Move the clock on behind everything that is on its way."""
        await settled()
        await super().advance(seconds)


def _on_the_way() -> int:
    """
    Tell whether bytes are between two sockets: a busy machine delivers them when it gets to it.

    Returns:
        0 for none, 1 where they have not left yet, 2 where they have and have not arrived.
    """
    loop: Any = asyncio.get_running_loop()
    watched = tuple(loop._selector.get_map())
    for fd in watched:
        _acknowledge(fd)
    found = 0
    for fd in watched:
        with suppress(OSError):  # the one that listens, and what is no socket
            written = fcntl.ioctl(fd, termios.TIOCOUTQ, bytes(4))
            if any(written):
                found = max(found, 1)
                if fcntl.ioctl(fd, _UNSENT, bytes(4)) != written:
                    return 2
    return found


def _acknowledge(fd: int) -> None:
    # or the sender's kernel counts for 40 ms what the receiver has long read
    if _QUICKACK is None:
        return
    with suppress(OSError):
        one = socket.socket(fileno=fd)
        try:
            one.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        finally:
            one.detach()
