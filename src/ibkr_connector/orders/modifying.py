"""
Changing a working order: the same order sent again with other terms, and the broker's word on it.

Owns: what may be changed, that a change is on disk before its first byte, and that a change counts
as made only when the broker shows the order with it. A refusal leaves the order as it was; the
broker is asked before that is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from ibkr_connector.codes import Scope, lookup
from ibkr_connector.errors import (
    IBKRError,
    OrderNotConfirmedError,
    OrderStateError,
    OrderValidationError,
)
from ibkr_connector.gateway.port import OrderFault, OrderGateway, OrderTicket
from ibkr_connector.model.orders import (
    Action,
    OrderReport,
    OrderRequest,
    OrderStatus,
    OrderType,
    SendDisposition,
)
from ibkr_connector.model.preview import RuleVerdict
from ibkr_connector.observe.correlation import current_correlation_id
from ibkr_connector.resilience.operation import ENDPOINTS, Operation
from ibkr_connector.resilience.pipeline import Pipeline

from .admission import Admission, Examined
from .book import Book
from .dispatch import stalled, uncertainty
from .entry import OrderEntry
from .inquiry import Inquiry
from .notes import Changed
from .placing import Placing
from .reading import NAMES, READERS
from .validation import check_request
from .values import read_values, unknown_key
from .vouchers import Voucher

__all__ = ["Modifying"]

_CHANGEABLE: Final = (
    "quantity",
    "limit_price",
    "stop_price",
    "time_in_force",
    "good_till",
    "good_after",
    "outside_regular_hours",
    "trail_amount",
    "trail_percent",
    "limit_offset",
    "offset",
    "display_size",
    "adaptive",
)
"""What TWS lets be changed; for anything else the order is cancelled and placed anew."""

_READERS: Final = MappingProxyType({name: READERS[name] for name in _CHANGEABLE})
_TRAILS: Final = (OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT)


class Modifying:
    """Carry changes to the broker, one at a time for each order; lives on the desk's loop."""

    def __init__(
        self,
        *,
        book: Book,
        gateway: OrderGateway,
        pipeline: Pipeline,
        inquiry: Inquiry,
        admission: Admission,
        placing: Placing,
        check_trading: Callable[[OrderTicket | None], None],
        timeout_s: float,
    ) -> None:
        self._book = book
        self._ledger = book.ledger
        self._gateway = gateway
        self._pipeline = pipeline
        self._inquiry = inquiry
        self._admission = admission
        self._placing = placing
        self._check_trading = check_trading
        self._timeout_s = timeout_s
        self._under_way: dict[str, OrderFault | None] = {}
        self._unsettled: dict[str, tuple[int, OrderTicket]] = {}
        book.retention.on_forgotten.append(lambda key: self._unsettled.pop(key, None))
        admission.pending = self.pending

    def is_under_way(self, key: str) -> bool:
        """Whether a change of that order waits for the broker's word."""
        return key in self._under_way

    def pending(self, key: str) -> OrderTicket | None:
        """
        Return what an order has become if a change was made that nobody has confirmed.

        A new session begins with the broker's own list, which tells.
        """
        session, ticket = self._unsettled.get(key, (None, None))
        return ticket if session == self._inquiry.session else None

    def refused(self, key: str, fault: OrderFault) -> None:
        """Remember what was said against the change that is under way."""
        self._under_way[key] = fault

    async def look(self, entry: OrderEntry, changes: Mapping[str, Any]) -> Examined | None:
        """
        Examine an order as it would be after a change; `None` when it is so already.

        Raises:
            IBKRError: As `modify` raises it, rules apart.
        """
        self._admission.check_writable()
        self._check_changeable(entry)
        self._check_turn(entry)
        before = _as_request(entry)
        wanted = _apply(before, changes)
        if wanted == before:
            return None
        check_request(wanted)
        return await self._placing.examine(wanted)

    async def modify(
        self,
        entry: OrderEntry,
        changes: Mapping[str, Any],
        *,
        timeout_s: float | None,
        token: str | None,
    ) -> OrderReport:
        """Change an order; see `OrdersDesk.modify`."""
        key = entry.key
        try:
            self._placing.check_token(token)
            first = await self.look(entry, changes)
            if first is None:
                return entry.report()
            self._check_trading(None)
            before, wanted = _as_request(entry), first.request
            agreed = await self._placing.confirm(
                [first],
                lambda: self._admission.check_risk(first, replacing=key, is_dry=True),
                token=token,
                changing=entry,
            )
            # from here to the mark nothing awaits, so nobody can come in between
            (examined,) = agreed.examined
            entry = self._ledger.get(key)
            self._check_changeable(entry)
            self._check_turn(entry)
            if agreed.rows and _as_request(entry) != before:
                raise OrderNotConfirmedError("the order has changed since it was asked about")
            if wanted.quantity <= entry.filled:
                raise OrderValidationError(
                    f"quantity must be more than the {entry.filled} that are filled; "
                    f"got {wanted.quantity}, cancel the order instead"
                )
            self._check_trading(None)
            rules = (*self._admission.check_risk(examined, replacing=key), *agreed.rows)
            voucher = agreed.voucher
            if not agreed.rows:
                voucher = self._placing.take(token, [examined], changing=entry)
        except IBKRError as error:
            self._placing.deny((entry.order_id, dict(changes)), error)
            raise
        self._under_way[key] = None
        try:
            return await self._carry(
                entry, wanted, rules=rules, voucher=voucher, timeout_s=timeout_s
            )
        finally:
            del self._under_way[key]

    async def _carry(
        self,
        entry: OrderEntry,
        wanted: OrderRequest,
        *,
        rules: tuple[RuleVerdict, ...],
        voucher: Voucher | None,
        timeout_s: float | None,
    ) -> OrderReport:
        key, ticket = entry.key, _ticket(entry, wanted)
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        before, session = self._unsettled.get(key), self._inquiry.session
        # from now on the rules count with it, until it is known whether it was made
        self._unsettled[key] = (session, ticket)
        is_handed = False
        note = Changed(
            at=self._book.clock.utcnow(),
            key=key,
            ticket=ticket,
            correlation_id=current_correlation_id(),
            rules=rules,
        )

        async def send() -> None:
            nonlocal is_handed, session
            await self._gateway.confirm_alive()
            # it may have ended since: under its number an order that is over must not begin anew
            self._check_changeable(self._ledger.get(key))
            self._check_trading(ticket)
            is_handed, session = True, self._inquiry.session
            self._unsettled[key] = (session, ticket)
            await self._gateway.send_order(ticket)

        try:
            # in memory first, as with an intent: whoever is judged meanwhile is told of it
            self._ledger.record(note)
            began = self._book.clock.monotonic()
            await self._book.journal.append([note, *self._placing.decided(note, voucher)])
            left_s = limit_s - (self._book.clock.monotonic() - began)
            if left_s <= 0:
                raise stalled(limit_s - left_s, limit_s)
            await self._pipeline.run(
                Operation(
                    policy=replace(ENDPOINTS["place_order"], name="modify_order"),
                    call=send,
                    deadline_s=left_s,
                )
            )
        except BaseException as error:
            unsent = getattr(error, "disposition", None) is SendDisposition.UNSENT
            if unsent or not is_handed:
                self._settle(key, before)
                self._take_back(note, entry.changed, error)
            raise

        def settled(now: OrderEntry) -> bool:
            refused = self._under_way[key] is not None and not self._inquiry.is_undecided(key)
            lost = self._inquiry.session != session
            return not now.is_open or _is_as(now, wanted) or refused or lost

        try:
            entry = await self._book.until(key, settled, timeout_s=limit_s)
        except TimeoutError:
            entry = await self._look_at(key)
        return self._answer(entry, wanted)

    def _answer(self, entry: OrderEntry, wanted: OrderRequest) -> OrderReport:
        fault = self._under_way[entry.key]
        if not entry.is_awaiting and (fault is not None or not entry.is_open):
            self._settle(entry.key)
        if _is_as(entry, wanted) and entry.status not in _DEAD:
            self._settle(entry.key)
            return entry.report()
        if fault is not None and not entry.is_awaiting:
            row = lookup(fault.code, Scope.MODIFY, fault.text)
            lives = "it goes on as it was" if entry.is_open else f"it is {entry.status}"
            raise OrderStateError(
                f"the broker did not change order {entry.order_id}, {lives}: {fault.text}",
                code=fault.code,
                request_id=entry.order_id,
                hint=row.hint or None,
            )
        if not entry.is_open:
            raise OrderStateError(
                f"order {entry.order_id} was {entry.status} before it was changed",
                request_id=entry.order_id,
            )
        raise uncertainty(entry, "the change was sent, and the broker has not confirmed it")

    def _settle(self, key: str, to: tuple[int, OrderTicket] | None = None) -> None:
        self._unsettled.pop(key, None)
        if to is not None:
            self._unsettled[key] = to

    def _take_back(self, note: Changed, before: OrderTicket | None, error: BaseException) -> None:
        """Write down that nothing of a change was sent: what it says proves nothing any more."""
        why = error.message if isinstance(error, IBKRError) else "the caller went away"
        undone = replace(
            note, at=self._book.clock.utcnow(), ticket=before, rules=(), unsent=f"not sent: {why}"
        )
        self._ledger.record(undone)
        self._book.note([undone])

    async def _look_at(self, key: str) -> OrderEntry:
        try:
            await self._inquiry.look()
        except IBKRError as error:
            raise uncertainty(
                self._ledger.get(key), "the change was sent, and nobody answers"
            ) from error
        return self._ledger.get(key)

    def _check_changeable(self, entry: OrderEntry) -> None:
        if not entry.is_own or entry.client_id != self._gateway.client_id:
            raise OrderStateError(
                f"order {entry.order_id} was placed by another client and cannot be changed here",
                hint=f"change it in TWS, or connect with client id {entry.client_id}",
            )
        if not entry.is_open or entry.is_awaiting:
            raise OrderStateError(
                f"order {entry.order_id} is {entry.status} and cannot be changed",
                request_id=entry.order_id,
            )
        if entry.terms.exercise is not None:
            raise OrderStateError(
                f"order {entry.order_id} is an exercise of options and cannot be changed",
                request_id=entry.order_id,
                hint="cancel it, as long as the broker takes that, and ask for another",
            )
        if entry.cash is not None:
            # limit: nobody says what TWS makes of such a change when part of the money is spent
            raise OrderStateError(
                f"order {entry.order_id} is for {entry.cash} in cash and cannot be changed",
                request_id=entry.order_id,
                hint="cancel it and place another for what is left",
            )

    def _check_turn(self, entry: OrderEntry) -> None:
        if entry.key in self._under_way:
            raise OrderStateError(
                f"another change of order {entry.order_id} is under way",
                request_id=entry.order_id,
                hint="wait for it",
                replay_safe=True,
            )


_DEAD: Final = (OrderStatus.CANCELLED, OrderStatus.REJECTED)


def _as_request(entry: OrderEntry) -> OrderRequest:
    """Describe a working order of ours as it stands at the broker."""
    ticket = entry.ticket
    assert ticket is not None  # it is ours
    # of a trail the broker tells where its stop is now; that is no term of it
    trails = ticket.order_type in _TRAILS
    terms = entry.terms
    if trails and ticket.limit_price is not None and ticket.stop_price is not None:
        # the distance of its first limit from its first stop is what has stayed
        offset = terms.limit_offset or abs(ticket.limit_price - ticket.stop_price)
        terms = replace(terms, limit_offset=offset)
    return OrderRequest(
        contract=ticket.contract,
        action=ticket.action,
        quantity=entry.quantity,
        order_type=ticket.order_type,
        limit_price=None if trails else entry.limit_price,
        stop_price=None if trails else entry.stop_price,
        time_in_force=type(ticket.time_in_force)(entry.time_in_force),
        outside_regular_hours=entry.outside_regular_hours,
        account=ticket.account or None,  # one that is divided has none
        **dict(terms),
    )


def _apply(request: OrderRequest, changes: Mapping[str, Any]) -> OrderRequest:
    """Return the order as it is to be."""
    faults = []
    for key in changes:
        if key in NAMES and key not in _CHANGEABLE:
            faults.append(f"{key} of an order cannot be changed; cancel it and place another")
        elif key not in _CHANGEABLE:
            faults.append(unknown_key(key, _CHANGEABLE))
    if request.order_type in _TRAILS and "limit_price" in changes:
        faults.append("limit_price of a trailing order follows its stop; change limit_offset")
    if "adaptive" in changes and (request.adaptive is None or changes["adaptive"] is None):
        faults.append(
            "adaptive can change its priority, but neither begin nor end; cancel the order and "
            "place another"
        )
    values = read_values(changes, _READERS, faults)
    if faults:
        raise OrderValidationError("; ".join(faults))
    # what was given as None takes the term away
    values |= {key: None for key in changes if changes[key] is None}
    for key in ("good_till", "good_after"):
        if values.get(key) is not None:
            values[key] = values[key].replace(microsecond=0)  # the wire has whole seconds
    return replace(request, **values)


def _ticket(entry: OrderEntry, wanted: OrderRequest) -> OrderTicket:
    assert entry.ticket is not None  # it is ours
    stop = wanted.stop_price
    is_same_trail = wanted.order_type in _TRAILS and _trail(wanted) == _trail(_as_request(entry))
    if stop is None and is_same_trail:
        # sent without its stop, a trail would begin anew from the market, maybe further away
        stop = entry.stop_price
    return replace(
        entry.ticket,
        quantity=wanted.quantity,
        limit_price=wanted.limit_price,
        stop_price=stop,
        time_in_force=wanted.time_in_force,
        outside_regular_hours=wanted.outside_regular_hours,
        terms=wanted.terms,
        transmit=True,
    )


def _trail(request: OrderRequest) -> tuple[Decimal | None, Decimal | None]:
    return request.trail_amount, request.trail_percent


def _is_as(entry: OrderEntry, wanted: OrderRequest) -> bool:
    stop, told = wanted.stop_price, entry.stop_price
    if wanted.order_type in _TRAILS and stop is not None:
        # it may have followed the market from there already
        if told is None or (told < stop if wanted.action is Action.SELL else told > stop):
            return False
        wanted = replace(wanted, stop_price=None)
    return _as_request(entry) == wanted
