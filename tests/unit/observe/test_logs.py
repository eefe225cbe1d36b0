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
    before = (list(LOGGER.handlers), LOGGER.level, LOGGER.propagate)
    ib_async_level = logging.getLogger("ib_async").level
    yield io.StringIO()
    LOGGER.handlers[:], level, LOGGER.propagate = before
    LOGGER.setLevel(level)
    logging.getLogger("ib_async").setLevel(ib_async_level)


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
        ("DU1234567 and DF9876543", "DU1***67 and DF9876543"),
        ("no account here: 1234567", "no account here: 1234567"),
    ],
)
def test_the_middle_of_an_account_id_is_hidden(text: str, masked: str) -> None:
    assert mask_accounts(text) == masked
