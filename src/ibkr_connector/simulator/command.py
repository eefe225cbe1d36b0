"""The simulator as a program: `ibkr sim`."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from ibkr_connector.clock import Clock, ManualClock, ScaledClock

from .control import ControlPort
from .exchange.tape import ReplayTape, read_recorded, with_crosses
from .inputs import InputError
from .scenario import Scenario, ScenarioError, read_scenario
from .server import DEFAULT_START, GatewaySimulator
from .wire.versions import NEWEST, OLDEST

__all__ = ["ScenarioError", "SimulatorOptions", "make_simulator", "run_simulator"]

_REPLAY_TAIL: Final = timedelta(days=120)
"""A replay starts so long before the end of what was recorded, so that there is a past too."""

_REPLAY_SPEED: Final = 43_200.0
"""A recorded day in two seconds: daily prices make a market that moves while one watches."""


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
    tape = ReplayTape(with_crosses(read_recorded())) if options.replay else None
    try:
        return GatewaySimulator(
            scenario,
            host=options.host,
            port=options.port,
            tape=tape,
            seed=seed,
            server_version=version,
            sessions=options.sessions,
            clock=_clock(options, scenario, tape),
        )
    except InputError as error:
        raise ScenarioError(str(error)) from error


def run_simulator(options: SimulatorOptions) -> int:
    """
    Serve until a signal comes; print one JSON line with host and ports when it accepts.

    Returns:
        The exit code: 0 after SIGINT or SIGTERM, 1 when it could not start.
    """
    try:
        asyncio.run(_serve(make_simulator(options), options.control_port))
    except ScenarioError as error:
        print(f"ibkr sim: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"ibkr sim: cannot listen on {options.host}:{options.port}: {error.strerror}; "
            "choose another --port, or 0 for a free one",
            file=sys.stderr,
        )
        return 1
    return 0


async def _serve(simulator: GatewaySimulator, control_port: int | None) -> None:
    leave = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, leave.set)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(simulator)
        started = {"host": simulator.host, "port": simulator.port}
        if control_port is not None:
            control = ControlPort(simulator, port=control_port)
            await stack.enter_async_context(control)
            started["control_port"] = control.port
        print(json.dumps(started), flush=True)
        await leave.wait()


def _clock(options: SimulatorOptions, scenario: Scenario, tape: ReplayTape | None) -> Clock | None:
    past = None if tape is None else tape.span[1] - _REPLAY_TAIL
    if options.manual:
        return ManualClock(scenario.start or past or DEFAULT_START)
    if past is None:
        return None
    return ScaledClock(scenario.start or past, speed=scenario.speed or _REPLAY_SPEED)
