"""
What each error number of IB's Flex Web Service means: whose move it is, and when to ask again.

Source of the numbers and of what they say: IB's pages on the Flex Web Service, version 3 (Client
Portal guide and API campus), held against the table of `ibflex`. Waits are ours: IB says "try again
shortly", and allows one request a second and ten a minute for each token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ibkr_connector.model.statements import FlexReason

__all__ = ["FLEX", "FlexRow", "flex_row"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexRow:
    """One number: `wait_s` is when to ask again at the earliest, `None` when that is of no use."""

    reason: FlexReason
    remedy: str
    wait_s: float | None = None


_R: Final = FlexReason
_LATER: Final = "ask again in a few minutes"
_NIGHT: Final = "IB has not closed its books of that day: ask again in the morning"

FLEX: Final[Mapping[int, FlexRow]] = MappingProxyType(
    {
        1001: FlexRow(reason=_R.NOT_GENERATED, remedy=_LATER, wait_s=5.0),
        1003: FlexRow(
            reason=_R.NOT_AVAILABLE, remedy="there is no statement of these days: ask for others"
        ),
        1004: FlexRow(reason=_R.INCOMPLETE, remedy=_LATER, wait_s=5.0),
        1005: FlexRow(reason=_R.SETTLEMENT_NOT_READY, remedy=_NIGHT, wait_s=5.0),
        1006: FlexRow(reason=_R.FIFO_NOT_READY, remedy=_NIGHT, wait_s=5.0),
        1007: FlexRow(reason=_R.MTM_NOT_READY, remedy=_NIGHT, wait_s=5.0),
        1008: FlexRow(reason=_R.PNL_NOT_READY, remedy=_NIGHT, wait_s=5.0),
        1009: FlexRow(reason=_R.OVERLOADED, remedy=_LATER, wait_s=10.0),
        1010: FlexRow(
            reason=_R.LEGACY_QUERY,
            remedy="the query is of an old kind: write it anew as an activity query",
        ),
        1011: FlexRow(
            reason=_R.SERVICE_INACTIVE,
            remedy="switch the Flex web service on in Client Portal, under Settings",
        ),
        1012: FlexRow(
            reason=_R.TOKEN_EXPIRED,
            remedy="the token has expired: make a new one in Client Portal, under Flex Web Service",
        ),
        1013: FlexRow(
            reason=_R.ADDRESS_REFUSED,
            remedy="the token is bound to another address: make one for this machine's",
        ),
        1014: FlexRow(
            reason=_R.QUERY_INVALID,
            remedy="there is no such query: its number stands beside it in Client Portal",
        ),
        1015: FlexRow(
            reason=_R.TOKEN_INVALID,
            remedy="the token is not valid: copy it again from Client Portal, under Flex Web "
            "Service; a newer one has ended it",
        ),
        1016: FlexRow(
            reason=_R.ACCOUNT_INVALID, remedy="the account is not valid for this query and token"
        ),
        1017: FlexRow(
            reason=_R.REFERENCE_INVALID, remedy="the statement was not kept: ask for it again"
        ),
        1018: FlexRow(
            reason=_R.TOO_MANY_REQUESTS,
            remedy="ask for fewer: one a second, and ten a minute, for each token",
            wait_s=10.0,
        ),
        1019: FlexRow(reason=_R.IN_PROGRESS, remedy=_LATER, wait_s=1.0),
        1020: FlexRow(
            reason=_R.REQUEST_INVALID,
            remedy="the service could not make anything of the request: check token and query",
        ),
        1021: FlexRow(reason=_R.NOT_RETRIEVED, remedy=_LATER, wait_s=5.0),
    }
)
"""Every number that IB's pages list; 1002 is not among them."""

_UNKNOWN: Final = FlexRow(
    reason=_R.UNKNOWN, remedy="IB's page on the Flex Web Service lists its numbers"
)


def flex_row(code: str) -> FlexRow:
    """Return what a number means, as the service wrote it; one that is not listed is final."""
    return FLEX.get(int(code), _UNKNOWN) if code.isascii() and code.isdecimal() else _UNKNOWN
