"""
A trader in a process of his own, which can be killed at any moment, and the one that comes after.

The process is forked off a server that has imported everything, so a life costs milliseconds.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any, Final

from ibkr_connector.model.orders import OrderReport
from kit.leaks import nothing_left
from kit.order_steps import TraderStep
from kit.order_trader import Trader

__all__ = ["DeadError", "MortalTrader", "loaded"]

_LIMIT_S: Final = 900.0


class DeadError(Exception):
    """The process was killed before it had answered."""


@dataclass
class MortalTrader:
    """Has steps done by a process that lives until it is killed; `Trader` does them there."""

    port: int
    folder: Path
    heard: list[OrderReport] = field(default_factory=list)
    lives: int = 0
    due: list[asyncio.Task[None] | asyncio.TimerHandle] = field(default_factory=list)
    _process: ForkServerProcess | None = None

    async def open(self) -> None:
        """Begin a life; one that is killed while it begins has been one, too."""
        self.lives += 1
        self._pipe, other = multiprocessing.Pipe()
        process = loaded().Process(
            target=_live, args=(other, self.port, str(self.folder)), daemon=True
        )
        process.start()
        other.close()
        self._process = process
        await self._answer()

    @property
    def is_alive(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.is_alive()

    def kill(self) -> None:
        """End the process as by `kill -9`: nothing is flushed, nothing is closed."""
        if self._process is not None:
            self._process.kill()

    def spare(self) -> None:
        """Call off the kills that are due."""
        while self.due:
            self.due.pop().cancel()

    def bury(self) -> None:
        """Wait until a killed process is gone, with its sockets and its locks."""
        if self._process is not None:
            self._process.join()
            self._process.close()
            self._pipe.close()
            self._process = None

    async def do(self, step: TraderStep) -> None:
        """
        Have a step done.

        Raises:
            DeadError: The process was killed meanwhile.
        """
        self._ask(step)
        self.heard += await self._answer()

    async def end(self) -> tuple[Sequence[OrderReport], list[str]]:
        """Have everything settled; return the orders as they stand, and what is wrong."""
        self._ask(None)
        own, trouble, heard = await self._answer()
        self.heard += heard
        self.bury()
        return own, trouble

    def _ask(self, step: TraderStep | None) -> None:
        try:
            self._pipe.send(step)
        except ConnectionError as error:
            raise DeadError from error

    async def _answer(self) -> Any:
        loop, said = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._pipe.fileno(), said.set)
        try:
            async with asyncio.timeout(_LIMIT_S):
                await said.wait()
            answer = self._pipe.recv()
        except (EOFError, ConnectionError) as error:
            raise DeadError from error
        finally:
            loop.remove_reader(self._pipe.fileno())
        if isinstance(answer, BaseException):
            raise answer
        return answer


def loaded() -> ForkServerContext:
    """Return what makes processes that have imported everything already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    # the server finds what it is to import by the environment that it is started in, once
    os.environ["PYTHONPATH"] = os.pathsep.join(str(Path(one).resolve()) for one in sys.path)
    return context


def _live(pipe: Connection, port: int, folder: str) -> None:
    """Be the process: do what is asked for, say what was heard, until the end or the kill."""
    # the server keeps the environment of the test that needed it first
    for name in [name for name in os.environ if name.startswith("IBKR_")]:
        del os.environ[name]
    asyncio.run(_trade(pipe, Trader(port=port, folder=Path(folder))))


async def _trade(pipe: Connection, trader: Trader) -> None:
    try:
        async with nothing_left():
            await trader.open()
            pipe.send([])
            while (step := await asyncio.to_thread(pipe.recv)) is not None:
                await trader.do(step)
                heard, trader.heard = trader.heard, []
                pipe.send(heard)
            await trader.agreed()
            await trader.settled()
            own, trouble = await trader.told(), trader.trouble()
            await trader.idle()
            await trader.close()
        pipe.send((own, trouble, trader.heard))
    except Exception as error:  # noqa: BLE001  # whatever it is, the other side must hear of it
        pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))
