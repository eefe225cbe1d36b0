"""A PostgreSQL server of one's own, for the time of a test."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from kit.ports import held_port

__all__ = ["HAS_DRIVER", "find_postgres", "on_a_server", "postgres_server", "postgres_url"]

NOBODY = 65534


def find_postgres() -> Path | None:
    """Return the folder of the server's programs; `None` when it is not installed."""
    on_path = shutil.which("initdb")
    places = [Path(on_path).resolve().parent] if on_path else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "postgres").exists()), None)


@contextmanager
def postgres_server(programs: Path) -> Iterator[str]:
    """Run a server with an empty database on a free port; yield its URL, and end it."""
    # it refuses to run as root
    user = NOBODY if os.getuid() == 0 else None
    with TemporaryDirectory(prefix="ibkr-pg-") as folder:
        data = Path(folder) / "data"
        data.mkdir(mode=0o700)
        if user is not None:
            os.chown(folder, user, user)
            os.chown(data, user, user)
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8"],
            check=True,
            user=user,
            cwd=folder,
            stdout=subprocess.DEVNULL,
        )
        with held_port() as port:
            options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories="
            control: list[Path | str] = [programs / "pg_ctl", "-D", data, "-w", "-t", "600", "-s"]
            log = Path(folder) / "log"
            subprocess.run([*control, "-l", log, "-o", options, "start"], check=True, user=user)
            try:
                yield f"postgresql://tester:secret@127.0.0.1:{port}/postgres"
            finally:
                subprocess.run([*control, "-m", "immediate", "stop"], check=True, user=user)


PROGRAMS = find_postgres()
HAS_DRIVER = importlib.util.find_spec("asyncpg") is not None

on_a_server = pytest.mark.skipif(
    PROGRAMS is None or not HAS_DRIVER,
    reason="needs PostgreSQL's programs (Debian: postgresql) and the extra 'postgres'",
)


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    """Run a server for the tests of a module; they are marked with `on_a_server`."""
    assert PROGRAMS is not None
    with postgres_server(PROGRAMS) as running:
        yield running
