"""What clients ask about accounts, positions and profit, and what advisors ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ibkr_connector.simulator.wire.fields import FLAG
from ibkr_connector.simulator.wire.plain import Field
from ibkr_connector.simulator.wire.tables import REQUEST_ID, Row, texts, versioned, whole

__all__ = [
    "ROWS",
    "CancelAccountSummary",
    "CancelAccountUpdatesMulti",
    "CancelPnl",
    "CancelPnlSingle",
    "CancelPositions",
    "CancelPositionsMulti",
    "ReplaceFa",
    "ReqAccountSummary",
    "ReqAccountUpdates",
    "ReqAccountUpdatesMulti",
    "ReqFa",
    "ReqFamilyCodes",
    "ReqManagedAccounts",
    "ReqPnl",
    "ReqPnlSingle",
    "ReqPositions",
    "ReqPositionsMulti",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAccountUpdates:
    """Open or close the account window."""

    subscribe: bool
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAccountUpdatesMulti:
    """Open the account window of an account or model, several at a time."""

    request_id: int
    account: str
    model: str
    ledger_and_nlv: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAccountUpdatesMulti:
    """Close it."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAccountSummary:
    """Subscribe to figures of a group of accounts."""

    request_id: int
    group: str
    tags: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAccountSummary:
    """End that."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqPositions:
    """Subscribe to the positions of all accounts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPositions:
    """End that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqPositionsMulti:
    """Subscribe to the positions of an account or model."""

    request_id: int
    account: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPositionsMulti:
    """End that."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqPnl:
    """Subscribe to the profit and loss of an account."""

    request_id: int
    account: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPnl:
    """End that."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqPnlSingle:
    """Subscribe to the profit and loss of one position."""

    request_id: int
    account: str
    model: str
    con_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPnlSingle:
    """End that."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqManagedAccounts:
    """Ask for the accounts of the login."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqFamilyCodes:
    """Ask for the family codes of the accounts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqFa:
    """Ask for an advisor's groups (1) or account aliases (3), as XML."""

    data_type: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceFa:
    """Replace them."""

    request_id: int
    data_type: int
    xml: str


ROWS: Final[Mapping[int, Row]] = {
    6: Row(ReqAccountUpdates, versioned(2, Field("subscribe", FLAG), *texts("account"))),
    17: Row(ReqManagedAccounts, versioned(1)),
    18: Row(ReqFa, versioned(1, *whole("data_type"))),
    19: Row(
        # the request id came last, with version 157 (ibapi client.py replaceFA)
        ReplaceFa,
        versioned(1, *whole("data_type"), *texts("xml"), REQUEST_ID),
    ),
    61: Row(ReqPositions, versioned(1)),
    62: Row(ReqAccountSummary, versioned(1, REQUEST_ID, *texts("group", "tags"))),
    63: Row(CancelAccountSummary, versioned(1, REQUEST_ID)),
    64: Row(CancelPositions, versioned(1)),
    74: Row(ReqPositionsMulti, versioned(1, REQUEST_ID, *texts("account", "model"))),
    75: Row(CancelPositionsMulti, versioned(1, REQUEST_ID)),
    76: Row(
        ReqAccountUpdatesMulti,
        versioned(1, REQUEST_ID, *texts("account", "model"), Field("ledger_and_nlv", FLAG)),
    ),
    77: Row(CancelAccountUpdatesMulti, versioned(1, REQUEST_ID)),
    80: Row(ReqFamilyCodes, ()),
    92: Row(ReqPnl, (REQUEST_ID, *texts("account", "model"))),
    93: Row(CancelPnl, (REQUEST_ID,)),
    94: Row(ReqPnlSingle, (REQUEST_ID, *texts("account", "model"), *whole("con_id"))),
    95: Row(CancelPnlSingle, (REQUEST_ID,)),
}
