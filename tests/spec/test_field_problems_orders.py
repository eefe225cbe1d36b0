"""
What people suffer from with orders, problem by problem, through a real socket.

The numbers are those of the collected field problems of IB's clients; the tests are named after
them, so `pytest -k field_problem_05` shows one. What each asks for:

| problem | what must follow |
| --- | --- |
| 2 | an answer that is lost ends in one order, found again; nothing is sent twice |
| 4 | a fill while nobody listened is told once; a question without an answer is no empty answer |
| 5 | no error code ends an order that lives |
| 6 | an execution counts once, its correction instead of it |
| 8 | a client id that is in use is said at once, and waited for |
| 9 | order ids only rise; orders typed by hand are told apart without one |
| 13 | an order that never left may be sent again; one without an answer is asked for |
| 14 | `Inactive` is no end; with its code it is one rejection, in either order |
| 15 | a refused cancellation is no verdict |
| 25 | orders of others are known, and not ours to cancel |
| 26 | no part of a bracket works without the rest |
| 29 | a commission joins its fill, whichever comes first |
| 30 | with two accounts an order names one; groups of accounts are not taken |
| 32 | a question what an order would do never places it (more in `gateway/test_what_if.py`) |
"""

from __future__ import annotations

import asyncio
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from ibkr_connector.codes import OrderEffect, Scope, lookup
from ibkr_connector.codes.table import TABLE
from ibkr_connector.errors import (
    ClientIdInUseError,
    OrderRejectedError,
    OrderStateError,
    OrderUncertainError,
    OrderValidationError,
)
from ibkr_connector.gateway.client import GatewayClient
from ibkr_connector.model.orders import OrderReport, OrderStatus, SendDisposition, market_order
from ibkr_connector.model.status import ConnectionState
from ibkr_connector.orders.events import FillCorrected, FillReceived, OrderChanged, OrderEvent
from ibkr_connector.orders.feed import EventReader
from ibkr_connector.simulator import (
    Answer,
    CancelRace,
    Cut,
    Duplicate,
    Fault,
    GatewaySimulator,
    IgnoreRequest,
    Manner,
    MissingEnd,
    Permissions,
    PresetTif,
    Quirk,
    Reject,
    Rewrite,
    Warn,
    WhatIfTwice,
)
from ibkr_connector.simulator.exchange.commands import CorrectExecution, SetQuote
from ibkr_connector.simulator.exchange.records import Owner, Terms, VenueOrder
from ibkr_connector.simulator.wire.requests import PlaceOrder, StartApi
from kit.order_socket import Wire, wire
from kit.rig import rig

ROWS: Final = (2, 4, 5, 6, 8, 9, 13, 14, 15, 25, 26, 29, 30, 32)
TESTS: Final = Path(__file__).parents[1]
APPLE: Final = 265598
ENDED: Final = (OrderStatus.CANCELLED, OrderStatus.REJECTED)
MARKET: Final[dict[str, Any]] = {"symbol": "AAPL", "action": "BUY", "quantity": 10}
LIMIT: Final[dict[str, Any]] = MARKET | {"order_type": "LMT", "limit_price": "1.05"}
BRACKET: Final[dict[str, Any]] = LIMIT | {"take_profit": "9000", "stop_loss": "1.00"}


@pytest.mark.parametrize("row", ROWS)
def test_every_problem_of_orders_has_a_test_that_is_named_after_it(row: int) -> None:
    names = [
        name
        for path in TESTS.rglob("test_*.py")
        for name in re.findall(
            rf"^(?:async )?def (test_field_problem_{row:02}_\w+)", path.read_text(), re.M
        )
    ]
    assert names
    assert f"| {row} |" in (__doc__ or "")


# --- what the tests below share -------------------------------------------------------------------


def there(gw: GatewaySimulator) -> list[VenueOrder]:
    return [*gw.venue.open_orders(), *gw.venue.closed_orders()]


def frames(gw: GatewaySimulator) -> list[int]:
    """Return the order ids of everything that came as an order."""
    asked = [one.request for one in gw.log]
    return [request.order_id for request in asked if isinstance(request, PlaceOrder)]


def listen(desk: Wire) -> EventReader:
    return desk.desk.feed.subscribe()


async def told(reader: EventReader) -> list[OrderEvent]:
    """Return everything that was said so far; the feed is closed with it."""
    reader.close()
    events: list[OrderEvent] = []
    done = 0
    while True:
        done, batch = await reader.batch(done)
        if not batch:
            return events
        events += batch


def statuses(events: list[OrderEvent]) -> list[OrderStatus]:
    return [one.report.status for one in events if isinstance(one, OrderChanged)]


def one_of(event: OrderEvent, wanted: tuple[OrderStatus, ...]) -> bool:
    return isinstance(event, OrderChanged) and event.report.status in wanted


def trade_through(gw: GatewaySimulator, price: str = "1.00") -> None:
    """Move the market so that everything that buys at that price is filled."""
    at = Decimal(price)
    gw.gateway.execute(SetQuote(con_id=APPLE, bid=at, ask=at, last=at), gw.clock.utcnow())
    gw.flush()


async def working(desk: Wire, **more: Any) -> OrderReport:
    return await desk.desk.place(LIMIT | more)


async def closed(desk: Wire, order_id: int) -> OrderReport:
    return await desk.desk.wait_for(order_id, lambda now: now.is_closed, timeout_s=60)


async def back(desk: Wire) -> None:
    """Log in again, when the line is down, and compare with the broker."""
    await desk.ended.wait()
    await desk.connect()
    await desk.desk.reconcile()


# --- 2 --------------------------------------------------------------------------------------------


async def test_field_problem_02_an_answer_that_is_lost_ends_in_the_same_order_once(
    tmp_path: Path,
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        gw.inject(Cut(on="PlaceOrder", handled=True))
        with pytest.raises(OrderUncertainError) as caught:
            await working(desk, client_order_id="once")
        assert desk.desk.report(caught.value.order_id).status is OrderStatus.UNCERTAIN
        await back(desk)
        found = desk.desk.report(caught.value.order_id)
        assert (found.status, found.order_ref) == (OrderStatus.SUBMITTED, there(gw)[0].order_ref)
        # the caller who asks again is told of the same order
        assert (await working(desk, client_order_id="once")).order_id == found.order_id
        assert len(frames(gw)) == len(there(gw)) == 1


# --- 4 --------------------------------------------------------------------------------------------


async def test_field_problem_04_a_fill_while_nobody_listened_is_told_once_as_recovered(
    tmp_path: Path,
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await working(desk)
        reader = listen(desk)
        gw.cut()
        trade_through(gw)
        await back(desk)
        await desk.desk.reconcile()
        events = await told(reader)
        [fill] = [one for one in events if isinstance(one, FillReceived)]
        assert (fill.recovered, fill.fill.quantity) == (True, Decimal(10))
        assert desk.desk.report(report.order_id).status is OrderStatus.FILLED


async def test_field_problem_04_positions_that_are_never_answered_are_not_no_positions(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as made:
        await made.run(made.engine.orders.place(MARKET | {"order_type": "MKT"}))
        await made.until(lambda: bool(made.engine.positions(None)))
        made.simulator.inject(MissingEnd(of="PositionEnd"))
        made.simulator.cut()
        await made.until(lambda: made.state is ConnectionState.DEGRADED)
        assert made.engine.status().degraded_by == ("positions",)
        assert [one.quantity for one in made.engine.positions(None)] == [Decimal(10)]


# --- 5 --------------------------------------------------------------------------------------------

ABOUT_ORDERS: Final = sorted(
    {row.code for row in TABLE if row.order is not OrderEffect.NONE}
    | {10349, 10148, 10147, 161, 10311, 201, 202, 203, 399, 404, 2109, 103, 135, 10318, 110, 321}
)


async def test_field_problem_05_no_code_ends_an_order_that_lives_and_its_fill_is_booked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GatewayClient, "MaxRequests", 0)  # as many at once as the test likes
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        reports = await asyncio.gather(*(working(desk) for _ in ABOUT_ORDERS))
        reader = listen(desk)
        for report, code in zip(reports, ABOUT_ORDERS, strict=True):
            gw.gateway.sessions[1].fail(report.order_id, code, "said for a test")
        gw.flush()
        trade_through(gw)
        for report, code in zip(reports, ABOUT_ORDERS, strict=True):
            filled = await closed(desk, report.order_id)
            assert filled.status is OrderStatus.FILLED, code
            assert filled.filled_quantity == Decimal(10), code
        ended = [one for one in await told(reader) if one_of(one, ENDED)]
        assert not ended


async def test_field_problem_05_a_code_that_says_dead_is_no_verdict_while_the_broker_lists_it(
    tmp_path: Path,
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await working(desk)
        before = sum(type(one.request).__name__ == "ReqAllOpenOrders" for one in gw.log)
        gw.gateway.sessions[1].fail(report.order_id, 201, "said for a test")
        gw.flush()
        async with asyncio.timeout(60):
            # the broker is asked once the verdict window is over
            while sum(type(one.request).__name__ == "ReqAllOpenOrders" for one in gw.log) == before:
                await asyncio.sleep(0)
        await desk.desk.reconcile()
        assert desk.desk.report(report.order_id).status is OrderStatus.SUBMITTED
        assert lookup(201, Scope.ORDER).order is OrderEffect.DEAD


# --- 6 --------------------------------------------------------------------------------------------


async def test_field_problem_06_a_correction_counts_instead_of_what_it_corrects(
    tmp_path: Path,
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        gw.inject(Duplicate(reply="ExecDetails", copies=4))
        report = await desk.desk.place(market_order("AAPL", "BUY", 100))
        report = await closed(desk, report.order_id)
        await desk.desk.reconcile()
        [fill] = desk.desk.report(report.order_id).fills
        assert fill.quantity == 100
        reader = listen(desk)
        correction = CorrectExecution(exec_id=fill.exec_id, quantity=Decimal(90))
        gw.gateway.execute(correction, gw.clock.utcnow())
        gw.flush()
        corrected = await desk.desk.wait_for(
            report.order_id, lambda now: now.filled_quantity == 90, timeout_s=60
        )
        await desk.desk.reconcile()
        assert [one.quantity for one in corrected.fills] == [Decimal(90)]
        events = await told(reader)
        [event] = [one for one in events if isinstance(one, FillCorrected)]
        assert (event.before.quantity, event.fill.quantity) == (Decimal(100), Decimal(90))


# --- 8 --------------------------------------------------------------------------------------------

IN_USE: Final = Answer(to="StartApi", code=326, text="already in use", ends=True, times=2)


async def test_field_problem_08_a_client_id_in_use_is_said_at_once_and_not_after_a_timeout(
    tmp_path: Path,
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        gw.inject(IN_USE)
        for _ in range(2):
            begun = desk.clock.monotonic()
            with pytest.raises(ClientIdInUseError):
                await desk.connect()
            # a login is given a minute, which nobody waits for
            assert desk.clock.monotonic() - begun < 30
        await desk.connect()


async def test_field_problem_08_the_same_client_id_is_waited_for_until_it_is_free(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as made:
        before = made.logins()
        made.simulator.inject(IN_USE)
        made.simulator.cut()
        await made.until(lambda: made.state is ConnectionState.WAITING)
        await made.ready()
        assert made.logins() == before + 3
        asked = [one.request for one in made.simulator.log]
        ids = {one.client_id for one in asked if isinstance(one, StartApi)}
        assert ids == {made.settings.client_id}


# --- 9 --------------------------------------------------------------------------------------------


async def test_field_problem_09_two_hundred_orders_at_once_have_ids_that_only_rise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GatewayClient, "MaxRequests", 0)  # as many at once as the test likes
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        reports = await asyncio.gather(*(working(desk) for _ in range(200)))
        ids = frames(gw)
        assert ids == sorted(set(ids))
        assert set(ids) == {one.order_id for one in reports}
        assert len(ids) == len(there(gw)) == 200


async def test_field_problem_09_ids_go_on_after_those_that_were_used_before(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw:
        async with wire(gw, tmp_path / "j") as desk:
            first = await working(desk)
        gw.quirk(Quirk.NEXT_ID_ROLLBACK)
        async with wire(gw, tmp_path / "j") as desk:
            assert (await working(desk)).order_id > first.order_id
        assert len({one.order_ref for one in there(gw)}) == 2


async def test_field_problem_09_two_orders_by_hand_without_an_id_are_two_orders(
    tmp_path: Path,
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        for quantity in (3, 4):
            by_hand(gw, quantity)
        await desk.desk.reconcile()
        met = [one for one in desk.desk.orders() if one.order_id == 0]
        assert sorted(one.quantity for one in met) == [3, 4]
        assert len({one.perm_id for one in met}) == 2


def by_hand(gw: GatewaySimulator, quantity: int, owner: Owner | None = None) -> VenueOrder:
    terms = Terms(
        action="BUY", quantity=Decimal(quantity), order_type="LMT", limit_price=Decimal("1.05")
    )
    gw.gateway.place_for(
        owner or Owner(client_id=0, order_id=0), con_id=APPLE, terms=terms, now=gw.clock.utcnow()
    )
    gw.flush()
    return gw.venue.open_orders()[-1]


# --- 13 -------------------------------------------------------------------------------------------


async def test_field_problem_13_an_order_that_never_left_says_so_and_may_be_sent_again(
    tmp_path: Path,
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        await desk.desk.place(LIMIT)
        assert desk.session is not None
        await desk.session.aclose()
        with pytest.raises(Exception, match="connection") as caught:
            await working(desk, client_order_id="again")
        assert caught.value.disposition is SendDisposition.UNSENT  # type: ignore[attr-defined]
        await desk.connect()
        await working(desk, client_order_id="again")
        assert len(frames(gw)) == len(there(gw)) == 2


async def test_field_problem_13_an_order_without_an_answer_is_asked_for_and_called_uncertain(
    tmp_path: Path,
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        gw.inject(IgnoreRequest(on="PlaceOrder", times=1))
        before = sum(type(one.request).__name__ == "ReqAllOpenOrders" for one in gw.log)
        placing = asyncio.ensure_future(desk.desk.place(LIMIT, timeout_s=60))
        await desk.until(lambda: bool(frames(gw)))
        desk.clock.leap(60)
        with pytest.raises(OrderUncertainError, match="has not answered"):
            await placing
        [report] = desk.desk.orders()
        assert report.disposition is SendDisposition.SENT
        await desk.desk.reconcile()
        asked = sum(type(one.request).__name__ == "ReqAllOpenOrders" for one in gw.log)
        assert asked > before
        assert desk.desk.report(report.order_id).status is OrderStatus.UNCERTAIN
        # only a login of its own proves that nothing is on its way any more
        await desk.connect()
        await desk.desk.reconcile()
        settled = await closed(desk, report.order_id)
        assert (settled.status, there(gw)) == (OrderStatus.REJECTED, [])
        assert "not placed" in settled.reason


# --- 14 -------------------------------------------------------------------------------------------


async def test_field_problem_14_an_inactive_order_that_waits_for_shares_can_still_be_filled(
    tmp_path: Path,
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        reader = listen(desk)
        held = {"status": "Inactive", "why_held": "locate"}
        gw.inject(Rewrite(reply="OrderStatus", values=held, times=1))
        gw.inject(Rewrite(reply="OpenOrder", values={"status": "Inactive"}, times=1))
        report = await working(desk)
        assert report.status not in ENDED
        trade_through(gw)
        filled = await closed(desk, report.order_id)
        assert (filled.status, filled.filled_quantity) == (OrderStatus.FILLED, Decimal(10))
        assert not set(statuses(await told(reader))) & set(ENDED)


@pytest.mark.parametrize("manner", [Manner.INACTIVE_FIRST, Manner.INACTIVE_LAST])
async def test_field_problem_14_inactive_and_its_code_are_one_rejection_in_either_order(
    tmp_path: Path, manner: Manner
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        reader = listen(desk)
        gw.inject(Reject(manner=manner, text="Order rejected - reason: no margin"))
        with pytest.raises(OrderRejectedError, match="no margin") as caught:
            await desk.desk.place(LIMIT)
        assert caught.value.code == 201
        await desk.desk.reconcile()
        steps = [one.transition for one in await told(reader) if isinstance(one, OrderChanged)]
        rejections = [
            one for one in steps if one is not None and one.target == "rejected" != one.source
        ]
        assert len(rejections) == 1


# --- 15 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [10148, 10147, 161, 135])
async def test_field_problem_15_a_cancellation_that_a_fill_has_beaten_ends_filled(
    tmp_path: Path, code: int
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        gw.inject(CancelRace(code=code))
        report = await working(desk)
        reader = listen(desk)
        ended = await desk.desk.cancel(report.order_id)
        assert (ended.status, ended.filled_quantity) == (OrderStatus.FILLED, Decimal(10))
        assert not set(statuses(await told(reader))) & set(ENDED)


@pytest.mark.parametrize("code", [10148, 10147, 161, 135])
async def test_field_problem_15_a_refused_cancellation_of_an_order_that_lives_says_that_it_lives(
    tmp_path: Path, code: int
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await working(desk)
        # the text is of another language: only the code counts
        gw.inject(Answer(to="CancelOrder", code=code, text="Auftrag kann nicht storniert werden"))
        with pytest.raises(OrderStateError, match="it is submitted") as caught:
            await desk.desk.cancel(report.order_id)
        assert caught.value.code == code
        assert desk.desk.report(report.order_id).status is OrderStatus.SUBMITTED


# --- 25 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "owner", [Owner(client_id=0, order_id=0), Owner(client_id=9, order_id=4)], ids=["hand", "other"]
)
async def test_field_problem_25_an_order_of_others_is_known_by_what_is_said_of_it(
    tmp_path: Path, owner: Owner
) -> None:
    master = Permissions(master_client_id=1)
    async with GatewaySimulator(permissions=master) as gw, wire(gw, tmp_path / "j") as desk:
        reader = listen(desk)
        order = by_hand(gw, 3, owner)
        async with asyncio.timeout(60):
            while not desk.desk.orders():
                await asyncio.sleep(0)
        [met] = desk.desk.orders()
        assert (met.client_id, met.perm_id) == (owner.client_id, order.perm_id)
        with pytest.raises(OrderStateError, match="another client") as caught:
            await desk.desk.cancel(order.perm_id)
        assert caught.value.hint
        assert any(isinstance(one, OrderChanged) for one in await told(reader))
        assert not any(type(one.request).__name__ == "CancelOrder" for one in gw.log)


# --- 26 -------------------------------------------------------------------------------------------


async def test_field_problem_26_a_bracket_that_is_cut_after_two_frames_leaves_nothing_that_works(
    tmp_path: Path,
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        reader = listen(desk)
        gw.inject(Cut(on="PlaceOrder", handled=True, children=True))
        with pytest.raises(OrderUncertainError):
            await desk.desk.place_bracket(BRACKET)
        trade_through(gw)  # a parent without its stop must not trade
        await back(desk)
        for report in desk.desk.orders():
            await closed(desk, report.order_id)
        assert gw.venue.open_orders() == ()
        assert [one.filled for one in there(gw)] == [0, 0]
        assert OrderStatus.FILLED not in statuses(await told(reader))


async def test_field_problem_26_the_three_frames_leave_together_and_only_the_last_releases(
    tmp_path: Path,
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        placing = desk.desk.place_bracket(BRACKET)
        await asyncio.gather(placing, *(working(desk) for _ in range(20)))
        asked = [one.request for one in gw.log if isinstance(one.request, PlaceOrder)]
        parents = [one.order.text("parentId") for one in asked]
        first = next(at for at, parent in enumerate(parents) if parent not in ("", "0")) - 1
        bracket = asked[first : first + 3]
        ids = [one.order_id for one in bracket]
        assert ids == list(range(ids[0], ids[0] + 3))
        assert [one.order.text("transmit") for one in bracket] == ["0", "0", "1"]
        assert parents[first + 1 : first + 3] == [str(ids[0])] * 2


# --- 29 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", [Quirk.COMMISSION_FIRST, Quirk.COMMISSION_LATE])
async def test_field_problem_29_a_commission_joins_its_fill_whichever_comes_first(
    tmp_path: Path, when: Quirk
) -> None:
    async with GatewaySimulator(quirks=[when]) as gw, wire(gw, tmp_path / "j") as desk:
        report = await desk.desk.place(market_order("AAPL", "BUY", 10))
        charged = await desk.desk.wait_for(
            report.order_id, lambda now: now.commission is not None, timeout_s=60
        )
        [fill] = charged.fills
        [(_, cost)] = gw.venue.executions()
        assert (fill.commission, charged.commission) == (cost.amount, cost.amount)


async def test_field_problem_29_a_commission_that_is_not_known_is_none_and_not_zero(
    tmp_path: Path,
) -> None:
    quirks = [Quirk.COMMISSION_NEVER]
    async with GatewaySimulator(quirks=quirks) as gw, wire(gw, tmp_path / "j") as desk:
        report = await desk.desk.place(market_order("AAPL", "BUY", 10))
        filled = await closed(desk, report.order_id)
        assert filled.status is OrderStatus.FILLED
        assert (filled.commission, filled.fills[0].commission) == (None, None)


# --- 30 -------------------------------------------------------------------------------------------

TWO: Final = {"DU1": Decimal(100_000), "DU2": Decimal(100_000)}


async def test_field_problem_30_with_two_accounts_an_order_must_name_one(tmp_path: Path) -> None:
    async with GatewaySimulator(accounts=TWO) as gw, wire(gw, tmp_path / "j") as desk:
        with pytest.raises(OrderValidationError, match="account is missing") as caught:
            await desk.desk.place(LIMIT)
        assert caught.value.hint
        with pytest.raises(OrderValidationError, match="not one of the login's 2 accounts"):
            await working(desk, account="DU3")
        assert frames(gw) == []
        report = await working(desk, account="DU2")
        assert [one.account for one in there(gw)] == ["DU2"]
        assert report.account == "DU2"


@pytest.mark.parametrize("group", ["fa_group", "fa_method", "fa_profile", "faGroup"])
async def test_field_problem_30_a_group_of_accounts_is_refused_beside_an_account_and_without(
    tmp_path: Path, group: str
) -> None:
    async with GatewaySimulator(accounts=TWO) as gw, wire(gw, tmp_path / "j") as desk:
        for order in (LIMIT | {group: "all"}, LIMIT | {group: "all", "account": "DU1"}):
            with pytest.raises(OrderValidationError, match=f"unknown key '{group}'; did you mean"):
                await desk.desk.place(order)
        with pytest.raises(OrderValidationError, match="'DU1' and the group 'all' exclude"):
            await desk.desk.place(LIMIT | {"allocation": "all", "account": "DU1"})
        with pytest.raises(OrderValidationError, match="name an account instead"):
            await desk.desk.place(LIMIT | {"allocation": "all"})
        assert frames(gw) == []


# --- 32 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        WhatIfTwice(),
        PresetTif(),
        Warn(on="PlaceOrder", code=399, text="not before the opening", first=True),
        Warn(on="PlaceOrder", code=201, text="Order rejected - reason: no margin"),
        Answer(to="PlaceOrder", code=10349, text="Order TIF was set to DAY"),
    ],
    ids=["answered twice", "preset", "warning first", "refusal and figures", "preset alone"],
)
async def test_field_problem_32_a_preview_has_figures_or_says_why_not_and_places_nothing(
    tmp_path: Path, fault: Fault
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        gw.inject(fault)
        preview = await desk.desk.preview(LIMIT)
        told = preview.broker
        assert told.is_told or told.rejected_reason or told.warnings
        figures = (told.initial_margin, told.maintenance_margin, told.equity_with_loan)
        for figure in (part.change for part in figures):
            # what is not set on the wire is no number of 309 digits
            assert figure is None or abs(figure) < Decimal(10) ** 12
        asked = [one.request for one in gw.log if isinstance(one.request, PlaceOrder)]
        assert [one.order.flag("whatIf") for one in asked] == [True]
        assert [one.order.text("transmit") for one in asked] == ["1"]
        assert there(gw) == []
        assert desk.desk.orders() == ()
