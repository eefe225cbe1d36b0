"""How much of the gateway's limits is used, and who waits for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .record import Record

__all__ = ["HistoryStatus", "LaneStatus", "LineStatus", "PacingStatus"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneStatus(Record):
    """
    One lane in front of the wire.

    Args:
        queued: How many wait in it.
        oldest_s: How long the one who has waited longest has.
        passed: How many calls have gone through it.
        mean_wait_s: What they waited on average.
        longest_wait_s: What the unluckiest of them waited.
    """

    queued: int = 0
    oldest_s: float = 0.0
    passed: int = 0
    mean_wait_s: float = 0.0
    longest_wait_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryStatus(Record):
    """
    The limits of historical requests.

    Args:
        limit: Requests under the hard rules in ten minutes.
        limit_now: The same, after what the gateway has complained about.
        used: How many of them count now, BID_ASK twice.
        open: Historical requests that wait for their answers.
        open_limit: How many may.
        held_s: How long all history still rests after a complaint.
    """

    limit: int = 60
    limit_now: int = 60
    used: int = 0
    open: int = 0
    open_limit: int = 50
    held_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LineStatus(Record):
    """
    One sort of market data lines.

    Args:
        limit: How many the account has, as far as the settings know.
        limit_now: The same, after the gateway has said that there are fewer.
        used: How many are taken.
    """

    limit: int
    limit_now: int
    used: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PacingStatus(Record):
    """
    A picture of the pacing; taking it never waits.

    Args:
        budget: Messages in any second that may leave.
        budget_now: The same, after what the gateway has complained about.
        used: Messages that left within the last second.
        lanes: Who waits, by lane, the most urgent first.
        history: The limits of historical requests.
        lines: The market data lines, by sort.
        complaints: How often the gateway said that it was asked too often.
        net_alarms: How often ib_async's own throttle was reached, which must never happen.
    """

    budget: int
    budget_now: int
    used: int = 0
    lanes: Mapping[str, LaneStatus] = field(default_factory=dict)
    history: HistoryStatus = HistoryStatus()
    lines: Mapping[str, LineStatus] = field(default_factory=dict)
    complaints: int = 0
    net_alarms: int = 0

    @property
    def queued(self) -> int:
        """How many calls wait for their turn."""
        return sum(lane.queued for lane in self.lanes.values())
