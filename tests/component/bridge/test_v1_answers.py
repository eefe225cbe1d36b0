"""What `/v1` answers when there is something to answer: each in the form that it says."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import schemathesis
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ibkr_connector.facades import Blocking
from ibkr_connector.model.advisor import AdvisorGroup, AllocationMethod, GroupMember
from ibkr_connector.simulator import GatewaySimulator, HostedSimulator
from kit.account_desk import FIRM
from kit.bridge import Answer, Make, Served, until

DAY = "2026-11-18T15:00:00Z"
SPAN = {"start": "2026-11-17T14:30:00Z", "end": "2026-11-17T14:31:00Z"}

ASKED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("/v1/accounts", {}, {}),
    ("/v1/balances", {}, {}),
    ("/v1/segments", {}, {}),
    ("/v1/concentration", {}, {}),
    ("/v1/pnl/check", {}, {}),
    ("/v1/equity", {}, {"limit": 1}),
    ("/v1/equity/state", {}, {}),
    ("/v1/positions/history", {}, {}),
    ("/v1/returns", {}, {}),
    ("/v1/drawdown", {}, {}),
    ("/v1/daily-pnl", {}, {}),
    ("/v1/risk", {}, {}),
    ("/v1/sizing/{symbol}", {"symbol": "AAPL"}, {}),
    ("/v1/sizing/{symbol}/risk", {"symbol": "AAPL"}, {"entry": 190, "stop": 185, "share": 0.01}),
    ("/v1/sizing/{symbol}/equity", {"symbol": "AAPL"}, {"price": 190, "share": 0.1}),
    (
        "/v1/sizing/{symbol}/volatility",
        {"symbol": "AAPL"},
        {"price": 190, "average_range": 2.5, "share": 0.01},
    ),
    ("/v1/search", {}, {"text": "AAP"}),
    ("/v1/instruments", {}, {"symbols": "AAPL,NOSUCHTHING"}),
    ("/v1/instruments/{symbol}", {"symbol": "EUR.USD"}, {}),
    ("/v1/instruments/{symbol}/hours", {"symbol": "AAPL"}, {}),
    ("/v1/instruments/{symbol}/steps", {"symbol": "AAPL"}, {}),
    ("/v1/registry", {}, {}),
    ("/v1/registry/changes", {}, {}),
    ("/v1/options/{symbol}/chain", {"symbol": "AAPL"}, {"exchange": "SMART"}),
    ("/v1/options/{symbol}/slice", {"symbol": "AAPL"}, {"near": 190, "count": 1, "right": "C"}),
    ("/v1/futures/{symbol}/contracts", {"symbol": "ES"}, {}),
    ("/v1/futures/{symbol}/front", {"symbol": "ES"}, {}),
    ("/v1/futures/{symbol}/rolls", {"symbol": "ES"}, {}),
    ("/v1/futures/{symbol}/next-roll", {"symbol": "ES"}, {}),
    ("/v1/futures/{symbol}/continuous", {"symbol": "ES"}, {"start": "2026-11-02"}),
    ("/v1/scans/{code}", {"code": "TOP_PERC_GAIN"}, {"rows": 5, "filters": "priceAbove=5"}),
    ("/v1/scan-parameters", {}, {}),
    ("/v1/news/providers", {}, {}),
    ("/v1/news/headlines/{symbol}", {"symbol": "AAPL"}, {"limit": 3}),
    ("/v1/bars/{symbol}", {"symbol": "AAPL"}, {"bar_size": "1 hour", "end": DAY}),
    ("/v1/bars/{symbol}/earliest", {"symbol": "AAPL"}, {}),
    ("/v1/sessions/{symbol}", {"symbol": "AAPL"}, {"start": "2026-11-16T00:00:00Z", "end": DAY}),
    ("/v1/ticks/{symbol}", {"symbol": "AAPL"}, SPAN),
    ("/v1/histogram/{symbol}", {"symbol": "AAPL"}, {}),
    ("/v1/stored", {}, {}),
    ("/v1/downloads", {}, {}),
    ("/v1/fills/analysis", {}, {}),
    ("/v1/alerts/receipts", {}, {}),
    ("/v1/alerts/silences", {}, {}),
    ("/v1/alerts/rules", {}, {}),
    ("/v1/families", {}, {}),
    ("/v1/soft-dollar-tiers", {}, {}),
    ("/v1/models", {}, {}),
    ("/v1/models/{model}/positions", {"model": "Growth"}, {}),
    ("/v1/models/{model}/account", {"model": "Growth"}, {}),
]

CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def schema(bridge: Served) -> Any:
    """Return the description as the bridge serves it."""
    return schemathesis.openapi.from_url(
        f"http://{bridge.host}:{bridge.port}/openapi.json", timeout=200
    )


@pytest.mark.parametrize(("path", "parts", "query"), ASKED)
def test_an_answer_is_as_it_is_described(
    schema: Any, path: str, parts: dict[str, Any], query: dict[str, Any]
) -> None:
    case = schema[path]["GET"].Case(path_parameters=parts, query=query)
    answer = case.call_and_validate(checks=CHECKS, headers={"Connection": "close"}, timeout=200)
    assert answer.status_code == 200, answer.text


def asked_as(bridge: Served, form: str) -> Answer:
    path = f"/v1/bars/AAPL?bar_size=1 hour&end={DAY}"
    return bridge.get(path, headers={"Accept": form})


def test_bars_come_as_a_table_to_who_accepts_one(bridge: Served) -> None:
    ipc, parquet = pytest.importorskip("pyarrow.ipc"), pytest.importorskip("pyarrow.parquet")
    bars = asked_as(bridge, "application/json").json["items"]
    assert bars
    told = asked_as(bridge, "text/html;q=0.1, text/csv, application/json;q=0.5")
    assert told.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(told.body.decode())))
    assert [row["timestamp"] for row in rows] == [bar["timestamp"] for bar in bars]
    assert [row["close"] for row in rows] == [bar["close"] for bar in bars], "no digit is lost"
    arrow = ipc.open_stream(asked_as(bridge, "application/vnd.apache.arrow.stream").body)
    assert [float(bar["close"]) for bar in bars] == arrow.read_all()["close"].to_pylist()
    columns = io.BytesIO(asked_as(bridge, "application/vnd.apache.parquet").body)
    assert parquet.read_table(columns).num_rows == len(bars)
    again = bridge.get(
        f"/v1/bars/AAPL?bar_size=1 hour&end={DAY}",
        headers={"Accept": "text/csv", "If-None-Match": told.headers["etag"]},
    )
    assert again.status == 304


def test_a_form_that_there_is_none_of_is_refused_before_anybody_is_asked(bridge: Served) -> None:
    assert asked_as(bridge, "image/png").slug == "not-acceptable"
    assert asked_as(bridge, "text/csv;q=0").slug == "not-acceptable"
    assert asked_as(bridge, "image/png, */*;q=0.1").status == 200


def test_what_is_not_found_says_so_beside_what_is(bridge: Served) -> None:
    good, none = bridge.get("/v1/instruments?symbols=AAPL,NOSUCHTHING").json["items"]
    assert good["details"]["contract"]["con_id"]
    assert none["problem"]["type"].endswith("contract-not-found")
    assert bridge.get("/v1/instruments?symbols=,").slug == "invalid-request"


def test_a_search_finds_what_can_be_looked_up(bridge: Served) -> None:
    first = bridge.get("/v1/search?text=AAPL").json["items"][0]
    assert (first["contract"]["symbol"], first["name"]) == ("AAPL", "APPLE INC")
    assert "OPT" in first["derivatives"]
    found = bridge.get(f"/v1/instruments/%23{first['contract']['con_id']}").json
    assert found["contract"]["con_id"] == first["contract"]["con_id"]
    assert bridge.get("/v1/search?text=").slug == "invalid-request"


def test_a_size_is_within_the_share_that_was_said(bridge: Served) -> None:
    basis = bridge.get("/v1/sizing/AAPL").json
    sized = bridge.get("/v1/sizing/AAPL/risk?entry=190&stop=185&share=0.001").json
    assert 0 < Decimal(sized["risk"]) <= Decimal(basis["equity"]) / 1000
    assert bridge.get("/v1/sizing/AAPL/risk?entry=190&stop=190&share=0.01").slug == "order-invalid"
    assert bridge.get("/v1/sizing/AAPL/risk?entry=190&stop=1&share=7").slug == "invalid-request"


def test_an_option_tells_price_and_volatility_of_each_other(bridge: Served) -> None:
    found = bridge.get("/v1/options/AAPL/slice?near=190&count=1&right=C").json
    (option,) = (one["contract"] for one in found["items"][:1])
    name = f"#{option['con_id']}"
    path = f"/v1/options/{name.replace('#', '%23')}"
    priced = bridge.get(f"{path}/price?volatility=0.25&under_price=190").json
    back = bridge.get(f"{path}/implied-volatility?price={priced['price']}&under_price=190").json
    assert back["volatility"] == pytest.approx(0.25, abs=0.01)
    assert bridge.get(f"{path}/greeks").json["contract"]["con_id"] == option["con_id"]


def test_the_text_behind_a_headline_is_there(bridge: Served) -> None:
    told = bridge.get("/v1/news/headlines/AAPL?limit=1").json
    (first,) = told["headlines"]
    path = f"/v1/news/article?provider={first['provider']}&article_id={first['article_id']}"
    assert bridge.get(path).json["text"]
    assert bridge.get("/v1/scans/TOP_PERC_GAIN?filters=nonsense").slug == "invalid-request"


def test_a_download_goes_on_by_itself_and_is_read_from_the_store(bridge: Served) -> None:
    wish = {"symbols": ["AAPL", "NOSUCHTHING"], "duration": "2 D", "bar_size": "1 hour", "end": DAY}
    begun = bridge.post("/v1/downloads", wish)
    assert (begun.status, begun.json["state"]) == (202, "running")
    where = begun.headers["location"]
    until(lambda: bridge.get(where).json["state"] != "running")
    good, bad = bridge.get(where).json["rows"]
    assert (good["state"], bad["state"]) == ("done", "failed")
    assert good["bars"] > 0
    assert bad["problem"]["type"].endswith("contract-not-found")
    assert where.endswith(bridge.get("/v1/downloads").json["items"][-1]["job_id"])
    stored = bridge.get("/v1/stored").json["items"]
    (held,) = (one for one in stored if one["bar_size"] == "1 hour")
    assert held["bars"] >= good["bars"]
    assert bridge.get("/v1/stored/AAPL?bar_size=1 hour").json["coverage"]
    assert bridge.call("DELETE", where).json["state"] == "failed", "it was over already"
    assert bridge.get("/v1/downloads/none").slug == "no-such-download"


def test_a_span_whose_end_nobody_has_traded_in_is_told_as_empty(bridge: Served) -> None:
    late = "/v1/bars/AAPL?duration=2 D&bar_size=1 hour&stored=true&end=2026-11-21T23:00:00Z"
    assert bridge.get(late).slug == "no-data"


def test_a_download_is_ended_before_its_time(bridge: Served) -> None:
    wish = {"symbols": ["MSFT"], "duration": "2 Y", "bar_size": "1 min"}
    where = bridge.post("/v1/downloads", wish).headers["location"]
    assert bridge.call("DELETE", where).json["state"] == "cancelled"
    assert bridge.get(where).json["ended"]


def test_an_alert_is_silenced_and_told_again(bridge: Served) -> None:
    made = bridge.post("/v1/alerts/silences", {"for_s": 60, "kind": "pacing", "reason": "work"})
    assert made.status == 201
    assert "work (local" in made.json["reason"]
    held = bridge.get("/v1/alerts/silences").json["items"]
    assert [one["silence_id"] for one in held] == [made.json["silence_id"]]
    assert bridge.call("DELETE", made.headers["location"]).status == 204
    assert bridge.call("DELETE", made.headers["location"]).slug == "no-such-silence"
    assert bridge.post("/v1/alerts/test").json == {"items": []}, "there are no routes"


def test_what_fills_cost_is_told_from_the_journal(
    bridge: Served, gateway_of_all: HostedSimulator
) -> None:
    order = {"symbol": "AAPL", "action": "BUY", "quantity": 1, "order_type": "MKT"}
    report = bridge.post("/v1/orders", {**order, "wait": "filled"}).json
    told: list[Any] = []

    def is_written() -> bool:
        rows = bridge.get("/v1/fills/analysis").json["items"]
        told[:] = [one for one in rows if one["order_id"] == report["order_id"]]
        return bool(told)

    until(is_written)  # the journal is a moment behind what was answered
    (row,) = told
    assert row["average_price"] == report["avg_fill_price"]
    assert bridge.get("/v1/fills/analysis?since=2030-01-01T00:00:00Z").json["items"] == []
    # the market at arrival is asked for of the rows of a page, and of no others
    bridge.post("/v1/orders", {**order, "wait": "filled"})
    until(lambda: len(bridge.get("/v1/fills/analysis").json["items"]) >= 2)
    before = asked_for_seconds(gateway_of_all)
    page = bridge.get("/v1/fills/analysis?arrival=true&limit=1").json
    assert (len(page["items"]), page["next"] is None) == (1, False)
    assert page["items"][0]["slippage_bps"] is not None
    assert asked_for_seconds(gateway_of_all) == before + 1


def asked_for_seconds(gateway: HostedSimulator) -> int:
    """Return how often history in bars of a second was asked for."""
    log = gateway.do(lambda simulator: simulator.log)
    return sum(getattr(one.request, "bar_size", "") == "1 secs" for one in log)


def test_money_that_was_paid_in_is_told(bridge: Served) -> None:
    told = bridge.post("/v1/losses/payment", {"amount": "1000.50"})
    assert told.status == 200, told.body
    assert Decimal(told.json["day_start"]) > 1000
    assert bridge.call("DELETE", "/v1/losses").status == 204
    assert bridge.post("/v1/losses/payment", {"amount": "NaN"}).slug == "invalid-request"


def test_every_list_is_the_same_for_who_has_it_already(bridge: Served) -> None:
    for path in ("/v1/accounts", "/v1/stored", "/v1/registry", "/v1/futures/ES/contracts"):
        first = bridge.get(path)
        again = bridge.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status, again.body) == (304, b""), json.loads(first.body)


def test_what_is_watched_is_told_with_its_thresholds(bridge: Served) -> None:
    told = bridge.get("/v1/alerts/rules").json
    assert (told["enabled"], told["routes"]) == (True, [])
    cushion = next(one for one in told["items"] if one["kind"] == "margin_cushion")
    assert (cushion["side"], cushion["unit"], cushion["action"]) == ("below", "share", "none")
    assert Decimal(cushion["threshold"]) < Decimal(cushion["clear_at"])
    assert "test" not in {one["kind"] for one in told["items"]}


def test_an_advisors_groups_and_models_are_told_and_another_login_has_none(
    bridge: Served, make_bridge: Make, make_ibkr_gateway: Callable[..., HostedSimulator]
) -> None:
    assert bridge.get("/v1/advisor/groups").slug == "account"
    gateway = make_ibkr_gateway(accounts=FIRM)

    def set_up(simulator: GatewaySimulator) -> None:
        simulator.gateway.advisor.tiers = (("Research", "12", "Research of 2026"),)

    gateway.do(set_up)
    firm = make_bridge(port=gateway.port)
    core = AdvisorGroup(
        name="Core",
        method=AllocationMethod.RATIO,
        members=(
            GroupMember(account="DU1", amount=Decimal(1)),
            GroupMember(account="DU2", amount=Decimal(3)),
        ),
    )
    waiting = Blocking(firm.bridge.ib)
    waiting.call(lambda ib: ib.portfolio.replace_groups([core]))
    waiting.call(lambda ib: ib.portfolio.replace_aliases({"DU1": "Ann"}))
    (group,) = firm.get("/v1/advisor/groups").json["items"]
    assert (group["name"], group["method"]) == ("Core", "Ratio")
    assert group["members"][1] == {"account": "DU2", "amount": "3.0"}
    assert firm.get("/v1/advisor/aliases").json == {"accounts": {"DU1": "Ann"}}
    assert firm.get("/v1/families").json["accounts"]["DU2"] == "DF1000000"
    assert firm.get("/v1/soft-dollar-tiers").json["items"][0]["name"] == "Research"
    assert firm.get("/v1/models?account=DU1").json == {"items": []}
    assert firm.get("/v1/advisor/profiles").slug == "account"
