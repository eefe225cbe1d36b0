"""
Asking, every half hour, whether the ledger and the broker still agree.

Owns: when the questions are asked, that a difference must be seen twice, and that one that stays is
written to the journal, told as an event, logged and kept in the status before anything is adopted:
nothing is put right silently. Then the ordinary inquiry takes the broker's word in, with its own
notes and events.
Refuses to know: what a difference is (`drift.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from ibkr_connector.errors import IBKRError
from ibkr_connector.gateway.port import BrokerOrder, Execution, OrderGateway, PositionRow
from ibkr_connector.model.status import DriftStatus
from ibkr_connector.observe.logs import mask_accounts
from ibkr_connector.resilience.operation import ENDPOINTS, Operation
from ibkr_connector.resilience.pipeline import Pipeline

from .book import Book
from .drift import (
    Drift,
    DriftReport,
    Holding,
    Holdings,
    Traded,
    compare,
    holding,
    traded,
    unexplained,
)
from .notes import Drifted

__all__ = ["INTERVAL_S", "DriftWatch"]

T = TypeVar("T")

INTERVAL_S: Final = 1800.0

_log = logging.getLogger("ibkr_connector.orders")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """What the broker said at one time, and what differed from it."""

    listed: Sequence[BrokerOrder]
    moved: Traded
    held: Holdings
    names: dict[Holding, str]
    differences: tuple[Drift, ...]
    fills: int
    calm: bool


class DriftWatch:
    """
    The periodic comparison; lives on the desk's loop.

    Args:
        book: The ledger and its journal.
        gateway: Asked for orders and executions.
        positions: Asks for what every account holds.
        pipeline: The one way to the gateway.
        adopt: Takes the broker's word in, after a difference was reported.
        interval_s: Between two checks.
        grace_s: Between the two looks of one check.
    """

    def __init__(
        self,
        *,
        book: Book,
        gateway: OrderGateway,
        positions: Callable[[], Awaitable[tuple[PositionRow, ...]]],
        pipeline: Pipeline,
        adopt: Callable[[], Awaitable[object]],
        interval_s: float = INTERVAL_S,
        grace_s: float = 5.0,
    ) -> None:
        self._book = book
        self._gateway = gateway
        self._positions = positions
        self._pipeline = pipeline
        self._adopt = adopt
        self._interval_s = interval_s
        self._grace_s = grace_s
        self._turn = asyncio.Lock()
        self._base: tuple[Holdings, Traded] | None = None
        self.last: DriftReport | None = None
        """What the latest complete check found; `None` before the first."""
        self.failed = ""
        """Why the latest check came to nothing; empty when it did not."""

    @property
    def status(self) -> DriftStatus:
        """What the latest check found, for the picture of the connection."""
        if self.last is None:
            return DriftStatus(failed=self.failed)
        return DriftStatus(
            checked_at=self.last.finished,
            differences=tuple(mask_accounts(one.sentence) for one in self.last.differences),
            failed=self.failed,
        )

    async def run(self) -> None:
        """Check soon, to know what is held, and then for ever; failures are logged and kept."""
        pause = self._grace_s
        while True:
            await self._book.clock.sleep(pause)
            pause = self._interval_s
            try:
                await self.check()
            except IBKRError as error:
                self.failed = error.message
                _log.warning("the ledger could not be compared with the broker: %s", error)

    async def check(self) -> DriftReport:
        """
        Compare now, and report what differs.

        The first check of positions only notes what is held, since there is nothing to compare to.

        Raises:
            IBKRError: The broker could not be asked to the end; nothing is concluded.
        """
        async with self._turn:
            started = self._book.clock.utcnow()
            look = await self._look()
            if look.differences or not look.calm:
                await self._book.clock.sleep(self._grace_s)
                again = await self._look()
                stayed = tuple(one for one in again.differences if one in look.differences)
            else:
                again, stayed = look, ()
            if again.calm:
                kept = self._base[1] if self._base is not None else {}
                self._base = (again.held, {**kept, **again.moved})
            report = DriftReport(
                started=started,
                finished=self._book.clock.utcnow(),
                differences=stayed,
                orders=len(again.listed),
                fills=again.fills,
                positions=len(again.held),
            )
            self.last, self.failed = report, ""
            if stayed:
                self._tell(stayed)
                await self._adopt()
            return report

    def _tell(self, differences: Sequence[Drift]) -> None:
        at = self._book.clock.utcnow()
        notes = [
            Drifted(
                at=at,
                key=self._key(one),
                kind=one.kind.value,
                subject=one.subject,
                ours=one.ours,
                brokers=one.brokers,
            )
            for one in differences
        ]
        for one in differences:
            _log.error("the ledger and the broker differ: %s", mask_accounts(one.sentence))
        self._book.note(notes)

    def _key(self, difference: Drift) -> str:
        return difference.subject if difference.subject in self._book.ledger else ""

    async def _look(self) -> _Round:
        book = self._book
        mark = book.ledger.mark()
        listed = await self._ask("open_orders", self._gateway.open_orders)
        before = await self._ask("executions", self._gateway.executions)
        rows = await self._ask("positions", self._positions)
        executions = await self._ask("executions", self._gateway.executions)
        told: tuple[Execution | PositionRow, ...] = (*executions, *rows)
        names = {holding(one): str(one.contract) for one in told}
        held = {holding(row): row.quantity for row in rows}
        moved = traded(executions)
        calm = {one.exec_id for one in before} == {one.exec_id for one in executions}
        differences = compare(
            book.ledger,
            client_id=self._gateway.client_id,
            mark=mark,
            now=book.clock.utcnow(),
            listed=listed,
            executions=executions,
        )
        if self._base is not None and calm:
            was, then = self._base
            differences += unexplained(before=was, then=then, after=held, now=moved, names=names)
        return _Round(
            listed=listed,
            moved=moved,
            held=held,
            names=names,
            differences=differences,
            fills=len(executions),
            calm=calm,
        )

    async def _ask(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        return await self._pipeline.run(Operation(policy=ENDPOINTS[name], call=call))
