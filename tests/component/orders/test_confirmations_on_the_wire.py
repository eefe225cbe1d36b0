"""Somebody is asked before an order goes: yes, no, silence, nonsense, all through a socket."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector import IBKRConnector, OrderValidationError
from ibkr_connector.errors import OrderNotConfirmedError, RiskLimitError, TradingHaltedError
from ibkr_connector.model.orders import OrderStatus, SendDisposition
from ibkr_connector.model.preview import OrderQuestion, Verdict
from ibkr_connector.orders.journal import note_of, read
from ibkr_connector.orders.notes import Denied
from ibkr_connector.simulator import GatewaySimulator, HostedSimulator
from kit.rule_socket import limits

Make = Callable[..., IBKRConnector]
ORDER: dict[str, Any] = {
    "symbol": "AAPL",
    "action": "BUY",
    "quantity": 10,
    "order_type": "LMT",
    "limit_price": "1.05",
}
BRACKET = {**ORDER, "take_profit": "2.00", "stop_loss": "1.00"}


def there(gw: GatewaySimulator) -> int:
    return len(tuple(gw.venue.open_orders())) + len(tuple(gw.venue.closed_orders()))


def denied(tmp_path: Path) -> list[Denied]:
    (path,) = (tmp_path / "journal").glob("orders-*.sqlite3")
    return [note for note in map(note_of, read(path)) if isinstance(note, Denied)]


class Person:
    """Answers, and remembers what was asked and where."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.asked: list[OrderQuestion] = []
        self.threads: list[threading.Thread] = []

    def __call__(self, question: OrderQuestion) -> Any:
        self.asked.append(question)
        self.threads.append(threading.current_thread())
        return self.answers.pop(0) if self.answers else True

    async def later(self, question: OrderQuestion) -> Any:
        return self(question)


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_yes_lets_the_order_go_and_stands_in_its_history(
    ibkr_gateway: HostedSimulator, make_connector: Make, is_async: bool
) -> None:
    person = Person()
    async with make_connector(ibkr_gateway.port) as ib:
        ib.confirm_orders(person.later if is_async else person, live_only=False)
        report = await ib.place_order(ORDER)
        assert report.status is OrderStatus.SUBMITTED
        (question,) = person.asked
        (order,) = question.orders
        assert (order.quantity, order.limit_price) == (Decimal(10), Decimal("1.05"))
        assert order.account
        assert "MAX_ORDER_SIZE" in {row.rule for row in question.rules}
        assert question.worth == Decimal("10.50")
        assert question.expires is not None
        assert 30 <= (question.expires - question.at).total_seconds() < 90
        # an asynchronous one runs where it was given, a plain one holds up no loop
        assert (person.threads == [threading.current_thread()]) is is_async
        intent = (await ib.order_history(report.order_id)).steps[0]
        assert intent.rules[-1].rule == "confirmation"
        assert intent.rules[-1].verdict is Verdict.PASSED


def fails(question: OrderQuestion) -> bool:
    raise ValueError("secret")


async def fails_later(question: OrderQuestion) -> bool:
    raise ValueError("secret")


async def is_cancelled(question: OrderQuestion) -> bool:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("callback", "says"),
    [
        (lambda _: False, "the answer was no"),
        (lambda _: None, "NoneType, which is not a yes"),
        (lambda _: 1, "int, which is not a yes"),
        (lambda _: "yes", "str, which is not a yes"),
        (fails, "failed with ValueError"),
        (fails_later, "failed with ValueError"),
        (is_cancelled, "failed with CancelledError"),
    ],
)
async def test_anything_but_true_sends_nothing_and_is_written_down(
    ibkr_gateway: HostedSimulator,
    make_connector: Make,
    tmp_path: Path,
    callback: Callable[[OrderQuestion], Any],
    says: str,
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        ib.confirm_orders(callback, live_only=False)
        with pytest.raises(OrderNotConfirmedError, match=says) as caught:
            await ib.place_order({**ORDER, "client_order_id": "k"})
        assert caught.value.disposition is SendDisposition.UNSENT
        assert "secret" not in str(caught.value)
        assert ibkr_gateway.do(there) == 0
        assert ib.get_connection_status().open_orders == 0
        ib.confirm_orders(None)
        # its key is free: nothing was placed under it
        await ib.place_order({**ORDER, "client_order_id": "k"})
    assert [note.error for note in denied(tmp_path)] == ["OrderNotConfirmedError"]
    assert ibkr_gateway.do(there) == 1


async def test_who_does_not_answer_in_time_holds_up_this_order_alone(
    ibkr_gateway: HostedSimulator, make_connector: Make, tmp_path: Path
) -> None:
    asked, silent, other = threading.Event(), threading.Event(), {**ORDER, "symbol": "MSFT"}

    def think(question: OrderQuestion) -> bool:
        if question.orders[0].quantity == 10:
            asked.set()
            silent.wait(200.0)
        return True

    try:
        async with make_connector(ibkr_gateway.port) as ib:
            ib.confirm_orders(think, live_only=False, timeout_s=1.0)
            held = asyncio.ensure_future(ib.place_order(ORDER))
            await asyncio.to_thread(asked.wait, 60.0)
            # the others have all the time that a busy machine takes
            ib.confirm_orders(think, live_only=False, timeout_s=60.0)
            report = await ib.place_order({**other, "quantity": 11})
            assert report.status is OrderStatus.SUBMITTED
            with pytest.raises(OrderNotConfirmedError, match=r"nobody answered within 1\.0 s"):
                await held
            silent.set()
            assert (await ib.place_order({**other, "quantity": 12})).order_id
            assert ibkr_gateway.do(there) == 2
    finally:
        silent.set()
    assert len(denied(tmp_path)) == 1


async def test_brackets_and_changes_are_asked_about_and_cancelling_is_not(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    person = Person(True, False, True, False)
    async with make_connector(ibkr_gateway.port) as ib:
        ib.confirm_orders(person, live_only=False)
        made = await ib.place_bracket(BRACKET)
        with pytest.raises(OrderNotConfirmedError):
            await ib.place_bracket(BRACKET)
        assert ibkr_gateway.do(there) == 3
        number = made.entry.order_id
        changed = await ib.modify_order(number, {"limit_price": "1.06"})
        assert changed.limit_price == Decimal("1.06")
        with pytest.raises(OrderNotConfirmedError):
            await ib.modify_order(number, {"limit_price": "1.07"})
        assert (await ib.get_order_status(number)).limit_price == Decimal("1.06")
        assert [len(one.orders) for one in person.asked] == [3, 3, 1, 1]
        assert [one.order_id for one in person.asked] == [None, None, number, number]
        assert (await ib.cancel_order(number)).status is OrderStatus.CANCELLED
        assert len(person.asked) == 4


async def test_getting_out_waits_for_nobody_unless_that_is_asked_for(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    market = {**ORDER, "order_type": "MKT", "limit_price": None}
    person = Person(True, False)
    async with make_connector(ibkr_gateway.port) as ib:
        ib.confirm_orders(person, live_only=False)
        await ib.place_order(market, wait="filled")
        assert [one.status for one in (await ib.flatten()).closed] == [OrderStatus.FILLED]
        assert len(person.asked) == 1
        ib.confirm_orders(None)
        await ib.place_order({**market, "quantity": 9}, wait="filled")
        ib.confirm_orders(person, live_only=False, exits=True)
        (problem,) = (await ib.flatten()).problems
        assert "not confirmed" in problem
        ib.confirm_orders(lambda _: False, live_only=False)
        told = await ib.kill_switch.engage("out", flatten=True)
        assert (told.closed, told.problems) == (1, ())
        assert sum(row.quantity for row in await ib.get_positions()) == 0


async def test_a_hook_for_live_accounts_leaves_paper_alone_and_holds_over_a_disconnect(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    ib = make_connector(ibkr_gateway.port)
    ib.confirm_orders(lambda _: False)
    async with ib:
        await ib.place_order(ORDER)
    ib.confirm_orders(lambda _: False, live_only=False)
    for _ in range(2):
        async with ib:
            with pytest.raises(OrderNotConfirmedError):
                await ib.place_order({**ORDER, "quantity": 3})
    assert ibkr_gateway.do(there) == 1


async def test_a_live_account_is_asked_about_without_saying_so(
    make_ibkr_gateway: Callable[..., HostedSimulator], make_connector: Make, config: Path
) -> None:
    limits(config)
    gateway = make_ibkr_gateway(accounts={"U1234567": Decimal(1_000_000)})
    async with make_connector(gateway.port, paper_trading=False) as ib:
        ib.confirm_orders(lambda _: False)
        with pytest.raises(OrderNotConfirmedError):
            await ib.place_order(ORDER)
    assert gateway.do(there) == 0


async def test_what_the_rules_refuse_nobody_is_asked_about_and_they_hold_after_a_yes(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    person = Person()
    async with make_connector(ibkr_gateway.port, max_order_size=50) as ib:

        async def engage(question: OrderQuestion) -> bool:
            await ib.kill_switch.engage("while somebody thinks")
            return True

        ib.confirm_orders(person, live_only=False)
        with pytest.raises(RiskLimitError):
            await ib.place_order({**ORDER, "quantity": 51})
        assert person.asked == []
        ib.confirm_orders(engage, live_only=False)
        with pytest.raises(TradingHaltedError):
            await ib.place_order(ORDER)
        assert ibkr_gateway.do(there) == 0


async def test_a_token_is_used_up_by_asking_and_one_key_is_one_order_however_often_it_is_asked(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    person = Person(False, True, True)
    async with make_connector(ibkr_gateway.port) as ib:
        ib.confirm_orders(person, live_only=False)
        made = await ib.preview_order(ORDER, by="Ada")
        with pytest.raises(OrderNotConfirmedError):
            await ib.place_order(made.order, token=made.token)
        assert person.asked[0].by == "Ada"
        with pytest.raises(OrderValidationError, match="used"):
            await ib.place_order(made.order, token=made.token)
        named = {**ORDER, "client_order_id": "one"}
        first, second = await asyncio.gather(ib.place_order(named), ib.place_order(named))
        assert first.order_id == second.order_id
        assert ibkr_gateway.do(there) == 1


@pytest.mark.parametrize(("callback", "timeout_s"), [("yes", 5), (print, 0), (print, True)])
def test_a_hook_that_cannot_work_is_refused_at_once(
    make_connector: Make, callback: Any, timeout_s: Any
) -> None:
    with pytest.raises(OrderValidationError):
        make_connector(1).confirm_orders(callback, timeout_s=timeout_s)
