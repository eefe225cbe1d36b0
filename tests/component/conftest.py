"""A connector before a simulator, each on its own thread, with nothing of the machine's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from ibkr_connector import IBKRConnector, Settings
from ibkr_connector.clock import SystemClock
from ibkr_connector.instruments.registry import Registry
from ibkr_connector.orders import price_steps
from kit.ports import held_port

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    import os

    for name in list(os.environ):
        if name.startswith("IBKR_") or name.startswith("MAX_"):
            monkeypatch.delenv(name)
    # whoever runs them at night, New York's, would wait for the end of a planned outage
    other_day = SystemClock().utcnow() + timedelta(days=3)
    monkeypatch.setenv("IBKR_RESET_WINDOWS", f"{_DAYS[other_day.weekday()]} 12:00-12:01 UTC")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def make_connector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., IBKRConnector]:
    """Return a function that makes a connector with settings of its own."""
    # an order goes on without price steps, and a contract without its registry, that come late
    monkeypatch.setattr(price_steps, "_PATIENCE_S", 60.0)
    defaults = Registry.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "patience_s", 60.0)

    def make(port: int, **settings: Any) -> IBKRConnector:
        given = {
            "port": port,
            "readonly": False,
            # no deadline that a busy machine misses; who tests one sets it
            "connect_timeout_s": 60.0,
            "sync_timeout_s": 60.0,
            "request_timeout_s": 60.0,
            "order_ack_timeout_s": 60.0,
            "heartbeat_timeout_s": 60.0,
            "reconnect_base_s": 0.05,
            "state_dir": tmp_path / "journal",
            **settings,
        }
        return IBKRConnector.create(Settings.load(**given))

    return make


@pytest.fixture
def free_port() -> Iterator[int]:
    """Return a port at which nobody listens, and nobody else will."""
    with held_port() as port:
        yield port
