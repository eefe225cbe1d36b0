"""
Requests a second that the bridge answers, and what one costs it.

The bridge is a process of its own, as `ibkr serve` starts it, before a gateway that is another one.
This process keeps so many connections and asks on each of them again as soon as it is answered. A
quote is asked for that nobody follows (from the cache of snapshots) and one that a WebSocket
follows. What counts is how many answers come in a second of the clock; beside it stands the
processor time of the bridge for each, which a machine with other work does not change as much.

    python -m benchmarks bridge [--rounds N] [--json]
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from websockets.asyncio.client import connect

from .gateway import running

__all__ = ["PATHS", "TARGET", "Requests", "compare", "report"]

TARGET: Final = 500.0
"""Answers a second."""

SECONDS: Final = 3.0
CONNECTIONS: Final = 16
PATHS: Final[Mapping[str, str]] = {
    "alive": "/livez",
    "a quote that nobody follows": "/v1/quotes/AAPL",
    "the same, older form": "/quotes/AAPL",
    "a quote that is followed": "/v1/quotes/MSFT",
}
FOLLOWED: Final = "MSFT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Answers a second, and milliseconds of the bridge's processor for each, by what was asked."""

    rates: Mapping[str, float]
    cpu_ms: Mapping[str, float]

    @property
    def is_met(self) -> bool:
        """Whether quotes come fast enough."""
        return all(rate >= TARGET for name, rate in self.rates.items() if "quote" in name)


@contextmanager
def _served(gateway: int, folder: Path) -> Iterator[tuple[int, int]]:
    """Serve that gateway, and give the port and the process."""
    settings = {
        "IBKR_STATE_DIR": str(folder),
        "IBKR_CONFIG_DIR": str(folder),
        "IBKR_RESET_WINDOWS": "none",
        "IBKR_LOG_LEVEL": "WARNING",
        # what is measured is how fast it can, not how fast one caller may
        "IBKR_BRIDGE_REQUESTS_PER_S": "1000000",
        "IBKR_BRIDGE_BURST": "1000000",
    }
    code = "from ibkr_connector.cli import main; raise SystemExit(main())"
    where = ["--gateway", f"127.0.0.1:{gateway}", "--port", "0", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, "serve", *where],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["port"], process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _cpu_s(pid: int) -> float:
    """Return the processor time of a process; *limit*: 0 where there is no /proc."""
    place = Path(f"/proc/{pid}/stat")
    if not place.exists():
        return 0.0
    words = place.read_text("ascii").rsplit(") ", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


async def _answers(port: int, path: str, until: float) -> int:
    """Ask again and again on one connection, and return how often it was answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    asked = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    count = 0
    while time.perf_counter() < until:
        writer.write(asked)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200 "):
            raise RuntimeError(f"{path} is answered by {head.splitlines()[0].decode()}")
        length = next(row for row in head.split(b"\r\n") if row.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        count += 1
    writer.close()
    return count


async def _until_ready(port: int) -> None:
    while True:
        try:
            await _answers(port, "/readyz", time.perf_counter() + 0.001)
        except (RuntimeError, OSError):
            await asyncio.sleep(0.1)
        else:
            return


async def _measure(rounds: int, *, seconds: float, connections: int) -> Requests:
    rates: dict[str, list[float]] = {name: [] for name in PATHS}
    costs: dict[str, list[float]] = {name: [] for name in PATHS}
    with (
        tempfile.TemporaryDirectory() as folder,
        running() as gateway,
        _served(gateway, Path(folder)) as (port, pid),
    ):
        await _until_ready(port)
        async with connect(f"ws://127.0.0.1:{port}/ws/quotes/{FOLLOWED}", proxy=None) as followed:
            await followed.recv()
            for _ in range(rounds):
                for name, path in PATHS.items():
                    start, before = time.perf_counter(), _cpu_s(pid)
                    asking = [_answers(port, path, start + seconds) for _ in range(connections)]
                    count = sum(await asyncio.gather(*asking))
                    took = time.perf_counter() - start
                    rates[name].append(count / took)
                    costs[name].append((_cpu_s(pid) - before) / count * 1e3)
    return Requests(
        rates={name: statistics.median(found) for name, found in rates.items()},
        cpu_ms={name: statistics.median(found) for name, found in costs.items()},
    )


def compare(rounds: int, *, seconds: float = SECONDS, connections: int = CONNECTIONS) -> Requests:
    """Measure so many times, and return the medians."""
    return asyncio.run(_measure(rounds, seconds=seconds, connections=connections))


def report(found: Requests) -> str:
    """Say what was measured."""
    rows = [f"{CONNECTIONS} connections, target {TARGET:g} quotes a second"]
    for name, rate in found.rates.items():
        verdict = "" if "quote" not in name else ("met" if rate >= TARGET else "MISSED")
        rows.append(
            f"{name:30}{rate:>8.0f}/s  {found.cpu_ms[name]:5.2f} ms of processor  {verdict}"
        )
    return "\n".join(rows)
