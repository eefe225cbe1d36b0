"""Notes on disk and back."""

import asyncio
import queue
import threading
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.clock import ManualClock
from ibkr_connector.errors import ConfigurationError, OrderError
from ibkr_connector.gateway.port import BrokerOrder
from ibkr_connector.model.contracts import Contract, Right, SecurityType
from ibkr_connector.model.ids import ClientId, ExecId, OrderId, PermId
from ibkr_connector.model.orders import Action, Fill, SendDisposition
from ibkr_connector.orders.journal import Journal, read, verify
from ibkr_connector.orders.notes import (
    Charged,
    Checkpoint,
    Denied,
    Filled,
    Intended,
    Learned,
    Met,
    Moved,
    Note,
    Opened,
    Refused,
)
from ibkr_connector.orders.states import Event, State
from ibkr_connector.storage.append import AppendLog, Draft
from ibkr_connector.storage.writer import Row
from kit.order_desk import AAPL, NOON, ticket

OPTION = Contract(
    symbol="SPY",
    security_type=SecurityType.OPTION,
    expiry="20261218",
    strike=Decimal("512.5"),
    right=Right.CALL,
    multiplier=Decimal(100),
)


def moved(key: str, event: Event = Event.SEND) -> Moved:
    return Moved(at=NOON, key=key, event=event, source=State.INTENDED, target=State.SENT)


EVERY_KIND: list[Note] = [
    Intended(at=NOON, key="ibc-a", client_id=ClientId(1), ticket=ticket(), client_order_id="mine"),
    Met(
        at=NOON,
        key="perm:9",
        order=BrokerOrder(
            order_id=OrderId(0),
            client_id=ClientId(0),
            perm_id=PermId(9),
            order_ref="",
            account="DU1",
            contract=OPTION,
            action=Action.SELL,
            quantity=Decimal("0.5"),
            order_type="TRAIL",
            limit_price=None,
            stop_price=None,
            time_in_force="GTD",
            status="PreSubmitted",
        ),
    ),
    Moved(
        at=NOON,
        key="ibc-a",
        event=Event.SEND,
        source=State.INTENDED,
        target=State.SENT,
        disposition=SendDisposition.SENT,
        correlation_id="c0ffee",
        cause="send",
    ),
    Learned(at=NOON, key="ibc-a", perm_id=PermId(900), stated_filled=Decimal(1)),
    Filled(
        at=NOON,
        key="ibc-a",
        fill=Fill(
            exec_id=ExecId("a.b.01.01"),
            order_id=OrderId(1),
            perm_id=PermId(900),
            client_id=ClientId(1),
            contract=AAPL,
            action=Action.BUY,
            quantity=Decimal(1),
            price=Decimal("100.10"),
            time=NOON,
        ),
    ),
    Charged(
        at=NOON,
        key="",
        exec_id=ExecId("a.b.01.01"),
        commission=None,
        currency="USD",
        realized_pnl=Decimal("-3"),
    ),
    Refused(at=NOON, key="ibc-a", state=State.FILLED, said="PreSubmitted"),
    Denied(at=NOON, key="", error="RiskLimitError", reason="too big", order="…"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.sqlite3"


async def test_every_kind_of_note_comes_back_as_it_was(path: Path) -> None:
    journal = await Journal.open(path, clock=ManualClock(NOON))
    await journal.append(EVERY_KIND)
    assert await journal.notes() == (Opened(at=NOON), *EVERY_KIND)
    await journal.aclose()


async def test_what_is_posted_is_written_before_what_is_awaited_after_it(path: Path) -> None:
    journal = await Journal.open(path, clock=ManualClock(NOON))
    journal.post(EVERY_KIND[:3])
    await journal.append(EVERY_KIND[3:4])
    kinds = [entry.kind for entry in read(path)]
    assert kinds == ["opened", "intent", "foreign", "step", "fact"]
    await journal.aclose()


async def test_an_intent_does_not_wait_for_what_was_posted_of_another_order(path: Path) -> None:
    first, intent = moved("ibc-a"), moved("ibc-b")
    journal = await Journal.open(path, clock=ManualClock(NOON))
    await journal.append([])
    journal.post([first])
    await journal.append([intent])
    await journal.aclose()
    assert [entry.key for entry in read(path)][1:] == ["ibc-b", "ibc-a"]


async def test_what_is_posted_of_an_order_is_written_before_what_follows_of_it(path: Path) -> None:
    journal = await Journal.open(path, clock=ManualClock(NOON))
    await journal.append([])
    journal.post([moved("ibc-a", Event.SEND), moved("ibc-b")])
    await journal.append([moved("ibc-a", Event.WORK)])
    await journal.aclose()
    found = [(entry.key, entry.body["event"]) for entry in read(path)[1:]]
    assert found == [("ibc-a", "send"), ("ibc-b", "send"), ("ibc-a", "work")]


async def test_nothing_overtakes_a_checkpoint(path: Path) -> None:
    journal = await Journal.open(path, clock=ManualClock(NOON))
    await journal.append([])
    journal.post([Checkpoint(at=NOON, live=(), highest={})])
    await journal.append([moved("ibc-b")])
    await journal.aclose()
    assert [entry.kind for entry in read(path)][1:] == ["checkpoint", "step"]


async def test_what_is_posted_reaches_the_disk_though_nothing_follows(path: Path) -> None:
    journal = await Journal.open(path, clock=ManualClock(NOON))
    journal.post(EVERY_KIND[:3])
    assert read(path) == ()  # the note of the opening is gathered with them
    async with asyncio.timeout(60):
        while len(read(path)) < 4:
            await asyncio.sleep(0)
    await journal.aclose()


async def test_the_history_of_one_order_is_readable(path: Path) -> None:
    journal = await Journal.open(path, clock=ManualClock(NOON))
    await journal.append(EVERY_KIND)
    await journal.aclose()
    history = read(path, key="ibc-a")
    assert [entry.kind for entry in history] == ["intent", "step", "fact", "fill", "anomaly"]
    assert history[1].time == NOON
    assert (history[1].cause, history[1].correlation_id) == ("send", "c0ffee")
    assert history[0].body["ticket"]["quantity"] == "100"
    assert [entry.seq for entry in read(path, limit=2)] == [8, 9]
    assert verify(path) == 9


async def test_a_journal_that_cannot_be_written_says_so_to_both(path: Path) -> None:
    journal = await Journal.open(path, clock=ManualClock(NOON))
    await journal.append([])
    told: list[OrderError] = []
    journal.on_failure = told.append
    journal._log._database.execute("PRAGMA max_page_count = 1")  # type: ignore[attr-defined]  # of the file
    large = Denied(at=NOON, key="", error="E", reason="x" * 100_000, order="")
    with pytest.raises(OrderError, match="cannot be written"):
        await journal.append([large])
    journal.post([large])
    with pytest.raises(OrderError):
        await journal.append([])
    assert len(told) == 3
    await journal.aclose()


async def test_a_note_that_cannot_be_put_into_words_fails_to_its_awaiter_alone(path: Path) -> None:
    journal = await Journal.open(path, clock=ManualClock(NOON))
    told: list[OrderError] = []
    journal.on_failure = told.append
    half = Denied(at=NOON, key="", error="E", reason="half of a pair: \ud800", order="")
    written = journal.append([moved("ibc-a"), half])  # says nothing before it is awaited
    with pytest.raises(ValueError, match="surrogates not allowed"):
        await written
    await journal.append([moved("ibc-b")])
    await journal.aclose()
    # what belonged to it is not written either, and the journal goes on
    assert [entry.key for entry in read(path)][1:] == ["ibc-b"]
    assert told == []


class Gate:
    """The disk of a journal, which takes nothing until it is opened; `rows` is what it has."""

    def __init__(self, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.may_go_on = threading.Event(), threading.Event()
        self.rows: list[str] = []
        self.sizes: queue.SimpleQueue[int] = queue.SimpleQueue()
        insert = journal._log._insert

        def held(rows: Sequence[Row]) -> None:
            self.reached.set()
            assert self.may_go_on.wait(60)
            insert(rows)
            self.rows += [row[3] for row in rows]
            self.sizes.put(len(rows))

        monkeypatch.setattr(journal._log, "_insert", held)


async def test_an_intent_stands_behind_a_part_of_what_many_orders_have_left(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await Journal.open(path, clock=ManualClock(NOON))
    await journal.append([])
    gate = Gate(journal, monkeypatch)
    names = [f"ibc-{number}" for number in range(1_000)]
    journal.post([moved(name) for name in names])
    assert await asyncio.to_thread(gate.reached.wait, 60)
    written = journal.append([moved("ibc-new")])
    gate.may_go_on.set()
    await written
    assert gate.rows[:65] == [*names[:64], "ibc-new"]
    await journal.aclose()
    assert [entry.key for entry in read(path)][1:] == [*names[:64], "ibc-new", *names[64:]]


async def test_what_was_posted_goes_to_disk_part_by_part_though_nobody_asks(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await Journal.open(path, clock=ManualClock(NOON))
    await journal.append([])
    gate = Gate(journal, monkeypatch)
    gate.may_go_on.set()
    names = [f"ibc-{number}" for number in range(300)]
    journal.post([moved(name) for name in names])
    sizes = [await asyncio.to_thread(gate.sizes.get, timeout=60) for _ in range(5)]
    assert sizes == [64, 64, 64, 64, 44]
    assert gate.rows == names
    await journal.aclose()


async def test_what_follows_a_part_that_the_disk_refused_is_not_tried_part_by_part(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await Journal.open(path, clock=ManualClock(NOON))
    await journal.append([])
    failed = asyncio.Event()
    told: list[OrderError] = []

    def note(error: OrderError) -> None:
        told.append(error)
        failed.set()

    journal.on_failure = note

    def refuse(rows: Sequence[Row]) -> None:
        raise OSError("full")

    monkeypatch.setattr(journal._log, "_insert", refuse)
    journal.post([moved(f"ibc-{number}") for number in range(1_000)])
    await failed.wait()
    with pytest.raises(OrderError, match="full"):
        await journal.append([moved("ibc-new")])
    assert len(told) == 2
    await journal.aclose()


async def test_a_closed_journal_takes_nothing(path: Path) -> None:
    journal = await Journal.open(path, clock=ManualClock(NOON))
    await journal.aclose()
    await journal.aclose()
    with pytest.raises(OrderError, match="closed"):
        await journal.append(EVERY_KIND)
    journal.post(EVERY_KIND)
    assert len(read(path)) == 1


@pytest.mark.parametrize(
    ("kind", "body", "fault"),
    [("prophecy", "{}", "unknown kind 'prophecy'"), ("step", "{}", "entry 1 of the journal")],
)
async def test_an_entry_of_another_version_stops_the_start(
    path: Path, kind: str, body: str, fault: str
) -> None:
    log = AppendLog.open(path)
    draft = Draft(time="", kind=kind, key="", correlation_id="", cause="", body=body)
    log.append([draft], lambda failure, about: None)
    log.close()
    journal = await Journal.open(path, clock=ManualClock(NOON))
    with pytest.raises(ConfigurationError, match=fault):
        await journal.notes()
    await journal.aclose()
