"""
What may vary about a market: what stands there, who gets it, at which price, and how soon.

Each is a small protocol with a plain default; chance comes from a seed and from what is asked
about, never from a generator that remembers, so that two runs with one seed are equal.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import ClassVar, Protocol

from .fees import Charged, FeeModel, InteractiveBrokersFees, NoFees
from .instruments import Instrument

__all__ = [
    "Charged",
    "DisplayedSize",
    "FeeModel",
    "FillModel",
    "FixedLatency",
    "InteractiveBrokersFees",
    "LatencyModel",
    "Message",
    "NoFees",
    "NoLatency",
    "NoSlippage",
    "PatientFill",
    "PlainFill",
    "SizeModel",
    "SlippageModel",
    "TickSlippage",
    "drawn",
]


# --- what stands there --------------------------------------------------------------------------


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


# --- who gets it --------------------------------------------------------------------------------


class FillModel(Protocol):
    """How much of what stands or trades in the market an order gets."""

    serves_queues: ClassVar[bool]
    """Whether resting orders may trade at their price before the market goes through it."""

    def taken(
        self,
        instrument: Instrument,
        *,
        wanted: Decimal,
        displayed: Decimal,
        perm_id: int,
        at: datetime,
    ) -> Decimal:
        """
        Return what an order takes of the far side; at most `wanted` and at most `displayed`.

        Args:
            instrument: What is traded.
            wanted: What is left of the order.
            displayed: What is left of the displayed size.
            perm_id: The order, so that chance differs between orders.
            at: The moment.
        """
        ...

    def queued(
        self,
        instrument: Instrument,
        *,
        wanted: Decimal,
        traded: Decimal,
        perm_id: int,
        at: datetime,
    ) -> Decimal:
        """
        Return what a resting limit gets when the market trades at its price, not through it.

        `traded` is what was traded there; the result is at most that and at most `wanted`, and 0
        for an order that others stand before.
        """
        ...


@dataclass(frozen=True, slots=True)
class PlainFill:
    """All that is displayed; a resting limit waits until the market comes through."""

    serves_queues: ClassVar[bool] = False

    def taken(
        self,
        instrument: Instrument,
        *,
        wanted: Decimal,
        displayed: Decimal,
        perm_id: int,
        at: datetime,
    ) -> Decimal:
        """Return as much as there is."""
        return max(min(wanted, displayed), Decimal(0))

    def queued(
        self,
        instrument: Instrument,
        *,
        wanted: Decimal,
        traded: Decimal,
        perm_id: int,
        at: datetime,
    ) -> Decimal:
        """Return 0."""
        return Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientFill:
    """
    A part of what is displayed, and a chance to be served in the queue.

    Args:
        share: Part of the displayed size that an order gets, above 0 to 1; never less than the
            smallest size while that stands there.
        chance: Probability, each second that the market trades at an order's limit, that its turn
            has come.
        seed: Seed of that chance.
    """

    serves_queues: ClassVar[bool] = True

    share: Decimal = Decimal(1)
    chance: float = 0.5
    seed: int = 1

    def taken(
        self,
        instrument: Instrument,
        *,
        wanted: Decimal,
        displayed: Decimal,
        perm_id: int,
        at: datetime,
    ) -> Decimal:
        """Return the share of what is displayed, in whole smallest sizes."""
        least = instrument.min_size
        part = (displayed * self.share / least).to_integral_value(ROUND_FLOOR) * least
        return max(min(wanted, displayed, max(part, least)), Decimal(0))

    def queued(
        self,
        instrument: Instrument,
        *,
        wanted: Decimal,
        traded: Decimal,
        perm_id: int,
        at: datetime,
    ) -> Decimal:
        """Return what was traded when the turn has come, else 0."""
        if drawn(self.seed, "queue", perm_id, int(at.timestamp())) >= self.chance:
            return Decimal(0)
        return max(min(wanted, traded), Decimal(0))


# --- at which price -----------------------------------------------------------------------------


class SlippageModel(Protocol):
    """How much worse than the quote an order at the market trades."""

    def slipped(
        self,
        instrument: Instrument,
        price: Decimal,
        *,
        is_buy: bool,
        quantity: Decimal,
        displayed: Decimal,
    ) -> Decimal:
        """
        Return the price of an execution, on a tick; never better than `price`, never below a tick.

        Asked for orders without a limit only: a limit is a promise.

        Args:
            instrument: What is traded.
            price: The far side of the quote.
            is_buy: Whether the order buys.
            quantity: What it trades now.
            displayed: What stood there.
        """
        ...


@dataclass(frozen=True, slots=True)
class NoSlippage:
    """Orders at the market trade at the quote."""

    def slipped(
        self,
        instrument: Instrument,
        price: Decimal,
        *,
        is_buy: bool,
        quantity: Decimal,
        displayed: Decimal,
    ) -> Decimal:
        """Return the price."""
        return price


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSlippage:
    """A fixed number of ticks, and one more for each time that the displayed size is traded."""

    ticks: int = 1
    by_size: bool = False

    def slipped(
        self,
        instrument: Instrument,
        price: Decimal,
        *,
        is_buy: bool,
        quantity: Decimal,
        displayed: Decimal,
    ) -> Decimal:
        """Return the worse price."""
        ticks = self.ticks
        if self.by_size and displayed > 0:
            ticks += int(quantity / displayed)
        worse = instrument.min_tick * ticks
        return price + worse if is_buy else max(price - worse, instrument.min_tick)


# --- how soon -----------------------------------------------------------------------------------


class Message(StrEnum):
    """What takes time on its way to the market."""

    PLACE = "place"
    MODIFY = "modify"
    CANCEL = "cancel"


class LatencyModel(Protocol):
    """How long a message needs to the market."""

    def delay_s(self, message: Message, number: int) -> float:
        """
        Return seconds, 0 for at once.

        `number` counts the venue's messages, so that chance differs between them and a later one
        can overtake an earlier one only if the model lets it.
        """
        ...


@dataclass(frozen=True, slots=True)
class NoLatency:
    """Everything arrives at once."""

    def delay_s(self, message: Message, number: int) -> float:
        """Return 0."""
        return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedLatency:
    """
    Fixed times with some chance around them.

    Args:
        place_s: Seconds of a new order.
        modify_s: Seconds of a change; as a new order when not given.
        cancel_s: Seconds of a cancel; as a new order when not given.
        jitter_s: At most this much is added, drawn from the seed.
        seed: Seed of that chance.
    """

    place_s: float
    modify_s: float | None = None
    cancel_s: float | None = None
    jitter_s: float = 0.0
    seed: int = 1

    def delay_s(self, message: Message, number: int) -> float:
        """Return the time of this sort of message, and its jitter."""
        named = {Message.MODIFY: self.modify_s, Message.CANCEL: self.cancel_s}.get(message)
        fixed = self.place_s if named is None else named
        return fixed + self.jitter_s * drawn(self.seed, "latency", number)


def drawn(seed: int, *about: object) -> float:
    """Return a number from 0 up to 1, the same for the same question."""
    text = "/".join([str(seed), *map(str, about)]).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest(), "big") / 2**48
