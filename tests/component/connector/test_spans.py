"""Spans over a real socket, as an SDK of OpenTelemetry exports them."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ibkr_connector import (
    ConfigurationError,
    ContractNotFoundError,
    IBKRConnector,
    OrderRejectedError,
    market_order,
)
from ibkr_connector.observe.correlation import correlation
from ibkr_connector.resilience.operation import ENDPOINTS, Operation
from ibkr_connector.simulator import HostedSimulator
from ibkr_connector.simulator.faults import Reject

Make = Callable[..., IBKRConnector]


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Give an exporter of a provider that is this test's own."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    yield exporter
    provider.shutdown()


def named(exporter: InMemorySpanExporter, name: str) -> ReadableSpan:
    found = [span for span in exporter.get_finished_spans() if span.name == name]
    assert len(found) == 1, [span.name for span in exporter.get_finished_spans()]
    return found[0]


def facts(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_an_order_has_a_span_with_its_life_under_that_of_whoever_placed_it(
    ibkr_gateway: HostedSimulator, make_connector: Make, exporter: InMemorySpanExporter
) -> None:
    tracer = trace.get_tracer("of the user")
    async with make_connector(ibkr_gateway.port, spans=True) as ib:
        with tracer.start_as_current_span("strategy") as mine, correlation("req-1"):
            report = await ib.place_order(market_order("AAPL", "BUY", 3))
            await ib.wait_for_fill(report.order_id)
    order, request = named(exporter, "order"), named(exporter, "place_order")
    for span in (order, request):
        assert span.parent is not None
        assert span.parent.span_id == mine.get_span_context().span_id
        assert facts(span)["ibkr.correlation_id"] == "req-1"
        assert facts(span)["ibkr.profile"] == "default"
        assert span.status.is_ok or span.status.status_code is trace.StatusCode.UNSET
    told = [event.name for event in order.events]
    assert told[:3] == ["intent", "sent", "ack"]
    assert "fill" in told
    times = [event.timestamp for event in order.events]
    assert times == sorted(times)
    assert order.start_time == times[0]
    assert facts(order)["ibkr.outcome"] == "filled"
    assert facts(order)["ibkr.filled"] == 3
    assert facts(request)["ibkr.group"] == "orders"
    assert facts(request)["ibkr.attempts"] == 1
    assert (order.start_time or 0) < (order.end_time or 0)


async def test_a_request_that_failed_says_why(
    ibkr_gateway: HostedSimulator, make_connector: Make, exporter: InMemorySpanExporter
) -> None:
    async with make_connector(ibkr_gateway.port, spans=True) as ib:
        with pytest.raises(ContractNotFoundError):
            await ib.get_quote("NOSUCHTHING")
    request = named(exporter, "contract_details")
    assert request.status.status_code is trace.StatusCode.ERROR
    assert facts(request)["error.type"] == "ContractNotFoundError"
    assert facts(request)["ibkr.code"] == 200


async def test_a_rejection_ends_the_span_of_its_order_with_the_code(
    ibkr_gateway: HostedSimulator, make_connector: Make, exporter: InMemorySpanExporter
) -> None:
    async with make_connector(ibkr_gateway.port, spans=True) as ib:
        ibkr_gateway.do(
            lambda simulator: simulator.inject(Reject(text="Order rejected - reason: margin"))
        )
        with pytest.raises(OrderRejectedError):
            await ib.place_order(market_order("AAPL", "BUY", 3))
    order = named(exporter, "order")
    assert order.status.status_code is trace.StatusCode.ERROR
    assert "margin" in str(order.status.description)
    assert facts(order)["ibkr.outcome"] == "rejected"
    assert 201 in [dict(event.attributes or {}).get("ibkr.code") for event in order.events]


async def test_what_was_asked_again_is_told_in_its_span(
    ibkr_gateway: HostedSimulator, make_connector: Make, exporter: InMemorySpanExporter
) -> None:
    async with make_connector(ibkr_gateway.port, spans=True, retry_base_s=0.01) as ib:
        from ibkr_connector import RequestTimeoutError

        calls: list[int] = []

        async def fails_once() -> int:
            calls.append(1)
            if len(calls) == 1:
                raise RequestTimeoutError("of DU1234567", replay_safe=True)
            return 5

        exporter.clear()

        async def ask() -> int:
            operation = Operation(policy=ENDPOINTS["market_rule"], call=fails_once)
            return await ib._engine().pipeline.run(operation)

        assert await ib.run(ask()) == 5
    span = named(exporter, "market_rule")
    assert facts(span)["ibkr.attempts"] == 2
    (again,) = span.events
    assert again.name == "retry"
    assert dict(again.attributes or {})["error.message"] == "of DU1***67"


async def test_orders_that_still_rest_are_told_when_the_connector_closes(
    ibkr_gateway: HostedSimulator, make_connector: Make, exporter: InMemorySpanExporter
) -> None:
    async with make_connector(ibkr_gateway.port, spans=True) as ib:
        await ib.place_order(
            {
                "symbol": "AAPL",
                "action": "BUY",
                "quantity": 5,
                "order_type": "LMT",
                "limit_price": "1.05",
            }
        )
        assert "order" not in [span.name for span in exporter.get_finished_spans()]
    assert facts(named(exporter, "order"))["ibkr.outcome"] == "open"


async def test_without_a_provider_nothing_is_made_and_nothing_fails(
    ibkr_gateway: HostedSimulator, make_connector: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    async with make_connector(ibkr_gateway.port, spans=True) as ib:
        await ib.get_quote("AAPL")


async def test_without_the_extra_the_error_names_it_and_nothing_is_left_open(
    ibkr_gateway: HostedSimulator, make_connector: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    ib = make_connector(ibkr_gateway.port, spans=True)
    with pytest.raises(ConfigurationError, match=r"ibkr-connector\[otel\]"):
        await ib.connect()
    monkeypatch.setattr(builtins, "__import__", real)
    # neither journal nor client id is taken: another one may begin
    plain = IBKRConnector.create(ib.settings.model_copy(update={"spans": False}))
    async with plain:
        assert plain.get_connection_status().is_connected
