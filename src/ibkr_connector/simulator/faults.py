"""
What can go wrong, as values: put one into a running simulator and it happens.

They are applied in one place, between a client's socket and its session; the venue knows nothing
of them. A fault says which traffic it waits for and does its work a given number of times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from .wire.replies import ErrorMessage, Reply
from .wire.requests import Request

__all__ = [
    "Answer",
    "Cut",
    "CutAfter",
    "Delay",
    "Drop",
    "Fault",
    "FaultBox",
    "HalfOpen",
    "Refuse",
    "Silent",
    "Stage",
    "Stall",
]

FOR_EVER: Final = 1_000_000_000


class Stage(StrEnum):
    """A moment of a connection at which the gateway may fall silent."""

    HELLO = "hello"
    """The client has said which versions it speaks."""

    START = "start"
    """The client has said who it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """Accept the socket and close it at once."""

    times: int = FOR_EVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """Never answer, from a stage of the handshake on."""

    after: Stage
    times: int = FOR_EVER


@dataclass(frozen=True, slots=True, kw_only=True)
class CutAfter:
    """Close the socket after exactly so many more bytes from or to the client."""

    received: int | None = None
    sent: int | None = None
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """
    Close the socket on a request.

    Args:
        on: Name of the request's record, as in `PlaceOrder`.
        handled: Whether the gateway does what was asked first; its answer is lost either way.
    """

    on: str
    handled: bool
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfOpen:
    """Stop reading and writing, and keep the socket."""

    times: int = FOR_EVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """Hold everything back for so many seconds of the simulator's clock, then send it."""

    seconds: float
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """Send everything so many seconds of the simulator's clock late."""

    seconds: float
    times: int = FOR_EVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Answer a request with a code instead of doing it."""

    to: str
    code: int
    text: str
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Lose replies of one kind, by the name of their record."""

    reply: str
    times: int = FOR_EVER


Fault = Refuse | Silent | CutAfter | Cut | HalfOpen | Stall | Delay | Answer | Drop
"""Everything that can be injected."""


_Test = Callable[[Fault], bool]


@dataclass(slots=True)
class _Armed:
    fault: Fault
    left: int


@dataclass(slots=True)
class FaultBox:
    """The faults that are waiting; each request and reply is shown to it."""

    armed: list[_Armed] = field(default_factory=list)
    happened: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        """Arm a fault."""
        self.armed.append(_Armed(fault, fault.times))

    def clear(self) -> None:
        """Disarm all of them."""
        self.armed.clear()

    def refuses(self) -> bool:
        """Tell whether a new socket is closed at once."""
        return self._use(lambda fault: isinstance(fault, Refuse)) is not None

    def silences(self, stage: Stage) -> bool:
        """Tell whether the gateway falls silent at a stage."""
        found = self._use(lambda fault: isinstance(fault, Silent) and fault.after is stage)
        return found is not None

    def cut_on(self, request: Request) -> Cut | None:
        """Return the cut that a request sets off."""
        name = type(request).__name__
        found = self._use(lambda fault: isinstance(fault, Cut) and fault.on == name)
        return found if isinstance(found, Cut) else None

    def answer_to(self, request: Request) -> ErrorMessage | None:
        """Return what is answered instead of doing a request."""
        name = type(request).__name__
        found = self._use(lambda fault: isinstance(fault, Answer) and fault.to == name)
        if not isinstance(found, Answer):
            return None
        number = getattr(request, "order_id", getattr(request, "request_id", -1))
        return ErrorMessage(request_id=number, code=found.code, text=found.text)

    def survivors(self, replies: Iterable[Reply]) -> list[Reply]:
        """Return the replies that are not lost."""
        return [reply for reply in replies if not self._is_lost(reply)]

    def is_half_open(self) -> bool:
        """Tell whether nothing is read and written any more."""
        return any(isinstance(one.fault, HalfOpen) for one in self.armed)

    def delay_s(self) -> float:
        """Return how late everything is sent now, in the simulator's seconds."""
        return sum(one.fault.seconds for one in self.armed if isinstance(one.fault, Delay))

    def stall_s(self) -> float:
        """Return how long everything is held back from now on; 0 when it is not."""
        found = self._use(lambda fault: isinstance(fault, Stall))
        return found.seconds if isinstance(found, Stall) else 0.0

    def bytes_left(self, *, received: bool) -> int | None:
        """Return after how many more bytes of one direction the socket is cut."""
        for one in self.armed:
            if isinstance(one.fault, CutAfter):
                left = one.fault.received if received else one.fault.sent
                if left is not None:
                    return left
        return None

    def spend(self, count: int, *, received: bool) -> bool:
        """Note bytes of one direction; tell whether they set the cut off."""
        for index, one in enumerate(self.armed):
            if not isinstance(one.fault, CutAfter):
                continue
            left = one.fault.received if received else one.fault.sent
            if left is None:
                continue
            if count >= left:
                self.happened.append(one.fault)
                del self.armed[index]
                return True
            rest = CutAfter(received=left - count) if received else CutAfter(sent=left - count)
            one.fault = rest
            return False
        return False

    def _is_lost(self, reply: Reply) -> bool:
        name = type(reply).__name__
        found = self._use(lambda fault: isinstance(fault, Drop) and fault.reply == name)
        return found is not None

    def _use(self, fits: _Test) -> Fault | None:
        for index, one in enumerate(self.armed):
            if fits(one.fault):
                one.left -= 1
                self.happened.append(one.fault)
                if one.left == 0:
                    del self.armed[index]
                return one.fault
        return None
