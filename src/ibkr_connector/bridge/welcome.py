"""How a WebSocket is let in: its token may read, and there is room."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.websockets import WebSocket

from .asking import is_allowed
from .guard import SUBPROTOCOL
from .problems import Kind, problem
from .running import Bridge
from .tokens import Scope

__all__ = ["welcome"]


@asynccontextmanager
async def welcome(socket: WebSocket, bridge: Bridge) -> AsyncIterator[bool]:
    """Accept a socket and count it while it is there; one that is refused is told why, as HTTP."""
    refused: Kind | None = None
    if not is_allowed(socket.state.caller, Scope.READ):
        refused = Kind(403, "scope-missing", "The token does not allow this")
    elif bridge.is_closing:
        refused = Kind(503, "shutting-down", "The bridge is being shut down")
    elif bridge.readers >= bridge.settings.max_sockets:
        refused = Kind(503, "too-many-sockets", "Too many WebSockets are open")
    if refused is not None:
        await socket.send_denial_response(
            problem(refused, refused.title, correlation_id=socket.state.request_id)
        )
        yield False
        return
    # a place is taken before anything is awaited, so that no two take the last one
    bridge.readers += 1
    try:
        offered = socket.scope.get("subprotocols", [])
        await socket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
        yield True
    finally:
        bridge.readers -= 1
