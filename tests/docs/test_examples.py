"""The examples of the documentation run, and say what the documentation says."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tools.commands import commands

from ibkr_connector.bridge import BridgeSettings
from ibkr_connector.cli.options import EXIT_USAGE
from ibkr_connector.simulator import HostedSimulator
from ibkr_connector.simulator.scenario import Scenario, read_scenario
from kit.command import PATIENT
from kit.forked import Loaded

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
LIVELY = datetime(2026, 11, 18, 15, tzinfo=UTC)
"""Half an hour after the open of a Wednesday: at night or on a weekend hardly anything trades."""


LOADED = Loaded(
    "ibkr_connector.engine",
    "ibkr_connector.facades",
    "ibkr_connector.simulator.server",
    "apprise",
    "exchange_calendars",
    "opentelemetry.sdk.trace.export",
    "pandas",
    "pytest",
)


def run(program: list[str], folder: Path) -> str:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("IBKR_", "MAX_", "COVERAGE"))}
    environment = {**PATIENT, **clean, "XDG_STATE_HOME": str(folder)}
    done = LOADED.run(program, environment=environment, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("quote_and_order.py", ["live", "1 submitted ibc", "cancelled"]),
        (
            "tutorial.py",
            [
                "above their mean:",
                "MAX_ORDER_SIZE passed 10 of 25000",
                "refused: MAX_ORDER_SIZE limit 25000",
                "filled 10 at",
                "the same order: True",
                "intended: BUY 10 AAPL",
                "left: 0",
            ],
        ),
        ("orders.py", ["trailing: submitted", "exit: submitted", "when: submitted", "none left"]),
        ("streams.py", ["quote EUR", "LIVE", "3 bids 3 asks", "bar 1 min final", "NOSUCHTHING"]),
        (
            "instruments.py",
            ["E-mini S&P 500 50 20270319", "6000.25 6000.00 6000.25", "'ESZ6', 'ESH7'"],
        ),
        ("futures.py", ["2 contracts, True", "none of NOSUCH", "1 roll, True"]),
        ("options.py", ["C ", "delta 0.", "iv ", "at 30 %"]),
        (
            "drafts.py",
            [
                "<BUY 10 AAPL LMT, limit price 1.05, time in force GTC, outside regular hours, "
                "adaptive Patient>",
                "waiting: submitted",
                "spread: submitted",
                "bracket: submitted",
                "exit: submitted\nexit: submitted",
                "none left",
            ],
        ),
        (
            "history.py",
            [
                "downloaded True",
                "stored True",
                "top True",
                "pandas ['open'",
                "polars ['timestamp', 'volume']",
            ],
        ),
        ("windows.py", ["bar of 2 trades, whole: True", "50 times, True", "session True"]),
        ("research.py", ["found 3", "qualified: True", "headlines 5", "trades: True whole: True"]),
        ("blocking.py", ["spread 0.", "ES", "bars: True", "cash ", "positions 0"]),
        ("doctor.py", ["port comes from argument port", "clock the gateway's clock", "not well"]),
        (
            "alerts.py",
            [
                "webhook told: True",
                "hook: raised kill_switch",
                "stream: just trying",
                "over: kill_switch",
                "in all: [",
                "'kill_switch'",
            ],
        ),
        (
            "account.py",
            [
                "worth 1000000.00 USD",
                "ledger BASE",
                "change AAPL opened 10",
                "gain known, live True",
                "exposure ['AAPL'] hhi 1.0",
                "kept True",
            ],
        ),
        (
            "metrics.py",
            [
                'ibkr_up{profile="default"} 1.0',
                'ibkr_orders_closed_total{origin="own",outcome="filled",profile="default"} 1.0',
                'ibkr_fills_total{asset="STK",origin="own",profile="default",side="buy"} 1.0',
            ],
        ),
        (
            "logs.py",
            ["rebalance-7 order 1 is sent, was intended (send)", "rebalance-7 order 1 is filled"],
        ),
        ("spans.py", ["place_order in True []", "order in True ['intent', 'sent', 'ack'"]),
        ("errors.py", ["200 False", "quantity must be above 0", "HistoricalDataError"]),
    ],
)
def test_a_program_runs(
    name: str,
    says: list[str],
    make_ibkr_gateway: Callable[..., HostedSimulator],
    tmp_path: Path,
) -> None:
    gateway = make_ibkr_gateway(scenario=Scenario(start=LIVELY))
    printed = run([str(EXAMPLES / name), str(gateway.port)], tmp_path)
    for words in says:
        assert words in printed


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("test_my_strategy.py", "2 passed"),
        ("test_own_program.py", "4 passed"),
        ("test_at_a_price.py", "1 passed"),
    ],
)
def test_the_tests_for_users_pass(name: str, says: str, tmp_path: Path) -> None:
    # what is loaded already asserts nothing in these tests' own words
    quiet = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    assert says in run(["-m", "pytest", "-q", *quiet, str(EXAMPLES / name)], tmp_path)


def test_a_gateway_lives_on_the_loop_of_its_program(tmp_path: Path) -> None:
    printed = run([str(EXAMPLES / "scenario_in_python.py")], tmp_path)
    assert printed == "bid 149.98\ncut, and the broker has 1 order\n"


def shell(*command: str | Path, folder: Path) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_shell_is_enough_to_run_a_program_against_a_gateway(tmp_path: Path) -> None:
    program = (
        "import os, socket; "
        "link = socket.create_connection(('127.0.0.1', int(os.environ['IB_PORT'])), 60); "
        "link.sendall(b'API\\0' + bytes([0, 0, 0, 9]) + b'v157..178'); "
        "print('spoken', link.recv(100)[4:7].decode())"
    )
    printed = shell(EXAMPLES / "in_ci.sh", sys.executable, "-c", program, folder=tmp_path)
    assert printed == "spoken 178\n"


def test_a_shell_is_enough_to_drive_a_gateway(tmp_path: Path) -> None:
    answers = [
        json.loads(line)
        for line in shell(EXAMPLES / "drive.sh", folder=tmp_path).split("\n")
        if line
    ]
    assert all(answer["ok"] for answer in answers)
    assert [position["quantity"] for position in answers[4]["result"]] == ["5"]
    assert answers[-1]["id"] == "at the end"


def test_the_unit_starts_a_command_that_there_is() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # as its documentation says
    unit.read(EXAMPLES / "ibkr-serve.service")
    service = unit["Service"]
    program, command, *arguments = service["ExecStart"].split()
    assert program.endswith("/ibkr")
    known = {name for one in commands()[f"ibkr {command}"].params for name in one.opts}
    assert {word for word in arguments if word.startswith("--")} <= known
    assert int(service["RestartPreventExitStatus"]) == EXIT_USAGE
    stopped = BridgeSettings.model_fields["shutdown_s"].default
    assert int(service["TimeoutStopSec"]) > stopped


def test_the_scenario_is_one() -> None:
    scenario = read_scenario(EXAMPLES / "scenario.yaml")
    assert [cue.at_s for cue in scenario.script] == [60, 120, 300, 310]


def test_the_program_in_the_readme_runs(ibkr_gateway: HostedSimulator, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    program = readme.split("```python\n")[1].split("```")[0]
    assert "port=4002" in program
    script = tmp_path / "readme.py"
    script.write_text(program.replace("port=4002", f"port={ibkr_gateway.port}"))
    printed = run([str(script)], tmp_path)
    assert "1 submitted ibc" in printed
    assert len(program.splitlines()) <= 25
