"""
Where an order can be, what can happen to it, and what follows: one table.

Owns: which steps are legal, and the word that users see for each state.
Refuses to know: how many units are filled (the ledger), which of IB's words means which event
(`words.py`), and when to ask or to give up (the desk).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from ibkr_connector.model.orders import OrderStatus

__all__ = [
    "AWAITING",
    "CLOSED",
    "EVIDENCE",
    "LIVE",
    "TRANSITIONS",
    "Event",
    "InvalidTransitionError",
    "State",
    "advance",
    "as_mermaid",
    "status_of",
]


class State(StrEnum):
    """Where an order is."""

    INTENDED = "intended"
    """On disk; nothing was handed to the socket yet, or nobody lived to tell."""

    SENT = "sent"
    """The bytes have left; no answer yet."""

    UNCERTAIN = "uncertain"
    """No evidence in time, or the link broke first, or the broker stopped listing it."""

    ACCEPTED = "accepted"
    """The broker holds it, not yet working at its destination."""

    WORKING = "working"
    """Working at its destination."""

    SUSPENDED = "suspended"
    """Inactive at the broker: held, or on its way to a rejection. Can still fill."""

    CANCELLING = "cancelling"
    """A cancellation is under way. Can still fill."""

    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


class Event(StrEnum):
    """What happened."""

    SEND = "send"
    """Our bytes left the process."""

    NOT_SENT = "not_sent"
    """Provably nothing was handed to the socket."""

    LOSE = "lose"
    """The wait for evidence ended: deadline, lost link, or a process that died meanwhile."""

    ACCEPT = "accept"
    WORK = "work"
    SUSPEND = "suspend"
    ASK_CANCEL = "ask_cancel"
    """We asked for cancellation."""

    PEND_CANCEL = "pend_cancel"
    """The broker says that a cancellation is under way."""

    CANCEL = "cancel"
    REJECT = "reject"
    FILL_PART = "fill_part"
    FILL_ALL = "fill_all"
    UNFILL = "unfill"
    """A correction or a bust took back part of a complete fill."""

    NOT_PLACED = "not_placed"
    """The broker was asked as `reconcile.py` demands, and has never had it."""

    VANISH = "vanish"
    """The broker had it, no longer lists it, and does not say how it ended."""

    REVIVE = "revive"
    """The broker's own list shows as alive what we held to be closed."""


S = State
E = Event

TRANSITIONS: Final[Mapping[State, Mapping[Event, State]]] = MappingProxyType(
    {
        S.INTENDED: {
            E.SEND: S.SENT,
            E.NOT_SENT: S.REJECTED,
            E.LOSE: S.UNCERTAIN,
            E.ACCEPT: S.ACCEPTED,  # the answer outran the return of our send call
            E.WORK: S.WORKING,
            E.SUSPEND: S.SUSPENDED,
            E.ASK_CANCEL: S.INTENDED,
            E.PEND_CANCEL: S.CANCELLING,
            E.CANCEL: S.CANCELLED,
            E.REJECT: S.REJECTED,
            E.FILL_PART: S.WORKING,
            E.FILL_ALL: S.FILLED,
        },
        S.SENT: {
            E.LOSE: S.UNCERTAIN,
            E.ACCEPT: S.ACCEPTED,
            E.WORK: S.WORKING,
            E.SUSPEND: S.SUSPENDED,
            E.ASK_CANCEL: S.SENT,  # asking is no evidence that there is something to cancel
            E.PEND_CANCEL: S.CANCELLING,
            E.CANCEL: S.CANCELLED,
            E.REJECT: S.REJECTED,
            E.FILL_PART: S.WORKING,  # executions may come before the first openOrder
            E.FILL_ALL: S.FILLED,
        },
        S.UNCERTAIN: {
            E.SEND: S.UNCERTAIN,  # the send call returned after we had given up waiting
            E.NOT_SENT: S.REJECTED,
            E.LOSE: S.UNCERTAIN,
            E.ACCEPT: S.ACCEPTED,
            E.WORK: S.WORKING,
            E.SUSPEND: S.SUSPENDED,
            E.ASK_CANCEL: S.UNCERTAIN,
            E.PEND_CANCEL: S.CANCELLING,
            E.CANCEL: S.CANCELLED,
            E.REJECT: S.REJECTED,
            E.FILL_PART: S.WORKING,
            E.FILL_ALL: S.FILLED,
            E.NOT_PLACED: S.REJECTED,  # the only way to a verdict without a word from the broker
            E.VANISH: S.UNCERTAIN,
        },
        S.ACCEPTED: {
            E.SEND: S.ACCEPTED,
            E.ACCEPT: S.ACCEPTED,
            E.WORK: S.WORKING,
            E.SUSPEND: S.SUSPENDED,
            E.ASK_CANCEL: S.CANCELLING,
            E.PEND_CANCEL: S.CANCELLING,
            E.CANCEL: S.CANCELLED,
            E.REJECT: S.REJECTED,
            E.FILL_PART: S.WORKING,
            E.FILL_ALL: S.FILLED,
            E.VANISH: S.UNCERTAIN,
        },
        S.WORKING: {
            E.SEND: S.WORKING,
            E.ACCEPT: S.ACCEPTED,  # modified, or the trading session changed
            E.WORK: S.WORKING,
            E.SUSPEND: S.SUSPENDED,
            E.ASK_CANCEL: S.CANCELLING,
            E.PEND_CANCEL: S.CANCELLING,
            E.CANCEL: S.CANCELLED,
            E.REJECT: S.REJECTED,
            E.FILL_PART: S.WORKING,  # how much is filled is the ledger's business
            E.FILL_ALL: S.FILLED,
            E.VANISH: S.UNCERTAIN,
        },
        S.SUSPENDED: {
            E.SEND: S.SUSPENDED,
            E.ACCEPT: S.ACCEPTED,  # shares to short were found, or the margin was
            E.WORK: S.WORKING,
            E.SUSPEND: S.SUSPENDED,
            E.ASK_CANCEL: S.CANCELLING,
            E.PEND_CANCEL: S.CANCELLING,
            E.CANCEL: S.CANCELLED,
            E.REJECT: S.REJECTED,
            E.FILL_PART: S.WORKING,
            E.FILL_ALL: S.FILLED,
            E.VANISH: S.UNCERTAIN,
        },
        S.CANCELLING: {
            E.SEND: S.CANCELLING,
            E.ACCEPT: S.ACCEPTED,  # the cancel was refused, or has not reached the broker yet
            E.WORK: S.WORKING,
            E.SUSPEND: S.SUSPENDED,
            E.ASK_CANCEL: S.CANCELLING,
            E.PEND_CANCEL: S.CANCELLING,
            E.CANCEL: S.CANCELLED,
            E.REJECT: S.REJECTED,
            E.FILL_PART: S.CANCELLING,
            E.FILL_ALL: S.FILLED,  # the fill was faster
            E.VANISH: S.UNCERTAIN,
        },
        S.FILLED: {
            E.SEND: S.FILLED,
            E.FILL_PART: S.FILLED,  # "Filled" came first, its executions follow one by one
            E.FILL_ALL: S.FILLED,
            E.UNFILL: S.WORKING,
        },
        S.CANCELLED: {
            E.SEND: S.CANCELLED,
            E.CANCEL: S.CANCELLED,
            E.REJECT: S.REJECTED,  # the code that says why came after the word Cancelled
            E.FILL_PART: S.CANCELLED,  # late fill: it happened before the cancellation did
            E.FILL_ALL: S.FILLED,
            E.REVIVE: S.WORKING,
        },
        S.REJECTED: {
            E.SEND: S.REJECTED,
            E.SUSPEND: S.REJECTED,  # Inactive comes before or after its code 201
            E.CANCEL: S.REJECTED,  # completed orders call a rejected order Cancelled
            E.REJECT: S.REJECTED,
            E.FILL_PART: S.WORKING,  # it was placed after all
            E.FILL_ALL: S.FILLED,
            E.REVIVE: S.WORKING,
        },
    }
)
"""Every legal step; a pair that is not here is reported, counted, and changes nothing."""

CLOSED: Final = frozenset({S.FILLED, S.CANCELLED, S.REJECTED})
"""Nothing more is expected; only late fills, revivals and corrections lead out."""

AWAITING: Final = frozenset({S.INTENDED, S.SENT, S.UNCERTAIN})
"""No evidence that the broker has it now."""

LIVE: Final = frozenset({S.ACCEPTED, S.WORKING, S.SUSPENDED, S.CANCELLING})
"""At the broker, and can still fill."""

EVIDENCE: Final = frozenset(
    {
        E.ACCEPT,
        E.WORK,
        E.SUSPEND,
        E.PEND_CANCEL,
        E.CANCEL,
        E.FILL_PART,
        E.FILL_ALL,
        E.UNFILL,
        E.REVIVE,
    }
)
"""Events that prove that the broker has, or had, the order."""


class InvalidTransitionError(Exception):
    """An event that cannot happen to an order in that state; nothing was changed."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"an order that is {state} cannot {event}")
        self.state = state
        self.event = event


def advance(state: State, event: Event) -> State:
    """
    Return the state that follows.

    Raises:
        InvalidTransitionError: The table has no such row.
    """
    target = TRANSITIONS[state].get(event)
    if target is None:
        raise InvalidTransitionError(state, event)
    return target


_STATUS: Final[Mapping[State, OrderStatus]] = {
    S.INTENDED: OrderStatus.PENDING,
    S.SENT: OrderStatus.PENDING,
    S.UNCERTAIN: OrderStatus.UNCERTAIN,
    S.ACCEPTED: OrderStatus.SUBMITTED,
    S.WORKING: OrderStatus.SUBMITTED,
    S.SUSPENDED: OrderStatus.SUBMITTED,
    S.CANCELLING: OrderStatus.SUBMITTED,
    S.FILLED: OrderStatus.FILLED,
    S.CANCELLED: OrderStatus.CANCELLED,
    S.REJECTED: OrderStatus.REJECTED,
}


def status_of(state: State, *, partly_filled: bool) -> OrderStatus:
    """Return the word for users; a live order with a fill is partially filled."""
    if partly_filled and state in LIVE:
        return OrderStatus.PARTIALLY_FILLED
    return _STATUS[state]


def as_mermaid() -> str:
    """Draw the table as a Mermaid state diagram; steps that stay in place are left out."""
    lines = ["stateDiagram-v2", f"    [*] --> {S.INTENDED}"]
    for state, exits in TRANSITIONS.items():
        arrows: dict[State, list[str]] = {}
        for event, target in exits.items():
            if target is not state:
                arrows.setdefault(target, []).append(event.value)
        lines += [
            f"    {state} --> {target}: {', '.join(events)}" for target, events in arrows.items()
        ]
    lines += [f"    {state} --> [*]" for state in State if state in CLOSED]
    return "\n".join(lines) + "\n"
