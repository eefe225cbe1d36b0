"""
What the launcher of the gateway knows about its login, where one is configured.

A gateway that waits for a password or for a confirmation on a phone looks like one that is not
there. IBC, which starts and logs in most unattended gateways, knows more: it writes a log, and it
listens on a port for commands while it runs. Its log is read and its port is knocked at, nothing
is ever said to it.

Source of the log's sentences: IBC threads 207, 298 and 308.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["Launcher", "login_obstacle"]

_log = logging.getLogger(__name__)

_TAIL: Final = 65_536
"""Bytes of the log's end that are read."""

_SENTENCES: Final = (
    ("second factor authentication initiated", "a confirmation on the phone is awaited"),
    ("second factor authentication; event=opened", "a confirmation on the phone is awaited"),
    ("login has not completed", "the login was not confirmed in time"),
    ("loginstate is logged_out", "the login dialog is open"),
    ("login attempt:", "a login is under way"),
    ("unrecognized username or password", "user name or password are wrong"),
    ("login has completed", None),
    ("loginstate is logged_in", None),
)
"""What a line of the log says about the login; `None`: that it is done."""

_KNOCK_S: Final = 1.0


def login_obstacle(lines: Iterable[str]) -> str | None:
    """Return what the login waits for, by the last line that says anything; `None` for nothing."""
    obstacle: str | None = None
    for line in lines:
        said = line.lower()
        for words, meaning in _SENTENCES:
            if words in said:
                obstacle = meaning
                break
    return obstacle


class Launcher:
    """
    Asks IBC's traces why nobody answers.

    Args:
        log: Its log, or a folder of logs, of which the newest is read.
        host: Where its command server listens.
        command_port: At which port (`CommandServerPort` of its configuration).
    """

    def __init__(
        self, *, log: Path | None = None, host: str = "127.0.0.1", command_port: int | None = None
    ) -> None:
        self._log = log
        self._host = host
        self._command_port = command_port

    async def login_obstacle(self) -> str | None:
        """Return what the login waits for, as far as is known; never raises for want of traces."""
        if self._log is not None:
            found = login_obstacle(await asyncio.to_thread(_tail, self._log))
            if found is not None:
                return f"{found} (launcher's log)"
        if self._command_port is not None and await self._runs(self._command_port):
            return "the launcher runs, and its gateway does not let anybody in yet"
        return None

    async def _runs(self, port: int) -> bool:
        try:
            async with asyncio.timeout(_KNOCK_S):
                _, writer = await asyncio.open_connection(self._host, port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return True


def _tail(path: Path) -> list[str]:
    try:
        if path.is_dir():
            logs = [one for one in path.iterdir() if one.suffix in {".txt", ".log"}]
            if not logs:
                return []
            path = max(logs, key=lambda one: one.stat().st_mtime)
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL))
            return file.read().decode(errors="replace").splitlines()
    except OSError as exc:
        # it may be rotated away just now, and is no error of the connection
        _log.warning("the launcher's log %s cannot be read: %s", path, exc.strerror)
        return []
