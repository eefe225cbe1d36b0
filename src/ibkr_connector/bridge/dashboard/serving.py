"""
The files of the dashboard, as they lie in the package.

Owns: which files there are, and what a browser may do with them. They hold nothing of the account
and need no token: the page asks for one, and sends it with what it asks for. The policy lets the
page load from this bridge alone, and run no program and no style that stands in a page or that text
was turned into.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final

from fastapi import APIRouter, Request, Response

from ibkr_connector.bridge.guard import Refused
from ibkr_connector.bridge.problems import Kind

__all__ = ["POLICY", "Page", "pages", "router"]

POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""What the browser is told to refuse: other hosts, inline programs and styles, frames."""

_START: Final = "index.html"

_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "html": "text/html; charset=utf-8",
        "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8",
        "svg": "image/svg+xml",
        "LICENSE": "text/plain; charset=utf-8",
        "md": "text/plain; charset=utf-8",
    }
)

_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Security-Policy": POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
        # a browser asks each time whether its copy is still good, so that no old page trades
        "Cache-Control": "no-cache",
    }
)

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One file: what a browser gets, and the mark that tells it from what it has."""

    body: bytes
    kind: str
    mark: str


@cache
def pages() -> Mapping[str, Page]:
    """Return every file of the dashboard by its path below `/dashboard/`; they are read once."""
    found: dict[str, Page] = {}
    _read(files(__package__) / "static", "", found)
    return MappingProxyType(found)


def _read(folder: Traversable, path: str, found: dict[str, Page]) -> None:
    for one in folder.iterdir():
        if one.is_dir():
            _read(one, f"{path}{one.name}/", found)
            continue
        kind = _KINDS.get(one.name.rsplit(".", 1)[-1])
        if kind is not None:
            body = one.read_bytes()
            mark = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            found[path + one.name] = Page(body=body, kind=kind, mark=mark)


@router.api_route("/", methods=["GET", "HEAD"])
async def dashboard(request: Request) -> Response:
    """Return the page."""
    return _answer(request, pages()[_START])


@router.api_route("/dashboard/{path:path}", methods=["GET", "HEAD"])
async def dashboard_file(path: str, request: Request) -> Response:
    """Return one of its files; there are no others than those of the package."""
    page = pages().get(path)
    if page is None:
        raise Refused(Kind(404, "not-found", "Not Found"), "the dashboard has no such file")
    return _answer(request, page)


def _answer(request: Request, page: Page) -> Response:
    headers = {**_HEADERS, "ETag": page.mark}
    known = request.headers.get("if-none-match", "")
    if page.mark in [one.strip().removeprefix("W/") for one in known.split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(page.body, media_type=page.kind, headers=headers)
