"""
Changing a working order: the same order sent again with other terms, and the broker's word on it.

Owns: that a change is on disk before its first byte, and that a change counts
as made only when the broker shows the order with it. A refusal leaves the order as it was; the
broker is asked before that is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from ibkr_connector.codes import Scope, lookup
from ibkr_connector.errors import (
    IBKRError,
    OrderNotConfirmedError,
    OrderStateError,
    OrderValidationError,
)
from ibkr_connector.gateway.port import BrokerOrder, OrderFault, OrderGateway, OrderTicket
from ibkr_connector.model.orders import OrderReport, OrderRequest, OrderStatus, SendDisposition
from ibkr_connector.model.preview import RuleVerdict
from ibkr_connector.observe.correlation import current_correlation_id
from ibkr_connector.resilience.operation import ENDPOINTS, Operation
from ibkr_connector.resilience.pipeline import Pipeline

from .admission import Admission, Examined
from .book import Book
from .changes import as_request_of, changed, changed_ticket, is_as, is_proven, moves_trail
from .dispatch import stalled, uncertainty
from .entry import OrderEntry
from .how_far import how_far
from .inquiry import Inquiry
from .notes import Changed
from .placing import Placing
from .validation import check_request
from .vouchers import Voucher

__all__ = ["Modifying"]

_DEAD: Final = (OrderStatus.CANCELLED, OrderStatus.REJECTED)


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
        self._trails: dict[str, bool] = {}
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

    def shown(self, order: BrokerOrder) -> None:
        """Remember that the broker has shown an order since its trail's stop was moved."""
        entry = self._ledger.about(order) if self._trails else None
        if entry is None or entry.key not in self._trails:
            return
        self._trails[entry.key] = True
        if order.stop_price is None:
            # TWS tells the stop of a trail (Lean pull request 70); should it not, its list does
            self._inquiry.open_window(entry.key)
        self._book.wake(entry.key)

    async def look(self, entry: OrderEntry, changes: Mapping[str, Any]) -> Examined | None:
        """
        Examine an order as it would be after a change; `None` when it is so already.

        Raises:
            IBKRError: As `modify` raises it, rules apart.
        """
        self._admission.check_writable()
        self._check_changeable(entry)
        self._check_turn(entry)
        before = as_request_of(entry)
        wanted = changed(before, changes)
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
            before, wanted = as_request_of(entry), first.request
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
            if agreed.rows and as_request_of(entry) != before:
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
        key, ticket, stood = entry.key, changed_ticket(entry, wanted), entry.stop_price
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
            if moves_trail(wanted):
                self._trails[key] = False
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
            if isinstance(error, IBKRError):
                error.disposition = error.disposition or how_far(is_handed=is_handed)
            raise

        def settled(now: OrderEntry) -> bool:
            refused = self._under_way[key] is not None and not self._inquiry.is_undecided(key)
            lost = self._inquiry.session != session
            return not now.is_open or is_made(now) or refused or lost

        def is_made(now: OrderEntry) -> bool:
            shown = self._trails.get(key, False) and self._under_way[key] is None
            return is_as(now, wanted) and is_proven(now, wanted, stood, is_shown=shown)

        try:
            entry = await self._book.until_told(key, settled, timeout_s=limit_s)
            made = is_made(entry)
        except TimeoutError:
            entry = await self._look_at(key)
            # by the broker's list a trail may have followed the market from there already
            has_moved = entry.stop_price != stood and self._under_way[key] is None
            made = is_made(entry) or (has_moved and is_as(entry, wanted))
        finally:
            self._trails.pop(key, None)
        return self._answer(entry, is_made=made)

    def _answer(self, entry: OrderEntry, *, is_made: bool) -> OrderReport:
        fault = self._under_way[entry.key]
        if not entry.is_awaiting and (fault is not None or not entry.is_open):
            self._settle(entry.key)
        if is_made and entry.status not in _DEAD:
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
                disposition=SendDisposition.SENT,
            )
        if not entry.is_open:
            raise OrderStateError(
                f"order {entry.order_id} was {entry.status} before it was changed",
                request_id=entry.order_id,
                disposition=SendDisposition.SENT,
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
