"""What orders are told in other words, in another order, or too late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import ClassVar, Final

from ibkr_connector.simulator.wire.fields import UNSET_DOUBLE
from ibkr_connector.simulator.wire.replies import (
    ErrorMessage,
    ExecDetails,
    OpenOrder,
    OrderStatus,
    Reply,
)
from ibkr_connector.simulator.wire.requests import CancelOrder, PlaceOrder, Request

from .fault import Do, Fault, FillOrder, Revise, Said, Say, Scene, Step, error_to
from .requests import Manner, inactive

__all__ = [
    "CancelRace",
    "PresetTif",
    "ReadOnlyApi",
    "RejectionManner",
    "Revision",
    "WhatIfTwice",
]

_NOT_CANCELLED: Final = 10148


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRace(Fault):
    """
    Let the fill win: an order is filled just before its cancel arrives.

    Args:
        code: With which code the cancel is answered: 10148, 10147, 161 or 135; all were seen.
        cancelled_first: Say that it was cancelled (202) before the fill comes; it fills
            nevertheless (polygon and LEAN threads on late fills).
    """

    name: ClassVar[str] = "cancel_race"
    code: int = _NOT_CANCELLED
    cancelled_first: bool = False

    def check(self) -> None:
        """Know the code."""
        if self.code not in _CANCEL_TEXTS:
            raise ValueError(f"code must be one of {sorted(_CANCEL_TEXTS)}, got {self.code}")

    def on_request(self, request: Request, scene: Scene) -> Sequence[Step] | None:
        """Fill it first."""
        if not isinstance(request, CancelOrder):
            return None
        last = scene.memory.get(request.order_id)
        if last is None or last.status in {"Filled", "Cancelled", "Inactive"}:
            return None
        fill = FillOrder(request.order_id)
        if not self.cancelled_first:
            return [fill, Do(request)]
        told = (
            replace(last, status="Cancelled"),
            error_to(request, 202, "Order Canceled - reason:"),
        )
        return [Say(told), fill, Do(request, quiet=True)]

    def on_reply(self, reply: Reply, scene: Scene) -> Sequence[Said] | None:
        """Remember where orders are; say the code that was chosen."""
        if isinstance(reply, OrderStatus):
            scene.memory[reply.order_id] = reply
        is_verdict = isinstance(reply, ErrorMessage) and reply.code == _NOT_CANCELLED
        if not is_verdict or self.code == _NOT_CANCELLED:
            return None
        assert isinstance(reply, ErrorMessage)
        text = _CANCEL_TEXTS[self.code].format(number=reply.request_id)
        return [Said(replace(reply, code=self.code, text=text))]


_CANCEL_TEXTS: Final = {
    _NOT_CANCELLED: "",
    10147: "OrderId {number} that needs to be cancelled is not found.",
    161: "Cancel attempted when order is not in a cancellable state.  Order permId = {number}",
    135: "Can't find order with ID = {number}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectionManner(Fault):
    """Say rejections (201) of new orders with status `Inactive` before or after the code."""

    name: ClassVar[str] = "rejection_manner"
    manner: Manner

    def on_burst(self, burst: list[Said], scene: Scene) -> list[Said] | None:
        """Put them in order; a status that is missing is made up."""
        request = scene.request
        if not isinstance(request, PlaceOrder) or not any(_is_rejection(one) for one in burst):
            return None
        told = [one for one in burst if _is_inactive(one)] or [Said(inactive(request, scene))]
        code = next(one for one in burst if _is_rejection(one))
        rest = [one for one in burst if not _is_inactive(one) and not _is_rejection(one)]
        if self.manner is Manner.CODE:
            return [*rest, code]
        if self.manner is Manner.INACTIVE_FIRST:
            return [*rest, *told, code]
        return [*rest, code, *told]


def _is_rejection(said: Said) -> bool:
    return isinstance(said.reply, ErrorMessage) and said.reply.code == 201


def _is_inactive(said: Said) -> bool:
    reply = said.reply
    if isinstance(reply, OpenOrder):
        return reply.texts.get("status") == "Inactive"
    return isinstance(reply, OrderStatus) and reply.status == "Inactive"


_MARGINS: Final = (
    "initMarginBefore",
    "maintMarginBefore",
    "equityWithLoanBefore",
    "initMarginChange",
    "maintMarginChange",
    "equityWithLoanChange",
    "initMarginAfter",
    "maintMarginAfter",
    "equityWithLoanAfter",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfTwice(Fault):
    """Answer what-if orders twice: first a warning with nothing computed (ib_insync#380)."""

    name: ClassVar[str] = "what_if_twice"
    warning: str = "Warning: this order may cost more than it would elsewhere."

    def on_reply(self, reply: Reply, scene: Scene) -> Sequence[Said] | None:
        """Say the empty one first."""
        is_answer = isinstance(reply, OpenOrder) and reply.texts.get("whatIf") == "1"
        if not is_answer:
            return None
        assert isinstance(reply, OpenOrder)
        unset = dict.fromkeys(_MARGINS, UNSET_DOUBLE)
        empty = replace(reply, texts={**reply.texts, **unset, "warningText": self.warning})
        return [Said(empty), Said(reply)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetTif(Fault):
    """
    Set the time in force by a preset and say so (10349); the order lives, a what-if does not.

    Source: measured on paper accounts; only orders that name no time in force are meant (assumed).
    """

    name: ClassVar[str] = "preset_tif"

    def on_request(self, request: Request, scene: Scene) -> Sequence[Step] | None:
        """Say it before the order is taken."""
        if not isinstance(request, PlaceOrder) or request.order.text("tif"):
            return None
        said = Say((error_to(request, 10349, "Order TIF was set to DAY based on order preset."),))
        return [said] if request.order.flag("whatIf") else [said, Do(request)]


_READ_ONLY: Final = (
    "Error validating request.-'bW' : cause - The API interface is currently in Read-Only mode."
)
_CHANGES: Final = frozenset({"PlaceOrder", "CancelOrder", "GlobalCancel", "ExerciseOptions"})
_LOOKS: Final = frozenset(
    {"ReqOpenOrders", "ReqAllOpenOrders", "ReqAutoOpenOrders", "ReqCompletedOrders"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOnlyApi(Fault):
    """Refuse orders, and lists of orders too, the latter under id -1 (rust-ibapi#698)."""

    name: ClassVar[str] = "read_only_api"

    def on_request(self, request: Request, scene: Scene) -> Sequence[Step] | None:
        """Refuse it."""
        name = type(request).__name__
        if name in _CHANGES:
            return [Say((error_to(request, 321, _READ_ONLY),))]
        if name in _LOOKS:
            return [Say((ErrorMessage(request_id=-1, code=321, text=_READ_ONLY),))]
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision(Fault):
    """
    Take executions back, or correct their price, so many seconds after they were told.

    Args:
        seconds: How long after.
        by: By how much the price is corrected; `None` busts the trade.

    Source: executions with another number behind the last dot correct earlier ones (IB's page on
    executions and commissions).
    """

    name: ClassVar[str] = "revision"
    times: int = 1
    seconds: float = 1.0
    by: Decimal | None = None

    def on_reply(self, reply: Reply, scene: Scene) -> Sequence[Said] | None:
        """Say it, and think again."""
        is_live = isinstance(reply, ExecDetails) and reply.request_id == -1
        if not is_live:
            return None
        assert isinstance(reply, ExecDetails)
        # what is a correction itself is not corrected again
        if not reply.exec_id.endswith(".01"):
            return None
        return [Said(reply, then=(self.seconds, Revise(reply.exec_id, self.by)))]
