"""
Profit and loss of one session, read from the fields of the wire: one line for each subscription.

ib_async keeps these figures as floats, an empty one as zero. Here they are decimals as written, and
what IB leaves open is `None`. Their messages never reach ib_async, but those of its own requests.
"""

# mypy: disallow-untyped-calls=False
# ib_async's request methods are not typed.

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from ibkr_connector.model.ids import RequestId

from .account_port import PnLListener, PnLRequest, PnLRow
from .client import GatewayClient
from .faults import request_error
from .figures import figure, quantity
from .requests import Requests

__all__ = ["PnLLines"]

_log = logging.getLogger(__name__)

_ACCOUNT: Final = 94
_POSITION: Final = 95


class _Line:
    """One subscription."""

    __slots__ = ("_lines", "listener", "number", "request")

    def __init__(self, lines: PnLLines, request: PnLRequest, listener: PnLListener) -> None:
        self._lines = lines
        self.request = request
        self.listener = listener
        self.number: RequestId | None = None

    @property
    def is_open(self) -> bool:
        """Whether the gateway may still send something."""
        return self.number is not None

    def close(self) -> None:
        """Call it off; harmless when it is over already."""
        self._lines.close(self)


class PnLLines:
    """Opens, feeds and closes the lines of one session."""

    def __init__(self, client: GatewayClient, requests: Requests) -> None:
        self._client = client
        self._requests = requests
        self._lines: dict[int, _Line] = {}
        handlers = client.decoder.handlers
        handlers[_ACCOUNT] = self._taking(handlers[_ACCOUNT], _of_account)
        handlers[_POSITION] = self._taking(handlers[_POSITION], _of_position)

    def __len__(self) -> int:
        return len(self._lines)

    def open(self, request: PnLRequest, listener: PnLListener) -> _Line:
        """
        Ask; nothing is left behind when it cannot be written.

        Raises:
            NotConnectedError: There is no session.
        """
        line = _Line(self, request, listener)
        number = line.number = self._requests.new_id()
        # in the table first: the answer must not find it empty
        self._lines[number] = line
        try:
            # IB's order is account, model, contract (API client.py: reqPnL, reqPnLSingle)
            if request.con_id is None:
                self._client.reqPnL(number, request.account, request.model)
            else:
                self._client.reqPnLSingle(number, request.account, request.model, request.con_id)
        except BaseException:
            del self._lines[number]
            line.number = None
            raise
        return line

    def close(self, line: _Line) -> None:
        """Call a line off."""
        number, line.number = line.number, None
        if number is None or self._lines.pop(number, None) is None or not self._client.isReady():
            return
        if line.request.con_id is None:
            self._client.cancelPnL(number)
        else:
            self._client.cancelPnLSingle(number)

    def end_all(self) -> None:
        """No line is open any more; whoever opened them hears of that elsewhere."""
        for line in self._lines.values():
            line.number = None
        self._lines.clear()

    def error(self, request_id: int, code: int, text: str) -> bool:
        """Take a message about a line; tell whether it was about one."""
        line = self._lines.get(request_id)
        if line is None:
            return False
        error, _ = request_error("pnl", code, text, request_id=request_id)
        if error is None:
            _log.info("profit and loss goes on after message %d: %s", code, text)
        else:
            del self._lines[request_id]
            line.number = None
            line.listener.refused(error)
        return True

    def _taking(
        self, otherwise: Callable[[list[str]], None], read: Callable[[list[str]], PnLRow]
    ) -> Callable[[list[str]], None]:
        lines, requests = self._lines, self._requests

        def handler(fields: list[str]) -> None:
            number = int(fields[1])
            line = lines.get(number)
            if line is not None:
                line.listener.told(read(fields))
            elif not requests.owns(number):
                otherwise(fields)
            # what was on its way when a line was closed is nobody's

        return handler


def _of_account(fields: list[str]) -> PnLRow:
    _, _, daily, unrealized, realized, *_ = fields
    return PnLRow(daily=figure(daily), unrealized=figure(unrealized), realized=figure(realized))


def _of_position(fields: list[str]) -> PnLRow:
    _, _, held, daily, unrealized, realized, value, *_ = fields
    return PnLRow(
        daily=figure(daily),
        unrealized=figure(unrealized),
        realized=figure(realized),
        quantity=quantity(held),
        market_value=figure(value),
    )
