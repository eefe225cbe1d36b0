"""
Notes for which nobody waits, until they go to disk, and what may be written before them.

Owns: that the notes of one order are written in sequence, and that nothing overtakes a checkpoint:
a start reads what stands behind it, and before it only what it names. An intent need not wait for
what was noted about other orders.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from itertools import islice
from typing import Final

from .notes import Charged, Filled, Learned, Moved, Note, Refused

__all__ = ["Posted"]

_OF_ONE_ORDER: Final = (Moved, Learned, Filled, Charged, Refused)
"""What tells of one order and nothing else."""


class Posted:
    """A heap of notes, in the order in which they came."""

    def __init__(self) -> None:
        self._notes: deque[Note] = deque()
        self._keys: Counter[str] = Counter()
        self._leading = 0

    def __len__(self) -> int:
        return len(self._notes)

    def add(self, notes: Sequence[Note]) -> None:
        """Put notes on it."""
        self._notes += notes
        for note in notes:
            self._keys[note.key] += 1
            self._leading += not isinstance(note, _OF_ONE_ORDER)

    def leads(self, notes: Sequence[Note]) -> bool:
        """Whether these have to be written behind it."""
        return self._leading > 0 or any(note.key in self._keys for note in notes)

    def take(self, at_most: int | None = None) -> list[Note]:
        """Return what is on it, the oldest, and leave the rest."""
        notes = list(islice(self._notes, at_most))
        if len(notes) == len(self._notes):
            self._notes.clear()
            self._keys.clear()
            self._leading = 0
            return notes
        for note in notes:
            self._notes.popleft()
            self._leading -= not isinstance(note, _OF_ONE_ORDER)
            self._keys[note.key] -= 1
            if not self._keys[note.key]:
                del self._keys[note.key]
        return notes
