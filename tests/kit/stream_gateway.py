"""A gateway of streams without a socket, for tests of what stands above it on virtual time."""

from __future__ import annotations

from decimal import Decimal

from ibkr_connector.codes import Ends, Scope, lookup, stream_effect
from ibkr_connector.errors import IBKRError, NotConnectedError
from ibkr_connector.gateway.stream_port import (
    StreamFault,
    StreamItem,
    StreamListener,
    StreamRequest,
)
from ibkr_connector.model.market import DataType, Quote
from kit.fake_clock import FakeClock

__all__ = ["FakeLine", "FakeStreams"]


class FakeLine:
    """One open line."""

    def __init__(self, request: StreamRequest, listener: StreamListener, clock: FakeClock) -> None:
        self.request = request
        self.is_open = True
        self._listener = listener
        self._clock = clock

    def close(self) -> None:
        """Call it off."""
        self.is_open = False

    def say(self, *items: StreamItem) -> None:
        """Let something come over it in one read."""
        for item in items:
            self._listener.item(item)
        self._listener.flush()

    def quote(self, bid: str, ask: str = "200") -> None:
        """Let a quote come."""
        self.say(
            Quote(
                contract=self.request.contract,
                timestamp=self._clock.utcnow(),
                data_type=self.request.data_type,
                bid=Decimal(bid),
                ask=Decimal(ask),
            )
        )

    def fault(self, code: int, text: str = "") -> None:
        """Let a message about it come."""
        row = lookup(code, Scope.REQUEST, text)
        error: IBKRError | None = None
        if row.ends is not Ends.NO:
            error = (row.error or IBKRError)(text or f"said {code}", code=code)
        self._listener.fault(
            StreamFault(
                code=code,
                text=text,
                effect=stream_effect(code),
                error=error,
                depends=row.ends is Ends.DEPENDS,
            )
        )


class FakeStreams:
    """Opens lines and remembers them; `is_up` is whether there is a session."""

    def __init__(self, clock: FakeClock) -> None:
        self.lines: list[FakeLine] = []
        self.is_up = True
        self._clock = clock
        self._data_type = DataType.LIVE

    @property
    def open(self) -> list[FakeLine]:
        """The lines that are open."""
        return [line for line in self.lines if line.is_open]

    def needs_data_type(self, request: StreamRequest) -> bool:
        """Whether the data type is another one now."""
        return request.data_type is not self._data_type

    def open_stream(self, request: StreamRequest, listener: StreamListener) -> FakeLine:
        """Open a line."""
        if not self.is_up:
            raise NotConnectedError("there is no session")
        self._data_type = request.data_type
        line = FakeLine(request, listener, self._clock)
        self.lines.append(line)
        return line

    def end(self) -> None:
        """The session ends."""
        self.is_up = False
        for line in self.lines:
            line.is_open = False
