"""
What must not stand in a recording: account ids, and what names the user.

Masks have the length of what they hide, so that lengths inside of binary messages stay true.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["Mask"]

_ACCOUNT: Final = re.compile(r"(?<![A-Za-z0-9])(?:D?[UFI])\d{5,9}(?![A-Za-z0-9])")
"""IB's account ids: live and paper, of persons, advisors and those whom they introduce."""

_MANAGED_ACCOUNTS: Final = "15"
_USER_INFO: Final = "107"
_NAMING: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        # user info, and the exchange of keys of the old verification: nothing of them is kept
        "gateway": frozenset({_USER_INFO, "65", "66", "69", "70"}),
        "client": frozenset({"65", "66", "72", "73"}),
    }
)


class Mask:
    """Hides the same id behind the same mask, in every message of a recording."""

    def __init__(self) -> None:
        self._aliases: dict[str, str] = {}
        self._exact: re.Pattern[str] | None = None

    def fields(self, fields: list[str], *, sender: str) -> list[str]:
        """Return the fields of a message without what must not stand there."""
        if sender == "gateway" and fields[0] == _MANAGED_ACCOUNTS:
            self._learn(fields[-1].split(","))
        kept = 2 if fields[0] in _NAMING[sender] else len(fields)
        return [self.text(text) for text in fields[:kept]] + [""] * (len(fields) - kept)

    def data(self, payload: bytes) -> bytes:
        """Return a message that is not fields of text without account ids."""
        return self.text(payload.decode("latin-1")).encode("latin-1")

    def text(self, text: str) -> str:
        """Return a text without account ids."""
        if self._exact is not None:
            text = self._exact.sub(lambda match: self._alias(match[0]), text)
        return _ACCOUNT.sub(lambda match: self._alias(match[0]), text)

    def _learn(self, accounts: list[str]) -> None:
        for account in accounts:
            if account:
                self._alias(account)
        names = sorted(self._aliases, key=len, reverse=True)
        joined = "|".join(re.escape(name) for name in names)
        self._exact = re.compile(rf"(?<![A-Za-z0-9])(?:{joined})(?![A-Za-z0-9])") if names else None

    def _alias(self, account: str) -> str:
        if account not in self._aliases:
            head = re.match("[A-Za-z]*", account)
            kept = head[0] if head is not None else ""
            number = str(len(self._aliases) + 1)
            room = len(account) - len(kept) - len(number)
            # an id that is too short to be masked is a test's own
            self._aliases[account] = f"{kept}{'X' * room}{number}" if room > 0 else account
        return self._aliases[account]
