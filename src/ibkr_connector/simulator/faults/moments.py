"""What happens by itself at a moment: notices, outages, restarts, streams that end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, Final

from ibkr_connector.simulator.wire.replies import Reply
from ibkr_connector.simulator.wire.requests import Request

from .fault import (
    Deed,
    EndStreams,
    Fault,
    MovePort,
    PlaceFor,
    RestartGateway,
    Said,
    Say,
    Scene,
    Step,
    Tell,
    TellStreams,
    error_to,
)
from .streams import DATA_REPLIES, STREAM_NAMES

__all__ = [
    "ClockSkew",
    "CompetingSession",
    "EndOfStreams",
    "ForeignOrder",
    "Link",
    "Notice",
    "Outage",
    "PortReset",
    "Restart",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Fault):
    """Say something that belongs to no request; `copies` at once, again every so many seconds."""

    name: ClassVar[str] = "notice"
    is_momentary: ClassVar[bool] = True
    times: int = 1
    code: int
    text: str
    copies: int = 1
    every_s: float = 1.0

    def check(self) -> None:
        """Say something, some time."""
        if self.copies < 1 or self.every_s <= 0:
            raise ValueError("copies must be at least 1 and every_s above 0")

    def at_start(self) -> Sequence[Deed]:
        """Say it."""
        return [Tell(self.code, self.text, self.client_id)] * self.copies


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart(Fault):
    """
    Restart the gateway: all sockets drop, and for so long it takes nobody.

    Every `every_s` again; with `keep_state` off, orders and accounts are as at the beginning.
    """

    name: ClassVar[str] = "restart"
    is_momentary: ClassVar[bool] = True
    times: int = 1
    keep_state: bool = True
    down_s: float = 0.0
    every_s: float = 86_400.0

    def check(self) -> None:
        """Come back some time."""
        if self.down_s < 0 or self.every_s <= 0:
            raise ValueError("down_s must not be negative, and every_s above 0")

    def at_start(self) -> Sequence[Deed]:
        """Restart."""
        return [RestartGateway(self.keep_state, self.down_s)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PortReset(Fault):
    """Say 1300 with another port, drop everybody, and listen there (IB campus, code 1300)."""

    name: ClassVar[str] = "port_reset"
    is_momentary: ClassVar[bool] = True
    times: int = 1

    def at_start(self) -> Sequence[Deed]:
        """Move."""
        return [MovePort()]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignOrder(Fault):
    """
    Let an order appear that none of the connected clients placed.

    Args:
        of_client: Whose it is; 0 with order id 0 was typed by hand.
        order_id: Its id there.
        con_id: What it is for.
        action: `BUY` or `SELL`.
        quantity: How many.
        limit_price: Its limit; at the market when not given.
    """

    name: ClassVar[str] = "foreign_order"
    is_momentary: ClassVar[bool] = True
    times: int = 1
    of_client: int = 0
    order_id: int = 0
    con_id: int
    action: str = "BUY"
    quantity: Decimal = Decimal(1)
    limit_price: Decimal | None = None

    def check(self) -> None:
        """Have a side and a size."""
        if self.action not in {"BUY", "SELL"} or self.quantity <= 0:
            raise ValueError("action must be BUY or SELL, and quantity above 0")

    def at_start(self) -> Sequence[Deed]:
        """Place it."""
        return [
            PlaceFor(
                client_id=self.of_client,
                order_id=self.order_id,
                con_id=self.con_id,
                action=self.action,
                quantity=self.quantity,
                limit_price=self.limit_price,
            )
        ]


class Link(StrEnum):
    """What may break behind the gateway while the socket stays up."""

    SERVER = "server"
    """Gateway to IB: 1100, then 1101 or 1102."""

    QUIET = "quiet"
    """Gateway to IB: 2110, which only the farms' notices end."""

    DATA_FARM = "data farm"
    HISTORY_FARM = "history farm"
    DEFINITION_FARM = "definition farm"


_LOST: Final = (
    1100,
    "Connectivity between IBKR and Trader Workstation has been lost.",
)
_DATA_LOST: Final = (
    1101,
    "Connectivity between IBKR and Trader Workstation has been restored - data lost.",
)
_DATA_KEPT: Final = (
    1102,
    "Connectivity between IBKR and Trader Workstation has been restored - data maintained. "
    "All data farms are connected: usfarm; ushmds; secdefil.",
)
_FARMS_BROKEN: Final = {
    Link.DATA_FARM: (2103, "Market data farm connection is broken:usfarm"),
    Link.HISTORY_FARM: (2105, "HMDS data farm connection is broken:ushmds"),
    Link.DEFINITION_FARM: (2157, "Sec-def data farm connection is broken:secdefil"),
}
_FARMS_OK: Final = {
    Link.DATA_FARM: (2104, "Market data farm connection is OK:usfarm"),
    Link.HISTORY_FARM: (2106, "HMDS data farm connection is OK:ushmds"),
    Link.DEFINITION_FARM: (2158, "Sec-def data farm connection is OK:secdefil"),
}
_QUIET: Final = (
    2110,
    "Connectivity between Trader Workstation and server is broken. "
    "It will be restored automatically.",
)
_STOPS_DATA: Final = frozenset({Link.SERVER, Link.QUIET, Link.DATA_FARM})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage(Fault):
    """
    Lose what lies behind the gateway for `lasts_s`; sockets stay up, streams fall silent.

    Args:
        link: What breaks.
        repeats: How often the loss is said; resets say it many times (LEAN).
        data_lost: Whether streams must be asked for again afterwards (1101) or go on (1102).

    What clients order meanwhile is taken by the venue at once (*limit*: IB delays it until the
    reset is over).
    """

    name: ClassVar[str] = "outage"
    lasts_s: float | None = 10.0
    link: Link = Link.SERVER
    repeats: int = 1
    data_lost: bool = False

    def check(self) -> None:
        """Be said."""
        if self.repeats < 1:
            raise ValueError(f"repeats must be at least 1, got {self.repeats}")

    def at_start(self) -> Sequence[Deed]:
        """Say that it is lost."""
        if self.link is Link.QUIET:
            return [Tell(*_QUIET)] * self.repeats
        if self.link is not Link.SERVER:
            return [Tell(*_FARMS_BROKEN[self.link])] * self.repeats
        broken = [Tell(*message) for message in _FARMS_BROKEN.values()]
        return [*[Tell(*_LOST)] * self.repeats, *broken]

    def at_end(self) -> Sequence[Deed]:
        """Say that it is back."""
        everything = [Tell(*message) for message in _FARMS_OK.values()]
        if self.link is Link.QUIET:
            return everything
        if self.link is not Link.SERVER:
            return [Tell(*_FARMS_OK[self.link])]
        if not self.data_lost:
            return [Tell(*_DATA_KEPT), *everything]
        return [EndStreams(tuple(STREAM_NAMES)), Tell(*_DATA_LOST), *everything]

    def on_reply(self, reply: Reply, scene: Scene) -> Sequence[Said] | None:
        """Lose market data."""
        stops = self.link in _STOPS_DATA and type(reply).__name__ in DATA_REPLIES
        return () if stops else None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndOfStreams(Fault):
    """
    Say a code under the id of every open stream of a kind, and end it or begin it anew.

    Args:
        of: Name of the request that opened it.
        code: What is said, such as 10225.
        text: Its text.
        again: Whether it goes on by itself from the beginning, as depth does after 317.
    """

    name: ClassVar[str] = "end_of_streams"
    is_momentary: ClassVar[bool] = True
    times: int = 1
    of: str
    code: int
    text: str
    again: bool = False

    def check(self) -> None:
        """Know the stream."""
        if self.of not in STREAM_NAMES:
            known = ", ".join(sorted(STREAM_NAMES))
            raise ValueError(f"of must be one of {known}; got {self.of!r}")

    def at_start(self) -> Sequence[Deed]:
        """Say it, and end them."""
        return [
            TellStreams((self.of,), self.code, self.text, self.client_id),
            EndStreams((self.of,), again=self.again, client_id=self.client_id),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompetingSession(Fault):
    """
    Show no market data while somebody else is logged in: 10197 in a bunch, then silence.

    Source: IB campus, code 10197; in bunches: LEAN's brokerage, pull request 212.
    """

    name: ClassVar[str] = "competing_session"
    lasts_s: float | None = 30.0
    copies: int = 10
    text: str = field(default="No market data during competing live session", init=False)

    def at_start(self) -> Sequence[Deed]:
        """Say it under each stream's id."""
        return [TellStreams(("ReqMarketData",), 10197, self.text, self.client_id)] * self.copies

    def on_request(self, request: Request, scene: Scene) -> Sequence[Step] | None:
        """Open nothing new."""
        if type(request).__name__ != "ReqMarketData":
            return None
        return [Say((error_to(request, 10197, self.text),))]

    def on_reply(self, reply: Reply, scene: Scene) -> Sequence[Said] | None:
        """Lose market data."""
        return () if type(reply).__name__ in DATA_REPLIES else None


_SECONDS: Final = {"CurrentTime": ("time", 1), "CurrentTimeMillis": ("time_ms", 1000)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSkew(Fault):
    """Let the gateway's clock be wrong by so many seconds, in its greeting and when asked."""

    name: ClassVar[str] = "clock_skew"
    seconds: float

    def on_reply(self, reply: Reply, scene: Scene) -> Sequence[Said] | None:
        """Say a wrong time."""
        found = _SECONDS.get(type(reply).__name__)
        if found is None:
            return None
        key, unit = found
        values: dict[str, Any] = {key: getattr(reply, key) + int(self.seconds * unit)}
        return [Said(replace(reply, **values))]
