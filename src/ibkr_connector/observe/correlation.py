"""The id that follows one user call through threads, retries, journal, wire, logs and spans."""

from __future__ import annotations

import re
from contextvars import Context, ContextVar, Token, copy_context
from typing import Final

from .random_ids import RandomIds

__all__ = ["correlated", "correlation", "current_correlation_id"]

_current: ContextVar[str] = ContextVar("ibkr_correlation_id", default="")

_new_id: Final = RandomIds(6)

_SOUND: Final = re.compile(r"[\x21-\x7e]{1,64}")
"""What an id from outside may be: it ends in logs and in the journal, so it has no line breaks."""


def current_correlation_id() -> str:
    """Return the id of the call under way; empty outside of one."""
    return _current.get()


def correlated() -> Context:
    """Return a copy of the context with an id in it: that of the call under way, or a new one."""
    context = copy_context()
    if not _current.get():
        context.run(_current.set, _new_id())
    return context


class correlation:  # noqa: N801  # reads as what it does, and is cheaper than a generator
    """
    Give the calls within one id; inside another call, that call's id goes on.

    Args:
        call_id: An id that somebody else began, as of a request over HTTP; it is taken whatever
            goes on. At most 64 visible ASCII characters.

    Raises:
        ValueError: `call_id` is none.
    """

    __slots__ = ("_id", "_token")

    def __init__(self, call_id: str | None = None) -> None:
        if call_id is not None and not _SOUND.fullmatch(call_id):
            raise ValueError(
                f"a correlation id has 1 to 64 visible ASCII characters, got {call_id!r}"
            )
        self._id = call_id
        self._token: Token[str] | None = None

    def __enter__(self) -> str:
        if self._id is None and (current := _current.get()):
            return current
        call_id = self._id or _new_id()
        self._token = _current.set(call_id)
        return call_id

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _current.reset(self._token)
            self._token = None
