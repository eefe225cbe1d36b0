"""The hash that ties each entry of an append-only log to all entries before it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from json.encoder import encode_basestring_ascii as quoted
from typing import Final

__all__ = ["GENESIS", "link"]

GENESIS: Final = "0" * 64
"""What the first entry is tied to."""


def link(previous: str, fields: Sequence[str | int]) -> str:
    """Return the digest of an entry; JSON keeps two fields from running into each other."""
    # the compact JSON of a list of texts and whole numbers, without making an encoder for each
    texts = [quoted(one) if isinstance(one, str) else str(one) for one in (previous, *fields)]
    return hashlib.sha256(f"[{','.join(texts)}]".encode("ascii")).hexdigest()
