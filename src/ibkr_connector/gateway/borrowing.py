"""Whether shares of a stock can be borrowed, asked for as a generic tick that streams."""

# mypy: disallow-untyped-calls=False
# ib_async's request methods are not typed.

from __future__ import annotations

import asyncio
import math
from typing import Any, Final

from ibkr_connector.model.contracts import Contract, SecurityType

from . import translate

__all__ = ["can_be_borrowed"]

_INVENTORY: Final = "236"
"""The generic tick that brings the shares that can be sold short (IB campus, tick types)."""

_PATIENCE_S: Final = 2.0


async def can_be_borrowed(ib: Any, contract: Contract) -> bool | None:
    """
    Ask once; `None` when the gateway does not say within two seconds.

    Snapshots bring no generic ticks (TWS 321), so it is a subscription that is ended at once.
    """
    if contract.security_type is not SecurityType.STOCK:
        return True  # nothing is borrowed to sell a derivative or a currency
    asked = translate.ib_contract(contract)
    ticker = ib.reqMktData(asked, _INVENTORY, False, False)  # noqa: FBT003
    told = asyncio.Event()

    def look(*_: Any) -> None:
        if not math.isnan(ticker.shortableShares):
            told.set()

    ticker.updateEvent += look
    try:
        look()
        async with asyncio.timeout(_PATIENCE_S):
            await told.wait()
    except TimeoutError:
        return None
    finally:
        ticker.updateEvent -= look
        ib.cancelMktData(asked)
    return bool(ticker.shortableShares > 0)
