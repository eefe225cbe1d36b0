"""A place to go wrong in: a simulator, a connector that may trade, and files that can be spoilt."""

from __future__ import annotations

import asyncio
import concurrent.futures.thread  # noqa: F401  # loaded while this user may still read it
import os
import resource
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import ibkr_connector.engine  # noqa: F401  # for the same reason
from ibkr_connector import IBKRConnector
from ibkr_connector.errors import IBKRError, OrderValidationError
from ibkr_connector.orders.journal import check, read
from ibkr_connector.settings import Settings
from ibkr_connector.simulator import GatewaySimulator, HostedSimulator
from ibkr_connector.simulator.wire.requests import PlaceOrder
from ibkr_connector.tuning import journal_place

__all__ = ["Bad", "Scene", "as_nobody", "full_disk"]

NOBODY: Final = 65534


@dataclass
class Scene:
    """One simulator, one state directory, and the connector of the moment."""

    gateway: HostedSimulator
    config: Path
    state: Path
    settings: dict[str, Any] = field(default_factory=dict)
    ib: IBKRConnector | None = None

    @property
    def sent(self) -> int:
        """How many orders, changes included, have reached the gateway."""

        def count(simulator: GatewaySimulator) -> int:
            return sum(isinstance(one.request, PlaceOrder) for one in simulator.log)

        return self.gateway.do(count)

    def load(self) -> Settings:
        """Read the settings as a program would at its start."""
        given = {"readonly": False, "connect_timeout_s": 5.0, "reconnect_base_s": 0.05}
        return Settings.load(
            **{**given, "port": self.gateway.port, "state_dir": self.state, **self.settings}
        )

    async def connected(self) -> IBKRConnector:
        """Return the connector, made and connected when there is none."""
        if self.ib is None:
            connector = IBKRConnector.create(self.load())
            await connector.connect()
            self.ib = connector
        return self.ib

    async def close(self) -> None:
        """End the connector, so that the journal is whole."""
        if self.ib is not None:
            connector, self.ib = self.ib, None
            await connector.disconnect()

    def denials(self) -> list[tuple[str, str]]:
        """Return the error and the reason of each denial that the journal has."""
        place = journal_place(self.load())
        assert check(place).first_broken is None
        entries = [entry for entry in read(place) if entry.kind == "denied"]
        return [(str(entry.body["error"]), str(entry.body["reason"])) for entry in entries]


Act = Callable[[Scene], Any]


async def place_it(scene: Scene, order: Any) -> object:
    """Place an order on the scene's connector."""
    return await (await scene.connected()).place_order(order)


@dataclass(frozen=True, kw_only=True)
class Bad:
    """
    One way to be wrong.

    Args:
        name: What is wrong, in a few words; different for each.
        order: What is asked for.
        says: What the error must say: the value that is wrong, and what to do.
        error: Exactly the type of the error.
        before: Makes it wrong; called before anything is made or connected.
        once_connected: The same, with a connector that is connected.
        act: What is done instead of placing `order`.
        right: Puts it right again, so that the next order goes.
        restarts: Whether it takes another connector to go on.
        journals: Whether the journal has the denial.
        gateway: Arguments of the simulator.
        settings: Settings of the connector.
    """

    name: str
    order: Any = None
    says: tuple[str, ...]
    error: type[IBKRError] = OrderValidationError
    before: Act = lambda scene: None
    once_connected: Act | None = None
    act: Act | None = None
    right: Act = lambda scene: None
    restarts: bool = False
    journals: bool = True
    gateway: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    async def happen(self, scene: Scene) -> None:
        """Do what is wrong; raises what the connector says to it."""
        if self.once_connected is not None:
            await scene.connected()
            made = self.once_connected(scene)
            if asyncio.iscoroutine(made):
                await made
        if self.act is None:
            await place_it(scene, self.order)
        else:
            await self.act(scene)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be a user who may write nowhere; root may write to what is read-only."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes: what is more fails, as when full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
