"""`ibkr watch`: one screen of what goes on, which places nothing and loses nothing."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console, RenderableType
from typer.testing import CliRunner

from ibkr_connector import IBKRConnector, Quote, limit_order, market_order
from ibkr_connector.cli.app import app
from ibkr_connector.cli.watch import Seen, Watch, picture
from ibkr_connector.clock import SystemClock
from ibkr_connector.simulator import HostedSimulator
from kit.command import ibkr


def drawn(shown: RenderableType) -> str:
    console = Console(width=140, file=io.StringIO())
    with console.capture() as drawn_text:
        console.print(shown)
    return drawn_text.get()


async def test_everything_is_on_one_screen(
    ibkr_gateway: HostedSimulator, make_connector: Callable[..., IBKRConnector]
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        bought = await ib.place_order(market_order("AAPL", "BUY", 3))
        await ib.wait_for_fill(bought.order_id, timeout_s=60)
        await ib.place_order(limit_order("MSFT", "BUY", 2, limit_price=Decimal("1.05")))
        text = drawn(picture(await Watch(ib, ()).look()))
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
        one = Watch(ib, ("NOSUCHTHING",))
        await one.follow()
        seen = await one.look()
        assert "NOSUCHTHING" in seen.problems[0]
        text = drawn(picture(await one.look()))
    assert "waiting" in text
    assert "No security definition" in text


@pytest.fixture
def until_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the seconds of the command pass when it has drawn each quote, and not before."""
    seen: list[Seen] = []
    look = Watch.look

    async def noted(self: Watch) -> Seen:
        seen.append(await look(self))
        return seen[-1]

    class Patient(SystemClock):
        def monotonic(self) -> float:
            quotes = seen[-1].quotes.values() if seen else [None]
            is_over = all(isinstance(quote, Quote) and quote.bid for quote in quotes)
            return 60.0 if is_over else 0.0

    monkeypatch.setattr(Watch, "look", noted)
    monkeypatch.setattr("ibkr_connector.cli.watch.SystemClock", Patient)


def watched(gateway: HostedSimulator, *options: str) -> str:
    """Return what the command shows of AAPL, run in this process."""
    arguments = ["--port", str(gateway.port), "--seconds", "0.5", "--every", "0.1"]
    done = CliRunner().invoke(app, ["watch", "AAPL", *arguments, *options])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_command_ends_in_time_and_places_nothing(
    ibkr_gateway: HostedSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_STATE_DIR", str(tmp_path / "journal"))
    monkeypatch.setenv("COLUMNS", "140")
    arguments = ("--port", str(ibkr_gateway.port), "--seconds", "0.5", "--every", "0.1")
    done = ibkr("watch", "AAPL", *arguments)
    assert done.returncode == 0, done.stderr
    assert "AAPL" in done.stdout
    asked = {type(one.request).__name__ for one in ibkr_gateway.do(lambda gw: gw.log)}
    assert "PlaceOrder" not in asked


def test_the_command_follows_quotes(
    ibkr_gateway: HostedSimulator,
    until_quoted: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IBKR_STATE_DIR", str(tmp_path / "journal"))
    monkeypatch.setenv("COLUMNS", "140")
    shown = watched(ibkr_gateway)
    assert "AAPL" in shown
    assert " live " in shown


def test_programs_read_a_document_for_each_picture(
    ibkr_gateway: HostedSimulator,
    until_quoted: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IBKR_STATE_DIR", str(tmp_path / "journal"))
    pictures = [json.loads(line) for line in watched(ibkr_gateway, "--json").splitlines()]
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
