"""
Cancelling: a request that a fill can overtake, and whose refusal is no verdict.

Owns: how long a cancellation is waited for, and that a refusal is believed only after the broker
was asked what became of the order.
"""

from __future__ import annotations

from ibkr_connector.errors import IBKRError, OrderStateError
from ibkr_connector.gateway.port import OrderFault, OrderGateway
from ibkr_connector.model.orders import OrderReport, SendDisposition
from ibkr_connector.resilience.operation import ENDPOINTS, Operation
from ibkr_connector.resilience.pipeline import Pipeline

from .admission import Admission
from .book import Book
from .dispatch import Dispatch, uncertainty
from .entry import OrderEntry
from .how_far import how_far
from .inquiry import Inquiry
from .states import Event

__all__ = ["Cancelling"]


class Cancelling:
    """Carry cancellations to the broker; lives on the desk's loop."""

    def __init__(
        self,
        *,
        book: Book,
        gateway: OrderGateway,
        pipeline: Pipeline,
        inquiry: Inquiry,
        admission: Admission,
        dispatch: Dispatch,
        timeout_s: float,
    ) -> None:
        self._book = book
        self._ledger = book.ledger
        self._gateway = gateway
        self._pipeline = pipeline
        self._inquiry = inquiry
        self._admission = admission
        self._dispatch = dispatch
        self._timeout_s = timeout_s
        self._refusals: dict[str, OrderFault] = {}
        book.retention.on_forgotten.append(lambda key: self._refusals.pop(key, None))

    def refused(self, key: str, fault: OrderFault) -> None:
        """Remember what was said against a cancellation that is under way."""
        self._refusals[key] = fault

    def was_refused(self, key: str) -> bool:
        """Whether something was said against the last cancellation of that order."""
        return key in self._refusals

    async def ask(self, entry: OrderEntry, *, timeout_s: float | None) -> OrderReport:
        """Do what a caller asks for; see `OrdersDesk.cancel`."""
        if not entry.is_open:
            return entry.report()
        self._admission.check_writable()
        if not entry.is_own or entry.client_id != self._gateway.client_id:
            raise OrderStateError(
                f"order {entry.order_id} was placed by another client and cannot be cancelled here",
                hint=f"cancel it in TWS, or connect with client id {entry.client_id}",
            )
        if self._dispatch.call_off(entry.key):
            return (await self._book.until(entry.key, lambda now: not now.is_open)).report()
        return await self.cancel(entry, timeout_s=timeout_s)

    async def cancel(self, entry: OrderEntry, *, timeout_s: float | None) -> OrderReport:
        """Ask the broker for it and tell how it ended."""
        key = entry.key
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        session, is_handed = self._inquiry.session, False
        self._refusals.pop(key, None)

        async def send() -> None:
            nonlocal is_handed
            # not before: what was never sent was not asked for, and explains no later word
            self._gateway.check_open()
            self._book.move(key, Event.ASK_CANCEL, cause="cancel")
            is_handed = True
            await self._gateway.send_cancel(entry.order_id)

        try:
            await self._pipeline.run(
                Operation(policy=ENDPOINTS["cancel_order"], call=send, deadline_s=limit_s)
            )
        except IBKRError as error:
            error.disposition = error.disposition or how_far(is_handed=is_handed)
            raise

        def settled(now: OrderEntry) -> bool:
            refused = key in self._refusals and not self._inquiry.is_undecided(key)
            return not now.is_open or refused or self._inquiry.session != session

        try:
            entry = await self._book.until_told(key, settled, timeout_s=limit_s)
        except TimeoutError:
            entry = await self._look_at(key)
        return self._answer(entry, lost=self._inquiry.session != session)

    def _answer(self, entry: OrderEntry, *, lost: bool) -> OrderReport:
        if not entry.is_open:
            return entry.report()
        if lost or entry.is_awaiting:
            raise uncertainty(entry, "the cancellation was sent, and its outcome is not known")
        refusal = self._refusals.get(entry.key)
        if refusal is not None:
            raise OrderStateError(
                f"the broker did not cancel order {entry.order_id}, it is {entry.status}: "
                f"{refusal.text}",
                code=refusal.code,
                request_id=entry.order_id,
                disposition=SendDisposition.SENT,
            )
        raise OrderStateError(
            f"the cancellation of order {entry.order_id} is not confirmed yet, "
            f"it is {entry.status}",
            request_id=entry.order_id,
            hint="wait, or ask again; outside trading hours it can take until the opening",
            replay_safe=True,
            disposition=SendDisposition.SENT,
        )

    async def _look_at(self, key: str) -> OrderEntry:
        try:
            await self._inquiry.look()
        except IBKRError as error:
            entry = self._ledger.get(key)
            if not entry.is_open:
                return entry
            raise uncertainty(entry, "the cancellation was sent, and nobody answers") from error
        return self._ledger.get(key)
