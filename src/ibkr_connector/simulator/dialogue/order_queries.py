"""Requests that show orders and executions, and bind those that were typed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from ibkr_connector.simulator.exchange.records import Execution
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import CompletedOrdersEnd, ExecDetailsEnd, OpenOrderEnd

from .session import ClientSession, Handler
from .times import LOGIN_ZONE, parse_end
from .translate import commission_report, completed_order, exec_details, open_order, order_status

__all__ = ["HANDLERS"]

_DAYS_KEPT: Final = 7
"""As far back as the trade log of TWS goes when it is set to show all days."""

_SIDES: Final = {"BUY": True, "BOT": True, "SELL": False, "SLD": False, "SSHORT": False}


def open_orders(session: ClientSession, request: ask.ReqOpenOrders, now: datetime) -> None:
    """Show this client's open orders; client 0 binds manual ones that way (IB campus)."""
    if session.client_id == 0:
        session.gateway.bind_manual_orders()
    _show(session, session.client_id)


def all_open_orders(session: ClientSession, request: ask.ReqAllOpenOrders, now: datetime) -> None:
    """Show everybody's open orders."""
    _show(session, None)


def _show(session: ClientSession, client_id: int | None) -> None:
    for order in session.gateway.shown_orders(client_id):
        session.say(open_order(order))
        session.say(order_status(order))
    session.say(OpenOrderEnd())


def auto_open_orders(session: ClientSession, request: ask.ReqAutoOpenOrders, now: datetime) -> None:
    """Bind manual orders from now on, which only client 0 may."""
    if session.client_id != 0:
        session.fail(-1, 327, "Only the default client (i.e 0) can auto bind orders.")
        return
    if request.auto_bind:
        session.gateway.auto_binding.add(session.client_id)
        session.gateway.bind_manual_orders()
    else:
        session.gateway.auto_binding.discard(session.client_id)


def completed_orders(
    session: ClientSession, request: ask.ReqCompletedOrders, now: datetime
) -> None:
    """Show today's closed orders of every client; those typed by hand unless API ones suffice."""
    for order in session.gateway.venue.closed_orders():
        is_manual = order.owner.client_id == 0 and order.owner.order_id <= 0
        is_today = order.closed_at is not None and order.closed_at >= _today(now)
        if is_today and not (request.api_only and is_manual):
            session.say(completed_order(order, session.version))
    session.say(CompletedOrdersEnd())


def executions(session: ClientSession, request: ask.ReqExecutions, now: datetime) -> None:
    """Show today's executions that fit the filter, of every client."""
    since = _since(request.time, now)
    if request.last_days and since is not None:
        # days of the login's zone, today being the first (ibapi execution.py, server version 200)
        since = min(since, _today(now) - timedelta(days=request.last_days - 1))
    if since is None:
        session.fail(
            request.request_id,
            321,
            "Error validating request.-'bH' : cause - Invalid time format of the filter",
        )
        return
    for execution, commission in session.gateway.venue.told_executions():
        is_asked = _on(request, execution.time) if request.dates else execution.time >= since
        if not is_asked or not _fits(execution, request):
            continue
        details = exec_details(execution, request_id=request.request_id, version=session.version)
        session.say(details)
        if session.gateway.permissions.replay_commissions:
            session.say(commission_report(commission))
    session.say(ExecDetailsEnd(request_id=request.request_id))


def _fits(execution: Execution, request: ask.ReqExecutions) -> bool:
    order, instrument = execution.order, execution.instrument
    return (
        request.client_id in (0, order.owner.client_id)
        and request.account in ("", execution.account)
        and request.symbol in ("", instrument.symbol)
        and request.sec_type in ("", instrument.sec_type)
        and request.exchange in ("", execution.exchange)
        and (not request.side or _SIDES.get(request.side.upper()) is execution.is_buy)
    )


def _on(request: ask.ReqExecutions, moment: datetime) -> bool:
    local = moment.astimezone(ZoneInfo(LOGIN_ZONE))
    return f"{local:%Y%m%d}" in {str(one.date) for one in request.dates}


def _today(now: datetime) -> datetime:
    """Return the midnight with which the gateway's day began."""
    local = now.astimezone(ZoneInfo(LOGIN_ZONE))
    return datetime.combine(local.date(), time(), tzinfo=local.tzinfo).astimezone(UTC)


def _since(text: str, now: datetime) -> datetime | None:
    if not text:
        return _today(now)
    asked = parse_end(text, now)
    return None if asked is None else max(asked, _today(now) - timedelta(days=_DAYS_KEPT))


HANDLERS: Final[Mapping[type, Handler]] = {
    ask.ReqOpenOrders: open_orders,
    ask.ReqAllOpenOrders: all_open_orders,
    ask.ReqAutoOpenOrders: auto_open_orders,
    ask.ReqCompletedOrders: completed_orders,
    ask.ReqExecutions: executions,
}
