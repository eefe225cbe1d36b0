"""What clients ask about the connection itself, and what was no request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ibkr_connector.simulator.wire.tables import REQUEST_ID, Row, texts, versioned, whole
from ibkr_connector.simulator.wire.versions import Version

__all__ = [
    "ROWS",
    "BrokenRequest",
    "QueryDisplayGroups",
    "ReqCurrentTime",
    "ReqCurrentTimeMillis",
    "ReqUserInfo",
    "SetServerLogLevel",
    "StartApi",
    "SubscribeToGroupEvents",
    "UnsubscribeFromGroupEvents",
    "UnsupportedRequest",
    "UpdateDisplayGroup",
    "VerifyAndAuthMessage",
    "VerifyAndAuthRequest",
    "VerifyMessage",
    "VerifyRequest",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartApi:
    """The first request: who is there."""

    client_id: int
    capabilities: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsupportedRequest:
    """A request that the text protocol does not have; its fields are kept as they came."""

    message_id: int
    fields: tuple[str, ...]
    request_id: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqCurrentTime:
    """Ask for the gateway's time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetServerLogLevel:
    """Choose how much the gateway writes to its own log."""

    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqUserInfo:
    """Ask for the white-branding id of the user."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRequest:
    """A request that could not be read; `request_id` is -1 when that was not readable either."""

    message_id: int
    request_id: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqCurrentTimeMillis:
    """Ask for the gateway's time in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryDisplayGroups:
    """Ask for the colour groups of windows."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeToGroupEvents:
    """Follow the contract that a group shows."""

    request_id: int
    group_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateDisplayGroup:
    """Let a group show another contract."""

    request_id: int
    contract_info: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeFromGroupEvents:
    """End that."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """Begin to prove which program this is."""

    api_name: str
    api_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyMessage:
    """Go on proving."""

    api_data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyAndAuthRequest:
    """Begin to prove which program this is, with a key."""

    api_name: str
    api_version: str
    opaque_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyAndAuthMessage:
    """Go on proving."""

    api_data: str
    response: str


ROWS: Final[Mapping[int, Row]] = {
    14: Row(SetServerLogLevel, versioned(1, *whole("level"))),
    49: Row(ReqCurrentTime, versioned(1)),
    65: Row(VerifyRequest, versioned(1, *texts("api_name", "api_version"))),
    66: Row(VerifyMessage, versioned(1, *texts("api_data"))),
    67: Row(QueryDisplayGroups, versioned(1, REQUEST_ID)),
    68: Row(SubscribeToGroupEvents, versioned(1, REQUEST_ID, *whole("group_id"))),
    69: Row(UpdateDisplayGroup, versioned(1, REQUEST_ID, *texts("contract_info"))),
    70: Row(UnsubscribeFromGroupEvents, versioned(1, REQUEST_ID)),
    71: Row(StartApi, versioned(2, *whole("client_id"), *texts("capabilities"))),
    72: Row(VerifyAndAuthRequest, versioned(1, *texts("api_name", "api_version", "opaque_key"))),
    73: Row(VerifyAndAuthMessage, versioned(1, *texts("api_data", "response"))),
    104: Row(ReqUserInfo, (REQUEST_ID,)),
    105: Row(ReqCurrentTimeMillis, (), since=Version.CURRENT_TIME_IN_MILLIS),
}
