"""What the journal tells of an order, of this run and of earlier ones."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from ibkr_connector.clock import ManualClock
from ibkr_connector.errors import ConfigurationError, OrderNotFoundError
from ibkr_connector.gateway.port import CommissionReported
from ibkr_connector.model.ids import ClientId, ExecId, PermId
from ibkr_connector.model.orders import OrderStatus, SendDisposition
from ibkr_connector.orders.history import order_history, read_history, read_orders, trace
from ibkr_connector.orders.journal import Journal, read, read_about
from ibkr_connector.orders.notes import Denied, Intended, Met, Moved
from ibkr_connector.orders.states import Event, State
from kit.order_desk import NOON, bench, buy, ticket
from kit.order_venue import Mode


async def test_every_step_of_a_filled_order_has_its_cause_and_its_evidence(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        at.venue.mode = Mode.FILL
        report = await at.desk.place(buy(100, client_order_id="mine"))
        history = await order_history(at.journal, report.order_id)
    assert history.order.status is OrderStatus.FILLED
    assert history.steps[0].kind == "intent"
    moves = [(step.source, step.target) for step in history.steps if step.kind == "step"]
    assert all(left[1] == right[0] for left, right in pairwise(moves))
    assert (moves[0][0], moves[-1][1]) == ("intended", "filled")
    assert all(step.cause for step in history.steps)
    fill = next(step for step in history.steps if step.kind == "fill")
    assert fill.cause == "execDetails"
    assert fill.evidence["fill"]["quantity"] == "100"
    assert "100 at 100" in fill.what
    assert [step.seq for step in history.steps] == sorted({step.seq for step in history.steps})


@pytest.mark.parametrize("name", ["order id", "permanent id", "reference", "client_order_id"])
async def test_an_order_of_an_earlier_run_is_found_by_any_of_its_names(
    tmp_path: Path, name: str
) -> None:
    async with bench(tmp_path) as at:
        report = await at.desk.place(buy(100, client_order_id="mine"))
    names = {
        "order id": report.order_id,
        "permanent id": report.perm_id,
        "reference": report.order_ref,
        "client_order_id": "mine",
    }
    history = read_history(at.path, names[name] or 0)
    assert history.order.order_ref == report.order_ref
    assert history.steps[0].evidence["client_order_id"] == "mine"


async def test_what_a_kill_left_open_has_the_restart_as_its_cause(tmp_path: Path) -> None:
    path = tmp_path / "orders.sqlite3"
    journal = await Journal.open(path, clock=ManualClock(NOON))
    await journal.append([Intended(at=NOON, key="ibc-a", client_id=ClientId(1), ticket=ticket())])
    await journal.aclose()
    assert read_orders(path)[0].report.disposition is SendDisposition.UNSENT
    async with bench(tmp_path) as at:
        step = (await order_history(at.journal, 1)).steps[-1]
    assert (step.source, step.target, step.cause) == ("intended", "uncertain", "restart")
    assert read_orders(path)[0].is_open


async def test_a_commission_that_came_before_its_execution_is_part_of_the_story(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as at:
        report = await at.desk.place(buy(10))
        at.desk.apply(
            CommissionReported(
                exec_id=ExecId("0000e0d5.00000001.01.01"),
                commission=Decimal("1.25"),
                currency="USD",
                realized_pnl=None,
            )
        )
        at.venue.execute(at.venue.held[report.order_ref], Decimal(10))
        history = await order_history(at.journal, report.order_id)
    assert history.order.commission == Decimal("1.25")
    kinds = [step.kind for step in history.steps]
    assert kinds.index("commission") < kinds.index("fill")


async def test_of_two_orders_with_one_number_the_newest_is_told_and_the_other_named(
    tmp_path: Path,
) -> None:
    journal = await Journal.open(tmp_path / "j", clock=ManualClock(NOON))
    for reference in ("ibc-a", "ibc-b"):
        await journal.append(
            [Intended(at=NOON, key=reference, client_id=ClientId(1), ticket=ticket(7, reference))]
        )
    history = await order_history(journal, 7)
    assert (history.order.order_ref, history.namesakes) == ("ibc-b", ("ibc-a",))
    await journal.aclose()


async def test_orders_of_others_are_in_the_history_too(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        own = await at.desk.place(buy(10))
        stranger = replace(
            at.venue.row(at.venue.held[own.order_ref]),
            order_ref="theirs",
            client_id=ClientId(9),
            perm_id=PermId(77),
        )
        await at.journal.append(
            [
                Met(at=NOON, key="perm:77", order=stranger, cause="open orders"),
                Moved(
                    at=NOON + timedelta(seconds=1),
                    key="perm:77",
                    event=Event.WORK,
                    source=State.ACCEPTED,
                    target=State.WORKING,
                    cause="orderStatus",
                ),
            ]
        )
    assert [order.is_own for order in read_orders(at.path)] == [True, False]
    assert "met at the broker" in read_history(at.path, 77).steps[0].what
    # the number belongs to our own order as long as there is one
    assert read_history(at.path, own.order_id).order.order_ref == own.order_ref


async def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no journal"):
        read_history(tmp_path / "nothing", 1)
    journal = await Journal.open(tmp_path / "j", clock=ManualClock(NOON))
    await journal.append([Denied(at=NOON, key="", error="E", reason="too big", order="…")])
    with pytest.raises(OrderNotFoundError, match="no order 12"):
        await order_history(journal, 12)
    await journal.aclose()
    with pytest.raises(OrderNotFoundError):
        trace(read(tmp_path / "j"), "ibc-a")


async def test_a_journal_that_takes_nothing_more_still_tells_what_it_has(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path / "j", clock=ManualClock(NOON))
    await journal.append([Intended(at=NOON, key="ibc-a", client_id=ClientId(1), ticket=ticket())])
    await journal.aclose()
    assert (await order_history(journal, "ibc-a")).steps[0].kind == "intent"


async def test_only_the_orders_of_that_name_are_read_and_the_tale_is_the_same(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        keys = [None, "once", "41", 'a "quoted" name', "1"]
        for key in keys:
            report = await b.run(partial(b.desk.place, buy(client_order_id=key)))
            held = b.venue.by_ref(report.order_ref)
            assert held is not None
            b.venue.execute(held, Decimal(100))
        await b.settle()
        await b.journal.append([])
        everything = read(b.path)
        names = {key for key in keys if key is not None} | {"1", "4"}
        for known in b.desk.orders():
            names |= {str(known.order_id), str(known.perm_id), known.order_ref}
        for name in sorted(names):
            assert read_history(b.path, name) == trace(everything, name)
            assert len(read_about(b.path, name)) < len(everything)
        with pytest.raises(OrderNotFoundError):
            read_history(b.path, "12")
