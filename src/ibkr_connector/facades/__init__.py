"""
The connector for code that does not await, and under the names of older programs.

    with create_paper_broker() as broker:
        print(broker.get_market_data_snapshot(broker.create_stock_contract("AAPL")))

Thin: each method is one sentence to an `IBKRConnector`, which does all of the work on a thread of
its own. What is safe there is safe here: paper, loopback and read-only until asked.
"""

from __future__ import annotations

from .blocking import Blocking
from .broker import InteractiveBrokersBroker, create_live_broker, create_paper_broker
from .client import IBClient
from .older import InteractiveBrokersApiService

__all__ = [
    "Blocking",
    "IBClient",
    "InteractiveBrokersApiService",
    "InteractiveBrokersBroker",
    "create_live_broker",
    "create_paper_broker",
]
