"""
Words for orders, to be imported where orders are written by hand.

    from ibkr_connector.build import buy, price

    order = buy("AAPL", 100).limit("187.50").gtc().when(price("SPY") < 500)
    report = await ib.place_order(order)

Every word makes a new `OrderDraft`; `.request` is the `OrderRequest` that it stands for.
"""

from __future__ import annotations

from .model.algos import (
    AccumulateDistribute,
    ArrivalPrice,
    ClosePrice,
    DarkIce,
    PercentOfVolume,
    Twap,
    Vwap,
)
from .model.contracts import ComboLeg, combo
from .orders.drafts import OrderDraft, buy, exercise, lapse, one_cancels_all, sell
from .orders.watching import (
    Waits,
    Watched,
    after,
    before,
    margin,
    percent_change,
    price,
    traded,
    volume,
)

__all__ = [
    "AccumulateDistribute",
    "ArrivalPrice",
    "ClosePrice",
    "ComboLeg",
    "DarkIce",
    "OrderDraft",
    "PercentOfVolume",
    "Twap",
    "Vwap",
    "Waits",
    "Watched",
    "after",
    "before",
    "buy",
    "combo",
    "exercise",
    "lapse",
    "margin",
    "one_cancels_all",
    "percent_change",
    "price",
    "sell",
    "traded",
    "volume",
]
