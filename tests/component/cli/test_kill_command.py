"""`ibkr kill`, as its users run it: against a program that runs, and against none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from ibkr_connector import IBKRConnector, TradingHaltedError, limit_order
from ibkr_connector.simulator import GatewaySimulator, HostedSimulator
from ibkr_connector.simulator.scenario.actions import Order
from kit import command


async def ibkr(*arguments: str) -> CompletedProcess[str]:
    return await asyncio.to_thread(command.ibkr, *arguments)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IBKR_STATE_DIR", str(tmp_path / "journal"))


async def test_it_stops_a_running_program_and_cancels_its_orders(
    ibkr_gateway: HostedSimulator, make_connector: Callable[..., IBKRConnector]
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        open_ = await ib.place_order(limit_order("AAPL", "BUY", 1, limit_price=Decimal("1.00")))
        done = await ibkr("kill", "it runs wild", "--cancel", "--wait", "120", "--json")
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert (said["engaged"], said["reason"], said["done"]) == (True, "it runs wild", True)
        assert (await ib.get_order_status(open_.order_id)).status == "cancelled"
        with pytest.raises(TradingHaltedError, match="it runs wild"):
            await ib.place_order(limit_order("AAPL", "BUY", 1, limit_price=Decimal("1.01")))
        released = await ibkr("kill", "--release")
        assert "released" in released.stdout
        await ib.place_order(limit_order("AAPL", "BUY", 1, limit_price=Decimal("1.02")))


async def test_without_a_running_program_it_connects_when_told_to(
    ibkr_gateway: HostedSimulator,
    make_connector: Callable[..., IBKRConnector],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        open_ = await ib.place_order(limit_order("AAPL", "BUY", 1, limit_price=Decimal("1.00")))
    waited = await ibkr("kill", "--cancel", "--wait", "0.1", "--json")
    assert waited.returncode == 1
    # who follows the advice must not close what was to be kept
    assert "`ibkr kill --cancel --connect`" in json.loads(waited.stdout)["problems"][0]
    wide = json.loads(waited.stdout)
    assert (wide["cancel_in"], wide["flatten_in"]) == ([], [])
    assert (await ibkr("kill", "--account", "DU1")).returncode == 2
    assert (await ibkr("kill", "--release")).returncode == 0
    within = await ibkr("kill", "--flatten", "--account", "DU1", "--wait", "0.1", "--json")
    narrow = json.loads(within.stdout)
    assert (narrow["cancel_in"], narrow["flatten_in"]) == (["DU1"], ["DU1"])
    assert "`ibkr kill --flatten --account DU1 --connect`" in narrow["problems"][0]
    assert (await ibkr("kill", "--release")).returncode == 0
    monkeypatch.setenv("IBKR_PORT", str(ibkr_gateway.port))
    done = await ibkr("kill", "--cancel", "--connect", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["done"]
    async with make_connector(ibkr_gateway.port) as ib:
        assert (await ib.get_order_status(open_.order_id)).status == "cancelled"


async def test_everybodys_orders_go_when_that_is_asked_for_and_it_says_so(
    ibkr_gateway: HostedSimulator, make_connector: Callable[..., IBKRConnector]
) -> None:
    def by_hand(simulator: GatewaySimulator) -> None:
        one = Order(symbol="AAPL", action="BUY", quantity=Decimal(5), limit_price=Decimal(1))
        simulator.act(one)

    ibkr_gateway.do(by_hand)
    async with make_connector(ibkr_gateway.port):
        done = await ibkr("kill", "enough", "--everyone", "--wait", "120")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "every program and every person" in " ".join(done.stdout.split())
    assert ibkr_gateway.do(lambda simulator: tuple(simulator.venue.open_orders())) == ()
    shown = json.loads((await ibkr("kill", "--show", "--json")).stdout)
    assert (shown["everyone"], shown["done"]) == (True, True)


async def test_the_status_says_that_it_is_engaged_and_which_rules_hold(
    ibkr_gateway: HostedSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "risk_config.yaml").write_text("max_order_size: 5\n")
    await ibkr("kill", "it runs wild")
    told = await ibkr("status", "--port", str(ibkr_gateway.port))
    assert told.returncode == 0, told.stderr
    words = " ".join(told.stdout.split())
    assert "rules risk_config.yaml" in words
    assert "new orders refused: the kill switch is engaged" in words
    assert "it runs wild" in words
    assert "open orders 0, 0 of them uncertain" in words
    assert "drift not compared yet" in words
    released = await ibkr("kill", "--release")
    assert released.returncode == 0
    told = await ibkr("status", "--port", str(ibkr_gateway.port))
    words = " ".join(told.stdout.split())
    assert "kill switch released" in words
    assert "new orders refused: the connection is read-only" in words


async def test_it_works_while_the_files_of_the_rules_are_broken(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "risk_config.yaml").write_text("max_order_size: [\n")
    assert (await ibkr("kill", "stop")).returncode == 0
    shown = await ibkr("kill", "--show", "--json")
    assert json.loads(shown.stdout)["reason"] == "stop"


async def test_options_that_contradict_each_other_are_refused() -> None:
    assert (await ibkr("kill", "--release", "--flatten")).returncode == 2


async def test_a_switch_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("")
    failed = await ibkr("kill")
    assert failed.returncode == 1
    assert "NOT engaged" in failed.stderr
