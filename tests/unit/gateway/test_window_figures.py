"""Figures of an account window that are told together are those that each message tells."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from ib_async.decoder import Decoder
from ib_async.wrapper import Wrapper

from ibkr_connector.gateway.client import GatewayClient, Phase
from ibkr_connector.gateway.decoder import HonestDecoder
from ibkr_connector.gateway.fast_decoder import FastDecoder
from ibkr_connector.gateway.frames import frame
from ibkr_connector.gateway.port import FiguresTold, MessageUnreadable, PositionRow
from ibkr_connector.gateway.wrapper import GatewayWrapper
from ibkr_connector.model.account import AccountValue, FigureSource
from kit import wire_rows as rows
from kit.fake_clock import FakeClock


class IB:
    """Stands where ib_async's `IB` stands; a listener hears what the tables hold then."""

    def __init__(self, listeners: tuple[str, ...] = ()) -> None:
        self.heard: list[str] = []
        self.wrapper: Any = None
        self.client = SimpleNamespace(clientId=7, isReady=lambda: True)
        self._listeners = listeners

    def __getattr__(self, name: str) -> Any:
        is_heard = name in self._listeners

        class Event:
            # `self` is the one around it
            def __len__(_) -> int:
                return is_heard

            def emit(_, *said: Any) -> None:
                if is_heard:
                    self.heard.append(f"{name} {said} {self.wrapper.accountValues}")

        return Event()


class Way:
    """A receiving end, from the bytes of the socket to the sink."""

    def __init__(self, decoder: type[HonestDecoder], *listeners: str) -> None:
        self.events: list[Any] = []
        self.ib: Any = IB(listeners)
        self.wrapper = GatewayWrapper(
            self.ib, clock=FakeClock(), sink=self.events.append, grace_s=1
        )
        self.ib.wrapper = self.wrapper
        self.client: Any = GatewayClient(self.wrapper, on_end=lambda *_: None)
        self.client.decoder = decoder(self.wrapper, 178)
        self.client.decoder.begin(178)
        self.client.phase, self.client._apiReady = Phase.OPEN, True
        self.client._ready.set_result(None)

    def hear(self, *messages: bytes) -> None:
        self.client._on_bytes(b"".join(map(frame, messages)))

    def told(self) -> list[str]:
        """Return what was told, figure by figure."""
        said: list[str] = []
        for event in self.events:
            if isinstance(event, FiguresTold):
                for (account, tag, currency), value in event.values.items():
                    assert (value.account, value.tag, value.currency) == (account, tag, currency)
                    assert (event.account, event.source) == (account, value.source)
                    said.append(repr(value))
            else:
                # the two ways fail with different words
                said.append(repr(event.fields if isinstance(event, MessageUnreadable) else event))
        return said

    def found(self) -> Any:
        """Return what was told and heard, and what is kept."""
        kept = repr((self.wrapper.figures.values, self.wrapper.accountValues))
        return self.told(), self.ib.heard, kept


def figure(tag: str, text: str, currency: str = "USD", account: str = "DU1") -> bytes:
    said = "".join(f"{field}\0" for field in (6, 2, tag, text, currency, account))
    return said.encode("utf-8", "surrogateescape")


def position() -> bytes:
    return "".join(f"{field}\0" for field in rows.position("10")).encode()


TAGS = ["NetLiquidation", "CashBalance", "$LEDGER-CashBalance", "x" * 250]
TEXTS = ["1.50", "", "2147483647", "1.7976931348623157E308", "individual", "\udce4"]
MESSAGES = st.one_of(
    st.builds(
        figure,
        st.sampled_from(TAGS),
        st.sampled_from(TEXTS),
        st.sampled_from(["USD", "BASE", ""]),
        st.sampled_from(["DU1", "DU1", "DU1", "DU2"]),
    ),
    st.just(position()),
    st.sampled_from(
        [b"6\x002\x00Cushion\x000.5\x00", b"6\x002\x00a\x00b\x00c\x00d\x00e\x00", b"6\0"]
    ),
)


@settings(max_examples=settings().max_examples // 2)
@given(
    messages=st.lists(MESSAGES, max_size=12),
    tails=st.lists(st.sampled_from([b"", b"", b"more"]), min_size=12, max_size=12),
    listeners=st.sampled_from([(), ("positionEvent",), ("accountValueEvent",)]),
    cuts=st.lists(st.integers(0, 400), max_size=3),
)
def test_figures_told_together_are_those_told_one_by_one(
    messages: list[bytes], tails: list[bytes], listeners: tuple[str, ...], cuts: list[int]
) -> None:
    stream = b"".join(frame(payload + tail) for payload, tail in zip(messages, tails, strict=False))

    async def both() -> None:
        long, short = Way(HonestDecoder, *listeners), Way(FastDecoder, *listeners)
        long.client._on_bytes(stream)
        for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(stream)], strict=True):
            short.client._on_bytes(stream[start:end])
        assert short.found() == long.found()

    asyncio.run(both())


async def test_figures_of_one_read_are_one_event_at_its_end() -> None:
    way = Way(FastDecoder)
    way.hear(figure("NetLiquidation", "1000.5"), figure("Cushion", "2147483647", ""))
    [told] = way.events
    assert told == FiguresTold(
        account="DU1",
        source=FigureSource.WINDOW,
        values={
            (value.account, value.tag, value.currency): value
            for value in (
                AccountValue(
                    account="DU1",
                    tag="NetLiquidation",
                    value="1000.5",
                    currency="USD",
                    source=FigureSource.WINDOW,
                ),
                AccountValue(account="DU1", tag="Cushion", value="", source=FigureSource.WINDOW),
            )
        },
    )
    assert told.has("Cushion")
    assert not told.has("BuyingPower")


async def test_figures_are_told_before_what_comes_behind_them() -> None:
    way = Way(FastDecoder)
    way.hear(figure("NetLiquidation", "1"), position(), figure("NetLiquidation", "2"))
    assert [type(one) for one in way.events] == [FiguresTold, PositionRow, FiguresTold]


async def test_a_figure_that_is_told_twice_is_two_events() -> None:
    way = Way(FastDecoder)
    way.hear(figure("NetLiquidation", "1"), figure("Cushion", "1"), figure("NetLiquidation", "2"))
    assert [[value.value for value in told.values.values()] for told in way.events] == [
        ["1"],
        ["1"],
        ["2"],
    ]


async def test_figures_of_several_accounts_are_told_of_each() -> None:
    way = Way(FastDecoder)
    way.hear(*(figure("NetLiquidation", "1", account=f"DU{number}") for number in (1, 2)))
    assert [(told.account, list(told.values)) for told in way.events] == [
        (account, [(account, "NetLiquidation", "USD")]) for account in ("DU1", "DU2")
    ]


async def test_whoever_listens_at_the_escape_hatch_hears_of_each_figure() -> None:
    way = Way(FastDecoder, "accountValueEvent")
    way.hear(figure("NetLiquidation", "1"), figure("Cushion", "1"))
    assert (len(way.events), len(way.ib.heard)) == (2, 2)


async def test_the_table_of_the_escape_hatch_is_that_of_ib_async() -> None:
    stock_ib: Any = IB()
    stock = Wrapper(stock_ib)
    decoder: Any = Decoder(stock, 178)
    way = Way(FastDecoder)
    first = [figure("NetLiquidation", "1", account=f"DU{at % 2}") for at in range(3)]
    more = [figure("Cushion", "2147483647", ""), figure("NetLiquidation", "", account="DU0")]
    for messages in (first, first + more):
        way.hear(*messages)
        for payload in messages:
            decoder.interpret(payload.decode().split("\0")[:-1])
    table = way.wrapper.accountValues
    assert list(table.items()) == list(stock.accountValues.items())
    # whoever holds on to it sees what comes
    way.hear(figure("BuyingPower", "7"))
    assert table["DU1", "BuyingPower", "USD", ""].value == "7"
