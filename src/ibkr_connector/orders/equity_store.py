"""
The marks that losses are measured against, kept in the state directory.

A restart must not forget what the day began with, so the marks are on disk. A file that cannot be
read makes them unknown, and a rule that needs them then lets nothing be opened.
Programs of one directory share the file: what one of them was told, as of money that was paid in,
the others take over (`refresh`), and nobody writes over what he has not read.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from ibkr_connector.clock import Clock
from ibkr_connector.observe.logs import mask_accounts

from .risk.equity import EquityMarks, adjust, observe
from .risk.limits import RiskLimits
from .risk.losses import watches_losses
from .small_file import write_small_file

__all__ = ["EquityStore"]

_log = logging.getLogger("ibkr_connector.orders")

NAME: Final = "risk-state.json"

# the day of the account's statements; *limit*: accounts of other regions have another
_DAY: Final = ZoneInfo("America/New_York")


class EquityStore:
    """Remember the marks of each account; all calls on one loop."""

    def __init__(self, directory: Path, *, clock: Clock) -> None:
        self._path = directory / NAME
        self._clock = clock
        self._marks: dict[str, EquityMarks] = {}
        self._told: tuple[str, ...] = ()
        self._settled: dict[str, _Settled] = {}
        self._is_broken = False
        self._seen: tuple[int, ...] | None = None
        self.keeps_always = False
        """Whether marks are kept although no loss limit needs them."""
        self._read()

    @property
    def is_broken(self) -> bool:
        """Whether the file could not be read, so that no marks are known."""
        return self._is_broken

    def marks(self, account: str) -> EquityMarks | None:
        """Return what is remembered of an account; `None` when nothing is known."""
        return None if self._is_broken else self._marks.get(account)

    @property
    def halts(self) -> tuple[str, ...]:
        """Say of each account that only closing orders go, and why; safe from any thread."""
        now = self._clock.utcnow()
        marks = tuple(self._marks.items())
        said = [(account, row.halt(now)) for account, row in marks]
        return tuple(f"account {mask_accounts(who)}: {why}" for who, why in said if why)

    def observe(self, account: str, worth: Decimal, limits: RiskLimits) -> None:
        """Take in what an account is worth now."""
        known, now = self._marks.get(account), self._clock.utcnow()
        settled = self._settled.get(account)
        if settled is not None and settled.says(known, worth, limits, now=now):
            return
        # limits that were taken off must be seen to be reached no more
        is_of_use = (
            self.keeps_always or watches_losses(limits) or (known is not None and known.is_reached)
        )
        if self._is_broken or not is_of_use:
            return
        if self.refresh():
            known = self._marks.get(account)
        if self._is_broken:
            return
        day = now.astimezone(_DAY).date()
        before = known
        after = observe(before, worth, now=now, day=day, limits=limits)
        if after == before and before is not None:
            if not before.is_reached:  # otherwise the cooldown begins anew with each look
                ends = datetime.combine(day + timedelta(days=1), time(), tzinfo=_DAY)
                self._settled[account] = _Settled(
                    before, worth, limits, since=now, until=ends.astimezone(UTC)
                )
            return
        self._marks[account] = after
        stopped = before is None or before.halted_until is None or before.halted_until < now
        if after.halted_until is not None and stopped and after.halted_until >= now:
            _log.warning(
                "a loss limit is reached (%s): only closing orders go until %s UTC at the earliest",
                after.halted_by,
                f"{after.halted_until:%Y-%m-%d %H:%M:%S}",
            )
        self._write()

    def adjust(
        self,
        account: str,
        amount: Decimal,
        *,
        arrived: datetime,
        worth: Decimal,
        limits: RiskLimits,
        key: str = "",
    ) -> EquityMarks | None:
        """
        Take in that money was paid in, or out when it is negative; the same key counts once.

        Returns:
            The marks from now on; `None` when nothing is remembered that could be wrong.
        """
        self.refresh()
        before = self.marks(account)
        if before is None or (key and key in self._told):
            return before
        after = adjust(before, amount, arrived=arrived, worth=worth, limits=limits)
        self._marks[account] = after
        if key:
            self._told = (*self._told[1 - _KEYS :], key)
        _log.warning(
            "%s was paid %s: the day began with %s, the highest was %s",
            abs(amount),
            "in" if amount > 0 else "out",
            after.day_start,
            after.peak,
        )
        self._write()
        return after

    def reset(self, account: str | None = None) -> None:
        """Forget the marks of one account, or of all: the next worth seen starts them anew."""
        if account is None or self._is_broken:
            self._marks.clear()
            self._is_broken = False
        else:
            self._marks.pop(account, None)
        self._write()

    def refresh(self) -> bool:
        """Take over what another program has written since; tell whether there was anything."""
        seen = self._look()
        if seen is None or seen == self._seen:
            return False
        self._read()
        return True

    def _look(self) -> tuple[int, ...] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _read(self) -> None:
        # before it is read: what is written meanwhile is looked at again
        self._seen = self._look()
        try:
            read = json.loads(self._path.read_text("utf-8"))
            self._told = tuple(map(str, read.pop(_TOLD, ())))
            self._marks = {account: _marks(row) for account, row in read.items()}
            self._is_broken = False
        except FileNotFoundError:
            return
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            InvalidOperation,
        ) as error:
            self._is_broken = True
            _log.error(
                "cannot read %s (%s): loss limits let nothing be opened until it is repaired or "
                "removed",
                self._path.name,
                error,
            )

    def _write(self) -> None:
        rows: dict[str, Any] = {account: _row(marks) for account, marks in self._marks.items()}
        if self._told:
            rows[_TOLD] = self._told
        try:
            write_small_file(self._path, json.dumps(rows))
            self._seen = self._look()
        except OSError as error:
            # the marks are still known here; what is lost is what a restart would know
            _log.warning("cannot write %s: %s", self._path.name, error)


class _Settled(NamedTuple):
    """What was looked at last and changed nothing: on the same day it changes nothing again."""

    marks: EquityMarks
    worth: Decimal
    limits: RiskLimits
    since: datetime
    until: datetime

    def says(
        self, marks: EquityMarks | None, worth: Decimal, limits: RiskLimits, *, now: datetime
    ) -> bool:
        return (
            marks is self.marks
            and limits is self.limits
            and worth == self.worth
            and self.since <= now < self.until
        )


_TOLD: Final = "paid in and out"
_KEYS: Final = 100


def _row(marks: EquityMarks) -> dict[str, str]:
    until = marks.halted_until
    return {
        "day": marks.day.isoformat(),
        "day_start": str(marks.day_start),
        "peak": str(marks.peak),
        "halted_until": "" if until is None else until.isoformat(),
        "halted_by": marks.halted_by,
        "began": "" if marks.began is None else marks.began.isoformat(),
        "is_reached": "yes" if marks.is_reached else "",
        "day_peak": "" if marks.day_peak is None else str(marks.day_peak),
    }


def _marks(row: Mapping[str, Any]) -> EquityMarks:
    # files of earlier versions do not say when the day began, nor the peak before it
    until, began = _time(row["halted_until"]), _time(row.get("began", ""))
    day_start, peak = Decimal(row["day_start"]), Decimal(row["peak"])
    day_peak = Decimal(row["day_peak"]) if row.get("day_peak") else None
    if not all(worth.is_finite() for worth in (day_start, peak, day_peak or peak)):
        raise ValueError("a worth is not finite")
    return EquityMarks(
        day=date.fromisoformat(row["day"]),
        day_start=day_start,
        peak=peak,
        halted_until=until,
        halted_by=str(row["halted_by"]),
        began=began,
        is_reached=bool(row.get("is_reached", "")),
        day_peak=day_peak,
    )


def _time(text: str) -> datetime | None:
    time = datetime.fromisoformat(text) if text else None
    if time is not None and time.tzinfo is None:
        raise ValueError("a time has no zone")
    return time
