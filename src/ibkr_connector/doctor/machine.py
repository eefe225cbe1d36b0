"""Look at this machine: state directory, disk, who holds the journal, what is installed."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from ibkr_connector.settings import Settings
from ibkr_connector.tuning import journal_place

from .findings import Check, Finding, ok, problem, warning

__all__ = ["examine_machine", "journal_holder"]

_MEGABYTE: Final = 1_000_000
_FULL: Final = 50 * _MEGABYTE
_NEARLY_FULL: Final = 500 * _MEGABYTE

_FIRST_LOCK_BYTE: Final = 2**30
"""Where SQLite's locks begin (sqlite.org, file format: the lock-byte page)."""

EXTRAS: Final[Mapping[str, str]] = {
    "alerts": "apprise",
    "bridge": "fastapi",
    "cli": "typer",
    "data": "pandas",
    "keyring": "keyring",
    "otel": "opentelemetry",
    "postgres": "asyncpg",
    "uvloop": "uvloop",
}
"""An extra, and a module that it brings."""


def examine_machine(settings: Settings) -> Iterator[Finding]:
    """Look, and change nothing."""
    yield _state(settings)
    yield _disk(settings)
    yield from _journal(settings)
    yield _extras(settings)


def _state(settings: Settings) -> Finding:
    place = settings.state_dir
    nearest = _nearest(place)
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        how = "cannot be written to" if nearest.is_dir() else "is a file"
        return problem(
            Check.STATE,
            f"{nearest} {how}",
            "set IBKR_STATE_DIR to a directory of the user that runs this, or chown it: without a "
            "journal no order is sent",
        )
    if not place.is_dir():
        return ok(Check.STATE, f"{place} is not there yet, and can be made")
    mode = stat.S_IMODE(place.stat().st_mode)
    if os.name == "posix" and mode & stat.S_IWOTH:
        return warning(
            Check.STATE,
            f"{place} can be written to by everybody (mode {mode:04o})",
            f"chmod 700 {place}: whoever writes there releases the kill switch",
        )
    return ok(Check.STATE, f"{place} can be written to")


def _disk(settings: Settings) -> Finding:
    nearest = _nearest(settings.state_dir)
    free = shutil.disk_usage(nearest).free
    seen = f"{free // _MEGABYTE:,} MB are free at {nearest}"
    remedy = "make room, or move IBKR_STATE_DIR: an order that cannot be journalled is not sent"
    if free < _FULL:
        return problem(Check.DISK, seen, remedy)
    return warning(Check.DISK, seen, remedy) if free < _NEARLY_FULL else ok(Check.DISK, seen)


def _journal(settings: Settings) -> Iterator[Finding]:
    place = journal_place(settings)
    if not isinstance(place, Path):
        return  # a database of its own: its lock is looked at when it is opened
    holder = journal_holder(settings)
    if holder is None:
        yield ok(Check.JOURNAL, "no connector of this profile and client id runs here")
    else:
        # one of another container has no number here
        who = f"process {holder}" if holder > 0 else "a process that cannot be seen from here"
        yield ok(Check.JOURNAL, f"{who} holds it: a connector of this profile runs")


def journal_holder(settings: Settings) -> int | None:
    """
    Return the process that holds the journal's lock; `None` when nobody does.

    Asks the system for its list of locks. Opening the file would do harm: a process that closes a
    file gives back all locks that it holds on it, a connector in this very process as well.
    Limit: only Linux has such a list; elsewhere nobody is found.
    """
    place = journal_place(settings)
    if not isinstance(place, Path):
        return None
    try:
        file = place.with_name(f"{place.name}.lock").stat()
        lines = Path("/proc/locks").read_text("ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        # 1: POSIX  ADVISORY  WRITE 4711 fd:00:1234567 1073741824 1073742335
        fields = line.split()
        if "->" in fields or len(fields) < 8 or fields[3] != "WRITE":
            continue
        # the device is left out: file systems in layers name another one here than to `stat`
        is_ours = fields[5].rpartition(":")[2] == str(file.st_ino)
        if is_ours and int(fields[6]) >= _FIRST_LOCK_BYTE:
            return int(fields[4])
    return None


def _extras(settings: Settings) -> Finding:
    there = [name for name, module in EXTRAS.items() if find_spec(module) is not None]
    missing = [name for name in EXTRAS if name not in there]
    seen = f"installed: {', '.join(there) or 'none'}"
    if missing:
        seen += f"; not installed: {', '.join(missing)}"
    needs = settings.journal_url is not None or settings.database_url is not None
    if needs and "postgres" in missing:
        return problem(
            Check.EXTRAS,
            f"{seen}; but a PostgreSQL database is set",
            "pip install 'ibkr-connector[postgres]'",
        )
    return ok(Check.EXTRAS, seen)


def _nearest(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
