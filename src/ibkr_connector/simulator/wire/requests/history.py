"""What clients ask about the past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ibkr_connector.simulator.wire.contracts import (
    COMBO_LEGS,
    FULL_CONTRACT,
    ComboLeg,
    WireContract,
)
from ibkr_connector.simulator.wire.fields import FLAG
from ibkr_connector.simulator.wire.plain import Field
from ibkr_connector.simulator.wire.tables import REQUEST_ID, Row, texts, versioned, whole

__all__ = [
    "ROWS",
    "CancelHeadTimestamp",
    "CancelHistogramData",
    "CancelHistoricalData",
    "ReqHeadTimestamp",
    "ReqHistogramData",
    "ReqHistoricalData",
    "ReqHistoricalTicks",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqHistoricalData:
    """Ask for bars."""

    request_id: int
    contract: WireContract
    include_expired: bool = False
    end: str = ""
    bar_size: str
    duration: str
    regular_hours: bool = True
    what_to_show: str
    format_date: int = 1
    legs: tuple[ComboLeg, ...] = ()
    keep_up_to_date: bool = False
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelHistoricalData:
    """End a request for bars."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqHeadTimestamp:
    """Ask for the time of the first bar there is."""

    request_id: int
    contract: WireContract
    include_expired: bool = False
    regular_hours: bool = True
    what_to_show: str
    format_date: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelHeadTimestamp:
    """End that."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqHistogramData:
    """Ask how much was traded at which price."""

    request_id: int
    contract: WireContract
    include_expired: bool = False
    regular_hours: bool = True
    period: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelHistogramData:
    """End that."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqHistoricalTicks:
    """Ask for single trades, quotes or midpoints of the past."""

    request_id: int
    contract: WireContract
    include_expired: bool = False
    start: str = ""
    end: str = ""
    count: int
    what_to_show: str
    regular_hours: bool = True
    ignore_size: bool = False
    options: str = ""


ROWS: Final[Mapping[int, Row]] = {
    20: Row(
        ReqHistoricalData,
        (
            REQUEST_ID,
            FULL_CONTRACT,
            Field("include_expired", FLAG),
            *texts("end", "bar_size", "duration"),
            Field("regular_hours", FLAG),
            *texts("what_to_show"),
            *whole("format_date"),
            COMBO_LEGS,
            Field("keep_up_to_date", FLAG),
            *texts("options"),
        ),
    ),
    25: Row(CancelHistoricalData, versioned(1, REQUEST_ID)),
    87: Row(
        ReqHeadTimestamp,
        (
            REQUEST_ID,
            FULL_CONTRACT,
            Field("include_expired", FLAG),
            Field("regular_hours", FLAG),
            *texts("what_to_show"),
            *whole("format_date"),
        ),
    ),
    88: Row(
        ReqHistogramData,
        (
            REQUEST_ID,
            FULL_CONTRACT,
            Field("include_expired", FLAG),
            Field("regular_hours", FLAG),
            *texts("period"),
        ),
    ),
    89: Row(CancelHistogramData, (REQUEST_ID,)),
    90: Row(CancelHeadTimestamp, (REQUEST_ID,)),
    96: Row(
        ReqHistoricalTicks,
        (
            REQUEST_ID,
            FULL_CONTRACT,
            Field("include_expired", FLAG),
            *texts("start", "end"),
            *whole("count"),
            *texts("what_to_show"),
            Field("regular_hours", FLAG),
            Field("ignore_size", FLAG),
            *texts("options"),
        ),
    ),
}
