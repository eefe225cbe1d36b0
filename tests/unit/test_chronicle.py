"""What becomes of orders' news and of calls: counts, lines and spans, on the desk with a venue."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ibkr_connector.chronicle import count_note
from ibkr_connector.errors import RequestTimeoutError, RiskLimitError
from ibkr_connector.gateway.port import CommissionReported, Execution
from ibkr_connector.gauges import Observed
from ibkr_connector.market.totals import StreamTotals
from ibkr_connector.metering import Metering
from ibkr_connector.model.advisor import Allocation
from ibkr_connector.model.ids import ClientId, ExecId
from ibkr_connector.model.orders import OrderTerms
from ibkr_connector.observe.counts import Counts
from ibkr_connector.orders.ledger import Ledger
from ibkr_connector.orders.meeting import fill_of
from ibkr_connector.orders.notes import Charged, Filled, Intended, Note
from ibkr_connector.resilience.operation import ENDPOINTS, Operation
from ibkr_connector.settings import Settings
from kit.order_desk import NOON, Bench, bench, buy, ticket
from kit.order_told import execution


@asynccontextmanager
async def watched(tmp_path: Path, **settings: Any) -> AsyncIterator[tuple[Bench, Metering]]:
    """Give a desk that is listened to."""
    loaded = Settings.load(state_dir=tmp_path / "state", **settings)
    async with bench(tmp_path) as at:
        metering = Metering(loaded, clock=at.clock)
        engine = SimpleNamespace(
            orders=at.desk,
            pipeline=at.pipeline,
            journal=at.journal,
            streams=SimpleNamespace(totals=StreamTotals(lambda: ())),
        )
        metering.follow(cast("Observed", engine))
        try:
            yield at, metering
        finally:
            metering.leave()
            metering.close()


def flushed(metering: Metering) -> None:
    assert metering._scribe is not None
    metering._scribe.flush()


def count(metering: Metering, name: str, *labels: str) -> float:
    """Return one figure; of a histogram how many it has."""
    flushed(metering)
    assert metering._counts is not None
    (family,) = [one for one in metering._counts.families() if one.name == name]
    if family.spread is not None:
        return sum(sum(counts) for found, counts, _ in family.spread.rows() if found == labels)
    return dict(family.rows).get(labels, 0)


def seconds(metering: Metering, name: str) -> float:
    assert metering._counts is not None
    (family,) = [one for one in metering._counts.families() if one.name == name]
    assert family.spread is not None
    ((_, _, total),) = family.spread.rows()
    return total


def again(execution: Execution, revision: int, **changes: object) -> Execution:
    base = execution.exec_id.rpartition(".")[0]
    return replace(execution, exec_id=ExecId(f"{base}.{revision:02d}"), **changes)  # type: ignore[arg-type]


def charge(execution: Execution, commission: str) -> CommissionReported:
    return CommissionReported(
        exec_id=execution.exec_id,
        commission=Decimal(commission),
        currency="USD",
        realized_pnl=None,
    )


async def test_the_times_of_an_order_are_those_of_its_steps(tmp_path: Path) -> None:
    async with watched(tmp_path) as (at, metering):
        report = await at.desk.place(buy(10))
        held = at.venue.held[report.order_ref]
        at.clock.advance(2)
        at.venue.execute(held, Decimal(4))
        at.clock.advance(3)
        at.venue.execute(held, Decimal(6))
        assert count(metering, "ibkr_orders_sent") == 1
        assert count(metering, "ibkr_order_submit_to_ack_seconds") == 1
        assert count(metering, "ibkr_order_ack_to_fill_seconds") == 1
        assert seconds(metering, "ibkr_order_ack_to_fill_seconds") == 2
        assert seconds(metering, "ibkr_order_submit_to_filled_seconds") == 5
        assert count(metering, "ibkr_orders_closed", "filled", "own") == 1
        assert count(metering, "ibkr_fills", "STK", "buy", "own") == 2


async def test_corrections_busts_and_rebates_count_as_what_they_are(tmp_path: Path) -> None:
    async with watched(tmp_path) as (at, metering):
        report = await at.desk.place(buy(10))
        execution = at.venue.execute(at.venue.held[report.order_ref], Decimal(10))
        at.desk.apply(charge(execution, "1.25"))
        at.desk.apply(again(execution, 2, price=Decimal(99)))
        at.desk.apply(again(execution, 3, quantity=Decimal(0)))
        assert count(metering, "ibkr_fills", "STK", "buy", "own") == 1
        assert count(metering, "ibkr_fill_corrections", "corrected") == 1
        assert count(metering, "ibkr_fill_corrections", "busted") == 1
        assert count(metering, "ibkr_commissions_paid", "USD") == 1.25


async def test_a_commission_counts_once_and_a_correction_of_it_as_the_difference(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as (at, metering):
        report = await at.desk.place(buy(10))
        held = at.venue.held[report.order_ref]
        first = at.venue.execute(held, Decimal(4))

        def paid() -> float:
            return count(metering, "ibkr_commissions_paid", "USD")

        at.desk.apply(charge(first, "1.50"))
        at.desk.apply(replace(charge(first, "1.50"), realized_pnl=Decimal(3)))
        assert paid() == 1.5
        at.desk.apply(charge(first, "-0.25"))
        assert paid() == -0.25
        second = again(first, 2, price=Decimal(99))
        at.desk.apply(second)
        assert paid() == -0.25
        # executions that are asked for are told with every revision, and charged again
        for execution in (first, second):
            at.desk.apply(execution)
            at.desk.apply(charge(execution, "1.25"))
        assert paid() == 1.25
        # one that is not charged, and its correction
        at.desk.apply(again(first, 3))
        at.desk.apply(again(first, 4))
        at.desk.apply(charge(again(first, 4), "1.75"))
        assert paid() == 1.75
        # the charge may come before its execution
        other = at.venue.execute(held, Decimal(6), tell=False)
        at.desk.apply(charge(other, "2"))
        at.desk.apply(charge(other, "2"))
        assert paid() == 1.75
        at.desk.apply(other)
        at.desk.apply(charge(other, "2"))
        assert paid() == 3.75
        assert at.desk.report(report.order_id).commission == Decimal("3.75")


def test_of_a_divided_order_the_parts_are_counted_and_the_whole_is_not() -> None:
    counts, ledger = Counts(), Ledger()
    of_group = replace(
        ticket(quantity=10), account="", terms=OrderTerms(allocation=Allocation(group="Core"))
    )
    ledger.record(Intended(at=NOON, key="ibc-a", client_id=ClientId(1), ticket=of_group))

    def told(account: str, exec_id: str, quantity: int) -> None:
        fill = fill_of(execution(exec_id, quantity, account=account))
        charge = Charged(
            at=NOON, key="ibc-a", exec_id=fill.exec_id, commission=Decimal(1), currency="USD",
            realized_pnl=None,
        )  # fmt: skip
        for note in (Filled(at=NOON, key="ibc-a", fill=fill), charge)[: 1 + bool(quantity)]:
            ledger.record(note)
            count_note(counts, note, ledger)

    told("DF1000000", "w.01.01", 10)
    told("DU1", "a.01.01", 4)
    told("DU2", "b.01.01", 6)
    told("DF1000000", "w.01.02", 0)
    assert counts.fills.rows() == [(("STK", "buy", "own"), 2)]
    assert counts.commissions.rows() == [(("USD",), 2)]
    assert sum(count for _, count in counts.corrections.rows()) == 0
    # how long it took to be filled is known from its first execution, whichever that is
    assert sum(sum(found) for _, found, _ in counts.filled.rows()) == 1


async def test_an_order_without_an_answer_is_an_uncertainty_and_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with watched(tmp_path) as (at, metering):
        report = await at.desk.place(buy(10))
        at.venue.tell(at.venue.held[report.order_ref], "Bewitched")
        at.venue.cut()
        placed = asyncio.create_task(at.desk.place(buy(1)))
        await asyncio.wait([placed])
        assert count(metering, "ibkr_order_anomalies") == 1
        assert isinstance(placed.exception(), Exception)
    assert "the broker said what cannot be: Bewitched" in caplog.text


async def test_a_denial_is_counted_by_rule_and_told_also_when_nothing_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with watched(tmp_path, metrics=False) as (at, metering):
        with pytest.raises(RiskLimitError):
            await at.desk.place(buy(5000))
        flushed(metering)
    (line,) = [one for one in caplog.records if "denied" in one.message]
    assert line.levelno == logging.WARNING
    assert line.__dict__["rules"] == ["MAX_ORDER_SIZE"]
    async with watched(tmp_path / "b") as (at, metering):
        with pytest.raises(RiskLimitError):
            await at.desk.place(buy(5000))
        assert count(metering, "ibkr_risk_denials", "MAX_ORDER_SIZE") == 1
        assert count(metering, "ibkr_orders_denied", "RiskLimitError") == 1


async def test_lines_have_the_time_of_what_they_tell(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ibkr_connector.orders")
    async with watched(tmp_path) as (at, metering):
        await at.desk.place(buy(10))
        flushed(metering)
        now = at.clock.utcnow()
    lines = [one for one in caplog.records if getattr(one, "was", "") == "intended"]
    assert [one.created for one in lines] == [now.timestamp()]


async def test_nothing_is_put_anywhere_when_nobody_listens(tmp_path: Path) -> None:
    async with watched(tmp_path, metrics=False) as (at, metering):
        assert not at.pipeline.hooks
        await at.desk.place(buy(10))
        assert metering._scribe is not None
        assert metering._scribe._thread is None
        assert at.journal._log.stopwatch is None


async def test_calls_count_by_how_they_ended(tmp_path: Path) -> None:
    async def fails() -> None:
        raise RequestTimeoutError("no answer", replay_safe=False)

    async def hangs() -> None:
        await asyncio.Event().wait()

    async with watched(tmp_path) as (at, metering):
        run = at.pipeline.run
        with pytest.raises(RequestTimeoutError):
            await run(Operation(policy=ENDPOINTS["request"], call=fails))
        hanging = asyncio.create_task(run(Operation(policy=ENDPOINTS["request"], call=hangs)))
        await asyncio.sleep(0)
        hanging.cancel()
        await asyncio.wait([hanging])
        assert count(metering, "ibkr_calls", "request", "error") == 1
        assert count(metering, "ibkr_calls", "request", "cancelled") == 1
        assert count(metering, "ibkr_call_errors", "request", "RequestTimeoutError", "") == 1
        assert count(metering, "ibkr_call_duration_seconds", "request") == 2


async def test_commits_of_the_journal_are_timed_until_nobody_listens(tmp_path: Path) -> None:
    async with watched(tmp_path) as (at, metering):
        await at.desk.place(buy(10))
        await at.journal.append([])
        timed = count(metering, "ibkr_journal_commit_seconds")
        assert timed >= 1
        metering.leave()
        assert at.journal._log.stopwatch is None


async def test_a_listener_that_fails_harms_no_order(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(notes: Sequence[Note], ledger: Ledger) -> None:
        raise RuntimeError("broken listener")

    async with bench(tmp_path) as at:
        end = at.desk.feed.tap(broken)
        report = await at.desk.place(buy(10))
        assert report.status == "submitted"
        assert "broken listener" in caplog.text
        end()
        caplog.clear()
        at.venue.execute(at.venue.held[report.order_ref], Decimal(10))
        assert "broken listener" not in caplog.text
