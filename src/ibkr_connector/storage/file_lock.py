"""A lock between processes that is given back by the system when its holder dies."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["FileLock"]


class FileLock:
    """
    A lock on a file; it is of use where every process asks for it.

    Also two holders within one process keep each other out. It never waits: whoever wants to, asks
    again. *Limit*: on network file systems without locks it keeps nobody out.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> bool:
        """
        Take the lock; return whether it was free.

        Raises:
            OSError: The file cannot be made.
        """
        if self._file is not None:
            return False
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not _lock(file):
                os.close(file)
                return False
        except BaseException:
            os.close(file)
            raise
        self._file = file
        return True

    def release(self) -> None:
        """Give it back; idempotent. The file stays, or two could hold different ones."""
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> bool:
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
