"""The hash that ties each entry of an append-only log to all entries before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Final

__all__ = ["GENESIS", "link"]

GENESIS: Final = "0" * 64
"""What the first entry is tied to."""


def link(previous: str, fields: Sequence[str | int]) -> str:
    """Return the digest of an entry; JSON keeps two fields from running into each other."""
    text = json.dumps([previous, *fields], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
