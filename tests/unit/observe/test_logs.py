from __future__ import annotations

import io
import json
import logging
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ibkr_connector import ConfigurationError
from ibkr_connector.observe.correlation import correlation, current_correlation_id
from ibkr_connector.observe.logs import (
    LOGGER,
    CorrelationFilter,
    configure_logging,
    flush_logs,
    mask_accounts,
    reset_logging,
)

LOGGERS = ("ibkr_connector", "ib_async", "ibkr_connector.test", "ibkr_connector.quiet")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Give a stream to log to, and leave the loggers as they were."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(list(one.handlers), one.level, one.propagate) for one in loggers]
    yield io.StringIO()
    reset_logging()
    for one, (handlers, level, propagate) in zip(loggers, before, strict=True):
        one.handlers[:], one.propagate = handlers, propagate
        one.setLevel(level)


def told(stream: io.StringIO) -> str:
    flush_logs()
    return stream.getvalue()


def test_a_library_is_silent_until_it_is_told_to_speak(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("ibkr_connector.test").warning("nobody asked")
    assert "nobody asked" not in capsys.readouterr().err
    assert [type(handler) for handler in LOGGER.handlers] == [logging.NullHandler]
    assert LOGGER.propagate
    assert LOGGER.level == logging.NOTSET


def test_a_record_carries_the_id_of_its_call_and_no_account(stream: io.StringIO) -> None:
    configure_logging("INFO", form="json", stream=stream)
    with correlation() as call:
        logging.getLogger("ibkr_connector.test").info("order for DU1234567", extra={"token": "x"})
    [line] = told(stream).splitlines()
    event = json.loads(line)
    assert event["event"] == "order for DU1***67"
    assert event["correlation_id"] == call
    assert event["level"] == "info"
    assert event["token"] == "***"


def test_a_record_may_bring_the_id_of_an_earlier_call(stream: io.StringIO) -> None:
    configure_logging("INFO", form="json", stream=stream)
    with correlation():
        logging.getLogger("ibkr_connector.test").info(
            "filled", extra={"correlation_id": "of-the-order", "event": "theirs", "nothing": None}
        )
    event = json.loads(told(stream))
    assert event["correlation_id"] == "of-the-order"
    assert (event["event"], event["event_"]) == ("filled", "theirs")
    assert "nothing" not in event


def test_configuring_again_replaces_and_does_not_double(stream: io.StringIO) -> None:
    configure_logging("DEBUG", stream=io.StringIO())
    theirs = logging.StreamHandler(io.StringIO())
    LOGGER.addHandler(theirs)
    configure_logging("WARNING", stream=stream)
    logger = logging.getLogger("ibkr_connector.test")
    logger.info("too quiet")
    logger.warning("once")
    assert told(stream).count("once") == 1
    assert "too quiet" not in stream.getvalue()
    assert theirs in LOGGER.handlers
    LOGGER.removeHandler(theirs)


@pytest.mark.parametrize("queued", [True, False])
def test_a_stream_that_its_owner_has_closed_is_in_nobodys_way(queued: bool) -> None:
    closed, after = io.StringIO(), io.StringIO()
    configure_logging(stream=closed, queued=queued)
    closed.close()
    configure_logging(stream=after, queued=queued)
    logging.getLogger("ibkr_connector").warning("goes on")
    flush_logs()
    assert "goes on" in after.getvalue()
    reset_logging()


def test_parts_have_levels_of_their_own_until_it_is_undone(stream: io.StringIO) -> None:
    configure_logging(
        "INFO", stream=stream, levels={"test": "debug", "ibkr_connector.quiet": "ERROR"}
    )
    logging.getLogger("ibkr_connector.test").debug("in detail")
    logging.getLogger("ibkr_connector.quiet").warning("hushed")
    assert "in detail" in told(stream)
    assert "hushed" not in stream.getvalue()
    reset_logging()
    assert logging.getLogger("ibkr_connector.test").level == logging.NOTSET
    assert LOGGER.propagate


def test_a_level_that_does_not_exist_is_refused_before_anything_changes() -> None:
    before = list(LOGGER.handlers)
    with pytest.raises(ConfigurationError, match="'LOUD' is no level"):
        configure_logging("LOUD")
    assert before == LOGGER.handlers


def test_a_call_within_a_call_keeps_the_id() -> None:
    assert current_correlation_id() == ""
    with correlation() as outer, correlation() as inner:
        assert outer == inner == current_correlation_id()
    assert current_correlation_id() == ""
    with correlation() as other:
        assert other != outer


def test_an_id_from_outside_goes_before_one_of_ours() -> None:
    with correlation(), correlation("req-7f3a") as given:
        assert given == current_correlation_id() == "req-7f3a"
        with correlation() as inner:
            assert inner == "req-7f3a"


@pytest.mark.parametrize("bad", ["", "two\nlines", "x" * 65, "a b", "ü"])
def test_an_id_that_could_forge_a_line_of_the_log_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="correlation id"), correlation(bad):
        raise AssertionError("it was taken")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("U1234567", "U1***67"),
        ("DU1234567 and DF9876543", "DU1***67 and DF9***43"),
        ("F1234567_x", "F1***67_x"),
        ("DUM123456 UH1234567", "DUM1***56 UH1***67"),
        ("EURUSD12345678", "EURUSD12345678"),
        ("no account here: 1234567", "no account here: 1234567"),
    ],
)
def test_the_middle_of_an_account_id_is_hidden(text: str, masked: str) -> None:
    assert mask_accounts(text) == masked


def test_nothing_leaks_from_the_inside_of_values_or_from_tracebacks(stream: io.StringIO) -> None:
    configure_logging("INFO", form="json", stream=stream)
    logger = logging.getLogger("ibkr_connector.test")
    inside = {"accounts": ["DU1234567"], "login": {"password": "hunter2", "U7654321": 1}}
    try:
        raise ValueError("no such account: U1234567")
    except ValueError:
        logger.exception("it failed", extra={"facts": inside, "api_token": "hunter2"})
    said = told(stream)
    assert "Traceback" in json.loads(said)["exception"]
    for secret in ("1234567", "7654321", "hunter2"):
        assert secret not in said


def test_no_text_of_others_begins_a_line(stream: io.StringIO) -> None:
    configure_logging("INFO", stream=stream)
    forged = "said\n2026-11-22 [info     ] order 7 is filled\x1b[2K"
    logging.getLogger("ibkr_connector.test").info("halted: %s", forged, extra={"reason": forged})
    try:
        raise ValueError("one\ntwo")
    except ValueError:
        logging.getLogger("ibkr_connector.test").exception("failed")
    first, *rest = told(stream).splitlines()
    assert first.count(r"said\n2026-11-22 [info     ] order 7 is filled\x1b[2K") == 2, first
    assert "failed" in rest[0]
    assert len(rest) > 3  # a traceback has its lines


def test_accounts_are_told_to_whoever_wants_them(stream: io.StringIO) -> None:
    configure_logging("INFO", stream=stream, show_accounts=True)
    logging.getLogger("ibkr_connector.test").info("DU1234567", extra={"secret": "hunter2"})
    assert "DU1234567" in told(stream)
    assert "hunter2" not in stream.getvalue()


def test_warnings_of_ib_async_go_the_same_way(stream: io.StringIO) -> None:
    configure_logging("INFO", form="json", stream=stream)
    logging.getLogger("ib_async.wrapper").error("Error 201, account DU1234567")
    logging.getLogger("ib_async.wrapper").info("a whole order book")
    assert "DU1***67" in told(stream)
    assert "order book" not in stream.getvalue()


def test_handlers_of_others_get_the_id_from_a_filter() -> None:
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    handler.setFormatter(logging.Formatter("[%(correlation_id)s] %(message)s"))
    handler.addFilter(CorrelationFilter())
    logger = logging.getLogger("ibkr_connector.test")
    logger.addHandler(handler)
    try:
        with correlation("abc"):
            logger.warning("here")
        logger.warning("outside")
    finally:
        logger.removeHandler(handler)
    assert said.getvalue() == "[abc] here\n[] outside\n"


def test_a_file_is_the_users_alone_and_begins_anew_when_it_is_full(
    stream: io.StringIO, tmp_path: Path
) -> None:
    path = tmp_path / "logs" / "ibkr.log"
    configure_logging("INFO", form="json", file=path, file_max_bytes=400, file_keep=2)
    for number in range(20):
        logging.getLogger("ibkr_connector.test").info("line %d", number)
    flush_logs()
    reset_logging()
    files = sorted(one.name for one in path.parent.iterdir())
    assert files == ["ibkr.log", "ibkr.log.1", "ibkr.log.2"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text().splitlines()[-1])["event"] == "line 19"


def test_a_file_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"log file .*x\.log cannot be written"):
        configure_logging(file=tmp_path / "file" / "x.log")


def program(code: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_nothing_is_lost_when_the_program_ends(tmp_path: Path) -> None:
    done = program(
        "import logging; from ibkr_connector.observe.logs import configure_logging\n"
        "configure_logging('INFO')\n"
        "for n in range(500): logging.getLogger('ibkr_connector.x').info('line %d.', n)\n"
        "import atexit; logging.getLogger('ibkr_connector.x').info('the last.')",
        tmp_path,
    )
    assert done.stderr.count("line ") == 500
    assert "the last." in done.stderr.splitlines()[-1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_goes_on_to_log_and_repeats_nothing(tmp_path: Path) -> None:
    done = program(
        "import logging, os; from ibkr_connector.observe.logs import configure_logging\n"
        "configure_logging('INFO'); log = logging.getLogger('ibkr_connector.x')\n"
        "log.info('before'); pid = os.fork(); log.info('in %s', 'child' if not pid else 'parent')\n"
        "pid and os.waitpid(pid, 0)",
        tmp_path,
    )
    said = done.stderr
    assert [said.count(word) for word in ("before", "in child", "in parent")] == [1, 1, 1]
