"""What clients ask about contracts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ibkr_connector.simulator.wire.contracts import FULL_CONTRACT, WireContract
from ibkr_connector.simulator.wire.fields import FLAG
from ibkr_connector.simulator.wire.layout import Since
from ibkr_connector.simulator.wire.plain import Field
from ibkr_connector.simulator.wire.tables import REQUEST_ID, Row, texts, versioned, whole
from ibkr_connector.simulator.wire.versions import Version

__all__ = [
    "ROWS",
    "ReqContractDetails",
    "ReqMarketRule",
    "ReqMatchingSymbols",
    "ReqSecDefOptParams",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqContractDetails:
    """Look contracts up."""

    request_id: int
    contract: WireContract
    include_expired: bool = False
    sec_id_type: str = ""
    sec_id: str = ""
    issuer_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqMatchingSymbols:
    """Search symbols and names."""

    request_id: int
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqSecDefOptParams:
    """Ask for expirations and strikes of an underlying."""

    request_id: int
    symbol: str
    exchange: str
    sec_type: str
    con_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqMarketRule:
    """Ask for the price steps of a market rule."""

    rule_id: int


ROWS: Final[Mapping[int, Row]] = {
    9: Row(
        ReqContractDetails,
        versioned(
            8,
            REQUEST_ID,
            FULL_CONTRACT,
            Field("include_expired", FLAG),
            *texts("sec_id_type", "sec_id"),
            Since(Version.BOND_ISSUERID, *texts("issuer_id")),
        ),
    ),
    78: Row(
        ReqSecDefOptParams,
        (REQUEST_ID, *texts("symbol", "exchange", "sec_type"), *whole("con_id")),
    ),
    81: Row(ReqMatchingSymbols, (REQUEST_ID, *texts("pattern"))),
    91: Row(ReqMarketRule, whole("rule_id")),
}
