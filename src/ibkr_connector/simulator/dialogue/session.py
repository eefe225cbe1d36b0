"""
One client's session: what it subscribed to, and what it is told.

Requests are looked up in the table of handlers; what handlers say is queued here until the server
takes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.wire.replies import ErrorMessage, ManagedAccounts, NextValidId, Reply
from ibkr_connector.simulator.wire.requests import (
    BrokenRequest,
    Request,
    StartApi,
    UnsupportedRequest,
)

from .account_streams import AccountStreams
from .gateway import Exchange, Gateway
from .streams import Streams

__all__ = ["ClientSession", "Handler"]

_FARMS = (
    (2104, "Market data farm connection is OK:usfarm"),
    (2106, "HMDS data farm connection is OK:ushmds"),
    (2158, "Sec-def data farm connection is OK:secdefil"),
)


@dataclass(slots=True)
class ClientSession:
    """The gateway's side of one connected client."""

    gateway: Gateway
    version: int
    client_id: int = -1
    is_refused: bool = False
    moment_ms: int = 0
    outbox: list[Reply] = field(default_factory=list)
    streams: Streams = field(default_factory=Streams)
    account_streams: AccountStreams = field(default_factory=AccountStreams)

    @property
    def lines(self) -> int:
        """How many streams of market data this client has."""
        return self.streams.lines

    def say(self, reply: Reply) -> None:
        """Queue a reply."""
        self.outbox.append(reply)

    def fail(self, request_id: int, code: int, text: str) -> None:
        """Queue an error, a warning or a notice."""
        self.say(ErrorMessage(request_id=request_id, code=code, text=text, time_ms=self.moment_ms))

    def take(self) -> list[Reply]:
        """Take what is queued."""
        said, self.outbox = self.outbox, []
        return said

    def handle(self, request: Request, now: datetime) -> None:
        """Do what a client asks; answers are queued, some at once and some with time."""
        if self.is_refused:
            # its socket is being closed; what it sent behind its greeting is not done
            return
        before = len(self.outbox)
        self.moment_ms = round(now.timestamp() * 1_000)
        if isinstance(request, StartApi):
            self._start(request)
        elif isinstance(request, BrokenRequest):
            self.fail(request.request_id, 320, f"Error reading request. {request.text}")
        else:
            # imported late: handlers need this class for their signatures
            from .handlers import HANDLERS  # noqa: PLC0415

            handler = HANDLERS.get(type(request))
            if handler is None:
                self._unsupported(request)
            else:
                handler(self, request, now)
        self.gateway.log.append(
            Exchange(
                client_id=self.client_id,
                request=request,
                replies=tuple(self.outbox[before:]),
            )
        )

    def tick(self, now: datetime) -> None:
        """Bring every stream to a moment."""
        self.moment_ms = round(now.timestamp() * 1_000)
        self.streams.tick(self, now)
        self.account_streams.tick(self, now)

    def position_changed(self, account: str, instrument: Instrument, now: datetime) -> None:
        """Tell of a position, if it was asked for."""
        self.account_streams.position_changed(self, account, instrument, now=now)

    def account_changed(self, account: str, now: datetime) -> None:
        """Tell of an account's figures, if they were asked for."""
        self.account_streams.account_changed(self, account, now)

    def leave(self) -> None:
        """The client is gone; its id is free again, its orders stay."""
        if self.gateway.sessions.get(self.client_id) is self:
            del self.gateway.sessions[self.client_id]

    def unsupported(self, what: str) -> None:
        """Remember something that was asked and is not simulated."""
        self.gateway.unsupported.append(f"client {self.client_id}: {what}")

    def _start(self, request: StartApi) -> None:
        self.client_id = request.client_id
        if request.client_id in self.gateway.sessions:
            self.is_refused = True
            self.fail(
                -1,
                326,
                "Unable to connect as the client id is already in use. "
                "Retry with a unique client id.",
            )
            return
        self.gateway.sessions[self.client_id] = self
        self.say(ManagedAccounts(accounts=",".join(self.gateway.accounts)))
        self.say(
            NextValidId(
                order_id=self.gateway.next_ids.setdefault(
                    self.client_id, self.gateway.first_order_id
                )
            )
        )
        for code, text in _FARMS:
            self.fail(-1, code, text)

    def _unsupported(self, request: Request) -> None:
        what = type(request).__name__
        if isinstance(request, UnsupportedRequest):
            what = f"message {request.message_id}"
        self.unsupported(f"{what}: {request!r}")
        request_id = getattr(request, "request_id", getattr(request, "order_id", -1))
        self.fail(request_id, 320, f"Error reading request. {what} is not simulated")


Handler = Callable[[ClientSession, Any, datetime], None]
"""Does what one sort of request asks."""
