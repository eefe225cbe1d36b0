"""The id that follows one user call through threads, retries, journal and wire."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["correlation", "current_correlation_id"]

_current: ContextVar[str] = ContextVar("ibkr_correlation_id", default="")


def current_correlation_id() -> str:
    """Return the id of the call under way; empty outside of one."""
    return _current.get()


@contextmanager
def correlation() -> Iterator[str]:
    """Give the calls within one id; inside another call, that call's id goes on."""
    if current := _current.get():
        yield current
        return
    token = _current.set(secrets.token_hex(6))
    try:
        yield _current.get()
    finally:
        _current.reset(token)
