"""The application: routers, the door before them, and one form for everything that goes wrong."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Lifespan, Message, Receive, Scope, Send

import ibkr_connector
from ibkr_connector.clock import Clock, SystemClock
from ibkr_connector.connector import IBKRConnector
from ibkr_connector.errors import IBKRError
from ibkr_connector.settings.bridge import BridgeSettings

from . import dashboard, older, probes
from .described import describe
from .guard import Guard, Refused
from .plain import JSON
from .problems import Kind, of_error, of_mistakes, problem
from .running import Bridge
from .tokens import TokenBook
from .v1 import others as others_of_v1
from .v1 import quotes as quotes_of_v1

__all__ = ["ROUTERS", "bare_app", "make_app"]

_log = logging.getLogger("ibkr_connector.bridge")

ROUTERS: Final = (quotes_of_v1, older.router, probes.router, *others_of_v1)
"""They are asked in turn for each request, so what is called most comes first."""

_ALLOWED: Final = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "X-Request-ID",
)
_EXPOSED: Final = ("ETag", "Location", "Retry-After", "X-Request-ID", "Link")


def make_app(
    connector: IBKRConnector, settings: BridgeSettings, *, clock: Clock | None = None
) -> FastAPI:
    """Make the application; see `create_app`."""
    clock = clock or SystemClock()
    tokens = TokenBook(settings, clock=clock)
    bridge = Bridge(connector, settings, tokens=tokens, clock=clock)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with bridge.open():
            yield

    app = bare_app(lifespan)
    app.state.bridge = bridge
    app.add_exception_handler(IBKRError, _of_ours)
    app.add_exception_handler(RequestValidationError, _of_mistakes)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(Refused, _of_refusal)
    app.add_middleware(_Unwrapped)
    app.add_middleware(Guard, settings=settings, tokens=tokens, clock=clock)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=("GET", "POST", "PATCH", "DELETE"),
            allow_headers=_ALLOWED,
            expose_headers=_EXPOSED,
            max_age=600,
        )
    return app


def bare_app(lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """Make an application of all endpoints with nothing behind them, enough to describe itself."""
    app = FastAPI(
        title="ibkr-connector bridge",
        version=ibkr_connector.__version__,
        lifespan=lifespan,
        # their pages would load programs from another host
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    for router in (*ROUTERS, dashboard.router):
        app.include_router(router)
    describe(app, ROUTERS)
    return app


class _Unwrapped:
    """Make a problem of what nobody has foreseen; the log has the rest, under the same id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and answer when that fails."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            identity = scope["state"]["request_id"]
            _log.exception("%s %r has failed, id %s", scope["method"], scope["path"], identity)
            if begun:
                raise
            answer = problem(
                Kind(500, "internal", "Internal error"),
                "this is a mistake of the bridge; its log says more under the same id",
                correlation_id=identity,
            )
            await answer(scope, receive, send)


async def _of_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, IBKRError)
    return of_error(error, correlation_id=request.state.request_id)


async def _of_mistakes(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    kind = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    is_json = kind == JSON or kind.endswith("+json")
    return of_mistakes(
        error.errors(),
        correlation_id=request.state.request_id,
        hint=None if is_json else f"a body is JSON: send it with Content-Type: {JSON}",
    )


async def _of_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return problem(
        error.kind,
        str(error),
        correlation_id=request.state.request_id,
        facts=error.facts,
        headers=error.headers,
    )


_WHAT: Final = MappingProxyType(
    {404: "there is no such path", 405: "this path has no such method"},
)


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    return problem(
        Kind(error.status_code, phrase.lower().replace(" ", "-"), phrase),
        _WHAT.get(error.status_code, str(error.detail)),
        correlation_id=request.state.request_id,
        facts={"hint": "GET /openapi.json describes every path and its methods"},
        headers=error.headers,
    )
