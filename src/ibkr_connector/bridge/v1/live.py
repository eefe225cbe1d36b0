"""The WebSocket of `/v1`: quotes, trades, bars, books, orders, account and status by topics."""

from __future__ import annotations

from fastapi import APIRouter, WebSocket

from ibkr_connector.bridge.asking import House
from ibkr_connector.bridge.sockets import follow_topics
from ibkr_connector.bridge.welcome import welcome

__all__ = ["router"]

router = APIRouter(prefix="/v1")


@router.websocket("/ws")
async def ws(socket: WebSocket, house: House) -> None:
    """Follow topics, as the reader says."""
    async with welcome(socket, house) as is_welcome:
        if is_welcome:
            await follow_topics(socket, house)
