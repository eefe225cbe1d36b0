"""How fast things go, from single measurements: plain numbers in, one figure out. Pure."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from statistics import median
from typing import Final

__all__ = ["Acknowledgements", "Lags"]

_NEWEST: Final = 10
_FOR_S: Final = 600.0
_FEW: Final = 3


class Acknowledgements:
    """The median of how long the newest ten orders of ten minutes waited for the broker."""

    def __init__(self) -> None:
        self._sent: dict[str, float] = {}
        self._took: deque[tuple[float, float]] = deque(maxlen=_NEWEST)

    def sent(self, key: str, now: float) -> None:
        """The bytes of an order have left."""
        self._sent.setdefault(key, now)

    def answered(self, key: str, now: float) -> None:
        """The broker has said its first word about it."""
        if self._sent and (began := self._sent.pop(key, None)) is not None:
            self._took.append((now, now - began))

    def dropped(self, key: str) -> None:
        """Nobody knows what became of it: that is another alert."""
        self._sent.pop(key, None)

    def forget(self) -> None:
        """The link is down: what waits now says nothing of the broker's speed."""
        self._sent.clear()

    def seconds(self, now: float) -> Decimal | None:
        """Return the figure; `None` when there were too few orders to tell."""
        while self._took and now - self._took[0][0] > _FOR_S:
            self._took.popleft()
        if len(self._took) < _FEW:
            return None
        return Decimal(f"{median(took for _, took in self._took):.3f}")


class Lags:
    """The longest of the newest ten delays of a loop."""

    def __init__(self) -> None:
        self._newest: deque[float] = deque(maxlen=_NEWEST)

    def add(self, seconds: float) -> None:
        """The loop came that much too late."""
        self._newest.append(max(0.0, seconds))

    @property
    def seconds(self) -> Decimal:
        """The figure; 0 before the first."""
        return Decimal(f"{max(self._newest, default=0.0):.3f}")
