"""Programs in other virtual environments, against a simulator whose market stands still."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from ibkr_connector.clock import ManualClock, ScaledClock
from ibkr_connector.simulator import GatewaySimulator, HostedSimulator
from ibkr_connector.simulator.exchange.history import HistoricalBar
from ibkr_connector.simulator.exchange.venue import Venue
from ibkr_connector.simulator.server import DEFAULT_START
from kit.broker import AAPL, ACTS, ASK_SIZE, BID_SIZE, set_quote

__all__ = [
    "AAPL",
    "ASK",
    "ASK_SIZE",
    "BID",
    "BID_SIZE",
    "FOREIGN",
    "HOURS",
    "LAST",
    "LIQUID_HOURS",
    "ORDER_TYPES",
    "SECURITY_IDS",
    "drive",
    "drive_a_day",
    "hosted_day",
    "hourly_bars",
    "still_market",
    "trading_day",
]

ROOT = Path(__file__).parents[2]
DEADLINE_S: Final = 600
"""How long a program may run: ten seconds do on a machine left alone."""

FOREIGN: Final = [pytest.mark.foreign, pytest.mark.timeout(DEADLINE_S + 60)]
"""What the tests of such programs are marked with."""

BID, ASK, LAST = Decimal("189.98"), Decimal("190.02"), Decimal("190.00")


@contextmanager
def still_market(server_version: int) -> Iterator[HostedSimulator]:
    """Run a simulator whose AAPL does not move, and whose time runs."""

    def make() -> GatewaySimulator:
        simulator = GatewaySimulator(
            clock=ScaledClock(DEFAULT_START), server_version=server_version
        )
        set_quote(simulator, bid=str(BID), ask=str(ASK), last=str(LAST))
        return simulator

    with GatewaySimulator.in_thread(make) as hosted:
        yield hosted


def trading_day(server_version: int) -> GatewaySimulator:
    """Make a simulator for a whole day, which ends: its time passes when the program asks."""
    return GatewaySimulator(
        clock=ManualClock(DEFAULT_START), server_version=server_version, sessions=True
    )


@contextmanager
def hosted_day(server_version: int) -> Iterator[HostedSimulator]:
    """Run one on a thread of its own."""
    with GatewaySimulator.in_thread(lambda: trading_day(server_version)) as hosted:
        yield hosted


def drive(name: str, hosted: HostedSimulator, client_id: int) -> dict[str, Any]:
    """Run a program to its end, and return what it printed."""
    python = ROOT / ".venv-foreign" / name / "bin" / "python"
    if not python.exists():
        pytest.fail(f"the virtual environment of {name} is missing: run `make setup`")
    script = ROOT / "tests" / "foreign" / f"drive_{name}.py"
    done = subprocess.run(
        [python, script, hosted.host, str(hosted.port), str(client_id)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-500:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


async def _act(said: Mapping[str, Any], simulator: GatewaySimulator) -> None:
    await ACTS[said["broker"]](simulator, said)


ENVIRONMENTS: Final = {"ib_day": "ib_insync", "ibapi_day": "ibapi"}
"""Programs whose environment has another name."""


def drive_a_day(program: str, hosted: HostedSimulator, *arguments: str) -> dict[str, Any]:
    """
    Run `drive_<program>` to its end, and return what it printed last.

    Lines `{"broker": ...}` are done at the simulator and answered by a line; the program waits.
    """
    environment = ENVIRONMENTS.get(program, program)
    python = ROOT / ".venv-foreign" / environment / "bin" / "python"
    if not python.exists():
        pytest.fail(f"the virtual environment of {environment} is missing: run `make setup`")
    command = [python, ROOT / "tests" / "foreign" / f"drive_{program}.py", hosted.host]
    process = subprocess.Popen(
        [*map(str, command), str(hosted.port), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    stopper = threading.Timer(DEADLINE_S, process.kill)
    stopper.start()
    # read beside, or a program that complains a lot waits for ever
    complaints: list[str] = []
    errors = process.stderr
    listening = threading.Thread(target=lambda: complaints.append(errors.read()))
    listening.start()
    said: dict[str, Any] = {}
    others: list[str] = []
    try:
        for line in process.stdout:
            if not line.startswith("{"):
                others.append(line)
                continue
            said = json.loads(line)
            if "broker" in said:
                hosted.wait(partial(_act, said))
                process.stdin.write("{}\n")
                process.stdin.flush()
        code = process.wait()
    finally:
        stopper.cancel()
        process.kill()
        process.wait()
        listening.join()
        process.stdin.close()
        process.stdout.close()
        process.stderr.close()
    assert code == 0, "".join(complaints)[-3000:] + "".join(others)[-1500:]
    assert "broker" not in said, f"the program ended after {said}"
    return said


DAYS = ("20261118", "20261119", "20261120", "20261121", "20261122", "20261123")
CLOSED = {"20261121", "20261122"}


def hours(opening: str, closing: str) -> str:
    """Return six days of hours, the weekend among them, as TWS writes them."""
    return ";".join(
        f"{day}:CLOSED" if day in CLOSED else f"{day}:{opening}-{day}:{closing}" for day in DAYS
    )


HOURS, LIQUID_HOURS = hours("0400", "2000"), hours("0930", "1600")
SECURITY_IDS = [
    {"tag": "ISIN", "value": "US0378331005"},
    {"tag": "CUSIP", "value": "037833100"},
]
ORDER_TYPES = (
    "ACTIVETIM,AD,ADJUST,ALERT,ALGO,ALLOC,AON,AVGCOST,BASKET,CASHQTY,COND,DAY,DEACT,FOK,GAT,GTC,"
    "GTD,HID,ICE,IOC,LIT,LMT,LOC,MIDPX,MIT,MKT,MOC,MTL,OCA,OPG,PEGMID,PEGMKT,REL,STP,STPLMT,TRAIL,"
    "TRAILLMT,WHATIF"
)


def hourly_bars(venue: Venue, first: datetime, count: int) -> Sequence[HistoricalBar]:
    """Return what the venue says of so many hours of AAPL."""
    return venue.bars(
        venue.instrument(AAPL),
        start=first,
        end=first + timedelta(hours=count),
        bar_size="1 hour",
        what_to_show="TRADES",
    )
