"""Many messages read at once lead to what each of them by itself leads to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ib_async.decoder import Decoder
from ib_async.wrapper import Wrapper

from ibkr_connector.gateway import figures
from ibkr_connector.gateway.client import GatewayClient, Phase
from ibkr_connector.gateway.decoder import HonestDecoder
from ibkr_connector.gateway.fast_decoder import FastDecoder
from ibkr_connector.gateway.field_values import amount
from ibkr_connector.gateway.frames import frame
from ibkr_connector.gateway.holdings import HoldingsTold, PositionRow
from ibkr_connector.gateway.port import MessageUnreadable
from ibkr_connector.gateway.runs import LEAST, read_lines, read_positions
from ibkr_connector.gateway.wrapper import GatewayWrapper
from ibkr_connector.model.contracts import Contract
from kit import wire_rows as rows
from kit.fake_clock import FakeClock

NUMBERS = ["", "0", "0.0", "-0", "-1", "7", "0.50", "1E3", rows.UNSET, "nan", "-inf", "x", "1_0"]
IDS = ["", "0", "-1", "1003", "2147483647", "x", "1.0"]
KINDS = ["OPT", "FUT", "CASH", "IOPT", "BILL", "X", ""]
HOLDING: dict[int, dict[int, list[str]]] = {
    61: {2: ["", "DU2", "\udce4"], 3: IDS, 5: KINDS, 7: ["2.5", "", "x"], 8: ["C", "?"],
         9: ["100", "x"], 14: NUMBERS, 15: NUMBERS, 0: ["62", "6"], 1: ["2"]},
    7: {2: IDS, 4: KINDS, 6: ["2.5", "", "x"], 7: ["P"], 8: ["100", ""],
        **dict.fromkeys(range(13, 19), NUMBERS), 19: ["", "DU2"], 0: ["8"]},
}  # fmt: skip
"""What else may stand in the fields of a position and of a line of the account window."""


class Heard:
    """Stands where ib_async's `IB` stands; `listeners` is how many listen to each event."""

    def __init__(self, listeners: int) -> None:
        self.events: list[str] = []
        self.listeners = listeners
        self.client = SimpleNamespace(clientId=7, updateReqId=print, isReady=lambda: True)

    def __getattr__(self, name: str) -> Any:
        class Event:
            # `self` is the one around it
            def __len__(_) -> int:
                return self.listeners

            def emit(_, *said: Any) -> None:
                self.events.append(f"{name} {said}")

        return Event()


class Way:
    """A receiving end that has asked for positions and for an account window."""

    def __init__(self, decoder: type[HonestDecoder], listeners: int = 0) -> None:
        self.told, self.heard = Heard(listeners), list[Any]()
        self.wrapper = GatewayWrapper(
            self.told, clock=FakeClock(), sink=self.heard.append, grace_s=1
        )
        self.client: Any = GatewayClient(self.wrapper, on_end=lambda *_: None)
        self.client.decoder = decoder(self.wrapper, 178)
        self.client.decoder.begin(178)
        self.client.phase, self.client._apiReady = Phase.OPEN, True
        self.client._ready.set_result(None)
        self.answers = [
            asyncio.ensure_future(listing.ask(lambda: None))
            for listing in (self.wrapper.held, self.wrapper.window)
        ]

    async def hear(self, stream: bytes) -> None:
        await asyncio.sleep(0)
        self.client._on_bytes(stream)

    async def found(self) -> Any:
        """Return all that was told, what ib_async keeps, and both answers."""
        self.wrapper.held.end()
        self.wrapper.window.end()
        told = await asyncio.gather(*self.answers, return_exceptions=True)
        answers = [repr(one) for one in told]
        wrapper, events = self.wrapper, list[Any]()
        for one in self.heard:
            if isinstance(one, HoldingsTold):
                events += map(repr, (*one.positions.values(), *one.lines.values()))
            else:
                # the two ways fail with different words
                events.append(one.fields if isinstance(one, MessageUnreadable) else repr(one))
        tables = repr((wrapper.positions, wrapper.portfolio, wrapper.window_rows))
        return events, answers, tables

    @property
    def runs(self) -> int:
        return sum(isinstance(one, HoldingsTold) for one in self.heard)


def payload(fields: Sequence[Any]) -> bytes:
    text = "".join(f"{field}\0" for field in fields)
    return text.encode("utf-8", "surrogateescape")


def plain(number: int, at: int, *, account: str = "DU1", size: str = "10") -> list[str]:
    """Return a position, or a line of the window, of one of many contracts."""
    if number == 61:
        return list(map(str, rows.position(size, con_id=1000 + at, account=account)))
    line = list(map(str, rows.portfolio(size, account=account)))
    line[2] = str(1000 + at)
    return line


@st.composite
def lists(draw: st.DrawFn) -> list[list[str]]:
    """Return messages as a gateway sends them, with up to three oddities anywhere in them."""
    told = []
    for number in draw(st.lists(st.sampled_from([61, 7]), min_size=1, max_size=3)):
        count = draw(st.sampled_from([LEAST - 1, LEAST, LEAST + 3]))
        run = [plain(number, at) for at in range(count)]
        for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
            row = draw(st.sampled_from(run))
            place = draw(st.sampled_from(sorted(HOLDING[number])))
            row[place] = draw(st.sampled_from(HOLDING[number][place]))
        if draw(st.sampled_from([False, False, False, True])):
            run[draw(st.integers(0, count - 1))] += draw(st.sampled_from([["x"], ["", ""]]))
        told += run
    return told


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(told=lists(), tail=st.sampled_from([b"", b"", b"", b"more"]))
def test_a_run_leads_to_what_its_messages_lead_to_one_by_one(
    told: list[list[str]], tail: bytes
) -> None:
    stream = b"".join(frame(payload(fields) + tail) for fields in told)

    async def both() -> None:
        long, short = Way(HonestDecoder), Way(FastDecoder)
        for way in (long, short):
            await way.hear(stream)
        assert not long.runs
        assert await short.found() == await long.found()

    asyncio.run(both())


async def test_a_plain_list_is_read_at_once_and_a_repetition_is_not() -> None:
    stream = [plain(61, at) for at in range(LEAST)] + [plain(7, at) for at in range(LEAST)]
    data = b"".join(frame(payload(fields)) for fields in stream)
    once = Way(FastDecoder)
    await once.hear(data)
    assert [type(one) for one in once.heard] == [HoldingsTold, HoldingsTold]
    await once.found()
    # nobody waits for an answer now: these are news, one by one
    await once.hear(data)
    assert once.runs == 2
    again = Way(FastDecoder)
    await again.hear(data.replace(b"\x001001\0", b"\x001002\0"))
    assert not again.runs
    await again.found()


async def test_whoever_listens_at_the_escape_hatch_hears_of_every_row() -> None:
    data = b"".join(frame(payload(plain(61, at))) for at in range(LEAST))
    long, short = Way(HonestDecoder, listeners=1), Way(FastDecoder, listeners=1)
    for way in (long, short):
        await way.hear(data)
    assert sum(event.startswith("positionEvent") for event in short.told.events) == LEAST
    assert short.told.events == long.told.events
    assert await short.found() == await long.found()


async def test_a_table_that_somebody_has_seen_is_kept_up_to_date() -> None:
    way = Way(FastDecoder)
    first = b"".join(frame(payload(plain(61, at))) for at in range(LEAST))
    await way.hear(first)
    table = way.wrapper.positions
    assert list(table["DU1"]) == [1000 + at for at in range(LEAST)]
    closing = frame(payload(plain(61, 3, size="0")))
    more = b"".join(frame(payload(plain(61, LEAST + at))) for at in range(LEAST))
    await way.hear(closing + more)
    assert 1003 not in table["DU1"]
    assert len(table["DU1"]) == 2 * LEAST - 1
    await way.found()


async def test_the_tables_of_the_escape_hatch_are_those_of_ib_async() -> None:
    told = [
        *(plain(61, at, account=f"DU{at % 2}") for at in range(LEAST)),
        *(plain(7, at) for at in range(LEAST)),
        *(plain(61, at, size="0" if at % 3 else "5") for at in range(LEAST)),
        *(plain(7, at, size="0" if at % 2 else "5") for at in range(LEAST)),
    ]
    heard: Any = Heard(0)
    stock = Wrapper(heard)
    decoder: Any = Decoder(stock, 178)
    for fields in told:
        decoder.interpret(fields)
    way = Way(FastDecoder)
    await way.hear(b"".join(frame(payload(fields)) for fields in told))
    assert way.runs
    assert repr(way.wrapper.positions) == repr(stock.positions)
    assert repr(way.wrapper.portfolio) == repr(stock.portfolio)
    await way.found()


def test_a_row_that_is_read_late_is_the_record_that_it_stands_for() -> None:
    run = [payload(plain(61, at)) for at in range(LEAST)]
    found = read_positions(run)
    assert found is not None
    row = found["DU1", 1003]  # type: ignore[index]  # a number is the id
    assert row == PositionRow(
        account="DU1",
        contract=row.contract,
        quantity=Decimal(10),
        average_cost=Decimal("100.25"),
    )
    assert (row.contract.symbol, row.key) == ("AAPL", ("DU1", row.contract.con_id))
    with pytest.raises(AttributeError, match="PositionRow has no 'price'"):
        _ = row.price  # type: ignore[attr-defined]
    lines = read_lines([payload(plain(7, at)) for at in range(LEAST)])
    assert lines is not None
    line = lines["DU1", 1003]  # type: ignore[index]
    assert (line.market_price, line.realized_pnl, line.has_price) == (Decimal("102.5"), None, True)
    assert line.contract.primary_exchange == "NASDAQ"


def test_a_row_that_was_made_whole_knows_its_key() -> None:
    held = Contract(symbol="AAPL")
    row = PositionRow(account="DU1", contract=held, quantity=Decimal(1), average_cost=Decimal(1))
    assert row.key == ("DU1", None)


FIGURES = st.from_regex(r"-?(0|[1-9][0-9]{0,17})?(\.[0-9]{0,9})?(E-?[0-9]{1,2})?", fullmatch=True)


@given(text=st.one_of(FIGURES, st.floats(allow_nan=False).map(repr), st.sampled_from(NUMBERS)))
def test_a_figure_is_read_the_short_way_as_through_a_float(text: str) -> None:
    try:
        expected = figures.decimal_or_none(float(text or 0))
    except ValueError:
        with pytest.raises(ValueError, match="could not convert"):
            amount(text)
    else:
        assert repr(amount(text)) == repr(expected)
