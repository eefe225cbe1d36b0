"""What runs in a process that has loaded it is as alone as a program that was started."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from kit.forked import Loaded

LOADED = Loaded("json")
TELLS = (
    "import os, sys; print(sys.argv[1], os.environ.get('WHO'), os.getcwd(), sys.stdin.read()); "
    "print('bad', file=sys.stderr); os.environ['WHO'] = 'me'; sys.exit(7)"
)


def test_a_program_has_its_own_world(tmp_path: Path) -> None:
    for who in ("you", "they"):
        done = LOADED.run(
            ["-c", TELLS, "one"], environment={"WHO": who}, folder=tmp_path, said="said"
        )
        assert done.returncode == 7
        assert done.stdout == f"one {who} {tmp_path} said\n"
        assert done.stderr == "bad\n"
    assert os.environ.get("WHO") is None


def test_a_file_and_a_module_run_as_python_runs_them(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text("import beside, sys; print(__name__, sys.argv[1:], beside.NAME)")
    (tmp_path / "beside.py").write_text("NAME = 'beside'")
    assert LOADED.run([str(file), "a"]).stdout == "__main__ ['a'] beside\n"
    module = LOADED.run(["-m", "json.tool", "--compact"], said='{"a": 1}')
    assert module.stdout == '{"a":1}\n'
    assert LOADED.run([str(tmp_path / "none.py")]).returncode == 1


def test_what_nobody_waits_for_any_more_is_ended() -> None:
    command = LOADED.command("-c", "import signal; signal.pause()")
    waits = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    waits.kill()
    waits.wait()
    assert LOADED.run(["-c", "print('next')"]).stdout == "next\n"
    ends = LOADED.command("-c", "import sys; sys.exit(3)")
    assert subprocess.run(ends, check=False).returncode == 3
