"""What-if questions on the wire: they ask and never place, whatever the gateway answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from ibkr_connector.clock import ManualClock
from ibkr_connector.errors import ConnectionLostError, IBKRError, OrderValidationError
from ibkr_connector.gateway.port import GatewayEvent, OpenOrderSeen, OrderFault, OrderTicket
from ibkr_connector.gateway.session import Session
from ibkr_connector.gateway.what_if import WhatIfs
from ibkr_connector.model.contracts import Contract, stock
from ibkr_connector.model.ids import ClientId, OrderId
from ibkr_connector.model.orders import (
    Action,
    AdaptivePriority,
    OrderType,
    PriceCondition,
    TimeInForce,
)
from ibkr_connector.model.preview import WhatIf
from ibkr_connector.model.terms import NO_TERMS, OrderTerms
from ibkr_connector.simulator import (
    Answer,
    Cut,
    Drop,
    GatewaySimulator,
    PresetTif,
    Rewrite,
    Warn,
    WhatIfTwice,
)
from ibkr_connector.simulator.wire.requests.orders import PlaceOrder
from kit.quiet import settled

NOW = datetime(2026, 3, 4, 17, tzinfo=UTC)
MARGINS = ("initMargin", "maintMargin", "equityWithLoan")


@dataclass
class Line:
    """A session, and everything that it has said by itself."""

    gateway: GatewaySimulator
    session: Session
    events: list[GatewayEvent]
    contract: Contract
    clock: ManualClock

    async def what_if(self, ticket: OrderTicket) -> WhatIf:
        """Ask about one order."""
        (told,) = await self.what_ifs([ticket])
        return told

    async def what_ifs(self, tickets: Sequence[OrderTicket]) -> list[WhatIf]:
        """Ask at once, and let time pass only when nothing more comes without it."""
        asking = asyncio.gather(*map(self.session.what_if, tickets))
        await settled()
        while not asking.done():
            self.clock.advance(0.1)
            await settled()
        return await asking

    def ticket(self, **changes: Any) -> OrderTicket:
        made = OrderTicket(
            order_id=self.session.reserve_order_id(floor=OrderId(1)),
            order_ref="",
            contract=self.contract,
            action=Action.BUY,
            quantity=Decimal(10),
            order_type=OrderType.LIMIT,
            limit_price=Decimal("1.00"),
            stop_price=None,
            time_in_force=TimeInForce.DAY,
            outside_regular_hours=False,
            account=self.session.info.accounts[0],
        )
        return replace(made, **changes)

    @property
    def asked(self) -> list[PlaceOrder]:
        log = [one.request for one in self.gateway.log]
        return [request for request in log if isinstance(request, PlaceOrder)]

    @property
    def orders(self) -> int:
        venue = self.gateway.venue
        return len(tuple(venue.open_orders())) + len(tuple(venue.closed_orders()))


@asynccontextmanager
async def line(clock: ManualClock | None = None) -> AsyncIterator[Line]:
    events: list[GatewayEvent] = []
    clock = clock or ManualClock(NOW)
    async with GatewaySimulator() as gateway:
        session = await Session.open(
            host="127.0.0.1",
            port=gateway.port,
            client_id=ClientId(1),
            clock=clock,
            sink=events.append,
            connect_timeout_s=60.0,
            request_timeout_s=60.0,
        )
        try:
            (details,) = await session.contract_details(stock("AAPL"))
            yield Line(gateway, session, events, details.contract, clock)
        finally:
            await session.aclose()


def about_orders(line: Line) -> list[GatewayEvent]:
    return [one for one in line.events if isinstance(one, OpenOrderSeen | OrderFault)]


async def test_the_margins_before_and_after_and_the_commission_are_told() -> None:
    async with line() as wire:
        told = await wire.what_if(wire.ticket(quantity=Decimal(100)))
        margin = told.initial_margin
        assert margin.before is not None
        assert margin.change is not None
        assert margin.change > 0
        assert margin.before + margin.change == margin.after
        assert told.maintenance_margin.is_told
        assert told.equity_with_loan.after is not None
        assert told.commission is not None
        assert told.commission_currency == "USD"
        assert (told.warnings, told.rejected_reason, told.code) == ((), "", None)
    wire.gateway.check()


async def test_what_leaves_carries_the_flag_and_a_time_in_force_and_is_transmitted() -> None:
    async with line() as wire:
        await wire.what_if(wire.ticket(transmit=False))
        (asked,) = wire.asked
        assert asked.order.flag("whatIf")
        assert asked.order.text("transmit") == "1"
        assert asked.order.text("tif") == "DAY"
        assert wire.orders == 0
        assert about_orders(wire) == []


@pytest.mark.parametrize(
    ("changes", "terms"),
    [
        ({"order_type": OrderType.MARKET, "limit_price": None}, {}),
        ({"order_type": OrderType.STOP, "limit_price": None, "stop_price": Decimal(2)}, {}),
        (
            {"order_type": OrderType.TRAILING_STOP, "limit_price": None},
            {"trail_amount": Decimal(1)},
        ),
        ({}, {"adaptive": AdaptivePriority.NORMAL}),
        ({}, {"hidden": True, "all_or_none": True, "oca_group": "g"}),
        ({"time_in_force": TimeInForce.GTC, "outside_regular_hours": True}, {}),
    ],
)
async def test_the_flag_is_found_in_every_kind_of_order(
    changes: dict[str, Any], terms: dict[str, Any]
) -> None:
    async with line() as wire:
        made = wire.ticket(terms=replace(NO_TERMS, **terms), **changes)
        told = await wire.what_if(made)
        assert told.is_answered
        assert wire.asked[-1].order.flag("whatIf")
        assert wire.orders == 0


async def test_an_order_with_conditions_is_asked_about_too() -> None:
    async with line() as wire:
        condition = PriceCondition(contract=wire.contract, above=Decimal(600))
        await wire.what_if(wire.ticket(terms=OrderTerms(conditions=(condition,))))
        assert wire.asked[-1].order.flag("whatIf")
        assert wire.orders == 0


async def test_a_message_without_the_flag_is_never_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with line() as wire:
        client: Any = wire.session._client
        place = client.placeOrder

        def forgetful(order_id: int, contract: Any, order: Any) -> None:
            asked, order.whatIf = order.whatIf, False
            place(order_id, contract, order)
            order.whatIf = asked

        monkeypatch.setattr(client, "placeOrder", forgetful)
        with pytest.raises(IBKRError, match="nothing was sent"):
            await wire.what_if(wire.ticket())
        await wire.session.probe()
        assert wire.asked == []


async def test_a_field_that_cannot_be_written_sends_nothing() -> None:
    async with line() as wire:
        with pytest.raises(OrderValidationError):
            await wire.what_if(wire.ticket(account="DU\0001"))
        await wire.session.probe()
        assert wire.asked == []


async def test_field_problem_32_an_answer_without_figures_is_not_the_last_word() -> None:
    async with line() as wire:
        wire.gateway.inject(WhatIfTwice(warning="Warning: dear."))
        told = await wire.what_if(wire.ticket())
        assert told.initial_margin.change is not None
        assert told.warnings == ("Warning: dear.",)


async def test_field_problem_32_unset_figures_are_none() -> None:
    async with line() as wire:
        unset = dict.fromkeys(FIGURES, "1.7976931348623157E308")
        wire.gateway.inject(Rewrite(reply="OpenOrder", values=unset))
        told = await wire.what_if(wire.ticket())
        assert told == WhatIf(commission_currency="USD")
        assert told.is_answered


FIGURES = (
    *(f"{name}{part}" for name in MARGINS for part in ("Before", "Change", "After")),
    *("commission", "minCommission", "maxCommission"),
)


async def test_field_problem_32_a_preset_that_answers_in_the_place_of_figures_is_told() -> None:
    async with line() as wire:
        text = "Order TIF was set to DAY based on order preset."
        wire.gateway.inject(Answer(to="PlaceOrder", code=10349, text=text))
        told = await wire.what_if(wire.ticket())
        assert told.warnings == (f"{text} (10349)",)
        assert not told.is_answered
        assert told.rejected_reason == ""


async def test_field_problem_32_a_time_in_force_is_named_so_that_no_preset_answers() -> None:
    async with line() as wire:
        wire.gateway.inject(PresetTif())
        assert (await wire.what_if(wire.ticket())).is_told


async def test_field_problem_32_a_warning_comes_along() -> None:
    async with line() as wire:
        wire.gateway.inject(
            Warn(on="PlaceOrder", code=399, text="Order Message: will not be placed until open")
        )
        told = await wire.what_if(wire.ticket())
        assert told.initial_margin.change is not None
        assert "will not be placed until open" in told.warnings[0]


@pytest.mark.parametrize("first", [True, False])
async def test_field_problem_32_a_refusal_with_figures_keeps_both(first: bool) -> None:
    async with line() as wire:
        text = "Order rejected - reason:no margin"
        wire.gateway.inject(Warn(on="PlaceOrder", code=201, text=text, first=first))
        told = await wire.what_if(wire.ticket())
        assert told.initial_margin.change is not None
        assert (told.rejected_reason, told.code) == ("Order rejected - reason:no margin", 201)
        assert wire.orders == 0


async def test_a_refusal_alone_is_an_answer_without_figures() -> None:
    async with line() as wire:
        wire.gateway.inject(Answer(to="PlaceOrder", code=110, text="The price does not conform"))
        told = await wire.what_if(wire.ticket())
        assert (told.code, told.is_told) == (110, False)
        assert "does not conform" in told.rejected_reason
        assert about_orders(wire) == []


async def test_a_code_nobody_knows_is_a_refusal_only_when_no_figures_follow() -> None:
    async with line() as wire:
        wire.gateway.inject(Answer(to="PlaceOrder", code=99123, text="new thing", times=1))
        alone = await wire.what_if(wire.ticket())
        assert (alone.rejected_reason, alone.code) == ("new thing", 99123)
        wire.gateway.inject(Warn(on="PlaceOrder", code=99123, text="new thing"))
        beside = await wire.what_if(wire.ticket())
        assert (beside.rejected_reason, beside.warnings) == ("", ("new thing",))
        assert beside.is_told


async def test_an_answer_that_comes_late_is_nobodys_news() -> None:
    async with line() as wire:
        wire.gateway.inject(Drop(reply="OpenOrder", times=1))
        asking = asyncio.ensure_future(wire.session.what_if(wire.ticket()))
        while not wire.asked:
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
        assert wire.session.open_calls == 0
        late = wire.asked[0].order_id
        wrapper = wire.session._wrapper
        wrapper.error(late, 201, "Order rejected - reason:late")
        wrapper.deliver()
        assert wrapper.what_ifs.told(late, None)
        assert about_orders(wire) == []
        assert (await wire.what_if(wire.ticket())).is_told


@pytest.mark.parametrize("handled", [True, False])
async def test_a_cut_fails_the_question_and_places_nothing(handled: bool) -> None:
    async with line() as wire:
        wire.gateway.inject(Cut(on="PlaceOrder", handled=handled))
        with pytest.raises(ConnectionLostError):
            await wire.what_if(wire.ticket())
        assert wire.session.open_calls == 0
        assert wire.orders == 0


async def test_many_questions_at_once_get_their_own_answers() -> None:
    async with line() as wire:
        sizes = [Decimal(10 * n) for n in range(1, 6)]
        told = await wire.what_ifs([wire.ticket(quantity=size) for size in sizes])
        changes = [one.initial_margin.change for one in told]
        assert None not in changes
        assert changes == sorted(set(changes), key=lambda value: value or 0)
        assert len({request.order_id for request in wire.asked}) == 5


async def test_the_escape_hatchs_own_questions_are_its_own() -> None:
    async with line() as wire:
        from ib_async import LimitOrder, Stock

        async def ask(ib: Any) -> Any:
            order = LimitOrder("BUY", 10, 1.0, tif="DAY", account=wire.session.info.accounts[0])
            return await ib.whatIfOrderAsync(Stock("AAPL", "SMART", "USD"), order)

        state = await wire.session.request(ask)
        assert float(state.initMarginChange) > 0
        assert wire.orders == 0


def test_a_table_knows_what_it_asked() -> None:
    table = WhatIfs()
    assert not table.fault(7, 201, "no")
    assert not table.told(7, None)


class WatchedClock(ManualClock):
    """Tells when somebody sleeps on it."""

    def __init__(self) -> None:
        super().__init__(NOW)
        self.slept = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if 0 < seconds <= 0.1:
            self.slept.set()
        await super().sleep(seconds)


async def test_the_little_while_that_is_given_for_more_runs_on_the_given_clock() -> None:
    clock = WatchedClock()
    async with line(clock) as wire:
        asking = asyncio.ensure_future(wire.session.what_if(wire.ticket()))
        await asyncio.wait_for(clock.slept.wait(), 60)
        # the machine's own clock is far beyond it when another question has been answered
        await wire.session.contract_details(stock("MSFT"))
        assert not asking.done()
        clock.advance(0.11)
        assert (await asking).is_told
