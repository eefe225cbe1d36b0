"""Settings that are written in a form of their own: client ids, windows, hosts, URLs, paths."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.outages import parse_windows

__all__ = [
    "ClientNumber",
    "check_client_ids",
    "check_host",
    "check_postgres",
    "check_windows",
    "home_expanded",
    "split_ids",
]

_HOST_NAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?", re.ASCII)

ClientNumber = Annotated[int, Field(ge=0, le=2**31 - 1)]
"""A client id as the protocol takes it."""


def split_ids(value: object) -> object:
    """Take ids as text with commas, as environment and files have them, or as they are."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [value] if isinstance(value, int) else value


def check_client_ids(own: Sequence[int], pool: Sequence[int], data: Sequence[int]) -> None:
    """
    Refuse a connection for data that would take the client id of another one.

    Raises:
        ConfigurationError: It would.
    """
    taken = set(own) | set(pool)
    for number in data:
        if number in taken:
            raise ConfigurationError(
                f"data_client_ids: {number} is taken by another connection of this profile",
                hint="give each connection a client id of its own",
            )
        taken.add(number)


def check_host(text: str) -> str:
    """Refuse a host with a scheme, a port, a path, quotes or blanks, saying which."""
    host = text.strip()
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    else:
        return host
    if "://" in host:
        raise ValueError(f"a host has no scheme: write it without {host.partition('://')[0]}://")
    name, colon, port = host.rpartition(":")
    if colon and port.isdigit():
        raise ValueError(f"the port stands apart: write {name} here, and {port} under port")
    if not _HOST_NAME.fullmatch(host):
        raise ValueError("a host is a name or an address, as in 127.0.0.1 or gateway.local")
    return host


def check_postgres(url: SecretStr) -> SecretStr:
    """Refuse what is no URL of PostgreSQL; says nothing of what it found, that is a secret."""
    text = url.get_secret_value().strip()
    scheme, slashes, rest = text.partition("://")
    if scheme.split("+")[0] not in {"postgresql", "postgres"} or not slashes or not rest:
        raise ValueError("it is no URL of the form postgresql://user:password@host:5432/database")
    try:
        parts = urlsplit(text)
        # several hosts are several ports
        is_one = "," not in parts.netloc
        cut = parts.fragment or "@" in parts.path + parts.query or (is_one and parts.port == 0)
    except ValueError:
        # its message would quote the URL, or a port that is a part of a password
        cut = True
    if cut:
        raise ValueError(
            "it cannot be read: a character of user or password that means something in a URL "
            "(# ? / @ : [ %) is written %23 %3F %2F %40 %3A %5B %25"
        )
    return url


def home_expanded(path: Path) -> Path:
    """Return the path with `~` as the home directory."""
    return path.expanduser()


def check_windows(text: str) -> str:
    """Refuse windows that cannot be read, naming what is wrong with them."""
    parse_windows(text)
    return text
