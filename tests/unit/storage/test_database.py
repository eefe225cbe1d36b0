"""The schema is made, led forward, and refused when it is newer; in SQLite and in PostgreSQL."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import traceback
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, select, text

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.storage import database
from ibkr_connector.storage.database import migrate, open_database, upgrade
from ibkr_connector.storage.postgres import PostgresPlace, read_table
from ibkr_connector.storage.schema import HEAD, METADATA, VERSIONS, future_bars
from kit.postgres import HAS_DRIVER, on_a_server


def version(connection: Connection) -> str:
    return str(connection.execute(text(f"SELECT version_num FROM {VERSIONS}")).scalar_one())


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(
        connection, opts={"version_table": VERSIONS, "compare_type": True}
    )
    return list(compare_metadata(context, METADATA))


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
    connection.execute(future_bars.insert().values(**BAR))
    return dict(connection.execute(select(future_bars)).mappings().one())


async def test_a_new_file_has_the_newest_schema_and_keeps_figures_exactly(tmp_path: Path) -> None:
    place = tmp_path / "state" / "instruments.sqlite3"
    made = await open_database(place)
    assert await made.run(version) == HEAD
    assert await made.run(write_and_read) == BAR
    await made.aclose()
    again = await open_database(place)
    assert await again.run(lambda c: c.execute(select(future_bars.c.low)).scalar_one()) == Decimal(
        "0.1"
    )
    await again.aclose()
    await again.aclose()


async def test_a_place_is_taken_letter_by_letter(tmp_path: Path) -> None:
    place = tmp_path / "what? 100%25 #1" / "instruments.sqlite3"
    await (await open_database(place)).aclose()
    assert place.exists()


def test_the_steps_lead_to_what_is_made_at_once() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        migrate(connection)
        assert version(connection) == HEAD
        assert differences(connection) == []
    engine.dispose()


@on_a_server
async def test_the_steps_lead_to_the_same_schema_in_postgres(postgres_url: str) -> None:
    made = await open_database(postgres_url)
    assert await made.run(differences) == []
    assert await made.run(write_and_read) == BAR

    def from_nothing(connection: Connection) -> list[object]:
        METADATA.drop_all(connection)
        connection.execute(text(f"DROP TABLE {VERSIONS}"))
        migrate(connection)
        return differences(connection)

    assert await made.run(from_nothing) == []
    assert await made.run(write_and_read) == BAR
    await made.aclose()


async def test_an_older_database_is_led_forward_at_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "old.sqlite3"
    await (await open_database(place)).aclose()
    ran: list[str] = []
    monkeypatch.setattr(database, "HEAD", "one that comes later")
    monkeypatch.setattr(database, "migrate", lambda connection: ran.append(version(connection)))
    await (await open_database(place)).aclose()
    assert ran == [HEAD]


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
        connection.execute(future_bars.insert().values(**BAR))
        connection.execute(text("INSERT INTO nowhere VALUES (1)"))

    with pytest.raises(ConfigurationError, match="no such table: nowhere"):
        await made.run(half)
    assert await made.run(lambda c: c.execute(select(future_bars)).all()) == []
    await made.aclose()


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
    tables = await made[0].run(lambda c: inspect(c).get_table_names())
    assert sorted(tables) == sorted([*METADATA.tables, VERSIONS])
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
        database._write_ahead(connection)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with closing(sqlite3.connect(tmp_path / "full.sqlite3", factory=HeldUp)) as connection:
        connection.code = sqlite3.SQLITE_FULL
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            database._write_ahead(connection)


def test_upgrade_is_harmless_when_repeated() -> None:
    engine = create_engine("sqlite://")
    for _ in range(2):
        with engine.begin() as connection:
            upgrade(connection)
            assert version(connection) == HEAD
    engine.dispose()


@on_a_server
async def test_a_url_may_say_how_the_line_is_secured(postgres_url: str) -> None:
    made = await open_database(f"{postgres_url}?sslmode=prefer&application_name=desk")
    name = text("SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()")
    assert await made.read(lambda connection: connection.execute(name).scalar_one()) == "desk"
    await made.aclose()
    # a server without certificates cannot keep what is asked of the line
    with pytest.raises(ConfigurationError, match="cannot be used") as refused:
        await open_database(f"{postgres_url}?sslmode=require")
    assert "secret" not in str(refused.value)
