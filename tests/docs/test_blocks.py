"""Every piece of Python that stands on a page itself runs on a gateway, or says why it does not."""

from __future__ import annotations

import ast
import asyncio
import inspect
import io
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio

import ibkr_connector
from ibkr_connector import IBKRConnector, Settings, build
from ibkr_connector.facades import Blocking
from ibkr_connector.model.streams import Gap
from ibkr_connector.observe.logs import CorrelationFilter
from ibkr_connector.settings.rules import RiskSettings
from ibkr_connector.simulator import GatewaySimulator
from ibkr_connector.simulator.scenario import Scenario
from ibkr_connector.tuning import journal_place
from kit.pages import Block, blocks

BLOCKS: Final = blocks("python")
FOLLOWS_S: Final = 0.3
"""A block that follows a stream is left after so long."""

LATEST_S: Final = 120
"""Another one has come to its end by then."""

NOT_RUN: Final[dict[tuple[str, str], str]] = {
    ("README.md", "import asyncio"): "test_examples.py runs it as a program",
    (
        "docs/how-to/futures.md",
        "service = IBKRFuturesService(ib, session, IBKRFuturesServiceConfig.get_default_config())",
    ): "needs a session of one's own; tests/component/instruments/test_futures_on_the_wire.py",
    (
        "docs/how-to/orders.md",
        'await ib.place_order({"symbol": "AAPL", "action": "BUY", "quantity": 100, '
        '"allocation": "Core"})',
    ): "needs an advisor's login; tests/component/orders/test_advised_orders_on_the_wire.py",
    (
        "docs/how-to/orders.md",
        'await ib.exercise_option("AAPL 20261218 C 200", 2)                  '
        "# take 200 shares at 200",
    ): "needs options that are held; tests/component/orders/test_exercise_on_the_wire.py",
    (
        "docs/how-to/test-your-own-program.md",
        'app.connect("127.0.0.1", 41237, 7)',
    ): "is of another library; tests/foreign runs its programs",
}
"""Blocks by page and first line, and why they are not run here; each must still be there."""


def first(block: Block) -> str:
    return next(line for line in block.body.splitlines() if line.strip()).strip()


RUN: Final = [block for block in BLOCKS if (block.page, first(block)) not in NOT_RUN]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def names(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Any]]:
    """Connect, and lend the names that pages take for granted."""
    scenario = Scenario(start=datetime(2026, 11, 18, 15, tzinfo=UTC))
    folder = tmp_path_factory.mktemp("blocks")
    rules = RiskSettings(
        max_order_size=Decimal(100_000),
        max_order_value=Decimal(9_000_000),
        max_portfolio_risk=Decimal(1),
    )

    def rich() -> GatewaySimulator:
        return GatewaySimulator(scenario=scenario, accounts={"DU1234567": Decimal(90_000_000)})

    with GatewaySimulator.in_thread(rich) as gateway:
        settings = Settings.load(
            port=gateway.port,
            readonly=False,
            state_dir=folder / "state",
            reset_windows="none",
            risk=rules,
            account_history_s=0.01,
            connect_timeout_s=60,
            sync_timeout_s=60,
            order_ack_timeout_s=60,
        )
        async with IBKRConnector.create(settings) as ib:
            given = {name: getattr(ibkr_connector, name) for name in ibkr_connector.__all__}
            given |= {name: getattr(build, name) for name in build.__all__}
            given |= {
                "Blocking": Blocking,
                "CorrelationFilter": CorrelationFilter,
                "Decimal": Decimal,
                "Gap": Gap,
                "Path": Path,
                "UTC": UTC,
                "asyncio": asyncio,
                "datetime": datetime,
                "ib": ib,
                "logging": logging,
                "handler": logging.StreamHandler(io.StringIO()),
                "order": build.buy("AAPL", 10),
                "path": journal_place(settings),
                "print": lambda *_: None,
                "signal": signal,
            }
            bought = await ib.place_order(build.buy("MSFT", 10))
            await ib.wait_for_fill(bought.order_id, timeout_s=LATEST_S)
            async with asyncio.timeout(LATEST_S):
                while not await worth_is_kept(ib):
                    await ib.get_account_summary()
            yield given


async def worth_is_kept(ib: IBKRConnector) -> bool:
    points = (await ib.portfolio.equity_history()).points
    return any(point.total_value is not None for point in points)


@pytest_asyncio.fixture(loop_scope="module")
async def given(
    names: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[dict[str, Any]]:
    """Lend names to one block, and take back what it has set up."""
    ib: IBKRConnector = names["ib"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(IBKRConnector, "_shared", {})
    monkeypatch.setenv("IBKR_PORT", str(ib.settings.port))
    monkeypatch.setenv("IBKR_CLIENT_ID", "99")
    monkeypatch.setenv("IBKR_STATE_DIR", str(tmp_path / "state"))
    yield dict(names)
    for shared in IBKRConnector._shared.values():
        await shared.disconnect()
    ib.kill_switch.release()
    await ib.cancel_all()


class Enough(Exception):
    """A reader has seen what a block prints, and leaves."""


def leave(*_: object) -> None:
    raise Enough


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("block", RUN, ids=str)
async def test_a_block_of_a_page_runs(block: Block, given: dict[str, Any]) -> None:
    ib: IBKRConnector = given["ib"]
    if "report." in block.body:
        bid = (await ib.get_quote("AAPL")).bid or Decimal(0)
        resting = {"symbol": "AAPL", "action": "BUY", "quantity": 90, "order_type": "LMT"}
        given["report"] = await ib.place_order({**resting, "limit_price": round(bid * 98 / 100, 2)})
    if "(bracket" in block.body:
        given["bracket"] = (
            build.buy("AAPL", 1).limit("189.50").bracket(take_profit=195, stop_loss=185)
        )
    if "ib.iterate(" in block.body:
        given["print"] = leave
    code = compile(block.body, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    with suppress(Enough):
        running = eval(code, given)
        if inspect.iscoroutine(running):
            await carried_out(running, follows="async for" in block.body)


async def carried_out(running: Any, *, follows: bool) -> None:
    task = asyncio.ensure_future(running)
    await asyncio.wait([task], timeout=FOLLOWS_S if follows else LATEST_S)
    if follows and not task.done():
        task.cancel()
        await asyncio.wait([task])
    else:
        task.result()


def test_every_reason_not_to_run_a_block_is_needed() -> None:
    assert {(block.page, first(block)) for block in BLOCKS} >= NOT_RUN.keys()
    assert len(RUN) > 30
