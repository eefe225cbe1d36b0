"""
The comparison: each client in turn, round after round, each time as a program of its own.

What counts are ratios to bare ib_async within one round, and their medians; processor time is that
of the client's whole process, which other programs on the machine disturb less than the clock.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ibkr_connector import __version__

from .replay import ACCOUNT, LIMIT, listed

__all__ = ["BASE", "CLIENTS", "SCENES", "Scene", "compare", "gateway", "medians", "played"]

ROOT: Final = Path(__file__).parents[2]
BASE: Final = "ib_async"
OURS: Final = frozenset({"connector", "hatch"})
CLIENTS: Final = ("ib_async", "ib_insync", "ibapi", "nautilus", "connector", "hatch")

_DEADLINE_S: Final = 300
_READY: Final = '{"ready"'
_UNCOMPILED: Final = "PYTHONDONTWRITEBYTECODE"
_PROGRAMS: Final = {"ibapi": "official.py", "nautilus": "nautilus.py"}
_IMPORTS: Final = 3

MODULES: Final[Mapping[str, Mapping[str, str]]] = {
    "ib_async": {"import": "import ib_async"},
    "ib_insync": {"import": "import ib_insync"},
    "ibapi": {"import": "import ibapi.client, ibapi.wrapper"},
    "nautilus": {
        "import": "import nautilus_trader.live.node; "
        "import nautilus_trader.adapters.interactive_brokers.factories"
    },
    "connector": {
        "import": "import ibkr_connector",
        "engine": "from ibkr_connector import IBKRConnector; "
        "from ibkr_connector.runtime import load_engine; load_engine()",
    },
}
"""What a program imports of each; `engine` is what `connect()` loads besides."""

_IMPORTED: Final = """
import resource, time
wall, cpu = time.perf_counter(), time.process_time()
{}
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
held = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20
print(wall, cpu, held)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """
    One piece of work: what the gateway plays, and which clients can do it.

    Args:
        name: What the rows of the table call it.
        work: What the clients call it.
        plays: What the gateway is to have ready.
        clients: Who takes part.
        shares: The part of the work that a client gets which would last minutes for the whole;
            its times are told for the whole.
    """

    name: str
    work: str
    plays: Mapping[str, int]
    clients: tuple[str, ...] = CLIENTS
    shares: Mapping[str, int] = field(default_factory=dict)

    def plays_for(self, client: str) -> Mapping[str, int]:
        """Return what the gateway plays for a client."""
        share = self.shares.get(client, 1)
        return {
            name: value // share if name in {"ticks", "trades"} else value
            for name, value in self.plays.items()
        }


_NO_HATCH: Final = ("ib_async", "ib_insync", "ibapi", "nautilus", "connector")

SCENES: Final = (
    Scene(
        name="ticks",
        work="ticks",
        plays={"symbols": 100, "ticks": 100_000},
        shares={"nautilus": 10},
    ),
    Scene(
        name="trades",
        work="trades",
        plays={"trade_symbols": 5, "trades": 40_000},
        shares={"nautilus": 8},
    ),
    Scene(
        name="one tick a packet",
        work="latency",
        plays={"symbols": 1, "paced": 2_000},
        # nautilus makes a quote of a bid and an ask, and this is one price alone
        clients=("ib_async", "ib_insync", "ibapi", "connector", "hatch"),
    ),
    Scene(name="bars", work="bars", plays={"bars": 20_000}),
    Scene(
        name="connect, 100 positions and 500 orders",
        work="connect",
        plays={"positions": 100, "orders": 500},
        clients=_NO_HATCH,
    ),
    Scene(
        name="connect, 10,000 positions",
        work="connect",
        plays={"positions": 10_000},
        clients=_NO_HATCH,
    ),
    Scene(
        name="start",
        work="start",
        plays={"positions": 100, "orders": 500},
        clients=_NO_HATCH,
    ),
    Scene(
        name="orders",
        work="orders",
        plays={"alone": 60, "in_flight": 200},
        clients=_NO_HATCH,
    ),
    Scene(name="imports", work="import", plays={}, clients=_NO_HATCH),
)


def _python(environment: str) -> Path | None:
    found = ROOT / ".venv-foreign" / environment / "bin" / "python"
    folder = os.environ.get("BENCH_FOREIGN")
    if folder is not None:
        found = Path(folder) / environment / "bin" / "python"
    return found if found.exists() else None


def _command(client: str) -> list[str] | None:
    """Return how a client is started; `None` where its environment is not there."""
    here = Path(__file__).parent
    if client in OURS:
        return [sys.executable, "-m", "benchmarks.clients.ours", client]
    if client == BASE:
        return [sys.executable, str(here / "library.py"), client]
    python = _python(client)
    if python is None:
        return None
    program = _PROGRAMS.get(client, "library.py")
    return [str(python), str(here / program), client]


def _environment() -> dict[str, str]:
    # what is imported is compiled once, as it is for whoever has installed it
    return {name: value for name, value in os.environ.items() if name != _UNCOMPILED}


@contextmanager
def gateway(plays: Mapping[str, int]) -> Iterator[int]:
    whole = {"symbols": 0, "ticks": 0, "trade_symbols": 0, "trades": 0, "bars": 0, **plays}
    command = [sys.executable, "-m", "benchmarks.clients.replay", json.dumps(whole)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["port"]
        finally:
            process.kill()


def _imports(client: str) -> dict[str, float] | None:
    """Import what a program needs of a client, each time in an interpreter of its own."""
    python = sys.executable if client in OURS or client == BASE else _python(client)
    if python is None:
        return None
    found: dict[str, float] = {}
    for what, modules in MODULES[client].items():
        rows = []
        for _ in range(_IMPORTS):
            done = subprocess.run(
                [str(python), "-c", _IMPORTED.format(modules)],
                capture_output=True,
                text=True,
                check=True,
                cwd=ROOT,
                env=_environment(),
            )
            rows.append([float(one) for one in done.stdout.split()])
        # the best of a few: the first one may have to compile, and others disturb the rest
        wall, cpu, held = (min(column) for column in zip(*rows, strict=True))
        found |= {f"{what} wall_s": wall, f"{what} cpu_s": cpu, f"{what} mib": held}
    return found


def played(
    client: str, scene: Scene, port: int, *, deadline_s: float = _DEADLINE_S
) -> dict[str, float] | None:
    """Run one client once, and return what it measured; `None` where it is not installed."""
    command = _command(client)
    if command is None:
        return None
    plays = scene.plays_for(client)
    wanted: dict[str, Any] = {
        "positions": 0,
        "bars": 0,
        "account": ACCOUNT,
        "limit": LIMIT,
        **plays,
    }
    for name in ("symbols", "trade_symbols"):
        wanted[name] = listed(int(plays.get(name, 0)))
    began = time.perf_counter()
    with subprocess.Popen(
        [*command, scene.work, str(port), json.dumps(wanted)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=_environment(),
    ) as process:
        assert process.stdout is not None
        late = threading.Timer(deadline_s, process.kill)
        late.start()
        # whatever else a client prints
        while (line := process.stdout.readline()) and not line.startswith(_READY):
            pass
        ready = time.perf_counter() - began
        said = process.stdout.read()
        late.cancel()
        if process.wait():
            raise RuntimeError(f"{client} ended with {process.returncode} in {scene.name}")
    told: dict[str, float] = json.loads(said.splitlines()[-1])
    share = scene.shares.get(client, 1)
    if share > 1:
        told |= {unit: told[unit] * share for unit in ("cpu_s", "wall_s")}
    return {**told, "start_to_ready_s": ready}


def _measured(scene: Scene, clients: tuple[str, ...], rounds: int) -> dict[str, Any]:
    told: dict[str, list[dict[str, float]]] = {}
    taking_part = [client for client in scene.clients if client in clients]

    def keep(client: str, number: int, row: dict[str, float] | None) -> None:
        if row is not None:
            told.setdefault(client, []).append({"round": number, **row})

    if scene.work == "import":
        for number in range(rounds):
            for client in taking_part:
                keep(client, number, _imports(client))
        return told
    with gateway(scene.plays) as port:
        # the gateway makes its answers when it is first asked
        played(BASE, scene, port)
        for number in range(rounds):
            for client in taking_part:
                try:
                    if client in scene.shares:
                        # who has a share of the work has a gateway of his own
                        with gateway(scene.plays_for(client)) as other:
                            keep(client, number, played(client, scene, other))
                    else:
                        keep(client, number, played(client, scene, port))
                except RuntimeError as error:
                    # his cell stays empty for this round; the others go on
                    print(f"round {number + 1}: {error}", file=sys.stderr)
    return told


def compare(
    rounds: int, *, scenes: tuple[Scene, ...] = SCENES, clients: tuple[str, ...] = CLIENTS
) -> dict[str, Any]:
    """Measure everything in turns; bare ib_async always takes part."""
    found: dict[str, Any] = {}
    for scene in scenes:
        told = _measured(scene, (BASE, *clients), rounds)
        found[scene.name] = {
            "plays": dict(scene.plays),
            "shares": dict(scene.shares),
            "rounds": rounds,
            "load": round(os.getloadavg()[0], 1),
            "clients": told,
        }
    return {
        "version": __version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "scenes": found,
    }


def medians(rows: list[dict[str, float]], unit: str) -> float:
    """Return the median of one figure."""
    return statistics.median(row[unit] for row in rows)
