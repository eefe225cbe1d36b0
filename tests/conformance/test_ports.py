"""What every implementation of the ports does, so that tests on the fake hold for the gateway."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from conformance.conftest import Subject
from ibkr_connector.errors import ContractNotFoundError, NotConnectedError
from ibkr_connector.gateway.port import (
    CommissionReported,
    DisconnectReason,
    Execution,
    OpenOrderSeen,
    OrderFault,
    OrderStatusSeen,
    OrderTicket,
    SessionEnded,
)
from ibkr_connector.model.contracts import Contract, stock
from ibkr_connector.model.ids import OrderId
from ibkr_connector.model.market import DataType
from ibkr_connector.model.orders import Action, OrderType, TimeInForce


async def apple(subject: Subject) -> Contract:
    (details,) = await subject.gateway.contract_details(stock("AAPL"))
    contract: Contract = details.contract
    return contract


async def account(subject: Subject) -> str:
    name: str = (await subject.gateway.account_values())[0].account
    return name


async def send(subject: Subject, ref: str, *, limit: Decimal | None = None) -> OrderTicket:
    ticket = OrderTicket(
        order_id=subject.gateway.reserve_order_id(floor=OrderId(1)),
        order_ref=ref,
        contract=await apple(subject),
        action=Action.BUY,
        quantity=Decimal(10),
        order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        limit_price=limit,
        stop_price=None,
        time_in_force=TimeInForce.DAY,
        outside_regular_hours=False,
        account=await account(subject),
    )
    await subject.gateway.send_order(ticket)
    return ticket


async def status(subject: Subject, ticket: OrderTicket, word: str) -> OrderStatusSeen:
    event = await subject.events.until(
        lambda e: (
            isinstance(e, OrderStatusSeen) and e.order_id == ticket.order_id and e.status == word
        )
    )
    assert isinstance(event, OrderStatusSeen)
    return event


async def test_a_known_contract_is_qualified_and_an_unknown_one_an_error(subject: Subject) -> None:
    assert (await apple(subject)).is_qualified
    with pytest.raises(ContractNotFoundError):
        await subject.gateway.contract_details(stock("NOSUCHTHING"))


async def test_a_quote_has_two_sides_and_a_time(subject: Subject) -> None:
    quote = await subject.gateway.quote(await apple(subject), data_type=DataType.LIVE)
    assert quote.bid < quote.ask
    assert quote.timestamp.utcoffset() is not None


async def test_bars_ascend_and_their_times_are_aware(subject: Subject) -> None:
    series = await subject.gateway.bars(
        await apple(subject), duration="1800 S", bar_size="1 min", what_to_show="TRADES"
    )
    times = [bar.timestamp for bar in series]
    assert times == sorted(set(times))
    assert all(time.utcoffset() is not None for time in times)
    assert all(bar.low <= bar.open <= bar.high for bar in series)


async def test_the_summary_has_the_figures_of_an_account(subject: Subject) -> None:
    tags = {value.tag for value in await subject.gateway.account_values()}
    assert {"NetLiquidation", "TotalCashValue", "BuyingPower"} <= tags


async def test_order_ids_only_go_up(subject: Subject) -> None:
    taken = [subject.gateway.reserve_order_id(floor=OrderId(f)) for f in (1, 1, 5000, 7)]
    assert taken == sorted(set(taken))
    assert taken[2:] == [5000, 5001]


async def test_a_market_order_is_filled_once_and_everybody_knows(subject: Subject) -> None:
    ticket = await send(subject, "ref-market")
    filled = await status(subject, ticket, "Filled")
    assert (filled.filled, filled.remaining) == (Decimal(10), Decimal(0))
    fills = [e for e in subject.events if isinstance(e, Execution)]
    assert sum(fill.quantity for fill in fills) == 10
    assert {(fill.order_ref, fill.perm_id) for fill in fills} == {("ref-market", filled.perm_id)}
    assert not any(fill.recovered for fill in fills)
    await subject.events.until(lambda e: isinstance(e, CommissionReported))

    asked = await subject.gateway.executions()
    assert asked == tuple(replace(fill, recovered=True) for fill in fills)
    (held,) = await subject.gateway.positions()
    assert held.quantity == 10
    (line,) = await subject.gateway.portfolio(await account(subject))
    assert line.market_price is not None
    assert await subject.gateway.open_orders() == ()
    (closed,) = await subject.gateway.completed_orders()
    assert (closed.order_ref, closed.perm_id) == ("ref-market", filled.perm_id)


async def test_a_resting_order_is_listed_until_it_is_cancelled(subject: Subject) -> None:
    ticket = await send(subject, "ref-limit", limit=Decimal("1.00"))
    seen = await subject.events.until(lambda e: isinstance(e, OpenOrderSeen))
    assert isinstance(seen, OpenOrderSeen)
    assert seen.order.limit_price == Decimal("1.00")
    (listed,) = await subject.gateway.open_orders()
    assert (listed.order_id, listed.order_ref) == (ticket.order_id, "ref-limit")
    assert listed.client_id == subject.gateway.client_id

    await subject.gateway.send_cancel(ticket.order_id)
    cancelled = await status(subject, ticket, "Cancelled")
    assert cancelled.filled == 0
    assert await subject.gateway.open_orders() == ()


async def test_a_what_if_tells_the_margin_and_places_nothing(subject: Subject) -> None:
    ticket = OrderTicket(
        order_id=subject.gateway.reserve_order_id(floor=OrderId(1)),
        order_ref="",
        contract=await apple(subject),
        action=Action.BUY,
        quantity=Decimal(10),
        order_type=OrderType.MARKET,
        limit_price=None,
        stop_price=None,
        time_in_force=TimeInForce.DAY,
        outside_regular_hours=False,
        account=await account(subject),
    )
    told = await subject.gateway.what_if(ticket)
    margin = told.initial_margin
    assert margin.before + margin.change == margin.after
    assert margin.change > 0
    assert not told.rejected_reason
    assert await subject.gateway.open_orders() == ()
    assert not [e for e in subject.events if isinstance(e, OpenOrderSeen | OrderStatusSeen)]
    assert subject.gateway.reserve_order_id(floor=OrderId(1)) > ticket.order_id


async def test_the_same_id_again_is_a_change(subject: Subject) -> None:
    ticket = await send(subject, "ref-change", limit=Decimal("1.00"))
    await subject.events.until(lambda e: isinstance(e, OpenOrderSeen))
    await subject.gateway.send_order(replace(ticket, limit_price=Decimal("2.00")))
    await subject.events.until(
        lambda e: isinstance(e, OpenOrderSeen) and e.order.limit_price == Decimal("2.00")
    )
    (listed,) = await subject.gateway.open_orders()
    assert listed.limit_price == Decimal("2.00")


async def test_cancelling_what_is_not_there_is_an_event_and_no_error(subject: Subject) -> None:
    await subject.gateway.send_cancel(OrderId(4242))
    fault = await subject.events.until(lambda e: isinstance(e, OrderFault))
    assert isinstance(fault, OrderFault)
    assert fault.order_id == 4242


async def test_a_closed_session_refuses_and_has_said_so_once(subject: Subject) -> None:
    contract = await apple(subject)
    await subject.close()
    await subject.close()
    calls: list[Any] = [
        lambda: subject.gateway.contract_details(contract),
        lambda: subject.gateway.quote(contract, data_type=DataType.LIVE),
        subject.gateway.positions,
        subject.gateway.open_orders,
        subject.gateway.completed_orders,
        subject.gateway.executions,
        lambda: subject.gateway.send_cancel(OrderId(1)),
    ]
    for call in calls:
        with pytest.raises(NotConnectedError):
            await call()
    with pytest.raises(NotConnectedError):
        subject.gateway.reserve_order_id(floor=OrderId(1))
    (ended,) = [event for event in subject.events if isinstance(event, SessionEnded)]
    assert ended.reason in DisconnectReason
