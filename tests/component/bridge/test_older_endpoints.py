"""The endpoints of the older bridge, called as its programs call them."""

from __future__ import annotations

import json
from typing import Any

import ibkr_connector
from kit.bridge import Served

RESTING = {
    "symbol": "AAPL",
    "action": "BUY",
    "quantity": 10,
    "order_type": "LMT",
    "limit_price": 1.05,
}


def test_health_says_whether_there_is_a_connection(bridge: Served) -> None:
    told = bridge.get("/health")
    assert told.json == {
        "status": "ready",
        "connected": True,
        "version": ibkr_connector.__version__,
    }


def test_a_quote_is_numbers_under_the_name_asked_for(bridge: Served) -> None:
    quote = bridge.get("/quotes/EUR.USD").json
    assert quote["symbol"] == "EUR.USD"
    assert isinstance(quote["bid"], float)
    assert quote["bid"] < quote["ask"]
    assert quote["price"] is not None
    assert quote["timestamp"].endswith("Z")


def test_candles_come_oldest_first(bridge: Served) -> None:
    told = bridge.post("/candles/AAPL", {"duration": "1 D", "bar_size": "1 hour"}).json
    assert (told["duration"], told["bar_size"]) == ("1 D", "1 hour")
    assert told["count"] == len(told["candles"]) > 3
    times = [candle["timestamp"] for candle in told["candles"]]
    assert times == sorted(times)
    assert set(told["candles"][0]) == {"timestamp", "open", "high", "low", "close", "volume"}


def test_candles_without_a_body_are_those_of_a_day(bridge: Served) -> None:
    assert bridge.call("POST", "/candles/AAPL").json["bar_size"] == "5 mins"


def test_an_order_is_placed_looked_at_and_cancelled(bridge: Served) -> None:
    placed = bridge.post("/orders", RESTING)
    assert (placed.status, placed.json["status"]) == (200, "submitted")
    where = f"/orders/{placed.json['order_id']}"
    assert bridge.get(where).json == placed.json
    gone = bridge.call("DELETE", where)
    assert (gone.status, gone.json["status"]) == (200, "cancelled")
    assert bridge.get(where).json["status"] == "cancelled"


def test_what_was_bought_is_among_the_positions(bridge: Served) -> None:
    bought = {"symbol": "MSFT", "action": "BUY", "quantity": 3, "wait": "filled"}
    order = bridge.post("/orders", bought).json
    assert (order["status"], order["filled_quantity"]) == ("filled", 3.0)
    rows = {row["symbol"]: row for row in bridge.get("/positions").json}
    assert rows["MSFT"]["quantity"] == 3.0
    assert rows["MSFT"]["avg_cost"] > 0
    assert {"current_price", "unrealized_pnl"} <= set(rows["MSFT"])


def test_the_account_has_its_figures(bridge: Served) -> None:
    figures: dict[str, Any] = bridge.get("/account").json
    for name in ("cash", "total_value", "buying_power", "maintenance_margin"):
        assert isinstance(figures[name], float)


def test_it_describes_itself(bridge: Served) -> None:
    told = bridge.get("/openapi.json").json
    assert told["openapi"].startswith("3.")
    assert "/quotes/{symbol}" in told["paths"]


def test_a_web_socket_brings_quotes(bridge: Served) -> None:
    socket = bridge.follow("/ws/quotes/AAPL")
    told = json.loads(socket.recv(60))
    assert (told["type"], told["symbol"], told["seq"]) == ("quote", "AAPL", 1)
    assert told["bid"] < told["ask"]


def test_a_web_socket_tells_an_error_as_one(bridge: Served) -> None:
    socket = bridge.follow("/ws/quotes/NOSUCH")
    text = socket.recv(120)
    told = json.loads(text)
    assert (told["type"], told["seq"]) == ("error", 1)
    assert (told["status"], told["code"], told["retryable"]) == (404, 200, False)
    assert told["problem"].endswith(":contract-not-found")
    names = [name for name, _ in json.loads(text, object_pairs_hook=list)]
    assert len(names) == len(set(names))


def test_it_disconnects_and_connects_again(bridge: Served) -> None:
    gone = bridge.post("/disconnect")
    assert (gone.status, gone.json["connected"]) == (200, False)
    refused = bridge.get("/quotes/AAPL")
    assert (refused.status, refused.slug) == (503, "not-connected")
    ready = bridge.get("/readyz")
    assert (ready.status, ready.json["reasons"]) == (503, ["not_connected"])
    assert bridge.get("/livez").json == {"alive": True}
    assert bridge.get("/health").status == 200
    back = bridge.post("/connect")
    assert (back.status, back.json["status"]) == (200, "ready")
    assert bridge.get("/readyz").status == 200
