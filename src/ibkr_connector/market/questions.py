"""
How a question about the past is put: under which limits, and what makes two of them the same.

Two questions are the same when they are the same on the wire: one instant is one instant, in
whatever zone it was written.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ibkr_connector.clock import Clock
from ibkr_connector.errors import HistoricalDataError
from ibkr_connector.gateway.times import date_text
from ibkr_connector.model.contracts import Contract
from ibkr_connector.resilience.operation import HistoryKey

from .spans import SMALL_BAR_SIZES, check_what_to_show, default_what_to_show

__all__ = ["aware", "bars_key", "counted", "instant", "show_of", "until_now"]


def until_now(clock: Clock, end: datetime | None) -> datetime:
    """Return the end of a span of the past: now at the latest."""
    now = clock.utcnow()
    return now if end is None else min(aware(end), now)


def aware(time: datetime) -> datetime:
    """
    Return a time in UTC.

    Raises:
        HistoricalDataError: It names no zone, or is a day and no time.
    """
    given: Any = time
    if not isinstance(given, datetime):
        raise HistoricalDataError(
            f"{given!r} is no time", hint="use an aware datetime, as in datetime(..., tzinfo=UTC)"
        )
    if time.tzinfo is None:
        raise HistoricalDataError(
            f"{time!r} names no zone", hint="use an aware datetime, as in datetime(..., tzinfo=UTC)"
        )
    return time.astimezone(UTC)


def instant(time: datetime | None) -> str:
    """Return what tells a moment from every other on the wire, which knows no zones."""
    return "now" if time is None else date_text(aware(time))


def show_of(what_to_show: str | None, contract: Contract) -> str:
    """Return what a series is made of: what was said, or what its asset class has."""
    if what_to_show is None:
        return default_what_to_show(contract.security_type)
    return check_what_to_show(what_to_show)


def counted(contract: Contract, show: str, *said: object, small: bool) -> HistoryKey:
    """Return what a question counts under; `said` is all that makes it another one."""
    # a combination has no number: it is what its legs are
    who = f"{contract.identity}/{contract.exchange}"
    return HistoryKey(
        contract_key=f"{who}/{show}",
        identical_key="/".join(map(str, (who, show, *said))),
        weight=2 if show == "BID_ASK" else 1,
        small_bars=small,
    )


def bars_key(  # all of it makes a request another one
    contract: Contract,
    *,
    bar_size: str,
    duration: str,
    what_to_show: str,
    end: datetime | None,
    regular_hours_only: bool,
) -> HistoryKey:
    """Return what a request for bars counts under among the limits of history."""
    return counted(
        contract,
        what_to_show,
        bar_size,
        duration,
        instant(end),
        regular_hours_only,
        small=bar_size in SMALL_BAR_SIZES,
    )
