"""What a client is told of accounts again and again: positions, figures, profit and loss."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ibkr_connector.simulator.exchange.figures import position_values
from ibkr_connector.simulator.exchange.holdings import Holding, joined
from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.wire.replies import (
    AccountSummary,
    AccountTime,
    AccountUpdateMulti,
    AccountValue,
    Pnl,
    PnlSingle,
    PortfolioValue,
    Position,
    PositionMulti,
    Reply,
)

from .figures import (
    Row,
    Sheet,
    account_rows,
    in_order,
    ledger_rows,
    moving_rows,
    summary_rows,
)
from .translate import contract_of

if TYPE_CHECKING:
    from .session import ClientSession

__all__ = [
    "AccountStreams",
    "Figured",
    "Multi",
    "Summary",
    "held_by",
    "multi_position",
    "portfolio_value",
    "position_row",
    "tell_multi",
    "tell_summary",
]

_FIGURES_S: Final = 180.0
"""Figures that change with prices alone are sent this often (IB campus: account updates)."""

_PNL_S: Final = 1.0
_NO_RIGHT: Final = "0"
"""What the account window writes for the right of a contract that has none (recorded)."""

_CENTS: Final = 2


@dataclass(slots=True)
class Figured:
    """What a client knows of an account's figures, by account, key and currency."""

    sent: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def news(self, account: str, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield what is not known yet, and know it."""
        for key, value, currency in rows:
            if self.sent.get((account, key, currency)) != value:
                self.sent[account, key, currency] = value
                yield key, value, currency


@dataclass(slots=True, kw_only=True)
class Summary:
    """A subscription to some figures of some accounts."""

    accounts: tuple[str, ...]
    tags: tuple[str, ...]
    known: Figured = field(default_factory=Figured)


@dataclass(slots=True, kw_only=True)
class Multi:
    """The window of an account beside others; `ledger_only`: no more than its currencies."""

    account: str
    model: str = ""
    ledger_only: bool = False
    known: Figured = field(default_factory=Figured)


@dataclass(slots=True, kw_only=True)
class _Watched:
    """Profit and loss of an account, or with a con id of one position."""

    account: str
    con_id: int = 0
    sent: Reply | None = None


@dataclass(slots=True)
class AccountStreams:
    """One client's subscriptions to accounts."""

    account: str = ""
    """The account of the window, or the name of all of an advisor's; empty when it is closed."""

    accounts: tuple[str, ...] = ()
    """What is in the window."""

    window: Figured = field(default_factory=Figured)
    summaries: dict[int, Summary] = field(default_factory=dict)
    multi_accounts: dict[int, Multi] = field(default_factory=dict)
    positions: bool = False
    multi_positions: dict[int, Multi] = field(default_factory=dict)
    pnl: dict[int, _Watched] = field(default_factory=dict)
    pnl_single: dict[int, _Watched] = field(default_factory=dict)
    figures_due: datetime | None = None
    pnl_due: datetime | None = None

    # --- with time ------------------------------------------------------------------------------

    def tick(self, session: ClientSession, now: datetime) -> None:
        """Say what changed since the last time."""
        if self.pnl_due is not None and now >= self.pnl_due:
            self.tell_pnl(session, now)
        if self.figures_due is not None and now >= self.figures_due:
            self.figures_due = now + timedelta(seconds=_FIGURES_S)
            for account in session.gateway.accounts:
                self._tell_beside(session, account, now=now, with_summaries=True)
            if self.account:
                self.tell_window(session, now)
                self.tell_portfolio(session, now)
                session.say(AccountTime(time=f"{now:%H:%M}"))

    def want_figures(self, now: datetime) -> None:
        """Begin to send figures with time."""
        self.figures_due = self.figures_due or now + timedelta(seconds=_FIGURES_S)

    # --- profit and loss ------------------------------------------------------------------------

    def watch_pnl(
        self, session: ClientSession, request_id: int, account: str, *, con_id: int = 0
    ) -> None:
        """Begin to send profit and loss: nothing is computed yet, the numbers come in a second."""
        watched = self.pnl_single if con_id else self.pnl
        one = watched[request_id] = _Watched(account=account, con_id=con_id)
        # the first message has unset numbers (IB campus, P&L; field reports of ib_async)
        if con_id:
            held = session.gateway.venue.ledgers[account].holdings.get(con_id)
            one.sent = PnlSingle(
                request_id=request_id,
                position=held.quantity if held is not None else Decimal(0),
                daily=None,
                unrealized=None,
                realized=None,
                value=None,
            )
        else:
            one.sent = Pnl(request_id=request_id, daily=None, unrealized=None, realized=None)
        session.say(one.sent)

    def want_pnl(self, now: datetime) -> None:
        """Come back in a second, unless that is so already."""
        self.pnl_due = self.pnl_due or now + timedelta(seconds=_PNL_S)

    def tell_pnl(self, session: ClientSession, now: datetime) -> None:
        """Say profit and loss where it changed, and come back in a second."""
        venue = session.gateway.venue
        wanted = bool(self.pnl or self.pnl_single)
        self.pnl_due = now + timedelta(seconds=_PNL_S) if wanted else None
        for request_id, watched in self.pnl.items():
            worth = venue.figures(watched.account, now)
            _tell_changed(
                session,
                watched,
                Pnl(
                    request_id=request_id,
                    daily=worth.daily,
                    unrealized=worth.unrealized,
                    realized=worth.realized,
                ),
            )
        for request_id, watched in self.pnl_single.items():
            instrument = venue.instrument(watched.con_id)
            held = _held(session, watched.account, instrument)
            price = venue.mark(instrument, now)
            value, unrealized, daily = position_values(held, price)
            _tell_changed(
                session,
                watched,
                PnlSingle(
                    request_id=request_id,
                    position=held.quantity,
                    daily=round(daily, _CENTS),
                    unrealized=round(unrealized, _CENTS),
                    realized=round(held.realized, _CENTS),
                    value=round(value, _CENTS),
                ),
            )

    # --- with events ----------------------------------------------------------------------------

    def position_changed(
        self, session: ClientSession, account: str, instrument: Instrument, *, now: datetime
    ) -> None:
        """Tell whoever watches positions."""
        row = position_row(session, account, instrument)
        if self.positions:
            session.say(row)
        for request_id, wanted in self.multi_positions.items():
            if wanted.account in ("", account) and not wanted.model:
                session.say(multi_position(request_id, row))
        if account in self.accounts:
            session.say(self._portfolio_value(session, instrument, now))

    def account_changed(self, session: ClientSession, account: str, now: datetime) -> None:
        """
        Tell whoever looks into a window what is another now.

        A summary waits for its three minutes, whatever happens (TWS API guide: account summary).
        """
        self._tell_beside(session, account, now=now)
        if account in self.accounts:
            self.tell_window(session, now)
            session.say(AccountTime(time=f"{now:%H:%M}"))

    def _tell_beside(
        self,
        session: ClientSession,
        account: str,
        *,
        now: datetime,
        with_summaries: bool = False,
    ) -> None:
        told = self.summaries if with_summaries else {}
        summaries = [pair for pair in told.items() if account in pair[1].accounts]
        multis = [pair for pair in self.multi_accounts.items() if pair[1].account == account]
        if not summaries and not multis:
            return
        sheet = Sheet.of(session.gateway.venue, account, now)
        for request_id, multi in multis:
            tell_multi(session, request_id, multi, sheet=sheet)
        for request_id, summary in summaries:
            tell_summary(session, request_id, summary, sheet=sheet)

    # --- the account window ---------------------------------------------------------------------

    def open_window(self, account: str, accounts: tuple[str, ...]) -> None:
        """Look at an account, or at several as one; nothing of it is known yet."""
        self.account, self.accounts, self.window = account, accounts, Figured()

    def close_window(self) -> None:
        """Look at nothing."""
        self.open_window("", ())

    def tell_window(self, session: ClientSession, now: datetime) -> None:
        """Say the figures of the account window that the client does not know yet."""
        account = self.account
        sheet = Sheet.of_all(session.gateway.venue, account, self.accounts, now=now)
        rows = moving_rows(sheet) if self.window.sent else account_rows(sheet)
        for key, value, currency in in_order(self.window.news(account, rows)):
            session.say(AccountValue(key=key, value=value, currency=currency, account=account))

    def tell_portfolio(self, session: ClientSession, now: datetime) -> None:
        """Say what is held in the window, at the prices of now."""
        instruments = {
            holding.instrument.con_id: holding.instrument
            for account in self.accounts
            for holding in held_by(session, account)
        }
        for instrument in instruments.values():
            session.say(self._portfolio_value(session, instrument, now))

    def _portfolio_value(
        self, session: ClientSession, instrument: Instrument, now: datetime
    ) -> PortfolioValue:
        held = joined(
            instrument, [_held(session, account, instrument) for account in self.accounts]
        )
        price = session.gateway.venue.mark(instrument, now)
        return portfolio_value(self.account, held, price)


def tell_multi(session: ClientSession, request_id: int, multi: Multi, *, sheet: Sheet) -> None:
    """Say the figures of a window beside others that the client does not know yet."""
    if multi.model:
        # no account has a model portfolio in it (*limit*)
        return
    rows = ledger_rows(sheet, ledger_only=multi.ledger_only)
    for key, value, currency in multi.known.news(multi.account, rows):
        session.say(
            AccountUpdateMulti(
                request_id=request_id,
                account=multi.account,
                model="",
                key=key,
                value=value,
                currency=currency,
            )
        )


def tell_summary(
    session: ClientSession, request_id: int, summary: Summary, *, sheet: Sheet
) -> None:
    """Say the figures of a subscription that the client does not know yet."""
    account = sheet.account
    for tag, value, currency in summary.known.news(account, summary_rows(sheet, summary.tags)):
        session.say(
            AccountSummary(
                request_id=request_id, account=account, tag=tag, value=value, currency=currency
            )
        )


def _tell_changed(session: ClientSession, watched: _Watched, reply: Pnl | PnlSingle) -> None:
    if watched.sent != reply:
        watched.sent = reply
        session.say(reply)


def held_by(session: ClientSession, account: str) -> Iterator[Holding]:
    """Yield what an account holds, without what it has sold."""
    for holding in session.gateway.venue.ledgers[account].holdings.values():
        if holding.quantity:
            yield holding


def position_row(session: ClientSession, account: str, instrument: Instrument) -> Position:
    """
    Write what an account holds of an instrument.

    The exchange is the primary one, and empty for what has none (recorded: rust-ibapi at 173).
    """
    held = _held(session, account, instrument)
    return Position(
        account=account,
        contract=contract_of(instrument, exchange=instrument.primary_exchange),
        position=held.quantity,
        average_cost=round(held.average_cost, 8),
    )


def multi_position(request_id: int, row: Position) -> PositionMulti:
    """Write the same as an answer to a request."""
    return PositionMulti(
        request_id=request_id,
        account=row.account,
        contract=row.contract,
        position=row.position,
        average_cost=row.average_cost,
    )


def portfolio_value(account: str, held: Holding, price: Decimal) -> PortfolioValue:
    """Write a position with its market value, as the account window shows it."""
    instrument = held.instrument
    value, unrealized, _ = position_values(held, price)
    contract = contract_of(instrument, exchange="", no_right=_NO_RIGHT)
    return PortfolioValue(
        contract=replace(contract, primary_exchange=instrument.primary_exchange or instrument.home),
        position=held.quantity,
        market_price=price,
        market_value=round(value, _CENTS),
        average_cost=round(held.average_cost, 8),
        unrealized_pnl=round(unrealized, _CENTS),
        realized_pnl=round(held.realized, _CENTS),
        account=account,
    )


def _held(session: ClientSession, account: str, instrument: Instrument) -> Holding:
    holdings = session.gateway.venue.ledgers[account].holdings
    return holdings.get(instrument.con_id) or Holding(instrument)
