"""What the launcher's traces say about a login."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from ibkr_connector.supervisor.launcher import Launcher, login_obstacle
from kit.ports import held_port

LOG = """\
2025-03-20 22:31:40:764 IBC: Login dialog WINDOW_OPENED: LoginState is LOGGED_OUT
2025-03-20 22:31:40:847 IBC: Setting user name
2025-03-20 22:31:40:847 IBC: Login attempt: 1
2025-03-20 22:31:43:459 IBC: Second Factor Authentication initiated
2025-03-20 22:32:10:101 IBC: Login has completed
"""


@pytest.mark.parametrize(
    ("lines", "obstacle"),
    [
        (0, None),
        (1, "the login dialog is open"),
        (2, "the login dialog is open"),
        (3, "a login is under way"),
        (4, "a confirmation on the phone is awaited"),
        (5, None),
    ],
)
def test_the_last_line_that_says_anything_counts(lines: int, obstacle: str | None) -> None:
    assert login_obstacle(LOG.splitlines()[:lines]) == obstacle


async def test_of_a_folder_the_newest_log_is_read(tmp_path: Path) -> None:
    old, new = tmp_path / "ibc-monday.txt", tmp_path / "ibc-tuesday.txt"
    old.write_text(LOG)
    new.write_text("\n".join(LOG.splitlines()[:4]))
    os.utime(old, (1, 1))
    found = await Launcher(log=tmp_path).login_obstacle()
    assert found == "a confirmation on the phone is awaited (launcher's log)"


async def test_only_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    log = tmp_path / "ibc.txt"
    log.write_text("IBC: Second Factor Authentication initiated\n" + "IBC: noise\n" * 10_000)
    assert await Launcher(log=log).login_obstacle() is None


async def test_a_log_that_is_not_there_says_nothing_and_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert await Launcher(log=tmp_path / "gone.txt").login_obstacle() is None
    assert "gone.txt cannot be read" in caplog.text


async def test_an_empty_folder_says_nothing(tmp_path: Path) -> None:
    assert await Launcher(log=tmp_path).login_obstacle() is None


async def test_a_command_server_that_listens_means_that_the_launcher_runs() -> None:
    with held_port() as port:
        async with await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", port):
            found = await Launcher(command_port=port).login_obstacle()
            assert found is not None
            assert "launcher runs" in found
        assert await Launcher(command_port=port).login_obstacle() is None
