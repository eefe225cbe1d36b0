"""
The URL of a PostgreSQL database, as the driver reads it.

People write it as SQLAlchemy has it (`postgresql+asyncpg://`, `?ssl=require`) or as libpq has it
(`postgresql://`, `?sslmode=require`, of every managed database); the driver knows the latter.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from ibkr_connector.errors import ConfigurationError

__all__ = ["dsn_of"]

_SCHEMES: Final = frozenset({"postgresql", "postgres"})


def dsn_of(url: str) -> str:
    """
    Return the URL in the driver's words; the rest of it is left as it is.

    Raises:
        ConfigurationError: It is none of PostgreSQL, or says twice how the line is secured.
        ValueError: It is none at all; its text may quote the password.
    """
    parts = urlsplit(url)
    if parts.scheme.split("+")[0] not in _SCHEMES:
        raise ConfigurationError(
            f"expected a URL postgresql://..., found one of {parts.scheme!r}",
            hint="leave it out for a file in state_dir",
        )
    query = parse_qsl(parts.query, keep_blank_values=True)
    names = [name for name, _ in query]
    if "ssl" in names:
        if "sslmode" in names:
            raise ConfigurationError(
                "the URL of the database has both ssl and sslmode", hint="write sslmode alone"
            )
        said = [("sslmode" if name == "ssl" else name, value) for name, value in query]
        parts = parts._replace(query=urlencode(said))
    return parts._replace(scheme="postgresql").geturl()
