"""A bridge before a connector before a simulator, with real sockets between each of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector import IBKRConnector, Settings
from ibkr_connector.bridge import create_app
from ibkr_connector.simulator import GatewaySimulator, HostedSimulator
from ibkr_connector.simulator.scenario import Scenario
from kit.bridge import Make, Served, served, settings_of

LIVELY = datetime(2026, 11, 18, 15, tzinfo=UTC)
"""Half an hour after the open of a Wednesday: at night or on a weekend hardly anything trades."""


@pytest.fixture
def lively_gateway(make_ibkr_gateway: Callable[..., HostedSimulator]) -> HostedSimulator:
    """Return a simulator in which something trades, for one test."""
    return make_ibkr_gateway(scenario=Scenario(start=LIVELY))


@pytest.fixture
def make_bridge(
    make_connector: Callable[..., IBKRConnector], lively_gateway: HostedSimulator
) -> Iterator[Make]:
    """Return a function that serves a connector of the simulator."""
    with ExitStack() as stack:

        def make(
            *,
            connector: dict[str, Any] | None = None,
            port: int | None = None,
            connect: bool = True,
            token: str | None = None,
            **settings: Any,
        ) -> Served:
            ib = make_connector(lively_gateway.port if port is None else port, **(connector or {}))
            given = settings_of(**{"auto_connect": False, **settings})
            made = stack.enter_context(served(create_app(ib, bridge=given), given, token=token))
            if connect:
                assert made.post("/connect").status == 200
            return made

        yield make


@pytest.fixture(scope="module")
def gateway_of_all() -> Iterator[HostedSimulator]:
    """Return the simulator behind `bridge`."""
    with GatewaySimulator.in_thread(lambda: GatewaySimulator(Scenario(start=LIVELY))) as hosted:
        yield hosted
        hosted.do(lambda simulator: simulator.check())


@pytest.fixture(scope="module")
def bridge(
    gateway_of_all: HostedSimulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """Return a bridge that is connected and may trade; the tests of a module share it."""
    folder: Path = tmp_path_factory.mktemp("bridge")
    with pytest.MonkeyPatch.context() as clean:
        for name in list(os.environ):
            if name.startswith(("IBKR_", "MAX_")):
                clean.delenv(name)
        clean.chdir(folder)
        settings = Settings.load(
            port=gateway_of_all.port,
            readonly=False,
            # no deadline that a busy machine misses
            connect_timeout_s=60.0,
            sync_timeout_s=60.0,
            request_timeout_s=60.0,
            order_ack_timeout_s=60.0,
            reconnect_base_s=0.05,
            # nor does the hour at which it runs make a difference
            reset_windows="none",
            state_dir=folder / "journal",
        )
    given = settings_of(auto_connect=False)
    app = create_app(IBKRConnector.create(settings), bridge=given)
    with served(app, given) as made:
        assert made.post("/connect").status == 200
        yield made
