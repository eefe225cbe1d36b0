"""The append-only log: durable, ordered, chained, one writer."""

import hashlib
import json
import queue
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.clock import ManualClock
from ibkr_connector.errors import ConfigurationError
from ibkr_connector.orders.references import Tokens
from ibkr_connector.storage.append import (
    AppendLog,
    Draft,
    read_entries,
    read_since,
    verify_entries,
)
from ibkr_connector.storage.chain import GENESIS, link
from ibkr_connector.storage.writer import Done


def draft(key: str = "a", body: str = "{}") -> Draft:
    return Draft(
        time="2026-03-04T17:00:00+00:00",
        kind="step",
        key=key,
        correlation_id="",
        cause="test",
        body=body,
    )


def into(told: queue.SimpleQueue[Exception | None]) -> Done:
    return lambda failure, about: told.put(failure)


def write(log: AppendLog, *drafts: Draft) -> Exception | None:
    done: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
    log.append(drafts, into(done))
    return done.get(timeout=60)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "log.sqlite3"


def test_what_was_written_is_read_in_order_and_the_chain_holds(path: Path) -> None:
    log = AppendLog.open(path)
    for key in ("a", "b", "a"):
        assert write(log, draft(key)) is None
    log.close()
    assert [(entry.seq, entry.key) for entry in read_entries(path)] == [
        (1, "a"),
        (2, "b"),
        (3, "a"),
    ]
    assert [entry.seq for entry in read_entries(path, key="a", limit=1)] == [3]
    assert verify_entries(path) == 3


def test_the_chain_goes_on_after_a_restart(path: Path) -> None:
    for _ in range(2):
        log = AppendLog.open(path)
        write(log, draft())
        log.close()
    assert verify_entries(path) == 2


def test_others_may_read_while_it_is_written(path: Path) -> None:
    log = AppendLog.open(path)
    write(log, draft())
    assert len(read_entries(path)) == 1
    log.close()


def test_only_the_user_can_read_the_files(path: Path) -> None:
    AppendLog.open(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_many_callers_share_commits_and_keep_their_order(path: Path) -> None:
    log = AppendLog.open(path)
    done: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
    for number in range(2000):
        log.append([draft(body=f"{number}")], into(done))
    log.close()
    assert [done.get_nowait() for _ in range(2000)] == [None] * 2000
    assert [entry.body for entry in read_entries(path)] == [f"{n}" for n in range(2000)]


def test_who_hands_something_in_waits_until_a_writer_that_rested_is_at_the_disk_and_no_longer(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AppendLog.open(path)
    at_disk: list[int] = []
    may_go_on = threading.Event()
    may_go_on.set()

    def end() -> None:
        may_go_on.wait()

    def begin() -> Callable[[], None]:
        at_disk.append(1)
        return end

    log.stopwatch = begin
    done: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def rest() -> None:
        while not log._rests:
            threading.Event().wait(0.0001)

    # nobody makes way, so that it is told to nobody that the disk was reached
    monkeypatch.setattr("ibkr_connector.storage.writer.WAY_S", 0.0)
    rest()
    write(log, draft())
    rest()
    at_disk.clear()
    monkeypatch.setattr("ibkr_connector.storage.writer.WAY_S", 3_600.0)
    may_go_on.clear()
    log.append([draft()], into(done))  # and yet this one is told of its own turn
    assert at_disk == [1]
    # a writer that is busy begins with it by itself, and nobody waits
    log.append([draft()], into(done))
    assert at_disk == [1]
    may_go_on.set()
    for _ in range(2):
        assert done.get(timeout=60) is None
    # where there is nothing to write the disk is never reached
    rest()
    log.append([], into(done))
    assert done.get(timeout=60) is None
    log.close()


def test_what_nobody_waits_for_is_made_on_the_thread_that_writes_and_told_in_its_turn(
    path: Path,
) -> None:
    log = AppendLog.open(path)
    told: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
    made_by: list[str] = []

    def making() -> list[Draft]:
        made_by.append(threading.current_thread().name)
        return [draft()]

    log.post(making, into(told))
    assert write(log, draft()) is None
    assert told.get(timeout=60) is None
    assert made_by == ["ibkr-journal"]

    def broken() -> list[Draft]:
        raise ValueError("no note")

    log.post(broken, into(told))
    assert isinstance(told.get(timeout=60), ValueError)
    assert isinstance(write(log, draft()), ValueError)
    log.close()
    assert verify_entries(path) == 2


LONG = json.dumps("x" * 60_000)
"""Some twenty of it fill the write-ahead file as far as it is let grow."""


def test_the_write_ahead_file_is_begun_anew_when_those_who_wait_have_been_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AppendLog.open(path)
    told: list[int] = []
    tidied: list[int] = []
    tidy = log._tidy

    def look() -> None:
        tidy()
        tidied.append(path.stat().st_size)

    monkeypatch.setattr(log, "_tidy", look)
    done: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def answered(failure: Exception | None, _about: object) -> None:
        told.append(path.stat().st_size)
        done.put(failure)

    for _ in range(40):
        log.append([draft(body=LONG)], answered)
        assert done.get(timeout=60) is None
    log.close()
    # the file itself grows after an answer, never before one
    assert told[1:] == tidied[:-1]
    assert 1 <= len(set(tidied)) - 1 <= 4
    assert verify_entries(path) == 40


def test_a_write_ahead_file_that_cannot_be_begun_anew_loses_nothing(path: Path) -> None:
    log = AppendLog.open(path)
    with closing(sqlite3.connect(path)) as reader:
        # somebody who reads all the while holds it back
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entries").fetchone()
        for _ in range(40):
            assert write(log, draft(body=LONG)) is None
    log.close()
    assert verify_entries(path) == 40


def test_closing_twice_is_harmless(path: Path) -> None:
    log = AppendLog.open(path)
    log.close()
    log.close()


def test_a_second_writer_in_this_process_is_refused(path: Path) -> None:
    log = AppendLog.open(path)
    with pytest.raises(ConfigurationError, match=r"another connector writes.*--client-id"):
        AppendLog.open(path)
    log.close()
    AppendLog.open(path).close()


def test_a_second_process_is_refused(path: Path) -> None:
    log = AppendLog.open(path)
    program = (
        "import sys; from pathlib import Path\n"
        "from ibkr_connector.storage.append import AppendLog\n"
        "from ibkr_connector.errors import ConfigurationError\n"
        "try: AppendLog.open(Path(sys.argv[1]))\n"
        "except ConfigurationError as error: print(error)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    log.close()
    assert "another connector writes" in told.stdout


@pytest.mark.parametrize("verb", ["UPDATE entries SET body = '{1}'", "DELETE FROM entries"])
def test_entries_cannot_be_changed_by_sql(path: Path, verb: str) -> None:
    log = AppendLog.open(path)
    write(log, draft())
    log.close()
    with (
        closing(sqlite3.connect(path)) as database,
        pytest.raises(sqlite3.IntegrityError, match="entries are never"),
    ):
        database.execute(verb)


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE entries SET body = '{1}' WHERE seq = 2",
        "DELETE FROM entries WHERE seq = 2",
        "UPDATE entries SET time = '2020' WHERE seq = 1",
    ],
)
def test_a_change_by_hand_is_noticed(path: Path, forgery: str) -> None:
    log = AppendLog.open(path)
    write(log, draft(), draft(), draft())
    log.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("DROP TRIGGER entries_stay")
        database.execute("DROP TRIGGER entries_remain")
        database.execute(forgery)
    with pytest.raises(ConfigurationError, match="changed by hand"):
        verify_entries(path)
    with pytest.raises(ConfigurationError, match="changed by hand"):
        AppendLog.open(path)


def test_a_full_disk_fails_the_write_and_every_one_after_it(path: Path) -> None:
    log = AppendLog.open(path)
    assert write(log, draft()) is None
    # SQLite's own limit: the same error as a disk without room
    log._database.execute("PRAGMA max_page_count = 1")
    failure = write(log, draft(body="x" * 100_000))
    assert isinstance(failure, sqlite3.OperationalError)
    log._database.execute("PRAGMA max_page_count = 100000")
    assert write(log, draft()) is failure
    log.close()
    assert verify_entries(path) == 1


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("not a database, but long enough to be looked at as one" * 40)
    with pytest.raises(ConfigurationError, match="cannot be used"):
        AppendLog.open(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_entries(path)


def test_a_database_of_somebody_else_is_refused(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE theirs (x)")
    with pytest.raises(ConfigurationError, match="not a journal of this package"):
        AppendLog.open(path)


def test_a_newer_format_is_refused(path: Path) -> None:
    AppendLog.open(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigurationError, match="has format 99"):
        AppendLog.open(path)


def test_a_missing_log_cannot_be_read(path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no journal"):
        read_entries(path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be used"):
        AppendLog.open(tmp_path / "file" / "log.sqlite3")


@given(st.lists(st.text(), min_size=2, max_size=4), st.integers(min_value=0, max_value=3))
def test_two_fields_never_run_into_each_other(fields: list[str], cut: int) -> None:
    at = min(cut, len(fields) - 2)
    joined = [*fields[:at], fields[at] + fields[at + 1], *fields[at + 2 :]]
    assert link(GENESIS, 1, fields) != link(GENESIS, 1, joined)


@given(st.text(), st.integers(), st.lists(st.text(), min_size=1, max_size=4))
def test_a_link_is_over_the_compact_json_of_what_it_ties(
    previous: str, seq: int, texts: list[str]
) -> None:
    text = json.dumps([previous, seq, *texts], separators=(",", ":"))
    assert link(previous, seq, texts) == hashlib.sha256(text.encode("ascii")).hexdigest()


def forge(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("DROP TRIGGER IF EXISTS entries_stay")
        database.execute(statement)


def test_a_start_verifies_from_its_anchor_on_and_the_command_everything(path: Path) -> None:
    log = AppendLog.open(path)
    write(log, *(draft(key) for key in ("a", "here", "b", "here", "a")))
    log.close()
    forge(path, "UPDATE entries SET body = '{1}' WHERE seq = 2")
    AppendLog.open(path, anchor="here").close()
    for anchor in (None, "nowhere"):
        with pytest.raises(ConfigurationError, match="entry 2 does not fit"):
            AppendLog.open(path, anchor=anchor)
    with pytest.raises(ConfigurationError, match="entry 2 does not fit"):
        verify_entries(path)
    forge(path, "UPDATE entries SET body = '{1}' WHERE seq = 4")
    with pytest.raises(ConfigurationError, match="entry 4 does not fit"):
        AppendLog.open(path, anchor="here")


def test_an_anchor_may_be_the_first_entry(path: Path) -> None:
    log = AppendLog.open(path)
    write(log, draft("here"), draft("a"))
    log.close()
    AppendLog.open(path, anchor="here").close()
    assert verify_entries(path) == 2


def test_what_a_start_needs_is_read_in_order(path: Path) -> None:
    log = AppendLog.open(path)
    keys = ("old", "live", "", "back", "live", "here", "back", "new")
    write(log, *(draft(key)._replace(kind="step" if key else "loose") for key in keys))
    log.close()
    found = read_since(path, 6, keys=["live"], loose="loose")
    assert [entry.seq for entry in found] == [2, 3, 4, 5, 6, 7, 8]
    assert [entry.seq for entry in read_since(path, 6, keys=[], loose="none")] == [4, 6, 7, 8]


def test_each_commit_is_flushed_to_the_disk_itself(path: Path) -> None:
    log = AppendLog.open(path)
    try:
        asked = ("journal_mode", "synchronous", "fullfsync")
        said = [log._database.execute(f"PRAGMA {name}").fetchone()[0] for name in asked]
    finally:
        log.close()
    assert said == ["wal", 2, 1]


def test_what_orders_of_one_time_write_lies_together(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ibkr_connector.storage.append._CHECKPOINT_PAGES", 1_000_000)
    clock = ManualClock(datetime(2026, 11, 20, 12, tzinfo=UTC))
    token, ahead = Tokens(clock), path.with_name(f"{path.name}-wal")
    log = AppendLog.open(path)
    for _ in range(40):
        write(log, *(draft(token()) for _ in range(100)))
        clock.advance(1)
    before = ahead.stat().st_size
    write(log, *(draft(token()) for _ in range(100)))
    pages = (ahead.stat().st_size - before) // 4096
    log.close()
    # four thousand entries are in some fifty pages of the index, which random keys would all touch
    assert pages <= 12
