"""What the README promises, through a real socket: look, trade, ask."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from ibkr_connector import (
    Action,
    ConnectionState,
    DataType,
    IBKRConnector,
    MarketDataPermissionError,
    NotConnectedError,
    OrderRejectedError,
    OrderRequest,
    OrderStatus,
    RequestTimeoutError,
    RiskLimitError,
    limit_order,
    market_order,
)
from ibkr_connector.simulator import Answer, HostedSimulator, Permissions
from ibkr_connector.simulator.exchange.commands import SetQuote
from kit.market import comes

Make = Callable[..., IBKRConnector]
AAPL = 265598


def hold_aapl(gateway: HostedSimulator, bid: str, ask: str, size: int = 1_000_000) -> None:
    command = SetQuote(
        con_id=AAPL,
        bid=Decimal(bid),
        ask=Decimal(ask),
        last=Decimal(ask),
        bid_size=Decimal(size),
        ask_size=Decimal(size),
    )

    def act(simulator: object) -> None:
        gateway_of = simulator.gateway  # type: ignore[attr-defined]  # the simulator's own core
        now = simulator.clock.utcnow()  # type: ignore[attr-defined]
        gateway_of.deliver(gateway_of.venue.execute(command, now), now)
        simulator.flush()  # type: ignore[attr-defined]

    gateway.do(act)


async def test_a_quote_says_what_the_market_says(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    hold_aapl(ibkr_gateway, "189.98", "190.02", size=700)
    async with make_connector(ibkr_gateway.port) as ib:
        quote = await ib.get_quote("AAPL")
    assert (quote.bid, quote.ask) == (Decimal("189.98"), Decimal("190.02"))
    assert (quote.bid_size, quote.ask_size) == (Decimal(700), Decimal(700))
    assert quote.data_type is DataType.LIVE
    assert not quote.is_delayed
    assert quote.midpoint == Decimal(190)
    assert quote["bid"] == quote.bid
    assert quote.symbol == "AAPL"
    assert quote.contract.con_id == AAPL
    assert quote.timestamp.tzinfo is not None


async def test_without_a_subscription_delayed_data_come_and_say_so(
    make_ibkr_gateway: Callable[..., HostedSimulator], make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(permissions=Permissions(live_data=False))
    async with make_connector(gateway.port) as ib:
        quote = await ib.get_quote("AAPL")
        assert quote.is_delayed
        assert quote.bid is not None


async def test_without_a_subscription_and_without_the_fallback_the_reason_is_told(
    make_ibkr_gateway: Callable[..., HostedSimulator], make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(permissions=Permissions(live_data=False))
    async with make_connector(gateway.port, delayed_fallback=False) as ib:
        with pytest.raises(MarketDataPermissionError) as refused:
            await ib.get_quote("AAPL")
    assert refused.value.code == 354
    assert refused.value.hint is not None


async def test_market_data_puts_the_latest_bar_in_front_of_its_series(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        data = await ib.get_market_data("AAPL", bar_size="1 hour", duration="2 D")
    latest = data.series.bars[-1]
    assert (data.symbol, data.timestamp, data.close) == ("AAPL", latest.timestamp, latest.close)
    assert data["open"] == latest.open
    starts = [bar.timestamp for bar in data.series]
    assert starts == sorted(set(starts))
    assert all(bar.low <= min(bar.open, bar.close) <= bar.high for bar in data.series)


async def test_currency_pairs_have_bars_without_volume(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        series = await ib.get_historical_data("EUR.USD", duration="1 W", bar_size="1 hour")
    assert series.what_to_show == "MIDPOINT"
    assert {bar.volume for bar in series} == {None}


async def test_an_order_at_the_market_fills_and_the_account_shows_it(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    hold_aapl(ibkr_gateway, "99.98", "100.00")
    async with make_connector(ibkr_gateway.port) as ib:
        placed = await ib.place_order(
            {"symbol": "AAPL", "action": "BUY", "quantity": 100, "order_type": "MKT"}
        )
        filled = await ib.wait_for_fill(placed.order_id, timeout_s=60)
        positions = await comes(ib.get_positions, bool)
        summary = await ib.get_account_summary()
    assert filled.status is OrderStatus.FILLED
    assert filled.filled_quantity == Decimal(100)
    assert filled.avg_fill_price == Decimal(100)
    [fill] = filled.fills
    assert (fill.quantity, fill.price, fill.recovered) == (Decimal(100), Decimal(100), False)
    [position] = positions
    assert (position.symbol, position.quantity) == ("AAPL", Decimal(100))
    assert position.avg_cost == Decimal("100.01")  # a dollar of commission on 100 shares
    assert summary.cash is not None
    assert summary.cash <= Decimal("1000000.00")


async def test_a_partly_filled_order_says_so_until_the_rest_is_there(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    # each second shows as much again: so little that the rest is long in coming
    hold_aapl(ibkr_gateway, "99.98", "100.00", size=2)
    async with make_connector(ibkr_gateway.port) as ib:
        placed = await ib.place_order(
            limit_order("AAPL", "BUY", 100, limit_price=Decimal("100.00"))
        )
        partly = await ib.wait_for_status(
            placed.order_id, {OrderStatus.PARTIALLY_FILLED}, timeout_s=60
        )
        assert partly.remaining_quantity == Decimal(100) - partly.filled_quantity
        hold_aapl(ibkr_gateway, "99.98", "100.00", size=1_000)
        filled = await ib.wait_for_fill(placed.order_id, timeout_s=60)
    assert filled.filled_quantity == Decimal(100)
    assert len(filled.fills) >= 2
    assert sum(fill.quantity for fill in filled.fills) == Decimal(100)


async def test_a_resting_order_is_cancelled_on_request(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        placed = await ib.place_order(limit_order("AAPL", "BUY", 10, limit_price=Decimal("1.00")))
        assert placed.status is OrderStatus.SUBMITTED
        assert (await ib.get_order_status(placed.order_id)).status is OrderStatus.SUBMITTED
        gone = await ib.cancel_order(placed.order_id)
        assert gone.status is OrderStatus.CANCELLED
        assert ib.get_connection_status().open_orders == 0
    venue = ibkr_gateway.do(lambda simulator: simulator.venue)
    assert venue.open_orders() == ()


async def test_a_rejected_order_raises_with_the_brokers_words(
    ibkr_gateway: HostedSimulator, make_connector: Make, tmp_path: object
) -> None:
    ibkr_gateway.do(
        lambda simulator: simulator.inject(
            Answer(to="PlaceOrder", code=201, text="Order rejected - reason:because")
        )
    )
    async with make_connector(ibkr_gateway.port) as ib:
        with pytest.raises(OrderRejectedError) as refused:
            await ib.place_order(limit_order("AAPL", "BUY", 10, limit_price=Decimal("1.00")))
        order_id = refused.value.request_id
        assert order_id is not None
        assert (await ib.get_order_status(order_id)).status is OrderStatus.REJECTED
    assert refused.value.code == 201
    assert "because" in str(refused.value)


async def test_an_order_over_the_limits_names_every_broken_rule_and_sends_nothing(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port, max_order_size=Decimal(5)) as ib:
        with pytest.raises(RiskLimitError) as refused:
            await ib.place_order(market_order("AAPL", "BUY", 1_000))
    assert len(refused.value.violations) >= 2
    assert all(violation.remedy for violation in refused.value.violations)
    asked = {type(one.request).__name__ for one in ibkr_gateway.do(lambda gw: gw.log)}
    assert "PlaceOrder" not in asked


async def test_the_same_client_order_id_is_the_same_order(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    request = OrderRequest(
        contract="AAPL",
        action=Action.BUY,
        quantity=Decimal(10),
        order_type=limit_order("AAPL", "BUY", 1, limit_price=Decimal(1)).order_type,
        limit_price=Decimal("1.00"),
        client_order_id="breakfast-1",
    )
    async with make_connector(ibkr_gateway.port) as ib:
        first = await ib.place_order(request)
        second = await ib.place_order(request)
    assert first.order_id == second.order_id
    assert len(ibkr_gateway.do(lambda gw: gw.venue.open_orders())) == 1


async def test_the_escape_hatch_runs_any_call_of_ib_async(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        time = await ib.request("current time", lambda raw: raw.reqCurrentTimeAsync())
    assert time.tzinfo is not None


async def test_the_status_is_a_picture_of_the_connection(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    ib = make_connector(ibkr_gateway.port, client_id=7)
    assert ib.get_connection_status().state is ConnectionState.IDLE
    async with ib:
        status = ib.get_connection_status()
        health = ib.get_connection_health()
        shown = repr(ib)
    assert status.state is ConnectionState.READY
    assert status.accounts == ("DU1234567",)
    assert status.server_version == 178
    assert set(status.farms) == {"usfarm", "ushmds", "secdefil"}
    assert health["connected"] is True
    assert health["state"] == "ready"
    assert shown == (
        f"<IBKRConnector 127.0.0.1:{ibkr_gateway.port} client 7, ready, "
        "orders 0 open, circuit closed>"
    )
    assert ib.get_connection_status().state is ConnectionState.IDLE


async def test_nothing_is_answered_without_a_connection(make_connector: Make) -> None:
    ib = make_connector(1)
    for call in (
        ib.get_quote("AAPL"),
        ib.get_positions(),
        ib.get_account_summary(),
        ib.place_order(market_order("AAPL", "BUY", 1)),
        ib.cancel_order(1),
    ):
        with pytest.raises(NotConnectedError):
            await call


async def test_waiting_for_a_fill_ends_at_its_deadline(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        placed = await ib.place_order(limit_order("AAPL", "BUY", 1, limit_price=Decimal("1.00")))
        with pytest.raises(RequestTimeoutError):
            await ib.wait_for_fill(placed.order_id, timeout_s=0.05)


async def test_a_limit_order_to_buy_costs_no_quote_and_one_at_the_market_does(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        await ib.place_order(limit_order("AAPL", "BUY", 1, limit_price=Decimal("1.00")))
        assert "ReqMarketData" not in asked_of(ibkr_gateway)
        await ib.place_order(market_order("AAPL", "BUY", 1))
        assert "ReqMarketData" in asked_of(ibkr_gateway)


def asked_of(gateway: HostedSimulator) -> set[str]:
    return {type(one.request).__name__ for one in gateway.do(lambda gw: gw.log)}
