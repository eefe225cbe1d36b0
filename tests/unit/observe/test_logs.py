from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from ibkr_connector.observe.correlation import correlation, current_correlation_id
from ibkr_connector.observe.logs import LOGGER, configure_logging, mask_accounts


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Give a stream to log to, and leave the logger as it was."""
    loggers = (LOGGER, logging.getLogger("ib_async"))
    before = [(list(one.handlers), one.level, one.propagate) for one in loggers]
    yield io.StringIO()
    for one, (handlers, level, propagate) in zip(loggers, before, strict=True):
        one.handlers[:], one.propagate = handlers, propagate
        one.setLevel(level)


def test_a_library_is_silent_until_it_is_told_to_speak(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("ibkr_connector.test").warning("nobody asked")
    assert "nobody asked" not in capsys.readouterr().err
    assert any(isinstance(handler, logging.NullHandler) for handler in LOGGER.handlers)


def test_a_record_carries_the_id_of_its_call_and_no_account(stream: io.StringIO) -> None:
    configure_logging("INFO", form="json", stream=stream)
    with correlation() as call:
        logging.getLogger("ibkr_connector.test").info("order for DU1234567", extra={"token": "x"})
    [line] = stream.getvalue().splitlines()
    event = json.loads(line)
    assert event["event"] == "order for DU1***67"
    assert event["correlation_id"] == call
    assert event["level"] == "info"
    assert event["token"] == "***"


def test_configuring_again_replaces_and_does_not_double(stream: io.StringIO) -> None:
    configure_logging("DEBUG", stream=io.StringIO())
    configure_logging("WARNING", stream=stream)
    logger = logging.getLogger("ibkr_connector.test")
    logger.info("too quiet")
    logger.warning("once")
    assert stream.getvalue().count("once") == 1
    assert "too quiet" not in stream.getvalue()


def test_a_call_within_a_call_keeps_the_id() -> None:
    assert current_correlation_id() == ""
    with correlation() as outer, correlation() as inner:
        assert outer == inner == current_correlation_id()
    assert current_correlation_id() == ""
    with correlation() as other:
        assert other != outer


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("U1234567", "U1***67"),
        ("DU1234567 and DF9876543", "DU1***67 and DF9***43"),
        ("F1234567_x", "F1***67_x"),
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
    told = stream.getvalue()
    assert "Traceback" in json.loads(told)["exception"]
    for secret in ("1234567", "7654321", "hunter2"):
        assert secret not in told


def test_warnings_of_ib_async_go_the_same_way(stream: io.StringIO) -> None:
    configure_logging("INFO", form="json", stream=stream)
    logging.getLogger("ib_async.wrapper").error("Error 201, account DU1234567")
    logging.getLogger("ib_async.wrapper").info("a whole order book")
    assert "DU1***67" in stream.getvalue()
    assert "order book" not in stream.getvalue()
