"""
The endpoints of the older bridge, with exactly its paths and bodies.

They say numbers where `/v1` says text; what they do is the same, and so is who may do it.
"""

from __future__ import annotations

import logging

from fastapi import APIRouter, Response, WebSocket

from .asking import ADMIN, READ, TRADE, House, Key, OrderNumber, Symbol, Who
from .bodies import PlaceBody
from .older_form import (
    Candles,
    CandleWish,
    Health,
    OlderAccount,
    OlderOrder,
    OlderPosition,
    OlderQuote,
)
from .placing import place
from .plain import answer
from .ranges import check_range
from .sockets import follow_one
from .welcome import welcome

__all__ = ["router"]

_log = logging.getLogger("ibkr_connector.bridge")

router = APIRouter(tags=["older bridge"])


@router.post("/connect", dependencies=[ADMIN])
async def connect(house: House) -> Health:
    """Connect to the gateway, and return when it is ready; harmless when it is."""
    await house.connect()
    return house.health()


@router.post("/disconnect", dependencies=[ADMIN])
async def disconnect(house: House) -> Health:
    """Disconnect from the gateway, and stay so until `POST /connect`."""
    await house.disconnect()
    return house.health()


@router.get("/quotes/{symbol}", dependencies=[READ], response_model=OlderQuote)
async def get_quote(symbol: Symbol, house: House) -> Response:
    """Return a quote, at most a second old."""
    quote, _ = await house.quotes.get(symbol, max_age_s=house.settings.quote_max_age_s)
    return answer(OlderQuote.of(quote, symbol))


@router.post("/candles/{symbol}", dependencies=[READ])
async def get_candles(symbol: Symbol, house: House, wish: CandleWish | None = None) -> Candles:
    """Return historical bars, oldest first."""
    wish = wish or CandleWish()
    now = house.clock.utcnow()
    check_range(wish.bar_size, duration=wish.duration, start=None, end=now)
    series = await house.ib.get_historical_data(
        symbol, duration=wish.duration, bar_size=wish.bar_size
    )
    return Candles.of(series, symbol=symbol, wish=wish)


@router.post("/orders", dependencies=[TRADE])
async def post_order(body: PlaceBody, house: House, who: Who, key: Key = None) -> OlderOrder:
    """Place an order, and return it as the broker first speaks of it."""
    report, _ = await place(house, who, body, key=key)
    return OlderOrder.of(report)


@router.get("/orders/{order_id}", dependencies=[READ])
async def get_order(order_id: OrderNumber, house: House) -> OlderOrder:
    """Return an order as it stands."""
    return OlderOrder.of(await house.ib.get_order_status(order_id))


@router.delete("/orders/{order_id}", dependencies=[TRADE])
async def delete_order(order_id: OrderNumber, house: House) -> OlderOrder:
    """Cancel an order, and return what became of it: cancelled, or filled first."""
    return OlderOrder.of(await house.ib.cancel_order(order_id))


@router.get("/positions", dependencies=[READ])
async def get_positions(house: House) -> list[OlderPosition]:
    """Return what is held."""
    return [OlderPosition.of(position) for position in await house.ib.get_positions()]


@router.get("/account", dependencies=[READ])
async def get_account(house: House) -> OlderAccount:
    """Return the figures of the account."""
    return OlderAccount.of(await house.ib.get_account_summary())


@router.websocket("/ws/quotes/{symbol}")
async def ws_quotes(socket: WebSocket, symbol: str, house: House) -> None:
    """Follow the quotes of a symbol."""
    async with welcome(socket, house) as is_welcome:
        if is_welcome:
            await follow_one(socket, house, symbol)
