"""Programs in other virtual environments, against a simulator whose market stands still."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.clock import ScaledClock
from ibkr_connector.simulator import GatewaySimulator, HostedSimulator
from ibkr_connector.simulator.exchange.commands import SetQuote
from ibkr_connector.simulator.exchange.history import HistoricalBar
from ibkr_connector.simulator.exchange.venue import Venue
from ibkr_connector.simulator.server import DEFAULT_START

ROOT = Path(__file__).parents[2]
AAPL = 265598
BID, ASK, LAST = Decimal("189.98"), Decimal("190.02"), Decimal("190.00")
BID_SIZE, ASK_SIZE = Decimal(300), Decimal(60)
"""The ask is smaller than the orders of the programs, so that they are filled in parts."""


@contextmanager
def still_market(server_version: int) -> Iterator[HostedSimulator]:
    """Run a simulator whose AAPL does not move."""

    def make() -> GatewaySimulator:
        simulator = GatewaySimulator(
            clock=ScaledClock(DEFAULT_START), server_version=server_version
        )
        simulator.venue.execute(
            SetQuote(
                con_id=AAPL, bid=BID, ask=ASK, last=LAST, bid_size=BID_SIZE, ask_size=ASK_SIZE
            ),
            simulator.clock.utcnow(),
        )
        return simulator

    with GatewaySimulator.in_thread(make) as hosted:
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
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-500:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


HOURS = (
    "20261118:0930-20261118:1600;20261119:0930-20261119:1600;20261120:0930-20261120:1600;"
    "20261121:CLOSED;20261122:CLOSED;20261123:0930-20261123:1600"
)
ORDER_TYPES = (
    "ACTIVETIM,AD,ADJUST,ALERT,ALLOC,AON,AVGCOST,BASKET,COND,DAY,DEACT,FOK,GAT,GTC,GTD,IOC,LMT,"
    "LIT,MIT,MKT,MOC,OCA,OPG,REL,STP,STPLMT,TRAIL,TRAILLMT,WHATIF"
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
