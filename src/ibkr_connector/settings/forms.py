"""Settings that are written in a form of their own: lists of client ids, windows of the week."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.outages import parse_windows

__all__ = ["ClientNumber", "check_client_ids", "check_windows", "split_ids"]

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


def check_windows(text: str) -> str:
    """Refuse windows that cannot be read, naming what is wrong with them."""
    parse_windows(text)
    return text
