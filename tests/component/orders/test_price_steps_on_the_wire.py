"""Prices between the steps of their band are refused before the wire, through a real socket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector import IBKRConnector, OrderRejectedError, OrderValidationError, SendDisposition
from ibkr_connector.clock import ScaledClock, SystemClock
from ibkr_connector.model.contracts import Contract, SecurityType
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.orders import OrderStatus
from ibkr_connector.orders import price_steps
from ibkr_connector.simulator import HostedSimulator, IgnoreRequest
from kit.market import asked
from kit.rule_socket import engine_at, limits

Make = Callable[..., IBKRConnector]
SPX = 416904


def of_nickels_and_dimes(gateway: HostedSimulator) -> Contract:
    """Return an option in nickels below 3 and in dimes above; its details say nickels."""

    def find(simulator: Any) -> int:
        options = simulator.gateway.venue.catalogue.options_of(SPX)
        return int(next(one.con_id for one in options if one.market_rule == 109))

    con_id = ConId(gateway.do(find))
    return Contract(symbol="SPX", security_type=SecurityType.OPTION, con_id=con_id)


def at(contract: Contract, price: str) -> dict[str, Any]:
    order = {"contract": contract, "action": "BUY", "quantity": 1}
    return {**order, "order_type": "LMT", "limit_price": price}


async def test_a_price_between_two_steps_of_its_band_is_refused_and_nothing_is_sent(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    option = of_nickels_and_dimes(ibkr_gateway)
    # a slow clock: half a second for the steps is ten of a busy machine's
    clock = ScaledClock(SystemClock().utcnow(), speed=0.05)
    async with engine_at(make_connector(ibkr_gateway.port).settings, clock) as engine:
        desk = engine.orders
        for ask in (desk.place, desk.preview):
            with pytest.raises(
                OrderValidationError, match=r"3\.05, between 3\.0 and 3\.1"
            ) as denied:
                await ask(at(option, "3.05"))
            assert denied.value.disposition is SendDisposition.UNSENT
        assert asked(ibkr_gateway, "PlaceOrder") == []
        report = await desk.place(at(option, "2.95"))
        assert report.status is OrderStatus.SUBMITTED
        with pytest.raises(OrderValidationError, match="limit_price must be a multiple"):
            await desk.modify(report.order_id, {"limit_price": "3.15"})
        changed = await desk.modify(report.order_id, {"limit_price": "3.10"})
        assert changed.limit_price is not None
        assert len(asked(ibkr_gateway, "ReqMarketRule")) == 1


async def test_where_nobody_tells_the_steps_an_order_goes_and_the_exchange_has_the_last_word(
    ibkr_gateway: HostedSimulator,
    make_connector: Make,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(price_steps, "_PATIENCE_S", 0.1)
    limits(config)
    option = of_nickels_and_dimes(ibkr_gateway)
    ibkr_gateway.do(lambda gw: gw.inject(IgnoreRequest(on="ReqMarketRule", times=9)))
    async with make_connector(ibkr_gateway.port) as ib:
        with pytest.raises(OrderRejectedError) as rejected:
            await ib.place_order(at(option, "3.05"))
        assert rejected.value.code == 110
        assert (await ib.place_order(at(option, "3.10"))).status is OrderStatus.SUBMITTED
        assert len(asked(ibkr_gateway, "ReqMarketRule")) == 1
