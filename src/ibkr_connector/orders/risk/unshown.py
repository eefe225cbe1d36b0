"""
Executions that the account's positions do not show yet.

A fill is told at once, the position that it makes seconds later (ib_async issue 15). Meanwhile the
order is no longer open and the position is the old one: without this, every rule about positions
could be passed once more, and what closes a position could close it twice.

Owns: which executions a told position includes. The change from one told position to the next is
what the oldest executions that make it up come to; what fits no such sum (somebody else traded too,
or a fill was not told) leaves them all here until they are too old. Too strict for some seconds is
the safe side.
They are told as what they come to, so that an order is judged as fast behind a thousand executions
as behind one.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Final

from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.ids import ConId, ExecId
from ibkr_connector.model.orders import Action

__all__ = ["SHOWN_AFTER_S", "Unshown", "UnshownFill", "UnshownUnits"]

ZERO: Final = Decimal(0)

SHOWN_AFTER_S: Final = 10.0
"""By then a position includes a fill: users have seen some seconds (ib_async issue 15)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnshownFill:
    """An execution that counts besides the position."""

    contract: Contract
    action: Action
    quantity: Decimal
    price: Decimal
    exec_id: ExecId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnshownUnits:
    """What executions on one side of a contract come to; `price` is the dearest, without a sign."""

    contract: Contract
    action: Action
    quantity: Decimal
    price: Decimal


class Unshown:
    """Remember executions until a position includes them; for all accounts of a login."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, ConId | None], Decimal] = {}
        self._behind: dict[tuple[str, ConId | None], _Waiting] = {}

    def executed(self, account: str, fill: UnshownFill) -> None:
        """Take in an execution as it happens; one that is told again counts once."""
        key = (account, fill.contract.con_id)
        waiting = self._behind.get(key)
        if waiting is None:
            waiting = self._behind[key] = _Waiting()
        waiting.add(fill)

    def told(self, account: str, con_id: ConId | None, quantity: Decimal) -> None:
        """Take in a position as the broker tells it."""
        key = (account, con_id)
        before, self._told[key] = self._told.get(key, ZERO), quantity
        waiting = self._behind.get(key)
        if waiting is None:
            return
        change, sums = quantity - before, accumulate(map(_signed, waiting.fills.values()))
        shown = next((count for count, sum_ in enumerate(sums, 1) if sum_ == change), 0)
        for _ in range(shown):
            waiting.drop_oldest()
        if not waiting.fills:
            del self._behind[key]

    def told_all(self, positions: Mapping[tuple[str, ConId | None], Decimal]) -> None:
        """Take in many, by account and contract."""
        if not self._behind:
            self._told.update(positions)
            return
        for (account, con_id), quantity in positions.items():
            self.told(account, con_id, quantity)

    def session_ended(self) -> None:
        """Forget everything: the next session begins with a whole list of positions."""
        self._told.clear()
        self._behind.clear()

    def is_behind(self, now: datetime) -> bool:
        """Whether any position lags behind what was executed."""
        self._drop_old(now)
        return bool(self._behind)

    def units(self, account: str, now: datetime) -> tuple[UnshownUnits, ...]:
        """Return what counts besides the positions of an account now."""
        if not self._behind:
            return ()
        self._drop_old(now)
        return tuple(
            units
            for (owner, _), waiting in self._behind.items()
            if owner == account
            for units in waiting.units()
        )

    def _drop_old(self, now: datetime) -> None:
        start = now - timedelta(seconds=SHOWN_AFTER_S)
        for key, waiting in tuple(self._behind.items()):
            while waiting.fills and waiting.oldest.at <= start:
                waiting.drop_oldest()
            if not waiting.fills:
                del self._behind[key]


@dataclass(slots=True)
class _Side:
    """How much of a contract was bought or sold, and how often at which price."""

    contract: Contract
    action: Action
    quantity: Decimal = ZERO
    prices: Counter[Decimal] = field(default_factory=Counter)


class _Waiting:
    """Executions in one contract for one account, the oldest first, and what they come to."""

    def __init__(self) -> None:
        self.fills: OrderedDict[ExecId, UnshownFill] = OrderedDict()
        # a side holds its contract, so an id is nobody else's
        self._sides: dict[tuple[int, Action], _Side] = {}

    @property
    def oldest(self) -> UnshownFill:
        return next(iter(self.fills.values()))

    def add(self, fill: UnshownFill) -> None:
        if fill.exec_id in self.fills:
            return
        self.fills[fill.exec_id] = fill
        place = (id(fill.contract), fill.action)
        side = self._sides.get(place)
        if side is None:
            side = self._sides[place] = _Side(fill.contract, fill.action)
        side.quantity += fill.quantity
        side.prices[abs(fill.price)] += 1

    def drop_oldest(self) -> None:
        _, fill = self.fills.popitem(last=False)
        place, price = (id(fill.contract), fill.action), abs(fill.price)
        side = self._sides[place]
        side.quantity -= fill.quantity
        side.prices[price] -= 1
        if not side.prices[price]:
            del side.prices[price]
        if not side.prices:
            del self._sides[place]

    def units(self) -> list[UnshownUnits]:
        return [
            UnshownUnits(
                contract=side.contract,
                action=side.action,
                quantity=side.quantity,
                price=max(side.prices),
            )
            for side in self._sides.values()
        ]


def _signed(fill: UnshownFill) -> Decimal:
    return fill.quantity if fill.action is Action.BUY else -fill.quantity
