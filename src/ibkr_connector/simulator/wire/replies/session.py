"""What the gateway says about the connection itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ibkr_connector.simulator.wire.fields import ESCAPED, TRUTH
from ibkr_connector.simulator.wire.layout import Before, Since
from ibkr_connector.simulator.wire.plain import Field, Literal
from ibkr_connector.simulator.wire.tables import REQUEST_ID, Reply, texts, versioned, whole
from ibkr_connector.simulator.wire.versions import Version

__all__ = [
    "ROWS",
    "CurrentTime",
    "CurrentTimeMillis",
    "DisplayGroupList",
    "DisplayGroupUpdated",
    "ErrorMessage",
    "UserInfo",
    "VerifyAndAuthCompleted",
    "VerifyAndAuthMessageApi",
    "VerifyCompleted",
    "VerifyMessageApi",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorMessage:
    """An error, a warning or a notice; `request_id` -1 belongs to no request."""

    request_id: int
    code: int
    text: str
    advanced_reject: str = ""
    time_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentTime:
    """The gateway's time, in seconds of the epoch."""

    time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInfo:
    """The white-branding id."""

    request_id: int
    white_branding_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentTimeMillis:
    """The gateway's time, in milliseconds of the epoch; from version 197 on."""

    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayGroupList:
    """The numbers of the colour groups, separated by bars."""

    request_id: int
    groups: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayGroupUpdated:
    """What a group shows now, as `conId@exchange`, or `none`, or `combo`."""

    request_id: int
    contract_info: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyMessageApi:
    """A challenge to a program that proves itself."""

    api_data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyCompleted:
    """It did, or did not."""

    is_successful: bool
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyAndAuthMessageApi:
    """A challenge to a program that proves itself with a key."""

    api_data: str
    challenge: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyAndAuthCompleted:
    """It did, or did not."""

    is_successful: bool
    error: str = ""


_VERDICT: Final = (Field("is_successful", TRUTH), *texts("error"))

ROWS: Final[Mapping[Callable[..., Any], Reply]] = {
    ErrorMessage: Reply(
        4,
        (
            Before(Version.ERROR_TIME, Literal("2")),
            REQUEST_ID,
            *whole("code"),
            Field("text", ESCAPED),
            Since(Version.ADVANCED_ORDER_REJECT, Field("advanced_reject", ESCAPED)),
            Since(Version.ERROR_TIME, *whole("time_ms")),
        ),
    ),
    CurrentTime: Reply(49, versioned(1, *whole("time"))),
    VerifyMessageApi: Reply(65, versioned(1, *texts("api_data"))),
    VerifyCompleted: Reply(66, versioned(1, *_VERDICT)),
    DisplayGroupList: Reply(67, versioned(1, REQUEST_ID, *texts("groups"))),
    DisplayGroupUpdated: Reply(68, versioned(1, REQUEST_ID, *texts("contract_info"))),
    VerifyAndAuthMessageApi: Reply(69, versioned(1, *texts("api_data", "challenge"))),
    VerifyAndAuthCompleted: Reply(70, versioned(1, *_VERDICT)),
    UserInfo: Reply(107, (REQUEST_ID, *texts("white_branding_id"))),
    CurrentTimeMillis: Reply(109, whole("time_ms"), since=Version.CURRENT_TIME_IN_MILLIS),
}
