"""
Which event loop the I/O thread runs: asyncio's own, or uvloop where that is installed.

Owns the choice alone. What runs on the loop cannot tell one from the other; what a program runs on
loops of its own is its own affair.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from typing import Final

from .errors import ConfigurationError

__all__ = ["EVENT_LOOPS", "loop_factory"]

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

EVENT_LOOPS: Final = ("auto", "asyncio", "uvloop")
"""What may be chosen."""


def loop_factory(choice: str) -> LoopFactory | None:
    """
    Return what makes the loop of the I/O thread, `None` for asyncio's own.

    Args:
        choice: `auto` takes uvloop where it is installed.

    Raises:
        ConfigurationError: uvloop was asked for and is not installed.
    """
    if choice == "asyncio":
        return None
    try:
        library = importlib.import_module("uvloop")
    except ModuleNotFoundError as missing:
        if choice == "auto":
            return None
        raise ConfigurationError(
            "event_loop=uvloop needs uvloop, which there is none of for Windows",
            hint="pip install 'ibkr-connector[uvloop]', or set IBKR_EVENT_LOOP=auto",
        ) from missing
    make: LoopFactory = library.new_event_loop
    return make
