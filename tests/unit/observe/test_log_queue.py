from __future__ import annotations

import io
import logging
import threading

from ibkr_connector.observe.log_queue import QueuedHandler
from ibkr_connector.observe.log_queue import said as told_of


def record(text: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("x", logging.INFO, "", 0, text, args, None)


def test_nothing_is_lost_while_it_ends_under_threads_that_log() -> None:
    said = io.StringIO()
    handler = QueuedHandler(logging.StreamHandler(said))
    begun = threading.Barrier(5)

    def log(name: int) -> None:
        begun.wait()
        for number in range(200):
            handler.handle(record(f"{name}-{number}."))

    threads = [threading.Thread(target=log, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    begun.wait()
    handler.finish()
    for thread in threads:
        thread.join()
    lines = said.getvalue().split()
    assert len(lines) == len(set(lines)) == 800


def test_what_is_logged_behind_the_end_is_written_where_it_is_logged() -> None:
    said = io.StringIO()
    handler = QueuedHandler(logging.StreamHandler(said))
    handler.handle(record("before"))
    handler.finish()
    handler.handle(record("behind"))
    handler.flush()
    handler.finish()
    assert said.getvalue() == "before\nbehind\n"


def test_a_message_that_cannot_be_made_is_told_and_not_lost() -> None:
    bad = record("%d of %d", "one")
    assert told_of(bad) == "%d of %d (its arguments cannot be told: TypeError)"
    assert told_of(record("%d of %d", 1, 2)) == "1 of 2"
