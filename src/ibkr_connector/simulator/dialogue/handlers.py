"""Which request is handled by what: the table, and the handlers that are a line or two."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import (
    CurrentTime,
    NextValidId,
)

from . import accounts, advisor, data, order_queries, orders
from .session import ClientSession, Handler

__all__ = ["HANDLERS"]


def _current_time(session: ClientSession, request: ask.ReqCurrentTime, now: datetime) -> None:
    session.say(CurrentTime(time=int(now.timestamp())))


def _ids(session: ClientSession, request: ask.ReqIds, now: datetime) -> None:
    session.say(NextValidId(order_id=session.gateway.next_ids[session.client_id]))


def _verify(session: ClientSession, request: Any, now: datetime) -> None:
    # for clients whose vendor is registered with IB (ibapi client.py, verifyRequest)
    session.fail(-1, 321, "Error validating request.-'cb' : cause - API authentication is off")


_OWN: Final[Mapping[type, Handler]] = {
    ask.ReqCurrentTime: _current_time,
    ask.ReqIds: _ids,
    ask.VerifyRequest: _verify,
    ask.VerifyMessage: _verify,
    ask.VerifyAndAuthRequest: _verify,
    ask.VerifyAndAuthMessage: _verify,
}

HANDLERS: Final[Mapping[type, Handler]] = MappingProxyType(
    {
        **_OWN,
        **data.HANDLERS,
        **orders.HANDLERS,
        **order_queries.HANDLERS,
        **accounts.HANDLERS,
        **advisor.HANDLERS,
    }
)
"""Every request that has a record has a handler (tested)."""
