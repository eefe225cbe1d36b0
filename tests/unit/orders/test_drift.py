"""What differs between ledger and broker, and how it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.errors import NotConnectedError
from ibkr_connector.gateway.port import PositionRow
from ibkr_connector.model.contracts import SecurityType
from ibkr_connector.model.ids import ExecId
from ibkr_connector.model.orders import OrderStatus
from ibkr_connector.orders.drift import DriftKind, DriftReport, traded
from ibkr_connector.orders.drift_watch import DriftWatch
from ibkr_connector.orders.events import DriftFound
from ibkr_connector.orders.journal import read
from kit.order_desk import AAPL, Bench, bench, buy
from kit.order_venue import Held, Mode


@dataclass
class Watched:
    """A bench with a watch, and positions that the test sets."""

    at: Bench
    watch: DriftWatch = field(init=False)
    rows: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.watch = DriftWatch(
            book=self.at.desk._book,
            gateway=self.at.venue,
            positions=self.positions,
            pipeline=self.at.pipeline,
            adopt=self.at.desk.reconcile,
        )

    async def positions(self) -> tuple[PositionRow, ...]:
        return tuple(
            PositionRow(
                account=account, contract=AAPL, quantity=Decimal(held), average_cost=Decimal(1)
            )
            for account, held in self.rows.items()
        )

    async def check(self) -> DriftReport:
        report = await self.at.run(self.watch.check)
        assert isinstance(report, DriftReport)
        return report

    async def kinds(self) -> list[DriftKind]:
        return [one.kind for one in (await self.check()).differences]

    async def placed(self, mode: Mode = Mode.WORK) -> Held:
        self.at.venue.mode = mode
        report = await self.at.desk.place(buy(10))
        await self.at.settle()
        return self.at.venue.held[report.order_ref]


@asynccontextmanager
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    async with bench(tmp_path) as at:
        yield Watched(at)


async def test_a_ledger_in_step_is_clean(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        await it.placed()
        await it.placed(Mode.FILL)
        it.rows["DU1"] = 10
        report = await it.check()
        assert report.is_clean
        assert (report.orders, report.fills, report.positions) == (1, 1, 1)
        assert it.watch.last is report


async def test_an_order_that_the_broker_no_longer_lists_is_missing(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        held = await it.placed()
        held.status = "Cancelled"  # and nobody was told
        reader = it.at.desk._book.feed.subscribe()
        [drift] = (await it.check()).differences
        assert (drift.kind, drift.brokers) == (DriftKind.ORDER_MISSING, "not listed")
        assert drift.subject == held.ticket.order_ref
        _, events = await reader.batch(0)
        # it is told first, and the broker's word is taken in behind it
        assert isinstance(events[0], DriftFound)
        assert events[0].report is not None
        assert events[0].report.status is OrderStatus.SUBMITTED
        assert it.at.desk.report(1).status is OrderStatus.CANCELLED
        await it.at.settle()
        kinds = [entry.kind for entry in read(it.at.path)]
        assert kinds.index("drift") < len(kinds) - 1
        assert (await it.check()).is_clean


async def test_an_order_that_lives_though_it_is_closed_here_is_found(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        held = await it.placed()
        await it.at.desk.cancel(1)
        await it.at.pass_time(10)
        held.status = "Submitted"
        assert await it.kinds() == [DriftKind.ORDER_ALIVE]


async def test_an_order_of_our_client_id_that_is_not_known_is_found(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        held = await it.placed()
        it.at.venue.held["else"] = replace(
            held,
            ticket=replace(held.ticket, order_ref="else", order_id=99),  # type: ignore[arg-type]
            perm_id=4711,  # type: ignore[arg-type]
        )
        assert await it.kinds() == [DriftKind.ORDER_UNKNOWN]


async def test_another_quantity_or_limit_is_told_with_both_sides(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        held = await it.placed()
        held.ticket = replace(held.ticket, quantity=Decimal(7), limit_price=Decimal(99))
        [drift] = (await it.check()).differences
        assert drift.kind is DriftKind.ORDER_DIFFERS
        assert (drift.ours, drift.brokers) == ("10 at 100.50", "7 at 99")


async def test_an_execution_nobody_heard_of_is_told_and_then_counted(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        held = await it.placed()
        it.at.venue.execute(held, Decimal(4), tell=False)
        assert await it.kinds() == [DriftKind.FILL_UNHEARD]
        assert it.at.desk.report(1).filled_quantity == 4


async def test_another_revision_and_a_vanished_execution_are_told_apart(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        held = await it.placed()
        execution = it.at.venue.execute(held, Decimal(4))
        base = execution.exec_id.rpartition(".")[0]
        held.executions[0] = replace(execution, exec_id=ExecId(f"{base}.02"), price=Decimal(99))
        assert await it.kinds() == [DriftKind.FILL_DIFFERS]
        held.executions.clear()
        assert await it.kinds() == [DriftKind.FILL_VANISHED]


async def test_a_position_may_change_by_what_was_traded_and_by_nothing_else(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as it:
        it.rows["DU1"] = 5
        await it.check()
        held = await it.placed()
        it.at.venue.execute(held, Decimal(4))
        it.rows["DU1"] = 9
        assert (await it.check()).is_clean
        it.rows["DU1"] = 12
        [drift] = (await it.check()).differences
        assert drift.kind is DriftKind.POSITION_UNEXPLAINED
        assert (drift.ours, drift.brokers) == ("9", "12")
        assert drift.subject.startswith("DU1 AAPL")
        # told once: from here on it is what is held
        assert (await it.check()).is_clean
        it.rows.clear()
        assert await it.kinds() == [DriftKind.POSITION_UNEXPLAINED]


async def test_a_new_day_whose_list_is_empty_is_no_difference(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        held = await it.placed(Mode.FILL)
        it.rows["DU1"] = 10
        await it.check()
        held.executions.clear()
        it.at.clock.advance(86_400)
        assert (await it.check()).is_clean


async def test_a_difference_that_passes_is_not_told(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        held = await it.placed()
        execution = it.at.venue.execute(held, Decimal(4), tell=False)
        checking = asyncio.ensure_future(it.watch.check())
        await it.at.settle()
        it.at.desk.apply(execution)  # it was only late
        it.at.clock.advance(5)
        await it.at.settle()
        assert (await checking).is_clean


async def test_an_order_whose_fate_is_open_is_no_drift(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        it.at.venue.mode = Mode.VOID
        with pytest.raises(Exception, match="answer"):
            await it.at.run(lambda: it.at.desk.place(buy(10), timeout_s=1.0))
        assert (await it.check()).is_clean


async def test_it_is_checked_every_half_hour_and_a_failure_is_kept(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        held = await it.placed()
        it.watch = it.at.desk._inquiry.watch_drift(it.positions)
        await it.at.pass_time(5)
        first = it.watch.last
        assert first is not None
        held.status = "Cancelled"
        await it.at.pass_time(1_799, step=100)
        assert it.watch.last is first
        await it.at.pass_time(10, step=1)
        assert it.watch.last is not None
        assert [one.kind for one in it.watch.last.differences] == [DriftKind.ORDER_MISSING]
        it.at.venue.failing = NotConnectedError("no session")
        await it.at.pass_time(1_830, step=30)
        assert it.watch.failed == "no session"
        it.at.venue.failing = None
        await it.at.pass_time(1_830, step=30)
        assert it.watch.failed == ""


async def test_the_latest_revision_moves_and_a_combination_moves_by_its_legs(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as it:
        held = await it.placed()
        first = it.at.venue.execute(held, Decimal(4))
        base = first.exec_id.rpartition(".")[0]
        second = replace(first, exec_id=ExecId(f"{base}.02"), quantity=Decimal(3))
        whole = replace(
            first,
            exec_id=ExecId("c.01"),
            contract=replace(AAPL, security_type=SecurityType.COMBO),
        )
        assert [moved for _, moved in traded([second, first, whole]).values()] == [3]
