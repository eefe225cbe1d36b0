"""`ibkr` as its users run it, against a gateway on a real socket."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.simulator import GatewaySimulator, HostedSimulator
from kit.command import ibkr


def test_the_demonstration_holds_all_its_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    # of a real gateway, and of no simulated one
    monkeypatch.setenv("IBKR_ACCOUNT_ID", "U7654321")
    monkeypatch.setenv("IBKR_JOURNAL_URL", "postgresql://nobody@127.0.0.1:1/none")
    done = ibkr("demo", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    checks = json.loads(done.stdout.splitlines()[-1])["checks"]
    assert len(checks) >= 12
    assert [check for check in checks if not check["held"]] == []
    told = [check["check"] for check in checks]
    assert "the caller was told the truth: uncertain" in told
    assert "the order exists exactly once" in told


def test_the_demonstration_asks_before_each_order_on_a_gateway_of_ones_own(
    ibkr_gateway: HostedSimulator,
) -> None:
    address = f"{ibkr_gateway.host}:{ibkr_gateway.port}"
    done = ibkr("demo", "--gateway", address, said="n\n" * 3)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Send to your paper account:") == 3
    asked = {type(one.request).__name__ for one in ibkr_gateway.do(lambda gw: gw.log)}
    assert "PlaceOrder" not in asked


def test_the_demonstration_trades_when_it_may(ibkr_gateway: HostedSimulator) -> None:
    address = f"{ibkr_gateway.host}:{ibkr_gateway.port}"
    done = ibkr("demo", "--gateway", address, said="y\n" * 3)
    assert done.returncode == 0, done.stdout + done.stderr
    venue = ibkr_gateway.do(lambda gw: gw.venue)
    assert venue.open_orders() == ()
    assert len(venue.closed_orders()) == 3


def test_the_demonstration_refuses_a_live_account() -> None:
    def live() -> GatewaySimulator:
        return GatewaySimulator(accounts={"U1234567": Decimal(1)})

    with GatewaySimulator.in_thread(live) as gateway:
        done = ibkr("demo", "--gateway", f"{gateway.host}:{gateway.port}", said="y\n" * 3)
        assert done.returncode == 1
        assert "ConfigurationError" in done.stderr
        assert "live account" in done.stderr
        asked = {type(one.request).__name__ for one in gateway.do(lambda gw: gw.log)}
        assert "PlaceOrder" not in asked


@pytest.mark.parametrize(
    ("command", "read"),
    [
        (["status"], lambda told: told["ConnectionStatus"]["state"] == "ready"),
        (["quote", "AAPL"], lambda told: Decimal(told["Quote"]["bid"]) > 0),
        (["bars", "AAPL", "--bar-size", "1 hour"], lambda told: told["BarSeries"]["bars"]),
        (["account"], lambda told: told["AccountSummary"]["cash"] == "1000000.00"),
        (["positions"], lambda told: told == []),
    ],
)
def test_a_command_prints_json_for_programs(
    command: list[str], read: Callable[[object], object], ibkr_gateway: HostedSimulator
) -> None:
    done = ibkr(*command, "--port", str(ibkr_gateway.port), "--json")
    assert done.returncode == 0, done.stderr
    assert read(json.loads(done.stdout))


@pytest.mark.parametrize("command", [["status"], ["quote", "AAPL"], ["account"], ["positions"]])
def test_a_command_prints_tables_for_people(
    command: list[str], ibkr_gateway: HostedSimulator
) -> None:
    done = ibkr(*command, "--port", str(ibkr_gateway.port))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "DU1234567" not in done.stdout


def test_an_error_is_a_sentence_and_an_exit_code(ibkr_gateway: HostedSimulator) -> None:
    done = ibkr("quote", "ZZZZ", "--port", str(ibkr_gateway.port))
    assert done.returncode == 1
    assert "ContractNotFoundError" in done.stderr
    assert "Traceback" not in done.stderr
    told = ibkr("quote", "ZZZZ", "--port", str(ibkr_gateway.port), "--json")
    assert json.loads(told.stderr)["code"] == 200


def test_settings_are_shown_with_their_origin(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IBKR_CLIENT_ID", "8")
    done = ibkr("config", "show", "--json")
    shown = json.loads(done.stdout)
    assert shown["client_id"] == {"value": "8", "source": "environment IBKR_CLIENT_ID"}
    assert "client_id" in ibkr("config", "show").stdout
    assert "paper trading at 127.0.0.1:4002, read-only" in ibkr("config", "check").stdout


def test_a_mistake_in_the_settings_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBKR_PROT", "8")
    done = ibkr("config", "check")
    assert done.returncode == 2
    assert "IBKR_PORT" in done.stderr


def test_an_address_that_is_none_is_a_usage_error() -> None:
    assert ibkr("demo", "--gateway", "somewhere").returncode == 2
