"""Contracts as the wire carries them: one record, and the ways in which messages line it up."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from .fields import INTEGER, NUMBER, OPTIONAL_NUMBER, Kind
from .layout import Get, Layout, Nested, Rows, When
from .plain import Field

__all__ = [
    "COMBO_LEGS",
    "CONTRACT",
    "CONTRACT_HELD",
    "CONTRACT_NO_EXCHANGE",
    "CONTRACT_NO_PRIMARY",
    "DELTA_NEUTRAL",
    "FULL_CONTRACT",
    "FUNDAMENTAL_CONTRACT",
    "STRIKE",
    "ComboLeg",
    "DeltaNeutral",
    "WireContract",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class WireContract:
    """A contract by IB's fields; empty text and `None` mean "not said", con id 0 too."""

    con_id: int = 0
    symbol: str = ""
    sec_type: str = ""
    expiry: str = ""
    strike: Decimal | None = None
    right: str = ""
    multiplier: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = ""
    local_symbol: str = ""
    trading_class: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComboLeg:
    """One leg of a combo, as data requests describe it."""

    con_id: int
    ratio: int
    action: str
    exchange: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaNeutral:
    """The contract that hedges a combo, with its delta and price."""

    con_id: int
    delta: Decimal
    price: Decimal


def _write_strike(value: Decimal | None) -> str:
    # TWS writes 0 for contracts that have no strike (recorded frames of rust-ibapi)
    return "0" if value is None else OPTIONAL_NUMBER.write(value)


def _read_strike(text: str) -> Decimal | None:
    strike: Decimal | None = OPTIONAL_NUMBER.read(text)
    return strike or None


STRIKE: Final = Kind("strike", _read_strike, _write_strike)
_HELD_STRIKE: Final = Kind(
    # but 0.0 for the contracts of positions and executions (recorded at 164, 173 and 200)
    "strike of what is held",
    _read_strike,
    lambda value: "0.0" if value is None else OPTIONAL_NUMBER.write(value),
)
_CON_ID: Final = Kind("con id", lambda text: INTEGER.read(text or "0"), str, "%d")

_HEAD: Final[Layout] = (
    Field("con_id", _CON_ID),
    Field("symbol"),
    Field("sec_type"),
    Field("expiry"),
    Field("strike", STRIKE),
    Field("right"),
    Field("multiplier"),
)
_TAIL: Final[Layout] = (Field("currency"), Field("local_symbol"), Field("trading_class"))

CONTRACT: Final[Layout] = (*_HEAD, Field("exchange"), Field("primary_exchange"), *_TAIL)
"""As requests send it: twelve fields (ib_async client.py `send`)."""

CONTRACT_NO_PRIMARY: Final[Layout] = (*_HEAD, Field("exchange"), *_TAIL)
"""As orders come back."""

CONTRACT_HELD: Final[Layout] = tuple(
    Field("strike", _HELD_STRIKE) if item == Field("strike", STRIKE) else item
    for item in CONTRACT_NO_PRIMARY
)
"""As positions and executions come back."""

CONTRACT_NO_EXCHANGE: Final[Layout] = (*_HEAD, Field("primary_exchange"), *_TAIL)
"""As the account window shows it."""

FUNDAMENTAL_CONTRACT: Final[Layout] = (
    Field("con_id", _CON_ID),
    *(Field(name) for name in ("symbol", "sec_type", "exchange", "primary_exchange")),
    *(Field(name) for name in ("currency", "local_symbol")),
)
"""As requests for fundamentals send it (ib_async client.py `reqFundamentalData`)."""

FULL_CONTRACT: Final = Nested("contract", WireContract, CONTRACT)
"""The contract of a request."""


def _is_combo(get: Get) -> bool:
    return bool(get("contract").sec_type == "BAG")


COMBO_LEGS: Final = When(
    _is_combo,
    Rows(
        "legs",
        ComboLeg,
        (Field("con_id", INTEGER), Field("ratio", INTEGER), Field("action"), Field("exchange")),
    ),
)
"""Behind the contract of a request, when it is a combo."""

DELTA_NEUTRAL: Final[Layout] = (
    Field("con_id", INTEGER),
    Field("delta", NUMBER),
    Field("price", NUMBER),
)
