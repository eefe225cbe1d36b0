"""Which request is handled by what: the table, and the handlers that are a line or two."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import (
    CurrentTime,
    FamilyCodes,
    ManagedAccounts,
    NewsProviders,
    NextValidId,
    Pair,
    UserInfo,
)

from . import accounts, data, order_queries, orders
from .session import ClientSession, Handler

__all__ = ["HANDLERS"]


def _current_time(session: ClientSession, request: ask.ReqCurrentTime, now: datetime) -> None:
    session.say(CurrentTime(time=int(now.timestamp())))


def _ids(session: ClientSession, request: ask.ReqIds, now: datetime) -> None:
    session.say(NextValidId(order_id=session.gateway.next_ids[session.client_id]))


def _managed(session: ClientSession, request: ask.ReqManagedAccounts, now: datetime) -> None:
    session.say(ManagedAccounts(accounts=",".join(session.gateway.accounts)))


def _family(session: ClientSession, request: ask.ReqFamilyCodes, now: datetime) -> None:
    codes = tuple(Pair(name=account, value="") for account in session.gateway.accounts)
    session.say(FamilyCodes(codes=codes))


def _news_providers(session: ClientSession, request: ask.ReqNewsProviders, now: datetime) -> None:
    session.say(NewsProviders(providers=()))


def _user_info(session: ClientSession, request: ask.ReqUserInfo, now: datetime) -> None:
    session.say(UserInfo(request_id=request.request_id, white_branding_id=""))


def _nothing(session: ClientSession, request: Any, now: datetime) -> None:
    """Requests that have an effect inside of the gateway only, or none while nothing happens."""


_OWN: Final[Mapping[type, Handler]] = {
    ask.ReqCurrentTime: _current_time,
    ask.ReqIds: _ids,
    ask.ReqManagedAccounts: _managed,
    ask.ReqFamilyCodes: _family,
    ask.ReqNewsProviders: _news_providers,
    ask.ReqNewsBulletins: _nothing,
    ask.ReqUserInfo: _user_info,
    ask.SetServerLogLevel: _nothing,
    ask.CancelHeadTimestamp: _nothing,
}

HANDLERS: Final[Mapping[type, Handler]] = MappingProxyType(
    {**_OWN, **data.HANDLERS, **orders.HANDLERS, **order_queries.HANDLERS, **accounts.HANDLERS}
)
"""Every request that has a record has a handler (tested)."""
