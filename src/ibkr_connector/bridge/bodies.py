"""
What endpoints take: orders, brackets and changes as JSON, into the mappings that the desk reads.

The desk judges them; here stands only what makes the description complete, and refuses keys that
nobody knows. Numbers may be JSON numbers or text; text loses no digit.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ibkr_connector.errors import OrderValidationError
from ibkr_connector.model.contracts import Contract
from ibkr_connector.orders.waiting import Wait

__all__ = ["BracketBody", "ChangeBody", "OrderBody", "PlaceBody", "PlaceBracketBody", "TimeoutS"]

Number = Annotated[Decimal, Field(allow_inf_nan=False, max_digits=40, examples=["187.50"])]
Word = Annotated[str, Field(min_length=1, max_length=64)]
TimeoutS = Annotated[float, Field(gt=0, le=300, description="Seconds to wait for it.")]
Parts = Annotated[dict[str, Any], Field(description="A mapping with its `kind`, see the docs.")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Size(_Body):
    quantity: Number | None = Field(default=None, description="In units of the contract.")
    limit_price: Number | None = None
    stop_price: Number | None = None
    time_in_force: Word | None = Field(default=None, examples=["DAY", "GTC"])
    outside_regular_hours: bool | None = None
    trail_amount: Number | None = None
    trail_percent: Number | None = None
    limit_offset: Number | None = None
    offset: Number | None = None
    good_till: datetime | None = Field(default=None, description="With an offset from UTC.")
    good_after: datetime | None = Field(default=None, description="With an offset from UTC.")
    all_or_none: bool | None = None
    minimum_quantity: Number | None = None
    display_size: Number | None = None
    hidden: bool | None = None
    oca_group: Word | None = None
    oca_type: int | Word | None = None
    trigger_method: int | Word | None = None
    adaptive: Word | None = Field(default=None, examples=["Patient"])
    conditions: list[Parts] | None = Field(default=None, max_length=16)
    conditions_cancel: bool | None = None
    conditions_outside_regular_hours: bool | None = None
    non_guaranteed: bool | None = None
    leg_prices: list[Number] | None = Field(default=None, max_length=8)
    algo: Parts | None = None
    cash_quantity: Number | None = None
    exercise: dict[str, Any] | None = None
    allocation: Word | dict[str, Any] | None = Field(
        default=None, description="An advisor's group, by its name or as `Allocation`."
    )
    model: Word | None = Field(default=None, description="An advisor's model.")
    soft_dollar_tier: dict[str, Any] | None = None

    def said(self) -> dict[str, Any]:
        """Return what was said, and nothing of what was not."""
        own = {name: getattr(self, name) for name in self.model_fields_set}
        return {name: value for name, value in own.items() if value is not None}


class OrderBody(_Size):
    """One order; see `OrderRequest` for each key."""

    symbol: Word | None = Field(default=None, examples=["AAPL"])
    contract: Contract | None = Field(default=None, description="In place of `symbol`.")
    legs: list[dict[str, Any]] | None = Field(
        default=None, max_length=8, description="Of a combination, in place of `symbol`."
    )
    action: Word = Field(examples=["BUY"])
    order_type: Word | None = Field(default=None, examples=["LMT"])
    account: Word | None = None
    client_order_id: Word | None = Field(default=None, description="Your key for it.")

    def order(self, key: str | None) -> dict[str, Any]:
        """
        Return the order as the desk reads it.

        Args:
            key: Of the header, which stands for `client_order_id`.

        Raises:
            OrderValidationError: Header and body say different keys.
        """
        said = {name: value for name, value in self.said().items() if name not in _OF_THE_CALL}
        own = said.get("client_order_id")
        if key is not None and own not in (None, key):
            raise OrderValidationError(
                "Idempotency-Key and client_order_id are not the same",
                hint="send one of them, or the same in both; nothing was sent",
            )
        return said if key is None else {**said, "client_order_id": key}


_OF_THE_CALL = frozenset({"wait", "timeout_s", "token"})


class PlaceBody(OrderBody):
    """An order, and how the call goes."""

    wait: Wait = Field(
        default="submitted",
        description="Answer when the bytes have left, at the broker's first word, or at the end.",
    )
    timeout_s: TimeoutS | None = None
    token: str | None = Field(
        default=None, max_length=256, description="Of a preview of exactly this order."
    )


class BracketBody(OrderBody):
    """An entry, and the two exits that begin to work when it fills."""

    take_profit: Number
    stop_loss: Number
    stop_limit: Number | None = None
    exit_time_in_force: Word | None = None


class PlaceBracketBody(BracketBody):
    """A bracket, and how the call goes."""

    wait: Wait = "submitted"
    timeout_s: TimeoutS | None = None
    token: str | None = Field(default=None, max_length=256)


class ChangeBody(_Size):
    """What is to be different; at least one key."""

    timeout_s: TimeoutS | None = None
    token: str | None = Field(default=None, max_length=256)

    def changes(self) -> dict[str, Any]:
        """Return the changes as the desk reads them."""
        return {name: value for name, value in self.said().items() if name not in _OF_THE_CALL}
