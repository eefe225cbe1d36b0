"""What a program imports until it is connected."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ibkr_connector
from ibkr_connector.simulator import GatewaySimulator

SOURCE = Path(ibkr_connector.__file__).parent

PROGRAM = """
import asyncio, json, sys
from ibkr_connector import IBKRConnector, Settings
from ibkr_connector.gateway.lean import import_ib_async

async def nothing(clock, *, readonly):
    pass  # what is imported when the first calls are over is not looked at

async def main():
    import_ib_async()
    from ibkr_connector import engine

    engine.warm_up = nothing
    port, state_dir = sys.argv[1:]
    connector = IBKRConnector.create(
        Settings.load(host="127.0.0.1", port=int(port), state_dir=state_dir, readonly=False)
    )
    async with connector:
        met = sorted(sys.modules)
        # the one thing of ib_async's that needs numpy has it when it is used
        from eventkit import Event
        event, means = Event(), []
        means_of = event.array(2).mean()
        means_of += means.append
        for value in (1, 3):
            event.emit(value)
        return {"modules": met, "means": [float(mean) for mean in means]}

print(json.dumps(asyncio.run(main())))
"""

NOT_BEFORE_IT_IS_NEEDED = {
    # databases other than a file of the newest schema
    "alembic",
    "asyncpg",
    "greenlet",
    "sqlalchemy",
    # tables and figures
    "duckdb",
    "matplotlib",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    # doors
    "fastapi",
    "IPython",
    "nats",
    "rich",
    "starlette",
    "typer",
    "uvicorn",
    "websockets",
    # the world
    "apprise",
    "httpx",
    "keyring",
    "opentelemetry",
    "prometheus_client",
    "requests",
    "structlog",
    "tornado",
    "urllib.request",
    "yaml",
    # our own
    "ibkr_connector.account.flex",
    "ibkr_connector.account.plots",
    "ibkr_connector.bridge",
    "ibkr_connector.cli",
    "ibkr_connector.doctor",
    "ibkr_connector.facades",
    "ibkr_connector.gateway.wire_numbers",
    "ibkr_connector.market.rolling",
    "ibkr_connector.simulator",
    "ibkr_connector.storage.schema",
    "ibkr_connector.storage.servers",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[object]]:
    folder = tmp_path_factory.mktemp("start")
    plain = {
        name: value for name, value in os.environ.items() if not name.startswith(("IBKR_", "COV"))
    }
    with GatewaySimulator.in_thread(lambda: GatewaySimulator()) as gateway:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(gateway.port), str(folder)],
            capture_output=True,
            text=True,
            cwd=folder,
            env={**plain, "PYTHONPATH": str(SOURCE.parent)},
            timeout=200,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_connecting_imports_only_what_connecting_needs(told: dict[str, list[object]]) -> None:
    assert NOT_BEFORE_IT_IS_NEEDED & {str(name) for name in told["modules"]} == set()


def test_an_array_of_events_has_its_numpy_when_it_is_used(told: dict[str, list[object]]) -> None:
    assert told["means"] == [1.0, 2.0]


def test_who_asks_the_command_line_for_help_waits_for_no_connector() -> None:
    program = "import ibkr_connector.cli.app, json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    met = set(json.loads(done.stdout))
    assert "ibkr_connector.cli.order" in met
    large = {"connector", "engine", "facades.blocking", "account.desk", "orders.desk", "bridge.app"}
    assert not met & {"ib_async", *(f"ibkr_connector.{name}" for name in large)}
