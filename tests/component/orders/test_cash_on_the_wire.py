"""Orders for an amount of cash through a real socket: wire, fills, rules, faults."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector import IBKRConnector
from ibkr_connector.build import buy
from ibkr_connector.errors import IBKRError, OrderRejectedError, OrderStateError, RiskLimitError
from ibkr_connector.model.orders import OrderStatus
from ibkr_connector.orders.fills import analyse_fills
from ibkr_connector.orders.history import read_orders
from ibkr_connector.simulator import Cut, Drop, HostedSimulator
from ibkr_connector.simulator.wire.requests import PlaceOrder
from kit.rule_socket import at_the_venue, limits, quote

Make = Callable[..., IBKRConnector]

EURO = 12087792
ORDER: dict[str, Any] = {"symbol": "EUR.USD", "action": "BUY", "cash_quantity": 1000}
RESTS = ORDER | {"order_type": "LMT", "limit_price": "1.05"}


def market(gateway: HostedSimulator, bid: str = "1.2499", ask: str = "1.25") -> None:
    quote(gateway, bid, ask, con_id=EURO)


def sent(gateway: HostedSimulator) -> list[tuple[str, str]]:
    """Return total quantity and cash quantity of each order that was asked for."""

    def look(simulator: Any) -> list[tuple[str, str]]:
        asked = [one.request for one in simulator.log if isinstance(one.request, PlaceOrder)]
        return [
            (one.order.text("totalQuantity"), one.order.text("cashQty"))
            for one in asked
            if not one.order.flag("whatIf")
        ]

    return gateway.do(look)


@pytest.mark.parametrize(
    ("action", "symbol", "con_id", "price", "units"),
    [
        ("BUY", "EUR.USD", EURO, "1.25", 800),
        ("SELL", "EUR.USD", EURO, "1.25", 800),
        ("BUY", "BTC.USD", None, None, None),
    ],
)
async def test_the_money_is_spent_and_the_units_follow(
    ibkr_gateway: HostedSimulator,
    make_connector: Make,
    config: Path,
    tmp_path: Path,
    action: str,
    symbol: str,
    con_id: int | None,
    price: str | None,
    units: int | None,
) -> None:
    limits(config)
    if con_id is not None and price is not None:
        market(ibkr_gateway, price, price)
    async with make_connector(ibkr_gateway.port) as ib:
        asked = ORDER | {"action": action, "symbol": symbol}
        report = await ib.place_order(asked, wait="filled")
        assert sent(ibkr_gateway) == [("0", "1000")]
        assert report.status is OrderStatus.FILLED
        assert report.cash_quantity == 1000
        assert report.quantity == report.filled_quantity > 0
        assert report.remaining_quantity == 0
        assert 990 < report.spent < 1010
        if units is not None:
            assert report.filled_quantity == units
    (row,) = analyse_fills(read_orders(next((tmp_path / "journal").glob("orders-*.sqlite3"))))
    assert (row.quantity, row.filled) == (report.quantity, report.filled_quantity)
    assert row.fully_filled_s is not None


async def test_what_is_worth_too_much_or_cannot_be_reckoned_stays_here(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    market(ibkr_gateway)
    for text, rule in (
        ("max_order_value: 999", "max_order_value"),
        ("max_exposure: 999", "max_exposure"),
        ("max_position_size: 799", "max_position_size"),
    ):
        limits(config, text)
        async with make_connector(ibkr_gateway.port) as ib:
            with pytest.raises(RiskLimitError) as broken:
                await ib.place_order(ORDER)
            assert [one.rule for one in broken.value.violations] == [rule]
    assert at_the_venue(ibkr_gateway) == 0


async def test_what_is_left_of_the_money_of_open_orders_counts(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config, "max_exposure: 2500")
    market(ibkr_gateway)
    async with make_connector(ibkr_gateway.port) as ib:
        first = await ib.place_order(RESTS)
        assert (first.quantity, first.cash_quantity) == (Decimal(0), Decimal(1000))
        await ib.place_order(RESTS)
        with pytest.raises(RiskLimitError, match="max_exposure"):
            await ib.place_order(RESTS)
        with pytest.raises(OrderStateError, match="for 1000 in cash and cannot be changed"):
            await ib.modify_order(first.order_id, {"limit_price": "1.06"})
        ended = await ib.cancel_order(first.order_id)
        assert (ended.status, ended.remaining_quantity) == (OrderStatus.CANCELLED, Decimal(0))
        last = await ib.place_order(RESTS)
    # a restart knows them by the journal
    async with make_connector(ibkr_gateway.port) as again:
        with pytest.raises(RiskLimitError, match="max_exposure"):
            await again.place_order(RESTS)
        known = await again.get_order_status(last.order_id)
        assert (known.cash_quantity, known.quantity) == (Decimal(1000), Decimal(0))
        assert 900 < known.remaining_quantity < 1000


async def test_a_preview_asks_for_the_money_and_lets_exactly_that_go(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config, "max_order_value: 5000")
    market(ibkr_gateway)
    async with make_connector(ibkr_gateway.port, require_preview=True) as ib:
        preview = await ib.preview_order(buy("EUR.USD", cash=1000))
        assert preview.is_allowed
        assert preview.broker.initial_margin.change is not None
        compared = {row.rule: row.value for row in preview.rules if row.value}
        assert (compared["max_order_value"], compared["MAX_ORDER_SIZE"][:3]) == ("1000", "800")
        assert at_the_venue(ibkr_gateway) == 0
        report = await ib.place_order(preview.order, token=preview.token, wait="filled")
        assert report.status is OrderStatus.FILLED


@pytest.mark.parametrize(
    "fault",
    [
        Cut(on="PlaceOrder", handled=True, answered=False),
        Drop(reply="OrderStatus", times=3),
        Drop(reply="OpenOrder", answering="PlaceOrder", times=3),
    ],
)
async def test_whatever_is_lost_on_the_way_it_is_placed_once_and_found_filled(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path, fault: Any
) -> None:
    limits(config)
    market(ibkr_gateway)
    key = {"client_order_id": "once"}
    async with make_connector(ibkr_gateway.port, order_ack_timeout_s=2.0) as ib:
        ibkr_gateway.do(lambda simulator: simulator.inject(fault))
        async with asyncio.timeout(200):
            while True:
                try:
                    report = await ib.place_order(ORDER | key, wait="filled", timeout_s=5)
                    break
                except IBKRError:
                    # the key makes it harmless to ask again
                    await asyncio.sleep(0)
        assert (report.status, report.filled_quantity) == (OrderStatus.FILLED, Decimal(800))
    assert at_the_venue(ibkr_gateway) == 1


async def test_tws_has_the_last_word_on_which_contracts_take_cash(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path, monkeypatch: Any
) -> None:
    limits(config)
    # as if our table of kinds were behind the broker's
    monkeypatch.setattr(
        "ibkr_connector.orders.validation.cash_contract_faults", lambda *_: iter(())
    )
    async with make_connector(ibkr_gateway.port) as ib:
        with pytest.raises(OrderRejectedError, match="Cash Quantity cannot be used") as refused:
            await ib.place_order(ORDER | {"symbol": "AAPL"})
        assert refused.value.code == 10244
    assert at_the_venue(ibkr_gateway) == 0
