"""Spans of OpenTelemetry: a strategy's own, and below it those of its requests and orders."""

import asyncio
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ibkr_connector import IBKRConnector, market_order

exporter = InMemorySpanExporter()  # yours sends them to a collector
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(exporter))
trace.set_tracer_provider(provider)


async def main(port: int) -> None:
    async with IBKRConnector(port=port, readonly=False, spans=True) as ib:
        with trace.get_tracer("strategy").start_as_current_span("rebalance"):
            report = await ib.place_order(market_order("AAPL", "BUY", 3))
            await ib.wait_for_fill(report.order_id)
    provider.force_flush()
    for span in exporter.get_finished_spans():
        if span.name in ("order", "place_order"):
            print(span.name, "in", span.parent is not None, [event.name for event in span.events])


asyncio.run(main(int(sys.argv[1])))
