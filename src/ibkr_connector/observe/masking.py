"""
What must not stand in a log: account ids and secrets, wherever in a record they are.

Owns: which text is an account id or a secret. Values are looked through before they are rendered,
because an escape in rendered text (`\\x00DU...`) hides where an id begins.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, Final

__all__ = ["mask_accounts", "mask_secrets", "masked"]

_ACCOUNT: Final = re.compile(r"(D?(?:[UF][A-Z]?|I)\d)\d{3,8}(\d{2})(?!\d)")
"""Account ids as IB writes them: U1234567, DU1234567, DUM123456, advisors' F1234567, DF1234567."""

_BEGINS: Final = re.compile(
    r"(?:^|[^A-Za-z0-9]|\\(?:[nrtabfv0]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}))\Z"
)
"""What may stand before one: nothing of a word, or an escape of a `repr`."""

_SHORTEST: Final = 7

_OF_ACCOUNT: Final = re.compile(r"(?i)(?:^|_)accounts?(?:_ids?)?$")
"""Keys whose value is an account id, whatever it looks like."""

_ID: Final = re.compile(r"(?=.*\d)[A-Za-z0-9]{6,}")

_SECRET_WORDS: Final = r"token|passw(?:or)?d|passphrase|secret|api[_-]?key|authorization|credential"
_SECRET_KEY: Final = re.compile(f"(?i){_SECRET_WORDS}")
_IN_TEXT: Final = re.compile(
    rf"(?i)(?P<key>(?:{_SECRET_WORDS})[\w-]*['\"]?\s*[=:]\s*)"
    r"(?:(?:bearer|basic)\s+)?(?:\"[^\"]*\"|'[^']*'|[^\s,;&)}\]]+)"
)
_BEARER: Final = re.compile(r"(?i)\bbearer\s+[A-Za-z0-9._~+/=-]+")
_LOGIN: Final = re.compile(r"(?<=://)[^/\s@'\"]+@")
"""Name and password of an address."""

_HIDDEN: Final = "***"
_DEEPEST: Final = 8


def mask_accounts(text: str) -> str:
    """Replace the middle of every account id, so that it can be told apart but not used."""
    # what stands before is looked at behind a match only: to look first takes ten times as long
    return _ACCOUNT.sub(_hidden, text) if len(text) >= _SHORTEST else text


def _hidden(found: re.Match[str]) -> str:
    start = found.start()
    if not _BEGINS.search(found.string, max(start - 6, 0), start):
        return found[0]
    return f"{found[1]}{_HIDDEN}{found[2]}"


def mask_secrets(text: str) -> str:
    """Replace what text says is a password, a token or a key, and the login of an address."""
    # most text has nothing of the kind, and that is seen sooner without a pattern
    if "@" in text:
        text = _LOGIN.sub(f"{_HIDDEN}@", text)
    if ":" in text or "=" in text:
        text = _IN_TEXT.sub(rf"\g<key>{_HIDDEN}", text)
    if "earer" in text or "EARER" in text:
        text = _BEARER.sub(f"Bearer {_HIDDEN}", text)
    return text


def masked(value: Any, *, key: str = "", accounts: bool = True, depth: int = 0) -> Any:
    """
    Return a value of JSON's own types with nothing in it that must not be told.

    Args:
        value: Anything; what JSON does not know becomes text.
        key: Under which it stands: that of a secret hides it altogether.
        accounts: Whether account ids are hidden.
        depth: How deep in a record it is; what is deeper than eight becomes text.
    """
    if key and _is_secret(key):
        return _HIDDEN
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str) and not isinstance(value, Enum):
        return _text(value, key=key, accounts=accounts)
    if isinstance(value, Mapping) and depth < _DEEPEST:
        return {
            _key(str(name), accounts): masked(
                inner, key=str(name), accounts=accounts, depth=depth + 1
            )
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset | deque) and depth < _DEEPEST:
        inner_key = key if _is_of_account(key) else ""
        return [masked(inner, key=inner_key, accounts=accounts, depth=depth + 1) for inner in value]
    return _text(_told(value), key=key, accounts=accounts)


@lru_cache(1024)
def _is_secret(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


@lru_cache(1024)
def _key(name: str, accounts: bool) -> str:  # noqa: FBT001  # of a cache, which takes no keywords
    return _text(name, accounts=accounts)


@lru_cache(1024)
def _is_of_account(key: str) -> bool:
    return _OF_ACCOUNT.search(key) is not None


def _text(text: str, *, key: str = "", accounts: bool) -> str:
    text = mask_secrets(text)
    if not accounts:
        return text
    hidden = mask_accounts(text)
    if hidden == text and key and _is_of_account(key) and _ID.fullmatch(text):
        return f"{text[:2]}{_HIDDEN}{text[-2:]}"
    return hidden


def _told(value: object) -> str:
    """Return what is no type of JSON's as text; a `repr` that raises must not end a log."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Enum):
        return str(value.value)
    try:
        return str(value) if isinstance(value, BaseException) else repr(value)
    except Exception as error:  # noqa: BLE001  # it is somebody else's, and may be anything
        return f"<{type(value).__name__} whose repr raised {type(error).__name__}>"
