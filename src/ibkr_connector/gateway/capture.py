"""
Write down every message of a connection as it passes, for whoever has to understand it later.

The file is lines of JSON, the form that `ibkr sim play` answers clients from (docs: capture):

    {"recording": 1}
    {"connection": 1, "at_s": 0.0, "from": "client", "hello": "v157..178"}
    {"connection": 1, "at_s": 0.004, "from": "gateway", "fields": ["178", "20261118 10:00:00 EST"]}

Owns the form, the masking of what names the user, and the thread that writes: the loop that serves
the socket never waits for a disk, and nothing is left out while it is slow. Refuses to know what a
message means.
"""

from __future__ import annotations

import base64
import json
import logging
import queue
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TextIO

from ibkr_connector.clock import Clock
from ibkr_connector.errors import ConfigurationError, IBKRError

from .frames import Framer

__all__ = ["Capture", "Captured", "Redaction", "Tap"]

_log = logging.getLogger(__name__)

_FORM: Final = 1
_HELLO: Final = b"API\0"
_OPENING: Final = 64
"""Messages of a login that are kept, so that a capture may begin later; farms are a few of them."""

_ACCOUNT_ID: Final = re.compile(r"(?<![A-Za-z0-9])D?[UFI]\d{5,9}(?![A-Za-z0-9])")
"""IB's account ids, live and paper, wherever they stand in a text."""

_ACCOUNTS: Final = "15"
_PRIVATE: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        # user information, and the keys of the old verification: only that they were said is kept
        "gateway": frozenset({"65", "66", "69", "70", "107"}),
        "client": frozenset({"65", "66", "72", "73"}),
    }
)
_KEPT: Final = 2


class Redaction:
    """Puts the same mask of the same length in the place of the same account id, everywhere."""

    def __init__(self) -> None:
        self._masks: dict[str, str] = {}
        self._named: re.Pattern[str] | None = None

    def fields(self, sender: str, fields: list[str]) -> list[str]:
        """Return the fields of a message without what names the user."""
        if sender == "gateway" and fields[0] == _ACCOUNTS:
            self.learn(fields[-1].split(","))
        if fields[0] in _PRIVATE[sender]:
            fields = [*fields[:_KEPT], *[""] * len(fields[_KEPT:])]
        return [self.text(field) for field in fields]

    def text(self, text: str) -> str:
        """Return a text without account ids."""
        if self._named is not None:
            text = self._named.sub(lambda found: self._mask(found[0]), text)
        return _ACCOUNT_ID.sub(lambda found: self._mask(found[0]), text)

    def learn(self, accounts: Iterable[str]) -> None:
        """Mask these ids too, wherever they stand."""
        # ids of a form that nobody has seen yet are known from the login
        for account in filter(None, accounts):
            self._mask(account)
        if self._masks:
            longest_first = sorted(self._masks, key=len, reverse=True)
            words = "|".join(map(re.escape, longest_first))
            self._named = re.compile(rf"(?<![A-Za-z0-9])(?:{words})(?![A-Za-z0-9])")

    def _mask(self, account: str) -> str:
        if account not in self._masks:
            letters = account[: len(account) - len(account.lstrip("DUFI"))]
            number = str(len(self._masks) + 1)
            filling = "X" * (len(account) - len(letters) - len(number))
            mask = f"{letters}{filling}{number}"
            self._masks[account] = mask if len(mask) == len(account) else "X" * len(account)
        return self._masks[account]


@dataclass(frozen=True, slots=True)
class _Said:
    sender: str
    at: float
    payload: bytes | None
    is_hello: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """What one capture holds: its file, and how many messages of how many connections."""

    path: Path
    messages: int
    connections: int


class Tap:
    """One session's end of the capture; it also remembers how the session began."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._opening: list[_Said] = []
        self._is_opening = True
        self._framer = Framer()
        self._greeted = b""

    def sent(self, data: bytes) -> None:
        """Take bytes that go to the gateway, in whole frames or in pieces."""
        if len(self._greeted) < len(_HELLO):
            missing = len(_HELLO) - len(self._greeted)
            self._greeted += data[:missing]
            data = data[missing:]
            for payload in self._framer.feed(data):
                self._note("client", payload, is_hello=True)
            return
        for payload in self._framer.feed(data):
            self._note("client", payload)

    @property
    def hears(self) -> bool:
        """Whether it makes anything of what it is told now."""
        return self._is_opening or self._capture.is_on

    def received(self, payload: bytes) -> None:
        """Take one message of the gateway."""
        if self._is_opening or self._capture.is_on:
            self._note("gateway", payload)

    def ended(self, *, by_us: bool) -> None:
        """The socket is gone."""
        self._note("client" if by_us else "gateway", None)
        self._capture.drop(self)

    def opening(self) -> tuple[_Said, ...]:
        """Return how the session began."""
        return tuple(self._opening)

    def _note(self, sender: str, payload: bytes | None, *, is_hello: bool = False) -> None:
        if not self.hears:
            return
        said = _Said(sender, self._capture.now(), payload, is_hello)
        if self._is_opening:
            self._opening.append(said)
            # the greeting and startApi are ours; what we say after them is no login any more
            asked = sum(one.sender == "client" for one in self._opening)
            self._is_opening = asked <= _KEPT and len(self._opening) < _OPENING
            if asked > _KEPT:
                self._opening.pop()
        self._capture.take(self, said)


class Capture:
    """
    The capture of one connector: off, or writing one file. Lives on one loop.

    Args:
        clock: Whose seconds stand in the file.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._taps: list[Tap] = []
        self._numbers: dict[Tap, int] = {}
        self._writer: _Writer | None = None
        self._began = 0.0
        self._count = 0

    @property
    def is_on(self) -> bool:
        """Whether messages are being written."""
        return self._writer is not None

    def now(self) -> float:
        """Return the clock's seconds."""
        return self._clock.monotonic()

    def tap(self) -> Tap:
        """Return the end that one session writes to."""
        tap = Tap(self)
        self._taps.append(tap)
        return tap

    def start(self, path: Path) -> None:
        """
        Begin to write; sessions that are open appear with their logins.

        Raises:
            ConfigurationError: A capture is under way, or the file exists or cannot be made.
        """
        if self._writer is not None:
            raise ConfigurationError(
                f"a capture to {self._writer.path} is under way", hint="stop it first"
            )
        self._writer = _Writer(path)
        self._numbers, self._count, self._began = {}, 0, self.now()
        for tap in self._taps:
            for said in tap.opening():
                self.take(tap, said)

    def stop(self) -> Callable[[], Captured]:
        """
        Take no more, and return what waits for the disk and tells what was written; it may block.

        Raises:
            ConfigurationError: There is no capture.
        """
        writer, self._writer = self._writer, None
        if writer is None:
            raise ConfigurationError("there is no capture to stop", hint="start one first")
        messages, connections = self._count, len(self._numbers)

        def finish() -> Captured:
            writer.close()
            return Captured(path=writer.path, messages=messages, connections=connections)

        return finish

    def take(self, tap: Tap, said: _Said) -> None:
        """Write one message, or one end."""
        if self._writer is None:
            return
        number = self._numbers.setdefault(tap, len(self._numbers) + 1)
        self._count += said.payload is not None
        self._writer.put(number, max(0.0, said.at - self._began), said)

    def drop(self, tap: Tap) -> None:
        """A session has ended."""
        if tap in self._taps:
            self._taps.remove(tap)


class _Writer:
    """The file and the thread that writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file: TextIO = path.open("x", encoding="utf-8")
            path.chmod(0o600)
        except OSError as exc:
            raise ConfigurationError(
                f"the capture {path} cannot be written: {exc.strerror}", hint="name another file"
            ) from exc
        self._redaction = Redaction()
        self._failure: OSError | None = None
        self._queue: queue.SimpleQueue[tuple[int, float, _Said] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="ibkr-capture", daemon=True)
        self._thread.start()

    def put(self, number: int, at_s: float, said: _Said) -> None:
        """Hand in one message; never waits."""
        # after a failure nobody takes them off again, and a capture may go on for days
        if self._failure is None:
            self._queue.put((number, at_s, said))

    def close(self) -> None:
        """
        Write what was handed in and close the file; blocks.

        Raises:
            IBKRError: Something could not be written.
        """
        self._queue.put(None)
        self._thread.join()
        if self._failure is not None:
            raise IBKRError(
                f"the capture {self.path} is not whole: {self._failure.strerror}"
            ) from self._failure

    def _write(self) -> None:
        try:
            with self._file as file:
                file.write(json.dumps({"recording": _FORM}) + "\n")
                while (item := self._queue.get()) is not None:
                    number, at_s, said = item
                    line = {"connection": number, "at_s": round(at_s, 6), "from": said.sender}
                    file.write(json.dumps({**line, **self._body(said)}) + "\n")
                    if self._queue.empty():
                        file.flush()
        except OSError as exc:
            self._failure = exc
            _log.exception("the capture %s has ended early", self.path)

    def _body(self, said: _Said) -> dict[str, Any]:
        payload = said.payload
        if payload is None:
            return {"end": True}
        if said.is_hello:
            return {"hello": payload.decode("ascii", errors="backslashreplace")}
        try:
            text = payload.decode() if payload.endswith(b"\0") else None
        except UnicodeDecodeError:
            text = None
        if text is None:
            # not text that would come back the same: masked byte by byte, so that it stays as long
            hidden = self._redaction.text(payload.decode("latin-1")).encode("latin-1")
            return {"base64": base64.b64encode(hidden).decode()}
        return {"fields": self._redaction.fields(said.sender, text[:-1].split("\0"))}
