"""
What may be done to a running gateway from outside: by a script, or over the control port.

    quote: {symbol: AAPL, bid: 190.00, ask: 190.02}
    order: {client_id: 9, order_id: 1, symbol: AAPL, action: BUY, quantity: 5, limit_price: 180}

Instruments are named by `con_id`, or by `symbol`: a local symbol (`EUR.USD`, `ESZ6`) or a stock's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from ibkr_connector.simulator.faults import Fault, read_fault
from ibkr_connector.simulator.inputs import InputError, build
from ibkr_connector.simulator.quirks import Quirk

__all__ = [
    "ACTIONS",
    "Action",
    "Bulletin",
    "ClearFaults",
    "CutSockets",
    "HaltTrading",
    "HoldQuote",
    "Inject",
    "Order",
    "ReleaseMarket",
    "RestartNow",
    "SayNotice",
    "SwitchQuirk",
    "read_action",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldQuote:
    """Hold a market at a quote; a side that is not given is empty."""

    con_id: int = 0
    symbol: str = ""
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    bid_size: Decimal = Decimal(1_000_000)
    ask_size: Decimal = Decimal(1_000_000)

    def __post_init__(self) -> None:
        _named(self)
        if self.bid is not None and self.ask is not None and self.bid > self.ask:
            raise ValueError(f"bid {self.bid} must not be above ask {self.ask}")
        if self.bid_size < 0 or self.ask_size < 0:
            raise ValueError("bid_size and ask_size must not be negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseMarket:
    """Let a market follow the tape again."""

    con_id: int = 0
    symbol: str = ""

    def __post_init__(self) -> None:
        _named(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltTrading:
    """Halt trading in an instrument, or resume it."""

    con_id: int = 0
    symbol: str = ""
    halted: bool = True

    def __post_init__(self) -> None:
        _named(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Place an order of a client that is not connected; client 0 with order id 0 is by hand."""

    client_id: int = 0
    order_id: int = 0
    con_id: int = 0
    symbol: str = ""
    action: str
    quantity: Decimal
    order_type: str = ""
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: str = "GTC"
    account: str = ""
    order_ref: str = ""

    def __post_init__(self) -> None:
        _named(self)
        if self.action not in {"BUY", "SELL"}:
            raise ValueError(f"action must be BUY or SELL, got {self.action!r}")
        if self.quantity <= 0:
            raise ValueError(f"quantity must be above 0, got {self.quantity}")

    @property
    def kind(self) -> str:
        """The order type: as given, or the one that its prices mean."""
        if self.order_type:
            return self.order_type
        names = {
            (False, False): "MKT",
            (True, False): "LMT",
            (False, True): "STP",
            (True, True): "STP LMT",
        }
        return names[self.limit_price is not None, self.stop_price is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SayNotice:
    """Say something to every client that belongs to no request, such as 1100."""

    code: int
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulletin:
    """Publish a bulletin of IB or of an exchange to whoever asked for them."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartNow:
    """Restart the gateway; for `down_s` it takes nobody."""

    keep_state: bool = True
    down_s: float = 0.0

    def __post_init__(self) -> None:
        if self.down_s < 0:
            raise ValueError(f"down_s must not be negative, got {self.down_s}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CutSockets:
    """Drop every socket without a word; with `reset` by a reset."""

    reset: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchQuirk:
    """Switch a quirk on or off."""

    name: Quirk
    on: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Inject:
    """Arm a fault."""

    fault: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearFaults:
    """Disarm all faults."""


Action = (
    HoldQuote
    | ReleaseMarket
    | HaltTrading
    | Order
    | SayNotice
    | Bulletin
    | RestartNow
    | CutSockets
    | SwitchQuirk
    | Inject
    | ClearFaults
)
"""Everything that may be done."""

ACTIONS: Final[Mapping[str, type[Any]]] = MappingProxyType(
    {
        "quote": HoldQuote,
        "release": ReleaseMarket,
        "halt": HaltTrading,
        "order": Order,
        "notice": SayNotice,
        "bulletin": Bulletin,
        "restart": RestartNow,
        "cut": CutSockets,
        "quirk": SwitchQuirk,
        "fault": Inject,
        "clear_faults": ClearFaults,
    }
)
"""What each is called."""


def read_action(name: str, given: object, where: str) -> Action:
    """
    Make an action of its name and its fields.

    Raises:
        InputError: There is no such action, or a field is missing, unknown or out of range.
    """
    kind = ACTIONS.get(name)
    if kind is None:
        raise InputError(f"{where}: there is no action {name!r}; known are {', '.join(ACTIONS)}")
    if kind is Inject:
        return Inject(fault=read_fault(given, f"{where}: fault"))
    fields = {} if given is None and kind is ClearFaults else given
    action: Action = build(kind, fields, f"{where}: {name}")
    return action


def _named(action: Any) -> None:
    if bool(action.con_id) == bool(action.symbol):
        raise ValueError("either con_id or symbol must be given")
