"""The desk on a venue that can lose orders on either side of the wire."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.errors import (
    CircuitOpenError,
    ContractNotFoundError,
    IBKRError,
    MarketDataPermissionError,
    NotConnectedError,
    OrderError,
    OrderNotFoundError,
    OrderRejectedError,
    OrderStateError,
    OrderUncertainError,
    OrderValidationError,
    ReadOnlyError,
    RequestTimeoutError,
    RiskLimitError,
    TradingHaltedError,
)
from ibkr_connector.gateway.port import BrokerOrder, OpenOrderSeen, OrderTicket
from ibkr_connector.model.brackets import BracketRequest
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.ids import ClientId, OrderId, PermId
from ibkr_connector.model.orders import OrderStatus, SendDisposition
from ibkr_connector.observe.correlation import correlation
from ibkr_connector.orders.journal import Journal, read
from ibkr_connector.orders.notes import Intended
from ibkr_connector.orders.risk import Needs, RiskFacts, RiskLimits
from ibkr_connector.orders.states import State
from kit.order_desk import NOON, NoFacts, bench, buy, ticket
from kit.order_venue import Held, Mode


def kinds(path: Path) -> list[str]:
    return [entry.kind for entry in read(path)]


def the_held(venue: Any) -> Held:
    (held,) = venue.held.values()
    assert isinstance(held, Held)
    return held


def hold_up(journal: Journal) -> threading.Event:
    """Keep the journal from the disk until what is returned is set."""
    may_write = threading.Event()

    def wait() -> Callable[[], None]:
        may_write.wait(60)
        return lambda: None

    journal.time_commits(wait)
    return may_write


# --- placing ------------------------------------------------------------------------------------


async def test_an_accepted_order_is_reported_as_submitted(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        report = await b.run(lambda: b.desk.place(buy()))
        assert (report.status, report.disposition) == (
            OrderStatus.SUBMITTED,
            SendDisposition.SENT,
        )
        assert report["order_id"] == 1
        assert b.desk.report(1) == b.desk.report(report.perm_id)
        assert b.desk.open_count == 1


async def test_a_plain_mapping_is_enough(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.FILL
        order = {"symbol": "AAPL", "action": "BUY", "quantity": 1, "order_type": "MKT"}
        report = await b.run(lambda: b.desk.place(order))
        report = await b.desk.wait_for(report.order_id, lambda now: now.is_closed)
        assert (report.status, report.avg_fill_price) == (OrderStatus.FILLED, Decimal(100))


async def test_the_intent_is_on_disk_before_the_first_byte(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        seen: list[list[str]] = []
        b.venue.on_send = lambda ticket: seen.append(kinds(b.path))
        await b.run(lambda: b.desk.place(buy()))
        assert seen == [["opened", "intent"]]


async def test_nothing_is_sent_for_as_long_as_the_disk_takes(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.journal.append([])  # all before it is on disk
        may_write = hold_up(b.journal)
        placing = asyncio.ensure_future(b.desk.place(buy()))
        await b.turn(lambda: bool(b.desk.orders()))
        for _ in range(50):
            await asyncio.sleep(0)
        b.clock.advance(9)
        for _ in range(50):
            await asyncio.sleep(0)
        assert (b.venue.sent, kinds(b.path)) == ([], ["opened"])
        may_write.set()
        report = await b.run(lambda: placing)
        assert (report.status, len(b.venue.sent)) == (OrderStatus.SUBMITTED, 1)


@pytest.mark.parametrize(
    ("how", "stall_s"),
    [({}, 10.0), ({"wait": "sent", "timeout_s": 2.0}, 2.0), ({"timeout_s": 30.0}, 60.0)],
)
async def test_an_order_that_the_disk_holds_up_for_longer_than_it_may_take_is_not_sent_late(
    tmp_path: Path, how: dict[str, Any], stall_s: float
) -> None:
    async with bench(tmp_path) as b:
        may_write = hold_up(b.journal)
        placing = asyncio.ensure_future(b.desk.place(buy(client_order_id="a"), **how))
        bracket = BracketRequest(entry=buy(), take_profit=Decimal(120), stop_loss=Decimal(90))
        family = asyncio.ensure_future(b.desk.place_bracket(bracket, **how))
        await b.turn(lambda: len(b.desk.orders()) == 4)
        for _ in range(5):
            await asyncio.sleep(0)
        b.clock.advance(stall_s)
        may_write.set()
        for task in (placing, family):
            with pytest.raises(RequestTimeoutError, match="nothing was sent") as caught:
                await b.run(lambda: task)  # noqa: B023  # called at once
            assert caught.value.disposition is SendDisposition.UNSENT
        assert b.venue.sent == []
        assert {one.status for one in b.desk.orders()} == {OrderStatus.REJECTED}
        # of which nothing went: its key is free again
        report = await b.run(lambda: b.desk.place(buy(client_order_id="a")))
        assert (report.status, len(b.venue.sent)) == (OrderStatus.SUBMITTED, 1)


async def test_what_the_disk_took_is_taken_off_the_time_for_the_sending(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        may_write = hold_up(b.journal)
        began = b.clock.monotonic()
        placing = asyncio.ensure_future(b.desk.place(buy(), wait="sent", timeout_s=5.0))
        await b.turn(lambda: bool(b.desk.orders()))
        for _ in range(5):
            await asyncio.sleep(0)
        gives_no_sign = asyncio.Event()
        b.venue.confirm_alive = gives_no_sign.wait  # type: ignore[method-assign,assignment]
        b.clock.advance(3)
        may_write.set()
        with pytest.raises(RequestTimeoutError) as caught:
            await b.run(lambda: placing)
        assert caught.value.disposition is SendDisposition.UNSENT
        assert b.clock.monotonic() - began == 5


async def test_a_rejected_order_raises_with_code_text_and_hint(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.REJECT
        with pytest.raises(OrderRejectedError) as caught:
            await b.run(lambda: b.desk.place(buy()))
        assert caught.value.code == 201
        assert "no margin" in caught.value.message
        assert b.desk.report(1).status is OrderStatus.REJECTED


async def test_an_ioc_order_that_is_cancelled_at_once_is_no_error(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.SILENT
        placing = asyncio.ensure_future(b.desk.place(buy()))
        await b.settle()
        b.venue.tell(the_held(b.venue), "Cancelled")
        assert (await placing).status is OrderStatus.CANCELLED


async def test_no_answer_in_time_is_uncertain_and_found_by_asking(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.SILENT
        with pytest.raises(OrderUncertainError) as caught:
            await b.run(lambda: b.desk.place(buy(), timeout_s=3.0))
        assert caught.value.order_id == 1
        assert caught.value.disposition is SendDisposition.SENT
        await b.settle()
        assert b.desk.report(1).status is OrderStatus.SUBMITTED
        assert len(b.venue.sent) == 1


async def test_an_order_that_vanished_in_a_living_session_stays_uncertain(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.VOID
        with pytest.raises(OrderUncertainError):
            await b.run(lambda: b.desk.place(buy()))
        await b.pass_time(200, step=5)
        assert b.desk.report(1).status is OrderStatus.UNCERTAIN
        assert b.desk.uncertain_count == 1


async def test_cut_before_the_broker_had_it_ends_as_not_placed(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.CUT_BEFORE
        with pytest.raises(OrderUncertainError) as caught:
            await b.run(lambda: b.desk.place(buy()))
        assert caught.value.disposition is SendDisposition.MAYBE_WRITTEN
        b.venue.reconnect()
        first = await b.run(b.desk.reconcile)
        assert len(first.pending) == len(first.uncertain) == 1
        await b.pass_time(6)
        report = b.desk.report(1)
        assert report.status is OrderStatus.REJECTED
        assert "not placed" in report.reason
        assert b.venue.held == {}


@pytest.mark.parametrize(
    ("mode", "status"),
    [(Mode.CUT_AFTER, OrderStatus.SUBMITTED), (Mode.CUT_FILLED, OrderStatus.FILLED)],
)
async def test_cut_after_the_broker_had_it_is_adopted(
    tmp_path: Path, mode: Mode, status: OrderStatus
) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = mode
        with pytest.raises(OrderUncertainError):
            await b.run(lambda: b.desk.place(buy()))
        b.venue.reconnect()
        told = await b.run(b.desk.reconcile)
        assert len(told.adopted) == 1
        assert told.recovered_fills == len(b.desk.report(1).fills)
        assert b.desk.report(1).status is status
        assert len(b.venue.sent) == 1


async def test_a_session_that_ends_while_waiting_is_uncertain_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.SILENT
        placing = asyncio.ensure_future(b.desk.place(buy()))
        await b.settle()
        b.venue.cut()
        with pytest.raises(OrderUncertainError):
            await placing


async def test_an_order_that_shows_up_after_being_called_not_placed_is_revived(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.CUT_BEFORE
        with pytest.raises(OrderUncertainError):
            await b.run(lambda: b.desk.place(buy()))
        b.venue.reconnect()
        await b.run(b.desk.reconcile)
        await b.pass_time(6)
        b.venue._take(b.venue.sent[0])
        b.venue.tell(the_held(b.venue))
        await b.pass_time(3)
        assert b.desk.report(1).status is OrderStatus.SUBMITTED
        assert b.desk.anomalies > 0


async def test_a_wait_in_the_pipeline_that_fails_leaves_nothing_sent(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:

        async def closed(operation: Any) -> None:
            raise CircuitOpenError("open")

        b.pipeline.run = closed  # type: ignore[method-assign, assignment]  # a circuit that is open
        with pytest.raises(CircuitOpenError) as caught:
            await b.run(lambda: b.desk.place(buy(client_order_id="again")))
        assert caught.value.disposition is SendDisposition.UNSENT
        del b.pipeline.run
        report = await b.run(lambda: b.desk.place(buy(client_order_id="again")))
        assert report.status is OrderStatus.SUBMITTED
        assert report.order_ref.endswith("-2")
        assert len(b.venue.sent) == 1


async def test_without_a_session_nothing_is_intended(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.connected = False
        with pytest.raises(NotConnectedError):
            await b.run(lambda: b.desk.place(buy()))
        assert b.desk.orders() == ()
        assert kinds(b.path) == ["opened", "denied"]


async def test_a_bug_below_stops_trading_and_forgets_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with bench(tmp_path) as b:
        b.venue.failing = None

        def broken(ticket: OrderTicket) -> None:
            raise ZeroDivisionError("a bug")

        b.venue.on_send = broken
        with pytest.raises(OrderUncertainError):
            await b.run(lambda: b.desk.place(buy()))
        with pytest.raises(TradingHaltedError):
            await b.run(lambda: b.desk.place(buy()))
        assert "the orders desk has failed" in caplog.text


# --- order ids ----------------------------------------------------------------------------------


async def test_two_hundred_concurrent_orders_have_rising_ids_and_one_frame_each(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:

        async def all_of_them() -> Any:
            return await asyncio.gather(*(b.desk.place(buy()) for _ in range(200)))

        reports = await b.run(all_of_them, step=0.02)
        ids = [ticket.order_id for ticket in b.venue.sent]
        assert ids == sorted(set(ids))
        assert len(ids) == len(reports) == 200
        assert len({ticket.order_ref for ticket in b.venue.sent}) == 200


async def test_an_order_that_waits_for_a_sign_of_life_is_not_overtaken_by_a_later_one(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        alive, asked = asyncio.Event(), 0

        async def first_waits() -> None:
            nonlocal asked
            asked += 1
            if asked == 1:
                await alive.wait()

        b.venue.confirm_alive = first_waits  # type: ignore[method-assign]
        first = asyncio.ensure_future(b.desk.place(buy()))
        await b.turn(lambda: asked == 1)
        # a word of the gateway that is no answer proves to this one that it lives
        second = asyncio.ensure_future(b.desk.place(buy()))
        await b.settle()
        assert len(b.desk.orders()) == 2
        alive.set()
        await b.run(lambda: asyncio.gather(first, second))
        assert [ticket.order_id for ticket in b.venue.sent] == [1, 2]


async def test_ids_do_not_roll_back_with_the_gateway(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.run(lambda: b.desk.place(buy()))
        b.venue._next_id = 1
        report = await b.run(lambda: b.desk.place(buy()))
        assert report.order_id == 2


# --- the same order again -----------------------------------------------------------------------


async def test_the_same_key_is_the_same_order_also_after_a_restart(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        first = await b.run(lambda: b.desk.place(buy(client_order_id="k")))
        again = await b.run(lambda: b.desk.place(buy(client_order_id="k")))
        assert again.order_id == first.order_id
        await b.restart()
        after = await b.run(lambda: b.desk.place(buy(client_order_id="k")))
        assert after.order_id == first.order_id
        assert len(b.venue.sent) == 1


async def test_the_same_key_at_the_same_time_is_one_order(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:

        async def both() -> Any:
            return await asyncio.gather(
                b.desk.place(buy(client_order_id="k")), b.desk.place(buy(client_order_id="k"))
            )

        one, other = await b.run(both)
        assert one.order_id == other.order_id
        assert len(b.venue.sent) == 1


async def test_the_same_key_for_another_order_is_refused(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.run(lambda: b.desk.place(buy(client_order_id="k")))
        with pytest.raises(OrderValidationError, match="already names another order"):
            await b.run(lambda: b.desk.place(buy(50, client_order_id="k")))


async def test_a_rejected_key_stays_rejected(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.REJECT
        for _ in range(2):
            with pytest.raises(OrderRejectedError):
                await b.run(lambda: b.desk.place(buy(client_order_id="k")))
        assert len(b.venue.sent) == 1


# --- denied -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "request_", "error"),
    [
        ({"readonly": True}, buy(), ReadOnlyError),
        ({}, replace(buy(), quantity=Decimal(-1)), OrderValidationError),
        ({}, replace(buy(), limit_price=Decimal("1.001")), OrderValidationError),
        ({}, {"symbol": "AAPL", "quantiy": 1}, OrderValidationError),
        ({}, buy(1001), RiskLimitError),
        (
            {
                "limits": RiskLimits(
                    max_order_size=Decimal(1), trading_allowed=False, halted_reason="no rules"
                )
            },
            buy(),
            TradingHaltedError,
        ),
        ({"accounts": lambda: ("DU1", "DU2")}, buy(), OrderValidationError),
        ({}, buy(account="DU7"), OrderValidationError),
    ],
)
async def test_a_denied_order_leaves_only_an_audit_entry(
    tmp_path: Path, settings: dict[str, Any], request_: Any, error: type[OrderError]
) -> None:
    async with bench(tmp_path, **settings) as b:
        with pytest.raises(error) as caught:
            await b.run(lambda: b.desk.place(request_))
        assert caught.value.disposition is SendDisposition.UNSENT
        await b.settle()
        assert kinds(b.path) == ["opened", "denied"]
        assert (b.venue.sent, b.desk.orders()) == ([], ())


async def test_an_account_of_several_is_taken_from_order_or_settings(tmp_path: Path) -> None:
    accounts = {"accounts": lambda: ("DU1", "DU2"), "account": "DU2"}
    async with bench(tmp_path, **accounts) as b:
        assert (await b.run(lambda: b.desk.place(buy()))).account == "DU2"
        assert (await b.run(lambda: b.desk.place(buy(account="DU1")))).account == "DU1"


async def test_facts_that_cannot_be_had_break_the_rules_that_need_them(tmp_path: Path) -> None:
    class Failing(NoFacts):
        async def facts(
            self, details: ContractDetails, *, account: str, needs: Needs, extended: bool
        ) -> RiskFacts:
            raise MarketDataPermissionError("no subscription")

    limits = RiskLimits(max_order_size=Decimal(1000), max_order_value=Decimal(10**6))
    async with bench(tmp_path, limits=limits, facts=Failing()) as b:
        with pytest.raises(RiskLimitError, match="no subscription") as caught:
            await b.run(lambda: b.desk.place(buy()))
        assert [violation.rule for violation in caught.value.violations] == ["max_order_value"]


async def test_suspending_refuses_new_orders_until_every_reason_is_lifted(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.desk.suspend("link down")
        b.desk.suspend("not yet")
        b.desk.resume("link down")
        with pytest.raises(TradingHaltedError, match="not yet"):
            await b.run(lambda: b.desk.place(buy()))
        b.desk.resume()
        await b.run(lambda: b.desk.place(buy()))


async def test_a_halt_that_comes_while_an_order_waits_stops_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        placing = asyncio.ensure_future(b.desk.place(buy()))
        await b.turn(lambda: bool(b.desk.orders()))
        b.desk.suspend("kill switch")
        with pytest.raises(TradingHaltedError, match="kill switch"):
            await placing
        assert b.venue.sent == []
        assert b.desk.report(1).status is OrderStatus.REJECTED


async def test_a_disk_that_fails_stops_the_order_and_trading(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.settle()
        b.journal._log._database.execute("PRAGMA max_page_count = 1")  # type: ignore[attr-defined]  # of the file
        b.journal._log._database.execute("PRAGMA cache_spill = 0")  # type: ignore[attr-defined]  # of the file
        large = buy(client_order_id="x" * 128)

        async def until_it_is_full() -> None:
            while True:
                await b.desk.place(buy())

        with pytest.raises(OrderError, match="journal cannot be written"):
            await b.run(until_it_is_full)
        sent = len(b.venue.sent)
        with pytest.raises(TradingHaltedError, match="journal"):
            await b.run(lambda: b.desk.place(large))
        b.desk.resume()
        with pytest.raises(TradingHaltedError, match="journal"):
            await b.run(lambda: b.desk.place(large))
        assert len(b.venue.sent) == sent


# --- the caller goes away -----------------------------------------------------------------------


async def test_a_caller_who_goes_before_the_intent_leaves_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        placing = asyncio.ensure_future(b.desk.place(buy()))
        placing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await placing
        await b.settle()
        assert b.desk.orders() == ()
        assert kinds(b.path) == ["opened"]


async def test_a_caller_who_goes_before_the_send_calls_the_order_off(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        placing = asyncio.ensure_future(b.desk.place(buy()))
        await b.turn(lambda: bool(b.desk.orders()))
        placing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await placing
        await b.settle()
        assert b.venue.sent == []
        assert b.desk.report(1).status is OrderStatus.REJECTED


async def test_a_caller_who_goes_after_the_send_does_not_take_the_order_with_him(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.SILENT
        placing = asyncio.ensure_future(b.desk.place(buy()))
        await b.turn(lambda: bool(b.venue.sent))
        placing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await placing
        await b.pass_time(11)
        assert b.desk.report(1).status is OrderStatus.SUBMITTED


# --- cancelling ---------------------------------------------------------------------------------


async def test_a_cancelled_order_is_returned_as_cancelled(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.run(lambda: b.desk.place(buy()))
        report = await b.run(lambda: b.desk.cancel(1))
        assert (report.status, report.filled_quantity) == (OrderStatus.CANCELLED, Decimal(0))
        again = await b.run(lambda: b.desk.cancel(1))
        assert again == report
        assert len(b.venue.cancels) == 1


async def test_a_cancellation_that_was_never_sent_was_not_asked_for(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        placed = await b.run(lambda: b.desk.place(buy()))
        b.venue.connected = False
        with pytest.raises(NotConnectedError):
            await b.run(lambda: b.desk.cancel(1))
        assert b.desk.report(1) == placed
        assert b.venue.cancels == []


async def test_the_word_before_the_code_is_as_good(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:

        def word_first(held: Held) -> None:
            b.venue.tell(held, "Cancelled")
            b.venue.fault(held.ticket.order_id, 202, "Order Canceled")

        b.venue.cancel_answer = word_first
        await b.run(lambda: b.desk.place(buy()))
        assert (await b.run(lambda: b.desk.cancel(1))).status is OrderStatus.CANCELLED
        assert b.desk.anomalies == 0


async def test_a_fill_that_is_faster_than_the_cancellation_is_told(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:

        def too_late(held: Held) -> None:
            b.venue.fault(held.ticket.order_id, 10148, "cannot be cancelled, state: Filled")
            b.venue.execute(held, held.ticket.quantity)

        b.venue.cancel_answer = too_late
        await b.run(lambda: b.desk.place(buy()))
        report = await b.run(lambda: b.desk.cancel(1))
        assert (report.status, report.filled_quantity) == (OrderStatus.FILLED, Decimal(100))


async def test_partly_filled_and_cancelled_says_both(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.run(lambda: b.desk.place(buy()))
        b.venue.execute(the_held(b.venue), Decimal(40))
        assert b.desk.report(1).status is OrderStatus.PARTIALLY_FILLED
        report = await b.run(lambda: b.desk.cancel(1))
        assert (report.status, report.filled_quantity, report.remaining_quantity) == (
            OrderStatus.CANCELLED,
            Decimal(40),
            Decimal(60),
        )


@pytest.mark.parametrize("code", [161, 10147, 10148, 136])
async def test_a_refusal_is_checked_with_the_broker_before_it_is_believed(
    tmp_path: Path, code: int
) -> None:
    async with bench(tmp_path) as b:
        b.venue.cancel_answer = lambda held: b.venue.fault(held.ticket.order_id, code, "no")
        await b.run(lambda: b.desk.place(buy()))
        with pytest.raises(OrderStateError) as caught:
            await b.run(lambda: b.desk.cancel(1))
        assert caught.value.code == code
        assert caught.value.disposition is SendDisposition.SENT
        assert b.desk.report(1).status is OrderStatus.SUBMITTED


async def test_a_refusal_of_an_order_that_ended_unheard_tells_how_it_ended(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:

        def gone(held: Held) -> None:
            b.venue.execute(held, held.ticket.quantity, tell=False)
            b.venue.fault(held.ticket.order_id, 10147, "not found")

        b.venue.cancel_answer = gone
        await b.run(lambda: b.desk.place(buy()))
        assert (await b.run(lambda: b.desk.cancel(1))).status is OrderStatus.FILLED


async def test_an_unconfirmed_cancellation_may_be_asked_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.cancel_answer = None
        await b.run(lambda: b.desk.place(buy()))
        with pytest.raises(OrderStateError, match="not confirmed yet") as caught:
            await b.run(lambda: b.desk.cancel(1, timeout_s=4.0))
        assert caught.value.retryable
        assert caught.value.disposition is SendDisposition.SENT
        b.venue.cancel_answer = b.venue.confirm_cancel
        assert (await b.run(lambda: b.desk.cancel(1))).status is OrderStatus.CANCELLED


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (None, SendDisposition.MAYBE_WRITTEN),
        (SendDisposition.UNSENT, SendDisposition.UNSENT),
    ],
)
async def test_a_cancellation_that_could_not_be_sent_says_how_far_it_got(
    tmp_path: Path, said: SendDisposition | None, told: SendDisposition
) -> None:
    async with bench(tmp_path) as b:
        await b.run(lambda: b.desk.place(buy()))

        async def fails(order_id: OrderId) -> None:
            raise OrderError("it broke", disposition=said)

        b.venue.send_cancel = fails  # type: ignore[method-assign]
        with pytest.raises(OrderError, match="it broke") as caught:
            await b.run(lambda: b.desk.cancel(1))
        assert caught.value.disposition is told


async def test_a_cancellation_that_nothing_was_tried_of_was_not_sent(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.run(lambda: b.desk.place(buy()))
        b.venue.failing = OrderError("it broke before")
        with pytest.raises(OrderError, match="it broke before") as caught:
            await b.run(lambda: b.desk.cancel(1))
        assert caught.value.disposition is SendDisposition.UNSENT


async def test_a_cancellation_on_a_lost_link_is_uncertain(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.cancel_answer = lambda held: b.venue.cut()
        await b.run(lambda: b.desk.place(buy()))
        with pytest.raises(OrderUncertainError):
            await b.run(lambda: b.desk.cancel(1))


async def test_a_broker_that_stops_answering_makes_a_cancellation_uncertain(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:

        def mute(held: Held) -> None:
            b.venue.failing = RequestTimeoutError("nobody answers", replay_safe=False)

        b.venue.cancel_answer = mute
        await b.run(lambda: b.desk.place(buy()))
        with pytest.raises(OrderUncertainError, match="nobody answers"):
            await b.run(lambda: b.desk.cancel(1, timeout_s=3.0))


async def test_an_order_that_is_not_sent_yet_is_called_off_without_a_message(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        may_write = hold_up(b.journal)
        placing = asyncio.ensure_future(b.desk.place(buy()))
        await b.turn(lambda: bool(b.desk.orders()))
        cancelling = asyncio.ensure_future(b.desk.cancel(1))
        await asyncio.sleep(0)
        may_write.set()
        report = await b.run(lambda: cancelling)
        assert (report.status, report.disposition) == (
            OrderStatus.REJECTED,
            SendDisposition.UNSENT,
        )
        with pytest.raises(OrderStateError, match="called off"):
            await placing
        assert (b.venue.sent, b.venue.cancels) == ([], [])


async def test_unknown_foreign_and_read_only_orders_are_not_cancelled(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        with pytest.raises(OrderNotFoundError):
            await b.desk.cancel(77)
        await b.run(lambda: b.desk.place(buy()))
        row = b.venue.row(the_held(b.venue))
        foreign = replace(row, perm_id=PermId(55), client_id=ClientId(9), order_ref="")
        b.desk.apply(OpenOrderSeen(order=foreign))
        with pytest.raises(OrderStateError, match="another client") as caught:
            await b.desk.cancel(55)
        assert "client id 9" in str(caught.value)
        b.desk._admission._readonly = True
        with pytest.raises(ReadOnlyError):
            await b.desk.cancel(1)
        assert b.venue.cancels == []


# --- verdict windows and strangers --------------------------------------------------------------


async def test_inactive_is_answered_after_the_verdict_window(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.SILENT
        placing = asyncio.ensure_future(b.desk.place(buy()))
        await b.settle()
        held = the_held(b.venue)
        held.status = "Inactive"
        b.desk.apply(b.venue.status(held, why_held="locate"))
        await b.settle()
        assert not placing.done()
        await b.pass_time(3)
        report = await placing
        assert report.status is OrderStatus.SUBMITTED
        assert "locate" in report.reason


async def test_a_code_on_a_working_order_never_ends_it_by_itself(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.run(lambda: b.desk.place(buy()))
        for code in (104, 110, 135, 161, 201, 202, 399, 10147, 10148, 10349, 10318, 54321):
            b.venue.fault(OrderId(1), code, "text")
        await b.settle()
        assert b.desk.report(1).status is OrderStatus.SUBMITTED
        b.venue.execute(the_held(b.venue), Decimal(100))
        await b.pass_time(3)
        assert b.desk.report(1).status is OrderStatus.FILLED
        assert OrderStatus.CANCELLED not in {report.status for report in b.reports}


async def test_a_status_of_an_unknown_order_is_looked_up_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        other = b.venue._take(ticket(order_id=70, order_ref="theirs"))
        other.client_id = ClientId(4)
        for _ in range(3):
            b.desk.apply(b.venue.status(other))
        await b.settle()
        (report,) = b.desk.orders(open_only=True)
        assert (report.perm_id, report.client_id) == (other.perm_id, 4)
        assert b.desk.open_count == 0


async def test_a_code_for_nobodys_order_is_ignored(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.fault(OrderId(99), 201, "whose")
        assert b.desk.orders() == ()


# --- restarts and questions ---------------------------------------------------------------------


async def test_a_restart_makes_unanswered_orders_uncertain_and_finds_them(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.SILENT
        with pytest.raises(OrderUncertainError):
            await b.run(lambda: b.desk.place(buy(client_order_id="k"), timeout_s=1.0))
        b.venue.mode = Mode.SILENT
        await b.restart()
        told = await b.run(b.desk.reconcile)
        assert told.uncertain == ()
        report = await b.run(lambda: b.desk.place(buy(client_order_id="k")))
        assert report.status is OrderStatus.SUBMITTED


async def test_closing_the_desk_answers_those_who_wait(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.SILENT
        placing = asyncio.ensure_future(b.desk.place(buy()))
        await b.turn(lambda: bool(b.venue.sent))
        await b.stop()
        with pytest.raises(OrderUncertainError):
            await placing
        await b.start()
        assert b.desk.report(1).status is OrderStatus.UNCERTAIN
        await b.stop()
        with pytest.raises(TradingHaltedError):
            await b.desk.place(buy())


async def test_an_answer_that_fails_concludes_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.run(lambda: b.desk.place(buy()))
        b.venue.failing = RequestTimeoutError("no end of the list", replay_safe=False)
        with pytest.raises(IBKRError, match="no end of the list"):
            await b.run(b.desk.reconcile)
        assert b.desk.report(1).status is OrderStatus.SUBMITTED


async def test_an_order_that_the_broker_lost_becomes_uncertain_and_keeps_its_history(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        await b.run(lambda: b.desk.place(buy()))
        b.venue.held.clear()
        told = await b.run(b.desk.reconcile)
        assert len(told.pending) == 1
        await b.pass_time(6)
        report = b.desk.report(1)
        assert report.status is OrderStatus.UNCERTAIN
        assert "no longer lists it" in report.reason


async def test_waiting_for_what_does_not_come_times_out(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.run(lambda: b.desk.place(buy()))
        with pytest.raises(RequestTimeoutError, match="order 1 is still submitted") as caught:
            await b.run(lambda: b.desk.wait_for(1, lambda now: now.is_closed, timeout_s=3.0))
        assert caught.value.disposition is SendDisposition.SENT


async def test_a_report_is_found_without_a_session(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.run(lambda: b.desk.place(buy()))
        b.venue._client_id = ClientId(2)
        assert b.desk.report(1).client_id == 1
        with pytest.raises(OrderStateError, match="another client"):
            await b.desk.cancel(1)


async def test_the_correlation_id_and_the_cause_are_in_the_journal(tmp_path: Path) -> None:

    async with bench(tmp_path) as b:
        with correlation() as cid:
            await b.run(lambda: b.desk.place(buy()))
        await b.settle()
        steps = [entry for entry in read(b.path) if entry.kind in ("intent", "step", "fact")]
        assert {step.correlation_id for step in steps} == {cid}
        assert [step.cause for step in steps] == ["place", "openOrder", "openOrder", "send"]
        assert steps[0].time == NOON


async def test_text_that_no_file_can_hold_does_not_stop_the_journal(tmp_path: Path) -> None:
    async def resolve(contract: Contract | str) -> ContractDetails:
        raise ContractNotFoundError(f"no contract fits {contract}")

    async with bench(tmp_path, resolve=resolve) as b:
        # half of a surrogate pair, as JSON may carry it
        order = {"symbol": "A\ud800", "action": "BUY", "quantity": 1, "order_type": "MKT"}
        with pytest.raises(ContractNotFoundError):
            await b.run(lambda: b.desk.place(order))
        (denied,) = (one for one in await b.journal.entries() if one.kind == "denied")
        assert denied.body["reason"] == "no contract fits A\\ud800"
        assert b.desk.halted_by == ()


async def test_orders_may_come_while_another_thread_counts_them(tmp_path: Path) -> None:
    class Coming:
        """An entry during whose look at it the next order comes."""

        is_own = is_open = True
        state = State.UNCERTAIN

        def __getattribute__(self, name: str) -> object:
            if name == "is_own":
                intended(len(ledger) + 1)
            return object.__getattribute__(self, name)

    def intended(number: int) -> None:
        wanted = ticket(order_id=number, order_ref=f"ibc-{number}")
        ledger.record(Intended(at=NOON, key=f"ibc-{number}", client_id=ClientId(1), ticket=wanted))

    async with bench(tmp_path) as b:
        ledger = b.desk._ledger
        ledger._entries["x"] = Coming()  # type: ignore[assignment]
        ledger._open["x"] = None
        assert (b.desk.open_count, b.desk.uncertain_count) == (1, 1)
        ledger._entries.clear()
        ledger._open.clear()


async def test_answers_slower_than_the_orders_that_are_lost_settle_them_all_the_same(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.SILENT
        listed = b.venue.open_orders

        async def slowly() -> tuple[BrokerOrder, ...]:
            await b.clock.sleep(3.0)
            return await listed()

        b.venue.open_orders = slowly  # type: ignore[method-assign]
        with pytest.raises(OrderUncertainError):
            await b.run(lambda: b.desk.place(buy()))
        for _ in range(4):
            # another order has had no answer in time
            b.desk._inquiry.follow_up()
            await b.pass_time(2.0)
        assert b.desk.uncertain_count == 0
