"""
The short way through the messages that come most: from their fields to our records, in one step.

The long way, `HonestDecoder`, makes ib_async's objects first. It is taken whenever somebody at the
escape hatch may want those, for every message that is out of the ordinary, and for all others; the
tests hold both ways against one another, message by message and version by version.
"""

# mypy: disallow-untyped-calls=False
# ib_async's request methods and callbacks are not typed.

from __future__ import annotations

from typing import Any, Final

from . import readings
from .bar_columns import BarRows
from .decoder import UNREADABLE, HonestDecoder
from .hatch_bars import WIDTH, bars, bars_of_payload
from .hatch_ticks import hatch_lanes
from .plain_orders import plain_order
from .port import HoldingsTold
from .runs import LEAST, POSITION, WINDOW, read_lines, read_positions

__all__ = ["FastDecoder"]

_FIGURE: Final = b"6"
_BAR_HEAD: Final = 5
_EXECUTION_FIELDS: Final = 31
_EXECUTION_GREW_AT: Final = 178
_COMMISSION_FIELDS: Final = 8
_POSITION_FIELDS: Final = 16
_PORTFOLIO_FIELDS: Final = 20
_FIGURES_OF_PORTFOLIO: Final = slice(13, 19)


class FastDecoder(HonestDecoder):
    """Turns the fields of one message into calls of the wrapper, with few steps in between."""

    def __init__(self, wrapper: Any, server_version: int) -> None:
        super().__init__(wrapper, server_version)
        self._status_the_long_way = self.handlers[3]
        self.handlers[3] = self.order_status
        self.lanes = {**hatch_lanes(wrapper), _FIGURE: wrapper.figures.lane}

    def openOrder(self, fields: list[str]) -> None:
        """Read an order as the broker describes it."""
        wrapper = self.wrapper
        seen = None if wrapper.wants_trades else plain_order(fields, self.serverVersion)
        if seen is None:
            super().openOrder(fields)
        else:
            wrapper.order_seen(seen)

    def order_status(self, fields: list[str]) -> None:
        """Read where an order is."""
        wrapper = self.wrapper
        if wrapper.wants_trades:
            self._status_the_long_way(fields)
        else:
            wrapper.emit(readings.order_status(fields))

    def execDetails(self, fields: list[str]) -> None:
        """Read one execution: a row of an answer, or as it happens."""
        wrapper, request_id = self.wrapper, int(fields[1])
        least = _EXECUTION_FIELDS + (self.serverVersion >= _EXECUTION_GREW_AT)
        if wrapper.wants_trades or wrapper.is_hatch(request_id) or len(fields) < least:
            super().execDetails(fields)
            return
        moment = wrapper.execution_time(fields[15]).replace(microsecond=0)
        recovered = wrapper.requests.owns(request_id)
        seen = readings.execution(fields, time=moment, recovered=recovered)
        wrapper.execution_seen(request_id, seen)

    def commissionReport(self, fields: list[str]) -> None:
        """Read what one execution cost."""
        if len(fields) == _COMMISSION_FIELDS and fields[2] not in self.wrapper.fills:
            self.wrapper.commission_text(*fields[2:6])
        else:
            super().commissionReport(fields)

    def position(self, fields: list[str]) -> None:
        """Read what an account holds of one contract."""
        if len(fields) != _POSITION_FIELDS:
            super().position(fields)
        else:
            row = readings.position(fields)
            self.wrapper.position_seen(row, readings.ib_position(fields))

    def updatePortfolio(self, fields: list[str]) -> None:
        """Read one line of the account window."""
        if len(fields) != _PORTFOLIO_FIELDS or "" in fields[_FIGURES_OF_PORTFOLIO]:
            super().updatePortfolio(fields)
        else:
            row = readings.portfolio(fields)
            self.wrapper.portfolio_seen(row, readings.ib_item(fields))

    def take_run(self, run: list[bytes]) -> bool:
        """Take messages that came one behind the other, when they are a run of holdings."""
        wrapper = self.wrapper
        if len(run) < LEAST or not wrapper.takes_runs:
            return False
        if run[0].startswith(POSITION):
            if (positions := read_positions(run)) is None:
                return False
            wrapper.emit_figures()
            wrapper.held.many(positions)
            wrapper.late_positions.keep_rows(positions)
            wrapper.emit(HoldingsTold(positions=positions))
        else:
            if not run[0].startswith(WINDOW) or (lines := read_lines(run)) is None:
                return False
            wrapper.emit_figures()
            wrapper.window_rows.update(lines)
            wrapper.window.many(lines)
            wrapper.late_lines.keep_rows(lines)
            wrapper.emit(HoldingsTold(lines=lines))
        wrapper.deliver()
        return True

    def bars_lane(self, payload: bytes) -> bool:
        """Take bars as bytes, ours and those of the escape hatch, when all is as it should be."""
        wrapper = self.wrapper
        try:
            _, number, start, end, count, _ = payload.split(b"\0", _BAR_HEAD)
            request_id, how_many = int(number), int(count)
            # the number of the message, and a NUL behind each of the five
            at = 2 + len(number) + len(start) + len(end) + len(count) + _BAR_HEAD
            container = wrapper.rows_of(request_id)
            if isinstance(rows := wrapper.requests.collector(request_id), list):
                zone = wrapper.login_zone
                rows.append(BarRows.of_payload(payload, start=at, count=how_many, login_zone=zone))
            elif container is None or (found := bars_of_payload(payload, at, how_many)) is None:
                return False
            else:
                container.extend(found)
        except UNREADABLE:
            return False
        if container is None:
            wrapper.requests.end(request_id)
        else:
            wrapper.historicalDataEnd(request_id, start.decode(), end.decode())
        return True

    def historicalData(self, fields: list[str]) -> None:
        """Read bars: of our own requests as they are, for the escape hatch column by column."""
        wrapper, request_id, count = self.wrapper, int(fields[1]), int(fields[4])
        rows = fields[5:]
        if wrapper.bars_of(request_id, rows, count=count):
            return
        container = wrapper.rows_of(request_id)
        try:
            found = bars(rows, count) if 0 <= count * WIDTH <= len(rows) else None
        except UNREADABLE:
            found = None
        if found is None or container is None:
            # as far as it can be read, and then the error
            super().historicalData(fields)
        else:
            container.extend(found)
            wrapper.historicalDataEnd(request_id, fields[2], fields[3])
