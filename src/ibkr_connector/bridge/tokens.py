"""
Who may enter: tokens, what each may do, and how they are replaced while the bridge runs.

Tokens are kept as digests. Each one is compared with what a caller brings, in the same time, so
that the time tells nothing of any of them.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, get_args

from ibkr_connector.clock import Clock
from ibkr_connector.errors import ConfigurationError
from ibkr_connector.settings.bridge import BridgeSettings, ScopeName, check_token
from ibkr_connector.settings.secrets import too_open

__all__ = ["EVERYTHING", "Caller", "Scope", "TokenBook", "mark_of", "read_tokens"]

_log = logging.getLogger("ibkr_connector.bridge")

_LOOK_S: Final = 1.0
"""How often the file of tokens is looked at, at most."""

_LARGEST: Final = 1_048_576
_DIGEST: Final = "sha256:"


class Scope(StrEnum):
    """What a caller may do. Each of the others brings `read` with it."""

    READ = "read"
    TRADE = "trade"
    ADMIN = "admin"


EVERYTHING: Final = frozenset(Scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who has entered: a name for logs and limits, and what it may do."""

    name: str
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    digest: bytes
    caller: Caller


class TokenBook:
    """
    The tokens of now: the one of the settings and those of the file.

    A file that has become unreadable leaves the tokens in force that it last held, and says so in
    `problem`: who has to cancel an order must not be locked out by a typing error.

    Raises:
        ConfigurationError: The file cannot be read at the start.
    """

    def __init__(self, settings: BridgeSettings, *, clock: Clock) -> None:
        self._clock = clock
        self._path = settings.token_file
        self._fixed: tuple[_Known, ...] = ()
        if settings.token is not None:
            caller = Caller(
                name="token", scopes=_with_read(Scope(s) for s in settings.token_scopes)
            )
            digest = _digest(settings.token.get_secret_value())
            self._fixed = (_Known(digest=digest, caller=caller),)
        self._of_file: tuple[_Known, ...] = ()
        self._mark: object = None
        self._looked_at = clock.monotonic()
        self.problem = ""
        if self._path is not None:
            self._mark = mark_of(self._path)
            self._of_file = read_tokens(self._path)

    @property
    def is_needed(self) -> bool:
        """Whether nobody enters without a token."""
        return self._path is not None or bool(self._fixed)

    def caller_of(self, token: str) -> Caller | None:
        """Return whose token it is; `None` when it is nobody's."""
        self._look_again()
        digest = _digest(token)
        found: Caller | None = None
        for known in (*self._fixed, *self._of_file):
            if hmac.compare_digest(known.digest, digest):
                found = known.caller
        return found

    def _look_again(self) -> None:
        now = self._clock.monotonic()
        if self._path is None or now - self._looked_at < _LOOK_S:
            return
        self._looked_at = now
        mark = mark_of(self._path)
        if mark == self._mark:
            return
        self._mark = mark
        try:
            self._of_file = read_tokens(self._path)
        except ConfigurationError as error:
            self.problem = error.message
            _log.error("the earlier tokens stay in force: %s", error)
        else:
            self.problem = ""
            _log.info("read %d tokens again", len(self._of_file))


def read_tokens(path: Path) -> tuple[_Known, ...]:
    """
    Read a file of tokens: in each line the scopes, the token and, if you like, a name.

        read,trade  q8Zr...43 characters...  desk
        read        sha256:9f86d0...         dashboard

    A token may be there as the SHA-256 of it, so that the file holds no secret. Several tokens may
    have one name: to replace one, add the new one, change the callers, and remove the old one.
    Lines that begin with `#` are remarks.

    Raises:
        ConfigurationError: It cannot be read, holds no token, or a line is none.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1).decode("utf-8-sig", "replace")
    except OSError as error:
        raise ConfigurationError(
            f"the file of tokens {path} cannot be read: {error.strerror or type(error).__name__}",
            hint="create it, and let the user of this program read it: chmod 600",
        ) from error
    known: dict[bytes, _Known] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            one = _of_line(line.split(), number)
        except ValueError as error:
            # the line itself holds a secret, and is not told
            raise ConfigurationError(
                f"line {number} of {path}: {error}",
                hint="write: scopes (read, trade, admin; with commas), the token, a name",
            ) from error
        known[one.digest] = one
    if not known:
        raise ConfigurationError(
            f"the file of tokens {path} holds none", hint="write a line: read,trade TOKEN NAME"
        )
    if problem := too_open(path):
        _log.warning("the file of tokens is open to others: %s", problem)
    return tuple(known.values())


def _of_line(words: list[str], number: int) -> _Known:
    if not 2 <= len(words) <= 3:
        raise ValueError("expected two or three words")
    scopes = words[0].split(",")
    if not scopes or any(scope not in get_args(ScopeName) for scope in scopes):
        raise ValueError("the first word is to be of read, trade and admin, with commas")
    if words[1].startswith(_DIGEST):
        try:
            digest = bytes.fromhex(words[1].removeprefix(_DIGEST))
        except ValueError:
            digest = b""
        if len(digest) != hashlib.sha256().digest_size:
            raise ValueError("sha256: is to be followed by 64 hexadecimal digits")
    else:
        digest = _digest(check_token(words[1]))
    name = words[2] if len(words) > 2 else f"line {number}"
    caller = Caller(name=name, scopes=_with_read(Scope(scope) for scope in scopes))
    return _Known(digest=digest, caller=caller)


def _with_read(scopes: Iterable[Scope]) -> frozenset[Scope]:
    return frozenset({Scope.READ, *scopes})


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def mark_of(path: Path) -> object:
    """Return what tells a file from the one that was there before it."""
    try:
        seen = path.stat()
    except OSError:
        return None
    # a mounted secret is replaced by another file, which need not be newer
    return (seen.st_mtime_ns, seen.st_size, seen.st_ino)
