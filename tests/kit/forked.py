"""
Python programs as processes of their own, without the seconds that they take to load.

One process loads what they import and divides for each program: what runs is as alone as a program
that was started, with its own environment, folder, arguments, input, output and exit code.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

__all__ = ["Loaded", "start"]

_CLIENT: Final = """
import json, os, socket, sys
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
wish = {"program": sys.argv[2:], "environment": dict(os.environ), "folder": os.getcwd(),
        "files": [os.devnull] * 3}
link.sendall(json.dumps(wish).encode() + b"\\n")
sys.exit(int(link.makefile().readline() or 1))
"""
"""Has one program run by a process that has loaded it, for who can only start commands."""


class Loaded:
    """A process that has loaded modules, and runs one program at a time as Python would."""

    def __init__(self, *modules: str) -> None:
        self._modules: Final = modules
        self._lock = threading.Lock()
        self._mother: subprocess.Popen[str] | None = None
        self._place = ""

    def run(
        self,
        program: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        said: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """
        Run a program, and return what came of it.

        Args:
            program: What would follow `python`: a file, `-m` and a module, or `-c` and a text; and
                the arguments.
            environment: This process' when not given; and so the folder.
            folder: Where it runs.
            said: Its input.
        """
        with tempfile.TemporaryDirectory() as name, self._lock:
            files = [Path(name) / one for one in ("in", "out", "err")]
            files[0].write_text(said, "utf-8")
            wish = {
                "program": list(program),
                "environment": dict(os.environ if environment is None else environment),
                "folder": str(folder or Path.cwd()),
                "files": [str(file) for file in files],
            }
            with socket.socket(socket.AF_UNIX) as link:
                link.connect(self._running())
                link.sendall(json.dumps(wish).encode() + b"\n")
                with link.makefile() as lines:
                    answer = lines.readline()
            assert answer, "the process that loads the programs has ended"
            return subprocess.CompletedProcess(
                args=list(program),
                returncode=int(answer),
                stdout=files[1].read_text("utf-8"),
                stderr=files[2].read_text("utf-8"),
            )

    def command(self, *program: str) -> list[str]:
        """Return a command that has one program run, for who starts commands by itself."""
        return [sys.executable, "-S", "-E", "-c", _CLIENT, self._running(), *program]

    def _running(self) -> str:
        """Return where the process listens; start it when there is none."""
        if self._mother is None or self._mother.poll() is not None:
            place = tempfile.mkdtemp(prefix="loaded-")
            self._place = f"{place}/socket"
            self._mother = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    f"from kit.forked import start; start({self._place!r}, {self._modules!r})",
                ],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(one for one in sys.path if one)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
            )
            atexit.register(_end, self._mother, Path(place))
            assert self._mother.stdout is not None
            with self._mother.stdout as told:
                assert told.readline(), "the modules cannot be loaded"
        return self._place


def _end(mother: subprocess.Popen[str], place: Path) -> None:
    mother.kill()
    mother.wait()
    (place / "socket").unlink(missing_ok=True)
    place.rmdir()


def start(place: str, modules: Sequence[str]) -> None:
    """Load modules, and divide for each wish that comes through a socket."""
    # what is loaded for other programs warns of nothing that this one does
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in modules:
            importlib.import_module(module)
    door = socket.socket(socket.AF_UNIX)
    door.bind(place)
    door.listen()
    # a child that looks through all of it for garbage would copy all of it
    gc.collect()
    gc.freeze()
    print("loaded", flush=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    while True:
        link, _ = door.accept()
        with link, link.makefile() as lines:
            wish = json.loads(lines.readline())
            child = os.fork()
            if child == 0:
                door.close()
                link.detach()
                _become(wish)
                _run(wish["program"])
                sys.exit()
            # who asks no more wants it no more
            end = os.pidfd_open(child)
            ended, _, _ = select.select([end, link.fileno()], [], [])
            os.close(end)
            if end not in ended:
                os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            with suppress(BrokenPipeError):
                link.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _become(wish: dict[str, Any]) -> None:
    flags = (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)
    for number, (path, flag) in enumerate(zip(wish["files"], flags, strict=True)):
        os.dup2(os.open(path, flag, 0o600), number)
    os.environ.clear()
    os.environ.update(wish["environment"])
    os.chdir(wish["folder"])


def _run(program: list[str]) -> None:
    match program:
        case ["-m", module, *_]:
            sys.argv = program[1:]
            sys.path.insert(0, str(Path.cwd()))
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case ["-c", text, *_]:
            sys.argv = ["-c", *program[2:]]
            exec(compile(text, "<string>", "exec"), {"__name__": "__main__"})
        case [file, *_]:
            sys.argv = program
            sys.path.insert(0, str(Path(file).parent))
            runpy.run_path(file, run_name="__main__")
