"""
Copy what must not be lost, also while a connector runs, and prove that the copy is whole.

    python backup.py STATE_DIR INTO
"""

import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from ibkr_connector.orders.journal import verify


def copy(state_dir: Path, into: Path) -> None:
    """Copy the databases by SQLite's own backup, since a file that is written to tears."""
    into.mkdir(parents=True, exist_ok=False)
    for path in sorted(state_dir.glob("*.sqlite3")):
        with (
            closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(into / path.name)) as target,
        ):
            source.backup(target)
    for path in sorted(state_dir.glob("*.json")):
        shutil.copy2(path, into / path.name)


def main(state_dir: Path, into: Path) -> None:
    """Copy, and follow the chain of each journal to its end."""
    copy(state_dir, into)
    for journal in sorted(into.glob("orders-*.sqlite3")):
        print(journal.name, verify(journal), "entries, sound")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
