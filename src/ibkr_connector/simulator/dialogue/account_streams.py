"""What a client is told of accounts again and again: positions, figures, profit and loss."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

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

from .figures import account_values, position_quantity
from .translate import contract_of

if TYPE_CHECKING:
    from .session import ClientSession

__all__ = ["AccountStreams", "Summary", "portfolio_value", "position_row"]

_FIGURES_S: Final = 180.0
"""Figures that change with prices alone are sent this often (IB campus: account updates)."""

_PNL_S: Final = 1.0


@dataclass(slots=True)
class Summary:
    """One subscription to figures, and what the client knows of them."""

    tags: tuple[str, ...]
    sent: dict[tuple[str, str, str], str] = field(default_factory=dict)


@dataclass(slots=True)
class AccountStreams:
    """One client's subscriptions to accounts."""

    summaries: dict[int, Summary] = field(default_factory=dict)
    account: str = ""
    multi_accounts: dict[int, str] = field(default_factory=dict)
    positions: bool = False
    multi_positions: dict[int, str] = field(default_factory=dict)
    pnl: dict[int, str] = field(default_factory=dict)
    pnl_single: dict[int, tuple[str, int]] = field(default_factory=dict)
    figures_due: datetime | None = None
    pnl_due: datetime | None = None
    sent_values: dict[tuple[str, str, str], str] = field(default_factory=dict)
    sent_pnl: dict[int, Reply] = field(default_factory=dict)

    # --- with time ------------------------------------------------------------------------------

    def tick(self, session: ClientSession, now: datetime) -> None:
        """Say what changed since the last time."""
        if self.pnl_due is not None and now >= self.pnl_due:
            self.tell_pnl(session, now)
        if self.figures_due is not None and now >= self.figures_due:
            for account in session.gateway.accounts:
                self.account_changed(session, account, now)
            self.figures_due = now + timedelta(seconds=_FIGURES_S)

    def want_figures(self, now: datetime) -> None:
        """Begin to send figures with time."""
        self.figures_due = self.figures_due or now + timedelta(seconds=_FIGURES_S)

    def tell_pnl(self, session: ClientSession, now: datetime) -> None:
        """Say profit and loss where it changed, and come back in a second."""
        self.pnl_due = now + timedelta(seconds=_PNL_S)
        for request_id, account in self.pnl.items():
            figures = session.gateway.venue.figures(account, now)
            self._tell_changed(
                session,
                request_id,
                Pnl(
                    request_id=request_id,
                    daily=figures.unrealized + figures.realized,
                    unrealized=figures.unrealized,
                    realized=figures.realized,
                ),
            )
        for request_id, (account, con_id) in self.pnl_single.items():
            row = portfolio_value(
                session, account, session.gateway.venue.instrument(con_id), now=now
            )
            self._tell_changed(
                session,
                request_id,
                PnlSingle(
                    request_id=request_id,
                    position=row.position,
                    daily=row.unrealized_pnl + row.realized_pnl,
                    unrealized=row.unrealized_pnl,
                    realized=row.realized_pnl,
                    value=row.market_value,
                ),
            )

    def _tell_changed(self, session: ClientSession, request_id: int, reply: Reply) -> None:
        if self.sent_pnl.get(request_id) != reply:
            self.sent_pnl[request_id] = reply
            session.say(reply)

    # --- with events ----------------------------------------------------------------------------

    def position_changed(
        self, session: ClientSession, account: str, instrument: Instrument, *, now: datetime
    ) -> None:
        """Tell whoever watches positions."""
        row = position_row(session, account, instrument)
        if self.positions:
            session.say(row)
        for request_id, wanted in self.multi_positions.items():
            if wanted in ("", account):
                session.say(
                    PositionMulti(
                        request_id=request_id,
                        account=account,
                        contract=row.contract,
                        position=row.position,
                        average_cost=row.average_cost,
                    )
                )
        if self.account == account:
            session.say(portfolio_value(session, account, instrument, now=now))

    def account_changed(self, session: ClientSession, account: str, now: datetime) -> None:
        """Tell whoever watches figures what is another now."""
        if self.account == account:
            for key, value, currency in account_values(session.gateway.venue, account, now):
                if self.sent_values.get((account, key, currency)) != value:
                    self.sent_values[account, key, currency] = value
                    session.say(
                        AccountValue(key=key, value=value, currency=currency, account=account)
                    )
            session.say(AccountTime(time=f"{now:%H:%M}"))
        for request_id, wanted in self.multi_accounts.items():
            if wanted == account:
                self._tell_multi(session, request_id, account, now=now)
        for request_id, summary in self.summaries.items():
            self.tell_summary(session, request_id, summary, now=now)

    def _tell_multi(
        self, session: ClientSession, request_id: int, account: str, *, now: datetime
    ) -> None:
        for key, value, currency in account_values(session.gateway.venue, account, now):
            session.say(
                AccountUpdateMulti(
                    request_id=request_id,
                    account=account,
                    model="",
                    key=key,
                    value=value,
                    currency=currency,
                )
            )

    def tell_summary(
        self, session: ClientSession, request_id: int, summary: Summary, *, now: datetime
    ) -> None:
        """Say the figures of a subscription that the client does not know yet."""
        for account in session.gateway.accounts:
            for key, value, currency in account_values(session.gateway.venue, account, now):
                if not _asked(key, currency, summary.tags):
                    continue
                if summary.sent.get((account, key, currency)) != value:
                    summary.sent[account, key, currency] = value
                    session.say(
                        AccountSummary(
                            request_id=request_id,
                            account=account,
                            tag=key,
                            value=value,
                            currency=currency,
                        )
                    )


_LEDGER_KEYS: Final = frozenset({"CashBalance", "ExchangeRate", "TotalCashBalance", "Currency"})


def _asked(key: str, currency: str, tags: tuple[str, ...]) -> bool:
    if key not in _LEDGER_KEYS:
        return key in tags
    return (
        "$LEDGER:ALL" in tags
        or f"$LEDGER:{currency}" in tags
        or ("$LEDGER" in tags and currency == "BASE")
    )


def position_row(session: ClientSession, account: str, instrument: Instrument) -> Position:
    """Write what an account holds of an instrument."""
    holding = session.gateway.venue.ledgers[account].holdings.get(instrument.con_id)
    return Position(
        account=account,
        contract=contract_of(instrument, exchange=instrument.primary_exchange or instrument.home),
        position=holding.quantity if holding is not None else Decimal(0),
        average_cost=round(holding.average_cost, 8) if holding is not None else Decimal(0),
    )


def portfolio_value(
    session: ClientSession, account: str, instrument: Instrument, *, now: datetime
) -> PortfolioValue:
    """Write a position with its market value, as the account window shows it."""
    venue = session.gateway.venue
    holding = venue.ledgers[account].holdings.get(instrument.con_id)
    quantity = position_quantity(venue, account, instrument)
    price = venue.mark(instrument, now)
    value = round(quantity * price * instrument.size, 2)
    cost = round(holding.average_cost, 8) if holding is not None else Decimal(0)
    return PortfolioValue(
        contract=contract_of(instrument, exchange="", primary=True),
        position=quantity,
        market_price=price,
        market_value=value,
        average_cost=cost,
        unrealized_pnl=round(value - quantity * cost, 2),
        realized_pnl=round(holding.realized, 2) if holding is not None else Decimal(0),
        account=account,
    )
