"""The example of a whole strategy: alone with a list of prices, and before a gateway."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ibkr_connector import IBKRConnector, Settings
from ibkr_connector.simulator import HostedSimulator
from ibkr_connector.simulator.exchange.commands import SetQuote

AAPL = 265598


@pytest.fixture(scope="module")
def strategy() -> ModuleType:
    path = Path(__file__).parents[2] / "docs" / "examples" / "strategy.py"
    spec = importlib.util.spec_from_file_location("strategy_example", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Market:
    """A market of one stock that goes where it is told."""

    def __init__(self, gateway: HostedSimulator) -> None:
        self.gateway = gateway
        self.price = Decimal(200)

    def go(self, step: str) -> None:
        self.price += Decimal(step)
        command = SetQuote(
            con_id=AAPL,
            bid=self.price - Decimal("0.01"),
            ask=self.price + Decimal("0.01"),
            last=self.price,
            bid_size=Decimal(100_000),
            ask_size=Decimal(100_000),
        )

        def act(simulator: Any) -> None:
            now = simulator.clock.utcnow()
            simulator.gateway.deliver(simulator.gateway.venue.execute(command, now), now)
            simulator.flush()

        self.gateway.do(act)

    def held(self) -> Decimal:
        return self.gateway.do(
            lambda gw: sum(
                (
                    holding.quantity
                    for ledger in gw.venue.ledgers.values()
                    for holding in ledger.holdings.values()
                ),
                Decimal(0),
            )
        )

    def working(self) -> int:
        return len(self.gateway.do(lambda gw: gw.venue.open_orders()))


@asynccontextmanager
async def connected(gateway: HostedSimulator, place: Path) -> AsyncIterator[IBKRConnector]:
    settings = Settings.load(
        port=gateway.port,
        readonly=False,
        state_dir=place,
        connect_timeout_s=60,
        sync_timeout_s=60,
        order_ack_timeout_s=60,
    )
    async with IBKRConnector.create(settings) as ib:
        yield ib


@pytest.fixture
def taken(strategy: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[Decimal]:
    """Return the prices that strategies have taken so far."""
    prices: list[Decimal] = []
    take = strategy.Trend.take

    def noted(self: Any, price: Decimal) -> Any:
        prices.append(price)
        return take(self, price)

    monkeypatch.setattr(strategy.Trend, "take", noted)
    return prices


async def moving(
    market: Market, step: str, until: asyncio.Task[list[str]], *, taken: list[Decimal]
) -> list[str]:
    """
    Move the market until the strategy has done something.

    It stands still while the strategy trades: the limits of an order are near the price that the
    strategy has seen.
    """
    while not until.done():
        before = len(taken)
        market.go(step)
        while len(taken) == before and not until.done():
            await asyncio.wait([until], timeout=0.01)
    return until.result()


def test_the_wish_follows_the_prices(strategy: ModuleType) -> None:
    trend = strategy.Trend()
    rising = [trend.take(Decimal(100 + n)) for n in range(10)]
    assert rising[:5] == [None] * 5
    assert set(rising[5:]) == {strategy.Signal.LONG}
    assert trend.take(Decimal(50)) is strategy.Signal.FLAT


async def test_it_goes_in_with_exits_and_out_when_the_trend_ends(
    strategy: ModuleType,
    ibkr_gateway: HostedSimulator,
    tmp_path: Path,
    taken: list[Decimal],
) -> None:
    market = Market(ibkr_gateway)
    market.go("0")
    async with connected(ibkr_gateway, tmp_path) as ib:
        (entered,) = await moving(
            market, "0.05", asyncio.create_task(strategy.run(ib, "AAPL", deals=1)), taken=taken
        )
        assert entered.startswith("in ")
        assert market.held() > 0
        assert market.working() == 2, "a profit to take and a loss to stop"
        (left,) = await moving(
            market, "-0.05", asyncio.create_task(strategy.run(ib, "AAPL", deals=1)), taken=taken
        )
        assert left == "out"
    assert market.held() == 0
    assert market.working() == 0


async def test_a_restart_buys_nothing_a_second_time(
    strategy: ModuleType,
    ibkr_gateway: HostedSimulator,
    tmp_path: Path,
    taken: list[Decimal],
) -> None:
    market = Market(ibkr_gateway)
    market.go("0")
    async with connected(ibkr_gateway, tmp_path) as ib:
        running = asyncio.create_task(strategy.run(ib, "AAPL", deals=1))
        await moving(market, "0.05", running, taken=taken)
    held = market.held()
    async with connected(ibkr_gateway, tmp_path) as ib:
        desk = strategy.Desk(ib, "AAPL", risk_share=Decimal("0.0005"))
        for _ in range(3):
            await desk.follow(strategy.Signal.LONG, market.price)
        assert desk.done == []
    assert market.held() == held


async def test_a_rule_that_says_no_is_an_answer(
    strategy: ModuleType,
    ibkr_gateway: HostedSimulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IBKR_KILL_SWITCH", "true")
    market = Market(ibkr_gateway)
    market.go("0")
    async with connected(ibkr_gateway, tmp_path) as ib:
        desk = strategy.Desk(ib, "AAPL", risk_share=Decimal("0.0005"))
        await desk.follow(strategy.Signal.LONG, market.price)
        assert desk.done[0].startswith("refused: ")
    assert market.held() == 0
