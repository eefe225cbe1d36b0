"""
Notes for which nobody waits, until they go to disk, and what may be written before them.

Owns: that the notes of one order are written in sequence, and that nothing overtakes a checkpoint:
a start reads what stands behind it, and before it only what it names. An intent need not wait for
what was noted about other orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .notes import Charged, Filled, Learned, Moved, Note, Refused

__all__ = ["Posted"]

_OF_ONE_ORDER: Final = (Moved, Learned, Filled, Charged, Refused)
"""What tells of one order and nothing else."""


class Posted:
    """A heap of notes, in the order in which they came."""

    def __init__(self) -> None:
        self._notes: list[Note] = []
        self._keys: set[str] = set()
        self._leads = False

    def __bool__(self) -> bool:
        return bool(self._notes)

    def add(self, notes: Sequence[Note]) -> None:
        """Put notes on it."""
        self._notes += notes
        for note in notes:
            self._keys.add(note.key)
            self._leads = self._leads or not isinstance(note, _OF_ONE_ORDER)

    def leads(self, notes: Sequence[Note]) -> bool:
        """Whether these have to be written behind it."""
        return self._leads or any(note.key in self._keys for note in notes)

    def take(self) -> list[Note]:
        """Return what is on it, and leave it empty."""
        notes, self._notes = self._notes, []
        self._keys.clear()
        self._leads = False
        return notes
