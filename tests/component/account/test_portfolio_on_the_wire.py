"""Accounts as `ib.portfolio` shows them: through a real socket, on one virtual clock."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.errors import AccountError, NotConnectedError, RequestTimeoutError
from ibkr_connector.gateway.account_port import PnLRequest
from ibkr_connector.model.account import FigureSource
from ibkr_connector.model.account_changes import FigureChanged, PositionChange, PositionChanged
from ibkr_connector.model.advisor import AdvisorGroup, AllocationMethod, GroupMember
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.status import ConnectionState
from ibkr_connector.settings import Settings
from kit.account_desk import AAPL, FIRM, ME, asked, opened, portfolio_of, quote, trade
from kit.rig import rig


async def test_profit_and_loss_begins_unknown_and_is_the_ledgers(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        quote(one, "100.00")
        await trade(one, 10)
        portfolio = portfolio_of(one)
        async with opened(one, portfolio.stream_pnl()) as stream:
            first = await one.run(anext(stream))
            assert (first.daily, first.unrealized, first.realized) == (None, None, None)
            await one.advance(2)
            told = await one.run(anext(stream))
            ledger = one.simulator.venue.figures(ME, one.clock.utcnow())
            assert (told.daily, told.unrealized, told.realized) == (
                ledger.daily,
                ledger.unrealized,
                ledger.realized,
            )
            assert (told.currency, told.source) == ("USD", FigureSource.PNL)
            quote(one, "110.00")
            await one.advance(2)
            later = await one.run(anext(stream))
            assert later.daily == told.daily + 100
            assert later.as_of > told.as_of
        # what is asked for once goes on being known, and is asked for once
        assert await one.run(portfolio.pnl()) == later
        assert len(asked(one, "ReqPnl")) == 1


async def test_a_positions_gain_has_one_line_however_many_read_it(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        quote(one, "100.00")
        await trade(one, 10)
        portfolio = portfolio_of(one)
        async with (
            opened(one, portfolio.stream_position_pnl("AAPL")) as stream,
            opened(one, portfolio.stream_position_pnl("AAPL", account=ME)) as other,
        ):
            await one.advance(2)
            told = await one.run(anext(stream))
            assert await one.run(anext(other)) == told
            assert (told.quantity, told.market_value) == (10, Decimal("1000.00"))
            assert told.contract.symbol == "AAPL"
            assert len(asked(one, "ReqPnlSingle")) == 1
        await one.settle()
        assert len(asked(one, "CancelPnlSingle")) == 1
        assert len(one.engine.account.pnl) == 0
        once = await one.run(portfolio.position_pnl("AAPL"))
        assert once.market_value == told.market_value
        await one.settle()
        assert len(asked(one, "CancelPnlSingle")) == 2


async def test_account_model_and_contract_go_in_ibs_order(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        portfolio = portfolio_of(one)
        async with (
            opened(one, portfolio.stream_pnl(model="Growth")),
            opened(one, portfolio.stream_position_pnl("AAPL", model="Growth")),
        ):
            await one.settle()
        (whole,), (single,) = asked(one, "ReqPnl"), asked(one, "ReqPnlSingle")
        assert (whole.account, whole.model) == (ME, "Growth")
        assert (single.account, single.model, single.con_id) == (ME, "Growth", AAPL)


async def test_profit_and_loss_comes_back_after_a_lost_connection(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        quote(one, "100.00")
        await trade(one, 10)
        portfolio = portfolio_of(one)
        async with opened(one, portfolio.stream_pnl()) as stream:
            await one.advance(2)
            before = await one.run(anext(stream))
            one.simulator.cut()
            await one.settle()
            gone = await one.run(anext(stream))
            assert (gone.is_live, gone.daily) == (False, before.daily)
            quote(one, "105.00")
            await one.ready()
            await one.advance(3)
            after = await one.run(anext(stream))
            assert after.is_live
            assert after.daily == before.daily + 50
        assert len(asked(one, "ReqPnl")) == 2


async def test_lost_data_are_asked_for_again_and_kept_data_are_not(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        portfolio = portfolio_of(one)
        await one.run(portfolio.pnl())
        for code, times in ((1102, 1), (1101, 2)):
            one.simulator.notice(1100, "lost")
            one.simulator.notice(code, "restored")
            await one.ready()
            await one.advance(3)
            assert len(asked(one, "ReqPnl")) == times
        assert (await one.run(portfolio.pnl())).is_live


async def test_ib_is_silent_about_what_it_does_not_know(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        request = PnLRequest(account=ME, con_id=ConId(7))
        with pytest.raises(RequestTimeoutError, match="no profit and loss"):
            await one.run(
                one.engine.account.pnl.read(request, Contract(symbol="X", con_id=ConId(7)))
            )
        await one.settle()
        assert len(one.engine.account.pnl) == 0


async def test_a_refusal_reaches_whoever_reads(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        request = PnLRequest(account="DU7")
        seat = await one.run(one.engine.account.pnl.join(request))
        with pytest.raises(AccountError, match="Invalid account code"):
            await seat.box.get_all()
        with pytest.raises(AccountError, match="Invalid account code"):
            await one.run(one.engine.account.pnl.read(request))
        assert len(one.engine.account.pnl) == 0


async def test_a_firms_accounts_are_kept_apart_and_have_ledgers_by_currency(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, accounts=FIRM) as one:
        portfolio = portfolio_of(one)
        worth = {row.account: row.total_value for row in await portfolio.summaries()}
        now = one.clock.utcnow()
        assert worth == {
            name: one.simulator.venue.figures(name, now).net_liquidation for name in FIRM
        }
        with pytest.raises(AccountError, match="none was named"):
            await portfolio.summary()
        rows = {row.currency: row for row in await portfolio.balances("DU1")}
        assert {name: row.cash for name, row in rows.items() if not row.is_base} == {
            "USD": Decimal("100000.00"),
            "EUR": Decimal("5000.00"),
            "JPY": Decimal("900000.00"),
        }
        assert round(rows["BASE"].net_liquidation or 0, 2) == worth["DU1"]
        assert rows["USD"].exchange_rate == 1
        assert [part.segment for part in await portfolio.segments("DU1")] == ["C", "P", "S"]
        summary = await portfolio.summary("DU2")
        assert (summary.account_type, summary.day_trades_left) == ("INDIVIDUAL", None)
        assert summary.previous_equity_with_loan == Decimal(300_000)
        assert summary.look_ahead_change is not None


async def test_two_programs_of_a_firm_that_watch_the_same_account_are_both_whole(
    tmp_path: Path,
) -> None:
    # TWS shows a window to nobody (2101) while another client has that of another account open
    async with rig(tmp_path / "first", accounts=FIRM, account_id="DU1") as one:
        settings = Settings.load(
            port=one.simulator.port,
            client_id=2,
            account_id="DU1",
            reset_windows="none",
            state_dir=tmp_path / "second",
        )
        second = await one.another(settings)
        try:
            await one.run(second.connect())
            status = second.status()
            assert (status.state, status.degraded_by) == (ConnectionState.READY, ())
        finally:
            await one.run(second.aclose())


async def test_a_program_whose_window_another_keeps_shut_trades_and_gets_it_when_that_is_gone(
    tmp_path: Path,
) -> None:
    # whoever asks for another account's window than another client has open is told 2101
    async with rig(tmp_path / "first", accounts=FIRM, account_id="DU1") as one:
        settings = Settings.load(
            port=one.simulator.port,
            client_id=2,
            account_id="DU2",
            readonly=False,
            reset_windows="none",
            state_dir=tmp_path / "second",
        )
        second = await one.another(settings)
        try:
            await one.run(second.connect())
            status = second.status()
            assert (status.state, status.degraded_by) == (ConnectionState.READY, ())
            quote(one, "100.00")
            placed = await one.run(
                second.orders.place({"symbol": "AAPL", "action": "BUY", "quantity": 5})
            )
            await one.run(second.orders.wait_for(placed.order_id, lambda now: now.is_closed))
            await one.advance(2)
            assert second.account.summary("DU2").total_value is not None
            (held,) = second.account.positions("DU2")
            assert (held.quantity, held.current_price) == (Decimal(5), None)
            # the first one goes, and the next round shows what was shut
            await one.close()
            await one.advance(400)
            (held,) = second.account.positions("DU2")
            assert held.current_price == Decimal("100.00")
        finally:
            await one.run(second.aclose())


async def test_an_advisors_groups_are_read_set_and_used(tmp_path: Path) -> None:
    async with rig(tmp_path, accounts=FIRM) as one:
        quote(one, "100.00")
        portfolio = portfolio_of(one)
        assert await one.run(portfolio.groups()) == ()
        core = AdvisorGroup(
            name="Core",
            method=AllocationMethod.RATIO,
            members=(
                GroupMember(account="DU1", amount=Decimal(1)),
                GroupMember(account="DU2", amount=Decimal(3)),
            ),
        )
        await one.run(portfolio.replace_groups([core]))
        assert await one.run(portfolio.groups()) == (core,)
        await one.run(portfolio.replace_aliases({"DU1": "Ann"}))
        assert await one.run(portfolio.aliases()) == {"DU1": "Ann"}
        assert (await one.run(portfolio.families()))["DU2"] == "DF1000000"
        stranger = AdvisorGroup(name="Odd", method="Equal", members=(GroupMember(account="DU9"),))
        with pytest.raises(AccountError, match="invalid accounts"):
            await one.run(portfolio.replace_groups([stranger]))
        with pytest.raises(AccountError, match="not supported anymore"):
            await one.run(portfolio.profiles())
        assert await one.run(portfolio.models("DU1")) == ()
        assert await one.run(portfolio.model_positions("Growth", account="DU1")) == ()
        assert (await one.run(portfolio.model_summary("Growth", account="DU1"))).values == ()


async def test_another_login_is_told_that_it_is_no_advisors(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        with pytest.raises(AccountError, match="non FA customers"):
            await one.run(portfolio_of(one).groups())


async def test_changes_are_told_one_by_one_and_after_a_loss_as_recovered(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        quote(one, "100.00")
        async with opened(one, portfolio_of(one).stream_changes()) as changes:
            await trade(one, 10)
            await trade(one, -4)
            await trade(one, -6)
            seen: list[Any] = []
            while not seen or seen[-1].kind is not PositionChange.CLOSED:
                change = await one.run(anext(changes))
                if isinstance(change, PositionChanged):
                    if change.kind is not PositionChange.REVALUED:
                        seen.append(change)
                else:
                    assert isinstance(change, FigureChanged)
                    assert change.before != change.after or change.after is None
            assert [change.kind for change in seen] == ["opened", "reduced", "closed"]
            assert [change.recovered for change in seen] == [False, False, False]
            assert seen[0].after.quantity == 10
            assert seen[-1].after is None
            one.simulator.cut()
            # somebody else trades while nobody listens
            one.simulator.venue.ledgers[ME].book(
                one.simulator.venue.instrument(AAPL),
                Decimal(3),
                price=Decimal(100),
                commission=Decimal(1),
            )
            await one.ready()
            await one.settle()
            while not isinstance(change, PositionChanged) or not change.recovered:
                change = await one.run(anext(changes))
            assert change.kind is PositionChange.OPENED
            assert change.after is not None
            assert change.after.quantity == 3


async def test_nothing_is_served_without_a_connection(tmp_path: Path) -> None:
    async with rig(tmp_path, connect=False) as one:
        portfolio = portfolio_of(one)
        for read in (portfolio.summary, portfolio.summaries, portfolio.positions, portfolio.pnl):
            with pytest.raises(NotConnectedError):
                await read()


async def test_our_own_profit_and_loss_is_the_brokers(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        quote(one, "100.00")
        portfolio = portfolio_of(one)
        await trade(one, 10)
        await trade(one, -4)
        quote(one, "103.00")
        # the account window tells prices every three minutes
        await one.advance(185)
        check = await one.run(portfolio.check_pnl(), step_s=1.0)
        assert check.missing == ()
        assert check.divergence == 0
        assert check.ours.source is FigureSource.OURS
        assert check.ours.realized == check.broker.realized != 0
        # after a reconnect the day's executions are asked for, and it is so still
        one.simulator.cut()
        await one.settle()
        await one.ready()
        await one.advance(2)
        again = await one.run(portfolio.check_pnl(), step_s=1.0)
        assert again.divergence == 0
