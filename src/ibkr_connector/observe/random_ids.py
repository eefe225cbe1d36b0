"""
Ids that nothing else has: random bytes of the system, drawn for many ids at a time.

To ask the system for them lets go of the interpreter, which another thread takes at once: whoever
wants an id would wait until that one pauses.
"""

from __future__ import annotations

import os
from typing import Final

__all__ = ["RandomIds"]

AT_ONCE: Final = 64
"""So many ids are drawn together."""


class RandomIds:
    """
    Makes ids of so many random bytes, in hexadecimal; each is given out once, on any thread.

    It lives as long as the process, and a forked child draws its own.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._drawn: list[str] = []
        if hasattr(os, "register_at_fork"):  # where processes cannot fork there is none
            os.register_at_fork(after_in_child=self._drawn.clear)

    def __call__(self) -> str:
        """Return an id that was never given out before."""
        try:
            return self._drawn.pop()
        except IndexError:
            text = os.urandom(self._size * AT_ONCE).hex()
            width = 2 * self._size
            first, *others = (text[at : at + width] for at in range(0, len(text), width))
            self._drawn += others
            return first
