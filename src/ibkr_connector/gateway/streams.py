"""
The open lines of one session: ticks, trades, bars and books, taken from the wire as text.

Owns which request id belongs to which line, and what the fields of each message mean. Their
messages never reach ib_async, which would make floats of prices, drop those that are not above
zero, and forget ticks between two packets. Prices are decimals exactly as written.

Listeners are told that a batch is over once for all that one read of the socket has brought, so
that a burst of ticks in one contract makes one quote.
"""

# mypy: disallow-untyped-calls=False
# ib_async's request methods and callbacks are not typed.

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Final

from ibkr_connector.clock import Clock
from ibkr_connector.codes import Ends, StreamEffect, stream_effect
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.ids import ConId, RequestId
from ibkr_connector.model.market import DataType
from ibkr_connector.model.streams import Trade

from . import translate
from .client import GatewayClient
from .data_answers import bulletin, headline, scan_rows
from .faults import request_error
from .port import GatewayNotice
from .quote_line import QuoteTicks, price_of, size_of
from .snapshot import Snapshot
from .stream_lanes import is_placed, stream_lanes
from .stream_port import (
    BarBacklog,
    BarChange,
    DepthChange,
    DepthOperation,
    ScanFound,
    StreamFault,
    StreamKind,
    StreamListener,
    StreamRequest,
)
from .stream_requests import call_off, write
from .wrapper import GatewayWrapper

__all__ = ["Streams"]

_log = logging.getLogger(__name__)

_BID: Final = "1"

_NAMES: Final[Mapping[StreamKind, str]] = MappingProxyType(
    {
        StreamKind.QUOTES: "quote",
        StreamKind.TRADES: "trades",
        StreamKind.FIVE_SECONDS: "live_bars",
        StreamKind.BARS: "live_bars",
        StreamKind.DEPTH: "depth",
        StreamKind.SCAN: "scan",
        StreamKind.NEWS: "news",
        StreamKind.BULLETINS: "bulletins",
    }
)
"""What errors call a stream."""


class Line:
    """One open stream of this session."""

    __slots__ = ("_streams", "contract", "is_touched", "listener", "number", "request", "ticks")

    def __init__(self, streams: Streams, request: StreamRequest, listener: StreamListener) -> None:
        self._streams = streams
        self.request = request
        self.listener = listener
        self.contract = request.contract
        self.number: RequestId | None = None
        self.is_touched = False
        self.ticks = QuoteTicks(request.contract)

    @property
    def is_open(self) -> bool:
        """Whether the gateway may still send something."""
        return self.number is not None

    def close(self) -> None:
        """Call the stream off; harmless when it is over already."""
        self._streams.close(self)


class Streams:
    """Opens, feeds and closes the lines of one session."""

    def __init__(self, client: GatewayClient, wrapper: GatewayWrapper, *, clock: Clock) -> None:
        self._client = client
        self._wrapper = wrapper
        self._requests = wrapper.requests
        self._clock = clock
        self._data_type: DataType | None = DataType.LIVE
        self._lines: dict[str, Line] = {}
        self._by_wire: dict[bytes, Line] = {}
        self._touched: list[Line] = []
        self._now: datetime | None = None
        self._second = ("", datetime.fromtimestamp(0, UTC))
        self.on_lost: Callable[[], None] = lambda: None
        wrapper.streams = self
        self._install()

    def __len__(self) -> int:
        return len(self._lines)

    # --- opening and closing --------------------------------------------------------------------

    def needs_data_type(self, request: StreamRequest) -> bool:
        """Whether opening this line takes a second message, that which chooses the data type."""
        return request.kind is StreamKind.QUOTES and request.data_type is not self._data_type

    @property
    def chosen(self) -> DataType:
        """The source of prices that was chosen last."""
        return self._data_type or DataType.LIVE

    def choose(self, data_type: DataType) -> None:
        """Choose the source of the prices that are asked for from now on, on this connection."""
        if data_type is not self._data_type:
            self._client.reqMarketDataType(int(data_type))
            self._data_type = data_type

    def open(self, request: StreamRequest, listener: StreamListener) -> Line:
        """
        Ask for a stream; nothing is left behind when it cannot be written.

        Raises:
            NotConnectedError: There is no session.
            ContractError: The contract cannot be written.
        """
        if request.kind is StreamKind.QUOTES:
            self.choose(request.data_type)
        self._thin()
        line = Line(self, request, listener)
        self._ask(line, request.contract)
        return line

    def close(self, line: Line) -> None:
        """Call a stream off."""
        number, line.number = line.number, None
        if number is None or self._strike(str(number)) is None:
            return
        if self._client.isReady():
            # TWS answers a superfluous one with a harmless message (facts, codes 300 and 310).
            call_off(self._client, line.request, number=number)

    def forget(self) -> None:
        """The broker has lost every stream, and perhaps the data type with them (TWS 1101)."""
        self.end_all()
        self._data_type = None
        self.on_lost()

    def end_all(self) -> None:
        """No line is open any more; whoever opened them hears of that elsewhere."""
        for line in self._lines.values():
            line.number = None
        self._lines.clear()
        self._by_wire.clear()
        self._touched.clear()

    def _ask(self, line: Line, contract: Contract) -> None:
        number = self._requests.new_id()
        request = line.request
        asked = translate.ib_contract(contract) if request.kind.is_of_contract else None
        # In the table first: the answer must not find it empty, and an error leaves it as it was.
        line.number = number
        self._lines[str(number)] = self._by_wire[b"%d" % number] = line
        try:
            write(self._client, request, asked, number=number)
        except BaseException:
            self._strike(str(number))
            line.number = None
            raise

    def _strike(self, number: str) -> Line | None:
        self._by_wire.pop(number.encode(), None)
        return self._lines.pop(number, None)

    # --- what comes -----------------------------------------------------------------------------

    def error(self, request_id: int, code: int, text: str) -> bool:
        """Take a message about a line; tell whether it was about one."""
        line = self._lines.get(str(request_id))
        if line is None:
            return False
        error, row = request_error(_NAMES[line.request.kind], code, text, request_id=request_id)
        effect = stream_effect(code)
        if effect is StreamEffect.COMPETING:
            # It is about the login and not about this line alone.
            self._wrapper.emit(GatewayNotice(code=code, text=text))
        if effect is StreamEffect.EMPTY and line.request.kind is StreamKind.SCAN:
            line.listener.item(ScanFound(rows=()))
            self._touch(line)
            return True
        if effect is None and error is None:
            _log.info("%s goes on after message %d: %s", line.request.kind, code, text)
        line.listener.fault(
            StreamFault(
                code=code,
                text=text,
                effect=effect,
                error=error,
                depends=row.ends is Ends.DEPENDS,
            )
        )
        return True

    def flush(self) -> None:
        """Everything that one read has brought has been taken."""
        self._now = None
        if not self._touched:
            return
        touched = self._touched.copy()
        # the lanes hold on to the list
        self._touched.clear()
        for line in touched:
            line.is_touched = False
            if line.number is None:
                continue
            if line.request.kind is StreamKind.QUOTES:
                line.listener.item(line.ticks.quote(self._utcnow()))
            line.listener.flush()
        self._now = None

    def _touch(self, line: Line) -> None:
        if not line.is_touched:
            line.is_touched = True
            self._touched.append(line)

    def _utcnow(self) -> datetime:
        if self._now is None:
            self._now = self._clock.utcnow()
        return self._now

    def _install(self) -> None:
        """Take the messages of our lines before ib_async's handlers see them."""
        handlers = self._client.decoder.handlers
        handlers[14] = partial(self._bulletin, otherwise=handlers[14])
        handlers[21] = partial(self._snapshot_computation, otherwise=handlers[21])
        for number, at, take in (
            (1, 2, self._price),
            (2, 2, self._size),
            (12, 2, self._depth),
            (13, 2, self._depth_of_maker),
            (17, 1, self._backlog),
            (20, 2, self._scan),
            (21, 1, self._computation),
            (45, 2, self._generic),
            (46, 2, self._text),
            (50, 2, self._five_seconds),
            (58, 2, self._source),
            (81, 1, self._nothing),
            (84, 1, self._news),
            (90, 1, self._bar),
            (91, 1, self._reroute),
            (92, 1, self._reroute),
            (99, 1, self._trade),
        ):
            self._intercept(number, at, take)
        lanes = self._client.decoder.lanes
        if lanes:
            lanes.update(
                stream_lanes(self._by_wire, self._touched, now=self._utcnow, others=dict(lanes))
            )

    def _thin(self) -> None:
        """Leave out of large reads what nobody would see, from the first stream on."""
        if self._client.decoder.lanes and self._client.sieve is None:
            # numpy takes a tenth of a second to import, and who follows nothing needs none
            from .wide_reads import Sieve  # noqa: PLC0415

            self._client.sieve = Sieve(lambda key: is_placed(key, self._by_wire))

    def _intercept(self, number: int, at: int, take: Callable[[Line, list[str]], None]) -> None:
        handlers = self._client.decoder.handlers
        otherwise, lines, requests = handlers[number], self._lines, self._requests

        def handler(fields: list[str]) -> None:
            line = lines.get(fields[at])
            if line is not None:
                take(line, fields)
                return
            request_id = int(fields[at])
            # What was on its way when a line was closed is nobody's.
            if not requests.owns(request_id) or requests.get(request_id) is not None:
                otherwise(fields)

        handlers[number] = handler

    # Fields as in ib_async decoder.py, by message number.

    def _price(self, line: Line, fields: list[str]) -> None:
        if line.ticks.price(fields[3], fields[4], fields[5]):
            self._touch(line)

    def _size(self, line: Line, fields: list[str]) -> None:
        if line.ticks.size(fields[3], fields[4]):
            self._touch(line)

    def _generic(self, line: Line, fields: list[str]) -> None:
        if line.ticks.generic(fields[3], fields[4]):
            self._touch(line)

    def _source(self, line: Line, fields: list[str]) -> None:
        line.ticks.data_type(fields[3])

    def _nothing(self, line: Line, fields: list[str]) -> None:
        """Parameters: limit, they are not part of a quote."""

    def _text(self, line: Line, fields: list[str]) -> None:
        # limit: of texts only those that hold figures are part of a quote
        if line.ticks.extra(fields[3], fields[4]):
            self._touch(line)

    def _computation(self, line: Line, fields: list[str]) -> None:
        if line.ticks.computation(fields[2], fields[3], fields[4:12]):
            self._touch(line)

    def _snapshot_computation(
        self, fields: list[str], *, otherwise: Callable[[list[str]], None]
    ) -> None:
        snapshot = self._requests.collector(int(fields[1]))
        if isinstance(snapshot, Snapshot):
            snapshot.computation(int(fields[2]), fields[3], fields[4:12])
        else:
            otherwise(fields)

    def _trade(self, line: Line, fields: list[str]) -> None:
        _, _, _, moment, price, size, mask, exchange, conditions, *_ = fields
        if self._second[0] != moment:
            self._second = (moment, datetime.fromtimestamp(int(moment), UTC))
        marks = int(mask or 0)
        line.listener.item(
            Trade(
                contract=line.contract,
                timestamp=self._second[1],
                received=self._utcnow(),
                price=price_of(price),
                size=size_of(size),
                exchange=exchange,
                conditions=conditions,
                past_limit=bool(marks & 1),
                unreported=bool(marks & 2),
            )
        )
        self._touch(line)

    def _five_seconds(self, line: Line, fields: list[str]) -> None:
        line.listener.item(BarChange(bar=translate.bar(fields[3:11], login_zone=UTC)))
        self._touch(line)

    def _backlog(self, line: Line, fields: list[str]) -> None:
        rows, zone = fields[5:], self._wrapper.login_zone
        bars = [
            translate.bar(rows[at : at + 8], login_zone=zone)
            for at in range(0, 8 * int(fields[4]), 8)
        ]
        bars.sort(key=lambda bar: bar.timestamp)
        line.listener.item(BarBacklog(bars=tuple(bars)))
        self._touch(line)

    def _bar(self, line: Line, fields: list[str]) -> None:
        _, _, count, start, opened, close, high, low, average, volume, *_ = fields
        row = [start, opened, high, low, close, volume, average, count]
        line.listener.item(BarChange(bar=translate.bar(row, login_zone=self._wrapper.login_zone)))
        self._touch(line)

    def _scan(self, line: Line, fields: list[str]) -> None:
        line.listener.item(ScanFound(rows=scan_rows(fields[3:])))
        self._touch(line)

    def _news(self, line: Line, fields: list[str]) -> None:
        line.listener.item(headline(fields[2:]))
        self._touch(line)

    def _bulletin(self, fields: list[str], *, otherwise: Callable[[list[str]], None]) -> None:
        # it names no request; whoever follows bulletins gets it
        for line in self._lines.values():
            if line.request.kind is StreamKind.BULLETINS:
                line.listener.item(bulletin(fields[2:], received=self._utcnow()))
                self._touch(line)
        otherwise(fields)

    def _depth(self, line: Line, fields: list[str]) -> None:
        _, _, _, position, operation, side, price, size, *_ = fields
        self._change(line, position, operation, side=side, price=price, size=size)

    def _depth_of_maker(self, line: Line, fields: list[str]) -> None:
        _, _, _, position, maker, operation, side, price, size, *_ = fields
        self._change(line, position, operation, side=side, price=price, size=size, maker=maker)

    def _change(
        self,
        line: Line,
        position: str,
        operation: str,
        *,
        side: str,
        price: str,
        size: str,
        maker: str = "",
    ) -> None:
        line.listener.item(
            DepthChange(
                position=int(position),
                operation=DepthOperation(int(operation)),
                is_bid=side == _BID,
                price=price_of(price),
                size=size_of(size),
                maker=maker,
            )
        )
        self._touch(line)

    def _reroute(self, line: Line, fields: list[str]) -> None:
        # The data of a CFD are those of its underlying, and TWS wants to be asked for them (IB
        # campus: rerouteMktDataReq). The line keeps the name of what was asked for.
        self._strike(fields[1])
        self._ask(
            line,
            Contract(symbol="", con_id=ConId(int(fields[2])), exchange=fields[3]),
        )
