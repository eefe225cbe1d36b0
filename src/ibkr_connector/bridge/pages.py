"""Long answers in pages, each with the cursor of the next."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Query

from .guard import Refused
from .problems import Kind

__all__ = ["Limit", "Mark", "page"]

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=5000, description="How many at most.")]
Mark = Annotated[
    str | None,
    Query(max_length=256, description="`next` of the page before, for the one after it."),
]


def page(
    rows: Sequence[T], limit: int, cursor: str | None, *, key: Callable[[T], str]
) -> tuple[Sequence[T], str | None]:
    """
    Return the rows after a cursor, and the cursor of those that follow.

    Args:
        rows: All of them, in an order that does not change; new ones come at the end.
        limit: How many are wanted.
        cursor: Of the page before.
        key: What tells a row from all others.

    Raises:
        Refused: The cursor is none, or its row has gone.
    """
    start = 0
    if cursor is not None:
        last = _read(cursor)
        found = next((at for at, row in enumerate(rows) if key(row) == last), None)
        if found is None:
            raise Refused(
                Kind(422, "cursor-gone", "The cursor leads nowhere"),
                "the cursor is none of these rows, or of one that is not there any more",
                hint="begin again without a cursor",
            )
        start = found + 1
    taken = rows[start : start + limit]
    if start + limit >= len(rows) or not taken:
        return taken, None
    return taken, base64.urlsafe_b64encode(key(taken[-1]).encode()).decode()


def _read(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor.encode("ascii", "replace")).decode(
            "utf-8", "replace"
        )
    except binascii.Error:
        return ""
