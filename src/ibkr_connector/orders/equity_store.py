"""
The marks that losses are measured against, kept in the state directory.

A restart must not forget what the day began with, so the marks are on disk. A file that cannot be
read makes them unknown, and a rule that needs them then lets nothing be opened.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from ibkr_connector.clock import Clock

from .risk.equity import EquityMarks, observe
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
        self._is_broken = False
        self._read()

    @property
    def is_broken(self) -> bool:
        """Whether the file could not be read, so that no marks are known."""
        return self._is_broken

    def marks(self, account: str) -> EquityMarks | None:
        """Return what is remembered of an account; `None` when nothing is known."""
        return None if self._is_broken else self._marks.get(account)

    def observe(self, account: str, worth: Decimal, limits: RiskLimits) -> None:
        """Take in what an account is worth now."""
        if self._is_broken or not watches_losses(limits):
            return
        now = self._clock.utcnow()
        day = now.astimezone(_DAY).date()
        before = self._marks.get(account)
        after = observe(before, worth, now=now, day=day, limits=limits)
        if after == before:
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

    def reset(self, account: str | None = None) -> None:
        """Forget the marks of one account, or of all: the next worth seen starts them anew."""
        if account is None or self._is_broken:
            self._marks.clear()
            self._is_broken = False
        else:
            self._marks.pop(account, None)
        self._write()

    def _read(self) -> None:
        try:
            read = json.loads(self._path.read_text("utf-8"))
            self._marks = {account: _marks(row) for account, row in read.items()}
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
        rows = {account: _row(marks) for account, marks in self._marks.items()}
        try:
            write_small_file(self._path, json.dumps(rows))
        except OSError as error:
            # the marks are still known here; what is lost is what a restart would know
            _log.warning("cannot write %s: %s", self._path.name, error)


def _row(marks: EquityMarks) -> dict[str, str]:
    until = marks.halted_until
    return {
        "day": marks.day.isoformat(),
        "day_start": str(marks.day_start),
        "peak": str(marks.peak),
        "halted_until": "" if until is None else until.isoformat(),
        "halted_by": marks.halted_by,
    }


def _marks(row: Mapping[str, Any]) -> EquityMarks:
    until = datetime.fromisoformat(row["halted_until"]) if row["halted_until"] else None
    if until is not None and until.tzinfo is None:
        raise ValueError("halted_until has no time zone")
    day_start, peak = Decimal(row["day_start"]), Decimal(row["peak"])
    if not (day_start.is_finite() and peak.is_finite()):
        raise ValueError("a worth is not finite")
    return EquityMarks(
        day=date.fromisoformat(row["day"]),
        day_start=day_start,
        peak=peak,
        halted_until=until,
        halted_by=str(row["halted_by"]),
    )
