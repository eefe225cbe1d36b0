"""
Placing orders: from what a caller asks to an intent that is on its way.

Owns: in which order a request is read, checked, recognised as one that was placed before, examined
and handed to `dispatch.py`; and that every refusal is written down for the audit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from ibkr_connector.errors import (
    IBKRError,
    OrderNotConfirmedError,
    OrderRejectedError,
    OrderUncertainError,
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
from .notes import Changed, Decided, Denied, Intended
from .validation import as_request, check_request, check_times
from .vouchers import Voucher, Vouchers, as_placed, decision_of, exactly
from .waiting import Wait, Waiting, as_waiting

__all__ = ["Agreed", "Placing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What somebody was asked about, as it is now; `rows` are written down of the yes."""

    examined: Sequence[Examined]
    rows: tuple[RuleVerdict, ...] = ()
    voucher: Voucher | None = None


_NOT_ASKED: Final = Agreed(examined=())


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
        self._usual: dict[str, Waiting] = {}

    def waiting(self, wait: object, timeout_s: object) -> Waiting:
        """
        Read what a caller waits for.

        Raises:
            OrderValidationError: There is no such wait.
        """
        if timeout_s is None and isinstance(wait, str) and (usual := self._usual.get(wait)):
            return usual
        read = as_waiting(wait, timeout_s, ack_s=self._ack_timeout_s, fill_s=self._fill_timeout_s)
        if timeout_s is None:
            self._usual[read.until] = read
        return read

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
        # a step of its own, so that nothing it has looked at is held while the broker is waited for
        key, waiting = await self._begin(
            request, wait=wait, timeout_s=timeout_s, token=token, is_exit=is_exit
        )
        return await self._dispatch.answer(key, waiting)

    async def _begin(
        self,
        request: AnyOrder,
        *,
        wait: Wait,
        timeout_s: float | None,
        token: str | None,
        is_exit: bool,
    ) -> tuple[str, Waiting]:
        """Let an order begin, unless it is known; return its key, and what is waited for."""
        try:
            waiting = self.waiting(wait, timeout_s)
            checked = as_request(request)
            check_request(checked)
            self._admission.check_writable()
            if checked.conditions:
                checked = await qualify_conditions(checked, self._admission.resolve)
            known = None if checked.client_order_id is None else await self.known(checked)
            if known is None:
                self._check_trading()
                self._vouchers.check(token, is_exit=is_exit)
                examined = await self.examine(checked, with_margin=True)
                # from here to the spawn nothing awaits, so nobody can come in between
                known = placed_before(self._ledger, checked, examined.contract)
            agreed = _NOT_ASKED
            if known is None and self._confirmations.are_wanted(is_exit=is_exit):
                self._check_trading()
                try:
                    agreed = await self.confirm(
                        [examined],
                        partial(self._admission.check_risk, examined, is_dry=True),
                        token=token,
                    )
                    (examined,) = agreed.examined
                except OrderNotConfirmedError:
                    known = placed_before(self._ledger, checked, examined.contract)
                    if known is None:
                        raise
                known = placed_before(self._ledger, checked, examined.contract)
            if known is None:
                self._check_trading()
                self._dispatch.check_sendable(checked.client_order_id)
                rules = self._admission.check_risk(examined)
                voucher = agreed.voucher
                if token is not None and not agreed.rows:
                    voucher = self.take(token, [examined])
        except IBKRError as error:
            self.deny(request, error)
            raise
        if known is not None:
            return known.key, waiting
        note = self._dispatch.intent_of(examined, rules=(*rules, *agreed.rows))
        decided = () if voucher is None else self.decided(note, voucher)
        # on its way to the disk at once: all that needs nobody's word is done in the meantime
        written = self._book.journal.append([note, *decided])
        self._ledger.record(note)
        self._jobs.spawn(self._dispatch.carry(note, waiting, written=written))
        return note.key, waiting

    async def confirm(
        self,
        examined: Sequence[Examined],
        rules: Callable[[], Sequence[RuleVerdict]],
        *,
        token: str | None,
        changing: OrderEntry | None = None,
    ) -> Agreed:
        """
        Ask whether orders may go, or a change of one; then look at them again, as they are now.

        `rules` judges them, before somebody is asked. A token may expire while somebody thinks, so
        it is used up before; and nobody is asked twice on one. Where nobody is asked, nothing is
        judged, used or awaited here.

        Raises:
            OrderNotConfirmedError: They may not, or are not what was asked about any more.
        """
        if not self._confirmations.are_wanted():
            return Agreed(examined=list(examined))
        told = tuple(rules())
        voucher = self.take(token, examined, changing=changing)
        order_id = None if changing is None else changing.order_id
        yes = await self._confirmations.ask(
            OrderQuestion(
                orders=tuple(as_placed(one) for one in examined),
                rules=told,
                at=self._book.clock.utcnow(),
                expires=self._confirmations.expires(),
                worth=self._admission.worth(examined[0]),
                price=examined[0].facts.reference or examined[0].facts.price,
                order_id=order_id,
                by="" if voucher is None else voucher.by,
                correlation_id=current_correlation_id(),
            )
        )
        again = []
        for nth, one in enumerate(examined):
            is_new = order_id is None and nth == 0
            again.append(await self.examine(one.request, with_margin=is_new))
            if as_placed(again[-1]) != as_placed(one):
                raise OrderNotConfirmedError("contract or account has changed since it was asked")
        return Agreed(examined=again, rows=(yes,), voucher=voucher)

    def take(
        self, token: str | None, examined: Sequence[Examined], *, changing: OrderEntry | None = None
    ) -> Voucher | None:
        """
        Use up the token of what is about to be sent; `None` when there is none.

        Raises:
            OrderValidationError: It is no good, or is another order's.
        """
        if token is None:
            return None
        key = "" if changing is None else changing.key
        return self._vouchers.take(token, exactly(*examined, changing=key))

    def check_token(self, token: object) -> None:
        """
        Refuse a token that is no good whatever it is for, and a missing one where it is needed.

        Raises:
            OrderValidationError: It is so.
        """
        self._vouchers.check(token, is_exit=False)

    def decided(self, note: Intended | Changed, voucher: Voucher | None) -> tuple[Decided, ...]:
        """Return what is written down with what a token has let go: nothing without one."""
        if voucher is None:
            return ()
        return (
            Decided(
                at=note.at,
                key=note.key,
                decision=decision_of(voucher, self._book.clock),
                correlation_id=note.correlation_id,
            ),
        )

    async def examine(self, request: OrderRequest, *, with_margin: bool = False) -> Examined:
        """Examine a request that is not known; its time must not be over."""
        if request.good_till is not None or request.algo is not None:
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
            reason=_writable(error.message),
            order=_writable(repr(request)),
            correlation_id=current_correlation_id(),
            rules=error.rules if isinstance(error, RiskLimitError) else (),
        )
        self._book.note([note])


def _writable(text: str) -> str:
    # JSON lets half of a surrogate pair in, and a journal that cannot write one stops all trading
    return text.encode(errors="backslashreplace").decode()
