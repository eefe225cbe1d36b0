"""Requests about accounts, positions, and profit and loss."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import (
    AccountDownloadEnd,
    AccountSummaryEnd,
    AccountTime,
    AccountUpdateMulti,
    AccountUpdateMultiEnd,
    AccountValue,
    PositionEnd,
    PositionMulti,
    PositionMultiEnd,
)

from .figures import account_values
from .session import ClientSession
from .streams import Summary, portfolio_value, position_row

__all__ = [
    "cancel_pnl",
    "cancel_pnl_single",
    "cancel_positions",
    "cancel_positions_multi",
    "cancel_summary",
    "cancel_updates_multi",
    "pnl",
    "pnl_single",
    "positions",
    "positions_multi",
    "summary",
    "updates",
    "updates_multi",
]

MAX_SUMMARIES: Final = 2
"""Active account summaries of one client (IB campus)."""


def updates(session: ClientSession, request: ask.ReqAccountUpdates, now: datetime) -> None:
    """Open the account window, or close it; one account at a time."""
    streams = session.streams
    account = _account(session, request.account)
    if not request.subscribe:
        streams.account = ""
        return
    if account is None:
        session.fail(-1, 321, "Error validating request.-'bT' : cause - Invalid account code")
        return
    if streams.account and streams.account != account:
        session.fail(-1, 2100, "API client has been unsubscribed from account data.")
    streams.account = account
    streams.want_figures(now)
    venue = session.gateway.venue
    for key, value, currency in account_values(venue, account, now):
        streams.sent_values[account, key, currency] = value
        session.say(AccountValue(key=key, value=value, currency=currency, account=account))
    for holding in venue.ledgers[account].holdings.values():
        if holding.quantity:
            session.say(portfolio_value(session, account, holding.instrument, now=now))
    session.say(AccountTime(time=f"{now:%H:%M}"))
    session.say(AccountDownloadEnd(account=account))


def updates_multi(
    session: ClientSession, request: ask.ReqAccountUpdatesMulti, now: datetime
) -> None:
    """Open the window of an account, beside others."""
    account = _account(session, request.account)
    if account is None:
        session.fail(request.request_id, 321, "Error validating request: Invalid account code")
        return
    for key, value, currency in account_values(session.gateway.venue, account, now):
        session.say(
            AccountUpdateMulti(
                request_id=request.request_id,
                account=account,
                model=request.model,
                key=key,
                value=value,
                currency=currency,
            )
        )
    session.say(AccountUpdateMultiEnd(request_id=request.request_id))
    session.streams.multi_accounts[request.request_id] = account


def cancel_updates_multi(
    session: ClientSession, request: ask.CancelAccountUpdatesMulti, now: datetime
) -> None:
    """Close it."""
    session.streams.multi_accounts.pop(request.request_id, None)


def summary(session: ClientSession, request: ask.ReqAccountSummary, now: datetime) -> None:
    """Subscribe to figures of all accounts."""
    summaries = session.streams.summaries
    if request.request_id not in summaries and len(summaries) >= MAX_SUMMARIES:
        session.fail(
            request.request_id,
            322,
            "Error processing request.-'bW' : cause - Maximum number of account summary requests "
            "exceeded",
        )
        return
    tags = tuple(tag.strip() for tag in request.tags.split(",") if tag.strip())
    # an id that is used again starts from the beginning
    one = summaries[request.request_id] = Summary(tags=tags)
    session.streams.tell_summary(session, request.request_id, one, now=now)
    session.streams.want_figures(now)
    session.say(AccountSummaryEnd(request_id=request.request_id))


def cancel_summary(
    session: ClientSession, request: ask.CancelAccountSummary, now: datetime
) -> None:
    """End that."""
    session.streams.summaries.pop(request.request_id, None)


def positions(session: ClientSession, request: ask.ReqPositions, now: datetime) -> None:
    """Send all positions, then their changes."""
    for account, ledger in session.gateway.venue.ledgers.items():
        for holding in ledger.holdings.values():
            if holding.quantity:
                session.say(position_row(session, account, holding.instrument))
    session.say(PositionEnd())
    session.streams.positions = True


def cancel_positions(session: ClientSession, request: ask.CancelPositions, now: datetime) -> None:
    """End that."""
    session.streams.positions = False


def positions_multi(session: ClientSession, request: ask.ReqPositionsMulti, now: datetime) -> None:
    """Send the positions of an account, then their changes."""
    for account, ledger in session.gateway.venue.ledgers.items():
        if request.account not in ("", account):
            continue
        for holding in ledger.holdings.values():
            if holding.quantity:
                row = position_row(session, account, holding.instrument)
                session.say(
                    PositionMulti(
                        request_id=request.request_id,
                        account=account,
                        contract=row.contract,
                        position=row.position,
                        average_cost=row.average_cost,
                        model=request.model,
                    )
                )
    session.say(PositionMultiEnd(request_id=request.request_id))
    session.streams.multi_positions[request.request_id] = request.account


def cancel_positions_multi(
    session: ClientSession, request: ask.CancelPositionsMulti, now: datetime
) -> None:
    """End that."""
    session.streams.multi_positions.pop(request.request_id, None)


def pnl(session: ClientSession, request: ask.ReqPnl, now: datetime) -> None:
    """Stream the profit and loss of an account; an unknown one gets no answer."""
    account = _account(session, request.account)
    if account is not None:
        session.streams.pnl[request.request_id] = account
        session.streams.tell_pnl(session, now)


def cancel_pnl(session: ClientSession, request: ask.CancelPnl, now: datetime) -> None:
    """End that."""
    session.streams.pnl.pop(request.request_id, None)
    session.streams.sent_pnl.pop(request.request_id, None)


def pnl_single(session: ClientSession, request: ask.ReqPnlSingle, now: datetime) -> None:
    """Stream the profit and loss of a position; an unknown contract gets no answer."""
    account = _account(session, request.account)
    if account is not None and session.gateway.venue.catalogue.get(request.con_id) is not None:
        session.streams.pnl_single[request.request_id] = (account, request.con_id)
        session.streams.tell_pnl(session, now)


def cancel_pnl_single(session: ClientSession, request: ask.CancelPnlSingle, now: datetime) -> None:
    """End that."""
    session.streams.pnl_single.pop(request.request_id, None)
    session.streams.sent_pnl.pop(request.request_id, None)


def _account(session: ClientSession, named: str) -> str | None:
    """Return the account that a request means; empty means the only one."""
    accounts = session.gateway.accounts
    if not named and len(accounts) == 1:
        return accounts[0]
    return named if named in accounts else None
