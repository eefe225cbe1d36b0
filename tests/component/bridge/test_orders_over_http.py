"""Orders over HTTP: placed once, previewed, changed, cancelled, and told as they stand."""

from __future__ import annotations

import http.client
import itertools
import json
from decimal import Decimal
from typing import Any

import pytest

from ibkr_connector.simulator import Answer, Cut, HostedSimulator
from kit.bridge import Make, Served, until

RESTING: dict[str, Any] = {
    "symbol": "AAPL",
    "action": "BUY",
    "quantity": 10,
    "order_type": "LMT",
    "limit_price": "1.05",
}
KEYS = (f"key-{number}" for number in itertools.count())


def there(gateway: HostedSimulator) -> list[Any]:
    return gateway.do(
        lambda gw: [order.terms for order in (*gw.venue.open_orders(), *gw.venue.closed_orders())]
    )


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def test_the_id_of_a_request_is_in_the_journal_of_its_order(bridge: Served) -> None:
    placed = bridge.post("/v1/orders", RESTING, headers={"X-Request-ID": "desk-7f"})
    assert placed.headers["x-request-id"] == "desk-7f"
    history = bridge.get(f"/v1/orders/{placed.json['order_ref']}/history").json
    assert {step["correlation_id"] for step in history["steps"]} == {"desk-7f"}


def test_an_order_loses_no_digit_on_the_way(bridge: Served) -> None:
    placed = bridge.post("/v1/orders", RESTING)
    assert placed.status == 201
    assert placed.headers["location"] == f"/v1/orders/{placed.json['order_id']}"
    assert (placed.json["limit_price"], placed.json["quantity"]) == ("1.05", "10")
    assert placed.json["contract"]["symbol"] == "AAPL"
    again = bridge.get(placed.headers["location"])
    assert again.json["status"] == "submitted"
    assert [step["target"] for step in again.json["transitions"]]


def test_the_same_key_is_the_same_order(bridge: Served, gateway_of_all: HostedSimulator) -> None:
    key = next(KEYS)
    first = bridge.post("/v1/orders", RESTING, headers=keyed(key))
    before = len(there(gateway_of_all))
    again = bridge.post("/v1/orders", RESTING, headers=keyed(key))
    older = bridge.post("/orders", {**RESTING, "client_order_id": key})
    assert first.json["order_id"] == again.json["order_id"] == older.json["order_id"]
    assert again.json["client_order_id"] == key
    assert len(there(gateway_of_all)) == before


def test_another_order_under_the_same_key_is_refused(
    bridge: Served, gateway_of_all: HostedSimulator
) -> None:
    key = next(KEYS)
    bridge.post("/v1/orders", RESTING, headers=keyed(key))
    before = len(there(gateway_of_all))
    answer = bridge.post("/v1/orders", {**RESTING, "quantity": 11}, headers=keyed(key))
    assert (answer.status, answer.slug) == (422, "order-invalid")
    assert "already names another order" in answer.json["detail"]
    assert len(there(gateway_of_all)) == before


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 65, "ü"])
def test_a_key_that_is_none_is_refused(bridge: Served, key: str) -> None:
    answer = bridge.post("/v1/orders", RESTING, headers=keyed(key))
    assert (answer.status, answer.slug) == (422, "invalid-request")


def test_what_was_previewed_goes_once_by_its_token(bridge: Served) -> None:
    told = bridge.post("/v1/orders/preview", RESTING).json
    assert told["broker"]["initial_margin"]["change"] is not None
    assert {row["rule"] for row in told["rules"]} >= {"MAX_ORDER_SIZE", "trading"}
    body = {**RESTING, "token": told["token"]}
    placed = bridge.post("/v1/orders", body)
    assert placed.status == 201
    assert bridge.post("/v1/orders", body).slug == "order-invalid"
    steps = bridge.get(f"/v1/orders/{placed.json['order_id']}/history").json["steps"]
    assert "http: local" in str(steps)


def test_the_bridge_can_be_set_to_take_tokens_only(make_bridge: Make) -> None:
    strict = make_bridge(connector={"require_preview": True})
    for path, body in (("/orders", RESTING), ("/v1/orders", RESTING)):
        refused = strict.post(path, body)
        assert (refused.status, refused.slug) == (422, "order-invalid")
        assert "token is missing" in refused.json["detail"]
    bracket = {**RESTING, "take_profit": "1.10", "stop_loss": "1.00"}
    assert "token is missing" in strict.post("/v1/brackets", bracket).json["detail"]
    token = strict.post("/v1/orders/preview", RESTING).json["token"]
    other = strict.post("/v1/orders", {**RESTING, "quantity": 9, "token": token})
    assert other.slug == "order-invalid"
    placed = strict.post("/v1/orders", {**RESTING, "token": token})
    assert placed.status == 201
    where = placed.headers["location"]
    assert "token is missing" in strict.call("PATCH", where, {"quantity": 5}).json["detail"]
    allowed = strict.post(f"{where}/preview", {"quantity": 5}).json["token"]
    changed = strict.call("PATCH", where, {"quantity": 5, "token": allowed})
    assert (changed.status, changed.json["quantity"]) == (200, "5")
    assert strict.call("DELETE", where).json["status"] == "cancelled"


def test_a_working_order_is_changed(bridge: Served) -> None:
    where = bridge.post("/v1/orders", RESTING).headers["location"]
    changed = bridge.call("PATCH", where, {"limit_price": 1.07, "quantity": "12"})
    assert (changed.status, changed.json["limit_price"]) == (200, "1.07")
    assert Decimal(changed.json["quantity"]) == 12
    assert bridge.call("PATCH", where, {}).json == changed.json
    assert bridge.call("PATCH", where, {"action": "SELL"}).slug == "invalid-request"


def test_a_bracket_goes_in_one_piece(bridge: Served) -> None:
    body = {**RESTING, "take_profit": "1.10", "stop_loss": "1.00"}
    told = bridge.post("/v1/brackets/preview", body)
    assert (told.status, len(told.json["exits"])) == (200, 2)
    key = next(KEYS)
    placed = bridge.post("/v1/brackets", body, headers=keyed(key))
    assert placed.status == 201
    again = bridge.post("/v1/brackets", body, headers=keyed(key))
    assert again.json["entry"]["order_id"] == placed.json["entry"]["order_id"]
    assert placed.json["stop_loss"]["stop_price"] == "1.00"


def test_an_order_that_is_open_at_the_end_of_the_wait_is_there(bridge: Served) -> None:
    # placed before, so that the short wait is for its end alone
    key = keyed(next(KEYS))
    bridge.post("/v1/orders", RESTING, headers=key)
    body = {**RESTING, "wait": "filled", "timeout_s": 0.2}
    answer = bridge.post("/v1/orders", body, headers=key)
    assert (answer.status, answer.json["status"]) == (202, "submitted")
    assert bridge.get(answer.headers["location"]).json["status"] == "submitted"


def test_orders_come_in_pages_and_unchanged_ones_not_again(bridge: Served) -> None:
    for _ in range(3):
        bridge.post("/v1/orders", RESTING)
    seen: list[int] = []
    path = "/v1/orders?open_only=true&limit=2"
    page = bridge.get(path)
    while True:
        seen += [row["order_id"] for row in page.json["items"]]
        if page.json["next"] is None:
            break
        page = bridge.get(f"{path}&cursor={page.json['next']}")
    assert len(seen) == len(set(seen)) >= 3
    mark = ""

    def is_unchanged() -> bool:
        # the broker may still have had a word to say of one of them
        nonlocal mark
        mark = bridge.get(path).headers["etag"]
        again = bridge.get(path, headers={"If-None-Match": mark})
        assert (again.status == 304) is (again.body == b"")
        return again.status == 304

    until(is_unchanged)
    bridge.call("DELETE", f"/v1/orders/{seen[0]}")
    assert bridge.get(path, headers={"If-None-Match": mark}).status == 200
    assert bridge.get(f"{path}&cursor=nothing").slug == "cursor-gone"


def test_orders_are_asked_for_by_status_and_by_time(bridge: Served) -> None:
    old = bridge.post("/v1/orders", RESTING).json
    new = bridge.post("/v1/orders", {**RESTING, "wait": "sent"}).json
    gone = bridge.call("DELETE", f"/v1/orders/{old['order_id']}").json
    listed = bridge.get("/v1/orders?status=cancelled&limit=1000").json["items"]
    assert gone["order_id"] in [row["order_id"] for row in listed]
    assert {row["status"] for row in listed} == {"cancelled"}
    since = bridge.get(f"/v1/orders?changed_since={gone['timestamp']}&limit=1000").json["items"]
    assert gone["order_id"] in [row["order_id"] for row in since]
    assert len(since) < len(bridge.get("/v1/orders?limit=1000").json["items"])
    assert new["order_id"]
    assert bridge.get("/v1/orders?changed_since=2026-01-01T00:00:00").status == 422


def test_fills_have_their_page_and_their_order(bridge: Served) -> None:
    bought = {"symbol": "MSFT", "action": "BUY", "quantity": 2, "wait": "filled"}
    order = bridge.post("/v1/orders", bought).json
    assert (order["status"], order["filled_quantity"]) == ("filled", "2")
    own = bridge.get(f"/v1/orders/{order['order_id']}/fills").json["items"]
    assert sum(Decimal(fill["quantity"]) for fill in own) == 2
    every = bridge.get("/v1/fills").json["items"]
    assert {fill["exec_id"] for fill in own} <= {fill["exec_id"] for fill in every}
    assert bridge.get("/v1/fills?since=2100-01-01T00:00:00Z").json["items"] == []


def test_what_is_held_is_closed_and_nothing_else(bridge: Served) -> None:
    bridge.post("/v1/orders", {"symbol": "NVDA", "action": "BUY", "quantity": 2, "wait": "filled"})
    closed = bridge.post("/v1/positions/NVDA/close")
    assert (closed.status, closed.json["problems"]) == (200, [])
    assert [row["action"] for row in closed.json["closed"]] == ["SELL"]
    until(lambda: held(bridge, "NVDA") == 0)


def held(bridge: Served, symbol: str) -> Decimal:
    """Return how much the bridge tells to be held of a symbol."""
    rows = bridge.get("/v1/positions").json["items"]
    found = (Decimal(row["quantity"]) for row in rows if row["contract"]["symbol"] == symbol)
    return sum(found, Decimal(0))


def test_everything_of_ours_is_cancelled_and_closed(bridge: Served) -> None:
    bridge.post("/v1/orders", RESTING)
    cancelled = bridge.call("DELETE", "/v1/orders")
    assert cancelled.status == 200
    assert {row["status"] for row in cancelled.json["cancelled"]} == {"cancelled"}
    assert bridge.get("/v1/orders?open_only=true").json["items"] == []
    flat = bridge.post("/v1/flatten")
    assert (flat.status, flat.json["problems"]) == (200, [])


def test_a_lost_answer_is_asked_for_again_by_its_key(
    make_bridge: Make, lively_gateway: HostedSimulator
) -> None:
    """The caller hangs up before the answer, and sends the same again, also after a restart."""
    one = make_bridge()
    link = http.client.HTTPConnection(one.host, one.port, timeout=60)
    headers = {"Content-Type": "application/json", **keyed("lost")}
    link.request("POST", "/v1/orders", json.dumps(RESTING), headers)
    link.close()
    again = one.post("/v1/orders", RESTING, headers=keyed("lost"))
    assert again.status == 201
    assert len(there(lively_gateway)) == 1
    one.stop()
    two = make_bridge()
    third = two.post("/v1/orders", RESTING, headers=keyed("lost"))
    assert third.json["order_ref"] == again.json["order_ref"]
    assert len(there(lively_gateway)) == 1


def test_an_order_that_nobody_knows_of_is_no_invitation_to_send_it_again(
    make_bridge: Make, lively_gateway: HostedSimulator
) -> None:
    bridge = make_bridge()
    lively_gateway.do(lambda gw: gw.inject(Cut(on="PlaceOrder", handled=True, answered=False)))
    answer = bridge.post("/v1/orders", RESTING)
    assert (answer.status, answer.slug) == (409, "order-uncertain")
    assert answer.json["retryable"] is False
    assert "do not resend" in answer.json["hint"]
    assert answer.json["order_id"] >= 1
    assert "retry-after" not in answer.headers


def test_the_brokers_no_is_told_with_its_code(
    make_bridge: Make, lively_gateway: HostedSimulator
) -> None:
    bridge = make_bridge()
    lively_gateway.do(lambda gw: gw.inject(Answer(to="PlaceOrder", code=201, text="no margin")))
    answer = bridge.post("/v1/orders", RESTING)
    assert (answer.status, answer.slug) == (422, "order-rejected")
    assert answer.json["code"] == 201
    assert "no margin" in answer.json["detail"]


def test_every_broken_limit_is_told_together(make_bridge: Make) -> None:
    bridge = make_bridge(connector={"max_order_size": 5})
    answer = bridge.post("/v1/orders", RESTING)
    assert (answer.status, answer.slug) == (422, "risk-limit")
    (broken,) = answer.json["violations"]
    assert (broken["rule"], broken["value"], broken["limit"]) == ("MAX_ORDER_SIZE", "10", "5")
    assert broken["remedy"]
    assert answer.json["correlation_id"] == answer.headers["x-request-id"]


def test_a_read_only_connector_takes_no_order_whoever_asks(
    make_bridge: Make, lively_gateway: HostedSimulator
) -> None:
    bridge = make_bridge(connector={"readonly": True})
    for path in ("/orders", "/v1/orders", "/v1/orders/preview"):
        answer = bridge.post(path, RESTING)
        assert (answer.status, answer.slug) == (403, "read-only")
    assert there(lively_gateway) == []


def test_the_kill_switch_stops_orders_and_is_released_by_name(make_bridge: Make) -> None:
    bridge = make_bridge()
    bridge.post("/v1/orders", RESTING)
    assert bridge.get("/v1/kill-switch").json == {"engaged": False, "state": None}
    engaged = bridge.post("/v1/kill-switch", {"reason": "enough", "cancel": True})
    assert engaged.status == 200
    assert bridge.get("/v1/orders?open_only=true").json["items"] == []
    assert "enough" in bridge.get("/v1/kill-switch").json["state"]["reason"]
    refused = bridge.post("/v1/orders", RESTING)
    assert (refused.status, refused.slug) == (423, "trading-halted")
    assert "trading_halted" in bridge.get("/readyz").json["notes"]
    assert bridge.call("DELETE", "/v1/kill-switch").json["engaged"] is False
    assert bridge.post("/v1/orders", RESTING).status == 201


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "action"),
        ({**RESTING, "quantity": -1}, "quantity"),
        ({**RESTING, "quantity": "many"}, "quantity"),
        ({**RESTING, "action": "HOLD"}, "action"),
        ({**RESTING, "order_type": "MAGIC"}, "order_type"),
        ({**RESTING, "limit_price": None}, "limit_price"),
        ({**RESTING, "colour": "red"}, "colour"),
        ({**RESTING, "wait": "forever"}, "wait"),
        ({**RESTING, "timeout_s": 0}, "timeout_s"),
        ({**RESTING, "conditions": [{"kind": "moon"}]}, "kind"),
        ({**RESTING, "algo": {"kind": "moon"}}, "kind"),
        ({**RESTING, "symbol": "NOSUCHTHING"}, "No security definition"),
    ],
)
def test_a_mistake_is_named(bridge: Served, body: dict[str, Any], says: str) -> None:
    answer = bridge.post("/v1/orders", body)
    assert answer.status in {404, 422}
    assert answer.slug in {"invalid-request", "order-invalid", "contract-not-found"}
    assert says in answer.json["detail"]
