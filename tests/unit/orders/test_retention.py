"""Closed orders leave memory, and nobody can tell that they have."""

import tracemalloc
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ibkr_connector.errors import NotConnectedError, OrderNotFoundError, OrderValidationError
from ibkr_connector.gateway.port import CommissionReported, OrderFault, OrderTicket
from ibkr_connector.model.advisor import Allocation
from ibkr_connector.model.ids import ClientId, ExecId, OrderId
from ibkr_connector.model.orders import OrderReport, OrderStatus, OrderTerms, SendDisposition
from ibkr_connector.orders.journal import Journal, verify
from ibkr_connector.orders.ledger import Ledger
from ibkr_connector.orders.meeting import fill_of
from ibkr_connector.orders.notes import Charged, Filled, Intended, Moved
from ibkr_connector.orders.retention import settled
from ibkr_connector.orders.states import Event, State
from kit.order_desk import NOON, Bench, bench, buy, ticket
from kit.order_told import execution

DAYS = 8 * 86_400.0
"""After this nobody waits for a commission any more."""


async def placed(b: Bench, key: str = "k", *, filled: bool = True) -> OrderReport:
    report: OrderReport = await b.run(lambda: b.desk.place(buy(client_order_id=key)))
    held = b.venue.by_ref(report.order_ref)
    assert held is not None
    if filled:
        b.venue.execute(held, Decimal(100))
    else:
        b.venue.confirm_cancel(held)
    await b.settle()
    return b.desk.report(report.order_id)


def forget(b: Bench, keep_s: float = 86_400.0) -> int:
    return b.desk._book.retention.sweep(keep_s, b.desk._book._waiting)


async def test_a_forgotten_order_is_found_by_its_number_as_it_was(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        before = await placed(b)
        b.clock.advance(DAYS)
        assert forget(b) == 1
        assert b.desk.orders() == ()
        with pytest.raises(OrderNotFoundError):
            b.desk.report(before.order_id)
        assert await b.desk.look_up(before.order_id) == before
        assert (await b.desk.history(before.order_id)).order == before


async def test_a_forgotten_key_is_still_the_same_order(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        before = await placed(b)
        b.clock.advance(DAYS)
        assert forget(b) == 1
        assert await b.run(lambda: b.desk.place(buy(client_order_id="k"))) == before
        assert len(b.venue.sent) == 1
        forget(b)
        with pytest.raises(OrderValidationError, match="names another order"):
            await b.run(lambda: b.desk.place(buy(7, client_order_id="k")))
        assert len(b.venue.sent) == 1


async def test_an_order_that_is_forgotten_within_its_verdict_window_stops_nobody(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        before = await placed(b)
        b.clock.advance(DAYS)
        held = b.venue.by_ref(before.order_ref)
        assert held is not None
        # a word that cannot be: the broker is asked when the window is over
        b.venue.tell(held, "Submitted")
        forget(b)
        assert b.desk.orders() == ()
        await b.pass_time(10.0)
        assert b.desk.halted_by == ()
        assert (await b.desk.look_up(before.order_id)).order_ref == before.order_ref


async def test_what_is_asked_for_is_not_forgotten_in_the_same_moment(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await placed(b)
        b.clock.advance(DAYS)
        forget(b)
        await b.desk._book.retention.recall_placed("k")
        assert forget(b) == 0
        b.clock.advance(DAYS)
        assert forget(b) == 1


async def test_after_a_restart_the_old_ones_are_forgotten_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        before = await placed(b)
        b.clock.advance(DAYS)
        await b.restart()
        await b.settle()
        assert b.desk.orders() == ()
        assert await b.run(lambda: b.desk.place(buy(client_order_id="k"))) == before
        assert len(b.venue.sent) == 1
        assert verify(b.path) > 0


async def test_a_start_reads_what_is_live_and_not_what_was_forgotten(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        sizes = []
        for number in range(4):
            await placed(b, f"k{number}")
            b.clock.advance(DAYS)
            assert forget(b) == 1
            await b.restart()
            sizes.append(len(await b.journal.opening_notes()))
        assert max(sizes) <= 2  # the checkpoint, and that it was opened
        await b.settle()  # what is only handed in may be written between the two counts
        assert len(await b.journal.notes()) > 20
        assert verify(b.path) == len(await b.journal.notes())


async def test_order_ids_do_not_go_back_when_all_orders_are_forgotten(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        first = await placed(b)
        b.clock.advance(DAYS)
        forget(b)
        await b.restart()
        b.venue._next_id = 1
        assert (await placed(b, "next")).order_id == first.order_id + 1


async def test_what_happens_to_an_order_after_it_was_forgotten_outlives_a_start(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        before = await placed(b)
        b.clock.advance(DAYS)
        forget(b)
        held = b.venue.by_ref(before.order_ref)
        assert held is not None
        bust = replace(held.executions[0], exec_id=corrected(before), quantity=Decimal(0))
        b.desk.apply(bust)
        assert b.desk.report(before.order_id).filled_quantity == 0
        await b.restart()
        assert b.desk.report(before.order_id).filled_quantity == 0


def corrected(report: OrderReport) -> ExecId:
    base, _, revision = report.fills[0].exec_id.rpartition(".")
    return ExecId(f"{base}.{int(revision) + 1:02}")


async def test_the_broker_may_still_speak_of_a_forgotten_order(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        before = await placed(b)
        b.clock.advance(DAYS)
        forget(b)
        await b.run(b.desk.reconcile)  # its lists have the order, its end and its execution
        assert b.desk.report(before.order_id) == before
        assert [report.order_ref for report in b.desk.orders()] == [before.order_ref]


async def test_open_orders_uncharged_fills_and_families_stay(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.run(lambda: b.desk.place(buy()))
        done = await placed(b)
        b.clock.advance(2 * 86_400.0)
        assert forget(b) == 0  # one is open, and what the other cost is not known
        charge = CommissionReported(
            exec_id=done.fills[0].exec_id,
            commission=Decimal(1),
            currency="USD",
            realized_pnl=None,
        )
        b.desk.apply(charge)
        b.clock.advance(2 * 86_400.0)
        assert forget(b) == 1
        assert len(b.desk.orders()) == 1


def test_a_closed_member_of_an_open_family_stays() -> None:
    ledger = Ledger()
    head = ticket(order_id=1, order_ref="ibc-1")
    exits = [
        replace(ticket(order_id=number, order_ref=f"ibc-{number}"), parent_id=OrderId(1))
        for number in (2, 3)
    ]
    for one in (head, *exits):
        ledger.record(Intended(at=NOON, key=one.order_ref, client_id=ClientId(1), ticket=one))

    def close(key: str) -> None:
        step = Moved(
            at=NOON, key=key, event=Event.CANCEL, source=State.WORKING, target=State.CANCELLED
        )
        ledger.record(step)

    def going() -> list[str]:
        later = NOON + timedelta(days=2)
        return settled(ledger, before=later, give_up=later, in_use=lambda key: False)

    for key, left in (("ibc-1", []), ("ibc-2", []), ("ibc-3", ["ibc-1", "ibc-2", "ibc-3"])):
        close(key)
        assert going() == left


def test_a_divided_order_waits_for_the_commissions_of_its_accounts_and_of_nothing_else() -> None:
    ledger = Ledger()
    terms = OrderTerms(allocation=Allocation(group="Core"))
    wanted = replace(ticket(quantity=10), account="", terms=terms)
    ledger.record(Intended(at=NOON, key="ibc-a", client_id=ClientId(1), ticket=wanted))
    for account, exec_id in (("DF1000000", "w.01.01"), ("DU1", "a.01.01")):
        fill = fill_of(execution(exec_id, 10, account=account))
        ledger.record(Filled(at=NOON, key="ibc-a", fill=fill))
    step = Moved(
        at=NOON, key="ibc-a", event=Event.FILL_ALL, source=State.WORKING, target=State.FILLED
    )
    ledger.record(step)

    def going() -> list[str]:
        later = NOON + timedelta(days=2)
        return settled(ledger, before=later, give_up=NOON - timedelta(1), in_use=lambda key: False)

    assert going() == []
    charge = Charged(
        at=NOON,
        key="ibc-a",
        exec_id=ExecId("a.01.01"),
        commission=Decimal(1),
        currency="USD",
        realized_pnl=None,
    )
    ledger.record(charge)
    assert going() == ["ibc-a"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("place"), st.sampled_from("abc"), st.booleans()),
        st.tuples(st.sampled_from(["forget", "restart", "reconcile", "days"])),
    ),
    max_size=12,
)


@pytest.mark.timeout(0)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(steps=STEPS)
async def test_forgetting_and_restarting_at_any_moment_changes_no_answer(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[object, ...]]
) -> None:
    async with bench(tmp_path_factory.mktemp("steps")) as b:
        known: dict[str, OrderReport] = {}
        for what, *values in steps:
            if what == "place":
                key = str(values[0])
                if key in known:
                    again = await b.run(partial(b.desk.place, buy(client_order_id=key)))
                    assert again == known[key]
                else:
                    known[key] = await placed(b, key, filled=bool(values[1]))
            elif what == "forget":
                forget(b)
            elif what == "restart":
                await b.restart()
            elif what == "reconcile":
                await b.run(b.desk.reconcile)
            else:
                b.clock.advance(DAYS)
        assert len(b.venue.sent) == len(known)
        for report in known.values():
            assert await b.run(partial(b.desk.look_up, report.order_id)) == report
        assert {report.order_ref for report in b.desk.orders()} <= {
            report.order_ref for report in known.values()
        }


async def test_memory_does_not_grow_with_the_orders_of_past_days(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        ledger = b.desk._book.ledger

        def a_day(number: int) -> None:
            for one in range(200):
                order_id = number * 200 + one + 1
                key = f"ibc-{order_id}"
                sent = ticket(order_id=order_id, order_ref=key)
                at = b.clock.utcnow()
                ledger.record(
                    Intended(
                        at=at,
                        key=key,
                        client_id=ClientId(1),
                        ticket=sent,
                        client_order_id=f"key {order_id}",
                    )
                )
                ledger.record(
                    Moved(
                        at=at,
                        key=key,
                        event=Event.CANCEL,
                        source=State.INTENDED,
                        target=State.CANCELLED,
                    )
                )
            b.clock.advance(2 * 86_400.0)
            forget(b)

        a_day(0)
        tracemalloc.start()
        a_day(1)
        start, _ = tracemalloc.get_traced_memory()
        for number in range(2, 12):
            a_day(number)
        end, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(ledger) == 0
        assert end - start < 200_000


async def test_a_journal_tells_all_notes_of_an_order(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        before = await placed(b, filled=False)
        assert before.status is OrderStatus.CANCELLED
        await b.journal.append([])
        notes = b.journal.notes_of(before.order_ref)
        assert isinstance(notes[0], Intended)
        assert isinstance(b.journal, Journal)
        assert b.journal.notes_of("ibc-nothing") == ()


async def test_an_attempt_that_somebody_looked_up_does_not_hide_the_one_that_was_sent(
    tmp_path: Path,
) -> None:
    def no_session(ticket: OrderTicket) -> None:
        raise NotConnectedError("no session", disposition=SendDisposition.UNSENT)

    async with bench(tmp_path) as b:
        b.venue.on_send, sends = no_session, b.venue.on_send
        with pytest.raises(NotConnectedError):
            await b.run(lambda: b.desk.place(buy(client_order_id="k")))
        b.venue.on_send = sends
        (unsent,) = b.desk.orders()
        before = await placed(b)
        b.clock.advance(DAYS)
        assert forget(b) == 2
        await b.desk.look_up(unsent.order_id)
        assert await b.run(lambda: b.desk.place(buy(client_order_id="k"))) == before
        assert len(b.venue.sent) == 1


async def test_a_lost_journal_does_not_place_an_order_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await placed(b, "k2", filled=False)
        report = await b.run(lambda: b.desk.place(buy(client_order_id="k")))
        await b.stop()
        b.path = tmp_path / "new.sqlite3"
        b.venue.reconnect()
        await b.start()
        await b.run(b.desk.reconcile)
        with pytest.raises(OrderValidationError, match=f"names order {report.order_id} at the"):
            await b.run(lambda: b.desk.place(buy(client_order_id="k")))
        await b.run(lambda: b.desk.place(buy(client_order_id="k3")))
        assert len(b.venue.sent) == 3


async def test_what_was_said_against_a_cancellation_is_forgotten_with_the_order(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        report = await placed(b)
        b.desk._cancelling.refused(
            report.order_ref, OrderFault(order_id=OrderId(report.order_id), code=161, text="no")
        )
        b.clock.advance(DAYS)
        assert forget(b) == 1
        assert not b.desk._cancelling.was_refused(report.order_ref)
