"""Metrics of a connector that has traded, as Prometheus reads them; and who asks for them."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import parser

from ibkr_connector import (
    ConfigurationError,
    ContractNotFoundError,
    IBKRConnector,
    OrderRejectedError,
    RiskLimitError,
    WrongThreadError,
    limit_order,
    market_order,
)
from ibkr_connector.observe.metrics import Exposition
from ibkr_connector.simulator import HostedSimulator
from ibkr_connector.simulator.faults import Reject
from kit.far_clock import FarClock, far_clock
from kit.market import hold

__all__ = ["far_clock"]

Make = Callable[..., IBKRConnector]
DEPLOY = Path(__file__).parents[3] / "deploy"


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a scrape wait for a loop that a busy machine keeps from its work."""
    monkeypatch.setattr("ibkr_connector.metering.SCRAPE_S", 60.0)


class Read:
    """What Prometheus' own parser makes of an exposition."""

    def __init__(self, said: Exposition) -> None:
        self.families = list(parser.text_string_to_metric_families(said.body.decode()))
        self.samples = [one for family in self.families for one in family.samples]

    def value(self, name: str, **labels: str) -> float:
        found = [
            one.value
            for one in self.samples
            if one.name == name and labels.items() <= one.labels.items()
        ]
        assert len(found) == 1, (name, labels, found)
        return found[0]

    def has(self, name: str) -> bool:
        return any(one.name == name for one in self.samples)


async def scraped(ib: IBKRConnector) -> Read:
    return Read(await asyncio.to_thread(ib.metrics.exposition))


async def traded(ib: IBKRConnector) -> None:
    """Do a little of everything that is counted."""
    await ib.get_quote("AAPL")
    bought = await ib.place_order(market_order("AAPL", "BUY", 3))
    await ib.wait_for_fill(bought.order_id)
    rests = await ib.place_order(limit_order("AAPL", "BUY", 1, limit_price=Decimal("1.05")))
    await ib.cancel_order(rests.order_id)
    with pytest.raises(RiskLimitError):
        await ib.place_order(limit_order("AAPL", "BUY", 10**6, limit_price=Decimal("1.05")))


PROMISED: Mapping[str, set[str]] = {
    "ibkr_connection_uptime_seconds": set(),
    "ibkr_reconnects_total": set(),
    "ibkr_calls_total": {"endpoint", "outcome"},
    "ibkr_call_errors_total": {"endpoint", "error", "code"},
    "ibkr_call_duration_seconds_bucket": {"endpoint", "le"},
    "ibkr_pacing_wait_seconds_bucket": {"group", "le"},
    "ibkr_breaker_state": {"group", "state"},
    "ibkr_orders_closed_total": {"outcome", "origin"},
    "ibkr_order_submit_to_ack_seconds_bucket": {"le"},
    "ibkr_order_ack_to_fill_seconds_bucket": {"le"},
    "ibkr_order_submit_to_filled_seconds_bucket": {"le"},
    "ibkr_fills_total": {"asset", "side", "origin"},
    "ibkr_stream_records_total": {"kind"},
    "ibkr_stream_conflated_total": {"kind"},
    "ibkr_tick_age_seconds_bucket": {"kind", "le"},
    "ibkr_account_net_liquidation": {"account", "currency"},
    "ibkr_account_unrealized_pnl": {"account", "currency"},
    "ibkr_account_realized_pnl": {"account", "currency"},
    "ibkr_account_daily_pnl": {"account", "currency"},
}
"""What the wall is promised, with its labels; the heartbeat has a test of its own."""


async def test_a_connector_that_has_traded_tells_what_it_did(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    # or the account is worth something else when it is asked for the second time
    hold(ibkr_gateway, "189.98", "190.02")
    ib = make_connector(ibkr_gateway.port)
    async with ib:
        await traded(ib)
        with pytest.raises(ContractNotFoundError):
            await ib.get_quote("NOSUCHTHING")
        async with ib.stream_quotes("AAPL") as stream, asyncio.timeout(60):
            await anext(stream)
            while not (read := await scraped(ib)).has("ibkr_tick_age_seconds_bucket"):
                await asyncio.sleep(0.05)
            assert read.value("ibkr_streams", kind="quotes", phase="live") == 1
            assert read.value("ibkr_stream_records_total", kind="quotes") >= 1
            assert read.value("ibkr_market_data_lines_used", pool="lines") == 1
        summary = await ib.get_account_summary()
        read = await scraped(ib)
        assert read.value("ibkr_account_net_liquidation") == float(summary.total_value or 0)
        for name, labels in PROMISED.items():
            found = [set(one.labels) for one in read.samples if one.name == name]
            assert found, name
            assert all(one == {"profile", *labels} for one in found), (name, found)
        async with ib.portfolio.stream_pnl() as gains, asyncio.timeout(60):
            # the first record of IB's may know nothing yet
            while (gain := await anext(gains)).daily is None:
                pass
            read = await scraped(ib)
            assert read.value("ibkr_account_daily_pnl", currency="USD") == pytest.approx(
                float(gain.daily), abs=1.0
            )
    assert read.value("ibkr_up", profile="default") == 1
    assert read.value("ibkr_connection_state", state="ready") == 1
    assert read.value("ibkr_calls_total", endpoint="place_order", outcome="ok") == 2
    assert read.value("ibkr_call_duration_seconds_count", endpoint="place_order") == 2
    assert read.value("ibkr_orders_sent_total") == 2
    assert read.value("ibkr_orders_closed_total", outcome="filled", origin="own") == 1
    assert read.value("ibkr_orders_closed_total", outcome="cancelled", origin="own") == 1
    assert read.value("ibkr_orders_denied_total", error="RiskLimitError") == 1
    assert read.value("ibkr_risk_denials_total", rule="MAX_ORDER_SIZE") == 1
    assert read.value("ibkr_order_submit_to_ack_seconds_count") == 2
    assert read.value("ibkr_order_ack_to_fill_seconds_count") == 1
    assert read.value("ibkr_order_submit_to_filled_seconds_count") == 1
    assert read.value("ibkr_fills_total", asset="STK", side="buy", origin="own") == 1
    assert read.value("ibkr_commissions_paid", currency="USD") > 0
    assert read.value("ibkr_journal_commit_seconds_count") >= 2
    assert read.value("ibkr_breaker_state", group="orders", state="closed") == 1
    assert read.value("ibkr_event_loop_responsive") == 1
    assert read.value("ibkr_event_loop_lag_seconds_count") >= 1
    assert read.value("ibkr_account_positions") == 1
    assert not re.search(r"DU\d{5}", str([one.labels for one in read.samples]))


async def test_heartbeats_tell_the_round_trip(
    ibkr_gateway: HostedSimulator, make_connector: Make, far_clock: FarClock
) -> None:
    async with far_clock.running(), make_connector(ibkr_gateway.port) as ib:
        far_clock.move(ib.settings.heartbeat_interval_s)
        async with asyncio.timeout(60):
            while ib.get_connection_status().last_heartbeat is None:
                await asyncio.sleep(0.02)
        read = await scraped(ib)
    assert read.value("ibkr_heartbeat_round_trip_seconds_count") >= 1
    assert read.value("ibkr_heartbeat_timestamp_seconds") > 0


async def test_a_rejection_and_a_failed_call_are_counted(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        ibkr_gateway.do(lambda simulator: simulator.inject(Reject()))
        with pytest.raises(OrderRejectedError):
            await ib.place_order(market_order("AAPL", "BUY", 3))
        with pytest.raises(ContractNotFoundError):
            await ib.get_quote("NOSUCHTHING")
        read = await scraped(ib)
    assert read.value("ibkr_orders_closed_total", outcome="rejected") == 1
    assert read.value("ibkr_call_errors_total", error="ContractNotFoundError", code="200") == 1


async def test_counts_go_on_over_a_new_connection_and_figures_end_with_the_old(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    ib = make_connector(ibkr_gateway.port)
    async with ib:
        await ib.place_order(market_order("AAPL", "BUY", 1))
    apart = await scraped(ib)
    assert apart.value("ibkr_up") == 0
    assert apart.value("ibkr_orders_sent_total") == 1
    assert not apart.has("ibkr_account_net_liquidation")
    async with ib:
        await ib.place_order(market_order("AAPL", "BUY", 1))
        assert (await scraped(ib)).value("ibkr_orders_sent_total") == 2


async def test_an_alert_is_told_as_long_as_it_goes_on(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        await ib.kill_switch.engage("of a test")
        async with asyncio.timeout(60):
            while not (read := await scraped(ib)).has("ibkr_alerts_active"):
                await asyncio.sleep(0.05)
        assert read.value("ibkr_alerts_active", kind="kill_switch") == 1
        assert read.value("ibkr_kill_switch_engaged") == 1
        ib.kill_switch.release()


async def test_accounts_are_told_in_full_when_a_setting_says_so(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port, show_accounts=True) as ib:
        (account,) = ib.get_connection_status().accounts
        assert (await scraped(ib)).value("ibkr_account_positions", account=account) == 0


async def test_nothing_is_counted_when_metrics_are_off_and_what_is_so_is_told(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port, metrics=False) as ib:
        await ib.get_quote("AAPL")
        read = await scraped(ib)
        assert not ib._engine().pipeline.hooks
    assert read.value("ibkr_up") == 1
    assert not [one for one in read.families if one.name == "ibkr_calls"]


async def test_a_setting_serves_them_as_long_as_there_is_a_connection(
    ibkr_gateway: HostedSimulator, make_connector: Make, free_port: int
) -> None:
    url = f"http://127.0.0.1:{free_port}/metrics"

    def get() -> str:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return str(answer.read().decode())

    async with make_connector(ibkr_gateway.port, metrics_port=free_port) as ib:
        assert "ibkr_up" in await asyncio.to_thread(get)
        other = make_connector(ibkr_gateway.port, metrics_port=free_port, client_id=9)
        other_dir = {"state_dir": Path(ib.settings.state_dir) / "other"}
        other = IBKRConnector.create(other.settings.model_copy(update=other_dir))
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{free_port}"):
            await other.connect()
        assert other.get_connection_status().state == "idle"
    with pytest.raises(OSError, match="refused"):
        await asyncio.to_thread(get)


async def test_a_loop_that_hangs_is_told_and_the_rest_is_told_too(
    ibkr_gateway: HostedSimulator, make_connector: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    monkeypatch.setattr("ibkr_connector.metering.SCRAPE_S", 0.05)
    held, go_on = threading.Event(), threading.Event()

    async def block() -> None:
        held.set()
        go_on.wait(60)

    async with make_connector(ibkr_gateway.port) as ib:
        blocked = asyncio.create_task(ib.run(block()))
        await asyncio.to_thread(held.wait, 60)
        try:
            read = await scraped(ib)
        finally:
            go_on.set()
        await blocked
        assert read.value("ibkr_event_loop_responsive") == 0
        assert read.value("ibkr_up") == 1
        assert not read.has("ibkr_pacing_left_messages")


async def test_the_io_thread_is_refused(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:

        async def ask() -> None:
            ib.metrics.exposition()

        with pytest.raises(WrongThreadError):
            await ib.run(ask())


# --- what is shipped for Prometheus and Grafana ---------------------------------------------------

NAME = re.compile(r"\b(?:ibkr|process)_[a-z0-9_]+")
SELECTOR = re.compile(r"((?:ibkr|process)_[a-z0-9_]+)\{([^}]*)\}")
LABEL = re.compile(r"([a-z_]+)\s*(?:=~|!~|!=|=)")
GROUPED = re.compile(r"\b(?:by|on|without)\s*\(([^)]*)\)")


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DEPLOY / "grafana" / "ibkr-connector.json").read_text())
    return loaded


def rules() -> list[dict[str, Any]]:
    text = (DEPLOY / "prometheus" / "ibkr-connector.rules.yml").read_text()
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def queries() -> Iterator[str]:
    for panel in dashboard()["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield dashboard()["templating"]["list"][1]["query"]["query"]
    yield from (rule["expr"] for rule in rules())


async def test_dashboard_and_rules_name_only_metrics_and_labels_that_there_are(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        await traded(ib)
        with pytest.raises(ContractNotFoundError):
            await ib.get_quote("NOSUCHTHING")
        async with ib.stream_quotes("AAPL") as stream, asyncio.timeout(60):
            await anext(stream)
            while not (read := await scraped(ib)).has("ibkr_tick_age_seconds_bucket"):
                await asyncio.sleep(0.05)
    names, labels = set(), {}
    for family in read.families:
        made = [family.name, *(one.name for one in family.samples)]
        if family.type == "counter":
            made.append(f"{family.name}_total")
        if family.type == "histogram":
            made += [f"{family.name}_{part}" for part in ("bucket", "sum", "count")]
        names.update(made)
        of_samples = {label for one in family.samples for label in one.labels}
        labels.update(dict.fromkeys(made, of_samples))
    told = list(queries())
    assert len(told) > 60
    for query in told:
        used = NAME.findall(query)
        assert used, query
        for name in used:
            assert name in names, f"{name} in {query}"
        for name, selected in SELECTOR.findall(query):
            for label in LABEL.findall(selected):
                if labels[name]:
                    assert label in labels[name], f"{label} of {name} in {query}"
        known = {label for name in used for label in labels[name]} | {"le"}
        if all(labels[name] for name in used):
            for group in GROUPED.findall(query):
                assert set(re.findall(r"[a-z_]+", group)) <= known, query


def test_panels_of_the_dashboard_do_not_lie_over_one_another() -> None:
    taken: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(ids) == len(set(ids))
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
