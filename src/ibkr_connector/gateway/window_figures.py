"""
Figures of account windows, gathered as they come and told together.

At each trade and every three minutes TWS tells some dozens of them, one message behind the other.
They are most of what a trade brings, and few of them are ever looked at; so they are gathered as
bytes, cut into fields in one go, and told as one event: before the next message of another kind is
looked at, and at the latest when all that one read has brought was taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from ibkr_connector.model.account import AccountValue, FigureSource

from .figures import UNSET_TEXTS
from .port import FigureKey, FiguresTold
from .runs import made
from .translate import account_value

__all__ = ["WindowFigures"]

_PARTS: Final = 7
"""Number, version, tag, value, currency, account, and what stands behind the last NUL."""

Told = tuple[FiguresTold, Sequence[str]]
"""What is told of figures, and their texts as they came."""


class WindowFigures:
    """
    Those of one session.

    Args:
        is_watched: Whether somebody wants each of them by itself, as it comes.
    """

    def __init__(self, *, is_watched: Callable[[], bool]) -> None:
        self.waiting: list[list[bytes]] = []
        """The parts of each message that has come and is not told yet."""
        self.values: dict[FigureKey, AccountValue] = {}
        """Each figure as it was told last."""
        self._is_watched = is_watched

    def lane(self, parts: list[bytes]) -> bool:
        """Take a message of a figure, unless each is wanted by itself (see `lanes.py`)."""
        if len(parts) != _PARTS or (not self.waiting and self._is_watched()):
            return False
        self.waiting.append(parts)
        return True

    def take(self) -> Iterator[Told]:
        """Return what waits."""
        waiting, self.waiting = self.waiting, []
        for told, texts in _read(waiting) if waiting else ():
            self.values.update(told.values)
            yield told, texts

    def one(self, account: str, tag: str, text: str, *, currency: str) -> FiguresTold:
        """Return what is told of a figure that comes by itself."""
        source = FigureSource.WINDOW
        told = FiguresTold.of(account_value(account, tag, text, currency=currency, source=source))
        self.values.update(told.values)
        return told


def _read(messages: Sequence[list[bytes]]) -> Iterator[Told]:
    _, _, *columns, _ = zip(*messages, strict=True)
    tags, texts, currencies, accounts = map(_texts, columns)
    keys: list[FigureKey] = list(zip(accounts, tags, currencies, strict=True))
    if len(set(accounts)) > 1 or len(set(keys)) < len(keys):
        # of several accounts, or one figure twice: then each is an event of its own
        for message in messages:
            yield from _read([message])
        return
    said: Mapping[str, Sequence[str]] = {
        "account": accounts,
        "tag": tags,
        "value": ["" if text in UNSET_TEXTS else text for text in texts],
        "currency": currencies,
        "source": [FigureSource.WINDOW] * len(keys),
    }
    values = dict(zip(keys, made(AccountValue, said), strict=True))
    yield FiguresTold(account=accounts[0], source=FigureSource.WINDOW, values=values), texts


def _texts(column: Sequence[bytes]) -> list[str]:
    return b"\0".join(column).decode(errors="backslashreplace").split("\0")
