from __future__ import annotations

import threading

import pytest

from ibkr_connector.observe.scribe import Scribe


def test_everything_is_handled_in_order_on_another_thread() -> None:
    done: list[tuple[int, str]] = []
    scribe: Scribe[int] = Scribe(
        "test-scribe", lambda one: done.append((one, threading.current_thread().name))
    )
    for number in range(100):
        scribe.put(number)
    scribe.flush()
    assert done == [(number, "test-scribe") for number in range(100)]
    scribe.close()


def test_what_was_put_in_last_is_handled_before_it_closes_and_it_may_begin_anew() -> None:
    done: list[int] = []
    scribe: Scribe[int] = Scribe("test-scribe", done.append)
    scribe.put(1)
    scribe.close()
    assert done == [1]
    assert "test-scribe" not in [thread.name for thread in threading.enumerate()]
    scribe.put(2)
    scribe.close()
    scribe.close()
    assert done == [1, 2]


def test_it_has_no_thread_until_there_is_something_to_do() -> None:
    scribe: Scribe[int] = Scribe("test-scribe", lambda one: None)
    scribe.flush()
    scribe.close()
    assert "test-scribe" not in [thread.name for thread in threading.enumerate()]


def test_what_fails_is_logged_and_the_rest_is_handled(caplog: pytest.LogCaptureFixture) -> None:
    done: list[float] = []
    scribe: Scribe[int] = Scribe("test-scribe", lambda one: done.append(1 / one))
    for number in (1, 0, 2):
        scribe.put(number)
    scribe.close()
    assert done == [1, 0.5]
    assert "test-scribe could not handle something" in caplog.text
