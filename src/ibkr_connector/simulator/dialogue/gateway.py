"""
The gateway: the venue, the clients that are connected, and what goes to whom.

Owns client ids, order ids, who hears of which order, and the list of what nobody answered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from ibkr_connector.simulator.exchange.advisor import Advisor
from ibkr_connector.simulator.exchange.commands import (
    AccountChanged,
    AssignOwner,
    Command,
    Event,
    Executed,
    HaltChanged,
    OrderChanged,
    OrderNoted,
    OrderRefused,
    OrderStaged,
    PlaceOrder,
    PositionChanged,
)
from ibkr_connector.simulator.exchange.records import (
    Commission,
    Execution,
    Hold,
    Owner,
    Status,
    Terms,
    VenueOrder,
)
from ibkr_connector.simulator.exchange.venue import Venue
from ibkr_connector.simulator.wire.replies import OrderBound, Reply
from ibkr_connector.simulator.wire.requests import Request

from .feed import Feed
from .translate import commission_report, exec_details, open_order, order_status, warning_text

if TYPE_CHECKING:
    from .session import ClientSession

__all__ = ["MANUAL", "Exchange", "Gateway", "Permissions"]

MANUAL: Final = Owner(client_id=0, order_id=0)
"""Who owns an order that was typed by hand and is not bound."""

_LOG_LENGTH: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """
    What the login may do.

    Args:
        live_data: Live market data; without it, delayed data only.
        read_only_api: "Read-Only API" is ticked in the gateway's settings.
        data_lines: Streams of market data at a time, over all clients.
        replay_commissions: Whether executions that are asked for bring their commissions again;
            accounts of both are on record, so it is a switch.
        delayed_data: Whether delayed data may be shown in the place of live data.
        depth: Market depth.
        news: News of the providers.
        calendar: The event calendar of Wall Street Horizon.
        fundamentals: Fundamental data.
        historical_pacing: Whether requests for history that come too fast are refused.
        tick_by_tick_pacing: The same for tick-by-tick streams.
        master_client_id: The client that hears of everybody's orders and executions.
        orders_per_side: Working orders of one account, contract and side; IB's own limit is 15 to
            20, none is set here unless it is asked for.
    """

    live_data: bool = True
    read_only_api: bool = False
    data_lines: int = 100
    replay_commissions: bool = True
    delayed_data: bool = True
    depth: bool = True
    news: bool = True
    calendar: bool = False
    fundamentals: bool = True
    historical_pacing: bool = True
    tick_by_tick_pacing: bool = True
    master_client_id: int | None = None
    orders_per_side: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and what it was answered at once."""

    client_id: int
    request: Request
    replies: tuple[Reply, ...]


@dataclass(slots=True)
class Gateway:
    """Everything that the clients share."""

    venue: Venue
    first_order_id: int = 1
    permissions: Permissions = field(default_factory=Permissions)
    sessions: dict[int, ClientSession] = field(default_factory=dict)
    log: deque[Exchange] = field(default_factory=lambda: deque(maxlen=_LOG_LENGTH))
    unsupported: list[str] = field(default_factory=list)
    next_ids: dict[int, int] = field(default_factory=dict)
    perm_ids: dict[tuple[int, int], int] = field(default_factory=dict)
    advisor: Advisor = field(default_factory=Advisor)
    feed: Feed = field(default_factory=Feed)
    auto_binding: set[int] = field(default_factory=set)
    last_bound: int = 0

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts of the login."""
        return tuple(self.venue.ledgers)

    @property
    def lines_used(self) -> int:
        """How many streams of market data are open."""
        return sum(session.lines for session in self.sessions.values())

    def tick(self, now: datetime) -> None:
        """Let the market and every session come to a moment."""
        self.deliver(self.venue.advance(now), now)
        for session in list(self.sessions.values()):
            session.tick(now)

    def notice(self, code: int, text: str) -> None:
        """Say something to everybody that belongs to no request."""
        for session in self.sessions.values():
            session.fail(-1, code, text)

    # --- orders ---------------------------------------------------------------------------------

    def execute(self, command: Command, now: datetime) -> None:
        """Ask something of the venue, and tell whoever must know what followed."""
        self.deliver(self.venue.execute(command, now), now)

    def place_for(
        self,
        owner: Owner,
        *,
        con_id: int,
        terms: Terms,
        now: datetime,
        account: str = "",
        order_ref: str = "",
    ) -> None:
        """
        Place an order that no connected client sent: another client's, or one typed by hand.

        An order typed by hand belongs to client 0 and has the order id 0, until client 0 binds it.
        """
        instrument = self.venue.instrument(con_id)
        command = PlaceOrder(
            owner=owner,
            account=account or self.accounts[0],
            instrument=instrument,
            exchange=instrument.home,
            terms=terms,
            order_ref=order_ref,
        )
        self.execute(command, now)
        if owner == MANUAL and 0 in self.auto_binding:
            self.bind_manual_orders()

    def bind_manual_orders(self) -> None:
        """Give each manual order an id of client 0, which is negative, and say so (IB campus)."""
        session = self.sessions.get(0)
        for order in self.venue.open_orders():
            if order.owner != MANUAL:
                continue
            self.last_bound -= 1
            owner = Owner(client_id=0, order_id=self.last_bound)
            self.venue.execute(AssignOwner(perm_id=order.perm_id, owner=owner), order.placed_at)
            self.perm_ids[0, self.last_bound] = order.perm_id
            if session is not None:
                session.say(
                    OrderBound(perm_id=order.perm_id, client_id=0, order_id=self.last_bound)
                )

    # --- what happened --------------------------------------------------------------------------

    def deliver(self, events: Iterable[Event], now: datetime) -> None:
        """Tell whoever must know what happened at the venue."""
        waiting: dict[int, list[tuple[Execution, Commission]]] = {}
        for event in events:
            match event:
                case OrderChanged(order=order):
                    self._tell_order(order)
                    for execution, commission in waiting.pop(order.perm_id, []):
                        self._tell_commission(execution, commission)
                case Executed(execution=execution, commission=commission):
                    for session in self._hearing(execution.order):
                        details = exec_details(execution, request_id=-1, version=session.version)
                        session.say(details)
                    # the report of what it cost comes after the order's new status
                    waiting.setdefault(execution.order.perm_id, []).append((execution, commission))
                case _:
                    self._tell(event, now)
        for costs in waiting.values():
            for execution, commission in costs:
                self._tell_commission(execution, commission)

    def _tell(self, event: Event, now: datetime) -> None:
        match event:
            case OrderRefused():
                self._tell_refusal(event)
            case OrderNoted(order=order, code=code):
                for session in self._hearing(order):
                    session.fail(order.owner.order_id, code, warning_text(event))
            case PositionChanged(account=account, instrument=instrument):
                for session in self.sessions.values():
                    session.position_changed(account, instrument, now)
            case AccountChanged(account=account):
                for session in self.sessions.values():
                    session.account_changed(account, now)
            case OrderStaged(order=order):
                self.perm_ids[order.owner.client_id, order.owner.order_id] = order.perm_id
            case HaltChanged() | OrderChanged() | Executed():
                pass

    def _tell_order(self, order: VenueOrder) -> None:
        key = (order.owner.client_id, order.owner.order_id)
        self.perm_ids[key] = order.perm_id
        for session in self._hearing(order):
            if order.status is not Status.CANCELLED:
                session.say(open_order(order))
            session.say(order_status(order))
            if order.status is Status.CANCELLED:
                session.fail(order.owner.order_id, 202, "Order Canceled - reason:")

    def _tell_commission(self, execution: Execution, commission: Commission) -> None:
        if execution.instrument.sec_type == "BAG":
            # a combo costs what its legs cost, each of which has a report of its own
            return
        for session in self._hearing(execution.order):
            session.say(commission_report(commission))

    def _tell_refusal(self, event: OrderRefused) -> None:
        session = self.sessions.get(event.owner.client_id)
        if session is not None:
            session.fail(event.owner.order_id, event.code, event.text)

    def _hearing(self, order: VenueOrder) -> Iterator[ClientSession]:
        """Yield the owner's session and the master client's (IB campus, master client id)."""
        master = self.permissions.master_client_id
        for client_id, session in self.sessions.items():
            if client_id in (order.owner.client_id, master):
                yield session

    def shown_orders(self, client_id: int | None) -> Iterator[VenueOrder]:
        """Yield the open orders of a client, or with `None` those that everybody may see."""
        for order in self.venue.open_orders():
            is_own = order.owner.client_id == client_id
            if is_own or (client_id is None and order.hold is not Hold.UNTRANSMITTED):
                yield order
