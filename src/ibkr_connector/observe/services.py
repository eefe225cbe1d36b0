"""
Telling a service: mail, Telegram, Slack, Discord, a webhook, by Apprise and on a thread of its own.

Owns: that Apprise is imported when there is a route and not before; that a service which hangs
holds up nothing but its own route; and that no part of a route's URL is ever logged.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import queue
import re
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Protocol
from urllib.parse import unquote, unquote_plus

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.alerts import Severity
from ibkr_connector.settings.alerts import AlertRoute

from .messages import Message

__all__ = ["NotTold", "Service", "Teller", "service_of"]

_MOST_HANGING: Final = 3
"""So many calls that never return are left behind; then the next waits for one of them."""

_LINES: Final = 5
_TALKERS: Final = (
    "apprise",
    "requests",
    "urllib3",
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.util.retry",
)
"""Whatever logs while a service is told."""

_TYPES: Final[Mapping[Severity, str]] = MappingProxyType(
    {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}
)


class NotTold(Exception):  # noqa: N818  # says what happened
    """The service did not take a message, or nobody knows whether it did."""


class Service(Protocol):
    """Something that can be told; blocks, and is called on a thread."""

    def tell(self, message: Message) -> None:
        """
        Hand a message over.

        Raises:
            NotTold: It was not taken.
        """
        ...


@dataclass(frozen=True, slots=True)
class AppriseService:
    """One URL of Apprise's."""

    target: Any
    secrets: tuple[str, ...]

    def tell(self, message: Message) -> None:
        """Hand a message over; what Apprise logs meanwhile on this thread is the reason."""
        with _Overheard() as heard:
            try:
                taken = self.target.notify(
                    body=message.body, title=message.title, notify_type=_TYPES[message.severity]
                )
            except Exception as error:  # noqa: BLE001  # a plug-in of any service
                raise NotTold(self._masked(f"{type(error).__name__}: {error}")) from None
        if not taken:
            raise NotTold(self._masked("; ".join(heard.said) or "the service did not take it"))

    def _masked(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text[:300]


def service_of(name: str, route: AlertRoute) -> Service:
    """
    Make the service of a route; imports Apprise, which takes a quarter of a second.

    Raises:
        ConfigurationError: The extra is not installed, or Apprise knows no such URL.
    """
    try:
        import apprise  # noqa: PLC0415  # an extra, and slow
    except ModuleNotFoundError as missing:
        if missing.name != "apprise":
            raise
        raise ConfigurationError(
            f"the route {name!r} of alerts needs Apprise",
            hint="pip install 'ibkr-connector[alerts]'",
        ) from missing
    url = route.url.get_secret_value()
    with _Overheard(), warnings.catch_warnings():
        # its plug-ins import modules that Python will drop one day
        warnings.simplefilter("ignore", DeprecationWarning)
        target = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if target is not None and "overflow=" not in url:
            # what is longer than a service takes would be refused for ever
            target.overflow_mode = apprise.OverflowMode.SPLIT
    if target is None:
        scheme = url.partition("://")[0]
        raise ConfigurationError(
            f"routes.{name}.url: Apprise knows no such address of {scheme}://",
            hint="its parts are missing or misspelt; see the Apprise page of that service",
        )
    return AppriseService(target, _secrets_of(url))


def _secrets_of(url: str) -> tuple[str, ...]:
    """Return what of a URL may not be shown: all but the scheme, the longest parts first."""
    _, _, rest = url.partition("://")
    written = {part for part in re.split(r"[/:@?&=,#]", rest) if len(part) > 3}
    # a service names a password as it is, and not as a URL has to write it
    parts = written | {unquote(part) for part in written} | {unquote_plus(part) for part in written}
    return tuple(sorted({rest, *parts}, key=len, reverse=True))


class _Overheard(logging.Filter):
    """
    What Apprise logs on this thread: the only place where it says why something was not taken.

    It goes no further, and neither does what the libraries below it log: the path of a webhook,
    which urllib3 writes at DEBUG, is its secret.
    """

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._thread = threading.get_ident()
        # a filter sees what its own logger is given, and nothing of those below it
        self._loggers = [logging.getLogger(name) for name in _TALKERS]

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep a line of this thread, and let those of others pass."""
        if record.thread != self._thread:
            return True
        is_reason = record.name == "apprise" and record.levelno >= logging.WARNING
        if is_reason and len(self.said) < _LINES:
            self.said.append(record.getMessage())
        return False

    def __enter__(self) -> _Overheard:
        for logger in self._loggers:
            logger.addFilter(self)
        return self

    def __exit__(self, *_: object) -> None:
        for logger in self._loggers:
            logger.removeFilter(self)


@dataclass(slots=True)
class _Thread:
    """One daemon thread and what it is asked for; the interpreter does not wait for it."""

    name: str
    calls: queue.SimpleQueue[Callable[[], None] | None] = field(default_factory=queue.SimpleQueue)
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while (call := self.calls.get()) is not None:
            call()


class Teller:
    """
    Tells one service one message after the other, without blocking the loop.

    Args:
        name: Of the route.
        service: What is told.
        timeout_s: A call that takes longer is left behind, and counts as failed.
    """

    def __init__(self, name: str, service: Service, *, timeout_s: float) -> None:
        self._name = name
        self._service = service
        self._timeout_s = timeout_s
        self._worker: _Thread | None = None
        self._hanging: list[_Thread] = []

    async def tell(self, message: Message) -> None:
        """
        Hand a message over.

        Raises:
            NotTold: It was not taken, or not in time: then it may have arrived all the same.
        """
        self._hanging = [one for one in self._hanging if one.thread.is_alive()]
        if len(self._hanging) >= _MOST_HANGING:
            raise NotTold(f"{len(self._hanging)} earlier attempts still hang")
        worker = self._worker = self._worker or _Thread(f"ibkr-alerts-{self._name}")
        outcome: concurrent.futures.Future[None] = concurrent.futures.Future()
        worker.calls.put(lambda: _settle(outcome, lambda: self._service.tell(message)))
        try:
            async with asyncio.timeout(self._timeout_s):
                await asyncio.wrap_future(outcome)
        except TimeoutError:
            self._leave(worker)
            raise NotTold(f"no answer within {self._timeout_s:g} s") from None
        except asyncio.CancelledError:
            self._leave(worker)
            raise

    def close(self) -> None:
        """Ask for nothing more; a call that never returns is left behind."""
        if self._worker is not None:
            self._worker.calls.put(None)
            self._worker = None

    def _leave(self, worker: _Thread) -> None:
        worker.calls.put(None)
        self._hanging.append(worker)
        self._worker = None


def _settle(outcome: concurrent.futures.Future[None], call: Callable[[], None]) -> None:
    if not outcome.set_running_or_notify_cancel():
        return
    try:
        call()
    except BaseException as error:  # noqa: BLE001  # of a service, and carried to the loop
        outcome.set_exception(error)
    else:
        outcome.set_result(None)
