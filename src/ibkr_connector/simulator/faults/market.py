"""What market data and figures are told in other words: not subscribed, delayed, not computed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, ClassVar, Final

from ibkr_connector.simulator.wire.replies import (
    MarketDataType,
    Pnl,
    PnlSingle,
    Reply,
    TickPrice,
    TickSize,
)
from ibkr_connector.simulator.wire.requests import (
    ReqAccountSummary,
    ReqMarketData,
    ReqMarketDataType,
    Request,
)

from .fault import Do, Fault, Said, Say, Scene, Step, error_to

__all__ = [
    "DelayedTicks",
    "NoPriceFirst",
    "NotSubscribed",
    "SummarySlots",
    "UnsetFirst",
    "ZoneForm",
]

_DELAYED: Final[Mapping[int, int]] = MappingProxyType(
    {
        1: 66,
        2: 67,
        4: 68,
        0: 69,
        3: 70,
        5: 71,
        6: 72,
        7: 73,
        8: 74,
        9: 75,
        14: 76,
    }
)
"""Live tick ids and what they are called when delayed (ibapi ticktype.py)."""

_NOT_SUBSCRIBED: Final = {
    354: "Requested market data is not subscribed.",
    10089: (
        "Requested market data requires additional subscription for API. "
        "See link in 'Market Data Connections' dialog for more details."
    ),
    10168: "Requested market data is not subscribed. Delayed market data is not enabled.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSubscribed(Fault):
    """
    Refuse market data for want of a subscription, with 354, 10089 or 10168.

    After 10089 delayed data follows for a client that asked for type 3 or 4 (rust-ibapi).
    """

    name: ClassVar[str] = "not_subscribed"
    code: int = 354

    def check(self) -> None:
        """Know the code."""
        if self.code not in _NOT_SUBSCRIBED:
            raise ValueError(f"code must be one of {sorted(_NOT_SUBSCRIBED)}, got {self.code}")

    def on_request(self, request: Request, scene: Scene) -> Sequence[Step] | None:
        """Refuse it."""
        if isinstance(request, ReqMarketDataType):
            scene.memory["type"] = request.data_type
        if not isinstance(request, ReqMarketData):
            return None
        said = Say((error_to(request, self.code, _NOT_SUBSCRIBED[self.code]),))
        goes_on = self.code == 10089 and scene.memory.get("type", 1) in (3, 4)
        return [said, Do(request)] if goes_on else [said]


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayedTicks(Fault):
    """Say 10167 and show delayed ticks in the place of live ones, with their own ids."""

    name: ClassVar[str] = "delayed_ticks"

    def on_request(self, request: Request, scene: Scene) -> Sequence[Step] | None:
        """Say so."""
        if not isinstance(request, ReqMarketData):
            return None
        text = "Requested market data is not subscribed. Displaying delayed market data."
        return [Say((error_to(request, 10167, text),)), Do(request)]

    def on_reply(self, reply: Reply, scene: Scene) -> Sequence[Said] | None:
        """Call ticks by their other names."""
        if isinstance(reply, MarketDataType):
            return [Said(replace(reply, data_type=3))]
        if not isinstance(reply, TickPrice | TickSize) or reply.tick_type not in _DELAYED:
            return None
        return [Said(replace(reply, tick_type=_DELAYED[reply.tick_type]))]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPriceFirst(Fault):
    """Begin every stream with prices of -1 and no size, which mean that there is none."""

    name: ClassVar[str] = "no_price_first"

    def on_reply(self, reply: Reply, scene: Scene) -> Sequence[Said] | None:
        """Say that there is none, and then what it is."""
        if not isinstance(reply, TickPrice):
            return None
        key = (reply.request_id, reply.tick_type)
        if key in scene.memory:
            return None
        scene.memory[key] = True
        return [Said(replace(reply, price=Decimal(-1), size=Decimal(0))), Said(reply)]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsetFirst(Fault):
    """Say the first messages of every profit and loss with figures that are not computed yet."""

    name: ClassVar[str] = "unset_first"
    messages: int = 3

    def check(self) -> None:
        """Say some."""
        if self.messages < 1:
            raise ValueError(f"messages must be at least 1, got {self.messages}")

    def on_reply(self, reply: Reply, scene: Scene) -> Sequence[Said] | None:
        """Say nothing in numbers."""
        if not isinstance(reply, Pnl | PnlSingle):
            return None
        said = scene.memory.get(reply.request_id, 0)
        if said >= self.messages:
            return None
        scene.memory[reply.request_id] = said + 1
        unset: dict[str, Any] = {"daily": None, "unrealized": None, "realized": None}
        return [Said(replace(reply, **unset))]


@dataclass(frozen=True, slots=True, kw_only=True)
class SummarySlots(Fault):
    """
    Count account summaries by their ids, also those that were cancelled: the next is a 322.

    Source: measured on server version 223, where a cancel freed no slot and an id could be used
    again.
    """

    name: ClassVar[str] = "summary_slots"
    slots: int = 2

    def on_request(self, request: Request, scene: Scene) -> Sequence[Step] | None:
        """Count it."""
        if not isinstance(request, ReqAccountSummary):
            return None
        used: set[int] = scene.memory.setdefault("used", set())
        if request.request_id in used or len(used) < self.slots:
            used.add(request.request_id)
            return None
        text = (
            "Error processing request.-'cb' : cause - Maximum number of account summary requests "
            "exceeded"
        )
        return [Say((error_to(request, 322, text),))]


_ZONED: Final = re.compile(r"^(\d{8})([ -]{1,2})(\d\d:\d\d:\d\d)( [A-Za-z_/]+)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneForm(Fault):
    """
    Write moments with another name for their zone, such as `EST`; empty leaves it out.

    The name only: the time of day stays what it was, as on a gateway whose login zone is that one.
    """

    name: ClassVar[str] = "zone_form"
    zone: str = "EST"

    def on_reply(self, reply: Reply, scene: Scene) -> Sequence[Said] | None:
        """Rewrite every moment in it."""
        changed = self._rewritten(reply)
        return None if changed is reply else [Said(changed)]

    def _rewritten(self, thing: Any) -> Any:
        if isinstance(thing, str):
            return self._renamed(thing)
        if isinstance(thing, tuple):
            parts = tuple(self._rewritten(part) for part in thing)
            return thing if all(a is b for a, b in zip(parts, thing, strict=True)) else parts
        if is_dataclass(thing) and not isinstance(thing, type):
            values = {one.name: getattr(thing, one.name) for one in fields(thing)}
            changes = {
                name: new
                for name, old in values.items()
                if isinstance(old, str | tuple) and (new := self._rewritten(old)) is not old
            }
            return replace(thing, **changes) if changes else thing
        return thing

    def _renamed(self, text: str) -> str:
        match = _ZONED.match(text)
        if match is None or match[4] is None:
            return text
        return f"{match[1]}{match[2]}{match[3]}" + (f" {self.zone}" if self.zone else "")
