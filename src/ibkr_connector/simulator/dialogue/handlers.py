"""Which request is handled by what: the table, and the handlers that are a line or two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

from . import accounts, data, orders
from .session import ClientSession

__all__ = ["HANDLERS"]

Handler = Callable[[ClientSession, Any, datetime], None]
"""Does what one sort of request asks."""


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


HANDLERS: Final[Mapping[type, Handler]] = MappingProxyType(
    {
        ask.ReqCurrentTime: _current_time,
        ask.ReqIds: _ids,
        ask.ReqManagedAccounts: _managed,
        ask.ReqFamilyCodes: _family,
        ask.ReqNewsProviders: _news_providers,
        ask.ReqNewsBulletins: _nothing,
        ask.ReqUserInfo: _user_info,
        ask.SetServerLogLevel: _nothing,
        # contracts and market data
        ask.ReqContractDetails: data.contract_details,
        ask.ReqMatchingSymbols: data.matching_symbols,
        ask.ReqSecDefOptParams: data.option_parameters,
        ask.ReqMarketRule: data.market_rule,
        ask.ReqMarketDataType: data.market_data_type,
        ask.ReqMarketData: data.market_data,
        ask.CancelMarketData: data.cancel_market_data,
        ask.ReqTickByTick: data.tick_by_tick,
        ask.CancelTickByTick: data.cancel_tick_by_tick,
        ask.ReqRealTimeBars: data.real_time_bars,
        ask.CancelRealTimeBars: data.cancel_real_time_bars,
        ask.ReqHistoricalData: data.bars,
        ask.CancelHistoricalData: data.cancel_bars,
        ask.ReqHeadTimestamp: data.head,
        ask.CancelHeadTimestamp: _nothing,
        # orders
        ask.PlaceOrder: orders.place,
        ask.CancelOrder: orders.cancel,
        ask.GlobalCancel: orders.cancel_all,
        ask.ReqOpenOrders: orders.open_orders,
        ask.ReqAllOpenOrders: orders.all_open_orders,
        ask.ReqAutoOpenOrders: orders.auto_open_orders,
        ask.ReqCompletedOrders: orders.completed_orders,
        ask.ReqExecutions: orders.executions,
        # accounts
        ask.ReqAccountUpdates: accounts.updates,
        ask.ReqAccountUpdatesMulti: accounts.updates_multi,
        ask.CancelAccountUpdatesMulti: accounts.cancel_updates_multi,
        ask.ReqAccountSummary: accounts.summary,
        ask.CancelAccountSummary: accounts.cancel_summary,
        ask.ReqPositions: accounts.positions,
        ask.CancelPositions: accounts.cancel_positions,
        ask.ReqPositionsMulti: accounts.positions_multi,
        ask.CancelPositionsMulti: accounts.cancel_positions_multi,
        ask.ReqPnl: accounts.pnl,
        ask.CancelPnl: accounts.cancel_pnl,
        ask.ReqPnlSingle: accounts.pnl_single,
        ask.CancelPnlSingle: accounts.cancel_pnl_single,
    }
)
"""Every request that has a record has a handler (tested)."""
