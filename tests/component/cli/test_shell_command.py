"""`ibkr shell`: a prompt where `await` works, and which leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from ibkr_connector.simulator import HostedSimulator
from kit.command import ibkr


def test_a_prompt_awaits_and_disconnects_at_its_end(
    ibkr_gateway: HostedSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_STATE_DIR", str(tmp_path / "journal"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    said = """\
quote = await ib.get_quote("AAPL")
print("bid", quote.bid > 0, buy("AAPL", 1).limit("1.05"))
"""
    done = ibkr("shell", "--port", str(ibkr_gateway.port), said=said)
    assert done.returncode == 0, done.stderr
    assert "a connector, ready" in done.stdout
    assert "bid True <BUY 1 AAPL LMT, limit price 1.05>" in done.stdout
    assert ibkr_gateway.do(lambda gw: len(gw.gateway.sessions)) == 0


def test_a_gateway_that_is_not_there_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_STATE_DIR", str(tmp_path / "journal"))
    done = ibkr("shell", "--port", "9")
    assert done.returncode == 1
    assert "GatewayUnavailableError" in done.stderr
