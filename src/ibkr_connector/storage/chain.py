"""The hash that ties each entry of an append-only log to all entries before it."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from json.encoder import encode_basestring_ascii as quoted
from typing import Final

__all__ = ["GENESIS", "link"]

GENESIS: Final = "0" * 64
"""What the first entry is tied to."""


def link(previous: str, seq: int, texts: Iterable[str]) -> str:
    """Return the digest of an entry; JSON keeps two fields from running into each other."""
    # the compact JSON of the list of them all, without making an encoder for each
    told = f"[{quoted(previous)},{seq},{','.join(map(quoted, texts))}]"
    return sha256(told.encode("ascii")).hexdigest()
