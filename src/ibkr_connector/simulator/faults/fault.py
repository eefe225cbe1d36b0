"""
What a fault is: a frozen value that says which traffic it waits for and what it makes of it.

Owns the selectors that every fault has, and the words in which faults answer: steps for requests,
`Said` for replies. Knows messages; neither sockets nor venue.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Any, ClassVar, Final, get_args

from ibkr_connector.simulator.wire.replies import ErrorMessage, Reply
from ibkr_connector.simulator.wire.requests import Request

__all__ = [
    "FOR_EVER",
    "REPLY_NAMES",
    "REQUEST_NAMES",
    "Armed",
    "Deed",
    "Do",
    "End",
    "EndStreams",
    "Fault",
    "FillOrder",
    "Line",
    "MovePort",
    "PlaceFor",
    "RestartGateway",
    "Revise",
    "Said",
    "Say",
    "Scene",
    "Step",
    "Tell",
    "TellStreams",
    "Wait",
    "check_reply",
    "check_request",
    "error_to",
    "request_number",
]

FOR_EVER: Final = 1_000_000_000

REPLY_NAMES: Final = frozenset(kind.__name__ for kind in get_args(Reply))
REQUEST_NAMES: Final = frozenset(kind.__name__ for kind in get_args(Request))


# --- what happens around a fault ----------------------------------------------------------------


@dataclass(slots=True)
class Line:
    """One client's connection, as far as faults may know it."""

    number: int = 0
    """The how manieth socket it is, from 1."""

    client_id: int | None = None
    version: int = 0
    options: str = ""
    opened_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The moment at which a fault is shown something."""

    line: Line
    now: float
    """The simulator's monotonic seconds."""

    moment: datetime
    memory: dict[Any, Any]
    """What this fault remembers of this connection."""

    random: Random
    request: Request | None = None
    """The request that is being answered; `None` when replies came with time."""


# --- what a fault makes of a request -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Do:
    """Hand a request to the session; a quiet one is done and its answer lost."""

    request: Request
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Hand a request to the session so many seconds later."""

    seconds: float
    request: Request


@dataclass(frozen=True, slots=True)
class Say:
    """Say something that the session knows nothing of."""

    replies: tuple[Reply, ...]


@dataclass(frozen=True, slots=True)
class FillOrder:
    """Move the market so that an order of this client is filled."""

    order_id: int


@dataclass(frozen=True, slots=True)
class End:
    """Close the socket; with `reset` the other side sees a reset instead of an end."""

    reset: bool = False


# --- what happens by itself -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tell:
    """Say something that belongs to no request to every client, or to one."""

    code: int
    text: str
    client_id: int | None = None


@dataclass(frozen=True, slots=True)
class TellStreams:
    """Say something under the id of every open stream of some kinds."""

    of: tuple[str, ...]
    code: int
    text: str
    client_id: int | None = None


@dataclass(frozen=True, slots=True)
class EndStreams:
    """End every open stream of some kinds without a word; `again` opens them anew at once."""

    of: tuple[str, ...]
    again: bool = False
    client_id: int | None = None


@dataclass(frozen=True, slots=True)
class RestartGateway:
    """Restart the gateway; so long it takes nobody."""

    keep_state: bool
    down_s: float


@dataclass(frozen=True, slots=True)
class MovePort:
    """Listen on another port from now on, say so (1300), and drop everybody."""


@dataclass(frozen=True, slots=True)
class Revise:
    """Correct the price of an execution by so much, or bust it when there is no amount."""

    exec_id: str
    by: Decimal | None


@dataclass(frozen=True, slots=True)
class PlaceFor:
    """Place an order that no connected client sent; client 0 with order id 0 is by hand."""

    client_id: int
    order_id: int
    con_id: int
    action: str
    quantity: Decimal
    limit_price: Decimal | None


Deed = Tell | TellStreams | EndStreams | RestartGateway | MovePort | Revise | PlaceFor
"""What the simulator does when a fault wakes or ends."""


Step = Do | Wait | Say | FillOrder | End
"""What the connection does instead of just handing a request over, in this order."""


# --- what a fault makes of a reply ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Said:
    """
    A reply on its way out.

    Args:
        reply: What is said.
        late_s: How much later than now.
        texts: Fields of the message that are written with another text, by their number from 0.
        ends_at: After how many bytes of it the socket closes.
        then: What happens so many seconds after it was said.
    """

    reply: Reply
    late_s: float = 0.0
    texts: tuple[tuple[int, str], ...] = ()
    ends_at: int | None = None
    then: tuple[float, Deed] | None = None


# --- the fault ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """
    Something that can go wrong; each kind says what.

    Args:
        times: How often it happens before it is disarmed.
        skip: How many occasions it lets pass first.
        at_s: Seconds of the simulator's clock after it was armed, before which it sleeps.
        lasts_s: Seconds after which it is disarmed; `None` is for ever.
        client_id: Only with this client; `None` is all of them.
        probability: How likely it takes an occasion, drawn with the simulator's seed.
    """

    name: ClassVar[str] = ""
    """What it is called in scenarios and on the control port."""

    is_momentary: ClassVar[bool] = False
    """Whether it is over as soon as it has woken."""

    times: int = FOR_EVER
    skip: int = 0
    at_s: float = 0.0
    lasts_s: float | None = None
    client_id: int | None = None
    probability: float = 1.0

    def __post_init__(self) -> None:
        _check(self.times >= 1, f"times must be at least 1, got {self.times}")
        _check(self.skip >= 0, f"skip must not be negative, got {self.skip}")
        _check(self.at_s >= 0, f"at_s must not be negative, got {self.at_s}")
        _check(self.lasts_s is None or self.lasts_s > 0, f"lasts_s must be above 0: {self.lasts_s}")
        _check(
            0 < self.probability <= 1,
            f"probability must be above 0 and at most 1, got {self.probability}",
        )
        self.check()

    def check(self) -> None:
        """Raise `ValueError` for fields that are out of range."""

    def at_start(self) -> Sequence[Deed]:
        """Return what happens when it wakes."""
        return ()

    def at_end(self) -> Sequence[Deed]:
        """Return what happens when it has lasted long enough, or is disarmed."""
        return ()

    def on_request(self, request: Request, scene: Scene) -> Sequence[Step] | None:
        """Return what is done instead of handing the request over; `None`: not concerned."""
        return None

    def on_reply(self, reply: Reply, scene: Scene) -> Sequence[Said] | None:
        """Return what is said instead of a reply; `None`: not concerned."""
        return None

    def on_burst(self, burst: list[Said], scene: Scene) -> list[Said] | None:
        """Return what is said instead of all that is said together; `None`: not concerned."""
        return None


@dataclass(slots=True)
class Armed:
    """A fault that waits, with what is left of it."""

    fault: Fault
    since: float
    left: int
    to_skip: int
    label: str = ""
    """The quirk that it belongs to; empty for a fault of its own."""

    is_awake: bool = False
    memories: dict[int, dict[Any, Any]] = field(default_factory=dict)


def _check(holds: bool, text: str) -> None:  # noqa: FBT001 - an assertion with a sentence
    if not holds:
        raise ValueError(text)


def check_reply(name: str) -> None:
    """
    Check the name of a reply.

    Raises:
        ValueError: There is none of this name.
    """
    _known(name, REPLY_NAMES, "reply")


def check_request(name: str) -> None:
    """
    Check the name of a request.

    Raises:
        ValueError: There is none of this name.
    """
    _known(name, REQUEST_NAMES, "request")


def _known(name: str, names: Iterable[str], what: str) -> None:
    if name not in names:
        near = sorted(one for one in names if one.lower()[:4] == name.lower()[:4])
        hint = f"; near are {', '.join(near)}" if near else ""
        raise ValueError(f"there is no {what} called {name!r}{hint}")


def request_number(request: Request) -> int:
    """Return the id under which a request is answered; -1 when it has none."""
    number: int = getattr(request, "order_id", getattr(request, "request_id", -1))
    return number


def error_to(request: Request, code: int, text: str) -> ErrorMessage:
    """Return an error under a request's own id."""
    return ErrorMessage(request_id=request_number(request), code=code, text=text)
