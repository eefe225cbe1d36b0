"""What comes by a lane is what comes by the long way: the same quotes, trades and complaints."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.gateway.client import GatewayClient, Phase
from ibkr_connector.gateway.decoder import HonestDecoder
from ibkr_connector.gateway.fast_decoder import FastDecoder
from ibkr_connector.gateway.frames import frame
from ibkr_connector.gateway.port import MessageUnreadable
from ibkr_connector.gateway.stream_port import StreamKind, StreamRequest
from ibkr_connector.gateway.streams import Streams
from ibkr_connector.gateway.wrapper import GatewayWrapper
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.ids import ConId
from kit.fake_clock import FakeClock

pytestmark = pytest.mark.counted

VERSION = 178
APPLE = Contract(symbol="AAPL", con_id=ConId(265598))
KINDS = (StreamKind.QUOTES, StreamKind.QUOTES, StreamKind.TRADES)


class Heard:
    """Listens to one line; a quote is what it is when it is told."""

    def __init__(self) -> None:
        self.items: list[str] = []

    def item(self, item: Any) -> None:
        self.items.append(repr(item))

    def flush(self) -> None:
        self.items.append("flush")

    def fault(self, fault: Any) -> None:
        self.items.append(f"{fault.code} {fault.text}")


class Silent(GatewayClient):
    """Sends nothing: there is no socket."""

    def send(self, *fields: Any, makeEmpty: bool = True) -> None:
        """Do nothing."""


class Way:
    """Three open lines, from the bytes of the socket to their listeners."""

    def __init__(self, decoder: type[HonestDecoder]) -> None:
        self.events: list[Any] = []
        ib: Any = SimpleNamespace(
            client=SimpleNamespace(clientId=7, isReady=lambda: True),
            errorEvent=SimpleNamespace(emit=lambda *_: None),
            updateEvent=(),
        )
        clock = FakeClock()
        self.wrapper = GatewayWrapper(ib, clock=clock, sink=self.events.append, grace_s=1)
        self.client: Any = Silent(self.wrapper, on_end=lambda *_: None)
        self.client.decoder = decoder(self.wrapper, VERSION)
        self.client.decoder.begin(VERSION)
        self.client.phase, self.client._apiReady = Phase.OPEN, True
        self.client._ready.set_result(None)
        self.streams = Streams(self.client, self.wrapper, clock=clock)
        self.heard = [Heard() for _ in KINDS]
        self.lines = [
            self.streams.open(StreamRequest(kind=kind, contract=APPLE), heard)
            for kind, heard in zip(KINDS, self.heard, strict=True)
        ]

    def found(self) -> Any:
        """Return all that has been told; the two ways complain in different words."""
        complaints = [
            one.fields if isinstance(one, MessageUnreadable) else repr(one) for one in self.events
        ]
        return [heard.items for heard in self.heard], complaints


@contextmanager
def two_ways() -> Iterator[tuple[Way, Way]]:
    with asyncio.Runner() as runner:

        async def both() -> tuple[Way, Way]:
            return Way(HonestDecoder), Way(FastDecoder)

        yield runner.run(both())


def payload(fields: Sequence[Any]) -> bytes:
    return "".join(f"{field}\0" for field in fields).encode()


LINES = st.sampled_from([0, 0, 1, 2, 9, "x", ""])
"""Which line; 9 is one that was never open."""

FIGURES = ["", "0", "-1", "1.50", "2", "0.0", "x", "nan", "9223372036854775807", "1E2", "1_0"]
NUMBERS = st.sampled_from(FIGURES[1:6]) | st.sampled_from(FIGURES)
PRICES = st.tuples(
    st.just(1), st.just(6), LINES,
    st.sampled_from([1, 2, 4, 66, 67, 68]) | st.sampled_from([6, 7, 9, 14, 75, 37, 9999, "x", ""]),
    NUMBERS, NUMBERS, st.just(0),
)  # fmt: skip
SIZES = st.tuples(
    st.just(2), st.just(6), LINES,
    st.sampled_from([0, 3, 5, 8, 69, 70, 71, 74]) | st.sampled_from([27, 9999, "x", ""]), NUMBERS,
)  # fmt: skip
TRADES = st.tuples(
    st.just(99), LINES | st.just(2), st.sampled_from([1, 2]),
    st.sampled_from([1700000000, 1700000000, 1700000001, "x", "9" * 30]), NUMBERS, NUMBERS,
    st.sampled_from([0, 1, 2, 3, "", "x"]), st.sampled_from(["ARCA", "\u00fc"]),
    st.sampled_from(["", "F"]),
)  # fmt: skip
OTHERS = st.one_of(
    st.tuples(st.just(45), st.just(6), LINES, st.sampled_from([49, 23]), NUMBERS),
    st.tuples(st.just(58), st.just(1), LINES, st.sampled_from([1, 3])),
    st.tuples(st.just(4), st.just(2), LINES, st.just(10167), st.just("delayed"), st.just("")),
)
MESSAGES = st.lists(PRICES | SIZES | TRADES | OTHERS, min_size=1, max_size=20)


@settings(max_examples=settings().max_examples // 2)
@given(
    messages=MESSAGES,
    cuts=st.lists(st.integers(0, 600), max_size=3),
    ends=st.lists(st.sampled_from([0, 0, 0, 0, 0, 1, -1]), min_size=20, max_size=20),
    wide=st.booleans(),
)
def test_lanes_tell_what_the_long_way_tells_however_the_bytes_are_cut(
    messages: list[tuple[Any, ...]], cuts: list[int], ends: list[int], wide: bool
) -> None:
    with two_ways() as ways:
        if wide:
            # each read is looked at as a whole, as otherwise only those of many messages are
            ways[1].client.sieve.least = 0
        for way in ways:
            numbers = [line.number for line in way.lines]
            stream = b""
            for message, end in zip(messages, ends, strict=False):
                at = 1 if message[0] == 99 else 2
                fields = list(message)
                which = fields[at]
                if which in {0, 1, 2}:
                    fields[at] = numbers[which]
                # some have a field too few, and some one too many
                fields = fields[:-1] if end == 1 else [*fields, "7"] if end == -1 else fields
                stream += frame(payload(fields))
            places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
            for start, stop in pairwise(places):
                way.client._on_bytes(stream[start:stop])
        long, short = ways
        assert short.found() == long.found()
        assert short.client._numMsgRecv == long.client._numMsgRecv


def test_a_tick_of_a_stream_goes_by_the_lane_and_not_by_the_decoder() -> None:
    with two_ways() as (_, way):
        decoded: list[Any] = []
        way.client.decoder.decode = decoded.append
        number = way.lines[0].number
        ticks = [(1, 6, number, 1, "1.50", "100", 0), (2, 6, number, 3, "200")]
        way.client._on_bytes(b"".join(frame(payload(fields)) for fields in ticks))
        way.client._on_bytes(
            frame(payload((99, way.lines[2].number, 1, 1700000000, "1.5", "10", 0, "ARCA", "")))
        )
        assert decoded == []
        assert "Decimal('1.50')" in way.heard[0].items[0]
        assert "ARCA" in way.heard[2].items[0]


def test_what_comes_for_a_line_that_was_closed_is_nobodys() -> None:
    with two_ways() as (_, way):
        number = way.lines[0].number
        way.lines[0].close()
        way.client._on_bytes(frame(payload((1, 6, number, 1, "1.50", "100", 0))))
        assert (way.heard[0].items, way.events) == ([], [])


def test_sizes_of_nothing_are_no_size_but_a_volume_of_nothing_is_one() -> None:
    with two_ways() as ways:
        for way in ways:
            number = way.lines[0].number
            ticks: list[tuple[Any, ...]] = [(2, 6, number, kind, "0") for kind in (0, 3, 5, 8)]
            ticks += [(1, 6, number, 1, "-1", "0", 0), (1, 6, number, 2, "0", "", 0)]
            way.client._on_bytes(b"".join(frame(payload(fields)) for fields in ticks))
            (quote, _) = way.heard[0].items
            assert "volume=Decimal('0')" in quote
            assert "bid=None, ask=None" in quote
            assert "bid_size=None, ask_size=None, last_size=None" in quote


@pytest.mark.parametrize(("many", "is_on"), [(3, True), (300, True), (300, False)])
def test_the_collector_of_cycles_waits_for_a_large_read_and_no_longer(
    many: int, is_on: bool
) -> None:
    with two_ways() as (_, way):
        seen: set[bool] = set()
        number = way.lines[2].number
        way.lines[2].listener = SimpleNamespace(
            item=lambda _: seen.add(gc.isenabled()), flush=lambda: seen.add(gc.isenabled())
        )
        trade = frame(payload((99, number, 1, 1700000000, "1.5", "10", 0, "ARCA", "")))
        if not is_on:
            gc.disable()
        try:
            way.client._on_bytes(trade * many)
            assert gc.isenabled() is is_on
        finally:
            gc.enable()
        # whoever listens is told with the collector as he has it
        assert seen == ({True, False} if is_on and many > 256 else {is_on})


def test_the_collector_goes_on_when_a_large_read_ends_the_session() -> None:
    with two_ways() as (_, way):

        def fails(_event: Any) -> None:
            raise LookupError("the sink")

        way.wrapper._sink = fails
        news = frame(payload((4, 2, -1, 2104, "farm", "")))
        with pytest.raises(LookupError):
            way.client._on_bytes(news * 300)
        assert gc.isenabled()
