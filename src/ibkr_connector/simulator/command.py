"""The simulator as a program: `ibkr sim`, `ibkr sim record`, `ibkr sim play`."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TextIO

from ibkr_connector.clock import Clock, ManualClock, ScaledClock

from .control import ControlPort
from .exchange.prices import TapeError
from .exchange.tape import ReplayTape, read_recorded, read_tape, with_crosses
from .inputs import InputError
from .player import Player
from .recorder import Recorder
from .recording import RecordingError, Unexpected
from .scenario import Scenario, ScenarioError, read_scenario
from .server import DEFAULT_START, GatewaySimulator
from .wire.versions import NEWEST, OLDEST

__all__ = [
    "RecorderOptions",
    "ScenarioError",
    "SimulatorOptions",
    "make_simulator",
    "run_player",
    "run_recorder",
    "run_simulator",
]

_REPLAY_TAIL: Final = timedelta(days=120)
"""A replay starts so long before the end of what was recorded, so that there is a past too."""

_REPLAY_SPEED: Final = 43_200.0
"""A recorded day in two seconds: daily prices make a market that moves while one watches."""

_PERM_IDS: Final = (1_500_000_000, 2_100_000_000)
_PERM_IDS_A_SECOND: Final = 8
"""More orders a second than that, on average over a run, and the ids of the next one overlap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """What the command line says, or its defaults."""

    host: str = "127.0.0.1"
    port: int = 4002
    seed: int = 1
    server_version: int | None = None
    scenario: Path | None = None
    speed: float | None = None
    replay: bool = False
    tapes: tuple[Path, ...] = ()
    control_port: int | None = None
    manual: bool = False
    sessions: bool | None = None


def make_simulator(options: SimulatorOptions) -> GatewaySimulator:
    """
    Make a simulator of options and scenario.

    Raises:
        ScenarioError: An option is out of range, or the scenario cannot be read.
    """
    version = options.server_version
    if version is not None and not OLDEST <= version <= NEWEST:
        raise ScenarioError(f"server version {version} is not within {OLDEST}..{NEWEST}")
    if options.speed is not None and options.speed <= 0:
        raise ScenarioError(f"speed must be more than zero, got {options.speed}")
    said = read_scenario(options.scenario) if options.scenario is not None else Scenario()
    speed = said.speed if options.speed is None else options.speed
    scenario = replace(said, speed=speed)
    seed = scenario.seed if scenario.seed is not None and options.seed == 1 else options.seed
    tape = _tape(options, scenario)
    clock = _clock(options, scenario, tape)
    try:
        simulator = GatewaySimulator(
            scenario,
            host=options.host,
            port=options.port,
            tape=tape,
            seed=seed,
            server_version=version,
            sessions=options.sessions,
            clock=clock,
        )
    except InputError as error:
        raise ScenarioError(str(error)) from error
    if clock is None:
        # a client that was here before, with a journal of its own, must not take an order of this
        # run for one of the last: permanent ids are account-wide and survive
        simulator.venue.number_orders_from(_first_perm_id(simulator.clock.utcnow()))
    return simulator


def _first_perm_id(now: datetime) -> int:
    """Return one above those that runs before this moment have given, some orders a second."""
    return _PERM_IDS[0] + int(now.timestamp()) * _PERM_IDS_A_SECOND % (_PERM_IDS[1] - _PERM_IDS[0])


def run_simulator(options: SimulatorOptions) -> int:
    """
    Serve until a signal comes; print one JSON line with host and ports when it accepts.

    Returns:
        The exit code: 0 after SIGINT or SIGTERM, 1 when it could not start.
    """
    try:
        asyncio.run(_simulate(make_simulator(options), options.control_port))
    except (OSError, ScenarioError) as error:
        return _failed(error, options.host, options.port)
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderOptions:
    """What `ibkr sim record` is told: the gateway, and where the recording goes."""

    upstream: tuple[str, int]
    out: Path | None = None
    host: str = "127.0.0.1"
    port: int = 4002
    is_masked: bool = True


def run_recorder(options: RecorderOptions) -> int:
    """
    Record until a signal comes; the line with host and port goes to standard error.

    Returns:
        The exit code: 0 after SIGINT or SIGTERM, 1 when it could not start.
    """
    try:
        with ExitStack() as stack:
            file: TextIO = sys.stdout
            if options.out is not None:
                file = stack.enter_context(options.out.open("w", encoding="utf-8"))
            asyncio.run(_record(options, file))
    except OSError as error:
        return _failed(error, options.host, options.port)
    return 0


def run_player(file: Path, *, host: str, port: int) -> int:
    """
    Play a recording until a signal comes; print one JSON line with host and port.

    Returns:
        The exit code: 0 after SIGINT or SIGTERM, 1 when it could not start, or when a client said
        what is not in the recording.
    """
    try:
        lines = file.read_text("utf-8").splitlines()
        unexpected = asyncio.run(_play(Player(lines, host=host, port=port)))
    except (OSError, UnicodeError, RecordingError) as error:
        return _failed(error, host, port)
    for one in unexpected:
        print(f"ibkr sim: not in the recording: {one}", file=sys.stderr)
    return 1 if unexpected else 0


async def _simulate(simulator: GatewaySimulator, control_port: int | None) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(simulator)
        started = {"host": simulator.host, "port": simulator.port}
        if control_port is not None:
            control = ControlPort(simulator, port=control_port)
            await stack.enter_async_context(control)
            started["control_port"] = control.port
        await _stay(started, sys.stdout)


async def _record(options: RecorderOptions, file: TextIO) -> None:
    def write(line: str) -> None:
        print(line, file=file, flush=True)

    recorder = Recorder(
        options.upstream,
        write,
        host=options.host,
        port=options.port,
        is_masked=options.is_masked,
    )
    async with recorder:
        await _stay({"host": recorder.host, "port": recorder.port}, sys.stderr)


async def _play(player: Player) -> Sequence[Unexpected]:
    async with player:
        await _stay({"host": player.host, "port": player.port}, sys.stdout)
    return player.unexpected


async def _stay(started: Mapping[str, object], said_to: TextIO) -> None:
    """Say in one line where it listens, and wait for a signal."""
    leave = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, leave.set)
    print(json.dumps(started), file=said_to, flush=True)
    await leave.wait()


def _failed(error: Exception, host: str, port: int) -> int:
    if isinstance(error, OSError) and error.filename is None:
        print(
            f"ibkr sim: cannot listen on {host}:{port}: {error.strerror}; "
            "choose another --port, or 0 for a free one",
            file=sys.stderr,
        )
    else:
        print(f"ibkr sim: {error}", file=sys.stderr)
    return 1


def _tape(options: SimulatorOptions, scenario: Scenario) -> ReplayTape | None:
    if options.tapes and options.replay:
        raise ScenarioError("tape files and the recorded prices in the box are one too many")
    if options.tapes:
        try:
            return read_tape(*options.tapes, begin=scenario.start or DEFAULT_START)
        except TapeError as error:
            raise ScenarioError(str(error)) from error
    return ReplayTape(with_crosses(read_recorded())) if options.replay else None


def _clock(options: SimulatorOptions, scenario: Scenario, tape: ReplayTape | None) -> Clock | None:
    if tape is None and not options.manual:
        return None
    start = scenario.start or _beginning(options, tape)
    if options.manual:
        return ManualClock(start)
    return ScaledClock(start, speed=scenario.speed or (_REPLAY_SPEED if options.replay else 1.0))


def _beginning(options: SimulatorOptions, tape: ReplayTape | None) -> datetime:
    if tape is None:
        return DEFAULT_START
    # the prices in the box are years of days; a file of one's own is played from its beginning
    return tape.span[1] - _REPLAY_TAIL if options.replay else tape.span[0]
