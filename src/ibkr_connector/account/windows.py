"""
The windows of several accounts, of which TWS shows one at a time.

Owns which window is open and when another is read: each in turn at the start, that of an account
again when something of it has changed, and of all that hold anything every three minutes, which is
how often TWS renews the open one. In between the main window is open: that of the account which
the settings name, or of the last.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ibkr_connector.clock import Clock
from ibkr_connector.errors import AccountError, IBKRError
from ibkr_connector.resilience.timers import Timers

__all__ = ["ROUND_S", "SETTLE_S", "Windows"]

_log = logging.getLogger(__name__)

ROUND_S: Final = 180.0
"""TWS renews the window that is open this often (IB campus: account updates)."""

SETTLE_S: Final = 1.0
"""So long after a change: one order changes many positions, one after the other."""


class Windows:
    """
    Reads windows; all calls on one loop.

    Args:
        read: Opens the window of an account and takes what it shows.
        accounts: The accounts of the login; empty without a session.
        preset: The account that the settings name.
        holds: The accounts that hold anything.
        clock: The one time base.
    """

    def __init__(
        self,
        *,
        read: Callable[[str], Awaitable[None]],
        accounts: Callable[[], tuple[str, ...]],
        preset: str | None,
        holds: Callable[[], frozenset[str]],
        clock: Clock,
    ) -> None:
        self._read = read
        self._accounts = accounts
        self._preset = preset
        self._holds = holds
        self._clock = clock
        self._stale: set[str] = set()
        self._refused: set[str] = set()
        self._wake = asyncio.Event()
        self._timers = Timers(clock)
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @property
    def main(self) -> str | None:
        """The account whose window stays open; `None` without a session."""
        accounts = self._accounts()
        return self._preset if self._preset in accounts else (accounts[-1] if accounts else None)

    async def read_all(self) -> None:
        """
        Read every window, the main one last.

        One that TWS refuses is gone without, and asked for again in each round: TWS shows none
        while another client of the login has that of another account open (2101: ib_insync issue
        197 and its pull request 204, IbPy issue 12), and a second program must not fail for that.
        Figures and positions come by other ways. *Limit*: what such an account holds has no price
        then, and its segments are not told; `IBKR_ACCOUNT_ID` of the same account in all programs
        of a login avoids it.

        Raises:
            IBKRError: That of the only account could not be read, or there is no connection.
        """
        async with self._turn:
            self._stale.clear()
            self._refused.clear()
            for account in sorted(self._accounts(), key=lambda name: name == self.main):
                try:
                    await self._read(account)
                except AccountError as error:
                    if len(self._accounts()) == 1:
                        raise
                    self._refused.add(account)
                    _log.warning("the window of an account is not shown: %s", error)
        if self._task is None and len(self._accounts()) > 1:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="ibkr-windows")

    def note(self, account: str) -> None:
        """What an account holds has changed, and the open window may not show it."""
        if self._task is not None and account != self.main:
            self._stale.add(account)
            self._wake.set()

    async def aclose(self) -> None:
        """End the reading; idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        await self._timers.aclose()

    async def _run(self) -> None:
        while True:
            try:
                with self._timers.limit(self._clock.monotonic() + ROUND_S):
                    await self._wake.wait()
            except TimeoutError:
                self._stale |= self._holds() | self._refused
            else:
                await self._clock.sleep(SETTLE_S)
            self._wake.clear()
            await self._read_stale()

    async def _read_stale(self) -> None:
        async with self._turn:
            main, known = self.main, set(self._accounts())
            stale = sorted((self._stale & known) - {main})
            self._stale.clear()
            if main is None or not (stale or main in self._refused):
                return
            for account in (*stale, main):
                try:
                    await self._read(account)
                    self._refused.discard(account)
                except IBKRError as error:
                    if isinstance(error, AccountError):
                        self._refused.add(account)
                    # without a session all are read when it is back; otherwise in the next round
                    _log.info("the window of an account was not read: %s", error)
