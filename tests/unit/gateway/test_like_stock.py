"""
Who comes by the escape hatch finds what unmodified ib_async would have left: state and events.

One side is ib_async as it is, its own client, decoder and wrapper; the other a session of ours with
all its short cuts. Both hear the same bytes in the same pieces, and are then held against each
other: every table of ib_async's wrapper, every ticker, every row of every answer, every event.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import ib_async
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ib_async.contract import Contract

from ibkr_connector.gateway.client import Phase
from ibkr_connector.gateway.frames import frame
from ibkr_connector.gateway.port import MessageUnreadable
from ibkr_connector.gateway.session import Session
from ibkr_connector.model.ids import ClientId
from ibkr_connector.simulator.wire import replies
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.orders import ECHO
from ibkr_connector.simulator.wire.replies import OpenOrder, encode_reply
from kit.any_record import any_record
from kit.fake_clock import FakeClock

CLIENT, VERSION = 7, 178
TICKER, TRADES, BOOK, LIVE, SCAN, ROWS, BARS = range(51, 58)
"""Ids of what was asked through the escape hatch: streams, and rows of an answer."""

NAMES = ("positions", "openOrders", "completedOrders", "accountValues", "familyCodes")
MOMENT = datetime(2026, 1, 2, tzinfo=ZoneInfo("UTC"))
APPLE = Contract(conId=265598, symbol="AAPL", secType="STK")

ELSEWHERE = {
    replies.ErrorMessage: "which of them end a question is ours to say; test_faults.py",
    replies.NextValidId: "a part of the login; test_connecting.py",
    replies.ManagedAccounts: "a part of the login; test_connecting.py",
    replies.BondContractDetails: "its coupon is the figure that it is; test_decoder.py",
    replies.HistoricalDataEnd: "of a version that ib_async does not speak",
    replies.CurrentTimeMillis: "of a version that ib_async does not speak",
}


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    """Let nobody write what both complain of."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(before)


class Side:
    """One client, from the bytes of the socket to its tables and events."""

    def __init__(self, ib: Any) -> None:
        self.wrapper, self.client = ib.wrapper, ib.client
        # of tickers that change together nobody says which is told first
        self.events: dict[str, list[str]] = defaultdict(list)
        # the clock of a packet stands still, and is not what is compared
        self.wrapper.lastTime = MOMENT
        self.wrapper.tcpDataArrived = ib.client._tcpDataArrived = lambda: None
        self.tickers, self.rows, self.questions = [], dict[Any, Any](), dict[Any, Any]()
        ask = self.wrapper
        for number, kind in ((TICKER, "mktData"), (TRADES, "tickByTick"), (BOOK, "mktDepth")):
            # ib_async keeps one ticker for each contract
            ticker = ask.startTicker(number, dataclasses.replace(APPLE, conId=number), kind)
            self.tickers.append(ticker)
            self._keep(f"ticker {number}", ticker.updateEvent)
        library: Any = ib_async
        for number, live in ((LIVE, library.RealTimeBarList()), (SCAN, library.ScanDataList())):
            ask.startSubscription(number, live, APPLE)
            self._keep(f"live {number}", live.updateEvent)
            self.rows[number] = live
        for key in (ROWS, BARS, *NAMES):
            self.rows[key] = []
            self.questions[key] = ask.startReq(key, APPLE, container=self.rows[key])
        for name in ib.events:
            self._keep(name, getattr(ib, name))

    def _keep(self, name: str, event: Any) -> None:
        def keep(*said: Any) -> None:
            # the order of a set is nobody's promise
            texts = [sorted(map(repr, one)) if isinstance(one, set) else repr(one) for one in said]
            self.events[name if name.startswith("ticker") else ""].append(f"{name} {texts}")

        event += keep

    def _awaits(self, key: Any) -> bool:
        # what comes for a question that has its answer finds nobody there; ib_async may keep it
        return key not in self.questions or not self.questions[key].done()

    def found(self) -> dict[str, Any]:
        """Return all that there is to find, as text: nan is not equal to itself."""
        wrapper = self.wrapper
        tables = (
            "accountValues", "acctSummary", "portfolio", "positions", "trades", "permId2Trade",
            "fills", "newsTicks", "msgId2NewsBulletin", "reqId2PnL", "reqId2PnlSingle",
        )  # fmt: skip
        return {
            **{name: repr(getattr(wrapper, name)) for name in tables},
            **{
                f"ticker {t.contract.conId} {n}": repr(v)
                for t in self.tickers
                for n, v in vars(t).items()
                if n != "updateEvent"
            },
            **{
                f"rows of {key}": repr(rows) for key, rows in self.rows.items() if self._awaits(key)
            },
            **{f"answer of {key}": _outcome(one) for key, one in self.questions.items()},
            "events": self.events,
        }


def _outcome(question: Any) -> str:
    if not question.done():
        return "open"
    return repr(question.exception() or question.result())


@contextmanager
def both() -> Iterator[tuple[Side, Side, list[Any]]]:
    """Give ib_async as it is, ours, and what ours could not read."""
    with asyncio.Runner() as runner:

        async def make() -> tuple[Side, Side, list[Any]]:
            stock: Any = ib_async.IB()
            stock.client.clientId, stock.client._serverVersion = CLIENT, VERSION
            stock.client._apiReady, stock.client.decoder.serverVersion = True, VERSION
            unread: list[Any] = []
            session = Session(
                host="", port=0, client_id=ClientId(CLIENT), clock=FakeClock(),
                sink=unread.append, request_timeout_s=1,
            )  # fmt: skip
            client: Any = session._client
            ib: Any = session._ib
            client.decoder.begin(VERSION)
            client._serverVersion, client._apiReady, client.phase = VERSION, True, Phase.OPEN
            client._ready.set_result(None)
            session._wrapper.login_zone = ZoneInfo("US/Eastern")
            stock.TimezoneTWS = ib.TimezoneTWS = ZoneInfo("US/Eastern")
            return Side(stock), Side(ib), unread

        yield runner.run(make())


def payload(fields: Sequence[Any]) -> bytes:
    return "".join(f"{field}\0" for field in fields).encode()


TICKED = ("Tick", "MarketD", "DeltaNeutral")
"""What the sorts of messages are called that are about a ticker."""

ORDERS = {replies.OpenOrder, replies.CompletedOrder}
SORTS = sorted(set(replies.Reply.__args__) - set(ELSEWHERE) - ORDERS, key=lambda one: one.__name__)

PRICE = st.sampled_from([Decimal("-1"), Decimal(0), Decimal("1.5"), Decimal("200.25")])
SIZE = st.sampled_from([Decimal(0), Decimal(7), Decimal("0.5")])
DATES = st.sampled_from(["20261120", "20261120 09:31:00 US/Eastern", "1780000000"])
BAR = st.builds(
    replies.Bar, date=DATES, open=PRICE, high=PRICE, low=PRICE, close=PRICE, volume=SIZE,
    wap=PRICE, count=st.integers(-1, 9),
)  # fmt: skip

USUAL: dict[str, st.SearchStrategy[Any]] = {
    "price": PRICE,
    "size": SIZE,
    "position": st.integers(0, 3),
    "operation": st.integers(0, 2),
    "side": st.integers(0, 1),
    "client_id": st.sampled_from([CLIENT, 8]),
    "order_id": st.integers(1, 2),
    "perm_id": st.sampled_from([0, 9001, 9002]),
    "exec_id": st.sampled_from(["0001.01", "0001.02"]),
    "status": st.sampled_from(["Submitted", "Filled", "Cancelled", "PreSubmitted", "Inactive"]),
    "time": st.just(1_780_000_000),
}
"""What random values would hardly ever meet."""

LIKELY: dict[Any, dict[str, st.SearchStrategy[Any]]] = {
    replies.TickPrice: {"tick_type": st.sampled_from([1, 2, 4, 6, 7, 9, 14, 37, 66, 67, 68, 75])},
    replies.TickSize: {"tick_type": st.sampled_from([0, 3, 5, 8, 27, 69, 70, 71, 74, 86])},
    replies.TickGeneric: {"tick_type": st.sampled_from([23, 24, 49, 54])},
    replies.TickString: {"tick_type": st.sampled_from([26, 32, 84]), "value": st.text("abc")},
    replies.TickOptionComputation: {"tick_type": st.sampled_from([10, 11, 12, 13, 53, 83])},
    replies.TickEfp: {"tick_type": st.sampled_from([38, 44])},
    replies.ExecDetails: {"time": st.just("20261120 09:31:00 US/Eastern")},
    replies.HistoricalData: {"bars": st.lists(BAR, max_size=12).map(tuple)},
    replies.HistoricalDataUpdate: {"bar": BAR},
    replies.HistoricalNews: {"time": st.just("2026-11-20 09:31:00.0")},
    # of a fund ib_async's decoder raises, and of what is no whole number of a size
    replies.ContractDetails: {"sec_type": st.sampled_from(["STK", "OPT"])},
}


def _ids(sort: Any) -> st.SearchStrategy[int]:
    if sort.__name__.startswith(TICKED):
        return st.sampled_from([TICKER, TICKER, TRADES, BOOK])
    if sort.__name__.startswith("Scanner"):
        return st.just(SCAN)
    return st.just(LIVE) if sort is replies.RealTimeBar else st.sampled_from([ROWS, BARS])


@st.composite
def said(draw: st.DrawFn, sort: Any) -> Sequence[str]:
    """Return one message of a sort, with ids that somebody waits for."""
    record = draw(any_record(sort))
    usual = {**USUAL, "request_id": _ids(sort)}
    known = {f.name: draw(usual[f.name]) for f in dataclasses.fields(record) if f.name in usual}
    fitting = {
        name: value for name, value in known.items() if type(value) is type(getattr(record, name))
    }
    likely = {name: draw(values) for name, values in LIKELY.get(sort, {}).items()}
    return encode_reply(dataclasses.replace(record, **{**fitting, **likely}), VERSION)


WIRE_APPLE = WireContract(
    con_id=265598, symbol="AAPL", sec_type="STK", strike=Decimal(0), right="?", exchange="SMART",
    currency="USD", local_symbol="AAPL", trading_class="NMS",
)  # fmt: skip


@st.composite
def orders(draw: st.DrawFn) -> Sequence[str]:
    texts = {
        **ECHO, "action": draw(st.sampled_from(["BUY", "SELL"])), "totalQuantity": "100",
        "orderType": draw(st.sampled_from(["LMT", "MKT", "STP", "TRAIL"])), "lmtPrice": "1.25",
        "tif": "DAY", "account": "DU1", "orderRef": "ref-1", "sharesAllocation": "9001.0/DU1/100",
        "clientId": str(draw(USUAL["client_id"])), "permId": str(draw(USUAL["perm_id"])),
        "status": draw(USUAL["status"]),
    }  # fmt: skip
    order = OpenOrder(order_id=draw(USUAL["order_id"]), contract=WIRE_APPLE, texts=texts)
    return encode_reply(order, VERSION)


def feed(sides: Sequence[Side], messages: Sequence[Sequence[Any]], cuts: Sequence[int]) -> None:
    stream = b"".join(frame(payload(fields)) for fields in messages)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for start, stop in pairwise(places):
        sides[0].client._onSocketHasData(stream[start:stop])
        sides[1].client._on_bytes(stream[start:stop])


# an order that nobody at the hatch waits for makes no trade there
MIXED = sorted(set(SORTS) - {replies.OpenOrderEnd}, key=lambda one: one.__name__)
CUTS = st.lists(st.integers(0, 900), max_size=3)


@pytest.mark.parametrize("sort", SORTS, ids=lambda one: one.__name__)
@settings(max_examples=settings().max_examples // 40)
@given(data=st.data())
def test_each_message_leaves_what_ib_async_leaves(sort: Any, data: st.DataObject) -> None:
    messages = data.draw(st.lists(said(sort), min_size=1, max_size=4))
    with both() as (stock, ours, unread):
        feed((stock, ours), messages, data.draw(CUTS))
        # what cannot be read ends a question here, and is forgotten there
        assume(not any(isinstance(one, MessageUnreadable) for one in unread))
        assert ours.found() == stock.found()


@settings(max_examples=settings().max_examples // 2)
@given(messages=st.lists(st.sampled_from(MIXED).flatmap(said) | orders(), max_size=12), cuts=CUTS)
def test_any_messages_leave_what_ib_async_leaves(messages: Any, cuts: list[int]) -> None:
    with both() as (stock, ours, unread):
        feed((stock, ours), messages, cuts)
        assume(not any(isinstance(one, MessageUnreadable) for one in unread))
        assert ours.found() == stock.found()
