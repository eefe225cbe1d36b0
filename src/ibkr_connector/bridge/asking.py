"""What endpoints have in common: who asks, what that needs, and the parts of paths."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Path, Request, Response
from starlette.requests import HTTPConnection

from .guard import Refused
from .plain import JSON
from .problems import Kind
from .running import Bridge
from .tokens import Caller, Scope

__all__ = [
    "ADMIN",
    "READ",
    "TRADE",
    "House",
    "Key",
    "OrderNumber",
    "Symbol",
    "Who",
    "is_allowed",
    "of",
    "unchanged_or",
]


async def _bridge(connection: HTTPConnection) -> Bridge:
    bridge: Bridge = connection.app.state.bridge
    return bridge


async def _caller(connection: HTTPConnection) -> Caller:
    caller: Caller = connection.state.caller
    return caller


House = Annotated[Bridge, Depends(_bridge)]
"""The bridge that an endpoint belongs to."""

Who = Annotated[Caller, Depends(_caller)]
"""Who asks."""


class _Needs:
    """Let through whose token has a scope; `scope` is read by the description and by tests."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, who: Who) -> None:
        if not is_allowed(who, self.scope):
            raise Refused(
                Kind(403, "scope-missing", "The token does not allow this"),
                f"this needs a token with the scope {self.scope}",
                hint="give the token that scope in the file of tokens or in "
                "IBKR_BRIDGE_TOKEN_SCOPES, when it is meant to have it",
            )


def is_allowed(who: Caller, scope: Scope) -> bool:
    """Tell whether a caller has a scope."""
    return scope in who.scopes


READ: Final = Depends(_Needs(Scope.READ))
TRADE: Final = Depends(_Needs(Scope.TRADE))
ADMIN: Final = Depends(_Needs(Scope.ADMIN))

Symbol = Annotated[
    str,
    Path(
        min_length=1,
        max_length=64,
        pattern=r"^[\x20-\x7e]+$",
        description="A contract in its short text form: `AAPL`, `EUR.USD`, `ES 202612`.",
        examples=["AAPL"],
    ),
]

OrderNumber = Annotated[
    int, Path(ge=1, le=2**63 - 1, description="Order id, or permanent id.", examples=[1])
]

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=64,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key is the same order: sent again, it places nothing. It stands for "
        "`client_order_id` of the body.",
    ),
]


def of(model: Any, says: str, *, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """Describe what an endpoint answers."""
    return {status: {"model": model, "description": says}}


def unchanged_or(request: Request, body: bytes, *, media_type: str = JSON) -> Response:
    """Return an answer with its mark, or only that it is what the caller has already."""
    mark = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    known = [
        one.strip().removeprefix("W/")
        for one in request.headers.get("if-none-match", "").split(",")
    ]
    if mark in known or "*" in known:
        return Response(status_code=304, headers={"ETag": mark})
    headers = {"ETag": mark, "Cache-Control": "no-cache", "Vary": "Accept"}
    return Response(body, media_type=media_type, headers=headers)
