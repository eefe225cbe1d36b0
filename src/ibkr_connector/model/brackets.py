"""An entry with its two exits, as it is asked for and as it stands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from .orders import Action, OrderReport, OrderRequest, OrderType, TimeInForce
from .record import Record
from .terms import NO_TERMS

__all__ = ["BracketReport", "BracketRequest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BracketRequest(Record):
    """
    An entry, and the two exits that begin to work when it fills and end each other.

    Args:
        entry: The order that opens the position; its `client_order_id` names the whole bracket.
        take_profit: Limit price of the exit with a profit.
        stop_loss: Stop price of the exit with a loss.
        stop_limit: Makes that exit a stop limit order with this limit price.
        exit_time_in_force: How long the exits stay: by default until they are cancelled, so that a
            position is not left without its stop when the day ends.
    """

    entry: OrderRequest
    take_profit: Decimal
    stop_loss: Decimal
    stop_limit: Decimal | None = None
    exit_time_in_force: TimeInForce = TimeInForce.GTC

    def orders(self) -> tuple[OrderRequest, OrderRequest, OrderRequest]:
        """Return entry, profit and stop as the three orders that they are."""
        entry = self.entry
        leave = replace(
            entry,
            action=Action.SELL if entry.action is Action.BUY else Action.BUY,
            stop_price=None,
            time_in_force=self.exit_time_in_force,
            **{**dict(NO_TERMS), **{name: getattr(entry, name) for name in _SHARED}},
        )
        profit = replace(
            leave,
            order_type=OrderType.LIMIT,
            limit_price=self.take_profit,
            client_order_id=_child_key(entry, "take-profit"),
        )
        stop = replace(
            leave,
            order_type=OrderType.STOP if self.stop_limit is None else OrderType.STOP_LIMIT,
            limit_price=self.stop_limit,
            stop_price=self.stop_loss,
            client_order_id=_child_key(entry, "stop-loss"),
        )
        return entry, profit, stop


@dataclass(frozen=True, slots=True, kw_only=True)
class BracketReport(Record):
    """What is known of the three orders of a bracket now."""

    entry: OrderReport
    take_profit: OrderReport
    stop_loss: OrderReport

    @property
    def orders(self) -> tuple[OrderReport, OrderReport, OrderReport]:
        """The three of them, the entry first."""
        return self.entry, self.take_profit, self.stop_loss


_SHARED: Final = ("allocation", "model", "soft_dollar_tier")
"""The terms of an entry that its exits have too: what was divided is closed as it was divided."""


def _child_key(entry: OrderRequest, what: str) -> str | None:
    return None if entry.client_order_id is None else f"{entry.client_order_id}/{what}"
