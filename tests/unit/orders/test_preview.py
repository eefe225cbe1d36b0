"""Previews and their tokens: what is looked at leaves nothing, and goes once, exactly so."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ibkr_connector.errors import (
    OrderError,
    OrderValidationError,
    ReadOnlyError,
    RequestTimeoutError,
    RiskLimitError,
    TradingHaltedError,
)
from ibkr_connector.model.ids import OrderId
from ibkr_connector.model.orders import Action, OrderRequest
from ibkr_connector.model.preview import Figures, OrderPreview, Verdict, WhatIf
from ibkr_connector.orders.journal import read
from ibkr_connector.orders.risk import RiskLimits
from ibkr_connector.orders.vouchers import Vouchers
from kit.order_desk import AAPL, Bench, bench, buy
from kit.order_venue import Mode

BRACKET: dict[str, Any] = {
    "symbol": "AAPL",
    "action": "BUY",
    "quantity": 1,
    "order_type": "LMT",
    "limit_price": "100",
    "take_profit": "120",
    "stop_loss": "90",
}


def kinds(path: Path) -> list[str]:
    return [entry.kind for entry in read(path)]


async def previewed(b: Bench, order: OrderRequest | None = None, **more: Any) -> OrderPreview:
    made = await b.run(lambda: b.desk.preview(order or buy(), **more))
    assert isinstance(made, OrderPreview)
    return made


async def refused(b: Bench, order: OrderRequest | None = None, **more: Any) -> str:
    """Place an order that is refused because of its token; nothing is sent by it."""
    sent = len(b.venue.sent)
    with pytest.raises(OrderValidationError) as caught:
        await b.run(lambda: b.desk.place(order or buy(), **more))
    assert len(b.venue.sent) == sent
    return caught.value.message


# --- what a preview tells -----------------------------------------------------------------------


async def test_a_preview_tells_margins_rules_and_the_order_as_it_would_be_placed(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        made = await previewed(b, replace(buy(), contract="AAPL"))
        assert (made.order.contract, made.order.account) == (AAPL, "DU1")
        assert made.initial_margin == Figures(
            before=Decimal(0), change=Decimal(50), after=Decimal(50)
        )
        assert made.broker.commission == 1
        rules = {row.rule: row for row in made.rules}
        assert (rules["MAX_ORDER_SIZE"].value, rules["MAX_ORDER_SIZE"].limit) == ("100", "1000")
        assert rules["trading"].verdict is Verdict.PASSED
        assert made.is_allowed
        assert made.token
        assert made.expires is not None
        assert (made.expires - made.at).total_seconds() == 60


async def test_a_preview_leaves_no_order_no_intent_and_no_count(tmp_path: Path) -> None:
    limits = RiskLimits(max_order_size=Decimal(1000), max_orders_per_minute=1)
    async with bench(tmp_path, limits=limits) as b:
        for _ in range(3):
            assert (await previewed(b)).is_allowed
        await b.settle()
        assert (b.venue.sent, b.desk.orders(), kinds(b.path)) == ([], (), ["opened"])


async def test_broken_rules_come_first_with_a_remedy_and_there_is_no_token(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        made = await previewed(b, buy(1001))
        assert made.rules[0].rule == "MAX_ORDER_SIZE"
        assert [row.rule for row in made.broken] == ["MAX_ORDER_SIZE"]
        assert made.broken[0].remedy
        assert (made.token, made.expires, made.is_allowed) == (None, None, False)


async def test_a_refusal_of_the_broker_is_told_with_its_figures_and_gives_no_token(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        assert b.venue.what_if_answer is not None
        b.venue.what_if_answer = replace(
            b.venue.what_if_answer, rejected_reason="no margin", code=201, warnings=("dear",)
        )
        made = await previewed(b)
        assert (made.rejected_reason, made.warnings) == ("no margin", ("dear",))
        assert made.initial_margin.after == 50
        assert made.token is None


async def test_a_broker_that_only_warns_has_not_agreed(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.what_if_answer = WhatIf(warnings=("preset",), is_answered=False)
        assert (await previewed(b)).token is None


async def test_trading_that_is_stopped_is_a_broken_rule(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.desk.suspend("the link is down")
        made = await previewed(b)
        assert made.broken[0].rule == "trading"
        assert "the link is down" in made.broken[0].value
        assert made.token is None


async def test_a_key_that_names_an_order_already_is_said(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.run(lambda: b.desk.place(buy(client_order_id="k")))
        made = await previewed(b, buy(client_order_id="k"))
        assert (made.broken[0].rule, made.token) == ("client_order_id", None)


async def test_a_broker_that_never_answers_is_a_timeout_and_places_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.what_if_answer = None
        with pytest.raises(RequestTimeoutError):
            await b.run(lambda: b.desk.preview(buy(), timeout_s=2.0), limit_s=3.0)
        assert (b.venue.sent, b.desk.orders()) == ([], ())
        assert (await b.run(lambda: b.desk.place(buy()))).order_id > b.venue.asked[0].order_id


@pytest.mark.parametrize(
    ("order", "more", "match"),
    [
        (replace(buy(), quantity=Decimal(-1)), {}, "quantity"),
        (buy(), {"by": "a\nb"}, "by must be"),
        (buy(), {"by": 7}, "by must be"),
        (buy(), {"timeout_s": 0}, "timeout_s"),
        (replace(buy(), limit_price=Decimal("100.505")), {}, "multiple of 0.01"),
    ],
)
async def test_what_makes_no_sense_is_not_asked(
    tmp_path: Path, order: OrderRequest, more: dict[str, Any], match: str
) -> None:
    async with bench(tmp_path) as b:
        with pytest.raises(OrderValidationError, match=match):
            await b.run(lambda: b.desk.preview(order, **more))
        assert b.venue.asked == []


async def test_a_read_only_desk_sends_not_even_a_question(tmp_path: Path) -> None:
    async with bench(tmp_path, readonly=True) as b:
        with pytest.raises(ReadOnlyError):
            await b.run(lambda: b.desk.preview(buy()))
        assert b.venue.asked == []


# --- tokens -------------------------------------------------------------------------------------


async def test_a_token_lets_its_order_go_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        made = await previewed(b)
        report = await b.run(lambda: b.desk.place(made.order, token=made.token))
        assert report.status == "submitted"
        assert "used" in await refused(b, made.order, token=made.token)
        assert len(b.venue.sent) == 1


async def test_a_token_is_for_the_order_however_it_is_written(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        made = await previewed(b)
        plain = {
            "symbol": "AAPL",
            "action": "buy",
            "quantity": "100.0",
            "order_type": "limit",
            "limit_price": "100.5",
        }
        report = await b.run(lambda: b.desk.place(plain, token=made.token))
        assert report.quantity == 100


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": Decimal(101)},
        {"limit_price": Decimal("100.51")},
        {"action": Action.SELL},
        {"outside_regular_hours": True},
        {"client_order_id": "mine"},
        {"hidden": True},
    ],
)
async def test_a_token_of_another_order_is_refused_and_stays_good_for_its_own(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    async with bench(tmp_path) as b:
        made = await previewed(b)
        other = replace(made.order, **change)
        assert "another order" in await refused(b, other, token=made.token)
        await b.run(lambda: b.desk.place(made.order, token=made.token))


@pytest.mark.parametrize("token", ["", "guess", "ü" * 40, "\udcff", 7, b"x", object()])
async def test_what_is_no_token_is_refused_before_anything_is_asked(
    tmp_path: Path, token: Any
) -> None:
    async with bench(tmp_path) as b:
        await previewed(b)
        assert "token" in await refused(b, token=token)


async def test_a_token_expires_whatever_the_wall_clock_says(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        made = await previewed(b)
        b.clock.advance(59.0)
        second = await previewed(b)
        b.clock.advance(1.0)
        assert "expired" in await refused(b, made.order, token=made.token)
        await b.run(lambda: b.desk.place(second.order, token=second.token))


async def test_a_restart_forgets_every_token(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        made = await previewed(b)
        await b.restart()
        assert "not of this run" in await refused(b, made.order, token=made.token)


async def test_two_who_use_a_token_at_once_place_one_order(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        made = await previewed(b)
        both = await b.run(
            lambda: asyncio.gather(
                *(b.desk.place(made.order, token=made.token) for _ in range(2)),
                return_exceptions=True,
            )
        )
        assert sorted(isinstance(one, OrderValidationError) for one in both) == [False, True]
        assert len(b.venue.sent) == 1


async def test_the_same_key_again_is_the_same_order_and_needs_no_token(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        made = await previewed(b, buy(client_order_id="k"))
        first = await b.run(lambda: b.desk.place(made.order, token=made.token))
        again = await b.run(lambda: b.desk.place(made.order, token=made.token))
        assert again.order_ref == first.order_ref


async def test_a_token_is_no_way_around_a_rule_that_breaks_meanwhile(tmp_path: Path) -> None:
    limits = RiskLimits(max_order_size=Decimal(1000), duplicate_window_s=Decimal(30))
    async with bench(tmp_path, limits=limits) as b:
        made = await previewed(b)
        await b.run(lambda: b.desk.place(buy()))
        with pytest.raises(RiskLimitError):
            await b.run(lambda: b.desk.place(made.order, token=made.token))
        b.desk.suspend("stop")
        with pytest.raises(TradingHaltedError):
            await b.run(lambda: b.desk.place(made.order, token=made.token))


async def test_where_previews_are_needed_nothing_goes_without_but_exits(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.stop()
        b.settings["vouchers"] = Vouchers(clock=b.clock, required=True)
        await b.start()
        assert "missing" in await refused(b)
        with pytest.raises(OrderValidationError, match="token is missing"):
            await b.run(lambda: b.desk.place_bracket(BRACKET))
        made = await previewed(b)
        report = await b.run(lambda: b.desk.place(made.order, token=made.token))
        with pytest.raises(OrderValidationError, match="token is missing"):
            await b.run(lambda: b.desk.modify(report.order_id, {"quantity": 2}))
        assert (await b.run(lambda: b.desk.cancel(report.order_id))).status == "cancelled"
        await b.run(lambda: b.desk.place(buy(7), is_exit=True))
        await b.settle()
        assert kinds(b.path).count("denied") == 3


async def test_the_decision_is_written_with_the_intent_and_told_in_the_history(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        made = await previewed(b, by="Ada")
        seen: list[list[str]] = []
        b.venue.on_send = lambda ticket: seen.append(kinds(b.path))
        report = await b.run(lambda: b.desk.place(made.order, token=made.token))
        assert seen == [["opened", "intent", "decision"]]
        history = await b.desk.history(report.order_id)
        step = history.steps[1]
        assert step.kind == "decision"
        assert "previewed by Ada at 2026-03-04 17:00:00 UTC" in step.what
        assert "initial margin +50" in step.what
        decision = step.evidence["decision"]
        assert decision["broker"]["initial_margin"]["after"] == "50"
        assert {"MAX_ORDER_SIZE", "trading"} <= {row["rule"] for row in decision["rules"]}
        await b.restart()
        assert (await b.desk.history(report.order_id)).steps[1].what == step.what
        assert b.desk.report(report.order_id).order_ref == report.order_ref


async def test_the_token_is_nowhere_but_in_the_preview(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with bench(tmp_path) as b:
        made = await previewed(b)
        token = made.token
        assert token
        assert token not in repr(made)
        other = replace(made.order, quantity=Decimal(9))
        message = await refused(b, other, token=token)
        await b.run(lambda: b.desk.place(made.order, token=token))
        b.venue.mode = Mode.WORK
        message += await refused(b, made.order, token=token)
        await b.settle()
        kept = b.path.read_bytes() + b.path.with_name(b.path.name + "-wal").read_bytes()
        assert token not in message + caplog.text
        assert token.encode() not in kept


@pytest.mark.timeout(0)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_no_token_ever_lets_two_orders_go_or_another_one(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Preview, place, wait and restart in any order: each order at the venue has used its token."""

    async def play() -> None:
        async with bench(tmp_path_factory.mktemp("tokens")) as b:
            b.settings["vouchers"] = Vouchers(clock=b.clock, required=True)
            await b.stop()
            await b.start()
            tokens: list[tuple[str, int, float]] = []
            used: set[str] = set()
            steps = st.sampled_from(["preview", "place", "place", "wait", "restart"])
            for _ in range(data.draw(st.integers(3, 12))):
                step = data.draw(steps)
                if step == "preview":
                    size = data.draw(st.integers(1, 3))
                    made = await previewed(b, buy(size))
                    assert made.token is not None
                    tokens.append((made.token, size, b.clock.monotonic() + 60))
                elif step == "wait":
                    await b.pass_time(25.0, step=25.0)
                elif step == "restart":
                    b.settings["vouchers"] = Vouchers(clock=b.clock, required=True)
                    await b.restart()
                    tokens = [(token, size, 0.0) for token, size, _ in tokens]
                elif tokens:
                    token, size, until = data.draw(st.sampled_from(tokens))
                    asked = data.draw(st.sampled_from([size, size, 4]))
                    good = token not in used and asked == size and b.clock.monotonic() < until
                    try:
                        await b.desk.place(buy(asked), token=token)
                    except OrderError:
                        assert not good
                    else:
                        assert good
                        used.add(token)
            assert len(b.venue.sent) == len(used)
            assert len({ticket.order_id for ticket in b.venue.sent}) == len(used)
            assert all(isinstance(ticket.order_id, int) for ticket in b.venue.asked)
            assert OrderId(0) not in {ticket.order_id for ticket in b.venue.asked}

    asyncio.run(play())
