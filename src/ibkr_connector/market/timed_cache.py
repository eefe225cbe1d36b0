"""Answers that are good for a while: repeated questions get the same one, and its age."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ibkr_connector.clock import Clock

__all__ = ["Cached", "TimedCache"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cached(Generic[T]):
    """An answer, and how old it is."""

    value: T
    age_s: float


class TimedCache(Generic[T]):
    """
    Keeps answers by their questions.

    Args:
        clock: Measures age.
        most: Answers that are kept; of more, the oldest goes.
    """

    def __init__(self, clock: Clock, *, most: int = 1_000) -> None:
        self._clock = clock
        self._most = most
        self._kept: dict[Hashable, tuple[T, float]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    async def get(
        self, key: Hashable, ask: Callable[[], Awaitable[T]], *, max_age_s: float
    ) -> Cached[T]:
        """Return an answer that is no older than that, asking when there is none."""
        kept = self._kept.get(key)
        if kept is not None:
            age_s = self._clock.monotonic() - kept[1]
            if age_s <= max_age_s:
                return Cached(value=kept[0], age_s=age_s)
        # an answer is as old as its question: what changed meanwhile may not be in it
        asked = self._clock.monotonic()
        value = await ask()
        self._kept.pop(key, None)
        self._kept[key] = (value, asked)
        while len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]
        return Cached(value=value, age_s=self._clock.monotonic() - asked)

    def forget(self, key: Hashable | None = None) -> None:
        """Forget one answer, or all."""
        if key is None:
            self._kept.clear()
        else:
            self._kept.pop(key, None)
