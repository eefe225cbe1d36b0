"""The ledger: identity, fills counted once, steps taken on evidence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ibkr_connector.gateway.port import (
    CommissionReported,
    OpenOrderSeen,
)
from ibkr_connector.model.advisor import Allocation
from ibkr_connector.model.contracts import Contract, SecurityType
from ibkr_connector.model.ids import ClientId, ConId, ExecId, OrderId, PermId
from ibkr_connector.model.orders import Exercise, OrderStatus, OrderTerms
from ibkr_connector.orders.entry import evolve
from ibkr_connector.orders.evidence import (
    FaultReading,
    Seen,
    move,
    see,
    see_completed,
    see_fault,
    see_listed,
)
from ibkr_connector.orders.ledger import Ledger, exec_base
from ibkr_connector.orders.notes import Changed, Intended, Refused
from ibkr_connector.orders.states import Event, State
from kit.order_desk import NOON, ticket
from kit.order_told import ME, PERM, completed, execution, row, status


@pytest.fixture
def ledger() -> Ledger:
    made = Ledger()
    made.record(Intended(at=NOON, key="ibc-a", client_id=ME, ticket=ticket()))
    move(made, "ibc-a", Event.SEND, at=NOON, cause="send")
    return made


def fault(code: int, *, dead: bool = False, ask: bool = False) -> FaultReading:
    return FaultReading(order_id=OrderId(1), code=code, text=f"text {code}", dead=dead, ask=ask)


def tell(ledger: Ledger, *events: Any) -> list[Seen]:
    return [see(ledger, event, at=NOON) for event in events]


def test_a_working_order_becomes_filled_with_the_average_of_its_executions(ledger: Ledger) -> None:
    tell(
        ledger,
        status("Submitted"),
        execution("a.b.01.01", 60),
        execution("a.c.01.01", 40, price=Decimal(102)),
        status("Filled", 100),
    )
    report = ledger.get("ibc-a").report()
    assert report.status is OrderStatus.FILLED
    assert report.filled_quantity == Decimal(100)
    assert report.avg_fill_price == Decimal("100.8")
    assert [step.target for step in report.transitions] == ["sent", "working", "filled"]


def test_a_fill_before_the_acknowledgement_is_counted(ledger: Ledger) -> None:
    tell(ledger, execution(quantity=30))
    report = ledger.get("ibc-a").report()
    assert (report.status, report.filled_quantity) == (OrderStatus.PARTIALLY_FILLED, Decimal(30))


def test_the_same_message_twice_changes_nothing(ledger: Ledger) -> None:
    messages = [status("Submitted"), execution(quantity=40), status("Submitted", 40)]
    tell(ledger, *messages)
    before = ledger.get("ibc-a")
    repeated = tell(ledger, *messages)
    assert [seen.notes for seen in repeated] == [(), (), ()]
    assert ledger.get("ibc-a") == before


def test_the_brokers_count_is_believed_while_executions_are_missing(ledger: Ledger) -> None:
    tell(ledger, status("Filled", 100))
    entry = ledger.get("ibc-a")
    assert (entry.state, entry.filled, entry.average_price) == (
        State.FILLED,
        Decimal(100),
        Decimal(101),
    )
    tell(ledger, execution())
    assert ledger.get("ibc-a").average_price == Decimal(100)


def test_what_no_execution_bears_out_of_a_count_is_told(ledger: Ledger) -> None:
    tell(ledger, execution(quantity=40), status("Filled", 100))
    entry = ledger.get("ibc-a")
    report = entry.report()
    assert (report.status, report.filled_quantity) == (OrderStatus.FILLED, Decimal(100))
    assert (report.unbacked_quantity, entry.lags) == (Decimal(60), True)
    tell(ledger, execution("a.c.01.01", 60))
    entry = ledger.get("ibc-a")
    assert (entry.report().unbacked_quantity, entry.lags) == (Decimal(0), False)


def test_what_runs_ahead_while_the_order_is_open_is_told_and_not_late_yet(ledger: Ledger) -> None:
    tell(ledger, status("Submitted", 30))
    entry = ledger.get("ibc-a")
    assert (entry.report().unbacked_quantity, entry.lags) == (Decimal(30), False)
    tell(ledger, status("Cancelled", 30))
    assert ledger.get("ibc-a").lags


def test_a_count_that_was_corrected_since_is_waited_for_no_more(ledger: Ledger) -> None:
    tell(ledger, execution(), status("Filled", 100), execution("a.b.01.02", 90))
    entry = ledger.get("ibc-a")
    assert (entry.report().unbacked_quantity, entry.lags) == (Decimal(0), False)


def test_an_exercise_is_done_without_executions(ledger: Ledger) -> None:
    terms = OrderTerms(exercise=Exercise())
    entry = evolve(ledger.get("ibc-a"), terms=terms)
    entry = evolve(entry, state=State.FILLED, stated_filled=Decimal(100))
    assert (entry.report().unbacked_quantity, entry.lags) == (Decimal(0), False)


def test_a_divided_order_is_borne_out_by_the_whole_and_then_by_its_parts(ledger: Ledger) -> None:
    note = Intended(
        at=NOON,
        key="ibc-d",
        client_id=ME,
        ticket=replace(
            ticket(2, "ibc-d"),
            account="",
            terms=OrderTerms(allocation=Allocation(group="Core")),
        ),
    )
    ledger.record(note)
    of: dict[str, Any] = {"order_id": OrderId(2), "perm_id": PermId(901)}
    of_fill = of | {"order_ref": "ibc-d"}
    tell(ledger, status("Filled", 100, **of))
    assert ledger.get("ibc-d").unbacked == 100
    tell(ledger, execution("w.1.01.01", account="DF1000000", **of_fill))
    assert ledger.get("ibc-d").unbacked == 0
    tell(ledger, execution("p.1.01.01", 70, account="DU1", **of_fill))
    assert ledger.get("ibc-d").unbacked == 0
    tell(ledger, execution("p.2.01.01", 30, account="DU2", **of_fill))
    assert [fill.account for fill in ledger.get("ibc-d").told_fills] == ["DU1", "DU2"]
    assert ledger.get("ibc-d").unbacked == 0


def test_a_late_fill_after_a_cancellation_is_booked(ledger: Ledger) -> None:
    tell(ledger, status("Submitted"), status("Cancelled"), execution(quantity=30))
    report = ledger.get("ibc-a").report()
    assert (report.status, report.filled_quantity) == (OrderStatus.CANCELLED, Decimal(30))
    tell(ledger, execution("a.c.01.01", 70))
    assert ledger.get("ibc-a").state is State.FILLED


def test_a_correction_replaces_and_an_old_revision_is_ignored(ledger: Ledger) -> None:
    tell(ledger, execution("a.b.01.01", 100))
    (seen,) = tell(ledger, execution("a.b.01.02", 90))
    entry = ledger.get("ibc-a")
    assert (entry.filled, entry.state) == (Decimal(90), State.WORKING)
    assert seen.ask == frozenset({"ibc-a"})
    tell(ledger, execution("a.b.01.01", 100))
    assert ledger.get("ibc-a").filled == Decimal(90)


def test_a_correction_makes_the_brokers_earlier_count_worthless(ledger: Ledger) -> None:
    tell(ledger, execution(), status("Filled", 100), execution("a.b.01.02", 90))
    assert ledger.get("ibc-a").filled == Decimal(90)


def test_a_correction_that_completes_the_order_fills_it(ledger: Ledger) -> None:
    tell(ledger, execution(quantity=90), execution("a.b.01.02", 100))
    assert ledger.get("ibc-a").state is State.FILLED


def test_a_bust_takes_the_fill_back(ledger: Ledger) -> None:
    tell(ledger, execution(), execution("a.b.01.02", 0))
    entry = ledger.get("ibc-a")
    assert (entry.fills, entry.filled, entry.status) == ((), Decimal(0), OrderStatus.SUBMITTED)


def test_a_bust_of_a_finished_order_ends_it_cancelled_and_not_filled(ledger: Ledger) -> None:
    tell(ledger, execution(), status("Filled", 100), execution("a.b.01.02", 0))
    see_completed(ledger, completed("Filled"), at=NOON)
    entry = ledger.get("ibc-a")
    assert (entry.state, entry.filled) == (State.CANCELLED, Decimal(0))
    assert "corrected" in entry.reason


def test_a_correction_counts_also_when_it_is_the_first_that_is_heard(ledger: Ledger) -> None:
    seen = tell(ledger, status("Filled", 100), execution("a.b.01.02", 90))[-1]
    entry = ledger.get("ibc-a")
    assert (entry.filled, entry.state) == (Decimal(90), State.WORKING)
    assert seen.ask == frozenset({"ibc-a"})


@pytest.mark.parametrize("said", ["openOrder", "orderStatus"])
def test_filled_without_a_count_is_a_life_sign_and_the_executions_are_asked_for(
    ledger: Ledger, said: str
) -> None:
    event = OpenOrderSeen(order=row("Filled")) if said == "openOrder" else status("Filled", 0)
    seen = tell(ledger, event)[-1]
    entry = ledger.get("ibc-a")
    assert (entry.state, entry.filled, entry.seen) == (State.WORKING, Decimal(0), True)
    assert seen.ask == frozenset({"ibc-a"})
    tell(ledger, execution())
    assert ledger.get("ibc-a").state is State.FILLED


def changed(ledger: Ledger, quantity: int) -> None:
    tell(ledger, status("Submitted"))
    asked = replace(ticket(), quantity=Decimal(quantity))
    ledger.record(Changed(at=NOON, key="ibc-a", ticket=asked))


def test_more_executed_than_there_was_proves_that_our_change_was_made(ledger: Ledger) -> None:
    changed(ledger, 150)
    tell(ledger, execution(quantity=60))
    assert ledger.get("ibc-a").quantity == Decimal(100)
    tell(ledger, execution("a.c.01.01", quantity=60))
    entry = ledger.get("ibc-a")
    assert (entry.quantity, entry.filled, entry.state) == (
        Decimal(150),
        Decimal(120),
        State.WORKING,
    )
    assert ledger.anomalies == 0


def test_the_list_of_closed_orders_takes_nothing_from_a_count_that_runs_ahead(
    ledger: Ledger,
) -> None:
    tell(ledger, status("Filled", 100), execution(quantity=10))
    see_completed(ledger, completed("Filled"), at=NOON)
    entry = ledger.get("ibc-a")
    assert (entry.quantity, entry.filled, entry.unbacked) == tuple(map(Decimal, (100, 100, 90)))


def test_all_of_a_filled_order_is_what_its_last_execution_counted(ledger: Ledger) -> None:
    tell(ledger, execution(quantity=40, cumulative_quantity=Decimal(70)))
    see_completed(ledger, completed("Filled"), at=NOON)
    entry = ledger.get("ibc-a")
    assert (entry.state, entry.quantity, entry.filled) == (State.FILLED, Decimal(70), Decimal(70))


def test_a_refusal_that_comes_after_the_end_is_about_the_change(ledger: Ledger) -> None:
    changed(ledger, 150)
    tell(ledger, status("Cancelled"))
    see_fault(ledger, fault(201, dead=True), client_id=ME, at=NOON)
    assert ledger.get("ibc-a").state is State.CANCELLED


@pytest.mark.parametrize("commission_first", [True, False])
def test_a_commission_joins_its_fill_in_either_order(
    ledger: Ledger, commission_first: bool
) -> None:
    charge = CommissionReported(
        exec_id=ExecId("a.b.01.01"), commission=Decimal("1.05"), currency="USD", realized_pnl=None
    )
    messages = [execution(), charge]
    tell(ledger, *(reversed(messages) if commission_first else messages), charge)
    (fill,) = ledger.get("ibc-a").fills
    assert (fill.commission, fill.commission_currency) == (Decimal("1.05"), "USD")
    assert ledger.get("ibc-a").commission == Decimal("1.05")


def test_a_commission_is_not_told_before_every_fill_has_one(ledger: Ledger) -> None:
    charge = CommissionReported(
        exec_id=ExecId("a.b.01.01"), commission=Decimal(1), currency="USD", realized_pnl=None
    )
    tell(ledger, execution(quantity=50), execution("a.c.01.01", 50), charge)
    assert ledger.get("ibc-a").commission is None


@pytest.mark.parametrize(
    "code_first", [pytest.param(True, id="201 first"), pytest.param(False, id="Inactive first")]
)
def test_inactive_and_201_in_either_order_are_one_rejection(
    ledger: Ledger, code_first: bool
) -> None:
    def code() -> None:
        see_fault(ledger, fault(201, dead=True), client_id=ME, at=NOON)

    def word() -> None:
        tell(ledger, status("Inactive"))

    for step in (code, word) if code_first else (word, code):
        step()
    entry = ledger.get("ibc-a")
    assert (entry.state, entry.code, entry.reason) == (State.REJECTED, 201, "text 201")
    assert sum(step.target == "rejected" for step in entry.transitions) == 1
    assert ledger.anomalies == 0


def test_cancelled_and_201_in_either_order_are_one_rejection(ledger: Ledger) -> None:
    tell(ledger, status("Cancelled"))
    see_fault(ledger, fault(201, dead=True), client_id=ME, at=NOON)
    assert ledger.get("ibc-a").state is State.REJECTED


def test_an_inactive_order_that_waits_for_shares_can_fill(ledger: Ledger) -> None:
    (seen,) = tell(ledger, status("Inactive", why_held="locate"))
    assert seen.ask == frozenset({"ibc-a"})
    assert "locate" in ledger.get("ibc-a").reason
    tell(ledger, status("Submitted"), execution())
    assert ledger.get("ibc-a").state is State.FILLED


@pytest.mark.parametrize("code", [103, 201, 10318])
def test_a_code_that_kills_new_orders_only_asks_about_a_working_one(
    ledger: Ledger, code: int
) -> None:
    tell(ledger, status("Submitted"))
    seen = see_fault(ledger, fault(code, dead=True), client_id=ME, at=NOON)
    assert (ledger.get("ibc-a").state, seen.ask) == (State.WORKING, frozenset({"ibc-a"}))
    tell(ledger, execution())
    assert ledger.get("ibc-a").state is State.FILLED


def test_a_hint_asks_and_a_warning_is_only_remembered(ledger: Ledger) -> None:
    hint = see_fault(ledger, fault(10148, ask=True), client_id=ME, at=NOON)
    warning = see_fault(ledger, fault(399), client_id=ME, at=NOON)
    assert (hint.ask, warning.ask) == (frozenset({"ibc-a"}), frozenset())
    assert ledger.get("ibc-a").state is State.SENT
    assert ledger.get("ibc-a").reason == "text 399"


def test_a_code_for_an_unknown_order_is_nobodys(ledger: Ledger) -> None:
    other = replace(fault(201, dead=True), order_id=OrderId(77))
    assert see_fault(ledger, other, client_id=ME, at=NOON) == Seen(stranger=True)


def test_a_code_after_the_end_changes_nothing(ledger: Ledger) -> None:
    tell(ledger, execution())
    before = ledger.get("ibc-a")
    see_fault(ledger, fault(202, ask=True), client_id=ME, at=NOON)
    assert ledger.get("ibc-a") == before


def test_an_impossible_word_is_reported_once_counted_and_changes_nothing(ledger: Ledger) -> None:
    tell(ledger, execution())
    first, second = tell(ledger, status("PreSubmitted"), status("PreSubmitted"))
    assert [type(note) for note in first.notes] == [Refused]
    assert first.ask == frozenset({"ibc-a"})
    assert not second.notes
    assert ledger.anomalies == 2
    assert ledger.get("ibc-a").state is State.FILLED


def test_a_word_we_have_not_met_moves_nothing_and_asks(ledger: Ledger) -> None:
    (seen,) = tell(ledger, status("Pondering"))
    assert (ledger.get("ibc-a").state, seen.ask) == (State.SENT, frozenset({"ibc-a"}))


def test_more_executed_than_ordered_is_an_anomaly_and_still_counted(ledger: Ledger) -> None:
    tell(ledger, execution(), execution("a.c.01.01", 10))
    assert (ledger.get("ibc-a").filled, ledger.anomalies) == (Decimal(110), 1)


def test_an_order_id_that_rolled_back_does_not_adopt_another_order(ledger: Ledger) -> None:
    tell(ledger, status("Submitted"))
    older = row("Submitted", perm_id=PermId(111), order_ref="ibc-older")
    tell(ledger, OpenOrderSeen(order=older))
    tell(ledger, status("Filled", 100))
    assert ledger.get("ibc-a").state is State.FILLED
    assert ledger.get("perm:111").state is State.WORKING


def test_a_copy_made_in_tws_keeps_the_reference_and_is_not_ours(ledger: Ledger) -> None:
    copy = row(perm_id=PermId(5), client_id=ClientId(0), order_id=OrderId(0))
    tell(ledger, OpenOrderSeen(order=copy))
    assert ledger.get("ibc-a").state is State.SENT
    assert not ledger.get("perm:5").is_own


@pytest.mark.parametrize("kind", ["openOrder", "execution", "completed"])
def test_our_reference_says_more_than_a_permanent_id_that_another_order_had(
    ledger: Ledger, kind: str
) -> None:
    tell(ledger, OpenOrderSeen(order=row()), status("Filled", 100), execution())
    assert ledger.get("ibc-a").perm_id == PERM
    again = replace(ticket(), order_id=OrderId(2), order_ref="ibc-b")
    ledger.record(Intended(at=NOON, key="ibc-b", client_id=ME, ticket=again))
    move(ledger, "ibc-b", Event.SEND, at=NOON, cause="send")
    before = ledger.get("ibc-a")
    ours = {"order_id": OrderId(2), "order_ref": "ibc-b"}
    match kind:
        case "openOrder":
            tell(ledger, OpenOrderSeen(order=row("Submitted", **ours)))
        case "execution":
            tell(ledger, execution("c.d.01.01", 100, **ours))
        case _:
            see_completed(ledger, completed("Cancelled", order_ref="ibc-b"), at=NOON)
    assert ledger.get("ibc-b").perm_id == PERM
    assert ledger.get("ibc-b").seen
    assert ledger.get("ibc-a") == before


def test_a_reference_that_somebody_has_written_over_in_tws_is_no_other_order(
    ledger: Ledger,
) -> None:
    tell(ledger, OpenOrderSeen(order=row()))
    tell(ledger, OpenOrderSeen(order=row("Cancelled", order_ref="mine")))
    assert ledger.get("ibc-a").state is State.CANCELLED


def test_a_divided_orders_units_are_counted_once_and_a_change_is_not_proven_by_them() -> None:
    ledger = Ledger()
    divided = replace(
        ticket(quantity=8), account="", terms=OrderTerms(allocation=Allocation(group="Core"))
    )
    ledger.record(Intended(at=NOON, key="ibc-a", client_id=ME, ticket=divided))
    move(ledger, "ibc-a", Event.SEND, at=NOON, cause="send")
    tell(ledger, OpenOrderSeen(order=row(quantity=Decimal(8))))
    larger = replace(divided, quantity=Decimal(20))
    ledger.record(Changed(at=NOON, key="ibc-a", ticket=larger))
    tell(ledger, execution("w.01.01", 8, account="DF1000000", cumulative_quantity=Decimal(8)))
    assert ledger.get("ibc-a").state is State.FILLED
    assert ledger.get("ibc-a").unallotted == 8
    tell(ledger, execution("p.01.01", 2, account="DU1"), execution("p.02.01", 6, account="DU2"))
    entry = ledger.get("ibc-a")
    assert (entry.state, entry.quantity, entry.executed) == (State.FILLED, Decimal(8), Decimal(8))
    assert {fill.account for fill in entry.report().fills} == {"DU1", "DU2"}
    assert entry.allotted_to("DU2") == 6
    assert (entry.unallotted, ledger.anomalies) == (Decimal(0), 0)
    charges = {"w.01.01": "9", "p.01.01": "1.5", "p.02.01": "2"}
    for exec_id, cost in charges.items():
        tell(ledger, charged(exec_id, cost))
    assert ledger.get("ibc-a").commission == Decimal("3.5")
    assert ledger.get("ibc-a").account == ""


def charged(exec_id: str, cost: str) -> CommissionReported:
    return CommissionReported(
        exec_id=ExecId(exec_id), commission=Decimal(cost), currency="USD", realized_pnl=None
    )


def test_a_completed_order_is_known_by_its_reference_alone(ledger: Ledger) -> None:
    see_completed(ledger, completed("Filled", perm_id=None), at=NOON)
    entry = ledger.get("ibc-a")
    assert (entry.state, entry.filled) == (State.FILLED, Decimal(100))


def test_a_completed_order_that_was_inactive_is_rejected(ledger: Ledger) -> None:
    tell(ledger, status("Inactive"))
    see_completed(ledger, completed("Cancelled", completed_status="Cancelled by System"), at=NOON)
    assert ledger.get("ibc-a").state is State.REJECTED


def test_a_completed_order_with_a_reject_reason_is_rejected(ledger: Ledger) -> None:
    see_completed(ledger, completed("Cancelled", reject_reason="no margin"), at=NOON)
    assert (ledger.get("ibc-a").state, ledger.get("ibc-a").reason) == (State.REJECTED, "no margin")


def test_a_completed_order_with_a_strange_word_moves_nothing(ledger: Ledger) -> None:
    see_completed(ledger, completed("Vanished"), at=NOON)
    assert ledger.get("ibc-a").state is State.SENT


def test_a_completed_order_of_others_is_met_and_one_without_any_id_is_not(ledger: Ledger) -> None:
    see_completed(
        ledger,
        completed("Filled", perm_id=PermId(7), order_ref="", filled_quantity=Decimal(5)),
        at=NOON,
    )
    assert ledger.get("perm:7").filled == Decimal(5)
    nobody = see_completed(ledger, completed("Filled", perm_id=None, order_ref=""), at=NOON)
    assert nobody.stranger


def test_an_open_order_with_a_reject_reason_is_rejected(ledger: Ledger) -> None:
    tell(ledger, OpenOrderSeen(order=row("Inactive", reject_reason="short sale not allowed")))
    assert ledger.get("ibc-a").state is State.REJECTED


def test_the_brokers_list_revives_what_was_called_closed(ledger: Ledger) -> None:
    move(ledger, "ibc-a", Event.LOSE, at=NOON, cause="test")
    move(ledger, "ibc-a", Event.NOT_PLACED, at=NOON, cause="test")
    see_listed(ledger, row(), at=NOON, since=ledger.mark())
    assert ledger.get("ibc-a").state is State.WORKING


def test_a_list_asked_for_before_the_end_does_not_revive(ledger: Ledger) -> None:
    tell(ledger, status("Submitted"))
    mark = ledger.mark()
    tell(ledger, status("Cancelled"))
    see_listed(ledger, row(), at=NOON, since=mark)
    assert (ledger.get("ibc-a").state, ledger.anomalies) == (State.CANCELLED, 0)


def test_a_listed_inactive_order_is_not_asked_about_again(ledger: Ledger) -> None:
    seen = see_listed(ledger, row("Inactive"), at=NOON, since=ledger.mark())
    assert (ledger.get("ibc-a").state, seen.ask) == (State.SUSPENDED, frozenset())


def test_a_push_of_inactive_in_open_order_asks_once(ledger: Ledger) -> None:
    first, second = tell(
        ledger, OpenOrderSeen(order=row("Inactive")), OpenOrderSeen(order=row("Inactive"))
    )
    assert (first.ask, second.ask) == (frozenset({"ibc-a"}), frozenset())


def test_an_open_order_with_a_strange_word_is_an_anomaly(ledger: Ledger) -> None:
    tell(ledger, OpenOrderSeen(order=row("Pondering")))
    assert ledger.anomalies == 1


def test_manual_orders_with_id_zero_are_told_apart_by_their_permanent_ids(ledger: Ledger) -> None:
    for perm_id in (5, 6):
        tell(
            ledger,
            OpenOrderSeen(
                order=row(
                    perm_id=PermId(perm_id),
                    client_id=ClientId(0),
                    order_id=OrderId(0),
                    order_ref="",
                    order_type="TRAIL",
                    time_in_force="GTD",
                )
            ),
        )
    assert {entry.key for entry in ledger if not entry.is_own} == {"perm:5", "perm:6"}
    assert ledger.get("perm:5").report().order_type == "TRAIL"


def test_messages_that_name_nobody_are_strangers(ledger: Ledger) -> None:
    nobody: dict[str, Any] = {"perm_id": None, "order_id": OrderId(0), "order_ref": ""}
    seen = tell(
        ledger,
        OpenOrderSeen(order=row(**nobody)),
        execution("x.y.01.01", **nobody),
        status("Submitted", order_id=OrderId(44), perm_id=PermId(44)),
    )
    assert [each.stranger for each in seen] == [True, True, True]
    assert len(ledger) == 1


def test_an_order_of_another_client_without_permanent_id_is_keyed_by_its_client(
    ledger: Ledger,
) -> None:
    tell(
        ledger,
        OpenOrderSeen(order=row(perm_id=None, client_id=ClientId(9), order_ref="")),
        OpenOrderSeen(order=row(perm_id=PermId(12), client_id=ClientId(9), order_ref="")),
    )
    assert ledger.get("client:9/1").perm_id == PermId(12)


def test_a_foreign_order_known_by_executions_grows_with_them(ledger: Ledger) -> None:
    foreign: dict[str, Any] = {
        "perm_id": PermId(70),
        "client_id": ClientId(0),
        "order_id": OrderId(0),
        "order_ref": "",
    }
    (seen,) = tell(ledger, execution("f.1.01.01", 10, cumulative_quantity=Decimal(10), **foreign))
    tell(ledger, execution("f.2.01.01", 20, cumulative_quantity=Decimal(30), **foreign))
    entry = ledger.get("perm:70")
    assert (entry.filled, entry.quantity, entry.state) == (Decimal(30), Decimal(30), State.FILLED)
    assert (seen.ask, ledger.anomalies) == (frozenset({"perm:70"}), 0)


def test_a_quantity_raised_in_tws_reopens_a_filled_order(ledger: Ledger) -> None:
    tell(ledger, execution(), OpenOrderSeen(order=row(quantity=Decimal(150))))
    entry = ledger.get("ibc-a")
    assert (entry.quantity, entry.state) == (Decimal(150), State.WORKING)


def test_legs_of_a_combination_do_not_count_as_fills_of_it() -> None:
    combo = Contract(symbol="SPY", security_type=SecurityType.COMBO, con_id=ConId(28812380))
    ledger = Ledger()
    ledger.record(
        Intended(
            at=NOON,
            key="ibc-c",
            client_id=ME,
            ticket=replace(ticket(order_ref="ibc-c", quantity=1), contract=combo),
        )
    )
    leg: dict[str, Any] = {"quantity": 1, "order_ref": "ibc-c"}
    tell(ledger, execution("l.1.01.01", **leg), execution("l.2.01.01", **leg))
    assert ledger.get("ibc-c").filled == Decimal(0)
    tell(ledger, status("Filled", 1))
    assert ledger.get("ibc-c").unbacked == Decimal(1)
    tell(ledger, execution("l.3.01.01", contract=combo, **leg))
    assert ledger.get("ibc-c").state is State.FILLED
    assert ledger.get("ibc-c").unbacked == Decimal(0)


def test_the_highest_order_id_is_per_client(ledger: Ledger) -> None:
    tell(
        ledger,
        OpenOrderSeen(order=row(perm_id=PermId(3), order_id=OrderId(40), order_ref="")),
        OpenOrderSeen(
            order=row(perm_id=PermId(4), client_id=ClientId(2), order_id=OrderId(99), order_ref="")
        ),
    )
    assert ledger.highest_order_id(ME) == 40
    assert ledger.highest_order_id(ClientId(8)) == 0


def test_every_note_carries_the_correlation_id_of_its_order() -> None:
    ledger = Ledger()
    ledger.record(
        Intended(at=NOON, key="ibc-a", client_id=ME, ticket=ticket(), correlation_id="c0ffee")
    )
    (seen,) = tell(ledger, execution())
    assert {note.correlation_id for note in seen.notes} == {"c0ffee"}


def test_replaying_leaves_the_orders_of_others_to_the_broker(ledger: Ledger) -> None:
    notes = [
        note
        for seen in tell(
            ledger,
            OpenOrderSeen(order=row(perm_id=PermId(3), client_id=ClientId(2), order_ref="")),
            execution("f.1.01.01", 10, perm_id=PermId(3), client_id=ClientId(2)),
        )
        for note in seen.notes
    ]
    again = Ledger()
    again.replay(notes)
    assert len(again) == 0


def test_the_time_of_a_report_is_the_last_change(ledger: Ledger) -> None:
    later = NOON + timedelta(seconds=5)
    see(ledger, status("Submitted"), at=later)
    see(ledger, status("Submitted"), at=datetime(2026, 3, 5, tzinfo=UTC))
    assert ledger.get("ibc-a").report().timestamp == later


@pytest.mark.parametrize(
    ("exec_id", "split"),
    [
        ("0000e0d5.5f1.01.02", ("0000e0d5.5f1.01", 2)),
        ("plain", ("plain", 0)),
        ("odd.tail", ("odd.tail", 0)),
    ],
)
def test_an_execution_id_is_split_at_its_revision(exec_id: str, split: tuple[str, int]) -> None:
    assert exec_base(ExecId(exec_id)) == split
