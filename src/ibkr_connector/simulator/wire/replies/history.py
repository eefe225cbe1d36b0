"""What the gateway says about the past."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ibkr_connector.simulator.wire.fields import FLAG, PRICE
from ibkr_connector.simulator.wire.layout import Before, Nested, Rows
from ibkr_connector.simulator.wire.plain import Field, Literal
from ibkr_connector.simulator.wire.tables import REQUEST_ID, Reply, numbers, texts, whole
from ibkr_connector.simulator.wire.versions import Version

__all__ = [
    "ROWS",
    "Bar",
    "HeadTimestamp",
    "HistogramData",
    "HistogramRow",
    "HistoricalData",
    "HistoricalDataEnd",
    "HistoricalDataUpdate",
    "HistoricalSchedule",
    "HistoricalTick",
    "HistoricalTickBidAsk",
    "HistoricalTickLast",
    "HistoricalTicks",
    "HistoricalTicksBidAsk",
    "HistoricalTicksLast",
    "ScheduleSession",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One historical bar; for currency pairs volume, wap and count are -1."""

    date: str
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    wap: Decimal
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalData:
    """All bars of a request, in one message; from version 196 on without their limits."""

    request_id: int
    start: str = ""
    end: str = ""
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalDataUpdate:
    """The newest bar of a request that is kept up to date."""

    request_id: int
    bar: Bar


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadTimestamp:
    """The time of the first bar there is."""

    request_id: int
    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalDataEnd:
    """The bars of a request are complete; in a message of its own from version 196 on."""

    request_id: int
    start: str
    end: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramRow:
    """How much was traded at a price."""

    price: Decimal
    size: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramData:
    """How much was traded at which price."""

    request_id: int
    rows: tuple[HistogramRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalTick:
    """A midpoint."""

    time: int
    price: Decimal
    size: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalTickBidAsk:
    """A quote; bit 1 of the mask: ask past high, bit 2: bid past low."""

    time: int
    mask: int = 0
    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalTickLast:
    """A trade; bit 1 of the mask: past limit, bit 2: unreported."""

    time: int
    mask: int = 0
    price: Decimal
    size: Decimal
    exchange: str = ""
    conditions: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalTicks:
    """Midpoints; more messages follow until `done`."""

    request_id: int
    ticks: tuple[HistoricalTick, ...]
    done: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalTicksBidAsk:
    """Quotes; more messages follow until `done`."""

    request_id: int
    ticks: tuple[HistoricalTickBidAsk, ...]
    done: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalTicksLast:
    """Trades; more messages follow until `done`."""

    request_id: int
    ticks: tuple[HistoricalTickLast, ...]
    done: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSession:
    """When an exchange opened and closed on a day."""

    start: str
    end: str
    date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalSchedule:
    """The sessions of an exchange in a time."""

    request_id: int
    start: str
    end: str
    time_zone: str
    sessions: tuple[ScheduleSession, ...]


_BAR: Final = (
    *texts("date"),
    # two decimals at least (recorded at version 200)
    *(Field(name, PRICE) for name in ("open", "high", "low", "close")),
    *numbers("volume", "wap"),
    *whole("count"),
)
_BAR_UPDATE: Final = (
    # close stands before high and low here, and the count first (ib_async historicalDataUpdate)
    *whole("count"),
    *texts("date"),
    *numbers("open", "close", "high", "low", "wap", "volume"),
)

ROWS: Final[Mapping[Callable[..., Any], Reply]] = {
    HistoricalData: Reply(
        17,
        (
            REQUEST_ID,
            Before(Version.HISTORICAL_DATA_END, *texts("start", "end")),
            Rows("bars", Bar, _BAR),
        ),
    ),
    HeadTimestamp: Reply(88, (REQUEST_ID, *texts("time"))),
    HistogramData: Reply(89, (REQUEST_ID, Rows("rows", HistogramRow, numbers("price", "size")))),
    HistoricalDataUpdate: Reply(90, (REQUEST_ID, Nested("bar", Bar, _BAR_UPDATE))),
    HistoricalTicks: Reply(
        96,
        (
            REQUEST_ID,
            Rows(
                "ticks",
                HistoricalTick,
                # where the others have their mask, nothing (ibapi decoder.py)
                (*whole("time"), Literal("0"), *numbers("price", "size")),
            ),
            Field("done", FLAG),
        ),
    ),
    HistoricalTicksBidAsk: Reply(
        97,
        (
            REQUEST_ID,
            Rows(
                "ticks",
                HistoricalTickBidAsk,
                (*whole("time", "mask"), *numbers("bid", "ask", "bid_size", "ask_size")),
            ),
            Field("done", FLAG),
        ),
    ),
    HistoricalTicksLast: Reply(
        98,
        (
            REQUEST_ID,
            Rows(
                "ticks",
                HistoricalTickLast,
                (
                    *whole("time", "mask"),
                    *numbers("price", "size"),
                    *texts("exchange", "conditions"),
                ),
            ),
            Field("done", FLAG),
        ),
    ),
    HistoricalSchedule: Reply(
        106,
        (
            REQUEST_ID,
            *texts("start", "end", "time_zone"),
            Rows("sessions", ScheduleSession, texts("start", "end", "date")),
        ),
    ),
    HistoricalDataEnd: Reply(
        108, (REQUEST_ID, *texts("start", "end")), since=Version.HISTORICAL_DATA_END
    ),
}
