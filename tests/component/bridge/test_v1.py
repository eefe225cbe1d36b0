"""The endpoints of `/v1` that are not about orders, and the metrics."""

from __future__ import annotations

import http.client
import socket
from decimal import Decimal
from urllib.parse import quote

import pytest

from kit.bridge import Make, Served


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("/v1/status", {"state", "breakers", "halted_by"}),
        ("/v1/capabilities", {"server_version", "features"}),
        ("/v1/pacing", {"budget", "lanes"}),
        ("/v1/breakers", {"breakers"}),
        ("/v1/account", {"cash", "buying_power"}),
        ("/v1/positions", {"items"}),
        ("/v1/pnl", {"account", "daily", "unrealized"}),
        ("/v1/exposure", {"account"}),
        ("/v1/alerts", {"items"}),
        ("/v1/alerts/history", {"items"}),
        ("/v1/instruments/AAPL", {"contract", "min_tick"}),
        ("/v1/quotes/AAPL", {"bid", "ask", "data_type"}),
        ("/v1/kill-switch", {"engaged", "state"}),
    ],
)
def test_what_can_be_read_is_there(bridge: Served, path: str, keys: set[str]) -> None:
    answer = bridge.get(path)
    assert answer.status == 200, answer.body
    assert keys <= answer.json.keys()


def test_decimals_are_text_and_times_are_utc(bridge: Served) -> None:
    told = bridge.get("/v1/quotes/EUR.USD").json
    assert Decimal(told["bid"]) < Decimal(told["ask"])
    assert isinstance(told["bid"], str)
    assert told["timestamp"].endswith("Z")


def test_a_quote_that_is_young_enough_is_not_asked_for_again(bridge: Served) -> None:
    first = bridge.get("/v1/quotes/MSFT?max_age_s=60")
    again = bridge.get("/v1/quotes/MSFT?max_age_s=60")
    assert again.json == first.json
    assert int(again.headers["age"]) >= 0
    assert bridge.get("/v1/quotes/MSFT?max_age_s=-1").slug == "invalid-request"


def test_many_quotes_come_with_the_problems_of_those_that_do_not(bridge: Served) -> None:
    rows = bridge.get("/v1/quotes?symbols=AAPL,NOSUCHTHING,EUR.USD").json["items"]
    assert [row["symbol"] for row in rows] == ["AAPL", "NOSUCHTHING", "EUR.USD"]
    assert rows[0]["quote"]["bid"]
    assert rows[1]["quote"] is None
    assert rows[1]["problem"]["type"].endswith("contract-not-found")
    too_many = ",".join(f"S{number}" for number in range(51))
    assert bridge.get(f"/v1/quotes?symbols={too_many}").slug == "invalid-request"


def test_history_comes_in_pages_that_are_the_whole(bridge: Served) -> None:
    asked = "/v1/bars/AAPL?duration=1 D&bar_size=1 hour&end=2026-11-18T15:00:00Z"
    whole = bridge.get(asked).json["items"]
    had, cursor = list[object](), ""
    while True:
        told = bridge.get(f"{asked}&limit=3{cursor}").json
        had += told["items"]
        if told["next"] is None:
            break
        cursor = f"&cursor={quote(told['next'])}"
    assert had == whole
    assert len(whole) > 3


def test_history_that_cannot_be_is_the_callers_mistake(bridge: Served) -> None:
    assert bridge.get("/v1/bars/AAPL?bar_size=7 parsecs").slug == "historical-data"
    assert bridge.get("/v1/bars/AAPL?start=2026-11-18T15:00:00").slug == "invalid-request"
    assert bridge.get("/v1/bars/NOSUCHTHING").slug == "contract-not-found"


def test_what_has_not_changed_is_not_sent_again(bridge: Served) -> None:
    first = bridge.get("/v1/instruments/AAPL")
    for said in (first.headers["etag"], f'"x", W/{first.headers["etag"]}', "*"):
        again = bridge.get("/v1/instruments/AAPL", headers={"If-None-Match": said})
        assert (again.status, again.body) == (304, b"")
    assert bridge.get("/v1/instruments/AAPL", headers={"If-None-Match": '"x"'}).status == 200


def test_a_breaker_is_reset_by_its_name(bridge: Served) -> None:
    assert "orders" in bridge.get("/v1/breakers").json["breakers"]
    assert bridge.post("/v1/breakers/history/reset").status == 200
    assert bridge.post("/v1/breakers/nothing/reset").slug == "no-such-breaker"


def test_an_alert_that_is_none_cannot_be_acknowledged(bridge: Served) -> None:
    assert bridge.post("/v1/alerts/none/acknowledge").slug == "no-such-alert"
    assert bridge.get("/v1/alerts/history?kind=moon").slug == "invalid-request"


def test_the_rules_are_read_again(bridge: Served) -> None:
    assert bridge.post("/v1/rules/reload").status == 200


def test_it_counts_for_prometheus(bridge: Served) -> None:
    answer = bridge.get("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert b"# TYPE ibkr_" in answer.body
    assert bridge.get("/openapi.json").json["info"]["title"] == "ibkr-connector bridge"


def test_one_caller_cannot_ask_without_end(make_bridge: Make) -> None:
    bridge = make_bridge(connect=False, requests_per_s=0.01, burst=3)
    answers = [bridge.get("/livez") for _ in range(6)]
    assert answers[0].status == 200
    assert answers[-1].status == 429
    assert answers[-1].slug == "too-many-requests"
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_answers_are_sent_at_once(bridge: Served) -> None:
    """Without it an answer of two pieces waits 40 ms for the acknowledgement of the first."""
    kept = http.client.HTTPConnection(bridge.host, bridge.port, timeout=60)
    try:
        kept.request("GET", "/livez")
        kept.getresponse().read()

        def options() -> list[int]:
            transports = [one.transport for one in bridge.server.server_state.connections]
            sockets = [transport.get_extra_info("socket") for transport in transports]
            return [one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for one in sockets]

        found = bridge.do(options)
    finally:
        kept.close()
    assert found
    assert all(found)


@pytest.mark.parametrize(
    ("host", "status"), [("127.0.0.1", 200), ("[::1]", 200), ("0.0.0.0", 421), ("[::]:8092", 421)]
)
def test_without_tokens_no_address_is_answered_that_pages_of_anybody_reach(
    bridge: Served, host: str, status: int
) -> None:
    assert bridge.get("/health", headers={"Host": host}).status == status
