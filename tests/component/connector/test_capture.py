"""A capture of a real conversation: nothing missing, nobody named, and the player uses it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector import ConfigurationError, IBKRConnector, NotConnectedError
from ibkr_connector.simulator import HostedSimulator
from ibkr_connector.simulator.player import Player

Make = Callable[..., IBKRConnector]
REST: dict[str, Any] = {
    "symbol": "AAPL",
    "action": "BUY",
    "quantity": 5,
    "order_type": "LMT",
    "limit_price": "1.05",
}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()[1:]]


async def test_every_message_stands_in_it_and_no_account(
    ibkr_gateway: HostedSimulator, make_connector: Make, tmp_path: Path
) -> None:
    path = tmp_path / "wire.jsonl"
    async with make_connector(ibkr_gateway.port) as ib:
        await ib.start_capture(path)
        accounts = ib.get_connection_status().accounts
        asked = ibkr_gateway.do(lambda gw: len(gw.log))
        report = await ib.place_order(REST)
        await ib.get_quote("MSFT")
        await ib.cancel_order(report.order_id)
        done = await ib.stop_capture()
        said = ibkr_gateway.do(lambda gw: len(gw.log)) - asked
    text = path.read_text("utf-8")
    assert accounts
    assert not any(account in text for account in accounts)
    entries = lines(path)
    assert done.messages == len([one for one in entries if "end" not in one])
    ours = [one for one in entries if one["from"] == "client"]
    assert len(ours) == said + 2  # the greeting and startApi
    assert "hello" in ours[0]
    assert ours[1]["fields"][0] == "71"
    numbers = {one["fields"][0] for one in ours[2:]}
    assert {"3", "4", "9"} <= numbers  # placed, cancelled, looked up


async def test_it_goes_on_through_a_reconnect(
    ibkr_gateway: HostedSimulator, make_connector: Make, tmp_path: Path
) -> None:
    path = tmp_path / "wire.jsonl"
    async with make_connector(ibkr_gateway.port) as ib:
        await ib.start_capture(path)
        ibkr_gateway.do(lambda gw: gw.cut())
        async with asyncio.timeout(60):
            while ib.get_connection_status().reconnect_count == 0:
                await asyncio.sleep(0.01)
        done = await ib.stop_capture()
    assert done.connections == 2
    entries = lines(path)
    assert {one["connection"] for one in entries} == {1, 2}
    assert {"connection": 1, "end": True, "from": "gateway"}.items() <= next(
        one for one in entries if "end" in one
    ).items()
    assert sum("hello" in one for one in entries) == 2


async def test_the_player_answers_another_connector_from_it(
    ibkr_gateway: HostedSimulator, make_connector: Make, tmp_path: Path
) -> None:
    path = tmp_path / "wire.jsonl"
    async with make_connector(ibkr_gateway.port) as ib:
        await ib.start_capture(path)
        # as a new session asks for it: the login is followed by what connecting reads
        ibkr_gateway.do(lambda gw: gw.cut())
        async with asyncio.timeout(60):
            while ib.get_connection_status().reconnect_count == 0:
                await asyncio.sleep(0.01)
        bars = await ib.get_historical_data("AAPL", duration="1 D", bar_size="1 hour")
        await ib.stop_capture()
    second = [one for one in lines(path) if one["connection"] == 2]
    played = ['{"recording": 1}', *(json.dumps(one | {"connection": 1}) for one in second)]
    async with Player(played) as player:
        other = make_connector(player.port, state_dir=tmp_path / "other", reconnect=False)
        async with other:
            accounts = other.get_connection_status().accounts
            again = await other.get_historical_data("AAPL", duration="1 D", bar_size="1 hour")
    assert all("XX" in account for account in accounts)
    assert again.bars == bars.bars
    unexpected = [one for one in player.unexpected if not one.payload.startswith(b"49\0")]
    assert unexpected == []


async def test_a_capture_that_nobody_stops_is_whole_after_the_end(
    ibkr_gateway: HostedSimulator, make_connector: Make, tmp_path: Path
) -> None:
    path = tmp_path / "wire.jsonl"
    async with make_connector(ibkr_gateway.port) as ib:
        await ib.start_capture(path)
    assert lines(path)[-1] == lines(path)[-1] | {"from": "client", "end": True}


async def test_without_a_connection_there_is_nothing_to_capture(
    make_connector: Make, tmp_path: Path, ibkr_gateway: HostedSimulator
) -> None:
    ib = make_connector(ibkr_gateway.port)
    with pytest.raises(NotConnectedError):
        await ib.start_capture(tmp_path / "wire.jsonl")
    async with ib:
        with pytest.raises(ConfigurationError, match="no capture"):
            await ib.stop_capture()
        assert (await ib.capabilities()).has("orders")
