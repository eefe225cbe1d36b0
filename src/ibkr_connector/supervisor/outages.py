"""
How loud a lost connection is: planned or not, how long already, and whether somebody must act.

A gateway that restarts every night must not wake anybody, one that does not come back must. So a
loss is told once when nobody planned it, quietly when somebody did, and once more when it lasts
longer than it may. Pure: the moments are arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ibkr_connector.model.outages import OutageWindow, window_at

from .states import SupervisorEvent

__all__ = ["Loudness", "Outages", "Planned"]


class Loudness(StrEnum):
    """How much a change of the connection is to be heard."""

    QUIET = "quiet"
    """For the log of whoever looks: expected, or told already."""

    ALERT = "alert"
    """The connection is lost and nobody planned it, or somebody must log in."""

    ESCALATION = "escalation"
    """It lasts longer than it may: said once for each outage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The planned outage in which a moment lies: its window as it was written, and its end."""

    window: str
    until: datetime


class Outages:
    """
    Follows one connection's outages.

    Args:
        windows: The planned ones.
        escalate_s: How long an outage may last, a planned one counted from the window's end.
    """

    def __init__(self, windows: Sequence[OutageWindow] = (), *, escalate_s: float = 900.0) -> None:
        self._windows = tuple(windows)
        self._escalate = timedelta(seconds=escalate_s)
        self._since: datetime | None = None
        self._due: datetime | None = None
        self._told: set[SupervisorEvent] = set()
        self._is_planned = False
        self.is_escalated = False

    @property
    def since(self) -> datetime | None:
        """When the outage began; `None` while all is well."""
        return self._since

    def planned(self, now: datetime) -> Planned | None:
        """Return the planned outage in which a moment lies."""
        found = window_at(self._windows, now)
        return None if found is None else Planned(window=found[0].text, until=found[1])

    def over(self) -> None:
        """All is well again."""
        self._since = self._due = None
        self._told.clear()
        self._is_planned = self.is_escalated = False

    def heard(self, event: SupervisorEvent, now: datetime) -> Loudness:
        """Take one loss, and return how loud it is."""
        planned = self.planned(now)
        if self._since is None:
            self._since = now
        if planned is not None:
            # what goes on when the window is over was planned until then
            self._is_planned = True
            self._due = planned.until + self._escalate
        due = self._due = self._due or now + self._escalate
        if now >= due and not self.is_escalated:
            self.is_escalated = True
            return Loudness.ESCALATION
        if event is not SupervisorEvent.LOGIN and (planned is not None or self._is_planned):
            return Loudness.QUIET
        if event in self._told:
            return Loudness.QUIET
        self._told.add(event)
        return Loudness.ALERT
