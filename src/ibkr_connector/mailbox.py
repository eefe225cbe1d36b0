"""
A bounded letter box from the I/O loop to one reader on whatever loop he has.

Owns: that what is put in on one thread comes out in order on another, that no more than `capacity`
letters wait, and that the reader's loop is woken once for a batch and not once for each letter, nor
for each reader.
Refuses to know: what the letters are. What to do when the box is full, and which letter may take
the place of an older one, is for whoever makes the box to say.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

__all__ = ["Mailbox"]

T = TypeVar("T")


class Mailbox(Generic[T]):
    """
    Takes letters on one thread and gives them out on another.

    One writer, one reader at a time. `close` lets the reader have what waits, and then ends it;
    with an error it raises that in the end.

    Args:
        capacity: How many letters may wait.
        replaces: Whether a letter may take the place of the one that came before it and still
            waits; then only the newest is kept, and `conflated` counts the others.
        lost: Makes the letter that stands for those dropped, of how many there are and of the
            first and last of them; it is put where they were.
    """

    def __init__(
        self,
        *,
        capacity: int,
        lost: Callable[[int, T, T], T],
        replaces: Callable[[T, T], bool] | None = None,
    ) -> None:
        if capacity < 1:
            raise ValueError(f"a box for {capacity} letters holds none")
        self._capacity = capacity
        self._replaces = replaces
        self._make_lost = lost
        self._lock = threading.Lock()
        self._letters: deque[T] = deque()
        self._dropped: tuple[int, T, T] | None = None
        self._waiter: _Waiter | None = None
        self._closed = False
        self._error: BaseException | None = None
        self.conflated = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._letters) + (self._dropped is not None)

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is taken."""
        return self._closed

    def put(self, letter: T) -> None:
        """Take a letter; the oldest goes when there is no room, and the reader is told."""
        self.put_all((letter,))

    def put_all(self, letters: Iterable[T]) -> None:
        """Take letters in one step, each as `put` does."""
        with self._lock:
            if self._closed:
                return
            if self._replaces is None:
                self._letters.extend(letters)
            else:
                self._put_newest(letters, self._replaces)
            while len(self._letters) > self._capacity:
                self._drop(self._letters.popleft())
            waiter, self._waiter = self._waiter, None
        _wake(waiter)

    def close(self, error: BaseException | None = None) -> None:
        """Take nothing more; the first call counts."""
        with self._lock:
            if self._closed:
                return
            self._closed, self._error = True, error
            waiter, self._waiter = self._waiter, None
        _wake(waiter)

    def take(self) -> T | None:
        """
        Return the next letter, `None` when none waits.

        Raises:
            StopAsyncIteration, BaseException: As `take_all`.
        """
        with self._lock:
            return self._letters.popleft() if self._has_letters() else None

    def take_all(self) -> list[T]:
        """
        Return all letters that wait, oldest first.

        Raises:
            StopAsyncIteration: The box was closed and is empty.
            BaseException: The error that it was closed with.
        """
        with self._lock:
            taken = list(self._letters) if self._has_letters() else []
            self._letters.clear()
            return taken

    def _has_letters(self) -> bool:
        if self._dropped is not None:
            (count, first, last), self._dropped = self._dropped, None
            self._letters.appendleft(self._make_lost(count, first, last))
        if self._letters or not self._closed:
            return bool(self._letters)
        error, self._error = self._error, None
        raise error if error is not None else StopAsyncIteration

    async def get_all(self) -> list[T]:
        """
        Wait until there is a letter, and return all; being cancelled loses nothing.

        Raises:
            StopAsyncIteration, BaseException: As `take_all`.
        """
        while not (letters := self.take_all()):
            loop = asyncio.get_running_loop()
            woken: asyncio.Future[None] = loop.create_future()
            with self._lock:
                # Looked at again under the lock: a letter may have come since.
                if self._letters or self._closed:
                    continue
                self._waiter = (loop, _bell_of(loop), woken)
            await woken
        return letters

    def _put_newest(self, letters: Iterable[T], replaces: Callable[[T, T], bool]) -> None:
        waiting = self._letters
        for letter in letters:
            if waiting and replaces(letter, waiting[-1]):
                waiting[-1] = letter
                self.conflated += 1
            else:
                waiting.append(letter)

    def _drop(self, letter: T) -> None:
        self.dropped += 1
        if self._dropped is None:
            self._dropped = (1, letter, letter)
        else:
            count, first, _ = self._dropped
            self._dropped = (count + 1, first, letter)


class _Bell:
    """
    Wakes those who wait on one loop, all who got something since it last came round at once.

    To wake a loop is a write to a pipe and the other thread's turn, far dearer than any letter.
    """

    __slots__ = ("__weakref__", "_is_rung", "_woken")

    def __init__(self) -> None:
        self._woken: deque[asyncio.Future[None]] = deque()
        self._is_rung = False

    def ring(self, loop: asyncio.AbstractEventLoop, woken: asyncio.Future[None]) -> None:
        """Wake one, from any thread."""
        self._woken.append(woken)
        if not self._is_rung:
            self._is_rung = True
            try:
                loop.call_soon_threadsafe(self._wake_all)
            except RuntimeError:
                # The reader's loop is closed: then there is nobody left to wake.
                self._woken.clear()

    def _wake_all(self) -> None:
        # Lowered before anybody is looked for: who is added from now on rings again.
        self._is_rung = False
        while self._woken:
            _resolve(self._woken.popleft())


_Waiter = tuple[asyncio.AbstractEventLoop, _Bell, asyncio.Future[None]]

_BELLS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Bell] = weakref.WeakKeyDictionary()
"""One for each loop; each is made, and looked for, on the thread of its own loop."""


def _bell_of(loop: asyncio.AbstractEventLoop) -> _Bell:
    bell = _BELLS.get(loop)
    if bell is None:
        bell = _BELLS[loop] = _Bell()
    return bell


def _wake(waiter: _Waiter | None) -> None:
    if waiter is None:
        return
    loop, bell, woken = waiter
    if _running_loop() is loop:
        _resolve(woken)
    else:
        bell.ring(loop, woken)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _resolve(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)
