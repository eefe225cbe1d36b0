"""A script that waits for each answer: no loop, no `await`."""

import sys

from ibkr_connector.facades import InteractiveBrokersBroker

config = {"port": int(sys.argv[1]), "timeout": 30, "account_id": "DEFAULT"}

with InteractiveBrokersBroker(config) as broker:
    es = broker.create_stock_contract("ES", "FUT", "CME")
    snapshot = broker.get_market_data_snapshot(es)
    print("spread", snapshot["ASK"] - snapshot["BID"])

    bars = broker.get_historical_data(es, duration_str="1 W", bar_size_setting="1 hour")
    print(bars.contract.local_symbol, "bars:", len(bars) > 0)

    summary = broker.get_account_summary()
    print("cash", summary.cash, summary.currency, "positions", len(broker.get_positions()))
