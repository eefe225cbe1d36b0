"""What the gateway makes of a request: nothing, an error, a warning as well, the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Final

from ibkr_connector.simulator.wire.replies import ErrorMessage, OrderStatus, Reply
from ibkr_connector.simulator.wire.requests import PlaceOrder, Request, StartApi

from .fault import Do, End, Fault, Say, Scene, Step, Wait, check_request, error_to

__all__ = ["Answer", "Cut", "IgnoreRequest", "Manner", "MessageRate", "Reject", "Warn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut(Fault):
    """
    Close the socket on a request.

    Args:
        on: Name of the request's record, as in `PlaceOrder`.
        handled: Whether the gateway does what was asked first; its answer is lost either way.
        answered: Whether the answer is sent before the end, when it is handled.
        children: Whether only orders that have a parent count: the second frame of a bracket.
        reset: Whether the other side sees a reset instead of an end.
    """

    name: ClassVar[str] = "cut"
    times: int = 1
    on: str
    handled: bool
    answered: bool = False
    children: bool = False
    reset: bool = False

    def check(self) -> None:
        """Know the request."""
        check_request(self.on)

    def on_request(self, request: Request, scene: Scene) -> Sequence[Step] | None:
        """End it, before or after."""
        if type(request).__name__ != self.on:
            return None
        if self.children and text_of(request, "parentId") in {"", "0"}:
            return None
        done = [Do(request, quiet=not self.answered)] if self.handled else []
        return [*done, End(reset=self.reset)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Fault):
    """
    Answer a request with a code instead of doing it.

    Args:
        to: Name of the request's record.
        code: What is said.
        text: Its text.
        request_id: Under which id, instead of the request's own.
        ends: Whether the socket closes behind it.
    """

    name: ClassVar[str] = "answer"
    times: int = 1
    to: str
    code: int
    text: str
    request_id: int | None = None
    ends: bool = False

    def check(self) -> None:
        """Know the request."""
        check_request(self.to)

    def on_request(self, request: Request, scene: Scene) -> Sequence[Step] | None:
        """Say the code."""
        if type(request).__name__ != self.to:
            return None
        error = error_to(request, self.code, self.text)
        if self.request_id is not None:
            error = ErrorMessage(request_id=self.request_id, code=self.code, text=self.text)
        return [Say((error,)), *([End()] if self.ends else [])]


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreRequest(Fault):
    """
    Do not answer a request.

    Args:
        on: Name of the request's record.
        within_s: Only when the last answered one of this client is no longer ago than this.
    """

    name: ClassVar[str] = "ignore_request"
    on: str
    within_s: float | None = None

    def check(self) -> None:
        """Know the request."""
        check_request(self.on)

    def on_request(self, request: Request, scene: Scene) -> Sequence[Step] | None:
        """Do nothing, or let it pass and remember when."""
        if type(request).__name__ != self.on:
            return None
        if self.within_s is None:
            return []
        last = scene.memory.get("last")
        if last is not None and scene.now - last < self.within_s:
            return []
        scene.memory["last"] = scene.now
        return None


class Manner(StrEnum):
    """In which words an order is rejected; accounts of all are on record."""

    CODE = "code"
    """The code only."""

    INACTIVE_FIRST = "inactive first"
    """Status `Inactive`, then the code (measured on a paper account)."""

    INACTIVE_LAST = "inactive last"
    """The code, then status `Inactive` (ib_insync#554)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject(Fault):
    """Reject a new order, without the venue having seen it."""

    name: ClassVar[str] = "reject"
    times: int = 1
    code: int = 201
    text: str = "Order rejected - reason:"
    manner: Manner = Manner.CODE
    symbol: str = ""

    def on_request(self, request: Request, scene: Scene) -> Sequence[Step] | None:
        """Say so."""
        if not isinstance(request, PlaceOrder):
            return None
        if self.symbol not in ("", request.contract.symbol):
            return None
        replies: list[Reply] = [error_to(request, self.code, self.text)]
        if self.manner is not Manner.CODE:
            place = 0 if self.manner is Manner.INACTIVE_FIRST else 1
            replies.insert(place, inactive(request, scene))
        return [Say(tuple(replies))]


def inactive(request: PlaceOrder, scene: Scene) -> OrderStatus:
    """Return the status of an order that was taken and will not work."""
    return OrderStatus(
        order_id=request.order_id,
        status="Inactive",
        filled=Decimal(0),
        remaining=request.order.number("totalQuantity") or Decimal(0),
        average_price=Decimal(0),
        perm_id=0,
        parent_id=0,
        last_price=Decimal(0),
        client_id=scene.line.client_id or 0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Warn(Fault):
    """Say a code under a request's id, and do the request nevertheless."""

    name: ClassVar[str] = "warn"
    on: str
    code: int
    text: str
    first: bool = False
    where: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Know the request."""
        check_request(self.on)

    def on_request(self, request: Request, scene: Scene) -> Sequence[Step] | None:
        """Say the code as well."""
        if type(request).__name__ != self.on:
            return None
        if any(text_of(request, key) != wanted for key, wanted in self.where.items()):
            return None
        warning = Say((error_to(request, self.code, self.text),))
        return [warning, Do(request)] if self.first else [Do(request), warning]


def text_of(request: Request, key: str) -> str:
    """Return one field of a request as text; those that are kept as IB's texts count as well."""
    texts: Mapping[str, str] = getattr(request, "texts", {})
    return texts.get(key, str(getattr(request, key, "")))


_PACED: Final = "+PACEAPI"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRate(Fault):
    """
    Take so many messages a second: the rest is refused with 100, and the third breach ends it.

    A client that connected with `+PACEAPI` is not refused; what is too much waits for its second.

    Source: IB campus (code 100, `+PACEAPI`); three breaches: third-party notes of IB's text.
    Whether a message over the limit is done or lost is not said; lost is assumed. A breach is a
    second in which the limit was passed.
    """

    name: ClassVar[str] = "message_rate"
    per_s: int = 50
    breaches: int = 3

    def check(self) -> None:
        """Let something through."""
        if self.per_s < 1 or self.breaches < 1:
            raise ValueError("per_s and breaches must be at least 1")

    def on_request(self, request: Request, scene: Scene) -> Sequence[Step] | None:
        """Count it."""
        if isinstance(request, StartApi):
            return None
        if _PACED in scene.line.options:
            return self._pace(request, scene)
        memory, second = scene.memory, int(scene.now)
        if memory.get("second") != second:
            memory.update(second=second, count=0, is_over=False)
        memory["count"] += 1
        if memory["count"] <= self.per_s:
            return None
        if not memory["is_over"]:
            memory["is_over"] = True
            memory["breaches"] = memory.get("breaches", 0) + 1
        error = ErrorMessage(
            request_id=-1,
            code=100,
            text=f"Max rate of messages per second has been exceeded:max={self.per_s} "
            f"rec={memory['count']} ({memory['breaches']})",
        )
        return [Say((error,)), *([End()] if memory["breaches"] >= self.breaches else [])]

    def _pace(self, request: Request, scene: Scene) -> Sequence[Step] | None:
        # what is let through in one second fills it up; the rest goes to the first with room
        memory = scene.memory
        second = max(int(scene.now), memory.get("second", 0))
        if second != memory.get("second"):
            memory.update(second=second, count=0)
        if memory["count"] >= self.per_s:
            second += 1
            memory.update(second=second, count=0)
        memory["count"] += 1
        wait = second - scene.now
        return [Wait(wait, request)] if wait > 0 else None
