"""
What rules look at: the market of one contract, and the book of one account.

Owns: the shape of the facts and what a missing one means (`None` is unknown, never zero).
Refuses to know: where facts come from; a `FactSource` supplies them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Protocol

from ibkr_connector.model.account import Position
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.orders import Action, OrderRequest
from ibkr_connector.model.preview import WhatIf

from .limits import RiskLimits
from .unshown import UnshownUnits

__all__ = [
    "AccountFacts",
    "Book",
    "Case",
    "FactSource",
    "Held",
    "Needs",
    "OpenOrders",
    "Placed",
    "RiskFacts",
    "Working",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskFacts:
    """
    What is known of the contract at the moment of the check; `None` is unknown.

    `price` is the dearest current price of one unit in the contract's currency, `net_liquidation`
    the account's in its base currency, `exchange_rate` what one unit of the contract's currency is
    worth in the base currency. `quoted_at` is the UTC time of the quote, `is_live` whether it is
    neither delayed nor frozen. `missing` says why something is not known.
    """

    price: Decimal | None = None
    net_liquidation: Decimal | None = None
    exchange_rate: Decimal | None = None
    missing: str = ""
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    quoted_at: datetime | None = None
    is_live: bool | None = None
    halted: bool | None = None
    shortable: bool | None = None
    is_open: bool | None = None
    legs: tuple[RiskFacts, ...] = ()
    """Those of each leg, when the contract is a combination."""
    margin: WhatIf | None = None
    """What the broker says the order would do, where a rule has asked for it."""

    @property
    def reference(self) -> Decimal | None:
        """The market's price: half way between bid and ask, or the last trade; never a close."""
        if self.bid is not None and self.ask is not None:
            return (self.bid + self.ask) / 2
        return self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A position; `unit_value` is what one unit is worth in the base currency, never negative."""

    con_id: ConId | None
    symbol: str
    quantity: Decimal
    unit_value: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """
    What is left of an open order.

    Of the orders of one `group` (one cancels all) at most one is expected to fill.
    """

    con_id: ConId | None
    symbol: str
    action: Action
    quantity: Decimal
    unit_value: Decimal | None
    group: str = ""
    is_more: bool = False
    """Whether this is one more leg of an order that is in the book already."""


class OpenOrders(Collection[Working]):
    """What is open, put together when a rule first looks at it: few limits ask for that."""

    def __init__(self, look: Callable[[], tuple[Working, ...]]) -> None:
        self._look = look

    @cached_property
    def _rows(self) -> tuple[Working, ...]:
        return self._look()

    def __iter__(self) -> Iterator[Working]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, row: object) -> bool:
        return row in self._rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An order that was let through a while ago; `what` is equal for equal orders."""

    at: datetime
    what: tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """
    What is known of the account at the moment of the check.

    `held` is `None` when the positions are not known. `day_start` and `peak` are net liquidation
    values: the first of the day, and the highest since the last reset.
    """

    now: datetime | None = None
    held: tuple[Held, ...] | None = None
    working: Collection[Working] = ()
    placed: tuple[Placed, ...] = ()
    net_liquidation: Decimal | None = None
    buying_power: Decimal | None = None
    day_start: Decimal | None = None
    peak: Decimal | None = None
    halted_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One order with everything that a rule may look at."""

    request: OrderRequest
    contract: Contract
    account: str
    limits: RiskLimits
    facts: RiskFacts
    book: Book
    is_change: bool = False
    """Whether this is an open order as it would be after a modification."""

    filled: Decimal = Decimal(0)
    """How much of a changed order is filled already, and so counts elsewhere."""

    group: str = ""
    """Of a changed order: the group of which at most one fills, as in `Working`."""

    worked_out: dict[str, Any] = field(init=False, default_factory=dict, compare=False, repr=False)
    """Figures that several rules look at and that cost something; a changed case begins anew."""

    @property
    def legs(self) -> tuple[Case, ...]:
        """Of a combination, each leg as an order of its own, at whatever price it trades."""
        parts = self.contract.parts(self.request.action) if self.contract.legs else ()
        known = self.facts.legs or tuple(RiskFacts(missing=self.facts.missing) for _ in parts)
        return tuple(
            replace(
                self,
                request=replace(
                    self.request,
                    action=action,
                    quantity=self.request.quantity * ratio,
                    limit_price=None,
                    stop_price=None,
                ),
                filled=self.filled * ratio,
                contract=contract,
                facts=facts,
            )
            for (contract, action, ratio), facts in zip(parts, known, strict=True)
        )

    @property
    def remaining(self) -> Decimal:
        """How much can still fill."""
        return max(self.request.quantity - self.filled, Decimal(0))

    @property
    def net_liquidation(self) -> Decimal | None:
        """The account's worth, as the book or the facts say."""
        worth = self.book.net_liquidation
        return self.facts.net_liquidation if worth is None else worth


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """
    What is known of an account now, without asking anybody.

    `rate` tells what one unit of a currency is worth in the base currency.
    """

    now: datetime
    rate: Callable[[str], Decimal | None]
    positions: tuple[Position, ...] | None = None
    net_liquidation: Decimal | None = None
    buying_power: Decimal | None = None
    day_start: Decimal | None = None
    peak: Decimal | None = None
    halted_until: datetime | None = None
    unshown: tuple[UnshownUnits, ...] = ()
    """What executions come to that `positions` do not show yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Which costly facts the limits ask for."""

    price: bool = False
    shortable: bool = False
    margin: bool = False
    session: bool = False
    """Whether the market is open."""


class FactSource(Protocol):
    """Tells the facts that the rules need."""

    async def facts(
        self, details: ContractDetails, *, account: str, needs: Needs, extended: bool
    ) -> RiskFacts:
        """
        Return what is known now of the contract; asked only when a rule needs it.

        A price costs a question to the gateway, so it is left out where the order's own will do.
        `extended` asks about the hours outside the regular session too.
        """
        ...

    def account_facts(self, account: str, limits: RiskLimits) -> AccountFacts:
        """Return what is known of the account, at once."""
        ...
