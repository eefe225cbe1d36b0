"""Ids drawn many at a time: each is given out once, also by a process that was forked."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ibkr_connector.observe.random_ids import AT_ONCE, RandomIds


def test_an_id_is_as_many_random_bytes_as_were_asked_for() -> None:
    assert len(bytes.fromhex(RandomIds(6)())) == 6


def test_no_id_is_given_out_twice() -> None:
    new_id = RandomIds(13)
    count = 3 * AT_ONCE + 1
    assert len({new_id() for _ in range(count)}) == count


def test_the_system_is_asked_once_for_many_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def draw(size: int) -> bytes:
        asked.append(size)
        return bytes(size)

    monkeypatch.setattr(os, "urandom", draw)
    new_id = RandomIds(6)
    for _ in range(AT_ONCE):
        new_id()
    assert asked == [6 * AT_ONCE]
    new_id()
    assert len(asked) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_has_ids_of_its_own() -> None:
    # in a process of its own, because a fork of the tests' would carry their threads
    program = """
import os
from ibkr_connector.observe.random_ids import AT_ONCE, RandomIds

new_id = RandomIds(6)
new_id()
read, write = os.pipe()
if os.fork() == 0:
    os.write(write, " ".join(new_id() for _ in range(AT_ONCE)).encode())
    os._exit(0)
os.wait()
theirs = set(os.read(read, 65536).decode().split())
print(len(theirs), len(theirs & {new_id() for _ in range(AT_ONCE)}))
"""
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert f"{AT_ONCE} 0" == told.stdout.strip()
