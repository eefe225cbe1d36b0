"""
What accounts need of a gateway beside its caches: profit and loss, models, and an advisor's lists.

A line of profit and loss belongs to one session and ends with it without a word; whoever opened it
asks again. An answer of the other questions is complete or an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import Protocol

from ibkr_connector.errors import IBKRError
from ibkr_connector.model.account import AccountValue
from ibkr_connector.model.advisor import SoftDollarTier
from ibkr_connector.model.ids import ConId

from .port import PositionRow

__all__ = [
    "AccountAsking",
    "AdvisorList",
    "ModelPositionRow",
    "PnLGateway",
    "PnLLine",
    "PnLListener",
    "PnLRequest",
    "PnLRow",
]


class AdvisorList(IntEnum):
    """What an advisor has set up, by IB's numbers; profiles are groups from version 177 on."""

    GROUPS = 1
    PROFILES = 2
    ALIASES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PnLRequest:
    """Whose profit and loss: of an account, of a model in it, or with `con_id` of one position."""

    account: str
    model: str = ""
    con_id: ConId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PnLRow:
    """
    What the gateway told; `None` where it has not computed a figure yet.

    `quantity` and `market_value` are of a position alone.
    """

    daily: Decimal | None
    unrealized: Decimal | None
    realized: Decimal | None
    quantity: Decimal | None = None
    market_value: Decimal | None = None

    @property
    def is_computed(self) -> bool:
        """Whether it has any figure: the first message of a subscription has none."""
        return not (self.daily is None and self.unrealized is None and self.realized is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPositionRow:
    """What an account holds of one contract in one model; outside of models `model` is empty."""

    row: PositionRow
    model: str


class PnLListener(Protocol):
    """Hears one line, on the session's loop; must be quick."""

    def told(self, row: PnLRow) -> None:
        """Take what came."""
        ...

    def refused(self, error: IBKRError) -> None:
        """The gateway has ended the line."""
        ...


class PnLLine(Protocol):
    """An open line."""

    @property
    def is_open(self) -> bool:
        """Whether the gateway may still send something."""
        ...

    def close(self) -> None:
        """Call it off; harmless when it is over already."""
        ...


class PnLGateway(Protocol):
    """Opens lines of profit and loss."""

    def open_pnl(self, request: PnLRequest, listener: PnLListener) -> PnLLine:
        """
        Ask for profit and loss, again and again as it changes.

        Raises:
            NotConnectedError: There is no session.
        """
        ...


class AccountAsking(Protocol):
    """Questions about accounts that nothing is subscribed to for."""

    async def model_positions(self, account: str, model: str) -> tuple[ModelPositionRow, ...]:
        """Return what an account holds in a model, or in all of them when `model` is empty."""
        ...

    async def model_values(self, account: str, model: str) -> tuple[AccountValue, ...]:
        """Return the figures of a model in an account."""
        ...

    async def advisor_list(self, which: AdvisorList) -> str:
        """Return a list of an advisor as XML."""
        ...

    async def replace_advisor_list(self, which: AdvisorList, xml: str) -> None:
        """Set a list of an advisor; what is not in it is gone."""
        ...

    async def family_codes(self) -> tuple[tuple[str, str], ...]:
        """Return which accounts belong together: pairs of account and code."""
        ...

    async def soft_dollar_tiers(self) -> tuple[SoftDollarTier, ...]:
        """Return the tiers of the login's soft-dollar contracts."""
        ...
