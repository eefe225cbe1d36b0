"""Whether shares of a stock can be borrowed, asked for as a generic tick that streams."""

from __future__ import annotations

from typing import Any, Final

from ibkr_connector.errors import ContractError, MarketDataError
from ibkr_connector.model.contracts import Contract, SecurityType
from ibkr_connector.model.extras import QuoteExtra

from .following import followed_extra

__all__ = ["can_be_borrowed"]

_PATIENCE_S: Final = 2.0


async def can_be_borrowed(ib: Any, contract: Contract) -> bool | None:
    """
    Ask once; `None` when the gateway does not say within two seconds, or may not.

    Snapshots bring no generic ticks (TWS 321), so it is a stream that is ended at once.
    """
    if contract.security_type is not SecurityType.STOCK:
        return True  # nothing is borrowed to sell a derivative or a currency
    try:
        shares = await followed_extra(
            ib,
            contract,
            QuoteExtra.SHORTABLE,
            field="shortable_shares",
            patience_s=_PATIENCE_S,
        )
    except (MarketDataError, ContractError):
        # refused: it is not known, which the rule that asks does not take for a yes
        return None
    return None if shares is None else shares > 0
