"""
`ibkr` as a process of its own, without the second that it takes to load.

One process loads the command line once and divides for each command: what runs is as alone as a
program that was started, with its own environment, folder, input, output and exit code.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Final

__all__ = ["ibkr"]

_lock: Final = threading.Lock()
_mother: subprocess.Popen[str] | None = None


def ibkr(*arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command with this process' environment and folder, and return what came of it."""
    with tempfile.TemporaryDirectory() as name, _lock:
        folder = Path(name)
        (folder / "in").write_text(said, "utf-8")
        wish = {
            "arguments": arguments,
            "environment": dict(os.environ),
            "folder": str(Path.cwd()),
            "files": [str(folder / file) for file in ("in", "out", "err")],
        }
        mother = _running()
        assert mother.stdin is not None
        assert mother.stdout is not None
        mother.stdin.write(json.dumps(wish) + "\n")
        mother.stdin.flush()
        answer = mother.stdout.readline()
        assert answer, "the process that loads the command line has ended"
        return subprocess.CompletedProcess(
            args=["ibkr", *arguments],
            returncode=json.loads(answer),
            stdout=(folder / "out").read_text("utf-8"),
            stderr=(folder / "err").read_text("utf-8"),
        )


def _running() -> subprocess.Popen[str]:
    global _mother  # one for all tests
    if _mother is None or _mother.poll() is not None:
        _mother = subprocess.Popen(
            [sys.executable, "-c", "from kit.command import serve; serve()"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(_mother.kill)
    return _mother


def serve() -> None:
    """Load the command line, and divide for each line of the input until it ends."""
    import ibkr_connector.cli.app  # noqa: F401
    import ibkr_connector.engine  # noqa: F401
    from ibkr_connector.cli import main

    for line in sys.stdin:
        wish = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(wish)
            sys.exit(main())
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(wish: dict[str, Any]) -> None:
    flags = (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)
    for number, (path, flag) in enumerate(zip(wish["files"], flags, strict=True)):
        os.dup2(os.open(path, flag, 0o600), number)
    # what the mother has read ahead of her own input is not this one's
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(wish["environment"])
    os.chdir(wish["folder"])
    sys.argv = ["ibkr", *wish["arguments"]]
