"""
The door: every request and every WebSocket passes here before anything else sees it.

In this order: the id that follows the request, the name under which we were called, the page that
calls, the token, the rate, the body. It is one plain ASGI middleware, and it refuses whatever it
does not know, so that a new endpoint is closed until somebody opens it.

What a caller may do is told to the application in `scope["state"]`; each endpoint says itself which
scope it needs.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ibkr_connector.clock import Clock
from ibkr_connector.observe.correlation import correlation
from ibkr_connector.settings.bridge import BridgeSettings

from .limits import Buckets
from .problems import Kind, problem
from .tokens import EVERYTHING, Caller, TokenBook

__all__ = ["OPEN", "SUBPROTOCOL", "Guard", "Refused", "request_id_of"]

OPEN: Final = frozenset({"/health", "/livez", "/readyz"})
"""What anybody may ask: whether it lives and whether it is ready, and nothing of the account."""

_PAGE: Final = "/"
_FILES: Final = "/dashboard/"
"""Of the dashboard: files of the package, which hold nothing of the account."""

SUBPROTOCOL: Final = "ibkr.v1"
"""What a browser's WebSocket names beside `bearer.TOKEN`, since it can send no header."""

_BODY_S: Final = 15.0
"""How long a body may take to come."""

_FAILURES_PER_S: Final = 1.0
_FAILURES: Final = 20
_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_TRACE: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_ALWAYS: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    # some answers are texts of others, such as IB's XML: no browser may find a program in one
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class Refused(Exception):  # noqa: N818  # a word of what happened, and never seen by users
    """A request that does not come in."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        hint: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.facts: Mapping[str, Any] = {"hint": hint, "retry_after_s": retry_after_s}
        self.headers = {"WWW-Authenticate": "Bearer"} if kind.status == 401 else {}


class Guard:
    """
    Let in who may enter.

    Args:
        app: What is behind the door.
        settings: Who may enter, and how much at a time.
        tokens: The tokens of now.
        clock: Source of time.
    """

    def __init__(
        self, app: ASGIApp, *, settings: BridgeSettings, tokens: TokenBook, clock: Clock
    ) -> None:
        self._app = app
        self._settings = settings
        self._tokens = tokens
        self._hosts = frozenset(name.lower() for name in (*settings.allowed_hosts, "localhost"))
        self._origins = frozenset(origin.lower() for origin in settings.allowed_origins)
        self._rates = Buckets(per_s=settings.requests_per_s, burst=settings.burst, clock=clock)
        self._failures = Buckets(per_s=_FAILURES_PER_S, burst=_FAILURES, clock=clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let it through."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        identity = request_id_of(headers)
        with correlation(identity):
            try:
                caller = self._enter(scope, headers)
                if scope["type"] == "http":
                    receive = await self._whole_body(headers, receive)
            except Refused as refused:
                await _refuse(refused, identity, scope, receive, send)
                return
            scope.setdefault("state", {})
            scope["state"]["caller"], scope["state"]["request_id"] = caller, identity
            scope["state"]["still"] = lambda: self._is_still_good(headers, caller)
            await self._app(scope, receive, _marked(send, identity))

    def _enter(self, scope: Scope, headers: Headers) -> Caller:
        self._check_host(headers)
        self._check_page(scope, headers)
        address = str((scope.get("client") or ("nobody",))[0])
        if scope["type"] == "http" and (scope["path"] in OPEN or _is_of_the_page(scope)):
            caller = Caller(name="anybody", scopes=frozenset())
        elif self._tokens.is_needed:
            caller = self._bearer(headers, address)
        else:
            # only a loopback address can be listened on without tokens
            caller = Caller(name="local", scopes=EVERYTHING)
        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            raise _no_text()
        if wait_s := self._rates.wait_s(f"{caller.name} {address}"):
            raise Refused(
                Kind(429, "too-many-requests", "Too many requests"),
                f"more than {self._settings.requests_per_s:g} requests a second",
                retry_after_s=wait_s,
            )
        return caller

    def _check_host(self, headers: Headers) -> None:
        """Refuse a name that is not ours: a page whose name was turned to our address has one."""
        named = headers.getlist("host")
        host = _host_of(named[0]) if len(named) == 1 else ""
        if host in self._hosts or self._is_ours(host):
            return
        raise Refused(
            Kind(421, "wrong-host", "Called by a name that is not known"),
            f"this bridge does not go by the name {host[:64]!r}",
            hint="call it by its address, or add the name to IBKR_BRIDGE_ALLOWED_HOSTS",
        )

    def _is_ours(self, host: str) -> bool:
        """A page cannot have an address for its name, so an address is no name turned to us."""
        try:
            address = ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return False
        # a page of anybody reaches this machine by 0.0.0.0, and a browser does not say from where
        return self._tokens.is_needed or not address.is_unspecified

    def _check_page(self, scope: Scope, headers: Headers) -> None:
        """Refuse what a page of another site makes a browser send."""
        origin = headers.get("origin")
        if origin is not None:
            secure = scope["scheme"] in {"https", "wss"}
            own = f"{'https' if secure else 'http'}://{headers.get('host', '')}"
            allowed = origin.lower() in self._origins or origin.lower() == own.lower()
        else:
            # a picture or a link of another site sends no origin; browsers say this instead
            allowed = headers.get("sec-fetch-site", "none") in {"none", "same-origin"}
            # the dashboard may be linked to: it is shown by itself, and in no frame
            is_link = headers.get("sec-fetch-dest") == "document" and scope["path"] == _PAGE
            allowed = allowed or (is_link and _is_of_the_page(scope))
        if not allowed:
            raise Refused(
                Kind(403, "wrong-origin", "Called by a page of another site"),
                "the page that sends this request is not one that may",
                hint="add its origin to IBKR_BRIDGE_ALLOWED_ORIGINS",
            )

    def _bearer(self, headers: Headers, address: str) -> Caller:
        token = _token_of(headers)
        caller = self._tokens.caller_of(token) if token else None
        if caller is not None:
            return caller
        if wait_s := self._failures.wait_s(address):
            raise Refused(
                Kind(429, "too-many-failures", "Too many wrong tokens"),
                "too many requests without a good token came from this address",
                retry_after_s=wait_s,
            )
        raise Refused(
            Kind(401, "token-needed", "A token is needed"),
            "the token is not one of this bridge" if token else "there is no token",
            hint="send the header `Authorization: Bearer TOKEN`",
        )

    def _is_still_good(self, headers: Headers, caller: Caller) -> bool:
        """Tell whether who was let in would be let in now: a token may have gone meanwhile."""
        if not self._tokens.is_needed:
            return True
        return self._tokens.caller_of(_token_of(headers)) == caller

    async def _whole_body(self, headers: Headers, receive: Receive) -> Receive:
        """Read the body, as far as it may go, and give it out as one piece."""
        most = self._settings.max_body_bytes
        told = headers.get("content-length", "0")
        too_large = Refused(
            Kind(413, "too-large", "The body is too large"), f"a body has at most {most} bytes"
        )
        if not told.isdecimal() or int(told[:20]) > most:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(_BODY_S):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        break
                    body += message.get("body", b"")
                    if len(body) > most:
                        raise too_large
                    if not message.get("more_body", False):
                        break
        except TimeoutError as error:
            raise Refused(
                Kind(408, "too-slow", "The body does not come"),
                f"the body has not come within {_BODY_S:g} s",
            ) from error
        if b"\x00" in body or b"\\u0000" in body:
            raise _no_text()
        given = False

        async def replay() -> Message:
            nonlocal given
            if not given:
                given = True
                return {"type": "http.request", "body": bytes(body), "more_body": False}
            return await receive()

        return replay


def _no_text() -> Refused:
    """TWS ends each of its fields with a NUL, so that no text of a request can have one."""
    return Refused(
        Kind(422, "invalid-request", "The request makes no sense"),
        "it has a NUL character in it, and no text of TWS can have one",
    )


def request_id_of(headers: Mapping[str, str]) -> str:
    """Return the id that a request brings, or a new one; what is no id is passed by."""
    brought = headers.get("x-request-id", "")
    if _ID.fullmatch(brought):
        return brought
    if traced := _TRACE.fullmatch(headers.get("traceparent", "")):
        return traced[1]
    return secrets.token_hex(6)


def _is_of_the_page(scope: Scope) -> bool:
    path: str = scope["path"]
    is_of_it = path == _PAGE or path.startswith(_FILES)
    return is_of_it and scope.get("method") in {"GET", "HEAD"}


def _token_of(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    for offered in headers.get("sec-websocket-protocol", "").split(","):
        if offered.strip().startswith("bearer."):
            return offered.strip().removeprefix("bearer.")
    return ""


def _host_of(named: str) -> str:
    host = named.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _marked(send: Send, identity: str) -> Send:
    async def marked(message: Message) -> None:
        if message["type"] in {"http.response.start", "websocket.http.response.start"}:
            headers = [*message.get("headers", []), (b"x-request-id", identity.encode())]
            said = {name for name, _ in headers}
            headers += [one for one in _ALWAYS if one[0] not in said]
            message = {**message, "headers": headers}
        await send(message)

    return marked


async def _refuse(  # noqa: PLR0917  # three of them are an ASGI call
    refused: Refused, identity: str, scope: Scope, receive: Receive, send: Send
) -> None:
    answer = problem(
        refused.kind,
        str(refused),
        correlation_id=identity,
        facts=refused.facts,
        headers=refused.headers,
    )
    # what is left of a body is not read, so nothing more can be said on this connection
    answer.headers["Connection"] = "close"
    if scope["type"] == "http":
        await answer(scope, receive, _marked(send, identity))
        return
    if "websocket.http.response" in scope.get("extensions", {}):
        await answer(scope, receive, _marked(send, identity))
        return
    await send({"type": "websocket.close", "code": 1008, "reason": refused.kind.slug})
