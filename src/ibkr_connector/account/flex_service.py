"""
Download a statement from IB's Flex web service: ask for it, wait until it is written, take it.

Owns: the two requests, and how long it is waited for; `codes.flex` says what its numbers mean. The
token is a secret: it goes to IB's own hosts over TLS only, redirections are not followed, and no
error names it.
Refuses to know: what a statement says (`flex`).

Source: IB's page on the Flex Web Service, version 3. Replay: safe, it reads. Cost: two requests and
one more for each wait; IB allows one a second and ten a minute for each token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from http.client import HTTPException
from sys import version_info
from types import MappingProxyType
from typing import Any, Final, NoReturn
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener
from xml.parsers import expat

from pydantic import SecretStr

from ibkr_connector.clock import Clock, SystemClock
from ibkr_connector.codes.flex import flex_row
from ibkr_connector.errors import (
    AccountError,
    ConfigurationError,
    FlexError,
    RequestTimeoutError,
)
from ibkr_connector.settings import resolve_secret

from .flex import LARGEST

__all__ = ["FLEX_URL", "fetch_flex"]

FLEX_URL: Final = "https://ndcdyn.interactivebrokers.com/AccountManagement/FlexWebService"

_IB: Final = ".interactivebrokers.com"
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_AGENT: Final = f"Python/{version_info.major}.{version_info.minor}"
"""The service answers nobody who does not say what he is, and in this form."""

_SILENT: Final = "it went silent"
_FIRST_WAIT_S: Final = 1.0
_LONGEST_WAIT_S: Final = 20.0
_CHUNK: Final = 64 * 1024
_MOST_DAYS: Final = timedelta(days=365)
_NO_MORE: Final[Mapping[str, str]] = MappingProxyType({})


async def fetch_flex(
    *,
    token: str | SecretStr,
    query: str | int,
    from_date: date | None = None,
    to_date: date | None = None,
    deadline_s: float = 120.0,
    url: str = FLEX_URL,
    clock: Clock | None = None,
) -> bytes:
    """
    Download the statement of a query, as XML; `parse_flex` reads it.

    Args:
        token: Of the web service: itself, `env:NAME`, `file:PATH` or `keyring:SERVICE/USER`.
        query: Number of the query in Client Portal.
        from_date: First day, instead of the query's own; both or none, and a year at most.
        to_date: Last day.
        deadline_s: Seconds for all of it; IB writes a long statement in minutes.
        url: Where the service is; plain HTTP is accepted on the loopback only.
        clock: By which is waited; the machine's when not given.

    Raises:
        FlexError: The service refuses; `reason` says why, `flex_code` is its number.
        AccountError: Nothing came of it, or what is no statement.
        ConfigurationError: Token, query or URL cannot be.
        RequestTimeoutError: The statement was not written in time, or nobody answered.
    """
    secret = resolve_secret(token, key="token", place="fetch_flex")
    if not secret.get_secret_value().strip():
        raise ConfigurationError(
            "the token is empty", hint="make one in Client Portal, under Flex Web Service"
        )
    number = str(query).strip()
    if not number.isascii() or not number.isdecimal():
        raise ConfigurationError(
            f"the query is {query!r}, which is no number",
            hint="its number stands beside it in Client Portal, under Flex Queries",
        )
    days = _days(from_date, to_date)
    base = _checked(url.rstrip("/"))
    time = clock or SystemClock()
    service = _Service(secret, base, time, time.monotonic() + deadline_s, deadline_s)
    accepted = await service.ask(f"{base}/SendRequest", number, days)
    reference = accepted.told.get("ReferenceCode", "")
    if not reference:
        raise AccountError(
            f"the statement service answered {accepted.root!r} without a reference",
            hint="ask again later",
        )
    place = _other(accepted.told.get("Url", ""), base) or f"{base}/GetStatement"
    statement = await service.ask(place, reference)
    if statement.root != "FlexQueryResponse":
        raise AccountError(
            f"the statement service answered {statement.root[:40]!r} where a statement should be",
            hint="choose XML as the form of the query in Client Portal",
        )
    return statement.data


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came: the name of the root, and of a short answer the text of its elements."""

    data: bytes
    root: str
    told: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Service:
    """One download: whom it asks, and until when."""

    token: SecretStr
    base: str
    clock: Clock
    end: float
    deadline_s: float

    async def ask(self, url: str, what: str, more: Mapping[str, str] = _NO_MORE) -> _Answer:
        """Ask until the answer is no 'not yet'."""
        wait, code = _FIRST_WAIT_S, ""
        while True:
            if self.clock.monotonic() >= self.end:
                self._late(f"its last answer was {code}" if code else "nobody answered")
            answer = _read(await asyncio.to_thread(self._get, url, {"q": what, **more}))
            code = answer.told.get("ErrorCode", "")
            if not code and answer.told.get("Status", "Success") == "Success":
                return answer
            row = flex_row(code)
            if row.wait_s is None:
                said = answer.told.get("ErrorMessage", "") or answer.told.get("Status", "")
                raise FlexError(
                    f"the statement service refuses with {code or 'no number'}: "
                    f"{self._hidden(said)[:200]}",
                    reason=row.reason,
                    flex_code=int(code) if code.isdecimal() else None,
                    hint=row.remedy,
                )
            pause = max(wait, row.wait_s)
            if self.clock.monotonic() + pause >= self.end:
                self._late(f"its last answer was {code}: {row.reason}")
            await self.clock.sleep(pause)
            wait = min(wait * 2, _LONGEST_WAIT_S)

    def _get(self, url: str, asked: Mapping[str, str]) -> bytes:
        """Send one request, on a thread of its own; blocks."""
        query = urlencode({"t": self.token.get_secret_value().strip(), "v": 3, **asked})
        request = Request(f"{url}?{query}", headers={"User-Agent": _AGENT})
        handlers: list[Any] = [_NoRedirect()]
        if urlsplit(url).hostname in _LOOPBACK:
            handlers.append(ProxyHandler({}))
        try:
            with build_opener(*handlers).open(request, timeout=self._left()) as response:
                found = bytearray()
                while chunk := response.read1(_CHUNK):
                    found += chunk
                    if len(found) > LARGEST:
                        raise AccountError(
                            f"the statement has more than {LARGEST} bytes",
                            hint="ask for fewer days or sections",
                        )
                    self._left()
                return bytes(found)
        # the address holds the token, and what urllib raises may hold the address
        except HTTPError as error:
            why = f"it answered with HTTP status {error.code}"
            error.close()
        except TimeoutError:
            why = _SILENT
        except URLError as error:
            is_late = isinstance(error.reason, TimeoutError)
            why = _SILENT if is_late else type(error.reason).__name__
        except (OSError, ValueError, HTTPException) as error:
            why = type(error).__name__
        if why == _SILENT:
            self._late(why)
        raise AccountError(
            f"nothing came of the statement service at {urlsplit(self.base).hostname}: {why}",
            hint="check the network, and that a proxy lets this host through; ask again later",
        )

    def _left(self) -> float:
        left = self.end - self.clock.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _late(self, why: str) -> NoReturn:
        raise RequestTimeoutError(
            f"the statement did not come within {self.deadline_s:g} s: {why}",
            hint="ask again later, for fewer days, or with a longer `deadline_s`",
            replay_safe=True,
        )

    def _hidden(self, text: str) -> str:
        return text.replace(self.token.get_secret_value().strip(), "***")


class _NoRedirect(HTTPRedirectHandler):
    """Follow nobody elsewhere: the address holds the token."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _days(first: date | None, last: date | None) -> Mapping[str, str]:
    if first is None and last is None:
        return _NO_MORE
    if first is None or last is None or not first <= last <= first + _MOST_DAYS:
        raise ConfigurationError(
            f"the days are {first} to {last}",
            hint="give both or none, the first before the last, and a year at most",
        )
    return {"fd": f"{first:%Y%m%d}", "td": f"{last:%Y%m%d}"}


def _checked(url: str) -> str:
    parts = urlsplit(url)
    is_own = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if (parts.scheme == "https" and parts.hostname) or is_own:
        return url
    raise ConfigurationError(
        "the address of the statement service is not https",
        hint=f"leave `url` out: it is {FLEX_URL}",
    )


def _other(told: str, base: str) -> str | None:
    """Return where the service says that the statement will be, when that is still IB's."""
    if not told:
        return None
    host, own = urlsplit(told).hostname or "", urlsplit(base)
    if urlsplit(told).scheme == "https" and (host.endswith(_IB) or host == own.hostname):
        return told
    if own.hostname in _LOOPBACK and host in _LOOPBACK:
        return told
    raise AccountError(
        f"the statement service sends us to {host[:60]!r}, which is not IB's",
        hint="the token was not sent there; check the address of the service and the network",
    )


def _read(data: bytes) -> _Answer:
    """Read the root's name, and of an answer that is no statement what its elements say."""
    names: list[str] = []
    told: dict[str, str] = {}
    root = ""

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal root
        root = root or name
        names.append(name)
        if root == "FlexQueryResponse":
            raise _Statement

    def end(_: str) -> None:
        names.pop()

    def text(said: str) -> None:
        if len(names) == 2:  # of the root's own elements
            told[names[-1]] = told.get(names[-1], "") + said

    def refuse(*_: Any) -> NoReturn:
        raise AccountError(
            "the statement service answered with a document type or entities",
            hint="check the address of the service and the network",
        )

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)  # noqa: FBT003  # expat takes no keywords
    except _Statement:
        pass
    except expat.ExpatError:
        raise AccountError(
            "the statement service answered with what is no XML",
            hint="choose XML as the form of the query in Client Portal",
        ) from None
    return _Answer(data, root, {name: said.strip() for name, said in told.items()})


class _Statement(Exception):  # noqa: N818  # it ends the reading, and is no error
    """It is the statement itself: somebody else reads it."""
