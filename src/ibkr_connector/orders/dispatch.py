"""
From the intent to the first word of the broker: the steps that must not happen twice.

Owns: that an intent is on disk before its first byte, that an order is handed to the socket at most
once, and what is said to the callers who wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from ibkr_connector.codes import Scope, lookup
from ibkr_connector.errors import (
    IBKRError,
    NotConnectedError,
    OrderRejectedError,
    OrderStateError,
    OrderUncertainError,
    OrderValidationError,
    RequestTimeoutError,
)
from ibkr_connector.gateway.port import OrderGateway, OrderTicket
from ibkr_connector.model.ids import OrderId
from ibkr_connector.model.making import quick
from ibkr_connector.model.orders import OrderReport, SendDisposition
from ibkr_connector.model.preview import RuleVerdict
from ibkr_connector.observe.correlation import current_correlation_id
from ibkr_connector.resilience.operation import ENDPOINTS, Operation
from ibkr_connector.resilience.pipeline import Pipeline

from .admission import Examined
from .book import Book
from .entry import OrderEntry
from .inquiry import Inquiry
from .jobs import Jobs
from .notes import Intended
from .patience import Patience
from .references import order_ref
from .risk import reckoned_units
from .states import Event, State
from .tickets import ticket_of
from .waiting import Waiting, still_open

__all__ = ["Dispatch", "is_broken", "stalled", "uncertainty"]

_intended: Final = quick(Intended)
_STALL_S: Final = 0.1
"""A flush takes a thousandth of a second; what takes longer than this counts as time to send."""


class Dispatch:
    """Carry orders to the broker, once each; lives on the desk's loop."""

    def __init__(
        self,
        *,
        book: Book,
        gateway: OrderGateway,
        pipeline: Pipeline,
        inquiry: Inquiry,
        check_trading: Callable[[OrderTicket], None],
        jobs: Jobs,
        token: Callable[[], str],
    ) -> None:
        self._book = book
        self._ledger = book.ledger
        self._gateway = gateway
        self._pipeline = pipeline
        self._inquiry = inquiry
        self._check_trading = check_trading
        self._jobs = jobs
        self._patience = Patience(book=book, inquiry=inquiry, spawn=jobs.spawn)
        self._token = token
        self._handed: set[str] = set()
        self._abandoned: set[str] = set()
        self._callers: dict[str, int] = {}
        self._failures: dict[str, IBKRError] = {}
        # ids must rise on the wire (103): who waits for a sign of life is not overtaken
        self._turn = asyncio.Lock()
        book.retention.on_forgotten.append(lambda key: self._failures.pop(key, None))

    def call_off(self, key: str) -> bool:
        """Stop an order that was not handed over yet; tell whether it was in time."""
        in_time = self._ledger.get(key).state is State.INTENDED and key not in self._handed
        if in_time:
            self._abandoned.add(key)
        return in_time

    def check_sendable(self, client_order_id: str | None) -> None:
        """
        Refuse what could not be sent, and a key of an order that our journal has never heard of.

        Raises:
            NotConnectedError: There is no session to send it to.
            OrderValidationError: The broker has an order under that key: the journal was lost, and
                to place it would be to place it twice.
        """
        self._gateway.check_open()
        if client_order_id is None or not self._ledger.foreign_refs:
            return
        start = order_ref(client_order_id, client_id=self._gateway.client_id, token=self._token)
        for reference, key in self._ledger.foreign_refs.items():
            if reference.startswith(start):
                raise OrderValidationError(
                    f"client_order_id {client_order_id!r} names order "
                    f"{self._ledger.get(key).order_id} at the broker, which is not in the journal",
                    hint="look at that order; use a new client_order_id for a new one",
                )

    def intend(
        self,
        examined: Examined,
        *,
        rules: tuple[RuleVerdict, ...],
        parent_id: OrderId | None = None,
        transmit: bool = True,
    ) -> Intended:
        """
        Reserve id and reference, and take the order into the ledger; nothing is sent yet.

        A child names the order that it waits for; only the last of a family is to `transmit`.

        Raises:
            NotConnectedError: There is no session to take an id from.
        """
        note = self.intent_of(examined, rules=rules, parent_id=parent_id, transmit=transmit)
        self._ledger.record(note)
        return note

    def intent_of(
        self,
        examined: Examined,
        *,
        rules: tuple[RuleVerdict, ...],
        parent_id: OrderId | None = None,
        transmit: bool = True,
    ) -> Intended:
        """Do as `intend`, and leave it to the caller to record the note before he awaits."""
        request = examined.request
        client_id = self._gateway.client_id
        floor = OrderId(self._ledger.highest_order_id(client_id) + 1)
        attempts = 0
        if request.client_order_id is not None:
            attempts = self._ledger.attempts(request.client_order_id)
        reference = order_ref(
            request.client_order_id,
            client_id=client_id,
            attempt=attempts + 1,
            token=self._token,
        )
        ticket = ticket_of(
            request,
            examined.contract,
            examined.account,
            order_id=self._gateway.reserve_order_id(floor=floor),
            order_ref=reference,
            parent_id=parent_id,
            transmit=transmit,
            reckoned=reckoned_units(request, examined.facts),
        )
        return _intended(
            at=self._book.clock.utcnow(),
            key=reference,
            client_id=client_id,
            ticket=ticket,
            client_order_id=request.client_order_id,
            correlation_id=current_correlation_id(),
            rules=rules,
        )

    async def carry(self, note: Intended, waiting: Waiting, *, written: Awaitable[None]) -> None:
        """
        Take an intended order to the broker, who then has his time for a first word.

        `written` is awaited until the intent is on disk; not one byte leaves before. Whoever asked
        for the order wanted it then: behind a disk that takes longer than the sending may, nothing
        leaves any more.
        """
        key, ticket = note.key, note.ticket
        operation = Operation(
            policy=ENDPOINTS["place_order"],
            call=partial(self._hand_over, key, ticket),
            deadline_s=waiting.send_s,
        )
        try:
            # put into its words while the disk flushes; whatever is wrong with them is said later
            self._gateway.prepare_order(ticket)
            await self._pipeline.run(await self._flushed(operation, written))
            self._patience.begin(key, waiting.ack_s)
        except IBKRError as error:
            self._settle_unsent(key, error)
            # the socket may be well and only the wait too short
            self._inquiry.follow_up()
        except BaseException:
            self._settle_unsent(key, None)
            raise
        finally:
            self._handed.discard(key)
            self._abandoned.discard(key)

    async def carry_family(
        self, notes: Sequence[Intended], waiting: Waiting, *, written: Awaitable[None]
    ) -> None:
        """
        Take orders that belong together to the broker, in one write; the last one releases all.

        Their intents are on disk together before the first byte. Returns when the broker has
        spoken of each, has ended one that cannot be missed, or has not spoken in time.
        """
        keys = [note.key for note in notes]
        operation = Operation(
            policy=replace(ENDPOINTS["place_order"], name="place_orders", cost=len(notes)),
            call=lambda: self._hand_over_all(notes),
            deadline_s=waiting.send_s,
        )
        try:
            await self._pipeline.run(await self._flushed(operation, written))
        except IBKRError as error:
            for key in keys:
                self._settle_unsent(key, error)
            self._inquiry.follow_up()
        except BaseException:
            for key in keys:
                self._settle_unsent(key, None)
            raise

        def is_told() -> bool:
            entries = [self._ledger.get(key) for key in keys]
            return is_broken(entries) or all(map(_is_past_sending, entries))

        try:
            # of a child whose parent has died the broker may say nothing
            await self._book.until_any(keys, is_told, timeout_s=waiting.ack_s)
        except TimeoutError:
            self.give_up(keys, waiting.ack_s)
        finally:
            self._handed.difference_update(keys)
            self._abandoned.difference_update(keys)

    def give_up(self, keys: Sequence[str], waited_s: float) -> None:
        """Call uncertain what the broker has not answered of, and go on asking."""
        self._patience.give_up(keys, waited_s)

    async def _flushed(
        self, operation: Operation[None], written: Awaitable[None]
    ) -> Operation[None]:
        """
        Wait until an intent is on disk; return what sends it, in the time that is left for that.

        Raises:
            RequestTimeoutError: None is left; nothing was sent.
        """
        began = self._book.clock.monotonic()
        await _in_turn(written)
        took_s = self._book.clock.monotonic() - began
        limit_s = operation.deadline_s or operation.policy.deadline_s
        if took_s < _STALL_S or limit_s is None:
            return operation
        if took_s >= limit_s:
            raise stalled(took_s, limit_s)
        return replace(operation, deadline_s=limit_s - took_s)

    async def _hand_over(self, key: str, ticket: OrderTicket) -> None:
        async with self._turn:
            await self._gateway.confirm_alive()
            if key in self._abandoned:
                raise OrderStateError("the order was called off before it was sent")
            self._check_trading(ticket)
            self._handed.add(key)
            self._inquiry.sent(key)
            await self._gateway.send_order(ticket)
        self._book.move(key, Event.SEND, cause="send", disposition=SendDisposition.SENT)

    async def _hand_over_all(self, notes: Sequence[Intended]) -> None:
        async with self._turn:
            await self._gateway.confirm_alive()
            if any(note.key in self._abandoned for note in notes):
                raise OrderStateError("the orders were called off before they were sent")
            for note in notes:
                self._check_trading(note.ticket)
            for note in notes:
                self._handed.add(note.key)
                self._inquiry.sent(note.key)
            await self._gateway.send_orders([note.ticket for note in notes])
        for note in notes:
            self._book.move(note.key, Event.SEND, cause="send", disposition=SendDisposition.SENT)

    def _settle_unsent(self, key: str, error: IBKRError | None) -> None:
        """Say how far an order got whose sending failed: nowhere, or nobody knows."""
        entry = self._ledger.get(key)
        unsent = error is not None and error.disposition is SendDisposition.UNSENT
        reason = "the desk was closed" if error is None else error.message
        if key not in self._handed or unsent:
            if error is not None:
                error.disposition = SendDisposition.UNSENT
                self._failures[key] = error
            self._book.move(key, Event.NOT_SENT, cause="send", reason=f"not sent: {reason}")
        elif entry.state in (State.INTENDED, State.SENT):
            sent = entry.disposition is SendDisposition.SENT
            self._book.move(
                key,
                Event.LOSE,
                cause="send",
                reason=reason,
                disposition=None if sent else SendDisposition.MAYBE_WRITTEN,
            )

    async def aclose(self) -> None:
        """Wait for nobody's word any more."""
        await self._patience.aclose()

    async def answer(self, key: str, waiting: Waiting) -> OrderReport:
        """Wait for as much of an order's life as was asked for, and put it in the user's terms."""
        ends_at = self._book.clock.monotonic() + waiting.fill_s
        only_sent = waiting.until == "sent"
        self._callers[key] = self._callers.get(key, 0) + 1
        try:
            entry = await self._book.until(key, self._is_sent if only_sent else self._is_answered)
        except asyncio.CancelledError:
            if self._callers[key] == 1:
                self.call_off(key)
            raise
        finally:
            self._callers[key] -= 1
            if not self._callers[key]:
                del self._callers[key]
        if entry.state is State.REJECTED:
            raise self.refusal(key)
        if entry.is_awaiting and not (only_sent and entry.state is State.SENT):
            raise uncertainty(entry, "the order was sent, and the broker has not confirmed it")
        if waiting.until == "filled":
            return await self.closed(key, waiting, ends_at=ends_at)
        return entry.report()

    async def sent(self, keys: Sequence[str]) -> None:
        """Wait until the bytes of all these orders have left, or will not."""
        for key in keys:
            await self._book.until(key, self._is_sent)

    async def closed(self, key: str, waiting: Waiting, *, ends_at: float) -> OrderReport:
        """
        Wait until nothing more will happen to an order that the broker has.

        Executions that are still to come are given a moment; the report says what is missing.

        Raises:
            OrderRejectedError: The broker ended it so.
            RequestTimeoutError: It is still open, and goes on; carries its report.
            OrderUncertainError: The same, while nobody knows whether the broker still has it.
            NotConnectedError: The connector was closed meanwhile; the order goes on.
        """
        left_s = max(ends_at - self._book.clock.monotonic(), 0.0)
        try:
            entry = await self._book.until_told(key, self._is_over, timeout_s=left_s)
        except TimeoutError as error:
            entry = self._ledger.get(key)
            if entry.is_awaiting:
                raise uncertainty(entry, "the order is not closed") from error
            raise still_open(entry, waiting.fill_s) from error
        if entry.state is State.REJECTED:
            raise self.refusal(key)
        if entry.is_open:
            raise NotConnectedError(
                f"the connector was closed while order {entry.order_id} was {entry.status}; "
                "the order goes on working",
                request_id=entry.order_id,
                hint="do not place it again; its key or `get_order_status` tells what became of it",
                replay_safe=False,
                disposition=entry.disposition,
            )
        return entry.report()

    def refusal(self, key: str) -> IBKRError:
        """Say why an order was not placed: what kept it from being sent, or the broker's no."""
        return self._failures.get(key) or _rejection(self._ledger.get(key))

    def _is_over(self, entry: OrderEntry) -> bool:
        return not entry.is_open or not self._jobs.is_running

    def _is_sent(self, entry: OrderEntry) -> bool:
        return entry.state is not State.INTENDED or not self._jobs.is_running

    def _is_answered(self, entry: OrderEntry) -> bool:
        if entry.state is State.SUSPENDED and self._inquiry.is_undecided(entry.key):
            return not self._jobs.is_running
        return _is_past_sending(entry) or not self._jobs.is_running


async def _in_turn(written: Awaitable[None]) -> None:
    if isinstance(written, asyncio.Future) and written.done():
        # an earlier order whose intent is written as well only waits to be woken: it goes first
        await asyncio.sleep(0)
    await written


def is_broken(family: Sequence[OrderEntry]) -> bool:
    """Whether one of a family was refused, or its first has ended, before anything was traded."""
    head = family[0]
    if head.filled:
        return False
    refused = any(one.state is State.REJECTED and one.seen_or_sent for one in family)
    return refused or head.state is State.CANCELLED


def _is_past_sending(entry: OrderEntry) -> bool:
    return entry.state not in (State.INTENDED, State.SENT)


def _rejection(entry: OrderEntry) -> OrderRejectedError:
    row = None if entry.code is None else lookup(entry.code, Scope.ORDER, entry.reason)
    return OrderRejectedError(
        f"order {entry.order_id} was rejected: {entry.reason}",
        code=entry.code,
        request_id=entry.order_id,
        correlation_id=entry.correlation_id or None,
        hint=None if row is None else row.hint,
        disposition=entry.disposition,
    )


def stalled(took_s: float, limit_s: float) -> RequestTimeoutError:
    """Say that the disk was too slow, so that what is on it by now was not sent."""
    return RequestTimeoutError(
        f"the journal took {took_s:.1f} s to write it down, and the sending may take {limit_s:g} s "
        "in all: nothing was sent",
        hint="look at the disk of IBKR_STATE_DIR; it may be asked for again",
        disposition=SendDisposition.UNSENT,
    )


def uncertainty(entry: OrderEntry, what: str) -> OrderUncertainError:
    """Say that the truth about an order is not known, and how far its bytes got."""
    because = f": {entry.reason}" if entry.reason else ""
    return OrderUncertainError(
        f"{what}{because}",
        order_id=entry.order_id,
        order_ref=entry.order_ref,
        correlation_id=entry.correlation_id or None,
        disposition=entry.disposition,
    )
