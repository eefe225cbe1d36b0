"""What an advisor's login has set up, and the requests about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibkr_connector.simulator.exchange.advisor import Advisor

if TYPE_CHECKING:
    from .gateway import Gateway

__all__ = ["advisor_of"]


def advisor_of(gateway: Gateway) -> Advisor:
    """Return what the login's advisor has set up."""
    found: Advisor | None = getattr(gateway, "advisor", None)
    return found if found is not None else vars(gateway.venue).setdefault("advisor", Advisor())
