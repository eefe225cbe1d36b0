"""`ibkr sim` as a program."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.clock import ScaledClock, SystemClock
from ibkr_connector.simulator.command import (
    ScenarioError,
    SimulatorOptions,
    make_simulator,
    run_simulator,
)

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts the program; it is gone at the end in any case."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        code = "from ibkr_connector.cli import main; raise SystemExit(main())"
        process = subprocess.Popen(
            [sys.executable, "-c", code, "sim", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_in_one_line_and_stops_when_told(
    start: Start, number: signal.Signals
) -> None:
    process = start("--port", "0")
    assert process.stdout is not None
    said = json.loads(process.stdout.readline())
    with socket.create_connection((said["host"], said["port"]), timeout=60):
        pass
    process.send_signal(number)
    rest, errors = process.communicate(timeout=200)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_a_control_port_is_named_in_the_same_line_and_moves_a_manual_clock(start: Start) -> None:
    process = start("--port", "0", "--control-port", "0", "--manual")
    assert process.stdout is not None
    said = json.loads(process.stdout.readline())
    with (
        socket.create_connection(("127.0.0.1", said["control_port"]), timeout=60) as control,
        control.makefile("rwb") as lines,
    ):
        for command in ({"command": "advance", "seconds": 60}, {"command": "port"}):
            lines.write(json.dumps(command).encode() + b"\n")
            lines.flush()
            answer = json.loads(lines.readline())
            assert answer["ok"], answer
        assert answer["result"] == said["port"]
    process.send_signal(signal.SIGTERM)
    rest, errors = process.communicate(timeout=200)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_what_was_recorded_is_played(start: Start, tmp_path: Path) -> None:
    def ask(port: int) -> bytes:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=60) as client,
            client.makefile("rb") as heard,
        ):
            client.sendall(b"API\0\0\0\0\x09v157..178")
            size = heard.read(4)
            return size + heard.read(int.from_bytes(size))

    def said(process: subprocess.Popen[str], *, on_errors: bool = False) -> int:
        stream = process.stderr if on_errors else process.stdout
        assert stream is not None
        return int(json.loads(stream.readline())["port"])

    def stop(process: subprocess.Popen[str]) -> int:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=200)
        return process.returncode

    file = tmp_path / "morning.jsonl"
    gateway = start("--port", "0", "--manual")
    upstream = f"127.0.0.1:{said(gateway)}"
    recorder = start("record", "--upstream", upstream, "--out", str(file), "--port", "0")
    first = ask(said(recorder, on_errors=True))
    assert b"20261118 10:00:00 EST" in first
    assert [stop(recorder), stop(gateway)] == [0, 0]
    player = start("play", str(file), "--port", "0")
    assert ask(said(player)) == first
    assert stop(player) == 0


def test_a_busy_port_is_named_and_fails(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start("--port", str(port))
        _, errors = process.communicate(timeout=200)
    assert process.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in errors
    assert "Traceback" not in errors


def test_a_scenario_sets_accounts_permissions_and_time(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(
        "accounts: {DU1: 5000.25, DU2: 7}\n"
        "permissions: {live_data: false}\n"
        "start: 2026-11-18T15:00:00Z\n"
        "next_order_id: 40\n"
    )
    simulator = make_simulator(SimulatorOptions(scenario=path, speed=60))
    assert simulator.gateway.accounts == ("DU1", "DU2")
    assert simulator.venue.ledgers["DU1"].cash == {"USD": Decimal("5000.25")}
    assert not simulator.gateway.permissions.live_data
    assert simulator.gateway.first_order_id == 40
    assert isinstance(simulator.clock, ScaledClock)
    assert simulator.clock.utcnow() >= datetime(2026, 11, 18, 15, tzinfo=UTC)


def test_without_a_scenario_it_is_now() -> None:
    assert isinstance(make_simulator(SimulatorOptions()).clock, SystemClock)


def test_a_later_run_gives_other_permanent_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 11, 20, 15, tzinfo=UTC)
    first = []
    for at in (now, now + timedelta(seconds=2)):
        monkeypatch.setattr(SystemClock, "utcnow", lambda _, at=at: at)
        simulator = make_simulator(SimulatorOptions())
        first.append(simulator.venue._register.next_perm_id())
    assert 0 < first[0] < first[1] - 10 < 2**31
    assert make_simulator(SimulatorOptions(manual=True)).venue._register.next_perm_id() < first[0]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("acounts: {DU1: 5}", "'acounts' is not a key of scenario"),
        ("permissions: {live: true}", "'live' is not a key of scenario: permissions"),
        ("accounts: {DU1: lots}", "accounts: DU1 must be a number, got 'lots'"),
        ("start: 2026-11-18T15:00:00", "needs a time zone"),
        ("- 1", "must hold names and values"),
        ("a: [", "cannot read"),
    ],
)
def test_a_scenario_with_a_mistake_says_which(text: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=named):
        make_simulator(SimulatorOptions(scenario=path))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (SimulatorOptions(server_version=201), "server version 201"),
        (SimulatorOptions(speed=0), "speed must be more than zero"),
        (SimulatorOptions(scenario=Path("nowhere.yaml")), "cannot read nowhere.yaml"),
    ],
)
def test_options_out_of_range_are_errors_that_name_them(
    options: SimulatorOptions, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_simulator(options) == 1
    assert named in capsys.readouterr().err


def test_a_replay_starts_within_what_was_recorded() -> None:
    simulator = make_simulator(SimulatorOptions(replay=True))
    pair = simulator.venue.instrument(12087792)
    quote = simulator.venue.quote(pair, simulator.clock.utcnow())
    assert quote.bid is not None
    assert quote.ask is not None
    assert Decimal("0.8") < quote.bid < quote.ask < Decimal("1.6")


def test_a_tape_of_ones_own_is_played_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        "time,symbol,price\n2026-11-18T15:00:00Z,AAPL,100\n2026-11-18T16:00:00Z,AAPL,101\n"
    )
    simulator = make_simulator(SimulatorOptions(tapes=(path,), manual=True))
    assert simulator.clock.utcnow() == datetime(2026, 11, 18, 15, tzinfo=UTC)
    share = simulator.venue.instrument(265598)
    assert simulator.venue.mark(share, simulator.clock.utcnow()) == 100


def test_a_tape_with_a_mistake_says_which(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("time,symbol,price\nnoon,AAPL,100\n")
    with pytest.raises(ScenarioError, match=r"mine\.csv:2"):
        make_simulator(SimulatorOptions(tapes=(path,)))
