"""Where the engine keeps the journal of orders."""

from __future__ import annotations

from pathlib import Path

from ibkr_connector.settings import Settings
from ibkr_connector.storage.postgres import PostgresPlace
from ibkr_connector.tuning import journal_place

URL = "postgresql://trader:s3cret@db.example:5432/trading"


def test_a_journal_is_a_file_of_its_mode_and_client_id(tmp_path: Path) -> None:
    settings = Settings.load(state_dir=tmp_path, client_id=7)
    assert journal_place(settings) == tmp_path / "orders-paper-client7.sqlite3"


def test_a_journal_lies_in_the_database_that_the_settings_name(tmp_path: Path) -> None:
    settings = Settings.load(state_dir=tmp_path, client_id=7, journal_url=URL)
    place = journal_place(settings)
    assert place == PostgresPlace(url=URL, name="orders-paper-client7")
    assert "s3cret" not in f"{place} {settings!r}"
