"""The URL of a database, however people write it."""

from __future__ import annotations

import pytest

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.storage.dsn import dsn_of

AT = "postgresql://me:s%40cret@db.example:5432/trading"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (AT, AT),
        (AT.replace("postgresql", "postgres"), AT),
        (AT.replace("postgresql", "postgresql+asyncpg"), AT),
        (f"{AT}?sslmode=require", f"{AT}?sslmode=require"),
        (
            f"{AT}?ssl=verify-full&application_name=a",
            f"{AT}?sslmode=verify-full&application_name=a",
        ),
    ],
)
def test_both_ways_of_writing_it_are_the_drivers_in_the_end(written: str, read: str) -> None:
    assert dsn_of(written) == read


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("mysql://me:secret@db/x", "found one of 'mysql'"),
        ("sqlite:///x", "found one of 'sqlite'"),
        (f"{AT}?ssl=require&sslmode=require", "both ssl and sslmode"),
    ],
)
def test_what_is_no_such_url_is_refused_without_its_password(written: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as refused:
        dsn_of(written)
    assert "cret" not in str(refused.value)
