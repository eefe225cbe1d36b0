"""
The desk: what a user asks of orders, done once and answered with the truth.

The protocol, in the order of the code below:

1. Validate, check the limits, reserve the order id and the reference. Up to here nothing is left
   behind when it fails or is cancelled, but an audit entry.
2. Write the intent to the journal, durably. Only then
3. hand the order to the socket, once: nothing here or below ever sends it again. Note when its
   bytes have left.
4. What the broker says moves the order through `states.py`. A code that only hints opens a verdict
   window; an absence is judged by `reconcile.py`.
5. No evidence in time, or a lost link: the order is *uncertain*, the caller is told so, and the
   desk goes on asking.

Steps 2 to 5 run in the desk's own task, so a caller that goes away does not stop them.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from ibkr_connector.clock import Clock
from ibkr_connector.errors import OrderError, TradingHaltedError
from ibkr_connector.gateway.port import GatewayEvent, OrderGateway, OrderTicket, PositionRow
from ibkr_connector.model.brackets import BracketReport, BracketRequest
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.orders import AnyOrder, OrderReport
from ibkr_connector.model.preview import OrderPreview
from ibkr_connector.resilience.pipeline import Pipeline

from .admission import JOURNAL_FAILED, Admission
from .advice import Advisors
from .book import Book
from .cancelling import Cancelling
from .confirming import Confirmations
from .dispatch import Dispatch
from .drift_watch import INTERVAL_S, DriftWatch
from .families import Families
from .feed import EventFeed
from .finding import Finder
from .hearing import Hearing
from .history import OrderHistory, order_history
from .inquiry import DeskTiming, Inquiry
from .jobs import Jobs
from .journal import Journal
from .kill_switch import KillState
from .modifying import Modifying
from .placing import Placing
from .preview import Previews
from .price_steps import StepSource, no_steps
from .reconcile import Reconciliation
from .references import Tokens
from .risk import FactSource, LimitSource
from .settling import Settling
from .states import State
from .vouchers import Vouchers
from .waiting import Wait
from .what_if import WhatIfQuestions

__all__ = ["DeskTiming", "OrdersDesk"]

_log = logging.getLogger("ibkr_connector.orders")


class OrdersDesk:
    """
    Place, cancel and report orders; lives on one loop.

    Args:
        gateway: Carries orders and questions to the broker.
        pipeline: The one way to the gateway.
        journal: Open journal of this profile; who opened it closes it, after the desk.
        clock: Source of all times.
        resolve: Turns text or a description into the details of one contract.
        limits: What the user allows.
        facts: Prices and account figures, asked only when a limit needs them.
        account: The one of the login's `accounts` to use when a request names none.
        readonly: Whether nothing may be sent at all.
        kill: Tells whether the kill switch is engaged.
        steps: Tells the price steps that an order must keep.
        advisors: Tells groups, profiles and tiers that orders name.
        ack_timeout_s: How long `place` waits for evidence of the broker.
        fill_timeout_s: How long it waits for the end of an order, where that is asked for.
        vouchers: Tokens of previews, and whether they are needed.
        timing: The other waits.
        on_report: Told on each change of an order, on the loop; must not raise.
        token: Makes the unique part of references.
    """

    def __init__(
        self,
        *,
        gateway: OrderGateway,
        pipeline: Pipeline,
        journal: Journal,
        clock: Clock,
        resolve: Callable[[Contract | str], Awaitable[ContractDetails]],
        limits: LimitSource,
        facts: FactSource,
        accounts: Callable[[], Sequence[str]],
        account: str | None = None,
        readonly: bool,
        kill: Callable[[], KillState | None] | None = None,
        steps: StepSource = no_steps,
        advisors: Advisors | None = None,
        ack_timeout_s: float = 10.0,
        fill_timeout_s: float = 60.0,
        vouchers: Vouchers | None = None,
        timing: DeskTiming | None = None,
        on_report: Callable[[OrderReport], None] | None = None,
    ) -> None:
        self._gateway = gateway
        timing = timing or DeskTiming()
        vouchers = vouchers or Vouchers(clock=clock)
        journal.on_failure = self._journal_failed
        self._book = Book(
            journal=journal, clock=clock, on_report=on_report, moment_s=timing.moment_s
        )
        self._ledger = self._book.ledger
        self._keep_closed_s = timing.keep_closed_s
        self._finder = Finder(self._book, gateway)
        self.is_block = self._finder.is_block
        self._jobs = jobs = Jobs(on_end=self._jobs_ended)
        self._inquiry = Inquiry(
            book=self._book, gateway=gateway, pipeline=pipeline, timing=timing, spawn=jobs.spawn
        )
        self._inquiry.accounts = accounts
        questions = WhatIfQuestions(gateway=gateway, ledger=self._ledger, pipeline=pipeline)
        self._admission = Admission(
            resolve=resolve,
            limits=limits,
            facts=facts,
            accounts=accounts,
            account=account,
            readonly=readonly,
            ledger=self._ledger,
            margins=questions.ask,
            kill=kill,
            steps=steps,
            advisors=advisors,
        )
        self._dispatch = Dispatch(
            book=self._book,
            gateway=gateway,
            pipeline=pipeline,
            inquiry=self._inquiry,
            check_trading=self._check_trading,
            jobs=jobs,
            token=Tokens(clock),
        )
        self.confirmations = Confirmations(clock)
        self._placing = Placing(
            book=self._book,
            confirmations=self.confirmations,
            jobs=self._jobs,
            admission=self._admission,
            dispatch=self._dispatch,
            check_trading=self._check_trading,
            vouchers=vouchers,
            ack_timeout_s=ack_timeout_s,
            fill_timeout_s=fill_timeout_s,
        )
        self._cancelling = Cancelling(
            book=self._book,
            gateway=gateway,
            pipeline=pipeline,
            inquiry=self._inquiry,
            admission=self._admission,
            dispatch=self._dispatch,
            timeout_s=timing.cancel_timeout_s,
        )
        self._modifying = Modifying(
            book=self._book,
            gateway=gateway,
            pipeline=pipeline,
            inquiry=self._inquiry,
            admission=self._admission,
            placing=self._placing,
            check_trading=self._check_trading,
            timeout_s=ack_timeout_s,
        )
        self.previews = Previews(
            admission=self._admission,
            placing=self._placing,
            modifying=self._modifying,
            questions=questions,
            vouchers=vouchers,
            clock=clock,
        )
        self._hearing = Hearing(
            book=self._book,
            gateway=gateway,
            inquiry=self._inquiry,
            cancelling=self._cancelling,
            modifying=self._modifying,
        )
        self._families = Families(
            book=self._book,
            jobs=self._jobs,
            admission=self._admission,
            dispatch=self._dispatch,
            placing=self._placing,
            cancelling=self._cancelling,
            inquiry=self._inquiry,
            check_trading=self._check_trading,
            grace_s=timing.grace_s,
            window_s=timing.verdict_window_s,
        )
        self.lost_exits = self._families.lost_exits
        self.settling = Settling(
            self._finder, self._inquiry, admission=self._admission, families=self._families
        )

    # --- life -----------------------------------------------------------------------------------

    async def open(self) -> None:
        """Read the journal and start, once; `ConfigurationError` when it cannot be understood."""
        await self._book.open()
        await self._jobs.start()
        self._jobs.spawn(self._book.forget_for_ever(self._keep_closed_s))

    async def aclose(self) -> None:
        """End the desk's tasks; idempotent. Unanswered orders are uncertain in the journal."""
        await self._jobs.aclose()
        await self._dispatch.aclose()
        await self.confirmations.aclose()
        await self._book.aclose()

    # --- orders ---------------------------------------------------------------------------------

    async def place(
        self,
        request: AnyOrder,
        *,
        wait: Wait = "submitted",
        timeout_s: float | None = None,
        token: str | None = None,
        is_exit: bool = False,
    ) -> OrderReport:
        """
        Place one order, once, and return what the broker first says of it.

        With a `client_order_id` the call may be repeated, also after a restart: the same key is the
        same order. Only an order of which provably nothing was sent is placed anew under its key.
        An exit is an order of our own making that closes a position, and needs no token.
        One that the broker ended at once without rejecting it (IOC) is returned as cancelled.

        Raises:
            OrderValidationError: It makes no sense as written, its key names another order, or its
                token is missing or no good.
            ReadOnlyError, TradingHaltedError, RiskLimitError, NotConnectedError: Nothing was sent.
            OrderRejectedError: The broker said no; carries its code and text.
            OrderUncertainError: Sent, and no evidence yet; the desk goes on asking.
            RequestTimeoutError: With `filled`: it is still open, and goes on; carries `report`.
            OrderError: The journal could not be written; nothing was sent.

        Source: `placeOrder` (3). Replay: only under a `client_order_id`. Cost: 1 message.
        """
        return await self._placing.place(
            request, wait=wait, timeout_s=timeout_s, token=token, is_exit=is_exit
        )

    async def preview(
        self, request: AnyOrder | BracketRequest, *, by: str = "", timeout_s: float | None = None
    ) -> OrderPreview:
        """Tell what an order would do, and give a token for it; see the connector's docstring."""
        return await self.previews.preview(request, by=by, timeout_s=timeout_s)

    async def preview_change(
        self, order_id: int, changes: Mapping[str, Any], *, by: str = ""
    ) -> OrderPreview:
        """Tell what the rules say of a change, and give a token for it; asks the broker nothing."""
        return await self.previews.change(await self._finder.look_up(order_id), changes, by=by)

    async def place_bracket(
        self,
        bracket: BracketRequest | Mapping[str, Any],
        *,
        wait: Wait = "submitted",
        timeout_s: float | None = None,
        token: str | None = None,
    ) -> BracketReport:
        """
        Place an entry with its two exits in one piece, once, and return what is first said of each.

        See `families.py` for one that comes in part. `filled` is the end of its entry.

        Raises:
            OrderRejectedError: The broker refused one of them; the others were cancelled.
            OrderUncertainError: Sent, and no evidence yet; the desk goes on asking.
            OrderError: As `place` raises it, before anything was sent.

        Source: `placeOrder` (3). Replay: only under a `client_order_id`. Cost: 3 messages.
        """
        return await self._families.place(bracket, wait=wait, timeout_s=timeout_s, token=token)

    async def modify(
        self,
        order_id: int,
        changes: Mapping[str, Any],
        *,
        timeout_s: float | None = None,
        token: str | None = None,
    ) -> OrderReport:
        """
        Change an order of ours, and return it when the broker shows it changed.

        Raises:
            OrderStateError: It cannot be changed, or the broker refused (`code`): it goes on.
            OrderUncertainError: Sent, and no word of the broker in time.
            OrderError, NotConnectedError: As `place` raises them; nothing was sent.

        Source: `placeOrder` (3) with the same id. Replay: safe. Cost: 1 message.
        """
        entry = await self._finder.look_up(order_id)
        return await self._modifying.modify(entry, changes, timeout_s=timeout_s, token=token)

    async def cancel(self, order_id: int, *, timeout_s: float | None = None) -> OrderReport:
        """
        Ask the broker to cancel an order of ours, and return how that ended.

        A fill can be faster: a closed order is returned as it is. Cancelling twice is harmless.

        Raises:
            OrderNotFoundError: No order with that id is known.
            OrderStateError: It is not ours to cancel; or it is still alive: the broker refused
                (`code` says how), or has not confirmed in time (then `replay_safe`).
            OrderUncertainError: It cannot be told, because the broker cannot be asked.
            NotConnectedError, ReadOnlyError: Nothing was sent.

        Source: `cancelOrder` (4). Replay: safe. Cost: 1 message.
        """
        entry = await self._finder.look_up(order_id)
        return await self._cancelling.ask(entry, timeout_s=timeout_s)

    def ours(self) -> tuple[OrderReport, ...]:
        """Return the open orders placed under our client id, which we can cancel."""
        return tuple(one.report() for one in self._finder.ours())

    def report(self, order_id: int) -> OrderReport:
        """Return what memory has of an order, by either id; raises `OrderNotFoundError`."""
        return self._finder.find(order_id).report()

    async def look_up(self, order_id: int) -> OrderReport:
        """Return the report of an order, also of one that has left memory."""
        return (await self._finder.look_up(order_id)).report()

    def orders(self, *, open_only: bool = False) -> tuple[OrderReport, ...]:
        """Return every order that is known, those of other clients included, oldest first."""
        return tuple(entry.report() for entry in self._ledger if entry.is_open or not open_only)

    async def history(self, order_id: int | str) -> OrderHistory:
        """Tell every step of an order, also of earlier runs, from the journal."""
        return await order_history(self._book.journal, order_id)

    @property
    def feed(self) -> EventFeed:
        """Events of every order, for streams."""
        return self._book.feed

    def watch_drift(
        self,
        positions: Callable[[], Awaitable[tuple[PositionRow, ...]]],
        *,
        interval_s: float = INTERVAL_S,
    ) -> DriftWatch:
        """Begin the periodic comparison with the broker (`drift.py`); to be called once."""
        return self._inquiry.watch_drift(positions, interval_s=interval_s)

    async def wait_for(
        self,
        order_id: int,
        condition: Callable[[OrderReport], bool],
        *,
        timeout_s: float | None = None,
    ) -> OrderReport:
        """
        Wait until the order's report meets the condition, and return it.

        Raises:
            OrderNotFoundError, RequestTimeoutError: None is known, or it did not in time.
        """
        entry = await self._finder.look_up(order_id)
        return await self._book.until_report(entry.key, condition, timeout_s=timeout_s)

    @property
    def open_count(self) -> int:
        """How many orders of ours can still change."""
        return sum(entry.is_own for entry in self._ledger.open_entries())

    @property
    def halted_by(self) -> tuple[str, ...]:
        """Every reason for which new orders are refused now."""
        return self._admission.halted_by

    @property
    def uncertain_count(self) -> int:
        """How many orders of ours are uncertain."""
        return sum(e.is_own and e.state is State.UNCERTAIN for e in self._ledger.open_entries())

    @property
    def anomalies(self) -> int:
        """How often the broker said something that cannot be."""
        return self._ledger.anomalies

    # --- told by the engine ---------------------------------------------------------------------

    def suspend(self, reason: str) -> None:
        """Refuse new orders until this reason is lifted; cancellations still go."""
        self._admission.suspend(reason)

    def resume(self, reason: str | None = None) -> None:
        """Lift one reason, or all; a journal that failed stays a reason until a restart."""
        self._admission.resume(reason)

    async def reconcile(self) -> Reconciliation:
        """
        Compare with the broker's open orders, completed orders and executions.

        Raises:
            IBKRError: An answer did not come: nothing was concluded from its absence.
        """
        result = await self._inquiry.reconcile()
        self._families.start_repair()
        return result

    def apply(self, event: GatewayEvent) -> None:
        """Take in what a session says; events that are not about orders pass by."""
        self._hearing.apply(event)

    # --- the rest -------------------------------------------------------------------------------

    def _check_trading(self, ticket: OrderTicket | None = None) -> None:
        self._admission.check_trading(ticket)
        if not self._jobs.is_running:
            raise TradingHaltedError("trading is stopped: the orders desk is not open")

    def _jobs_ended(self, error: BaseException | None) -> None:
        if error is not None:
            _log.critical("the orders desk has failed", exc_info=error)
            self.suspend("the orders desk has failed; restart")
        self._book.wake_all()

    def _journal_failed(self, error: OrderError) -> None:
        _log.critical("%s; trading is stopped", error)
        self.suspend(JOURNAL_FAILED)
