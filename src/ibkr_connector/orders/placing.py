"""
Placing orders: from what a caller asks to an intent that is on its way.

Owns: in which order a request is read, checked, recognised as one that was placed before, examined
and handed to `dispatch.py`; and that every refusal is written down for the audit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ibkr_connector.errors import (
    IBKRError,
    OrderNotConfirmedError,
    OrderRejectedError,
    OrderUncertainError,
    OrderValidationError,
    RiskLimitError,
)
from ibkr_connector.model.orders import AnyOrder, OrderReport, OrderRequest, SendDisposition
from ibkr_connector.model.preview import OrderQuestion, RuleVerdict
from ibkr_connector.observe.correlation import current_correlation_id

from .admission import Admission, Examined, placed_before
from .book import Book
from .conditions import qualify_conditions
from .confirming import Confirmations
from .dispatch import Dispatch
from .entry import OrderEntry
from .jobs import Jobs
from .notes import Decided, Denied, Intended
from .validation import as_request, check_request, check_times
from .vouchers import Voucher, Vouchers, as_placed, decision_of
from .waiting import Wait, Waiting, as_waiting

__all__ = ["Placing"]


class Placing:
    """Take orders in; lives on the desk's loop."""

    def __init__(
        self,
        *,
        book: Book,
        jobs: Jobs,
        admission: Admission,
        dispatch: Dispatch,
        check_trading: Callable[[], None],
        vouchers: Vouchers,
        confirmations: Confirmations,
        ack_timeout_s: float,
        fill_timeout_s: float,
    ) -> None:
        self._book = book
        self._ledger = book.ledger
        self._jobs = jobs
        self._admission = admission
        self._dispatch = dispatch
        self._check_trading = check_trading
        self._vouchers = vouchers
        self._confirmations = confirmations
        self._ack_timeout_s = ack_timeout_s
        self._fill_timeout_s = fill_timeout_s

    def waiting(self, wait: object, timeout_s: object) -> Waiting:
        """
        Read what a caller waits for.

        Raises:
            OrderValidationError: There is no such wait.
        """
        return as_waiting(wait, timeout_s, ack_s=self._ack_timeout_s, fill_s=self._fill_timeout_s)

    async def place(
        self,
        request: AnyOrder,
        *,
        wait: Wait,
        timeout_s: float | None,
        token: str | None,
        is_exit: bool,
    ) -> OrderReport:
        """Place one order; see `OrdersDesk.place`."""
        try:
            waiting = self.waiting(wait, timeout_s)
            checked = as_request(request)
            check_request(checked)
            self._admission.check_writable()
            checked = await qualify_conditions(checked, self._admission.resolve)
            known = await self.known(checked)
            if known is None:
                self._check_trading()
                self._vouchers.check(token, is_exit=is_exit)
                examined = await self.examine(checked, with_margin=True)
                # from here to the spawn nothing awaits, so nobody can come in between
                known = placed_before(self._ledger, checked, examined.contract)
            voucher: Voucher | None = None
            yes: tuple[RuleVerdict, ...] = ()
            if known is None and self._confirmations.are_wanted(is_exit=is_exit):
                self._check_trading()
                rules = self._admission.check_risk(examined, is_dry=True)
                # it may expire while somebody thinks, and a no uses it up
                voucher, token = self._vouchers.take(token, examined), None
                try:
                    by = "" if voucher is None else voucher.by
                    told = rules
                    (examined,), yes = await self.confirm([examined], lambda: told, by=by)
                except OrderNotConfirmedError:
                    known = placed_before(self._ledger, checked, examined.contract)
                    if known is None:
                        raise
                known = placed_before(self._ledger, checked, examined.contract)
            if known is None:
                self._check_trading()
                rules = (*self._admission.check_risk(examined), *yes)
                voucher = voucher or self._vouchers.take(token, examined)
        except IBKRError as error:
            self.deny(request, error)
            raise
        if known is not None:
            return await self._dispatch.answer(known.key, waiting)
        note = self._dispatch.intend(examined, rules=rules)
        decided = None if voucher is None else self._decided(note, voucher)
        self._jobs.spawn(self._dispatch.carry(note, waiting, decided=decided))
        return await self._dispatch.answer(note.key, waiting)

    async def confirm(
        self,
        examined: Sequence[Examined],
        rules: Callable[[], Sequence[RuleVerdict]],
        *,
        by: str = "",
        order_id: int | None = None,
    ) -> tuple[list[Examined], tuple[RuleVerdict, ...]]:
        """
        Ask whether orders may go, or a change of one; then look at them again, as they are now.

        `rules` judges them, before somebody is asked.

        Returns what was looked at, and what is written down of the yes: nothing where nobody is
        asked, and then nothing was awaited.

        Raises:
            OrderNotConfirmedError: They may not, or are not what was asked about any more.
        """
        if not self._confirmations.are_wanted():
            return list(examined), ()
        yes = await self._confirmations.ask(
            OrderQuestion(
                orders=tuple(as_placed(one) for one in examined),
                rules=tuple(rules()),
                at=self._book.clock.utcnow(),
                expires=self._confirmations.expires(),
                worth=self._admission.worth(examined[0]),
                price=examined[0].facts.reference or examined[0].facts.price,
                order_id=order_id,
                by=by,
                correlation_id=current_correlation_id(),
            )
        )
        again = []
        for nth, one in enumerate(examined):
            is_new = order_id is None and nth == 0
            again.append(await self.examine(one.request, with_margin=is_new))
            if as_placed(again[-1]) != as_placed(one):
                raise OrderNotConfirmedError("contract or account has changed since it was asked")
        return again, (yes,)

    def refuse_unseen(self, what: str, asked: object) -> None:
        """
        Refuse what cannot be previewed, where only previewed orders are placed.

        Raises:
            OrderValidationError: This is such a place.
        """
        try:
            self._vouchers.refuse(what)
        except OrderValidationError as error:
            self.deny(asked, error)
            raise

    def _decided(self, note: Intended, voucher: Voucher) -> Decided:
        return Decided(
            at=note.at,
            key=note.key,
            decision=decision_of(voucher, self._book.clock),
            correlation_id=note.correlation_id,
        )

    async def examine(self, request: OrderRequest, *, with_margin: bool = False) -> Examined:
        """Examine a request that is not known; its time must not be over."""
        check_times(request, self._book.clock.utcnow())
        return await self._admission.examine(request, with_margin=with_margin)

    async def known(self, request: OrderRequest) -> OrderEntry | None:
        """Find the order of the same key; its contract is looked up to be compared."""
        key = request.client_order_id
        await self._book.retention.recall_placed(key)
        if key is None or self._ledger.by_client_order_id(key) is None:
            return None
        details = await self._admission.resolve(request.contract)
        return placed_before(self._ledger, request, details.contract)

    def deny(self, request: object, error: IBKRError) -> None:
        """Write down that an order was refused here, and say in the error that nothing went."""
        if isinstance(error, OrderRejectedError | OrderUncertainError):
            return
        error.disposition = error.disposition or SendDisposition.UNSENT
        error.correlation_id = error.correlation_id or current_correlation_id() or None
        note = Denied(
            at=self._book.clock.utcnow(),
            key="",
            error=type(error).__name__,
            reason=error.message,
            order=repr(request),
            correlation_id=current_correlation_id(),
            rules=error.rules if isinstance(error, RiskLimitError) else (),
        )
        self._book.journal.post([note])
