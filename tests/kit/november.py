"""The week in which the contracts that tests name by their last day are listed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from ibkr_connector.clock import SystemClock

__all__ = ["november", "november_each", "november_in_all"]

_WEEK: Final = datetime(2026, 11, 22, tzinfo=UTC)


@contextmanager
def november() -> Iterator[None]:
    """Let the machine's day be one of a week of November 2026, by its name and hours as it is."""
    week = timedelta(weeks=1)
    away = (SystemClock().utcnow() - _WEEK) // week * week
    real = SystemClock.utcnow
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SystemClock, "utcnow", lambda self: real(self) - away)
        yield


@pytest.fixture
def november_each() -> Iterator[None]:
    """Let one test take place in that week."""
    with november():
        yield


@pytest.fixture(scope="module", autouse=True)
def november_in_all() -> Iterator[None]:
    """Let all tests of a folder take place in that week."""
    with november():
        yield
