"""
The kill switch: a file that says that nothing may be opened any more, and why.

Owns: what the file means. It outlives the process, and every process with the same state directory
obeys it at its next order, so `ibkr kill` stops a program that it knows nothing of.
A file that is there and cannot be read, or a place that cannot be looked at, means engaged: only
an absent file means released. The setting `kill_switch` engages without a file.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from ibkr_connector.clock import Clock
from ibkr_connector.errors import ConfigurationError, TradingHaltedError
from ibkr_connector.storage.file_lock import FileLock

from .small_file import sync_directory, write_small_file

__all__ = ["NAME", "KillState", "KillSwitch", "OnceATurn"]

NAME: Final = "kill-switch.json"
DONE: Final = "kill-switch-done.json"
TURN: Final = "kill-switch.lock"

FRESH_S: Final = 0.001
"""So old may what was seen of the file be when an order goes to the wire."""

_UNREADABLE: Final = (OSError, ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class KillState:
    """
    An engaged switch.

    `cancel` (our orders), `everyone` (those of all others too) and `flatten` are what was asked
    for with it, at `asked_at`, and `done_at` is when the first program had done it. `cancel_in` and
    `flatten_in` are the accounts to which that is limited, each of the login when empty; that
    nothing is opened holds for all. `key` is different for each time that the switch is engaged.
    """

    reason: str
    at: datetime | None = None
    cancel: bool = False
    flatten: bool = False
    key: str = ""
    done_at: datetime | None = None
    source: str = "file"
    everyone: bool = False
    cancel_in: tuple[str, ...] = ()
    flatten_in: tuple[str, ...] = ()
    asked_at: datetime | None = None

    @property
    def asks(self) -> bool:
        """Whether more was asked for than to stop, and nobody has done it yet."""
        return (self.cancel or self.flatten) and self.done_at is None

    @property
    def sentence(self) -> str:
        """What to tell whoever wanted to trade."""
        since = f" since {self.at:%Y-%m-%d %H:%M:%S} UTC" if self.at is not None else ""
        return f"the kill switch is engaged{since}: {self.reason}"


class KillSwitch:
    """Read and set the switch of one state directory; cheap enough to be asked at each order."""

    writes: ClassVar[int] = 0
    """How often any switch of this process was set: what was seen before then is no news."""

    def __init__(self, directory: Path, *, clock: Clock, by_setting: bool = False) -> None:
        self._path = directory / NAME
        self._name = str(self._path)
        # of its own, so that whoever says that all is done overwrites nothing that was asked since
        self._done_path = directory / DONE
        self._done_name = str(self._done_path)
        self._clock = clock
        self._by_setting = by_setting
        self.turn: Final = FileLock(directory / TURN)
        """Held by the program that closes positions; each would close all of them."""

        self._mark: tuple[int, ...] | None = None
        self._state: KillState | None = None

    def state(self) -> KillState | None:
        """Return the engaged switch, `None` when it is released."""
        state = self._file_state()
        if state is None and self._by_setting:
            return KillState(reason="IBKR_KILL_SWITCH is set", source="setting")
        return state

    def engage(
        self,
        reason: str,
        *,
        cancel: bool = False,
        flatten: bool = False,
        everyone: bool = False,
        accounts: Collection[str] = (),
    ) -> KillState:
        """
        Stop everything that opens a position, in every process, until it is released.

        An engaged switch stays engaged; what is asked for is added to what is not done yet, and
        what is done is not done again.

        Args:
            reason: Why, for whoever wants to trade.
            cancel: Cancel our open orders.
            flatten: Cancel them, and close every position at the market.
            everyone: Cancel the orders of all others too.
            accounts: Cancel and close in these alone; nothing is opened in any other either.

        Raises:
            ConfigurationError: The file could not be written.
        """
        found = self._file_state()
        before = found if found is not None and found.done_at is None else KillState(reason="")
        since = None if found is None else found.at
        cancel = cancel or flatten or everyone
        within = tuple(sorted(accounts))
        # whoever cancels the orders of everybody does not mean those of one account
        asked = () if everyone else within
        state = KillState(
            reason=reason.strip() or "no reason given",
            at=since or self._clock.utcnow(),
            cancel=cancel or before.cancel,
            flatten=flatten or before.flatten,
            everyone=everyone or before.everyone,
            key=secrets.token_hex(6),
            asked_at=self._clock.utcnow() if cancel or flatten else before.asked_at,
            cancel_in=_both(before.cancel_in if before.cancel else None, asked if cancel else None),
            flatten_in=_both(
                before.flatten_in if before.flatten else None,
                within if flatten else None,
            ),
        )
        self._write(NAME, self._engaged(state))
        return state

    def release(self) -> None:
        """
        Let orders go again; harmless when the switch is not engaged.

        Raises:
            TradingHaltedError: A setting engages it: only taking that away releases it.
            ConfigurationError: The file could not be removed.
        """
        try:
            self._path.unlink(missing_ok=True)
            self._done_path.unlink(missing_ok=True)
            if self._path.parent.is_dir():
                sync_directory(self._path.parent)
        except OSError as error:
            raise ConfigurationError(
                f"cannot remove {self._path.name}: {error.strerror or error}",
                hint="the kill switch stays engaged; check the state directory",
            ) from error
        if self._by_setting:
            raise TradingHaltedError(
                "the kill switch is engaged by the setting kill_switch",
                hint="unset IBKR_KILL_SWITCH and start again",
            )

    def note_done(self, state: KillState) -> None:
        """
        Remember that what was asked for with the switch is done; what is asked for since is not.

        Raises:
            ConfigurationError: The file could not be written.
        """
        self._write(DONE, {"key": state.key, "done_at": self._clock.utcnow().isoformat()})

    def _file_state(self) -> KillState | None:
        try:
            found = os.stat(self._name)  # noqa: PTH116  # asked twice by each order: half the price
        except (FileNotFoundError, NotADirectoryError):
            self._mark = None
            return None
        except OSError as error:
            self._mark = None
            return KillState(reason=f"{NAME} cannot be looked at ({error.strerror})")
        mark = (found.st_mtime_ns, found.st_ino, found.st_size, *self._done_mark())
        if mark != self._mark or self._state is None:
            self._state = self._read()
            self._mark = mark
        return self._state

    def _done_mark(self) -> tuple[int, ...]:
        try:
            found = os.stat(self._done_name)  # noqa: PTH116  # as above
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _read(self) -> KillState:
        try:
            state = _state(json.loads(self._path.read_text("utf-8")))
        except _UNREADABLE as error:
            return KillState(reason=f"{NAME} cannot be read ({type(error).__name__})")
        if state.done_at is not None:
            return state  # an earlier version has written it there
        return replace(state, done_at=self._done_at(state.key))

    def _done_at(self, key: str) -> datetime | None:
        """Return when it was done; `None` when it was not, or when that cannot be read."""
        try:
            row = json.loads(self._done_path.read_text("utf-8"))
            return _moment(row["done_at"]) if row["key"] == key else None
        except _UNREADABLE:
            return None

    def _engaged(self, state: KillState) -> dict[str, Any]:
        return {
            "reason": state.reason,
            "at": None if state.at is None else state.at.isoformat(),
            "cancel": state.cancel,
            "flatten": state.flatten,
            "everyone": state.everyone,
            "key": state.key,
            "asked_at": None if state.asked_at is None else state.asked_at.isoformat(),
            "cancel_in": state.cancel_in,
            "flatten_in": state.flatten_in,
        }

    def _write(self, name: str, row: Mapping[str, Any]) -> None:
        try:
            write_small_file(self._path.with_name(name), json.dumps(row, indent=2) + "\n")
        except OSError as error:
            said = "the kill switch is NOT engaged by this call; stop the program instead"
            raise ConfigurationError(
                f"cannot write {name}: {error.strerror or error}",
                hint=said if name == NAME else None,
            ) from error
        self._mark = None
        KillSwitch.writes += 1


class OnceATurn:
    """
    A look that is shared by orders that come together, in one turn of the loop.

    To look at a file gives the interpreter away to other threads, which costs hundreds of orders
    that come together more than their rules do. What is shared is only that the switch is released,
    and until the turn ends: who engages it and then calls the desk is judged by a later look, since
    a call that comes from elsewhere begins in a turn of its own. Before the wire what was seen a
    millisecond ago does not count any more, nor what was seen before this process set the switch.
    """

    def __init__(self, look: Callable[[], KillState | None]) -> None:
        self._look = look
        self._is_released = False
        self._seen_at = 0.0
        self._writes = -1

    def state(self) -> KillState | None:
        """Return the engaged switch, `None` when it was released in this turn; on a loop only."""
        return None if self._is_released else self._looked()

    def state_of_now(self) -> KillState | None:
        """Do as `state`, but trust a look for `FRESH_S` only."""
        # of the machine's time and not the clock's: it is the file that may have changed
        is_fresh = time.perf_counter() - self._seen_at < FRESH_S
        if self._is_released and is_fresh and self._writes == KillSwitch.writes:
            return None
        return self._looked()

    def _looked(self) -> KillState | None:
        self._seen_at, self._writes = time.perf_counter(), KillSwitch.writes
        state = self._look()
        was_released, self._is_released = self._is_released, state is None
        if self._is_released and not was_released:
            asyncio.get_running_loop().call_soon(self._forget)
        return state

    def _forget(self) -> None:
        self._is_released = False


def _state(row: Any) -> KillState:
    everyone = row.get("everyone", False)  # files of earlier versions do not say
    for name, flag in (
        ("cancel", row["cancel"]),
        ("flatten", row["flatten"]),
        ("everyone", everyone),
    ):
        if not isinstance(flag, bool):
            raise ValueError(f"{name} is no flag")
    return KillState(
        reason=str(row["reason"]),
        at=_moment(row["at"]),
        cancel=row["cancel"],
        flatten=row["flatten"],
        everyone=everyone,
        key=str(row["key"]),
        done_at=_moment(row.get("done_at")),
        cancel_in=_names(row.get("cancel_in", [])),
        flatten_in=_names(row.get("flatten_in", [])),
        asked_at=_moment(row.get("asked_at")),
    )


def _both(before: tuple[str, ...] | None, asked: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the accounts of two askings, `None` for none of them; empty is every account."""
    if before is None or asked is None:
        return before or asked or ()
    return tuple(sorted({*before, *asked})) if before and asked else ()


def _names(row: Any) -> tuple[str, ...]:
    if not isinstance(row, list) or not all(isinstance(one, str) for one in row):
        raise ValueError("accounts are no list of names")
    return tuple(row)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("a time has no zone")
    return time
