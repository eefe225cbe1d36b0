"""The id that follows one user call through threads, retries, journal, wire, logs and spans."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

__all__ = ["correlation", "current_correlation_id"]

_current: ContextVar[str] = ContextVar("ibkr_correlation_id", default="")

_SOUND: Final = re.compile(r"[\x21-\x7e]{1,64}")
"""What an id from outside may be: it ends in logs and in the journal, so it has no line breaks."""


def current_correlation_id() -> str:
    """Return the id of the call under way; empty outside of one."""
    return _current.get()


@contextmanager
def correlation(call_id: str | None = None) -> Iterator[str]:
    """
    Give the calls within one id; inside another call, that call's id goes on.

    Args:
        call_id: An id that somebody else began, as of a request over HTTP; it is taken whatever
            goes on. At most 64 visible ASCII characters.

    Raises:
        ValueError: `call_id` is none.
    """
    if call_id is not None and not _SOUND.fullmatch(call_id):
        raise ValueError(f"a correlation id has 1 to 64 visible ASCII characters, got {call_id!r}")
    if call_id is None and (current := _current.get()):
        yield current
        return
    token = _current.set(call_id or secrets.token_hex(6))
    try:
        yield _current.get()
    finally:
        _current.reset(token)
