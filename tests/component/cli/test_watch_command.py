"""`ibkr watch`: one screen of what goes on, which places nothing and loses nothing."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from ibkr_connector import IBKRConnector, limit_order, market_order
from ibkr_connector.cli.watch import Watch, picture
from ibkr_connector.simulator import HostedSimulator
from kit.command import ibkr


def drawn(watched: RenderableType) -> str:
    console = Console(width=140, file=io.StringIO())
    with console.capture() as drawn_text:
        console.print(watched)
    return drawn_text.get()


async def test_everything_is_on_one_screen(
    ibkr_gateway: HostedSimulator, make_connector: Callable[..., IBKRConnector]
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        bought = await ib.place_order(market_order("AAPL", "BUY", 3))
        await ib.wait_for_fill(bought.order_id, timeout_s=60)
        await ib.place_order(limit_order("MSFT", "BUY", 2, limit_price=Decimal("1.05")))
        watched = Watch(ib, ())
        text = drawn(picture(await watched.look()))
    assert "ready" in text
    assert "AAPL" in text
    assert "BUY 2 MSFT LMT limit 1.05" in text
    assert "DU1***67" in text
    assert "DU1234567" not in text
    assert "released" in text


async def test_what_cannot_be_had_is_said_beside_the_rest(
    ibkr_gateway: HostedSimulator, make_connector: Callable[..., IBKRConnector]
) -> None:
    async with make_connector(ibkr_gateway.port, reconnect=False) as ib:
        watched = Watch(ib, ("NOSUCHTHING",))
        await watched.follow()
        seen = await watched.look()
        assert "NOSUCHTHING" in seen.problems[0]
        text = drawn(picture(await watched.look()))
    assert "waiting" in text
    assert "No security definition" in text


def test_the_command_follows_quotes_and_ends(
    ibkr_gateway: HostedSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_STATE_DIR", str(tmp_path / "journal"))
    monkeypatch.setenv("COLUMNS", "140")
    arguments = ("--port", str(ibkr_gateway.port), "--seconds", "0.5", "--every", "0.1")
    done = ibkr("watch", "AAPL", *arguments)
    assert done.returncode == 0, done.stderr
    assert "AAPL" in done.stdout
    assert " live " in done.stdout
    asked = {type(one.request).__name__ for one in ibkr_gateway.do(lambda gw: gw.log)}
    assert "PlaceOrder" not in asked


def test_programs_read_a_document_for_each_picture(
    ibkr_gateway: HostedSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_STATE_DIR", str(tmp_path / "journal"))
    arguments = ("--port", str(ibkr_gateway.port), "--seconds", "0.5", "--every", "0.1", "--json")
    done = ibkr("watch", "AAPL", *arguments)
    assert done.returncode == 0, done.stderr
    pictures = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(pictures) > 1
    assert pictures[-1]["status"]["state"] == "ready"
    assert float(pictures[-1]["quotes"]["AAPL"]["Quote"]["bid"]) > 0
    assert pictures[-1]["orders"] == []
    assert pictures[-1]["problems"] == []


def test_a_gateway_that_is_not_there_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_STATE_DIR", str(tmp_path / "journal"))
    done = ibkr("watch", "--port", "9")
    assert done.returncode == 1
    assert "GatewayUnavailableError" in done.stderr
