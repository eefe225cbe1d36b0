"""A venue with one stock whose market the test sets, and the words to trade on it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ibkr_connector.simulator.exchange.commands import (
    CancelOrder,
    Event,
    Executed,
    ModifyOrder,
    OrderChanged,
    OrderRefused,
    PlaceOrder,
    SetQuote,
)
from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.listing import default_catalogue
from ibkr_connector.simulator.exchange.records import Group, Owner, Terms, VenueOrder
from ibkr_connector.simulator.exchange.tape import SeededTape
from ibkr_connector.simulator.exchange.venue import Venue

__all__ = ["ACCOUNT", "APPLE", "CATALOGUE", "MICROSOFT", "NOW", "Floor", "terms"]

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
"""A Wednesday, ten in the morning in New York."""

APPLE = 265598
MICROSOFT = 272093
ACCOUNT = "DU1"
CATALOGUE = default_catalogue(NOW.date())


def terms(action: str, kind: str, quantity: int | str = 10, **more: Any) -> Terms:
    """Return the terms of an order; prices and quantities may be given as text."""
    numbers: dict[str, Any] = {
        name: Decimal(value) if isinstance(value, str) and _is_number(value) else value
        for name, value in more.items()
    }
    return Terms(action=action, quantity=Decimal(quantity), order_type=kind, **numbers)


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "").isdigit()


class Floor:
    """The venue at its own moment, which `wait` moves."""

    def __init__(self, *, cash: int = 1_000_000, now: datetime = NOW, **models: Any) -> None:
        accounts = {ACCOUNT: Decimal(cash), "DU2": Decimal(cash)}
        self.venue = Venue(catalogue=CATALOGUE, tape=SeededTape(1), accounts=accounts, **models)
        self.now = now
        self._numbers = 0
        self.quote("99.90", "100.10")

    def instrument(self, con_id: int = APPLE) -> Instrument:
        """Return something that is listed."""
        return self.venue.instrument(con_id)

    def quote(
        self,
        bid: str | None,
        ask: str | None,
        last: str | None = None,
        *,
        size: int = 1_000,
        con_id: int = APPLE,
    ) -> list[Event]:
        """Hold the market at these prices."""
        command = SetQuote(
            con_id=con_id,
            bid=None if bid is None else Decimal(bid),
            ask=None if ask is None else Decimal(ask),
            last=None if last is None else Decimal(last),
            bid_size=Decimal(size),
            ask_size=Decimal(size),
        )
        return list(self.venue.execute(command, self.now))

    def place(
        self,
        asked: Terms,
        *,
        con_id: int = APPLE,
        client: int = 1,
        account: str = ACCOUNT,
        transmit: bool = True,
        parent: VenueOrder | None = None,
        group: Group | None = None,
        instrument: Instrument | None = None,
        **more: Any,
    ) -> list[Event]:
        """Place an order with the next order id."""
        self._numbers += 1
        command = PlaceOrder(
            owner=Owner(client_id=client, order_id=self._numbers),
            account=account,
            instrument=instrument or self.instrument(con_id),
            exchange="SMART",
            terms=asked,
            transmit=transmit,
            parent=parent.perm_id if parent is not None else 0,
            group=group,
            **more,
        )
        return list(self.venue.execute(command, self.now))

    def cancel(self, order: VenueOrder) -> list[Event]:
        """Cancel an order."""
        return list(self.venue.execute(CancelOrder(perm_id=order.perm_id), self.now))

    def modify(self, order: VenueOrder, asked: Terms) -> list[Event]:
        """Change an order."""
        command = ModifyOrder(perm_id=order.perm_id, terms=asked)
        return list(self.venue.execute(command, self.now))

    def wait(self, seconds: float = 1) -> list[Event]:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)
        return list(self.venue.advance(self.now))

    def order(self, number: int = -1) -> VenueOrder:
        """Return an order as it is now, by the order in which they were placed."""
        orders = [*self.venue.open_orders(), *self.venue.closed_orders()]
        return sorted(orders, key=lambda order: order.perm_id)[number]

    def held(self, con_id: int = APPLE, account: str = ACCOUNT) -> Decimal:
        """Return a position."""
        holding = self.venue.ledgers[account].holdings.get(con_id)
        return holding.quantity if holding is not None else Decimal(0)

    @staticmethod
    def statuses(events: Iterable[Event]) -> list[str]:
        """Return the statuses that orders came to."""
        return [event.order.status for event in events if isinstance(event, OrderChanged)]

    @staticmethod
    def trades(events: Iterable[Event]) -> list[tuple[str, str]]:
        """Return quantity and price of what was executed."""
        return [
            (f"{event.execution.quantity:f}", f"{event.execution.price:f}")
            for event in events
            if isinstance(event, Executed)
        ]

    @staticmethod
    def codes(events: Iterable[Event]) -> list[int]:
        """Return the codes of what was refused."""
        return [event.code for event in events if isinstance(event, OrderRefused)]
