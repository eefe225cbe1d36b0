"""Accounts over time: written at changes and at each day's end, read back, and never in the way."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.errors import AccountError
from ibkr_connector.model.ids import ConId
from kit.account_desk import AAPL, ME, portfolio_of, quote, trade
from kit.rig import START, Rig, rig

DATABASE = "instruments.sqlite3"


async def equity(one: Rig, **within: Any) -> Any:
    return await one.run(portfolio_of(one).equity_history(**within))


async def held(one: Rig, **within: Any) -> Any:
    return await one.run(portfolio_of(one).position_history(**within))


async def test_a_change_is_kept_when_its_burst_has_settled_and_then_at_a_distance(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, account_history_s=300) as one:
        quote(one, "100.00")
        await one.advance(3)
        assert [point.total_value for point in await equity(one)] == [Decimal(1_000_000)]
        await trade(one, 10)
        await trade(one, -4)
        await one.advance(60)
        assert len(await equity(one)) == 1
        await one.advance(300)
        history = await equity(one)
        assert len(history) == 2
        newest = history.points[-1]
        ledger = one.simulator.venue.figures(ME, one.clock.utcnow())
        assert (newest.total_value, newest.cash) == (ledger.net_liquidation, ledger.total_cash)
        assert newest.realized_pnl == ledger.realized
        assert newest.daily_pnl == ledger.daily
        assert newest.currency == "USD"
        (point,) = await held(one)
        assert (point.symbol, point.quantity, point.con_id) == ("AAPL", 6, AAPL)
        assert point.market_value == Decimal("600.00")
        # nothing happens, and nothing is written
        await one.advance(1200)
        assert len(await equity(one)) == 2
        state = await portfolio_of(one).history_state()
        assert (state.written, state.failures, state.problem) == (2, 0, "")


async def test_the_days_end_is_kept_in_any_case_and_gives_the_next_days_gain(
    tmp_path: Path,
) -> None:
    # a quarter to midnight in New York
    start = datetime(2026, 11, 19, 4, 45, tzinfo=UTC)
    async with rig(tmp_path, start=start) as one:
        quote(one, "100.00")
        await trade(one, 10)
        await one.advance(1200)
        ends = [point for point in await equity(one) if point.is_day_end]
        assert [(point.day.isoformat(), point.at) for point in ends] == [
            ("2026-11-18", datetime(2026, 11, 19, 4, 59, 59, tzinfo=UTC))
        ]
        quote(one, "104.00")
        await one.advance(200)
        check = await one.run(portfolio_of(one).check_pnl(), step_s=1.0)
        assert check.missing == ()
        assert check.ours.daily == check.broker.daily == Decimal("40.00")
    # what the day began with is known to the next program too
    async with rig(tmp_path, start=start + timedelta(hours=2)) as other:
        other.simulator.venue.ledgers[ME].book(
            other.simulator.venue.instrument(AAPL),
            Decimal(10),
            price=Decimal(100),
            commission=Decimal(0),
        )
        await other.advance(400)
        kept = other.engine.account.starts[ME][ConId(AAPL)]
        assert kept == (Decimal(10), Decimal("1000.00"))


async def test_what_happened_while_nobody_looked_is_a_change_of_the_next_program(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as one:
        quote(one, "100.00")
        await trade(one, 10)
        await one.advance(400)
    async with rig(tmp_path, start=START + timedelta(days=1)) as other:
        await other.advance(10)
        history = await held(other)
        assert [point.quantity for point in history] == [10, 0]
        assert [point.quantity for point in history.held_at(START + timedelta(hours=1))] == [10]
        assert history.held_at(START + timedelta(days=2)) == ()


async def test_the_end_of_a_program_is_kept(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        quote(one, "100.00")
        await one.advance(3)
        await trade(one, 10)
    async with rig(tmp_path, connect=False) as later:
        points = await later.engine.keeper.held(ME, None, None)
        assert [point.quantity for point in points] == [10]


async def test_money_paid_in_is_kept_once_and_with_the_points(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        await one.advance(3)
        one.engine.adjust_equity("250.50", None, START, key="a")
        one.engine.adjust_equity("250.50", None, START, key="a")
        one.engine.adjust_equity(-100, None)
        await one.advance(1)
        history = await equity(one)
        assert [flow.amount for flow in history.flows] == [Decimal("250.50"), Decimal(-100)]
        assert len((await equity(one, start=START + timedelta(days=1))).flows) == 0
        with pytest.raises(AccountError, match="aware"):
            await equity(one, start=datetime(2026, 1, 1))  # noqa: DTZ001  # on purpose


async def test_a_database_that_fails_is_known_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig(tmp_path, account_history_s=60) as one:
        quote(one, "100.00")
        await one.advance(3)
        place = tmp_path / "journal" / DATABASE
        with closing(sqlite3.connect(place)) as connection, connection:
            connection.execute("ALTER TABLE equity_snapshots RENAME TO hidden")
        await trade(one, 10)
        await one.advance(400)
        state = await portfolio_of(one).history_state()
        assert state.failures > 1
        assert "equity_snapshots" in state.problem
        said = [row for row in caplog.records if "is not kept for now" in row.message]
        assert len(said) == 1
        await trade(one, 5)
        with closing(sqlite3.connect(place)) as connection, connection:
            connection.execute("ALTER TABLE hidden RENAME TO equity_snapshots")
        await one.advance(400)
        assert (await portfolio_of(one).history_state()).problem == ""
        assert [point.quantity for point in await held(one)][-1] == 15


async def test_nothing_is_kept_where_that_is_not_wanted(tmp_path: Path) -> None:
    async with rig(tmp_path, account_history_s=0) as one:
        await one.advance(4000)
        assert len(await equity(one)) == 0
        assert not (await portfolio_of(one).history_state()).is_on


async def test_what_follows_from_the_history_is_served_with_it(tmp_path: Path) -> None:
    async with rig(tmp_path, account_history_s=60) as one:
        portfolio = portfolio_of(one)
        quote(one, "100.00")
        await one.advance(5)
        await trade(one, 100)
        await one.advance(70)
        for price in ("110.00", "95.00", "120.00"):
            quote(one, price)
            await one.advance(400)
        ledger = one.simulator.venue.figures(ME, one.clock.utcnow())
        held_now = await portfolio.exposure()
        assert held_now.long == held_now.gross == ledger.gross_position_value == Decimal(12_000)
        assert held_now.net_liquidation == ledger.net_liquidation
        assert [part.name for part in held_now.by_symbol] == ["AAPL"]
        assert (await portfolio.concentration()).hhi == 1.0
        at: Any = one.clock.utcnow()
        with pytest.raises(AccountError, match="account must be text") as refused:
            await one.run(portfolio.returns(at))
        assert "start=" in (refused.value.hint or "")
        found = await one.run(portfolio.returns())
        assert found.gain == ledger.net_liquidation - 1_000_000
        assert found.total == pytest.approx(float(found.gain) / 1e6)
        deepest = await one.run(portfolio.drawdown())
        assert deepest.maximum is not None
        assert deepest.maximum == pytest.approx(-1500 / 1_001_000, rel=1e-2)
        assert deepest.current == 0
        (day,) = await one.run(portfolio.daily_pnl())
        assert (day.realized, day.unrealized) == (ledger.realized, ledger.unrealized)


async def test_an_error_of_ours_is_said_and_the_next_change_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig(tmp_path, account_history_s=60) as one:
        quote(one, "100.00")
        await one.advance(3)
        with monkeypatch.context() as broken:

            def fail(account: str) -> None:
                raise ZeroDivisionError("on purpose")

            broken.setattr(one.engine.account, "daily_pnl", fail)
            await trade(one, 10)
            await one.advance(200)
        assert "ended by an error of ours" in caplog.text
        assert "ZeroDivisionError" in (await portfolio_of(one).history_state()).problem
        await trade(one, 5)
        await one.advance(200)
        assert (await portfolio_of(one).history_state()).problem == ""
        assert [point.quantity for point in await held(one)][-1] == 15
