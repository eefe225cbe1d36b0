"""Which loop the I/O thread runs: asyncio's own, or uvloop where that is installed."""

from __future__ import annotations

import asyncio
import importlib
from pathlib import Path
from types import ModuleType

import pytest

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.loops import EVENT_LOOPS, loop_factory
from ibkr_connector.portal import Portal
from ibkr_connector.settings import Settings

uvloop = pytest.importorskip("uvloop", reason="there is none for Windows")


@pytest.mark.parametrize("choice", ["auto", "uvloop"])
async def test_where_uvloop_is_installed_the_thread_runs_it(choice: str) -> None:
    portal = Portal.start("with-uvloop", new_loop=loop_factory(choice))

    async def loops() -> tuple[bool, bool]:
        running = asyncio.get_running_loop()
        current = asyncio.get_event_loop_policy().get_event_loop()
        return isinstance(running, uvloop.Loop), running is current

    try:
        assert await portal.call(loops) == (True, True)
    finally:
        portal.stop()


def test_asyncios_own_loop_can_be_asked_for() -> None:
    assert loop_factory("asyncio") is None


def test_without_uvloop_auto_is_asyncio_and_uvloop_names_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> ModuleType:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", missing)
    assert loop_factory("auto") is None
    with pytest.raises(ConfigurationError, match=r"ibkr-connector\[uvloop\]"):
        loop_factory("uvloop")


@pytest.mark.parametrize("choice", EVENT_LOOPS)
def test_each_choice_is_one_of_the_setting(choice: str, tmp_path: Path) -> None:
    assert Settings.load(event_loop=choice, state_dir=tmp_path).event_loop == choice
