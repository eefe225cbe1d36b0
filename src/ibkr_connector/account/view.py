"""
What every account holds and is worth, kept current by the gateway's events.

Owns the caches and says how old they are. It never asks the gateway: the desk does, and hands the
answers in, so that what a reconnect brings and what a quiet afternoon brings go the same way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import Final

from ibkr_connector.errors import AccountError
from ibkr_connector.gateway.holdings import quantity_of
from ibkr_connector.gateway.port import (
    FiguresTold,
    GatewayEvent,
    HoldingKey,
    HoldingsTold,
    PortfolioRow,
    PositionRow,
    SessionEnded,
)
from ibkr_connector.model.account import (
    AccountSegment,
    AccountSummary,
    AccountValue,
    CurrencyBalance,
    FigureSource,
    Position,
)
from ibkr_connector.model.ids import ConId

from .figures import (
    balances_of,
    base_currency,
    plain_tag,
    rate_of,
    segments_of,
    summary_of,
    worth_of,
)

__all__ = ["AccountView"]

_WORTH: Final = "NetLiquidation"

_account: Final = itemgetter(0)


class AccountView:
    """Caches of one login's accounts; all calls on one loop."""

    def __init__(self) -> None:
        self._values: dict[str, dict[tuple[str, str], AccountValue]] = {}
        self._values_as_of: dict[str, tuple[datetime, FigureSource]] = {}
        self._positions: dict[HoldingKey, PositionRow] = {}
        self._as_of: dict[HoldingKey, datetime] = {}
        self._owners: Counter[str] = Counter()
        self.knows_positions = False
        """Whether the session that goes on has told all of them."""
        self._were_told = False
        self._valued: set[str] = set()
        self._portfolio: dict[HoldingKey, PortfolioRow] = {}
        self._shown_at: dict[HoldingKey, datetime] = {}
        # the price of a contract is the same whichever account's window shows it
        self._prices: dict[ConId | None, PortfolioRow] = {}
        self._priced_at: dict[ConId | None, datetime] = {}
        self._newest_price: datetime | None = None
        # an order asks for all of this, and what it asks for changes every few minutes
        self._summaries: dict[str, AccountSummary] = {}
        self._rates: dict[tuple[str, str], Decimal | None] = {}
        self._held: dict[str | None, tuple[Position, ...]] = {}

    def apply(self, event: GatewayEvent, now: datetime) -> None:
        """Take one event; those of others are ignored."""
        match event:
            case FiguresTold():
                self._keep_figures(event, now)
            case PositionRow():
                self._keep_position(event, now)
            case PortfolioRow():
                self._keep_line(event, now)
            case HoldingsTold(positions=positions, lines=lines):
                self._keep_positions(positions, now)
                self._keep_lines(lines, now)
            case SessionEnded():
                self.knows_positions = False
                self._valued.clear()
            case _:
                pass

    def replace_values(self, values: Iterable[AccountValue], now: datetime) -> None:
        """
        Start again from a complete answer.

        An answer may be what was told long ago: a figure that is known keeps its age.
        """
        known, self._values = self._values, {}
        self._summaries.clear()
        self._rates.clear()
        for value in values:
            kept, key = self._values.setdefault(value.account, {}), _key(value)
            kept[key] = value
            self._note_worth(value)
            if known.get(value.account, {}).get(key) != value:
                self._values_as_of[value.account] = (now, value.source)

    def replace_positions(self, rows: Iterable[PositionRow], now: datetime) -> None:
        """Start again from a complete answer: what is not in it is no longer held."""
        self.knows_positions = self._were_told = True
        self._positions.clear()
        self._as_of.clear()
        self._owners.clear()
        self._held.clear()
        self._keep_positions({row.key: row for row in rows}, now)

    def replace_portfolio(self, account: str, rows: Iterable[PortfolioRow], now: datetime) -> None:
        """Start one account's market values again from a complete answer; what is known ages on."""
        self._held.clear()
        known, told = self._portfolio, {row.key: row for row in rows}
        others = {key: row for key, row in known.items() if key[0] != account}
        self._portfolio = {**others, **told}
        for key, row in told.items():
            before = known.get(key)
            # most often it is the very row that has come as an event
            if before is not row:
                if before != row:
                    self._shown_at[key] = now
                self._note_price(row, self._shown_at[key])

    def summary(self, account: str) -> AccountSummary:
        """
        Return the figures of one account.

        Raises:
            AccountError: The gateway has sent nothing for that account.
        """
        known = self._summaries.get(account)
        if known is None:
            known = self._summaries[account] = self._summary(account)
        return known

    def worth(self, account: str) -> Decimal | None:
        """Return the `total_value` of an account's summary, and make no summary for it."""
        return worth_of(self._values.get(account, {}))

    def balances(self, account: str) -> tuple[CurrencyBalance, ...]:
        """Return the ledgers of one account by currency, all together last; as `summary`."""
        values, (as_of, source) = self._known(account)
        return balances_of(account, values, as_of=as_of, source=source)

    def segments(self, account: str) -> tuple[AccountSegment, ...]:
        """Return the parts of one account; empty while its window was not read; as `summary`."""
        values, (as_of, _) = self._known(account)
        return segments_of(account, values, as_of=as_of)

    @property
    def held(self) -> dict[tuple[str, ConId | None], Position]:
        """What all accounts hold as far as was told, by account and contract."""
        return {key: self._position(row) for key, row in self._positions.items()}

    def held_of(self, con_id: ConId | None) -> dict[tuple[str, ConId | None], Position]:
        """As `held`, of one contract."""
        keys = [(owner, con_id) for owner in self.owners]
        known = [(key, self._positions.get(key)) for key in keys]
        return {key: self._position(row) for key, row in known if row is not None}

    @property
    def owners(self) -> frozenset[str]:
        """The accounts that hold anything."""
        return frozenset(owner for owner, count in self._owners.items() if count)

    @property
    def rows(self) -> list[PositionRow | PortfolioRow]:
        """What was told of positions last, as it was told."""
        return [*self._positions.values(), *self._portfolio.values()]

    def value(self, like: AccountValue) -> AccountValue | None:
        """Return the figure as it is known that another one is the news of."""
        return self._values.get(like.account, {}).get(_key(like))

    def base_currency(self, account: str) -> str:
        """Return the base currency of an account; empty while nothing says it."""
        return base_currency(self._values.get(account, {}))

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts of which there are figures."""
        return tuple(account for account, values in self._values.items() if values)

    def _known(
        self, account: str
    ) -> tuple[dict[tuple[str, str], AccountValue], tuple[datetime, FigureSource]]:
        values = self._values.get(account)
        if not values:
            known = len(self._values)
            raise AccountError(
                "no figures for the account asked for",
                hint=f"{known} other account(s) have sent theirs; check IBKR_ACCOUNT_ID",
            )
        return values, self._values_as_of[account]

    def _summary(self, account: str) -> AccountSummary:
        values, (as_of, source) = self._known(account)
        return summary_of(account, values, as_of=as_of, source=source)

    def positions(self, account: str | None) -> tuple[Position, ...]:
        """
        Return what one account holds, or all of them for `None`; empty when flat.

        Those of an earlier session are given until they are read again; `as_of` tells.

        Raises:
            AccountError: They have never been read: no rows are no answer.
        """
        self._need_positions()
        held = self._held.get(account)
        if held is None:
            held = self._held[account] = tuple(
                self._position(row)
                for (owner, _), row in self._positions.items()
                if account is None or owner == account
            )
        return held

    def count(self, account: str) -> int:
        """Return how many contracts an account holds any of; as `positions`, and costs nothing."""
        self._need_positions()
        return self._owners[account]

    def _need_positions(self) -> None:
        if not self._were_told:
            raise AccountError(
                "the positions have not been read yet",
                hint="wait until `degraded_by` names them no longer",
                replay_safe=True,
            )

    def exchange_rate(self, account: str, currency: str) -> Decimal | None:
        """Return how much one unit of `currency` is in the account's base currency."""
        key = (account, currency)
        if key not in self._rates:
            self._rates[key] = self._rate(account, currency)
        return self._rates[key]

    def _rate(self, account: str, currency: str) -> Decimal | None:
        return rate_of(self._values.get(account, {}), currency)

    def knows_worth(self, account: str) -> bool:
        """Whether the session that goes on has told what an account is worth."""
        return account in self._valued

    def _note_worth(self, value: AccountValue) -> None:
        if value.tag == _WORTH and value.value:
            self._valued.add(value.account)

    def _keep_figures(self, told: FiguresTold, now: datetime) -> None:
        account = told.account
        kept = self._values.setdefault(account, {})
        for (_, tag, currency), value in told.values.items():
            kept[plain_tag(tag), currency] = value
            if tag == _WORTH:
                self._note_worth(value)
        self._summaries.pop(account, None)
        self._rates.clear()
        self._values_as_of[account] = (now, told.source)

    def _keep_position(self, row: PositionRow, now: datetime) -> None:
        key = row.key
        self._held.clear()
        if not row.quantity:
            if self._positions.pop(key, None) is not None:
                self._owners[key[0]] -= 1
            self._as_of.pop(key, None)
            self._portfolio.pop(key, None)
            self._shown_at.pop(key, None)
        else:
            if key not in self._positions:
                self._owners[key[0]] += 1
            self._positions[key] = row
            self._as_of[key] = now

    def _keep_positions(self, rows: Mapping[HoldingKey, PositionRow], now: datetime) -> None:
        if not all(map(quantity_of, rows.values())):
            for row in rows.values():
                self._keep_position(row, now)
            return
        self._held.clear()
        known = self._positions
        fresh = [key for key in rows if key not in known] if known else rows
        self._owners.update(map(_account, fresh))
        known.update(rows)
        self._as_of.update(dict.fromkeys(rows, now))

    def _keep_lines(self, rows: Mapping[HoldingKey, PortfolioRow], now: datetime) -> None:
        self._held.clear()
        self._portfolio.update(rows)
        self._shown_at.update(dict.fromkeys(rows, now))
        if self._newest_price is None or self._newest_price <= now:
            priced = {key[1]: row for key, row in rows.items() if row.has_price}
            self._prices.update(priced)
            self._priced_at.update(dict.fromkeys(priced, now))
            self._newest_price = now
        else:
            for row in rows.values():
                self._note_price(row, now)

    def _keep_line(self, row: PortfolioRow, now: datetime) -> None:
        self._held.clear()
        key = row.key
        self._portfolio[key] = row
        self._shown_at[key] = now
        self._note_price(row, now)

    def _note_price(self, row: PortfolioRow, now: datetime) -> None:
        if row.has_price:
            con_id = row.key[1]
            known_at = self._priced_at.get(con_id)
            if known_at is None or known_at <= now:
                self._prices[con_id] = row
                self._priced_at[con_id] = now
                if self._newest_price is None or self._newest_price < now:
                    self._newest_price = now

    def _position(self, row: PositionRow) -> Position:
        key = row.key
        shown, con_id = self._portfolio.get(key), key[1]
        priced, priced_at = self._prices.get(con_id), self._priced_at.get(con_id)
        # a market value that was computed for another quantity would be a wrong number
        fresh = shown if shown is not None and shown.quantity == row.quantity else None
        multiplier = row.contract.multiplier or Decimal(1)
        return Position(
            account=row.account,
            contract=row.contract,
            quantity=row.quantity,
            avg_cost=row.average_cost,
            avg_price=row.average_cost / multiplier,
            as_of=self._as_of[key],
            current_price=None if priced is None else priced.market_price,
            price_as_of=priced_at,
            market_value=fresh.market_value if fresh is not None else None,
            unrealized_pnl=fresh.unrealized_pnl if fresh is not None else None,
            realized_pnl=shown.realized_pnl if shown is not None else None,
        )


def _key(value: AccountValue) -> tuple[str, str]:
    return plain_tag(value.tag), value.currency
