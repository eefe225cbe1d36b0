"""
The changes of an account, told to whoever reads them.

Owns what a change is called and that no reader misses one without being told. Computes nothing
while nobody listens.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from ibkr_connector.gateway.figures import quantity
from ibkr_connector.mailbox import Mailbox
from ibkr_connector.model.account import AccountValue, Position
from ibkr_connector.model.account_changes import (
    AccountChange,
    ChangesMissed,
    FigureChanged,
    PositionChange,
    PositionChanged,
)
from ibkr_connector.model.ids import ConId

from .stream import Seat

__all__ = ["BUFFER", "ChangeFeed", "Held", "kind_of"]

Held = Mapping[tuple[str, ConId | None], Position]
"""Positions by account and contract."""

BUFFER: Final = 10_000


class ChangeFeed:
    """Tells every reader what is another than before; all calls on one loop."""

    def __init__(self) -> None:
        self._boxes: dict[Mailbox[AccountChange], str | None] = {}
        self._closed = False

    @property
    def is_heard(self) -> bool:
        """Whether anybody reads."""
        return bool(self._boxes)

    def join(self, account: str | None, buffer: int = BUFFER) -> Seat[AccountChange]:
        """Take a place at the changes of one account, or of all for `None`."""
        box: Mailbox[AccountChange] = Mailbox(capacity=buffer, lost=_missed)
        if self._closed:
            box.close()
        else:
            self._boxes[box] = account

        def leave() -> None:
            self._boxes.pop(box, None)

        return Seat(box, leave)

    def compare(self, before: Held, after: Held, *, at: datetime, recovered: bool) -> None:
        """Tell what is different between two states of the positions."""
        for key in {**before, **after}:
            self.position(before.get(key), after.get(key), at=at, recovered=recovered)

    def position(
        self,
        before: Position | None,
        after: Position | None,
        *,
        at: datetime,
        recovered: bool = False,
    ) -> None:
        """Tell of one position, when it is another."""
        kind, one = kind_of(before, after), after or before
        if kind is not None and one is not None:
            self._tell(
                PositionChanged(
                    at=at,
                    account=one.account,
                    contract=one.contract,
                    kind=kind,
                    before=before,
                    after=after,
                    recovered=recovered,
                ),
                one.account,
            )

    def figure(
        self,
        before: AccountValue | None,
        after: AccountValue,
        *,
        at: datetime,
        recovered: bool = False,
    ) -> None:
        """Tell of one figure, when it is another."""
        if before is not None and before.value == after.value:
            return
        self._tell(
            FigureChanged(
                at=at,
                account=after.account,
                tag=after.tag,
                currency=after.currency,
                before=_number(before),
                after=_number(after),
                text=after.value,
                source=after.source,
                recovered=recovered,
            ),
            after.account,
        )

    def close(self) -> None:
        """End every stream behind what still waits for its reader."""
        self._closed = True
        boxes, self._boxes = tuple(self._boxes), {}
        for box in boxes:
            box.close()

    def _tell(self, change: AccountChange, account: str) -> None:
        for box, wanted in self._boxes.items():
            if wanted is None or wanted == account:
                box.put(change)


def kind_of(before: Position | None, after: Position | None) -> PositionChange | None:
    """Return what became of a position; `None` when it is as it was."""
    if before is None or after is None:
        if before is after:
            return None
        return PositionChange.OPENED if before is None else PositionChange.CLOSED
    if before.quantity != after.quantity:
        if before.quantity * after.quantity < 0:
            return PositionChange.REVERSED
        grew = abs(after.quantity) > abs(before.quantity)
        return PositionChange.INCREASED if grew else PositionChange.REDUCED
    if before.avg_cost != after.avg_cost:
        return PositionChange.COST
    shown = ("current_price", "market_value", "unrealized_pnl", "realized_pnl")
    if any(getattr(before, name) != getattr(after, name) for name in shown):
        return PositionChange.REVALUED
    return None


def _number(value: AccountValue | None) -> Decimal | None:
    if value is None or not value.value:
        return None
    try:
        return quantity(value.value)
    except ValueError:
        return None


def _missed(count: int, _first: AccountChange, _last: AccountChange) -> AccountChange:
    return ChangesMissed(count=count)
