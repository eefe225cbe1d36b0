"""`ibkr paid-in` and `ibkr paid-out`, as their users run them, beside a program that trades."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from ibkr_connector import IBKRConnector, RiskLimitError, limit_order
from ibkr_connector.simulator import HostedSimulator
from kit import command
from kit.rule_socket import limits, pay, worth, worth_is


async def ibkr(*arguments: str) -> CompletedProcess[str]:
    return await asyncio.to_thread(command.ibkr, *arguments)


async def test_money_that_went_stops_the_program_until_it_is_told(
    ibkr_gateway: HostedSimulator,
    make_connector: Callable[..., IBKRConnector],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IBKR_STATE_DIR", str(tmp_path / "journal"))
    (tmp_path / "config").mkdir()
    limits(tmp_path / "config", "max_daily_loss: 500")
    order = limit_order("AAPL", "BUY", 1, limit_price=Decimal("1.00"))
    async with make_connector(ibkr_gateway.port) as ib:
        start = await worth(ib)
        pay(ibkr_gateway, -10_000)
        await worth_is(ib, start - 10_000, start - 10_000)
        with pytest.raises(RiskLimitError, match="max_daily_loss"):
            await ib.place_order(order)
        nonsense = await ibkr("paid-out", "much")
        assert nonsense.returncode == 1
        assert "finite number" in nonsense.stderr
        elsewhere = await ibkr("paid-out", "5", "--account", "DU99", "--wait", "120", "--json")
        assert elsewhere.returncode == 1
        assert json.loads(elsewhere.stdout)["refused"]
        told = await ibkr("paid-out", "10000", "--wait", "120", "--json")
        assert told.returncode == 0, told.stderr
        assert json.loads(told.stdout) == {"amount": "-10000", "taken": True, "refused": False}
        await ib.place_order(order)
    later = await ibkr("paid-in", "10000", "--wait", "0")
    assert "next program" in later.stdout
