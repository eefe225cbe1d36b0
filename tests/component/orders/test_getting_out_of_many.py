"""Closing many positions: what one of them waits for holds up none of the others."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.errors import NotConnectedError
from ibkr_connector.model.orders import OrderStatus, SendDisposition
from ibkr_connector.model.preview import OrderQuestion
from ibkr_connector.model.status import ConnectionState
from ibkr_connector.orders.confirming import confirmer
from ibkr_connector.orders.kill_switch import KillSwitch
from ibkr_connector.simulator import Cut, Refuse
from ibkr_connector.simulator.exchange.commands import Halt
from ibkr_connector.simulator.wire.requests import PlaceOrder
from kit.rig import Rig, rig

AAPL, MSFT, TSLA, KO = "AAPL", "MSFT", "TSLA", "KO"


async def holding(made: Rig, *symbols: str) -> None:
    """Buy ten of each."""
    for symbol in symbols:
        order = {"symbol": symbol, "action": "BUY", "quantity": 10, "order_type": "MKT"}
        report = await made.run(made.place(order))
        desk = made.engine.orders
        await made.run(desk.wait_for(report.order_id, lambda now: now.is_closed, timeout_s=60))


async def halt(made: Rig, symbol: str) -> None:
    """Let nothing of it trade."""
    rows = await made.run(made.engine.account.ask_positions())
    (con_id,) = [row.contract.con_id for row in rows if row.contract.symbol == symbol]
    gateway, now = made.simulator.gateway, made.clock.utcnow()
    gateway.deliver(gateway.venue.execute(Halt(con_id=con_id), now), now)
    made.simulator.flush()


async def held(made: Rig) -> dict[str, Decimal]:
    """Return what is held by the broker's word."""
    rows = await made.run(made.engine.account.ask_positions())
    return {row.contract.symbol: row.quantity for row in rows if row.quantity}


async def test_positions_of_whose_exit_nothing_is_heard_hold_up_no_other(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as made:
        await holding(made, AAPL, MSFT, TSLA)
        for symbol in (AAPL, MSFT):
            await halt(made, symbol)
        patience_s = made.settings.order_ack_timeout_s
        began = made.clock.monotonic()
        done = await made.run(made.engine.closing.flatten(), step_s=0.1)
        took_s = made.clock.monotonic() - began
        # the simulator says nothing of a market order while its contract is halted
        assert (len(done.problems), len(done.uncertain)) == (2, 2)
        assert [(one.contract.symbol, one.status) for one in done.closed] == [
            (TSLA, OrderStatus.FILLED)
        ]
        # one after the other they would take twice that
        assert patience_s <= took_s < 1.5 * patience_s
        assert await held(made) == {AAPL: Decimal(10), MSFT: Decimal(10)}


async def test_positions_that_find_no_buyer_are_waited_for_together(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        await holding(made, AAPL, MSFT, TSLA)
        never = {"conditions": [{"kind": "price", "symbol": KO, "below": 1}]}
        began = made.clock.monotonic()
        closing = made.engine.closing._close(lambda _: True, account=None, order=never)
        done = await made.run(closing, step_s=0.1)
        took_s = made.clock.monotonic() - began
        assert not done.is_done
        assert [one.status for one in done.closed] == [OrderStatus.SUBMITTED] * 3
        patience_s = made.settings.order_ack_timeout_s
        assert patience_s <= took_s < 1.5 * patience_s


def placed(made: Rig) -> list[int]:
    """Return the ids of the orders that came to the gateway."""
    asked = [one.request for one in made.simulator.log]
    return [one.order_id for one in asked if isinstance(one, PlaceOrder)]


@pytest.mark.parametrize("let_pass", [0, 1, 2])
async def test_a_line_that_is_cut_between_exits_loses_no_word_about_those_that_have_left(
    tmp_path: Path, let_pass: int
) -> None:
    async with rig(tmp_path) as made:
        await holding(made, AAPL, MSFT, TSLA)
        before = placed(made)
        # the gateway does what it was asked, nobody hears of it, and the line stays away
        made.simulator.inject(Cut(on="PlaceOrder", skip=let_pass, handled=True))
        made.simulator.inject(Refuse(lasts_s=30.0))
        done = await made.run(made.engine.closing.flatten(), step_s=0.1)
        arrived = set(placed(made)) - set(before)
        assert len(arrived) == let_pass + 1
        assert arrived <= {one.order_id for one in done.closed} | set(done.uncertain)
        assert not done.is_done
        await made.ready()
        await made.run(made.engine.closing.flatten(), step_s=0.1)
        # what was not closed is closed now, and nothing was closed twice
        assert await held(made) == {}


async def test_without_a_line_nothing_is_closed_and_the_error_says_so(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        await holding(made, AAPL, MSFT)
        before = placed(made)
        made.simulator.inject(Refuse(lasts_s=3600.0))
        made.simulator.cut()
        await made.until(lambda: made.state is not ConnectionState.READY, step_s=0.1)
        with pytest.raises(NotConnectedError) as failed:
            await made.run(made.engine.closing.flatten(), step_s=0.1)
        assert failed.value.disposition in (None, SendDisposition.UNSENT)
        assert placed(made) == before


async def test_the_kill_switch_too_waits_for_all_exits_together(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        await holding(made, AAPL, MSFT, TSLA)
        for symbol in (AAPL, MSFT):
            await halt(made, symbol)
        patience_s = made.settings.order_ack_timeout_s
        KillSwitch(made.settings.state_dir, clock=made.clock).engage("out", flatten=True)
        began = made.clock.monotonic()
        done = await made.run(made.engine.guard.carry_out(), step_s=0.1)
        took_s = made.clock.monotonic() - began
        assert (done.closed, len(done.problems)) == (1, 2)
        assert patience_s <= took_s < 1.5 * patience_s
        assert await held(made) == {AAPL: Decimal(10), MSFT: Decimal(10)}


async def test_a_person_is_asked_of_one_exit_at_a_time(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        await holding(made, AAPL, MSFT, TSLA)
        under_way, most, asked = 0, 0, 0

        async def person(_question: OrderQuestion) -> bool:
            nonlocal under_way, most, asked
            under_way += 1
            most, asked = max(most, under_way), asked + 1
            for _ in range(20):
                await asyncio.sleep(0)
            under_way -= 1
            return True

        one = confirmer(person, timeout_s=60, exits=True)
        made.engine.orders.confirmations.confirmer = lambda: one
        done = await made.run(made.engine.closing.flatten(), step_s=0.1)
        assert done.is_done
        assert (asked, most) == (3, 1)


async def test_exits_that_come_too_soon_for_a_limit_on_orders_a_second_wait_for_their_turn(
    tmp_path: Path, config: Path
) -> None:
    (config / "risk_config.yaml").write_text("max_order_size: 1000\nmax_orders_per_second: 2\n")
    async with rig(tmp_path) as made:
        await holding(made, AAPL)
        await made.advance(2)
        await holding(made, MSFT)
        await made.advance(2)
        await holding(made, TSLA)
        await made.advance(2)
        await holding(made, KO)
        await made.advance(2)
        began = made.clock.monotonic()
        done = await made.run(made.engine.closing.flatten(), step_s=0.1)
        assert done.is_done
        assert len(done.closed) == 4
        assert made.clock.monotonic() - began >= 1
        assert await held(made) == {}


async def test_an_exit_that_a_limit_refuses_for_good_is_a_problem_and_the_others_are_closed(
    tmp_path: Path, config: Path
) -> None:
    rules = config / "risk_config.yaml"
    rules.write_text("max_order_size: 1000\n")
    async with rig(tmp_path) as made:
        await holding(made, AAPL, MSFT, TSLA)
        rules.write_text("max_order_size: 1000\nmax_orders_per_minute: 5\n")
        made.engine.rules.reload()
        done = await made.run(made.engine.closing.flatten(), step_s=0.1)
        assert not done.is_done
        assert [one.status for one in done.closed] == [OrderStatus.FILLED] * 2
        (problem,) = done.problems
        assert "max_orders_per_minute" in problem
        assert len(await held(made)) == 1
