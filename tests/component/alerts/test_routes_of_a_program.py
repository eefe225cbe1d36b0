"""Routes of a whole program: killed and started again, and tried from the command line."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from ibkr_connector import ConfigurationError, IBKRConnector
from ibkr_connector.model.alerts import Alert, AlertChange, AlertKind
from ibkr_connector.settings.alerts import AlertRule, AlertSettings, read_alerts
from ibkr_connector.simulator import HostedSimulator
from kit.alert_service import AlertService, alert_service
from kit.command import ibkr
from kit.ports import held_port

HERE = Path(__file__).parent
BUSY = (AlertKind.SLOW_LOOP, AlertKind.SLOW_HEARTBEAT, AlertKind.SLOW_ORDERS)
"""What a busy machine is told of beside all else."""

CALM = f"rules: {{{', '.join(f'{kind}: {{enabled: false}}' for kind in BUSY)}}}"


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the command line a wide terminal, and the time of a busy machine."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("IBKR_CONNECT_TIMEOUT_S", "60")
    monkeypatch.setenv("IBKR_SYNC_TIMEOUT_S", "60")


def alerts_to(service: AlertService, directory: Path) -> AlertSettings:
    directory.mkdir(exist_ok=True)
    (directory / "alerts.yaml").write_text(
        f"{CALM}\nroutes: {{ops: {{url: '{service.url}', timeout_s: 60}}}}\n", "utf-8"
    )
    return read_alerts(directory)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def raised(ib: IBKRConnector) -> Alert:
    """Return the one alert that is raised, as soon as what an earlier run has left is known."""
    async with asyncio.timeout(60):
        while not (found := await ib.alerts.active()):
            await asyncio.sleep(0.01)
    (alert,) = found
    return alert


async def test_a_program_that_was_killed_tells_what_was_outstanding_when_it_starts_again(
    ibkr_gateway: HostedSimulator, make_connector: Callable[..., IBKRConnector], tmp_path: Path
) -> None:
    with held_port() as port, ExitStack() as stack:
        with alert_service(port) as failing:
            failing.mode = "500"
            settings = alerts_to(failing, tmp_path / "config")
            program = await asyncio.create_subprocess_exec(
                sys.executable,
                str(HERE / "owner.py"),
                str(ibkr_gateway.port),
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                env={**os.environ},
            )
            assert program.stdout is not None
            assert await program.stdout.readline() == b"written\n"
            await until(lambda: failing.heard > 0)
            program.kill()
            await program.wait()
            assert failing.taken == []
        # another in its place: what the dead had still sent does not come to this one
        service = stack.enter_context(alert_service(port))
        ib = make_connector(
            ibkr_gateway.port, readonly=True, state_dir=tmp_path / "state", alerts=settings
        )
        async with ib:
            await until(lambda: bool(service.taken))
            active = await raised(ib)
            # the switch is still engaged: it is the same alert, and not told twice
            assert active.kind == "kill_switch"
            ib.kill_switch.release()
            await until(lambda: len(service.counts()) == 2)
        assert service.counts() == {(active.alert_id, "raised"): 1, (active.alert_id, "cleared"): 1}


async def test_streams_hooks_and_acknowledging_on_another_loop(
    ibkr_gateway: HostedSimulator, make_connector: Callable[..., IBKRConnector]
) -> None:
    heard: list[AlertChange] = []
    calm = AlertSettings(rules={kind: AlertRule(enabled=False) for kind in BUSY})
    async with make_connector(ibkr_gateway.port, alerts=calm) as ib:
        ib.alerts.on_alert(heard.append)
        async with ib.alerts.stream() as changes:
            await ib.kill_switch.engage("a test")
            change = await anext(changes)
            assert isinstance(change, AlertChange)
            assert "a test" in change.alert.text
            alert = await ib.alerts.acknowledge(change.alert.alert_id, by="me")
            assert alert.acknowledged_by == "me"
            assert [one.step for one in (change, await anext(changes))] == [  # type: ignore[union-attr]
                "raised",
                "acknowledged",
            ]
            silence = await ib.alerts.silence(for_s=60, kind="drift")
            assert await ib.alerts.silences() == (silence,)
            assert await ib.alerts.unsilence(silence.silence_id)
            ib.kill_switch.release()
            assert (await anext(changes)).step == "cleared"  # type: ignore[union-attr]
        await until(lambda: len(heard) == 3)
        await until_written(ib)
        (kept,) = await ib.alerts.history(kind="kill_switch")
        assert (kept.acknowledged_by, kept.is_active) == ("me", False)
        assert await ib.alerts.history(since=kept.raised_at + timedelta(seconds=1)) == ()
        with pytest.raises(ConfigurationError, match="names no time zone"):
            await ib.alerts.history(since=kept.raised_at.replace(tzinfo=None))
        assert await ib.alerts.outstanding() == await ib.alerts.receipts() == ()
        assert await ib.alerts.test() == ()


async def until_written(ib: IBKRConnector) -> None:
    async with asyncio.timeout(60):
        while not any(not one.is_active for one in await ib.alerts.history()):
            await asyncio.sleep(0.01)


# --- the command line -------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """What a command has said, and how it ended."""

    exit_code: int
    output: str


def run(*words: str) -> Said:
    done = ibkr("alerts", *words)
    return Said(done.returncode, done.stdout + done.stderr)


def test_each_route_is_tried_from_the_command_line(tmp_path: Path) -> None:
    with alert_service() as service:
        alerts_to(service, Path("config"))
        done = run("test", "--json")
        assert done.exit_code == 0, done.output
        (receipt,) = json.loads(done.output)
        assert (receipt["route"], receipt["attempts"]) == ("ops", 1)
        assert "this is a test" in service.text
        service.mode = "500"
        failed = run("test")
        assert failed.exit_code == 1
        assert "ops" in failed.output
        assert "sesame" not in failed.output


def test_the_command_line_shows_rules_and_refuses_what_is_wrong() -> None:
    assert "no routes" in run("test").output
    shown = json.loads(run("check", "--json").output)
    assert shown["source"] == "built-in"
    assert shown["rules"]["margin_cushion"]["threshold"] == "below 0.15 of the account's worth"
    assert "slow_orders" in run("check").output
    Path("config").mkdir()
    Path("config/alerts.yaml").write_text("rules: {drift: {enabled: of}}", "utf-8")
    wrong = run("check")
    assert wrong.exit_code == 2
    Path("config/alerts.yaml").write_text("routes: {a: {url: 'tgram://secret'}}", "utf-8")
    wrong = run("check")
    assert wrong.exit_code == 1
    assert "secret" not in wrong.output


async def test_a_command_beside_the_program_wakes_nobody_and_takes_nothing_over(
    ibkr_gateway: HostedSimulator,
    make_connector: Callable[..., IBKRConnector],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with alert_service() as service:
        settings = alerts_to(service, Path("config"))
        state = {"state_dir": tmp_path / "state"}
        async with make_connector(ibkr_gateway.port, alerts=settings, **state) as ib:
            await ib.kill_switch.engage("a test")
            await until(lambda: bool(service.taken))
        told = service.heard
        monkeypatch.setenv("IBKR_STATE_DIR", str(tmp_path / "state"))
        done = await asyncio.to_thread(ibkr, "status", "--port", str(ibkr_gateway.port))
        assert "the kill switch is engaged" in done.stdout
        async with make_connector(ibkr_gateway.port, alerts=settings, **state) as ib:
            assert (await raised(ib)).is_active
        assert service.heard == told == 1


async def test_the_command_line_lists_what_the_program_has_written(
    ibkr_gateway: HostedSimulator,
    make_connector: Callable[..., IBKRConnector],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with alert_service() as service:
        settings = alerts_to(service, Path("config"))
        async with make_connector(ibkr_gateway.port, alerts=settings) as ib:
            await ib.kill_switch.engage("a test of DU1234567")
            await until(lambda: bool(service.taken))
    monkeypatch.setenv("IBKR_STATE_DIR", str(tmp_path / "journal"))
    found = json.loads((await asyncio.to_thread(run, "list", "--json")).output)
    assert [one["kind"] for one in found] == ["kill_switch"]
    assert "DU1***67" in found[0]["text"]
    assert "kill_switch" in (await asyncio.to_thread(run, "list", "--all")).output
    told = json.loads((await asyncio.to_thread(run, "list", "--receipts", "--json")).output)
    assert [(one["route"], one["attempts"]) for one in told] == [("ops", 1)]
    nothing = await asyncio.to_thread(run, "list", "--kind", "drift")
    assert "no alerts" in nothing.output
    beside = await asyncio.to_thread(run, "list", "--client-id", "9")
    assert "no alerts" in beside.output
    wrong = await asyncio.to_thread(run, "list", "--kind", "drifft")
    assert wrong.exit_code == 1
