"""`ibkr account` and `ibkr positions` with their options, against a gateway on a real socket."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.simulator import HostedSimulator
from ibkr_connector.simulator.exchange.commands import SetQuote
from kit.command import ibkr

AAPL = 265598
CASH = {"DU1234567": {"USD": Decimal(100_000), "EUR": Decimal(500)}}


@pytest.fixture
def gateway(
    make_ibkr_gateway: Callable[..., HostedSimulator],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> HostedSimulator:
    monkeypatch.setenv("IBKR_STATE_DIR", str(tmp_path))
    made = make_ibkr_gateway(accounts=CASH)

    def hold(simulator: object) -> None:
        now = simulator.clock.utcnow()  # type: ignore[attr-defined]  # the simulator's own core
        core = simulator.gateway  # type: ignore[attr-defined]
        core.execute(SetQuote(con_id=AAPL, bid=Decimal(100), ask=Decimal(100)), now)
        core.venue.ledgers["DU1234567"].book(
            core.venue.instrument(AAPL), Decimal(10), price=Decimal(90), commission=Decimal(1)
        )

    made.do(hold)
    return made


def documents(gateway: HostedSimulator, *arguments: str) -> list[object]:
    done = ibkr(*arguments, "--port", str(gateway.port), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_figures_gains_and_ledgers_are_documents_one_a_line(gateway: HostedSimulator) -> None:
    summary, check, ledgers = documents(gateway, "account", "--pnl", "--by", "currency")
    assert isinstance(summary, dict)
    assert isinstance(check, dict)
    assert isinstance(ledgers, list)
    assert summary["AccountSummary"]["gross_position_value"] in ("1000.00", 1000.0, "1000")
    assert check["PnLCheck"]["broker"]["unrealized"] is not None
    assert [row["currency"] for row in ledgers] == ["EUR", "USD", "BASE"]


def test_they_are_tables_for_people(gateway: HostedSimulator) -> None:
    done = ibkr("account", "--pnl", "--by", "symbol", "--port", str(gateway.port))
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("total value", "broker", "ours", "leverage", "AAPL", "1,000.00"):
        assert words in done.stdout
    assert "DU1234567" not in done.stdout
    held = ibkr("positions", "--pnl", "--port", str(gateway.port))
    assert held.returncode == 0, held.stdout + held.stderr
    assert "AAPL" in held.stdout
    assert "99.00" in held.stdout


def test_what_was_before_needs_no_gateway(gateway: HostedSimulator) -> None:
    nothing = ibkr("account", "--history", "5")
    assert nothing.returncode == 1
    assert "no history" in nothing.stderr
    # the database is opened by the look-up of a contract, and the end of a program is kept
    documents(gateway, "positions", "--pnl")
    done = ibkr("account", "--history", "30000")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the last point of each day" in done.stdout
    held = ibkr("positions", "--history", "30000", "--json")
    assert held.returncode == 0, held.stdout + held.stderr
    (point,) = json.loads(held.stdout)["PositionHistory"]["points"]
    assert (point["symbol"], Decimal(str(point["quantity"]))) == ("AAPL", Decimal(10))
