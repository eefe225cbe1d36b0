"""
Import ib_async without what it imports for things that nothing here uses.

`eventkit`, on which ib_async stands, has one operator on events that needs numpy
(`event.array()`), a third of the time that all of ib_async takes; and ib_async can fetch reports
over HTTP. Whoever does either has what it takes then.
"""

from __future__ import annotations

from typing import Final

from ibkr_connector.imports import import_lean

__all__ = ["import_ib_async"]

_LATER: Final = {
    "eventkit.ops.array": {"numpy"},
    "ib_async.flexreport": {"urllib.request"},
}


def import_ib_async() -> None:
    """Import ib_async, and what can wait only if it must be."""
    import_lean("ib_async", _LATER)
