"""
From the start of a process until it is connected, by phase, in processor time.

The least of several runs, each a process of its own against one simulator: how long it takes by the
clock depends on who else is busy, this hardly.

    python -m benchmarks.start [runs]
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Final

__all__ = ["measured"]

_RUNS: Final = 7


async def _connect(port: int) -> dict[str, float]:
    """Connect once, and tell at which processor time each phase was over."""
    over = {"interpreter and asyncio": time.process_time()}
    from ibkr_connector import IBKRConnector, Settings

    over["the connector's class, with pydantic"] = time.process_time()
    from ibkr_connector.runtime import load_engine

    load_engine()
    over["ib_async and the engine"] = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        ib = IBKRConnector.create(Settings.load(host="127.0.0.1", port=port, state_dir=folder))
        over["settings"] = time.process_time()
        async with ib:
            over["journal, login, ready"] = time.process_time()
    return over


def measured(runs: int = _RUNS) -> dict[str, float]:
    """Return the milliseconds of each phase, of the run that took the least."""
    from ibkr_connector.simulator import GatewaySimulator

    # modules are compiled once, by the first run, as those of installed packages are
    plain = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    found: list[dict[str, float]] = []
    with GatewaySimulator.in_thread(lambda: GatewaySimulator()) as gateway:
        for _ in range(runs + 1):
            said = subprocess.run(
                [sys.executable, "-m", "benchmarks.start", "--port", str(gateway.port)],
                stdout=subprocess.PIPE,
                env=plain,
                check=True,
                timeout=60,
            ).stdout
            over = json.loads(said)
            starts = [0.0, *over.values()]
            found.append(
                {
                    name: 1000 * (end - start)
                    for (name, end), start in zip(over.items(), starts, strict=False)
                }
            )
    return min(found[1:], key=lambda phases: sum(phases.values()))


def main() -> None:
    """Print the phases, or be one of the runs."""
    if sys.argv[1:2] == ["--port"]:
        print(json.dumps(asyncio.run(_connect(int(sys.argv[2])))))
        return
    phases = measured(int(sys.argv[1]) if sys.argv[1:] else _RUNS)
    for name, took in phases.items():
        print(f"{took:8.1f} ms  {name}")
    print(f"{sum(phases.values()):8.1f} ms  from the start until ready")


if __name__ == "__main__":
    main()
