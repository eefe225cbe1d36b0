"""The kinds of notes in the journal: the word of each on disk, and what reads and writes it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from pydantic import TypeAdapter

from .note_text import no_terms_text, of_contract
from .notes import (
    Changed,
    Charged,
    Checkpoint,
    Decided,
    Denied,
    Drifted,
    Filled,
    Intended,
    Learned,
    Met,
    Moved,
    Opened,
    Refused,
)

__all__ = ["KINDS", "WORDS", "form", "prepare"]

KINDS: Final[Mapping[str, type[Any]]] = MappingProxyType(
    {
        "intent": Intended,
        "decision": Decided,
        "change": Changed,
        "foreign": Met,
        "step": Moved,
        "fact": Learned,
        "fill": Filled,
        "commission": Charged,
        "anomaly": Refused,
        "denied": Denied,
        "drift": Drifted,
        "opened": Opened,
        "checkpoint": Checkpoint,
    }
)
"""The words on disk; a word, once used, keeps its meaning for ever."""

WORDS: Final[Mapping[type[Any], str]] = MappingProxyType(
    {kind: word for word, kind in KINDS.items()}
)


@cache
def form(word: str) -> TypeAdapter[Any]:
    """Return what reads and writes the notes of a word; made when it is first needed."""
    return TypeAdapter(KINDS[word])


def prepare() -> None:
    """Make it for all of them, which takes a tenth of a second; blocks."""
    no_terms_text()
    of_contract()
    for word in KINDS:
        form(word)
