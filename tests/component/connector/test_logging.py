"""One id from the user's line to the log, the journal and the wire's answers."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ibkr_connector import IBKRConnector, RequestTimeoutError, RiskLimitError, market_order
from ibkr_connector.observe.correlation import correlation
from ibkr_connector.observe.logs import configure_logging, flush_logs, reset_logging
from ibkr_connector.resilience.operation import ENDPOINTS, Operation
from ibkr_connector.simulator import HostedSimulator

Make = Callable[..., IBKRConnector]
Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def told() -> Iterator[Told]:
    """Give a function that returns what was logged so far."""
    stream = io.StringIO()
    configure_logging("DEBUG", form="json", stream=stream)

    def events() -> list[dict[str, Any]]:
        flush_logs()
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    yield events
    reset_logging()


async def test_what_the_broker_says_later_is_logged_under_the_id_of_the_order(
    ibkr_gateway: HostedSimulator, make_connector: Make, told: Told
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        with correlation("req-7f"):
            report = await ib.place_order(market_order("AAPL", "BUY", 3))
        await ib.wait_for_fill(report.order_id)
        history = await ib.order_history(report.order_id)
    lines = [one for one in told() if one.get("order_id") == report.order_id]
    assert {one["correlation_id"] for one in lines} == {"req-7f"}
    assert {one["level"] for one in lines} == {"info"}
    states = [one["state"] for one in lines if "state" in one]
    assert states[0] == "sent"
    assert states[-1] == "filled"
    (fill,) = [one for one in lines if "exec_id" in one]
    assert fill["fill_quantity"] == "3"
    # and the journal has it at every step, also at those that came in the session's context
    assert {step.correlation_id for step in history.steps} == {"req-7f"}
    calls = [one for one in told() if one.get("endpoint") == "place_order"]
    assert [one["correlation_id"] for one in calls] == ["req-7f"]


async def test_a_denial_says_which_rules_and_under_which_id(
    ibkr_gateway: HostedSimulator, make_connector: Make, told: Told
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        with correlation("req-8"), pytest.raises(RiskLimitError):
            await ib.place_order(market_order("AAPL", "BUY", 10**6))
    (line,) = [one for one in told() if one["event"].startswith("an order was denied")]
    assert line["level"] == "warning"
    assert line["correlation_id"] == "req-8"
    assert "MAX_ORDER_SIZE" in line["rules"]


async def test_a_repeat_is_logged_under_the_id_of_its_call(
    ibkr_gateway: HostedSimulator, make_connector: Make, told: Told
) -> None:
    calls: list[int] = []

    async def fails_once() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise RequestTimeoutError("no answer", replay_safe=True)

    async with make_connector(ibkr_gateway.port, retry_base_s=0.01) as ib:
        operation = Operation(policy=ENDPOINTS["market_rule"], call=fails_once)
        with correlation("req-9"):
            await ib.run(ib._engine().pipeline.run(operation))
    (line,) = [one for one in told() if "is asked again" in one["event"]]
    assert (line["endpoint"], line["attempt"], line["correlation_id"]) == (
        "market_rule",
        1,
        "req-9",
    )


async def test_the_connection_says_where_it_goes_with_fields_and_no_account(
    ibkr_gateway: HostedSimulator, make_connector: Make, told: Told
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        (account,) = ib.get_connection_status().accounts
    states = [one["state"] for one in told() if one["logger"].startswith("ibkr_connector.superv")]
    assert states == ["connecting", "syncing", "ready", "stopped"]
    assert account not in json.dumps(told())


async def test_whoever_configures_nothing_hears_warnings_by_his_own_handlers(
    ibkr_gateway: HostedSimulator, make_connector: Make, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="ibkr_connector.orders"):
        async with make_connector(ibkr_gateway.port) as ib:
            report = await ib.place_order(market_order("AAPL", "BUY", 1))
            await ib.wait_for_fill(report.order_id)
    filled = [one for one in caplog.records if getattr(one, "state", "") == "filled"]
    assert [one.name for one in filled] == ["ibkr_connector.orders"]
