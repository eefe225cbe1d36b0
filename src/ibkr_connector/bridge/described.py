"""The description of the interface (OpenAPI): what a generator of clients needs to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from .asking import _Needs
from .guard import OPEN
from .problems import PROBLEM_JSON, problem_schema

__all__ = ["EXAMPLES", "describe", "scope_of"]

_ABOUT: Final = """\
Trades over one connection to TWS or IB Gateway.

Under `/v1` decimals are text, so that no digit is lost; the endpoints of the older bridge have JSON
numbers. Times are ISO text in UTC. Everything that goes wrong is `application/problem+json`, with a
`type` for each class of error and the id of the request, which is also in the header
`X-Request-ID`.

`/v1/ws` is a WebSocket of topics and `/ws/quotes/{symbol}` one of a single symbol; see
`docs/how-to/bridge.md` for their messages.
"""


_LIMIT: Final = {"symbol": "AAPL", "action": "BUY", "quantity": "10", "limit_price": "187.50"}
_BRACKET: Final = {**_LIMIT, "take_profit": "195.00", "stop_loss": "182.00"}

EXAMPLES: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "CandleWish": {"duration": "1 D", "bar_size": "1 hour"},
        "OrderBody": {**_LIMIT, "order_type": "LMT"},
        "PlaceBody": {**_LIMIT, "order_type": "LMT", "client_order_id": "mine-1"},
        "BracketBody": _BRACKET,
        "PlaceBracketBody": {**_BRACKET, "client_order_id": "mine-2"},
        "ChangeBody": {"limit_price": "188.00"},
        "Settling": {"why": "the statement of 18 November has it as cancelled"},
        "Engage": {"reason": "the strategy does what it should not", "cancel": True},
        "Payment": {"amount": "1000.00"},
        "SilenceWish": {"for_s": 3600, "kind": "connection_lost", "reason": "gateway update"},
        "DownloadWish": {"symbols": ["AAPL", "EUR.USD"], "duration": "1 Y", "bar_size": "1 hour"},
    }
)
"""What to send, by the name of the body."""


def scope_of(route: APIRoute) -> str | None:
    """Return the scope that an endpoint needs; `None` when anybody may ask."""
    for dependency in route.dependencies:
        if isinstance(dependency.dependency, _Needs):
            return dependency.dependency.scope.value
    return None


def describe(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Make the application describe itself, with tokens and problems in it."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _description(app, routers)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation has it


def _description(app: FastAPI, routers: Sequence[APIRouter]) -> dict[str, Any]:
    said = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
    parts = said.setdefault("components", {})
    parts["securitySchemes"] = {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "Scopes: read, trade, admin. Not needed on a loopback address unless "
            "tokens are set.",
        }
    }
    schemas = parts.setdefault("schemas", {})
    schemas["Problem"] = problem_schema()
    for name, example in EXAMPLES.items():
        schemas[name]["examples"] = [dict(example)]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = {
        "description": "What went wrong.",
        "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    scopes = {
        (route.path_format, method.lower()): scope_of(route)
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    for path, methods in said["paths"].items():
        for method, operation in methods.items():
            answers = operation["responses"]
            answers.pop("422", None)
            answers["default"] = problem
            if path not in OPEN:
                operation["security"] = [{"token": []}]
                scope = scopes[path, method]
                operation["x-scope"] = scope
                operation["description"] = (
                    f"{operation.get('description', '')}\n\nScope: `{scope}`.".strip()
                )
    return dict(sorted(said.items()))
