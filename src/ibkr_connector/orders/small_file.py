"""Write a small file so that it is there whole, or as it was before, whatever happens."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

__all__ = ["write_small_file"]


def write_small_file(path: Path, text: str) -> None:
    """
    Replace a file's content durably; who reads it meanwhile sees the old one or the new one.

    Raises:
        OSError: It could not be written; the old one is untouched.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory survive a loss of power, where the system can do that."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError:
        return  # Windows opens no directories
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
