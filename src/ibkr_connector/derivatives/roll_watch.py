"""
Which rolls are worth telling, and when each has been told; pure.

A roll is told twice: when it comes near, and when another contract is in front.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.futures import RollNotice

__all__ = ["RollWatch"]


class RollWatch:
    """
    Takes how the next roll of each symbol stands, and gives what is news of it.

    Args:
        within_days: Trading days before a roll from which on it is told.
    """

    def __init__(self, within_days: int) -> None:
        self._within_days = within_days
        self._front: dict[str, Contract] = {}
        self._told: set[str] = set()

    def news(self, next_roll: RollNotice, today: date) -> Iterator[RollNotice]:
        """Yield what was not told before."""
        symbol = next_roll.symbol
        before = self._front.get(symbol)
        if before is not None and before.con_id != next_roll.old.con_id:
            self._told.discard(symbol)
            yield replace(
                next_roll, day=today, days_left=0, old=before, new=next_roll.old, is_over=True
            )
        self._front[symbol] = next_roll.old
        if next_roll.days_left <= self._within_days and symbol not in self._told:
            self._told.add(symbol)
            yield next_roll
