"""
What can happen to orders, as values: what a trader does, and what the world does to him.

A list of them is a story. Hypothesis makes stories up (`STORIES`), and one that found a fault is
kept as it was printed: every step reads as the call that makes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

from hypothesis import strategies as st

from ibkr_connector.orders.waiting import Wait
from ibkr_connector.simulator import (
    Answer,
    CancelRace,
    Cut,
    CutAfter,
    Drop,
    Duplicate,
    Fault,
    HalfOpen,
    Hold,
    IgnoreRequest,
    Manner,
    MissingEnd,
    Refuse,
    Reject,
    RejectionManner,
    Reorder,
    Split,
    Stall,
    Truncate,
    Warn,
)
from kit.order_kinds import KINDS

__all__ = [
    "DEADLY_STORIES",
    "STORIES",
    "Again",
    "Bracket",
    "ByHand",
    "Cancel",
    "CancelAll",
    "Exercise",
    "Flatten",
    "Foreign",
    "Forget",
    "Happens",
    "Jump",
    "Killed",
    "Lines",
    "Market",
    "Modify",
    "NewGateway",
    "NewProcess",
    "Notice",
    "Pause",
    "Place",
    "Revise",
    "Says",
    "Settle",
    "Step",
    "Storm",
    "TraderStep",
    "Volley",
    "WorldStep",
    "weighted",
]

# --- what a trader does ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    Place an order under a key of its own.

    `wait` is for what the call waits and `patience_s` for how long; `leaves_after` are the turns of
    the loop after which the caller is cancelled. One that is `previewed` goes by its token, and
    not at all when there is none; `preview_s` is for how long that is waited.
    """

    kind: str
    buy: bool = True
    quantity: int = 5
    previewed: bool = False
    preview_s: float | None = None
    wait: Wait = "submitted"
    patience_s: float | None = None
    leaves_after: int | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """Place what was placed before once more, under the same key."""

    which: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bracket:
    """Place a bracket whose entry trades at once, or rests."""

    rests: bool = True
    buy: bool = True
    quantity: int = 5
    leaves_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """Exercise options, whether or not any are held, or let them lapse."""

    quantity: int = 1
    lapse: bool = False
    wait: Wait = "submitted"
    leaves_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Modify:
    """Change the size of an order, and its price if it has one."""

    which: int
    quantity: int = 7
    price: str | None = None
    leaves_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Cancel an order, whatever became of it."""

    which: int
    patience_s: float | None = None
    leaves_after: int | None = None


@dataclass(frozen=True, slots=True)
class Settle:
    """Say that an order is over, whatever became of it; of exercises nobody could tell."""

    which: int


@dataclass(frozen=True, slots=True)
class CancelAll:
    """Cancel everything."""


@dataclass(frozen=True, slots=True)
class Volley:
    """Place so many orders at once, and cancel every other one in the same breath."""

    count: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for so many seconds of the trader's clock."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Flatten:
    """Cancel everything and close every position at the market."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Let every order leave memory to which nothing can happen any more."""


TraderStep = (
    Place
    | Again
    | Bracket
    | Exercise
    | Modify
    | Cancel
    | Settle
    | CancelAll
    | Volley
    | Pause
    | Flatten
    | Forget
)


# --- what the world does --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Happens:
    """Arm a fault of the simulator."""

    fault: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Cut every line, now."""

    reset: bool = False


@dataclass(frozen=True, slots=True)
class Storm:
    """Cut every line so many times in a row, as soon as each is back."""

    cuts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Move the market, after cutting the line when `unseen`."""

    bid: int
    size: int = 5
    unseen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """Let somebody else place an order: client 9, or somebody at the screen of TWS."""

    by_hand: bool
    crosses: bool = False
    quantity: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Revise:
    """Bust an execution, or correct its size or price; `unseen` as in `Market`."""

    which: int
    quantity: int | None = None
    price: int | None = None
    unseen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """Cancel one of the trader's orders at the screen of TWS, or change its size."""

    which: int
    quantity: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """Say a code under the id of a working order, which goes on working."""

    which: int
    code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGateway:
    """Restart the gateway, which keeps its orders; for so many seconds it takes nobody."""

    down_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Notice:
    """Say something that belongs to no request: 1100, 1101, 1102."""

    code: int


@dataclass(frozen=True, slots=True)
class Jump:
    """Let the trader's time of day jump."""

    seconds: int


@dataclass(frozen=True, slots=True)
class NewProcess:
    """End the trader's process, and begin another on the same journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """
    Kill the trader's process (`SIGKILL`), and begin another on the same journal.

    Args:
        on: When the gateway reads the next request of this name; at once when nothing is named.
        says: When the gateway is about to say the next reply of this name.
        handled: Whether the gateway does what was asked for.
        within: When the gateway has read so many bytes more, of which it does what is whole.
        soon_s: So many seconds after the next step has begun.
    """

    on: str = ""
    says: str = ""
    handled: bool = True
    within: int = 0
    soon_s: float = 0.0


WorldStep = (
    Happens
    | Lines
    | Storm
    | Market
    | Foreign
    | Revise
    | ByHand
    | Says
    | NewGateway
    | Notice
    | Jump
    | NewProcess
    | Killed
)
Step = TraderStep | WorldStep


# --- stories --------------------------------------------------------------------------------------


_T = TypeVar("_T")


def weighted(*choices: tuple[int, st.SearchStrategy[_T]]) -> st.SearchStrategy[_T]:
    """
    Choose a strategy by its weight, and draw from it.

    `one_of` has no weights: it looks into a choice for its parts, and leaves out what it has
    already, so that one that is named five times is as likely as one that is named once.
    """
    drawn = st.sampled_from([one for one, (weight, _) in enumerate(choices) for _ in range(weight)])
    return drawn.flatmap(lambda one: choices[one][1])


_WHICH: Final = st.integers(0, 7)
_PATIENCE: Final = st.sampled_from([None, None, None, 0.05, 0.2, 2.0])
_LEAVES: Final = st.sampled_from([None, None, None, 1, 3, 8, 20, 60])
_TIMES: Final = st.integers(1, 3)
_BITE: Final = st.integers(1, 1200)
_CODES: Final = [103, 110, 135, 161, 201, 202, 399, 2109, 10147, 10148, 10318, 10349]

_PLACE: Final = st.builds(
    Place,
    kind=st.sampled_from([*sorted(KINDS), *["market", "crosses"] * 4, "call"]),
    buy=st.booleans(),
    quantity=st.integers(1, 9),
    previewed=st.sampled_from([False, False, False, False, True]),
    wait=st.sampled_from(["submitted", "submitted", "sent", "filled"]),
    patience_s=_PATIENCE,
    leaves_after=_LEAVES,
)

_TRADER: Final[st.SearchStrategy[TraderStep]] = weighted(
    (1, st.builds(Pause, st.sampled_from([0.1, 1.0, 6.0]))),
    (12, _PLACE),
    (1, st.builds(Again, _WHICH)),
    (
        1,
        st.builds(
            Bracket,
            rests=st.booleans(),
            buy=st.booleans(),
            quantity=st.integers(1, 9),
            leaves_after=_LEAVES,
        ),
    ),
    (
        1,
        st.builds(
            Exercise,
            quantity=st.integers(1, 2),
            lapse=st.booleans(),
            wait=st.sampled_from(["submitted", "sent", "filled"]),
            leaves_after=_LEAVES,
        ),
    ),
    (
        2,
        st.builds(
            Modify,
            which=_WHICH,
            quantity=st.integers(1, 12),
            price=st.sampled_from([None, "91.00", "100.00", "113.00"]),
            leaves_after=_LEAVES,
        ),
    ),
    (1, st.builds(Cancel, which=_WHICH, patience_s=_PATIENCE, leaves_after=_LEAVES)),
    (1, st.builds(Cancel, which=_WHICH)),
    (1, st.builds(Settle, _WHICH)),
    (1, st.builds(CancelAll)),
    (1, st.builds(Volley, st.integers(2, 6))),
    (1, st.builds(Flatten)),
    (2, st.builds(Forget)),
)

_LOST: Final = st.one_of(
    st.builds(Drop, reply=st.sampled_from(["OrderStatus", "CommissionReport"]), times=_TIMES),
    st.builds(Drop, reply=st.just("OpenOrder"), answering=st.just("PlaceOrder"), times=_TIMES),
    st.builds(
        Drop, reply=st.just("ExecDetails"), where=st.just({"request_id": "-1"}), times=_TIMES
    ),
    st.builds(MissingEnd, times=st.just(1)),
    st.builds(IgnoreRequest, on=st.sampled_from(["PlaceOrder", "CancelOrder"]), times=st.just(1)),
)

_LATE: Final = st.one_of(
    st.builds(
        Duplicate,
        reply=st.sampled_from(["OrderStatus", "OpenOrder", "ExecDetails", "CommissionReport"]),
        copies=st.integers(1, 3),
        times=_TIMES,
    ),
    st.builds(
        Hold,
        reply=st.sampled_from(["OrderStatus", "OpenOrder", "CommissionReport", "ErrorMessage"]),
        seconds=st.just(0.05),
        times=_TIMES,
    ),
    st.builds(
        Hold,
        reply=st.just("ExecDetails"),
        where=st.just({"request_id": "-1"}),
        seconds=st.just(0.05),
        times=_TIMES,
    ),
    st.builds(Reorder, reply=st.just("ExecDetails"), behind=st.just("OrderStatus"), times=_TIMES),
    st.builds(
        Reorder, reply=st.just("CommissionReport"), before=st.just("ExecDetails"), times=_TIMES
    ),
    st.builds(Stall, seconds=st.sampled_from([0.05, 0.3])),
    st.builds(HalfOpen, lasts_s=st.sampled_from([0.1, 0.6])),
    st.builds(Split, size=st.sampled_from([1, 7, 100]), lasts_s=st.just(0.1)),
)

_BROKEN: Final = st.one_of(
    st.builds(CutAfter, received=_BITE, reset=st.booleans()),
    st.builds(CutAfter, sent=_BITE, reset=st.booleans()),
    st.builds(
        Cut,
        on=st.sampled_from(["PlaceOrder", "PlaceOrder", "CancelOrder", "ReqExecutions"]),
        handled=st.booleans(),
        answered=st.booleans(),
    ),
    st.builds(Cut, on=st.just("PlaceOrder"), handled=st.booleans(), children=st.just(True)),
    st.builds(
        Truncate,
        reply=st.sampled_from(["OpenOrder", "OrderStatus", "ExecDetails"]),
        at=st.integers(0, 90),
    ),
    st.builds(Refuse, times=_TIMES, reset=st.booleans()),
)

_WORDS: Final = st.one_of(
    st.builds(CancelRace, code=st.sampled_from([10148, 10147, 161, 135]), times=st.just(4)),
    st.builds(CancelRace, cancelled_first=st.just(True), times=st.just(2)),
    st.builds(Reject, manner=st.sampled_from(sorted(Manner))),
    st.builds(RejectionManner, manner=st.sampled_from(sorted(Manner)), times=_TIMES),
    st.builds(
        Answer,
        to=st.just("CancelOrder"),
        code=st.sampled_from([10147, 10148, 161, 135]),
        text=st.just("not now"),
    ),
    st.builds(
        Warn,
        on=st.just("PlaceOrder"),
        # none that proves a new order dead: it could be the first word on one that is staged
        code=st.sampled_from([161, 399, 404, 2109, 10148, 10349]),
        text=st.just("said for a test"),
        times=_TIMES,
    ),
)

_WORLD: Final[st.SearchStrategy[WorldStep]] = weighted(
    (3, st.builds(Happens, _BROKEN)),
    (2, st.builds(Happens, _LOST)),
    (2, st.builds(Happens, _LATE)),
    (2, st.builds(Happens, _WORDS)),
    (1, st.builds(Lines, reset=st.booleans())),
    (1, st.builds(Storm, st.integers(2, 4))),
    (
        2,
        st.builds(Market, bid=st.integers(94, 106), size=st.integers(1, 12), unseen=st.booleans()),
    ),
    (
        1,
        st.builds(
            Foreign, by_hand=st.booleans(), crosses=st.booleans(), quantity=st.integers(1, 9)
        ),
    ),
    (
        1,
        st.builds(
            Revise,
            which=_WHICH,
            quantity=st.sampled_from([None, 0, 1]),
            price=st.sampled_from([None, 99]),
            unseen=st.booleans(),
        ),
    ),
    (1, st.builds(ByHand, which=_WHICH, quantity=st.sampled_from([None, None, 11]))),
    (1, st.builds(Says, which=_WHICH, code=st.sampled_from(_CODES))),
    (1, st.builds(NewGateway, down_s=st.sampled_from([0.0, 0.05]))),
    (1, st.builds(Notice, st.sampled_from([1100, 1101, 1102]))),
)

_OWN: Final[st.SearchStrategy[WorldStep]] = st.one_of(
    st.builds(NewProcess), st.builds(Jump, st.integers(-7200, 7200))
)

STORIES: Final[st.SearchStrategy[list[Step]]] = st.lists(
    weighted((6, _TRADER), (4, _WORLD), (1, _OWN)),
    min_size=8,
    max_size=30,
)
"""Anything, in any order; a trader who does a little more than the world does to him."""

_KILLED: Final = weighted(
    (1, st.builds(Killed)),
    (
        2,
        st.builds(
            Killed,
            on=st.sampled_from(["PlaceOrder", "PlaceOrder", "CancelOrder", "ReqExecutions"]),
            handled=st.booleans(),
        ),
    ),
    (
        2,
        st.builds(
            Killed,
            says=st.sampled_from(["OpenOrder", "OrderStatus", "ExecDetails", "OpenOrderEnd"]),
        ),
    ),
    (2, st.builds(Killed, within=_BITE)),
    (2, st.builds(Killed, soon_s=st.sampled_from([0.0, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032]))),
)

DEADLY_STORIES: Final[st.SearchStrategy[list[Step]]] = st.lists(
    weighted((2, _KILLED), (5, _TRADER), (2, _WORLD)),
    min_size=8,
    max_size=20,
)
"""Stories in which the trader's process is killed."""
