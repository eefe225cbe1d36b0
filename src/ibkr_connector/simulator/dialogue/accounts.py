"""
Requests about accounts, positions, and profit and loss.

Causes of refusals are TWS's words (IB's DDE sample of the API lists them for account updates;
public logs and clients' tests have those of summaries, and of profit and loss). Those of requests
without an id come with the largest integer for one (the same sample).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from ibkr_connector.simulator.exchange.advisor import all_of
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import (
    AccountDownloadEnd,
    AccountSummaryEnd,
    AccountTime,
    AccountUpdateMultiEnd,
    PositionEnd,
    PositionMultiEnd,
)

from .account_streams import (
    Multi,
    Summary,
    held_by,
    multi_position,
    position_row,
    tell_multi,
    tell_summary,
)
from .advisor import NO_ID
from .figures import Sheet
from .session import ClientSession, Handler

__all__ = ["HANDLERS"]

MAX_SUMMARIES: Final = 2
"""Active account summaries of one client (IB campus)."""

MAX_ACCOUNTS: Final = 50
"""Above it, "All" and requests for all positions are refused (IB campus, account summary)."""

_ALL: Final = frozenset({"All", "AllNonProp"})
_SUMMARIES_FULL: Final = (
    "Error processing request.-'bW' : cause - Maximum number of account summary requests "
    "exceeded; desubscribe to previous request first"
)


# --- the account window -------------------------------------------------------------------------


def updates(session: ClientSession, request: ask.ReqAccountUpdates, now: datetime) -> None:
    """Open the account window, or close it; one account at a time, for all clients."""
    streams = session.account_streams
    if not request.subscribe:
        streams.close_window()
        return
    accounts = session.gateway.accounts
    # with a single account its code is not looked at (IB campus; a recorded window of a client
    # that sent another)
    account = accounts[0] if len(accounts) == 1 else request.account
    cause = _not_an_account(session, account)
    if cause:
        _refuse(session, NO_ID, f"'bT' : cause - {cause}")
        return
    others = _windows_of_others(session, account)
    if others:
        # as it was logged (ib_insync issue 197, IbPy issue 12)
        text = "Unable subscribe to account as the following clients are subscribed to a "
        session.fail(-1, 2101, f"{text}different account.{{{others}}}")
        return
    if streams.account and streams.account != account:
        text = "New account data requested from TWS.  API client has been unsubscribed from "
        session.fail(-1, 2100, f"{text}account data.")
    streams.open_window(account, accounts if account == all_of(accounts) else (account,))
    streams.want_figures(now)
    streams.tell_window(session, now)
    streams.tell_portfolio(session, now)
    session.say(AccountTime(time=f"{now:%H:%M}"))
    session.say(AccountDownloadEnd(account=account))


def _not_an_account(session: ClientSession, account: str) -> str:
    """Return what is wrong with an account of a login with several; empty when nothing is."""
    if not account:
        return "The account code is required for this operation."
    if account in _ALL:
        # an advisor sees all as one under the master's name with an "A" (IB campus)
        return "ALL account is not supported"
    accounts = session.gateway.accounts
    is_known = account in accounts or account == all_of(accounts)
    return "" if is_known else f"Invalid account code '{account}'."


def _windows_of_others(session: ClientSession, account: str) -> str:
    clients = (
        str(client_id)
        for client_id, other in session.gateway.sessions.items()
        if other is not session and other.account_streams.account not in ("", account)
    )
    return ",".join(clients)


def updates_multi(
    session: ClientSession, request: ask.ReqAccountUpdatesMulti, now: datetime
) -> None:
    """Open the window of an account, beside others."""
    account = _only_or_named(session, request.account)
    if account is None:
        _refuse(session, request.request_id, "'cm' : cause - Invalid account code")
        return
    streams = session.account_streams
    multi = streams.multi_accounts[request.request_id] = Multi(
        account=account, model=request.model, ledger_only=request.ledger_and_nlv
    )
    streams.want_figures(now)
    sheet = Sheet.of(session.gateway.venue, account, now)
    tell_multi(session, request.request_id, multi, sheet=sheet)
    session.say(AccountUpdateMultiEnd(request_id=request.request_id))


def cancel_updates_multi(
    session: ClientSession, request: ask.CancelAccountUpdatesMulti, now: datetime
) -> None:
    """Close it."""
    session.account_streams.multi_accounts.pop(request.request_id, None)


# --- summaries ----------------------------------------------------------------------------------


def summary(session: ClientSession, request: ask.ReqAccountSummary, now: datetime) -> None:
    """Subscribe to figures of all accounts, or of a group of them."""
    tags = tuple(tag.strip() for tag in request.tags.split(",") if tag.strip())
    accounts = _group(session, request.group)
    cause = "" if tags else "Tags cannot be null"
    if not request.group:
        cause = "Group name cannot be null"
    elif accounts is None:
        cause = "Group name is invalid"
    elif request.group in _ALL and len(accounts) > MAX_ACCOUNTS:
        cause = "ALL account is not supported"
    if cause or accounts is None:
        _refuse(session, request.request_id, f"'bW' : cause - {cause}")
        return
    streams = session.account_streams
    if request.request_id not in streams.summaries and len(streams.summaries) >= MAX_SUMMARIES:
        session.fail(request.request_id, 322, _SUMMARIES_FULL)
        return
    # an id that is used again starts from the beginning
    one = streams.summaries[request.request_id] = Summary(accounts=accounts, tags=tags)
    streams.want_figures(now)
    for account in accounts:
        sheet = Sheet.of(session.gateway.venue, account, now)
        tell_summary(session, request.request_id, one, sheet=sheet)
    session.say(AccountSummaryEnd(request_id=request.request_id))


def _group(session: ClientSession, name: str) -> tuple[str, ...] | None:
    """Return the accounts of a group; `None` when there is no such group."""
    if name in _ALL:
        return session.gateway.accounts
    group = session.gateway.advisor.groups.get(name)
    if group is None:
        return None
    return tuple(account for account in group.members if account in session.gateway.accounts)


def cancel_summary(
    session: ClientSession, request: ask.CancelAccountSummary, now: datetime
) -> None:
    """End that."""
    session.account_streams.summaries.pop(request.request_id, None)


# --- positions ----------------------------------------------------------------------------------


def positions(session: ClientSession, request: ask.ReqPositions, now: datetime) -> None:
    """Send all positions, then their changes."""
    if len(session.gateway.accounts) > MAX_ACCOUNTS:
        # the code and the text are assumed; IB campus only says that it is not available
        _refuse(session, NO_ID, "'bs' : cause - ALL account is not supported")
        return
    for account in session.gateway.accounts:
        for holding in held_by(session, account):
            session.say(position_row(session, account, holding.instrument))
    session.say(PositionEnd())
    session.account_streams.positions = True


def cancel_positions(session: ClientSession, request: ask.CancelPositions, now: datetime) -> None:
    """End that."""
    session.account_streams.positions = False


def positions_multi(session: ClientSession, request: ask.ReqPositionsMulti, now: datetime) -> None:
    """Send the positions of an account, or of all of them, then their changes."""
    if request.account and request.account not in session.gateway.accounts:
        _refuse(session, request.request_id, "'cl' : cause - Invalid account code")
        return
    # no account has a model portfolio in it (*limit*)
    for account in session.gateway.accounts if not request.model else ():
        if request.account in ("", account):
            for holding in held_by(session, account):
                row = position_row(session, account, holding.instrument)
                session.say(multi_position(request.request_id, row))
    session.say(PositionMultiEnd(request_id=request.request_id))
    session.account_streams.multi_positions[request.request_id] = Multi(
        account=request.account, model=request.model
    )


def cancel_positions_multi(
    session: ClientSession, request: ask.CancelPositionsMulti, now: datetime
) -> None:
    """End that."""
    session.account_streams.multi_positions.pop(request.request_id, None)


# --- profit and loss ----------------------------------------------------------------------------


def pnl(session: ClientSession, request: ask.ReqPnl, now: datetime) -> None:
    """Stream the profit and loss of an account."""
    streams = session.account_streams
    if _bad_pnl(session, request, streams.pnl):
        return
    streams.watch_pnl(session, request.request_id, request.account)
    streams.want_pnl(now)


def _bad_pnl(
    session: ClientSession, request: ask.ReqPnl | ask.ReqPnlSingle, running: Mapping[int, object]
) -> bool:
    """Answer what is wrong with a request for profit and loss, and tell whether anything is."""
    request_id, account = request.request_id, request.account
    if not account.strip():
        _refuse(session, request_id, "'cq' : cause - Account must not be empty")
    elif account not in session.gateway.accounts:
        _refuse(session, request_id, "'cq' : cause - Invalid account code")
    elif request_id in running:
        session.fail(request_id, 102, "Duplicate ticker id")
    else:
        return False
    return True


def cancel_pnl(session: ClientSession, request: ask.CancelPnl, now: datetime) -> None:
    """End that."""
    if session.account_streams.pnl.pop(request.request_id, None) is None:
        session.fail(request.request_id, 10185, "Failed to cancel PNL (not subscribed)")


def pnl_single(session: ClientSession, request: ask.ReqPnlSingle, now: datetime) -> None:
    """Stream the profit and loss of a position; an unknown contract gets no answer."""
    streams = session.account_streams
    if _bad_pnl(session, request, streams.pnl_single):
        return
    if session.gateway.venue.catalogue.get(request.con_id) is not None:
        streams.watch_pnl(session, request.request_id, request.account, con_id=request.con_id)
        streams.want_pnl(now)


def cancel_pnl_single(session: ClientSession, request: ask.CancelPnlSingle, now: datetime) -> None:
    """End that; silently, since a request that got no answer may be cancelled too."""
    session.account_streams.pnl_single.pop(request.request_id, None)


def _only_or_named(session: ClientSession, named: str) -> str | None:
    """Return the account that a request means; empty means the only one."""
    accounts = session.gateway.accounts
    if not named and len(accounts) == 1:
        return accounts[0]
    return named if named in accounts else None


def _refuse(session: ClientSession, request_id: int, cause: str) -> None:
    session.fail(request_id, 321, f"Error validating request.-{cause}")


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
