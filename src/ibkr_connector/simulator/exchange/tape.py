"""Tapes: where prices come from, whatever they are made of."""

from __future__ import annotations

from .prices import Level, QuoteTick, Swing, Tape, TapeError, TradeTick
from .replay import (
    RecordedPrices,
    ReplayTape,
    Track,
    read_recorded,
    read_tape,
    script_tape,
    with_crosses,
)
from .seeded import SeededTape

__all__ = [
    "Level",
    "QuoteTick",
    "RecordedPrices",
    "ReplayTape",
    "SeededTape",
    "Swing",
    "Tape",
    "TapeError",
    "Track",
    "TradeTick",
    "read_recorded",
    "read_tape",
    "script_tape",
    "with_crosses",
]
