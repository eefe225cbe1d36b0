"""The hash that ties each entry of an append-only log to all entries before it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from json import JSONEncoder
from typing import Final

__all__ = ["GENESIS", "link"]

GENESIS: Final = "0" * 64
"""What the first entry is tied to."""

_ENCODER: Final = JSONEncoder(ensure_ascii=True, separators=(",", ":"))


def link(previous: str, fields: Sequence[str | int]) -> str:
    """Return the digest of an entry; JSON keeps two fields from running into each other."""
    text = _ENCODER.encode([previous, *fields])
    return hashlib.sha256(text.encode("ascii")).hexdigest()
