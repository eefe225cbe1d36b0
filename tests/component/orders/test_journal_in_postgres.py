"""The journal in a real PostgreSQL server; skipped only where there is no server to start."""

from __future__ import annotations

import asyncio
import importlib
import sys
from dataclasses import replace
from typing import Any

import pytest

from ibkr_connector.clock import ManualClock
from ibkr_connector.errors import ConfigurationError, OrderError
from ibkr_connector.model.ids import ClientId
from ibkr_connector.model.orders import OrderStatus, market_order
from ibkr_connector.orders.book import Book
from ibkr_connector.orders.history import order_history, read_history, read_orders
from ibkr_connector.orders.journal import Journal, check, read, verify
from ibkr_connector.orders.notes import Denied, Intended, Moved, Opened
from ibkr_connector.orders.states import Event, State
from ibkr_connector.simulator import GatewaySimulator
from ibkr_connector.storage.postgres import PostgresLog, PostgresPlace
from kit.order_desk import NOON, ticket
from kit.order_socket import wire
from kit.postgres import on_a_server


@pytest.fixture
def place(postgres_url: str, request: pytest.FixtureRequest) -> PostgresPlace:
    return PostgresPlace(url=postgres_url, name=request.node.name)


def run_sql(place: PostgresPlace, *statements: str) -> None:
    """Do something behind the journal's back."""

    async def running() -> None:
        asyncpg: Any = importlib.import_module("asyncpg")
        connection = await asyncpg.connect(place.url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(running())


def denied(reason: str) -> Denied:
    return Denied(at=NOON, key="", error="E", reason=reason, order="…")


@on_a_server
async def test_notes_come_back_and_the_chain_goes_on_after_a_restart(place: PostgresPlace) -> None:
    intent = Intended(at=NOON, key="ibc-a", client_id=ClientId(1), ticket=ticket())
    for _ in range(2):
        journal = await Journal.open(place, clock=ManualClock(NOON))
        await journal.append([intent])
        await journal.aclose()
    journal = await Journal.open(place, clock=ManualClock(NOON))
    opened = Opened(at=NOON)
    await journal.append([])
    assert await journal.notes() == (opened, intent, opened, intent, opened)
    await journal.aclose()
    assert await asyncio.to_thread(verify, place) == 5
    newest = await asyncio.to_thread(lambda: read(place, key="ibc-a", limit=1))
    assert [entry.seq for entry in newest] == [4]


@on_a_server
async def test_journals_of_several_names_share_a_table(place: PostgresPlace) -> None:
    other = replace(place, name=f"{place.name}-other")
    first, second = [await Journal.open(one, clock=ManualClock(NOON)) for one in (place, other)]
    await asyncio.gather(*(journal.append([denied("no")]) for journal in (first, second)))
    assert [len(await journal.notes()) for journal in (first, second)] == [2, 2]
    await first.aclose()
    await second.aclose()


@on_a_server
async def test_orders_leave_memory_and_are_found_again(place: PostgresPlace) -> None:
    clock = ManualClock(NOON)
    intent = Intended(
        at=NOON, key="ibc-a", client_id=ClientId(1), ticket=ticket(), client_order_id="k"
    )
    end = Moved(
        at=NOON,
        key="ibc-a",
        event=Event.CANCEL,
        source=State.INTENDED,
        target=State.CANCELLED,
    )
    for expected in (1, 0):
        clock.advance(86_400.0)
        journal = await Journal.open(place, clock=clock)
        if expected:
            await journal.append([intent, end])
        book = Book(journal=journal, clock=clock)
        await book.open()
        assert len(book.ledger) == expected
        assert book.retention.sweep(3600.0, ()) == expected
        assert await book.retention.recall("ibc-a")
        assert book.ledger.get("ibc-a").state is State.CANCELLED
        await book.aclose()
        await journal.aclose()
    assert (await asyncio.to_thread(check, place)).first_broken is None


@on_a_server
async def test_one_process_at_a_time_writes_a_journal(place: PostgresPlace) -> None:
    journal = await Journal.open(place, clock=ManualClock(NOON))
    with pytest.raises(ConfigurationError, match="another connector") as caught:
        await Journal.open(place, clock=ManualClock(NOON))
    assert "secret" not in str(caught.value)
    await journal.aclose()
    await (await Journal.open(place, clock=ManualClock(NOON))).aclose()


@on_a_server
async def test_a_session_that_is_lost_fails_typed_and_takes_nothing_more(
    place: PostgresPlace,
) -> None:
    journal = await Journal.open(place, clock=ManualClock(NOON))
    await journal.append([denied("kept")])
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    await asyncio.to_thread(run_sql, place, f"{kill} AND application_name = 'ibkr-connector'")
    for _ in range(2):
        with pytest.raises(OrderError, match="cannot be written"):
            await journal.append([denied("lost")])
    await journal.aclose()
    again = await Journal.open(place, clock=ManualClock(NOON))
    reasons = [note.reason for note in await again.notes() if isinstance(note, Denied)]
    assert reasons == ["kept"]
    await again.aclose()


@on_a_server
async def test_entries_are_never_changed_and_a_change_by_force_is_named(
    place: PostgresPlace,
) -> None:
    journal = await Journal.open(place, clock=ManualClock(NOON))
    await journal.append([denied("one"), denied("two")])
    await journal.aclose()
    change = "UPDATE ibkr_journal_entries SET cause = 'x' WHERE seq = 2 AND journal = "
    change += f"'{place.name}'"
    for harm in (change, "DELETE FROM ibkr_journal_entries", "TRUNCATE ibkr_journal_entries"):
        with pytest.raises(Exception, match="never changed"):
            await asyncio.to_thread(run_sql, place, harm)
    off = "ALTER TABLE ibkr_journal_entries DISABLE TRIGGER USER"
    on = "ALTER TABLE ibkr_journal_entries ENABLE TRIGGER USER"
    await asyncio.to_thread(run_sql, place, off, change, on)
    chain = await asyncio.to_thread(check, place)
    assert (chain.entries, chain.first_broken) == (1, 2)
    with pytest.raises(ConfigurationError, match="entry 2"):
        await Journal.open(place, clock=ManualClock(NOON))


@on_a_server
async def test_an_order_is_placed_and_its_history_told(place: PostgresPlace) -> None:
    async with GatewaySimulator() as gw, wire(gw, place) as desk:  # type: ignore[arg-type]
        report = await desk.desk.place(market_order("AAPL", "BUY", 10, client_order_id="mine"))
        await desk.desk.wait_for(report.order_id, lambda now: now.is_closed, timeout_s=60)
        told = await order_history(desk.journal, "mine")
        assert told.order.status is OrderStatus.FILLED
    assert (await asyncio.to_thread(read_history, place, "mine")).steps[0].kind == "intent"
    [order] = await asyncio.to_thread(read_orders, place)
    assert (order.report.order_ref, order.is_open) == (report.order_ref, False)


@on_a_server
async def test_a_database_without_a_journal_or_of_another_format_says_so(postgres_url: str) -> None:
    place = PostgresPlace(url=postgres_url.replace("/postgres", "/template1"), name="x")
    with pytest.raises(ConfigurationError, match="no journal"):
        await asyncio.to_thread(read, place)


@on_a_server
async def test_its_url_may_say_how_the_line_is_secured(
    postgres_url: str, request: pytest.FixtureRequest
) -> None:
    url = postgres_url.replace("postgresql", "postgresql+asyncpg")
    place = PostgresPlace(url=f"{url}?ssl=prefer", name=request.node.name)
    journal = await Journal.open(place, clock=ManualClock(NOON))
    await journal.aclose()
    # a server without certificates cannot keep what is asked of the line
    with pytest.raises(ConfigurationError, match="cannot be used"):
        await Journal.open(replace(place, url=f"{url}?ssl=require"), clock=ManualClock(NOON))


async def test_a_server_that_is_not_there_is_a_mistake_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = PostgresPlace(url="postgresql://me:secret@127.0.0.1:1/db", name="x")
    with pytest.raises(ConfigurationError) as caught:
        await Journal.open(place, clock=ManualClock(NOON))
    assert "secret" not in str(caught.value)
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(ConfigurationError) as missing:
        await Journal.open(place, clock=ManualClock(NOON))
    assert "ibkr-connector[postgres]" in str(missing.value)


def test_where_it_is_is_told_without_the_password() -> None:
    place = PostgresPlace(url="postgresql://me:secret@db.example:5432/trading", name="paper")
    assert str(place) == "paper at postgresql://db.example/trading"


@on_a_server
async def test_a_line_on_which_nothing_is_written_for_a_night_is_kept_alive(
    place: PostgresPlace,
) -> None:
    log = await asyncio.to_thread(PostgresLog.open, place)
    try:
        # the thread that writes rests, so its loop is anybody's
        asked = log._connection.fetchval("SHOW tcp_keepalives_idle")
        assert await asyncio.to_thread(log._loop.run_until_complete, asked) == "60"
    finally:
        await asyncio.to_thread(log.close)
