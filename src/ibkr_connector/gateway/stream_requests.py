"""How a stream of each kind is asked for and called off, by ib_async's request methods."""

# mypy: disallow-untyped-calls=False
# ib_async's request methods are not typed.
# ruff: noqa: FBT003
# The order of the arguments is ib_async's.

from __future__ import annotations

from typing import Any, Final

from ib_async.contract import TagValue
from ib_async.objects import ScannerSubscription

from ibkr_connector.errors import MarketDataError
from ibkr_connector.model.ids import RequestId
from ibkr_connector.model.research import ScanQuery

from .client import GatewayClient
from .stream_port import StreamKind, StreamRequest

__all__ = ["call_off", "write", "write_scan"]

_EPOCH_SECONDS: Final = 2
"""`formatDate` that gives times without a zone to misread (IB campus: historical bars)."""

_BAR_SECONDS: Final = 5


def write(client: GatewayClient, request: StreamRequest, asked: Any, *, number: RequestId) -> None:
    """Ask for a stream; `asked` is its contract as ib_async has it."""
    regular = request.regular_hours_only
    match request.kind:
        case StreamKind.QUOTES | StreamKind.NEWS:
            client.reqMktData(number, asked, request.generic_ticks, False, False, [])
        case StreamKind.TRADES:
            kind = "AllLast" if request.all_trades else "Last"
            client.reqTickByTickData(number, asked, kind, 0, False)
        case StreamKind.FIVE_SECONDS:
            show = request.what_to_show
            client.reqRealTimeBars(number, asked, _BAR_SECONDS, show, regular, [])
        case StreamKind.BARS:
            client.reqHistoricalData(
                number, asked, "", request.duration, request.bar_size, request.what_to_show,
                regular, _EPOCH_SECONDS, True, [],
            )  # fmt: skip
        case StreamKind.DEPTH:
            client.reqMktDepth(number, asked, request.rows, request.smart_depth, [])
        case StreamKind.SCAN:
            if request.scan is None:
                raise MarketDataError("a scan looks for something")
            write_scan(client, request.scan, number=number)
        case StreamKind.BULLETINS:
            # those of today too: what was told before is known by its number
            client.reqNewsBulletins(True)


def write_scan(client: GatewayClient, query: ScanQuery, *, number: RequestId) -> None:
    """Ask for a scan."""
    wanted = ScannerSubscription(
        numberOfRows=query.rows,
        instrument=query.instrument,
        locationCode=query.location,
        scanCode=query.code,
    )
    chosen = [TagValue(tag, value) for tag, value in query.filters]
    client.reqScannerSubscription(number, wanted, [], chosen)


def call_off(client: GatewayClient, request: StreamRequest, *, number: RequestId) -> None:
    """End a stream."""
    match request.kind:
        case StreamKind.QUOTES | StreamKind.NEWS:
            client.cancelMktData(number)
        case StreamKind.TRADES:
            client.cancelTickByTickData(number)
        case StreamKind.FIVE_SECONDS:
            client.cancelRealTimeBars(number)
        case StreamKind.BARS:
            client.cancelHistoricalData(number)
        case StreamKind.DEPTH:
            client.cancelMktDepth(number, request.smart_depth)
        case StreamKind.SCAN:
            client.cancelScannerSubscription(number)
        case StreamKind.BULLETINS:
            client.cancelNewsBulletins()
