"""An order that is written while its socket ends already: what is said of its bytes."""

from __future__ import annotations

import socket

import pytest

from ibkr_connector.errors import ConnectionLostError, NotConnectedError
from ibkr_connector.gateway.session import Session
from ibkr_connector.model.orders import SendDisposition
from kit.order_desk import ticket


async def test_what_is_written_to_a_socket_that_closes_was_not_sent(session: Session) -> None:
    # as asyncio does when the gateway has closed its side; it is told of that a moment later
    transport = session._client.conn.transport
    assert transport is not None
    transport.close()
    assert session.is_open
    with pytest.raises(NotConnectedError) as caught:
        await session.send_order(ticket())
    assert caught.value.disposition is SendDisposition.UNSENT


async def test_what_the_system_refuses_is_not_called_sent(session: Session) -> None:
    transport = session._client.conn.transport
    assert transport is not None
    raw: socket.socket = transport.get_extra_info("socket")
    raw.shutdown(socket.SHUT_WR)
    with pytest.raises(ConnectionLostError) as caught:
        await session.send_order(ticket())
    assert caught.value.disposition is SendDisposition.MAYBE_WRITTEN
