"""What may vary about a market: how much is there to trade with, and what it costs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Protocol

from .instruments import Instrument

__all__ = ["DisplayedSize", "FeeModel", "InteractiveBrokersFees", "SizeModel"]

_CENT: Final = Decimal("0.01")


class SizeModel(Protocol):
    """How much stands at the best bid and ask."""

    def size(self, instrument: Instrument, at: datetime, side: str) -> Decimal:
        """Return the size displayed on a side (`bid` or `ask`) at a moment."""
        ...


@dataclass(frozen=True, slots=True)
class DisplayedSize:
    """One to three usual lots, drawn anew each second from the seed."""

    seed: int = 1

    def size(self, instrument: Instrument, at: datetime, side: str) -> Decimal:
        """Return the displayed size; the same for the same second and seed."""
        text = f"{self.seed}/{instrument.con_id}/{int(at.timestamp())}/{side}".encode()
        draw = hashlib.blake2b(text, digest_size=2).digest()
        return instrument.lot * (1 + draw[0] % 3)


class FeeModel(Protocol):
    """What an execution costs."""

    def commission(self, instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
        """Return the commission in the instrument's currency, for one whole order's worth."""
        ...


@dataclass(frozen=True, slots=True)
class InteractiveBrokersFees:
    """
    IB's fixed commissions, per execution.

    US stocks 0.005 a share, at least 1.00, at most 1 % of the value; pairs 0.2 basis points, at
    least 2.00; futures 2.25 and options 0.65 a contract; crypto 0.18 %, at least 1.75.
    *limit*: IB takes the minimum once per order, here it is taken once per execution.
    """

    def commission(self, instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
        """Return the commission, rounded to the cent."""
        value = quantity * price * instrument.size
        match instrument.sec_type:
            case "STK":
                exact = min(max(quantity * Decimal("0.005"), Decimal(1)), value / 100)
            case "CASH":
                exact = max(value * Decimal("0.00002"), Decimal(2))
            case "FUT":
                exact = quantity * Decimal("2.25")
            case "OPT":
                exact = max(quantity * Decimal("0.65"), Decimal(1))
            case _:
                exact = max(value * Decimal("0.0018"), Decimal("1.75"))
        return exact.quantize(_CENT, ROUND_HALF_UP)
