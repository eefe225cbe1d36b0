"""The schema is made, led forward, and refused when it is newer; in SQLite and in PostgreSQL."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
import traceback
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection as Foreigner
from sqlalchemy import create_engine, text

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.storage import files, servers
from ibkr_connector.storage.database import Connection, open_database
from ibkr_connector.storage.files import SqliteFile
from ibkr_connector.storage.postgres import PostgresPlace, read_table
from ibkr_connector.storage.schema import HEAD, METADATA, VERSIONS
from ibkr_connector.storage.servers import Foreign, Server, lead, migrate, upgrade
from ibkr_connector.storage.statements import insert, upsert
from ibkr_connector.storage.tables import FUTURE_BARS, TABLES
from kit.postgres import HAS_DRIVER, on_a_server


def version(connection: Connection) -> str:
    (found,) = connection.read(f"SELECT version_num FROM {VERSIONS}")
    return str(found["version_num"])


def differences(connection: Foreigner) -> list[object]:
    context = MigrationContext.configure(
        connection, opts={"version_table": VERSIONS, "compare_type": True}
    )
    return list(compare_metadata(context, METADATA))


def structure(path: Path) -> dict[str, object]:
    """Return the columns, keys and indexes of a file as SQLite tells them."""
    with closing(sqlite3.connect(path)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master")]
        return {
            name: [
                [row[1:] for row in connection.execute(f"PRAGMA {what}('{name}')")]
                for what in ("table_info", "index_xinfo")
            ]
            for name in names
        }


BAR = {
    "con_id": 7,
    "bar_size": "1 min",
    "what_to_show": "TRADES",
    "start": datetime(2026, 11, 20, 14, 30, tzinfo=UTC),
    "symbol": "ES",
    "contract_month": "202612",
    "open": Decimal("6000.25"),
    "high": Decimal("6000.100000000001"),
    "low": Decimal("0.1"),
    "close": Decimal("1E-7"),
    "volume": None,
    "stored_at": datetime(2026, 11, 20, 15, 30, tzinfo=UTC),
}


def write_and_read(connection: Connection) -> dict[str, object]:
    insert(connection, FUTURE_BARS, [BAR])
    (found,) = connection.read("SELECT * FROM future_bars")
    return found


async def test_a_new_file_has_the_newest_schema_and_keeps_figures_exactly(tmp_path: Path) -> None:
    place = tmp_path / "state" / "instruments.sqlite3"
    made = await open_database(place)
    assert await made.run(version) == HEAD
    assert await made.run(write_and_read) == BAR
    await made.aclose()
    again = await open_database(place)
    assert await again.run(lambda c: c.read("SELECT low FROM future_bars")) == [
        {"low": Decimal("0.1")}
    ]
    await again.aclose()
    await again.aclose()


def test_a_column_of_one_name_is_of_one_type_in_every_table() -> None:
    # rows are read by it
    types: dict[str, set[str]] = {}
    for table in TABLES:
        for name, said in table.columns.items():
            known = said.removesuffix(" NULL")
            types.setdefault(name, set()).add("TEXT" if known.startswith("VARCHAR") else known)
    assert {name: said for name, said in types.items() if len(said) > 1} == {}


async def test_a_file_is_the_same_whether_we_make_it_or_sqlalchemy_does(tmp_path: Path) -> None:
    await (await open_database(tmp_path / "ours.sqlite3")).aclose()
    lead(tmp_path / "theirs.sqlite3")
    ours, theirs = (structure(tmp_path / f"{name}.sqlite3") for name in ("ours", "theirs"))
    assert ours == theirs
    # what SQLAlchemy has written is read, and the other way round
    engine = create_engine(f"sqlite:///{tmp_path / 'theirs.sqlite3'}")
    with engine.begin() as connection:
        bars = METADATA.tables["future_bars"]
        connection.execute(bars.insert().values(**BAR))
        later = {**BAR, "con_id": 8, "low": Decimal("2E+3")}
        upsert(Foreign(connection), FUTURE_BARS, [later])
    opened = await open_database(tmp_path / "theirs.sqlite3")
    later |= {"start": BAR["start"] + timedelta(microseconds=1)}  # type: ignore[operator]
    try:
        await opened.run(lambda one: upsert(one, FUTURE_BARS, [later]))
        found = await opened.read(lambda one: one.read("SELECT * FROM future_bars ORDER BY con_id"))
    finally:
        await opened.aclose()
    with engine.begin() as connection:
        read = [dict(row) for row in connection.execute(bars.select()).mappings()]
    engine.dispose()
    assert found == read
    assert found[0] == BAR
    assert [row["low"] for row in found[1:]] == [2000, 2000]


async def test_a_place_is_taken_letter_by_letter(tmp_path: Path) -> None:
    place = tmp_path / "what? 100%25 #1" / "instruments.sqlite3"
    await (await open_database(place)).aclose()
    assert place.exists()


def test_the_steps_lead_to_what_is_made_at_once() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        migrate(connection)
        assert version(Foreign(connection)) == HEAD
        assert differences(connection) == []
    engine.dispose()


@on_a_server
async def test_the_steps_lead_to_the_same_schema_in_postgres(postgres_url: str) -> None:
    made = await open_database(postgres_url)
    assert isinstance(made, Server)
    assert await made._run(differences) == []
    assert await made.run(write_and_read) == BAR

    def from_nothing(connection: Foreigner) -> list[object]:
        METADATA.drop_all(connection)
        connection.execute(text(f"DROP TABLE {VERSIONS}"))
        migrate(connection)
        return differences(connection)

    assert await made._run(from_nothing) == []
    assert await made.run(write_and_read) == BAR
    await made.aclose()


async def test_an_older_database_is_led_forward_at_open(tmp_path: Path) -> None:
    place = tmp_path / "old.sqlite3"
    engine = create_engine(f"sqlite:///{place}")
    with engine.begin() as connection:
        migrate(connection, to="0001")
    engine.dispose()
    opened = await open_database(place)
    assert await opened.run(version) == HEAD
    assert await opened.run(write_and_read) == BAR
    await opened.aclose()
    await (await open_database(tmp_path / "new.sqlite3")).aclose()
    assert structure(place).keys() == structure(tmp_path / "new.sqlite3").keys()


async def test_what_leads_an_older_database_forward_is_told_of_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "old.sqlite3"
    await (await open_database(place)).aclose()
    monkeypatch.setattr(files, "HEAD", "one that comes later")
    monkeypatch.setattr(servers, "HEAD", "one that comes later")

    def half(connection: Foreigner) -> None:
        connection.execute(text("DROP TABLE alerts"))
        connection.execute(text("DROP TABLE nowhere"))

    monkeypatch.setattr(servers, "migrate", half)
    with pytest.raises(ConfigurationError, match=r"old\.sqlite3 cannot .*: no such table: nowhere"):
        await open_database(place)
    assert "alerts" in structure(place)


async def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "new.sqlite3"
    await (await open_database(place)).aclose()
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute(f"UPDATE {VERSIONS} SET version_num = '9999'")
    with pytest.raises(ConfigurationError, match="schema '9999'; this version") as refused:
        await open_database(place)
    assert "use the version of the package that wrote it" in str(refused.value)
    with closing(sqlite3.connect(place)) as connection:
        assert connection.execute(f"SELECT * FROM {VERSIONS}").fetchall() == [("9999",)]


async def test_work_that_fails_changes_nothing(tmp_path: Path) -> None:
    made = await open_database(tmp_path / "x.sqlite3")

    def half(connection: Connection) -> None:
        insert(connection, FUTURE_BARS, [BAR])
        connection.write("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(ConfigurationError, match="OperationalError: no such table: nowhere"):
        await made.run(half)
    assert await made.run(lambda c: c.read("SELECT * FROM future_bars")) == []
    await made.aclose()


async def test_one_who_reads_waits_for_nobody_who_writes(tmp_path: Path) -> None:
    made = await open_database(tmp_path / "x.sqlite3")
    loop, begun, may_end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        insert(connection, FUTURE_BARS, [BAR])
        loop.call_soon_threadsafe(begun.set)
        may_end.wait(60)

    writing = asyncio.create_task(made.run(slow))
    await begun.wait()
    assert await made.read(lambda c: c.read("SELECT * FROM future_bars")) == []
    # who has the connection closes it
    await made.aclose()
    may_end.set()
    await writing
    assert isinstance(made, SqliteFile)
    assert not made._idle
    again = await open_database(tmp_path / "x.sqlite3")
    assert await again.read(lambda c: c.read("SELECT con_id FROM future_bars")) == [{"con_id": 7}]
    await again.aclose()


async def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    place = tmp_path / "letter.sqlite3"
    place.write_text("dear reader, " * 100)
    with pytest.raises(ConfigurationError, match=r"letter\.sqlite3 cannot be used"):
        await open_database(place)
    with pytest.raises(ConfigurationError, match="cannot be used"):
        await open_database(place / "below" / "a.sqlite3")
    with pytest.raises(ConfigurationError, match="postgresql://"):
        await open_database("mysql://scott:tiger@localhost/db")


@pytest.mark.skipif(not HAS_DRIVER, reason="needs the extra 'postgres'")
async def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(ConfigurationError, match="postgresql://127") as refused:
        await open_database("postgresql://me:geheim@127.0.0.1:9/db")
    assert "geheim" not in str(refused.value)


@pytest.mark.skipif(not HAS_DRIVER, reason="needs the extra 'postgres'")
@pytest.mark.parametrize(
    "url",
    [
        "postgresql:/me:geheim@host/db",
        "postgresql:me:geheim@host/db",
        "postgresql://me:ge/heim@127.0.0.1:9/db",
        "postgresql://me:ge#heim@127.0.0.1:9/db",
        "postgresql://me:ge?heim@127.0.0.1:9/db",
        "postgresql://me:ge[heim@127.0.0.1:9/db",
        "postgresql://me:geheim@127.0.0.1:99999/db",
    ],
)
async def test_a_url_that_is_none_is_refused_without_its_password(url: str) -> None:
    place = PostgresPlace(url=url, name="paper")
    for attempt in (open_database(url), asyncio.to_thread(read_table, place)):
        with pytest.raises(ConfigurationError, match=r"postgresql://\?") as refused:
            await attempt
        told = "".join(traceback.format_exception(refused.value))
        assert "heim" not in told


async def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(ConfigurationError, match=r"ibkr-connector\[postgres\]"):
        await open_database("postgresql://localhost/db")


async def test_first_starts_at_once_make_the_tables_once(tmp_path: Path) -> None:
    place = tmp_path / "shared.sqlite3"
    made = await asyncio.gather(*(open_database(place) for _ in range(6)))
    tables = await made[0].run(
        lambda c: c.read("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    )
    assert [row["name"] for row in tables] == sorted([*METADATA.tables, VERSIONS])
    for one in made:
        await one.aclose()


class HeldUp(sqlite3.Connection):
    """Is told `code` the first time, as one that is too early is."""

    code = sqlite3.SQLITE_BUSY

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if told := self.code:
            self.code = 0
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = told
            raise error
        return super().execute(sql, parameters)


def test_two_that_keep_a_log_at_once_do_not_fail_each_other(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "new.sqlite3", factory=HeldUp)) as connection:
        files._write_ahead(connection)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with closing(sqlite3.connect(tmp_path / "full.sqlite3", factory=HeldUp)) as connection:
        connection.code = sqlite3.SQLITE_FULL
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            files._write_ahead(connection)


def test_upgrade_is_harmless_when_repeated() -> None:
    engine = create_engine("sqlite://")
    for _ in range(2):
        with engine.begin() as connection:
            upgrade(connection)
            assert version(Foreign(connection)) == HEAD
    engine.dispose()


@on_a_server
async def test_a_url_may_say_how_the_line_is_secured(postgres_url: str) -> None:
    made = await open_database(f"{postgres_url}?sslmode=prefer&application_name=desk")
    asked = "SELECT application_name AS name FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    assert await made.read(lambda connection: connection.read(asked)) == [{"name": "desk"}]
    await made.aclose()
    # a server without certificates cannot keep what is asked of the line
    with pytest.raises(ConfigurationError, match="cannot be used") as refused:
        await open_database(f"{postgres_url}?sslmode=require")
    assert "secret" not in str(refused.value)


async def test_a_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    place = tmp_path / "open to all" / "instruments.sqlite3"
    place.parent.mkdir(mode=0o755)
    opened = await open_database(place)
    try:
        for file in place.parent.iterdir():
            assert file.stat().st_mode & 0o777 == 0o600, file.name
    finally:
        await opened.aclose()
