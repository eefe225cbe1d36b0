"""The short way and the long way through a message lead to the same, whatever the message says."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ib_async.contract import Contract
from ib_async.objects import CommissionReport, Execution, Fill
from ib_async.util import parseIBDatetime

from ibkr_connector.gateway.client import GatewayClient, Phase
from ibkr_connector.gateway.decoder import HonestDecoder
from ibkr_connector.gateway.fast_decoder import FastDecoder
from ibkr_connector.gateway.frames import frame
from ibkr_connector.gateway.hatch_bars import bar_date
from ibkr_connector.gateway.plain_orders import plain_order
from ibkr_connector.gateway.port import BrokerOrder, FiguresTold, MessageUnreadable
from ibkr_connector.gateway.wrapper import GatewayWrapper
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.orders import ECHO
from ibkr_connector.simulator.wire.replies import OpenOrder, encode_reply
from kit import wire_rows as rows
from kit.fake_clock import FakeClock
from kit.ib_async_wire import VERSIONS

pytestmark = pytest.mark.counted

CLIENT = 7
OURS = (1 << 30) + 1
"""The id of the one question that is open."""

BARS = 57
"""The id of the one question for bars of the escape hatch."""

TICKER = 55
"""The id of the one ticker of the escape hatch."""

UNSET = rows.UNSET
APPLE = WireContract(
    con_id=265598, symbol="AAPL", sec_type="STK", strike=Decimal(0), right="?", exchange="SMART",
    currency="USD", local_symbol="AAPL", trading_class="NMS",
)  # fmt: skip
PLAIN = {
    **ECHO, "action": "BUY", "totalQuantity": "100", "orderType": "LMT", "lmtPrice": "1.25",
    "tif": "DAY", "account": "DU1", "orderRef": "ref-1", "clientId": "7", "permId": "9001",
    "status": "Submitted", "sharesAllocation": "9001.0/DU1/100",
}  # fmt: skip

NUMBERS = ["", "0", "0.0", "-1", "7", "0.5", "1E3", "123456789.123456", UNSET, "nan", "inf", "x"]
IDS = ["", "0", "-1", "6", "2147483647", "x", "1.0"]
SAID: dict[str, list[str]] = {
    "action": ["SELL", "SSHORT", "HOLD", ""],
    "totalQuantity": NUMBERS,
    "orderType": ["MKT", "STP", "STP LMT", "TRAIL", "REL", "PEG BENCH", "MIT", "VOL", ""],
    "lmtPrice": NUMBERS,
    "auxPrice": NUMBERS,
    "tif": ["GTC", "", "?"],
    "account": ["", "?"],
    "orderRef": ["", "?", "mine"],
    "clientId": IDS,
    "permId": IDS,
    "outsideRth": ["1", "", "x"],
    "hidden": ["1", ""],
    "allOrNone": ["1", ""],
    "whatIf": ["1", ""],
    "goodAfterTime": ["20261218 14:30:00"],
    "goodTillDate": ["20261218-14:30:00", "soon"],
    "ocaGroup": ["pair"],
    "displaySize": ["100", "0", ""],
    "minQty": ["5", "0", ""],
    "triggerMethod": ["2", "", "2147483647"],
    "deltaNeutralOrderType": ["", "MKT"],
    "parentId": IDS,
    "scalePriceIncrement": ["0.1", "0", UNSET],
    "hedgeType": ["D"],
    "algoStrategy": ["Adaptive", "Vwap"],
    "cashQty": ["250", "0.0", UNSET, ""],
    "status": ["PreSubmitted", "Filled", "", "Inactive"],
    "warningText": ["be warned"],
    # nobody reads these, and they are sound
    "volatility": ["0.2"],
    "trailStopPrice": ["99.5"],
    "discretionaryAmt": ["1.5"],
    "openClose": ["O"],
    "percentOffset": ["0.01"],
}
"""What else may be said of an order, sound and unsound, wherever it is read."""

GROUPS: dict[str, tuple[tuple[str, ...], ...]] = {
    "comboLegs": (("1", "1", "BUY", "SMART", "0", "0", "", "-1"),),
    "orderComboLegs": (("1.5",),),
    "smartComboRoutingParams": (("NonGuaranteed", "1"),),
    "conditions": (("3", "a", "1", "20261218 14:30:00 UTC"),),
}
CONTRACTS: list[dict[str, Any]] = [
    {"con_id": 0},
    {"symbol": "IBM", "con_id": 8314},
    {"sec_type": "OPT", "expiry": "20261218", "strike": Decimal("2.5"), "right": "C"},
    {"sec_type": "BAG"},
    {"sec_type": "IOPT"},
    {"sec_type": "X"},
    {"multiplier": "100"},
    {"multiplier": "x"},
]
KINDS = [
    "OPT", "FUT", "CONTFUT", "CASH", "IND", "CFD", "BOND", "CMDTY", "FOP", "FUND", "WAR", "IOPT",
    "BAG", "CRYPTO", "NEWS", "EVENT", "EC", "BILL", "X", "",
]  # fmt: skip
REPORTS: dict[int, tuple[rows.Row, dict[int, list[str]]]] = {
    3: (
        rows.order_status(),
        {1: IDS, 2: ["Filled", ""], **dict.fromkeys((3, 4, 5, 8), NUMBERS),
         **dict.fromkeys((6, 7, 9), IDS), 10: ["locate"], 11: ["1.5", ""]},
    ),
    6: ((6, 2, "NetLiquidation", "1.0", "USD", "DU1"), {2: ["x"], 3: ["", "x"], 4: [""], 5: [""]}),
    7: (
        rows.portfolio(),
        {2: IDS, 4: KINDS, 6: ["2.5", "", "x"], 7: ["C", "P"], 8: ["100"],
         **dict.fromkeys(range(13, 19), NUMBERS), 19: ["", "DU2"]},
    ),
    11: (
        rows.execution(),
        {1: [str(OURS), str(OURS + 1), "55", "x"], 2: IDS, 3: IDS, 5: ["X", "IOPT"],
         7: ["2.5", "", "x"], 9: ["100"], 14: ["", "0001.01.02"],
         15: ["20261120  09:31:00", "20261120-14:31:00", "1700000000", "noon", "20261120 1 X"],
         17: [""], 18: ["SLD", "BUY", "?"], **dict.fromkeys((19, 20, 24, 25), NUMBERS),
         21: IDS, 22: IDS, 26: ["", "mine"]},
    ),
    59: (
        rows.commission(),
        {2: ["", "0001.01.02"], 3: NUMBERS, 4: ["EUR"], 5: NUMBERS},
    ),
    61: (
        rows.position(),
        {2: ["", "DU2"], 3: IDS, 5: KINDS, 7: ["2.5", "", "x"], 8: ["C"], 9: ["100"],
         14: NUMBERS, 15: NUMBERS},
    ),
}  # fmt: skip
"""The other messages: one that is sound, and what else may stand in its fields."""


class Told:
    """Stands where ib_async's `IB` stands: keeps the events that are heard, in their order."""

    def __init__(self, listeners: int) -> None:
        self.listeners = listeners
        self.events: list[str] = []
        self.ids: list[int] = []
        self.client = SimpleNamespace(
            clientId=CLIENT, updateReqId=self.ids.append, isReady=lambda: True
        )

    def __getattr__(self, name: str) -> Any:
        return _Event(name, self.events, self.listeners)


class _Event:
    def __init__(self, name: str, heard: list[str], listeners: int) -> None:
        self._name, self._heard, self._listeners = name, heard, listeners

    def __len__(self) -> int:
        return self._listeners

    def emit(self, *said: Any) -> None:
        if self._listeners:
            self._heard.append(f"{self._name} {said}")


class Way:
    """A receiving end, from the bytes of the socket to whoever listens."""

    def __init__(self, decoder: type[HonestDecoder], version: int, listeners: int) -> None:
        self.told, self.heard = Told(listeners), list[Any]()
        self.wrapper = GatewayWrapper(
            self.told, clock=FakeClock(), sink=self.heard.append, grace_s=1
        )
        self.wrapper.login_zone = ZoneInfo("US/Eastern")
        self.wrapper.lastTime = datetime(2026, 1, 2, tzinfo=ZoneInfo("UTC"))
        self.client: Any = GatewayClient(self.wrapper, on_end=lambda *_: None)
        self.client.decoder = decoder(self.wrapper, version)
        self.client.decoder.begin(version)
        self.client.phase, self.client._apiReady = Phase.OPEN, True
        self.client._ready.set_result(None)
        self.rows: list[Any] = []
        self.wrapper.requests.open("executions", collector=self.rows)

    def watch(self) -> dict[str, Any]:
        """Let the escape hatch have a ticker, and the socket no clock; return what it holds."""
        stock: Any = Contract(conId=265598, symbol="AAPL", secType="STK")
        wrapper: Any = self.wrapper
        # nothing makes the ticks of a packet old here
        wrapper.tcpDataArrived = lambda: None
        held: dict[str, Any] = vars(wrapper.startTicker(TICKER, stock, "mktData"))
        return held

    def found(self) -> Any:
        """Return all that has been told, and what ib_async keeps; nan is not equal to itself."""
        wrapper = self.wrapper
        # the two ways fail with different words
        events: list[Any] = []
        for one in self.heard:
            if isinstance(one, FiguresTold):
                events += map(repr, one.values.items())
            else:
                events.append(one.fields if isinstance(one, MessageUnreadable) else repr(one))
        tables = (wrapper.positions, wrapper.portfolio, wrapper.accountValues, wrapper.trades)
        ours = (wrapper.window_rows, wrapper.figures.values, wrapper.fills, self.rows)
        # told once for each read, in however many pieces the messages come
        heard = [one for one in self.told.events if not one.startswith("updateEvent")]
        return events, heard, self.told.ids, repr(tables), repr(ours)


@contextmanager
def two_ways(version: int, *, listeners: int = 0) -> Iterator[tuple[Way, Way]]:
    with asyncio.Runner() as runner:

        async def both() -> tuple[Way, Way]:
            return Way(HonestDecoder, version, listeners), Way(FastDecoder, version, listeners)

        yield runner.run(both())


def payload(fields: Sequence[Any]) -> bytes:
    return "".join(f"{field}\0" for field in fields).encode()


@st.composite
def orders(draw: st.DrawFn, version: int) -> Sequence[str]:
    names = draw(st.lists(st.sampled_from(sorted(SAID)), max_size=3, unique=True))
    groups = draw(st.lists(st.sampled_from(sorted(GROUPS)), max_size=1))
    changed: dict[str, Any] = draw(st.sampled_from([{}, {}, *CONTRACTS]))
    order = OpenOrder(
        order_id=draw(st.sampled_from([0, 100, -1])),
        contract=WireContract(**{name: getattr(APPLE, name) for name in FIELDS} | changed),
        texts={**PLAIN, **{name: draw(st.sampled_from(SAID[name])) for name in names}},
        groups={name: GROUPS[name] for name in groups},
    )
    fields = encode_reply(order, version)
    # one that ends too early is refused by both
    return fields[: len(fields) - draw(st.sampled_from([0, 0, 0, 0, 1, 7, 60]))]


TICK_PRICES = [*["0", "-1", "1.5", "2"] * 4, "", "x", "nan", "1e300"]
WATCHED = st.sampled_from([*[TICKER] * 9, 56, "x", ""])
ROW = (
    st.sampled_from([*[0, 0, 1] * 4, 2, "x", ""]),
    st.sampled_from([*[0, 1, 2] * 4, 3, -1, "x", ""]),
    st.sampled_from([*[0, 1] * 6, 2, "", "x"]),
    st.sampled_from(TICK_PRICES),
    st.sampled_from(TICK_PRICES),
)
"""Place, operation, side, price and size of a row of a book."""

TICKS = st.one_of(
    st.tuples(
        st.just(1),
        st.just(6),
        WATCHED,
        st.sampled_from([*[1, 2, 4] * 4, 66, 67, 68, 6, 9, 99, 9999, "x"]),
        st.sampled_from(TICK_PRICES),
        st.sampled_from(TICK_PRICES),
        st.just(0),
    ),
    st.tuples(
        st.just(2),
        st.just(6),
        WATCHED,
        st.sampled_from([*[0, 3] * 4, 5, 8, 69, 70, 71, 9999, "x", ""]),
        st.sampled_from(TICK_PRICES),
    ),
    st.tuples(
        st.just(99),
        WATCHED,
        st.sampled_from([1, 2, 2, 3, 4, 5, "x", "02"]),
        st.sampled_from([1700000000, 1700000000, "x"]),
        st.sampled_from(TICK_PRICES),
        st.sampled_from(TICK_PRICES),
        st.sampled_from([0, 1, 2, 3, "x"]),
        st.sampled_from(["ARCA", "1"]),
        st.sampled_from(["", "2"]),
    ),
    st.tuples(st.just(12), st.just(1), WATCHED, *ROW),
    st.tuples(
        st.just(13), st.just(1), WATCHED, ROW[0], st.sampled_from(["NSDQ", "", "\u00fc"]), *ROW[1:],
        st.sampled_from([0, 1, 1, "", "x"]),
    ),
)  # fmt: skip
"""Ticks of the escape hatch, sound and unsound."""

FIELDS = tuple(WireContract.__dataclass_fields__)


@st.composite
def reports(draw: st.DrawFn, version: int) -> Sequence[str]:
    number = draw(st.sampled_from(sorted(REPORTS)))
    sound, changes = REPORTS[number]
    fields = [str(field) for field in sound]
    if number == 11 and version < 178:
        fields.pop()
    for place in draw(st.lists(st.sampled_from(sorted(changes)), max_size=3, unique=True)):
        if place < len(fields):
            fields[place] = draw(st.sampled_from(changes[place]))
    return fields[: len(fields) - draw(st.sampled_from([0, 0, 0, 0, 1, 3]))]


@settings(max_examples=settings().max_examples // 4)
@given(data=st.data(), version=st.sampled_from(VERSIONS), listeners=st.sampled_from([0, 1]))
def test_both_ways_tell_the_same_of_any_messages_in_any_pieces(
    data: st.DataObject, version: int, listeners: int
) -> None:
    messages = st.lists(orders(version) | reports(version), min_size=1, max_size=5)
    stream = b"".join(frame(payload(fields)) for fields in data.draw(messages))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=4)))
    with two_ways(version, listeners=listeners) as (long, short):
        long.client._on_bytes(stream)
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            short.client._on_bytes(stream[start:end])
        assert short.found() == long.found()


@settings(max_examples=settings().max_examples // 2)
@given(ticks=st.lists(TICKS, min_size=8, max_size=30), cut=st.sampled_from([0, 0, 0, 1]))
# -1 without a size is no price where there is a close, and a value of an index where there is none
@example(ticks=[(1, 6, TICKER, 4, "-1", "0", 0)], cut=0)
@example(ticks=[(1, 6, TICKER, 9, "5", "", 0), (1, 6, TICKER, 4, "-1", "0", 0)], cut=0)
@example(ticks=[(1, 6, TICKER, 9, "5", "", 0), (1, 6, TICKER, 68, "-1", "2", 0)], cut=0)
def test_both_ways_leave_the_tickers_of_the_escape_hatch_alike(
    ticks: list[tuple[Any, ...]], cut: int
) -> None:
    with two_ways(178) as (long, short):
        tickers = [way.watch() for way in (long, short)]
        for fields in ticks:
            for way in (long, short):
                way.client._on_bytes(frame(payload(fields[: len(fields) - cut])))
        expected, found = ({name: repr(ticker[name]) for name in ticker} for ticker in tickers)
        assert found == expected
        assert short.found() == long.found()


def test_a_tick_of_the_escape_hatch_is_read_the_short_way() -> None:
    with two_ways(178) as (_, short):
        ticker = short.watch()
        taken: list[Any] = []
        wrapper: Any = short.wrapper
        wrapper.priceSizeTick = taken.append
        short.client._on_bytes(frame(payload((1, 6, TICKER, 1, "1.5", "100", 0))))
        assert (ticker["bid"], ticker["bidSize"], taken) == (1.5, 100.0, [])
        (tick,) = ticker["ticks"]
        assert (tick.tickType, tick.price, tick.size) == (1, 1.5, 100.0)


def test_a_row_of_a_book_at_the_escape_hatch_is_read_the_short_way() -> None:
    with two_ways(178) as (_, short):
        ticker = short.watch()
        decoded: list[Any] = []
        short.client.decoder.decode = decoded.append
        for fields in (
            (12, 1, TICKER, 0, 0, 1, "1.5", "100"),
            (13, 1, TICKER, 0, "NSDQ", 0, 0, "1.6", "7", 1),
            (13, 1, TICKER, 0, "NSDQ", 2, 0, "0", "0", 1),
        ):
            short.client._on_bytes(frame(payload(fields)))
        assert decoded == []
        assert ([tuple(one) for one in ticker["domBids"]], ticker["domAsks"]) == (
            [(1.5, 100.0, "")], [],
        )  # fmt: skip
        assert [(one.operation, one.price, one.size) for one in ticker["domTicks"]] == [
            (0, 1.5, 100.0), (0, 1.6, 7.0), (2, 1.6, 0),
        ]  # fmt: skip


DATES = [
    "20261218", "20261218 14:30:00 US/Eastern", "20261218 14:30:00 Europe/Berlin", "1700000000",
    "20261218  14:30:00", "2026-12-18 14:30:00.0", "20261218 14:30:00", "20261218 4:30:00 UTC",
    "20261318 14:30:00 UTC", "20261218 24:00:00 UTC", "20261218 14:30:61 UTC", "", "soon",
    "20261218 14:30:00 Nowhere/At_All", "20261101 01:30:00 US/Eastern", "20261218 14:30:00 UTC x",
]  # fmt: skip


@st.composite
def answers(draw: st.DrawFn) -> tuple[Any, ...]:
    bar = st.tuples(
        st.sampled_from(DATES[:3]) | st.sampled_from(DATES),
        *[st.sampled_from(["1.5", "1.5", "2", "-1"]) | st.sampled_from(NUMBERS)] * 6,
        st.sampled_from(["1", "7", "-1"]) | st.sampled_from(IDS),
    )
    # a message of more than a few bars is read from its bytes
    sound = [("1700000000", "1.5", "2", "1", "1.25", "100", "1.5", "7")] * draw(
        st.sampled_from([0, 8])
    )
    told = sound + draw(st.lists(bar, max_size=4))
    count = draw(st.sampled_from([len(told), len(told), len(told), len(told) + 1, 0, -1]))
    number = draw(st.sampled_from([BARS, BARS, BARS, 58]))
    return (17, number, "20261201", "20261218", count, *[text for row in told for text in row])


@settings(max_examples=settings().max_examples // 2)
@given(fields=answers())
def test_both_ways_give_the_escape_hatch_the_same_bars(fields: tuple[Any, ...]) -> None:
    with two_ways(178) as (long, short):
        rows_found: list[list[Any]] = []
        for way in (long, short):
            results: dict[int, Any] = way.wrapper._results
            rows_found.append(results.setdefault(BARS, []))
            way.client._on_bytes(frame(payload(fields)))
        assert repr(rows_found[1]) == repr(rows_found[0])
        assert short.found() == long.found()
        assert short.wrapper._results.keys() == long.wrapper._results.keys()


@pytest.mark.parametrize("date", DATES[:5])
def test_a_long_answer_with_dates_of_one_form_is_read_as_ib_async_reads_it(date: str) -> None:
    rows = [text for _ in range(12) for text in (date, *["1.5"] * 6, "7")]
    message = frame(payload((17, BARS, "20261201", "20261218", 12, *rows)))
    with two_ways(178) as ways:
        found: list[list[Any]] = []
        for way in ways:
            results: dict[int, Any] = way.wrapper._results
            found.append(results.setdefault(BARS, []))
            way.client._on_bytes(message)
    long, short = found
    assert len(long) == 12
    assert repr(short) == repr(long)


@pytest.mark.parametrize("text", DATES)
def test_a_date_of_a_bar_is_what_ib_async_reads(text: str) -> None:
    try:
        expected = parseIBDatetime(text)
    except (ValueError, KeyError, OSError) as error:
        with pytest.raises(type(error)):
            bar_date(text)
    else:
        assert repr(bar_date(text)) == repr(expected)


def _each_change() -> Iterator[tuple[str, Callable[[int], Sequence[str]]]]:
    def order(**changes: Any) -> Callable[[int], Sequence[str]]:
        groups = changes.pop("groups", {})
        texts = {**PLAIN, **changes}
        return lambda version: encode_reply(
            OpenOrder(order_id=100, contract=APPLE, texts=texts, groups=groups), version
        )

    yield "plain", order()
    for name, others in SAID.items():
        for text in others:
            yield f"{name}={text}", order(**{name: text})
    for name, row in GROUPS.items():
        yield name, order(groups={name: row})


def test_the_short_way_knows_everything_that_an_order_may_say() -> None:
    # what is added to the record must be read by the short way too, or keep an order from it
    assert {field.name for field in dataclasses.fields(BrokerOrder)} == {
        "order_id", "client_id", "perm_id", "order_ref", "account", "contract", "action",
        "quantity", "order_type", "limit_price", "stop_price", "time_in_force", "status",
        "warning", "reject_reason", "outside_regular_hours", "parent_id", "terms",
    }  # fmt: skip


@pytest.mark.parametrize("version", [157, 158, 159, 160, 162, 170, 176, 177, 178])
def test_both_ways_read_every_single_thing_that_may_be_said_of_an_order(version: int) -> None:
    with two_ways(version) as (long, short):
        for name, fields_at in _each_change():
            stream = frame(payload(fields_at(version)))
            for way in (long, short):
                way.client._on_bytes(stream)
            assert short.found() == long.found(), name
            for way in (long, short):
                way.heard.clear()
                way.told.ids.clear()


@pytest.mark.parametrize("number", REPORTS)
def test_both_ways_read_every_single_thing_that_may_be_said_in_a_report(number: int) -> None:
    sound, changes = REPORTS[number]
    with two_ways(178) as (long, short):
        for place, others in changes.items():
            for text in others:
                fields = [*sound[:place], text, *sound[place + 1 :]]
                for way in (long, short):
                    way.client._on_bytes(frame(payload(fields)))
                assert short.found() == long.found(), (place, text)
                for way in (long, short):
                    way.heard.clear()
                    way.told.events.clear()


@pytest.mark.parametrize("number", REPORTS)
def test_a_report_that_ends_too_early_is_read_alike(number: int) -> None:
    sound, _ = REPORTS[number]
    with two_ways(178) as (long, short):
        for way in (long, short):
            way.client._on_bytes(frame(payload(sound[:-1])))
        assert short.found() == long.found()


def test_what_an_execution_cost_reaches_the_fill_that_the_escape_hatch_has() -> None:
    sound, _ = REPORTS[59]
    with two_ways(178) as (long, short):
        for way in (long, short):
            costs = CommissionReport()
            moment = datetime(2026, 1, 2, tzinfo=ZoneInfo("UTC"))
            fill = Fill(Contract(), Execution(execId=str(sound[2])), costs, moment)
            way.wrapper.fills[str(sound[2])] = fill
            way.client._on_bytes(frame(payload(sound)))
            assert costs.commission == float(sound[3])
        assert short.found() == long.found()


@given(version=st.sampled_from(VERSIONS))
@example(version=157)
@example(version=178)
def test_the_plain_order_of_every_version_is_read_the_short_way(version: int) -> None:
    order = OpenOrder(order_id=100, contract=APPLE, texts=PLAIN)
    seen = plain_order(encode_reply(order, version), version)
    assert seen is not None
    assert (seen.order_id, seen.limit_price, seen.status) == (100, Decimal("1.25"), "Submitted")


@pytest.mark.parametrize(
    "changes",
    [
        {"orderType": "TRAIL"},
        {"ocaGroup": "pair"},
        {"hidden": "1"},
        {"allOrNone": "1"},
        {"goodAfterTime": "20261218 14:30:00"},
        {"goodTillDate": "20261218 14:30:00"},
        {"displaySize": "100"},
        {"minQty": "5"},
        {"triggerMethod": "2"},
        {"deltaNeutralOrderType": "MKT"},
        {"scalePriceIncrement": "0.1"},
        {"hedgeType": "D"},
        {"algoStrategy": "Adaptive"},
        {"whatIf": "1"},
        {"cashQty": "100"},
        {"faGroup": "Core"},
        {"modelCode": "Growth"},
        {"softDollarTierName": "Research"},
    ],
    ids=str,
)
def test_an_order_with_more_to_it_takes_the_long_way(changes: dict[str, str]) -> None:
    order = OpenOrder(order_id=100, contract=APPLE, texts={**PLAIN, **changes})
    assert plain_order(encode_reply(order, 178), 178) is None


@pytest.mark.parametrize("group", GROUPS)
def test_an_order_with_legs_parameters_or_conditions_takes_the_long_way(group: str) -> None:
    order = OpenOrder(order_id=100, contract=APPLE, texts=PLAIN, groups={group: GROUPS[group]})
    assert plain_order(encode_reply(order, 178), 178) is None


def test_whoever_waits_for_orders_at_the_escape_hatch_gets_the_objects_of_ib_async() -> None:
    order = OpenOrder(order_id=100, contract=APPLE, texts=PLAIN)
    with two_ways(178) as (long, short):
        for way in (long, short):
            questions: dict[str, Any] = way.wrapper._futures
            questions["openOrders"] = SimpleNamespace()
            way.wrapper._results["openOrders"] = []
            way.client._on_bytes(frame(payload(encode_reply(order, 178))))
            way.client._on_bytes(frame(payload(rows.order_status())))
        (trade,) = short.wrapper._results["openOrders"]
        assert trade.order.lmtPrice == 1.25
        assert short.found() == long.found()
