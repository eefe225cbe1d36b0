"""
Fixtures for pytest: a TWS gateway on a free port, fresh for each test.

Installed with the package; nothing to import:

    def test_my_strategy(ibkr_gateway):
        my_program.connect(ibkr_gateway.host, ibkr_gateway.port)
        assert not ibkr_gateway.do(lambda gw: gw.venue.open_orders())

`make_ibkr_gateway` makes one with arguments of your choice (see `GatewaySimulator`). The simulator
runs on a thread of its own, so that the test may be synchronous or use any event loop. At its end
the test fails when the program asked for something that is not simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .server import HostedSimulator

__all__ = ["ibkr_gateway", "make_ibkr_gateway"]


@pytest.fixture
def make_ibkr_gateway() -> Iterator[Callable[..., HostedSimulator]]:
    """Return a function that starts a simulator with the arguments of `GatewaySimulator`."""
    # imported here: the plugin is loaded by every test run of whoever installed the package
    from .server import GatewaySimulator  # noqa: PLC0415

    with ExitStack() as stack:
        made: list[HostedSimulator] = []

        def make(**arguments: Any) -> HostedSimulator:
            hosted = stack.enter_context(
                GatewaySimulator.in_thread(lambda: GatewaySimulator(**arguments))
            )
            made.append(hosted)
            return hosted

        yield make
        for hosted in made:
            hosted.do(lambda simulator: simulator.check())


@pytest.fixture
def ibkr_gateway(make_ibkr_gateway: Callable[..., HostedSimulator]) -> HostedSimulator:
    """Return a simulator with all defaults."""
    return make_ibkr_gateway()
