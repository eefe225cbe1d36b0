"""
Something asynchronous on a thread of its own, for programs that have no loop, or several.

Knows threads and loops only; what it hosts is any asynchronous context manager.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

__all__ = ["Hosted"]

S = TypeVar("S")
T = TypeVar("T")

_JOIN_S: Final = 60.0


class Hosted(Generic[S]):
    """
    Enter a context manager on a thread with a loop of its own, and leave it there.

    `with` returns when the context has been entered, and raises what went wrong in it.

    Args:
        make: Makes the context manager, on that thread.
        name: The thread's name.
    """

    def __init__(self, make: Callable[[], AbstractAsyncContextManager[S]], *, name: str) -> None:
        self._make = make
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave: asyncio.Event | None = None
        self._entered: list[S] = []
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def value(self) -> S:
        """What was entered."""
        return self._entered[0]

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        self._raise()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._loop is not None and self._leave is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join(_JOIN_S)
        self._raise()

    def wait(self, act: Callable[[S], Coroutine[Any, Any, T]]) -> T:
        """Run something on the thread's own loop, and return what it returns."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(act(self.value), self._loop).result()

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001  # handed to whoever started the thread
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._leave = asyncio.Event()
        async with self._make() as entered:
            self._entered.append(entered)
            self._ready.set()
            await self._leave.wait()
