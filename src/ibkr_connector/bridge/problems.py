"""
What went wrong, as `application/problem+json` (RFC 9457).

Owns: which status and which type each class of error has; a class without a row has that of its
family. No answer about an order whose bytes may have left has a status that clients or proxies
repeat by themselves (408, 425, 429, 5xx): such an order must not be sent again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from fastapi import Response

from ibkr_connector import errors
from ibkr_connector.errors import IBKRError, OrderUncertainError, RiskLimitError
from ibkr_connector.model.orders import SendDisposition

from .limits import Buckets
from .plain import plain

__all__ = [
    "PROBLEM_JSON",
    "TABLE",
    "URN",
    "Kind",
    "kind_of",
    "of_error",
    "of_mistakes",
    "problem",
    "problem_schema",
    "told_of",
]

PROBLEM_JSON: Final = "application/problem+json"
URN: Final = "urn:ibkr-connector:problem:"


@dataclass(frozen=True, slots=True)
class Kind:
    """The status of an error, the end of its type, and the words for it."""

    status: int
    slug: str
    title: str


TABLE: Final[Mapping[type[IBKRError], Kind]] = MappingProxyType(
    {
        errors.IBKRError: Kind(502, "gateway-error", "The gateway reports an error"),
        errors.ConfigurationError: Kind(409, "configuration", "Settings contradict each other"),
        errors.IBKRConnectionError: Kind(503, "connection", "The gateway cannot be used"),
        errors.NotConnectedError: Kind(503, "not-connected", "There is no connection"),
        errors.ConnectionLostError: Kind(503, "connection-lost", "The connection has ended"),
        errors.ClientIdInUseError: Kind(503, "client-id-in-use", "The client id is in use"),
        errors.AuthenticationError: Kind(503, "login-needed", "The gateway is not logged in"),
        errors.GatewayUnavailableError: Kind(503, "gateway-unavailable", "No gateway answers"),
        errors.CircuitOpenError: Kind(503, "circuit-open", "Too many calls have failed lately"),
        errors.PacingError: Kind(429, "pacing", "The gateway is asked too often"),
        errors.RequestTimeoutError: Kind(504, "timeout", "No answer in time"),
        errors.WrongThreadError: Kind(500, "wrong-thread", "A call on the wrong thread"),
        errors.ContractError: Kind(422, "contract", "The contract cannot be used"),
        errors.ContractNotFoundError: Kind(404, "contract-not-found", "No such contract"),
        errors.AmbiguousContractError: Kind(409, "contract-ambiguous", "Several contracts fit"),
        errors.MarketDataError: Kind(422, "market-data", "These data cannot be had"),
        errors.MarketDataPermissionError: Kind(
            403, "market-data-permission", "No subscription or permission for these data"
        ),
        errors.HistoricalDataError: Kind(422, "historical-data", "This history cannot be had"),
        errors.NoDataError: Kind(404, "no-data", "There are no data"),
        errors.OrderError: Kind(422, "order", "Something about the order"),
        errors.OrderValidationError: Kind(422, "order-invalid", "The order makes no sense"),
        errors.RiskLimitError: Kind(422, "risk-limit", "The order breaks your limits"),
        errors.TradingHaltedError: Kind(423, "trading-halted", "Trading is stopped"),
        errors.ReadOnlyError: Kind(403, "read-only", "The connector is read-only"),
        errors.OrderNotConfirmedError: Kind(409, "not-confirmed", "Nobody has confirmed it"),
        errors.OrderRejectedError: Kind(422, "order-rejected", "The broker said no"),
        errors.OrderUncertainError: Kind(409, "order-uncertain", "Nobody knows of it yet"),
        errors.OrderNotFoundError: Kind(404, "order-not-found", "No such order"),
        errors.OrderStateError: Kind(409, "order-state", "Not in the state that it is in"),
        errors.AccountError: Kind(409, "account", "These figures cannot be had"),
        errors.FlexError: Kind(502, "statement", "IB's statement service gives no statement"),
    }
)

_REPEATED: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that clients and proxies take as an invitation to send the same request again."""


def kind_of(error: IBKRError) -> Kind:
    """Return the row of an error's class, or of its family."""
    return next(TABLE[cls] for cls in type(error).__mro__ if cls in TABLE)


def of_error(error: IBKRError, *, correlation_id: str) -> Response:
    """Return an error of the package as a problem, with every fact that it carries."""
    kind = kind_of(error)
    status = kind.status
    if error.disposition in _GONE and status in _REPEATED:
        status = TABLE[OrderUncertainError].status
    facts: dict[str, Any] = {
        "error": type(error).__name__,
        "code": error.code,
        "hint": error.hint,
        "retryable": error.retryable,
        "retry_after_s": error.retry_after_s,
        "disposition": error.disposition,
    }
    if isinstance(error, RiskLimitError):
        facts["violations"] = [plain(one) for one in error.violations]
        facts["rules"] = [plain(one) for one in error.rules]
    elif isinstance(error, OrderUncertainError):
        facts["order_id"] = error.order_id
        facts["order_ref"] = error.order_ref
    elif isinstance(error, errors.AmbiguousContractError):
        facts["candidates"] = [plain(one) for one in error.candidates]
    return problem(
        Kind(status, kind.slug, kind.title),
        error.message or kind.title,
        correlation_id=error.correlation_id or correlation_id,
        facts=facts,
    )


def told_of(error: IBKRError) -> dict[str, Any]:
    """Return an error as part of an answer about several things: the problem, read."""
    said: dict[str, Any] = json.loads(bytes(of_error(error, correlation_id="").body))
    return said


_GONE: Final = frozenset({SendDisposition.SENT, SendDisposition.MAYBE_WRITTEN})


def problem(
    kind: Kind,
    detail: str,
    *,
    correlation_id: str,
    facts: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem document; what is not known is left out."""
    told = {name: value for name, value in (facts or {}).items() if value is not None}
    body = {
        "type": URN + kind.slug,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "correlation_id": correlation_id,
        **told,
    }
    said = dict(headers or {})
    if (wait_s := told.get("retry_after_s")) is not None:
        said["Retry-After"] = str(Buckets.whole(wait_s))
    # in ASCII, so that whatever a caller has sent can be said back
    return Response(
        json.dumps(body), status_code=kind.status, media_type=PROBLEM_JSON, headers=said
    )


def of_mistakes(
    mistakes: Sequence[Mapping[str, Any]], *, correlation_id: str, hint: str | None = None
) -> Response:
    """Return what is wrong with a request, field by field, without what was sent."""
    listed = [
        {"field": ".".join(str(part) for part in one["loc"]), "mistake": one["msg"]}
        for one in mistakes
    ]
    said = "; ".join(f"{one['field']}: {one['mistake']}" for one in listed[:5])
    return problem(
        Kind(422, "invalid-request", "The request makes no sense"),
        said or "the request makes no sense",
        correlation_id=correlation_id,
        facts={"hint": hint, "mistakes": listed},
    )


def problem_schema() -> dict[str, Any]:
    """Return the JSON schema of a problem, for the description of the interface."""
    text: dict[str, Any] = {"type": "string"}
    rows = {"type": "array", "items": {"type": "object", "additionalProperties": True}}
    return {
        "type": "object",
        "title": "Problem",
        "description": "What went wrong (RFC 9457).",
        "required": ["type", "title", "status", "detail", "correlation_id"],
        "properties": {
            "type": {"type": "string", "format": "uri", "description": "One for each class."},
            "title": text,
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "What was expected, what was found."},
            "correlation_id": {"type": "string", "description": "Also in logs and the journal."},
            "error": {"type": "string", "description": "Class of the error in the package."},
            "code": {"type": "integer", "description": "Code of TWS, where there is one."},
            "hint": {"type": "string", "description": "What you can do about it."},
            "retryable": {"type": "boolean", "description": "Whether to ask again is safe."},
            "retry_after_s": {"type": "number"},
            "disposition": {"type": "string", "description": "How far an order's bytes got."},
            "violations": rows,
            "rules": rows,
            "candidates": rows,
            "mistakes": rows,
            "order_id": {"type": "integer"},
            "order_ref": text,
        },
    }
