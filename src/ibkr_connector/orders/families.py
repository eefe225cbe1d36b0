"""
Brackets: orders that go to the broker together or not at all.

Owns: that the intents of a bracket are written together and its frames sent in one piece, that a
bracket of which the broker refused a part is unwound, and that one of which only a part arrived is
repaired: what is staged at the broker is cancelled before anything else trades.

Frames arrive in order and only the last one releases the others. So while that one is missing
nothing of the bracket can trade, and cancelling it loses nothing.

*limit*: the gateway lists no staged orders. They are cancelled by their ids without being seen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from ibkr_connector.errors import IBKRError, OrderRejectedError, OrderValidationError
from ibkr_connector.model.brackets import BracketReport, BracketRequest
from ibkr_connector.model.orders import OrderRequest, SendDisposition
from ibkr_connector.model.preview import RuleVerdict

from .admission import Admission, Examined, placed_before
from .book import Book
from .bracket_rules import as_bracket, check_bracket
from .cancelling import Cancelling
from .conditions import qualify_conditions
from .dispatch import Dispatch, is_broken, uncertainty
from .entry import OrderEntry
from .inquiry import Inquiry
from .jobs import Jobs
from .lost_exits import LostExits, exits_of
from .notes import Intended
from .placing import Placing
from .states import Event, State
from .waiting import Wait, Waiting

__all__ = ["Families"]

_log = logging.getLogger("ibkr_connector.orders")

REPAIRING = "a bracket that arrived in part is being repaired"
"""Why nothing trades for a moment after a connection was lost."""


class Families:
    """Place brackets and repair them; lives on the desk's loop."""

    def __init__(
        self,
        *,
        book: Book,
        jobs: Jobs,
        admission: Admission,
        dispatch: Dispatch,
        placing: Placing,
        cancelling: Cancelling,
        inquiry: Inquiry,
        check_trading: Callable[[], None],
        grace_s: float,
        window_s: float,
    ) -> None:
        self._book = book
        self._ledger = book.ledger
        self._jobs = jobs
        self._admission = admission
        self._dispatch = dispatch
        self._placing = placing
        self._cancelling = cancelling
        self._inquiry = inquiry
        self._check_trading = check_trading
        self._grace_s = grace_s
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self.lost_exits: Final = LostExits(book=book, inquiry=inquiry, jobs=jobs, window_s=window_s)

    async def place(
        self,
        bracket: BracketRequest | Mapping[str, Any],
        *,
        wait: Wait,
        timeout_s: float | None,
        token: str | None,
    ) -> BracketReport:
        """Place a bracket; see `OrdersDesk.place_bracket`."""
        try:
            waiting = self._placing.waiting(wait, timeout_s)
            checked = as_bracket(bracket)
            check_bracket(checked)
            self._admission.check_writable()
            entry, *exits = checked.orders()
            entry = await qualify_conditions(entry, self._admission.resolve)
            known = await self._placing.known(entry)
            for child in exits:
                await self._book.retention.recall_placed(child.client_order_id)
            if known is None:
                self._check_trading()
                self._placing.check_token(token)
                examined = await self.examine(entry, exits)
                # from here to the spawn nothing awaits, so nobody can come in between
                known = placed_before(self._ledger, entry, examined[0].contract)
            if known is None:
                self._check_trading()
                agreed = await self._placing.confirm(
                    examined,
                    lambda: sum(self._check_risk(examined, is_dry=True), ()),
                    token=token,
                )
                examined = [*agreed.examined]
                known = placed_before(self._ledger, entry, examined[0].contract)
            if known is None:
                self._check_trading()
                self._dispatch.check_sendable(entry.client_order_id)
                rules = [(*rows, *agreed.rows) for rows in self._check_risk(examined)]
                voucher = agreed.voucher if agreed.rows else self._placing.take(token, examined)
            else:
                keys = [known.key, *self._exits_of(known, exits)]
        except IBKRError as error:
            self._placing.deny(bracket, error)
            raise
        if known is not None:
            await self._carried(keys, waiting)
            return await self._answer(keys, waiting)
        head = self._dispatch.intend(examined[0], rules=rules[0], transmit=False)
        parent_id = head.ticket.order_id
        notes = [
            head,
            self._dispatch.intend(examined[1], rules=rules[1], parent_id=parent_id, transmit=False),
            self._dispatch.intend(examined[2], rules=rules[2], parent_id=parent_id),
        ]
        keys = [note.key for note in notes]
        decided = self._placing.decided(head, voucher)
        # handed in now, as every intent is: who was first to the journal is first on the wire
        written = self._book.journal.append([*notes, *decided])
        job = self._jobs.spawn(self._carry(notes, waiting, written=written))
        if job is not None:
            self._under_way[head.key] = job
            job.add_done_callback(lambda _: self._under_way.pop(head.key, None))
        try:
            await self._carried(keys, waiting)
        except asyncio.CancelledError:
            for key in keys:
                self._dispatch.call_off(key)
            raise
        return await self._answer(keys, waiting)

    def _check_risk(
        self, examined: Sequence[Examined], *, is_dry: bool = False
    ) -> list[tuple[RuleVerdict, ...]]:
        if not is_dry:
            # an entry counts as placed only when its exits may go as well
            self._check_risk(examined, is_dry=True)
        head, *exits = examined
        rules = [self._admission.check_risk(head, is_dry=is_dry)]
        for one in exits:
            rules += [self._admission.check_risk(one, entry=head, is_dry=is_dry)]
        return rules

    async def examine(self, entry: OrderRequest, exits: Sequence[OrderRequest]) -> list[Examined]:
        """Examine the three orders of a bracket."""
        examined = [await self._placing.examine(entry, with_margin=True)]
        division = examined[0].division
        if division is not None and not division.is_lasting:
            raise OrderValidationError(
                "a bracket cannot be divided by amounts of money: its exits would be for as many "
                "units as these buy then",
                hint="divide by shares, a ratio or percents",
            )
        return examined + [await self._placing.examine(one) for one in exits]

    async def _carry(
        self, notes: Sequence[Intended], waiting: Waiting, *, written: Awaitable[None]
    ) -> None:
        await self._dispatch.carry_family(notes, waiting, written=written)
        keys = [note.key for note in notes]
        entries = [self._ledger.get(key) for key in keys]
        refused = any(one.state is State.REJECTED and one.seen_or_sent for one in entries)
        if refused or is_broken(entries):
            began = self._book.clock.monotonic()
            await self._unwind(entries)
            # what nobody has said a word of is not known, however dead its parent is
            self._dispatch.give_up(keys, round(self._book.clock.monotonic() - began, 1))

    async def _unwind(self, entries: Sequence[OrderEntry]) -> None:
        """Cancel what is left of a bracket, unless its entry has traded: then it protects that."""
        if any(one.parent_id is None and one.filled for one in entries):
            self.lost_exits.suspect(next(one for one in entries if one.parent_id is None))
            return
        left = [one for one in entries if one.is_open]
        results = await asyncio.gather(
            *(self._cancelling.cancel(one, timeout_s=None) for one in left), return_exceptions=True
        )
        for result in results:
            if isinstance(result, IBKRError):
                _log.warning("a part of a broken bracket: %s", result)
            elif isinstance(result, BaseException):
                raise result
        self._bury(entries)

    def _bury(self, entries: Sequence[OrderEntry]) -> None:
        """Close children of which the broker knows nothing, when their parent is dead."""
        head, *children = [self._ledger.get(one.key) for one in entries]
        if head.is_open or head.filled:
            return
        for child in children:
            # the cancellation went the same way after the order, so "unknown" is an answer to both
            if child.is_awaiting and not child.seen and self._cancelling.was_refused(child.key):
                why = "its parent was refused, and the broker does not know it"
                self._book.move(child.key, Event.LOSE, cause="bracket", reason=why)
                self._book.move(child.key, Event.NOT_PLACED, cause="bracket", reason=why)

    async def _carried(self, keys: Sequence[str], waiting: Waiting) -> None:
        """Wait until a bracket has been carried to the broker, whoever placed it."""
        job = self._under_way.get(keys[0])
        if waiting.until == "sent":
            await self._dispatch.sent(keys)
        elif job is not None:
            await asyncio.wait([job])

    async def _answer(self, keys: Sequence[str], waiting: Waiting) -> BracketReport:
        ends_at = self._book.clock.monotonic() + waiting.fill_s
        only_sent = waiting.until == "sent"
        entries = [self._ledger.get(key) for key in keys]
        for one in entries:
            if one.state is State.REJECTED:
                error = self._dispatch.refusal(one.key)
                if isinstance(error, OrderRejectedError):
                    what = ", ".join(f"{each.order_id} {each.status}" for each in entries)
                    raise OrderRejectedError(
                        f"the broker refused a part of the bracket ({what}): {one.reason}",
                        code=error.code,
                        request_id=one.order_id,
                        correlation_id=error.correlation_id,
                        hint=error.hint,
                        disposition=error.disposition,
                    )
                raise error
        for one in entries:
            if one.is_awaiting and not (only_sent and one.state is State.SENT):
                raise uncertainty(one, "the bracket was sent, and the broker has not confirmed it")
        if waiting.until == "filled":
            await self._dispatch.closed(keys[0], waiting, ends_at=ends_at)
            entries = [self._ledger.get(key) for key in keys]
        entry, profit, stop = (one.report() for one in entries)
        return BracketReport(entry=entry, take_profit=profit, stop_loss=stop)

    def _exits_of(self, entry: OrderEntry, exits: Sequence[OrderRequest]) -> Iterator[str]:
        """Find the children of a bracket that was placed before; they say what they said then."""
        for asked in exits:
            child = placed_before(self._ledger, asked, entry.contract)
            if child is None or child.parent_id != entry.order_id:
                raise OrderValidationError(
                    f"client_order_id {entry.client_order_id!r} already names another order: "
                    f"order {entry.order_id}, which has no such exits",
                    hint="use a new client_order_id for a new bracket",
                )
            yield child.key

    # --- repair ---------------------------------------------------------------------------------

    def start_repair(self) -> None:
        """Stop trading and repair, if a bracket of an earlier session may have arrived in part."""
        self.lost_exits.look_at_all()
        keys = {one.key for family in self._broken() for one in family} - self._inquiry.held
        if keys:
            self._admission.suspend(REPAIRING)
            self._inquiry.held |= keys
            self._jobs.spawn(self._repair(keys))

    async def _repair(self, keys: set[str]) -> None:
        try:
            # a gateway that has just started may not have loaded its orders yet: look twice
            await self._book.clock.sleep(self._grace_s)
            await self._inquiry.look()
            for family in tuple(self._broken()):
                _log.warning("bracket %s arrived in part: cancelling it", family[0].order_id)
                await self._unwind(family)
        except IBKRError as error:
            _log.warning("a bracket could not be repaired yet: %s", error)
        finally:
            self._inquiry.held -= keys
            if not self._inquiry.held:
                self._admission.resume(REPAIRING)
            self._inquiry.follow_up()

    def is_broken(self, key: str) -> bool:
        """Whether an order is of a bracket that may have arrived in part, and is not mended yet."""
        return any(one.key == key for family in self._broken() for one in family)

    def _broken(self) -> Iterator[list[OrderEntry]]:
        for head in tuple(self._ledger):
            if head.ticket is None or head.ticket.transmit or head.ticket.parent_id is not None:
                continue
            family = [head, *exits_of(self._ledger, head)]
            if any(self._is_missing(one) for one in family):
                yield family

    def _is_missing(self, entry: OrderEntry) -> bool:
        return (
            entry.state is State.UNCERTAIN
            and not entry.seen
            and entry.disposition is not SendDisposition.UNSENT
            and self._inquiry.was_sent_before(entry.key)
        )
