"""Numbers that look like chance and depend on nothing but what they are asked for."""

from __future__ import annotations

import hashlib
from typing import Any

__all__ = ["seeded"]


def seeded(*parts: Any) -> float:
    """Return a number between 0 and 1 that depends on nothing but what it is asked for."""
    text = "/".join(str(part) for part in parts).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") / 2.0**64
