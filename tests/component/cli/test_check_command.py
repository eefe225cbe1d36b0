"""`ibkr check`: a paper account is tried with one share, and only when somebody says yes."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector import ConfigurationError, Settings
from ibkr_connector.cli.check import CheckPlan, run_check
from ibkr_connector.simulator import HostedSimulator, Reject
from kit.command import ibkr


@pytest.fixture
def settings(ibkr_gateway: HostedSimulator, tmp_path: Path) -> Settings:
    return Settings.load(
        port=ibkr_gateway.port, readonly=False, state_dir=tmp_path, connect_timeout_s=60
    )


def seen_by(gateway: HostedSimulator) -> list[tuple[str, Decimal, bool]]:
    """Return what the broker has of orders: the side, the quantity, whether it was filled."""
    return gateway.do(
        lambda gw: [
            (str(order.terms.action), order.terms.quantity, order.filled > 0)
            for order in (*gw.venue.open_orders(), *gw.venue.closed_orders())
        ]
    )


async def test_one_share_is_bought_and_sold_when_somebody_says_yes(
    ibkr_gateway: HostedSimulator, settings: Settings
) -> None:
    asked: list[str] = []

    def yes(sentence: str) -> bool:
        asked.append(sentence)
        return True

    shown: list[object] = []
    checks = await run_check(CheckPlan(symbol="AAPL", ask=yes, show=shown.append), settings)
    assert [check for check in checks if not check[1]] == []
    assert {"a limit order rests", "and cancelled", "and sold again"} <= {
        what for what, *_ in checks
    }
    assert [sentence.split()[0] for sentence in asked] == ["BUY", "BUY", "SELL"]
    assert sorted(filled for *_, filled in seen_by(ibkr_gateway)) == [False, True, True]
    assert shown


async def test_nothing_leaves_when_somebody_says_no(
    ibkr_gateway: HostedSimulator, settings: Settings
) -> None:
    plan = CheckPlan(symbol="AAPL", ask=lambda _: False, show=lambda _: None)
    checks = await run_check(plan, settings)
    assert all(held for _, held, _ in checks)
    assert seen_by(ibkr_gateway) == []


async def test_what_does_not_hold_is_told_with_what_was_seen(
    ibkr_gateway: HostedSimulator, settings: Settings
) -> None:
    fault = Reject(text="Order rejected - reason: not today", times=9)
    ibkr_gateway.do(lambda gw: gw.inject(fault))
    plan = CheckPlan(symbol="AAPL", ask=lambda _: True, show=lambda _: None)
    checks = await run_check(plan, settings)
    (failed,) = [(what, why) for what, held, why in checks if not held]
    assert failed[0] == "one share would be let through"
    assert "not today" in failed[1]
    assert seen_by(ibkr_gateway) == []


async def test_a_symbol_that_nobody_knows_fails_and_orders_nothing(
    ibkr_gateway: HostedSimulator, settings: Settings
) -> None:
    plan = CheckPlan(symbol="NOSUCHTHING", ask=lambda _: True, show=lambda _: None)
    checks = await run_check(plan, settings)
    assert ("a quote", False) in {(what, held) for what, held, _ in checks}
    assert seen_by(ibkr_gateway) == []


async def test_a_live_account_is_refused_before_anything(
    make_ibkr_gateway: Callable[..., HostedSimulator], settings: Settings
) -> None:
    gateway = make_ibkr_gateway(accounts={"U1234567": Decimal(100_000)})
    plan = CheckPlan(symbol="AAPL", ask=lambda _: True, show=lambda _: None)
    with pytest.raises(ConfigurationError):
        await run_check(plan, settings.model_copy(update={"port": gateway.port}))
    assert seen_by(gateway) == []


def test_the_command_looks_only_and_tells_programs(
    ibkr_gateway: HostedSimulator, tmp_path: Path
) -> None:
    where = ("--port", str(ibkr_gateway.port), "--state-dir", str(tmp_path))
    done = ibkr("check", "--look-only", "--json", *where)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)["checks"]
    assert all(row["held"] for row in rows)
    assert seen_by(ibkr_gateway) == []
