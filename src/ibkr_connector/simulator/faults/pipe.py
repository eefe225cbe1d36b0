"""
Bytes on their way to or from a client: in order, none before its moment.

What was told to be late stays late; what comes after it waits behind it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

__all__ = ["Pipe"]


@dataclass(slots=True)
class Pipe:
    """A queue of bytes with a moment for each piece."""

    size: int = 0
    """How many bytes are in it."""

    _pieces: deque[tuple[float, bytes]] = field(default_factory=deque)
    _last_due: float = 0.0
    _allowance: float = 0.0
    _paced_at: float | None = None

    def put(self, data: bytes, due: float) -> None:
        """Store bytes that go at a moment, or behind what goes later."""
        if not data:
            return
        self._last_due = max(due, self._last_due) if self._pieces else due
        self._pieces.append((self._last_due, data))
        self.size += len(data)

    def take(self, now: float, *, bytes_per_s: int | None = None) -> bytes:
        """Take what may go now; with a rate, only so much of it."""
        room = self._room(now, bytes_per_s)
        taken = bytearray()
        while self._pieces and self._pieces[0][0] <= now and (room is None or len(taken) < room):
            due, data = self._pieces.popleft()
            fits = len(data) if room is None else room - len(taken)
            taken += data[:fits]
            if fits < len(data):
                self._pieces.appendleft((due, data[fits:]))
        self.size -= len(taken)
        if room is not None:
            self._allowance -= len(taken)
        return bytes(taken)

    def next_due(self) -> float | None:
        """Return the moment of the first piece."""
        return self._pieces[0][0] if self._pieces else None

    def _room(self, now: float, bytes_per_s: int | None) -> int | None:
        if bytes_per_s is None:
            self._paced_at = None
            return None
        if self._paced_at is None:
            # a rate begins with nothing: the first bytes go when they have been earned
            self._paced_at, self._allowance = now, 0.0
        self._allowance = min(
            self._allowance + (now - self._paced_at) * bytes_per_s, float(bytes_per_s)
        )
        self._paced_at = now
        return int(self._allowance)
