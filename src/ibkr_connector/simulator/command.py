"""The simulator as a program: `ibkr sim`."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import yaml

from ibkr_connector.clock import Clock, ScaledClock, SystemClock

from .dialogue import Permissions
from .exchange.tape import ReplayTape, SeededTape, read_recorded, with_crosses
from .server import DEFAULT_ACCOUNT, DEFAULT_CASH, GatewaySimulator
from .wire.versions import NEWEST, OLDEST

__all__ = ["ScenarioError", "SimulatorOptions", "make_simulator", "run_simulator"]

_REPLAY_TAIL: Final = timedelta(days=120)
"""A replay starts so long before the end of what was recorded, so that there is a past too."""

_REPLAY_SPEED: Final = 43_200.0
"""A recorded day in two seconds: daily prices make a market that moves while one watches."""


class ScenarioError(Exception):
    """A scenario file, or an option, that cannot be what was meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """What the command line says, or its defaults."""

    host: str = "127.0.0.1"
    port: int = 4002
    seed: int = 1
    server_version: int = NEWEST
    scenario: Path | None = None
    speed: float | None = None
    replay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What a scenario file may say."""

    accounts: dict[str, Decimal]
    permissions: Permissions
    start: datetime | None
    next_order_id: int


def make_simulator(options: SimulatorOptions) -> GatewaySimulator:
    """
    Make a simulator of options and scenario.

    Raises:
        ScenarioError: An option is out of range, or the scenario cannot be read.
    """
    if not OLDEST <= options.server_version <= NEWEST:
        raise ScenarioError(
            f"server version {options.server_version} is not within {OLDEST}..{NEWEST}"
        )
    if options.speed is not None and options.speed <= 0:
        raise ScenarioError(f"speed must be more than zero, got {options.speed}")
    scenario = _read_scenario(options.scenario)
    tape = ReplayTape(with_crosses(read_recorded())) if options.replay else SeededTape(options.seed)
    return GatewaySimulator(
        host=options.host,
        port=options.port,
        accounts=scenario.accounts,
        tape=tape,
        seed=options.seed,
        clock=_clock(options, scenario, tape),
        server_version=options.server_version,
        permissions=scenario.permissions,
        next_order_id=scenario.next_order_id,
    )


def run_simulator(options: SimulatorOptions) -> int:
    """
    Serve until a signal comes; print one JSON line with host and port when it accepts.

    Returns:
        The exit code: 0 after SIGINT or SIGTERM, 1 when it could not start.
    """
    try:
        asyncio.run(_serve(make_simulator(options)))
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


async def _serve(simulator: GatewaySimulator) -> None:
    leave = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, leave.set)
    async with simulator:
        print(json.dumps({"host": simulator.host, "port": simulator.port}), flush=True)
        await leave.wait()


def _clock(options: SimulatorOptions, scenario: Scenario, tape: object) -> Clock:
    if isinstance(tape, ReplayTape):
        start = scenario.start or tape.span[1] - _REPLAY_TAIL
        return ScaledClock(start, speed=options.speed or _REPLAY_SPEED)
    if scenario.start is None and options.speed is None:
        return SystemClock()
    return ScaledClock(scenario.start or SystemClock().utcnow(), speed=options.speed or 1.0)


_PERMISSION_NAMES: Final = frozenset(Permissions.__dataclass_fields__)
_SCENARIO_NAMES: Final = frozenset({"accounts", "permissions", "start", "next_order_id"})


def _read_scenario(path: Path | None) -> Scenario:
    read = _mapping(path) if path is not None else {}
    _known(read, _SCENARIO_NAMES, "scenario")
    permissions = read.get("permissions") or {}
    _known(permissions, _PERMISSION_NAMES, "permissions")
    accounts = read.get("accounts") or {DEFAULT_ACCOUNT: DEFAULT_CASH}
    try:
        return Scenario(
            accounts={str(name): Decimal(str(cash)) for name, cash in accounts.items()},
            permissions=Permissions(**permissions),
            start=_moment(read.get("start")),
            next_order_id=int(read.get("next_order_id", 1)),
        )
    except (AttributeError, InvalidOperation, TypeError, ValueError) as error:
        raise ScenarioError(f"the scenario cannot be read: {error}") from error


def _mapping(path: Path) -> dict[str, Any]:
    try:
        read = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ScenarioError(f"cannot read {path.name}: {error}") from error
    if not isinstance(read, dict):
        raise ScenarioError(f"{path.name} must hold names and values")
    return read


def _known(given: dict[str, Any], known: frozenset[str], what: str) -> None:
    for name in given:
        if name not in known:
            raise ScenarioError(
                f"{name!r} is not a key of {what}; known are {', '.join(sorted(known))}"
            )


def _moment(text: object) -> datetime | None:
    if text is None:
        return None
    moment = text if isinstance(text, datetime) else datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ScenarioError(f"start needs a time zone, as in 2026-11-18T15:00:00Z; got {text}")
    return moment
