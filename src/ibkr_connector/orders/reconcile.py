"""
What follows when the broker was asked about everything, and an order of ours was in no list.

The broker is asked for its open orders, its completed orders and its executions, in this order: an
order moves only forward through these lists, so one that exists cannot slip between the questions.
What is found is adopted. The hard case is what is *not* found, because absence is weak evidence:

- The bytes may still wait in a socket that the gateway has not read to its end. While the session
  that sent them lives, a dialog or a stall can hold the order back for minutes. So nothing is
  concluded within the session that sent it. A later session **under the same client id** is proof
  that the gateway has dropped the old socket: it lets one connection per id in (326 otherwise).
- A gateway that has just started loads its orders after it accepts clients. So one miss proves
  nothing: the same session is asked again after a grace period, and the order must be missing
  both times.
- The lists of closed orders and of executions go back to midnight only. So an order that was
  intended before the last midnight is never concluded to be absent: it may have been filled
  yesterday. As the gateway's time zone is not told, midnight is the latest of New York's, UTC's and
  this machine's.
- Another login knows nothing of the orders of this one. So an order is never concluded to be absent
  by a login that does not have its account.
- A list that failed, or a session that ended between the questions, makes the answer incomplete,
  and an incomplete answer concludes nothing.
- An order of which the broker has ever spoken (any status, fill or permanent id) did exist. When it
  is missing twice it has not failed to be placed: its end is unknown, and it becomes uncertain.

Only an order that passes all of this is called `rejected: not placed`. One of which provably
nothing was handed to the socket needs none of it. If the broker shows such an order later after
all, it is revived, counted as an anomaly and reported.

*limit*: whether TWS keeps an order that waits in a dialog after its client has gone is not known.
What would change our mind: a broker that confirms by reference, or a gateway that tells its zone.

Pure: it is told what was seen and when; the desk asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo

from ibkr_connector.model.ids import ClientId
from ibkr_connector.model.orders import SendDisposition
from ibkr_connector.model.record import Record

from .entry import OrderEntry
from .states import State

__all__ = ["Miss", "Picture", "Reconciliation", "Verdict", "judge", "memory_starts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """
    A complete answer of the broker.

    `mark` is the ledger's moment before the first question, `listed` the keys in its open list;
    `session` counts the sessions of this process, `at_s` is the clock's monotonic time of the end;
    `accounts` are the login's, none when they are not known.
    """

    session: int
    client_id: ClientId
    mark: int
    at_s: float
    now: datetime
    listed: frozenset[str]
    accounts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """When an order was first in no list, and in which session."""

    session: int
    at_s: float


class Verdict(StrEnum):
    """What is to be done about an order that is in no list."""

    NOT_PLACED = "not_placed"
    VANISHED = "vanished"
    ASK_AGAIN = "ask_again"
    """Missing for the first time, or too soon after it."""

    UNPROVEN = "unproven"
    """Missing, and this session can never prove it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation(Record):
    """
    What one comparison with the broker led to; orders are named by their references.

    `adopted` were uncertain and are known now, `closed` ended while nobody was listening,
    `not_placed` never reached the broker, `uncertain` still are. `pending` are asked about again
    in the background. `recovered_fills` counts fills nobody had heard of, `foreign` open orders of
    others.
    """

    started: datetime
    finished: datetime
    adopted: tuple[str, ...]
    closed: tuple[str, ...]
    not_placed: tuple[str, ...]
    uncertain: tuple[str, ...]
    pending: tuple[str, ...]
    recovered_fills: int
    foreign: int


def judge(
    entry: OrderEntry,
    *,
    picture: Picture,
    first_miss: Miss | None,
    sent_in: int | None,
    grace_s: float,
) -> Verdict:
    """
    Say what follows for an open order that is in no list of the picture.

    `sent_in` is the session that sent it, `None` for one of an earlier process.
    """
    # it has no state in which it waits for its bytes: those are in flight, and not judged
    if entry.disposition is SendDisposition.UNSENT and not entry.seen:
        return Verdict.NOT_PLACED
    twice = (
        first_miss is not None
        and first_miss.session == picture.session
        and picture.at_s - first_miss.at_s >= grace_s
    )
    if entry.seen:
        return Verdict.VANISHED if twice else Verdict.ASK_AGAIN
    provable = (
        sent_in != picture.session
        # an exercise bears no reference, so the list of closed orders does not name it
        and entry.terms.exercise is None
        and entry.client_id == picture.client_id
        and _is_of(entry, picture.accounts)
        and entry.created >= memory_starts(picture.now)
    )
    if not provable:
        return Verdict.UNPROVEN
    return Verdict.NOT_PLACED if twice else Verdict.ASK_AGAIN


def _is_of(entry: OrderEntry, accounts: frozenset[str]) -> bool:
    """Whether an order is of this login, as far as is known; one that is divided names nobody."""
    return not accounts or entry.account in accounts or not entry.account


def memory_starts(now: datetime, *, zones: tuple[tzinfo | None, ...] | None = None) -> datetime:
    """Return the moment from which on the broker's lists are sure to reach back to us."""
    chosen = (ZoneInfo("America/New_York"), UTC, None) if zones is None else zones
    midnights = (
        now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0) for zone in chosen
    )
    return max(midnights).astimezone(UTC)


def is_judged(entry: OrderEntry) -> bool:
    """Whether an order that is in no list calls for a verdict; one in flight does not."""
    return entry.is_open and entry.state not in (State.INTENDED, State.SENT)
