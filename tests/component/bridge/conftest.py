"""A bridge before a connector before a simulator, with real sockets between each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from ibkr_connector import IBKRConnector
from ibkr_connector.bridge import create_app
from ibkr_connector.simulator import HostedSimulator
from kit.bridge import Served, served, settings_of

Make = Callable[..., Served]


@pytest.fixture
def make_bridge(
    make_connector: Callable[..., IBKRConnector], ibkr_gateway: HostedSimulator
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
            ib = make_connector(ibkr_gateway.port if port is None else port, **(connector or {}))
            given = settings_of(auto_connect=False, **settings)
            made = stack.enter_context(served(create_app(ib, bridge=given), given, token=token))
            if connect:
                assert made.post("/connect").status == 200
            return made

        yield make


@pytest.fixture
def bridge(make_bridge: Make) -> Served:
    """Return a bridge of all defaults that is connected and may trade."""
    return make_bridge()
