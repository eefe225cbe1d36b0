"""Requests about accounts, positions, and profit and loss."""

from __future__ import annotations

from collections.abc import Mapping
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

from .account_streams import Summary, portfolio_value, position_row
from .figures import account_values
from .session import ClientSession, Handler

__all__ = ["HANDLERS"]

MAX_SUMMARIES: Final = 2
"""Active account summaries of one client (IB campus)."""


def updates(session: ClientSession, request: ask.ReqAccountUpdates, now: datetime) -> None:
    """Open the account window, or close it; one account at a time."""
    streams = session.account_streams
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
    session.account_streams.multi_accounts[request.request_id] = account


def cancel_updates_multi(
    session: ClientSession, request: ask.CancelAccountUpdatesMulti, now: datetime
) -> None:
    """Close it."""
    session.account_streams.multi_accounts.pop(request.request_id, None)


def summary(session: ClientSession, request: ask.ReqAccountSummary, now: datetime) -> None:
    """Subscribe to figures of all accounts."""
    summaries = session.account_streams.summaries
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
    session.account_streams.tell_summary(session, request.request_id, one, now=now)
    session.account_streams.want_figures(now)
    session.say(AccountSummaryEnd(request_id=request.request_id))


def cancel_summary(
    session: ClientSession, request: ask.CancelAccountSummary, now: datetime
) -> None:
    """End that."""
    session.account_streams.summaries.pop(request.request_id, None)


def positions(session: ClientSession, request: ask.ReqPositions, now: datetime) -> None:
    """Send all positions, then their changes."""
    for account, ledger in session.gateway.venue.ledgers.items():
        for holding in ledger.holdings.values():
            if holding.quantity:
                session.say(position_row(session, account, holding.instrument))
    session.say(PositionEnd())
    session.account_streams.positions = True


def cancel_positions(session: ClientSession, request: ask.CancelPositions, now: datetime) -> None:
    """End that."""
    session.account_streams.positions = False


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
    session.account_streams.multi_positions[request.request_id] = request.account


def cancel_positions_multi(
    session: ClientSession, request: ask.CancelPositionsMulti, now: datetime
) -> None:
    """End that."""
    session.account_streams.multi_positions.pop(request.request_id, None)


def pnl(session: ClientSession, request: ask.ReqPnl, now: datetime) -> None:
    """Stream the profit and loss of an account; an unknown one gets no answer."""
    account = _account(session, request.account)
    if account is not None:
        session.account_streams.pnl[request.request_id] = account
        session.account_streams.tell_pnl(session, now)


def cancel_pnl(session: ClientSession, request: ask.CancelPnl, now: datetime) -> None:
    """End that."""
    session.account_streams.pnl.pop(request.request_id, None)
    session.account_streams.sent_pnl.pop(request.request_id, None)


def pnl_single(session: ClientSession, request: ask.ReqPnlSingle, now: datetime) -> None:
    """Stream the profit and loss of a position; an unknown contract gets no answer."""
    account = _account(session, request.account)
    if account is not None and session.gateway.venue.catalogue.get(request.con_id) is not None:
        session.account_streams.pnl_single[request.request_id] = (account, request.con_id)
        session.account_streams.tell_pnl(session, now)


def cancel_pnl_single(session: ClientSession, request: ask.CancelPnlSingle, now: datetime) -> None:
    """End that."""
    session.account_streams.pnl_single.pop(request.request_id, None)
    session.account_streams.sent_pnl.pop(request.request_id, None)


def _account(session: ClientSession, named: str) -> str | None:
    """Return the account that a request means; empty means the only one."""
    accounts = session.gateway.accounts
    if not named and len(accounts) == 1:
        return accounts[0]
    return named if named in accounts else None


HANDLERS: Final[Mapping[type, Handler]] = {
    ask.ReqAccountUpdates: updates,
    ask.ReqAccountUpdatesMulti: updates_multi,
    ask.CancelAccountUpdatesMulti: cancel_updates_multi,
    ask.ReqAccountSummary: summary,
    ask.CancelAccountSummary: cancel_summary,
    ask.ReqPositions: positions,
    ask.CancelPositions: cancel_positions,
    ask.ReqPositionsMulti: positions_multi,
    ask.CancelPositionsMulti: cancel_positions_multi,
    ask.ReqPnl: pnl,
    ask.CancelPnl: cancel_pnl,
    ask.ReqPnlSingle: pnl_single,
    ask.CancelPnlSingle: cancel_pnl_single,
}
