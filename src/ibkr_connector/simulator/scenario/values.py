"""What a scenario says, as values: checked when they are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from ibkr_connector.simulator.dialogue import Permissions
from ibkr_connector.simulator.faults import Fault
from ibkr_connector.simulator.quirks import Quirk
from ibkr_connector.simulator.wire.versions import NEWEST, OLDEST

from .actions import Action, Inject, SwitchQuirk

__all__ = ["DEFAULT_ACCOUNT", "DEFAULT_CASH", "Account", "Cue", "Holding", "Scenario"]

DEFAULT_ACCOUNT: Final = "DU1234567"
DEFAULT_CASH: Final = Decimal(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What an account holds at the beginning; short is negative. `price` is what a unit cost."""

    con_id: int = 0
    symbol: str = ""
    quantity: Decimal
    price: Decimal

    def __post_init__(self) -> None:
        if bool(self.con_id) == bool(self.symbol):
            raise ValueError("either con_id or symbol must be given")
        if self.quantity == 0:
            raise ValueError("quantity must not be 0; leave the position out")
        if self.price < 0:
            raise ValueError(f"price must not be negative, got {self.price}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Money by currency, and positions, which cost nothing of it any more."""

    cash: Mapping[str, Decimal] = field(default_factory=lambda: {"USD": DEFAULT_CASH})
    positions: tuple[Holding, ...] = ()

    def __post_init__(self) -> None:
        for currency in self.cash:
            if len(currency) != 3 or not currency.isupper():
                raise ValueError(f"a currency has three capital letters, as USD; got {currency!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """Something that happens so many seconds of the clock after the start."""

    at_s: float
    action: Action

    def __post_init__(self) -> None:
        if self.at_s < 0:
            raise ValueError(f"at_s must not be negative, got {self.at_s}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """
    What a gateway is at its beginning, and what happens to it.

    Args:
        accounts: Account ids with what they have; one paper account when not given.
        permissions: What the login may do.
        start: The moment at which the clock begins; now when not given.
        speed: Seconds of the clock per second; 1 when not given.
        seed: Seed of market, sizes and chance; 1 when not given.
        sessions: Whether markets open and close as their exchanges do.
        server_version: Newest version to speak.
        next_order_id: First valid order id of every client.
        latency_s: Seconds that a message needs to the market.
        quirks: Manners of TWS that are on from the beginning.
        faults: Faults that are armed from the beginning; their `at_s` counts from there.
        script: What happens, and when.
    """

    accounts: Mapping[str, Account] = field(default_factory=lambda: {DEFAULT_ACCOUNT: Account()})
    permissions: Permissions = field(default_factory=Permissions)
    start: datetime | None = None
    speed: float | None = None
    seed: int | None = None
    sessions: bool = False
    server_version: int = NEWEST
    next_order_id: int = 1
    latency_s: float = 0.0
    quirks: tuple[Quirk, ...] = ()
    faults: tuple[Fault, ...] = ()
    script: tuple[Cue, ...] = ()

    def __post_init__(self) -> None:
        # names are enough in Python too
        object.__setattr__(self, "quirks", tuple(Quirk(name) for name in self.quirks))
        if not self.accounts:
            raise ValueError("accounts must hold one at least")
        if self.speed is not None and self.speed <= 0:
            raise ValueError(f"speed must be above 0, got {self.speed}")
        if self.next_order_id < 1:
            raise ValueError(f"next_order_id must be at least 1, got {self.next_order_id}")
        if self.latency_s < 0:
            raise ValueError(f"latency_s must not be negative, got {self.latency_s}")
        if not OLDEST <= self.server_version <= NEWEST:
            raise ValueError(
                f"server_version must be within {OLDEST}..{NEWEST}, got {self.server_version}"
            )

    def at(self, at_s: float, *things: Action | Fault | Quirk) -> Scenario:
        """Return the scenario with more that happens, so many seconds after the start."""
        cues = tuple(Cue(at_s=at_s, action=_action(thing)) for thing in things)
        return replace(self, script=(*self.script, *cues))


def _action(thing: Action | Fault | Quirk) -> Action:
    if isinstance(thing, Fault):
        return Inject(fault=thing)
    if isinstance(thing, Quirk):
        return SwitchQuirk(name=thing)
    return thing
