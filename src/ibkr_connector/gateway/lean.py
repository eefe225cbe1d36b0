"""
Import ib_async without what it imports for things that nothing here uses.

`eventkit`, on which ib_async stands, has one operator on events that needs numpy
(`event.array()`), a third of the time that all of ib_async takes; and ib_async can fetch reports
over HTTP. Whoever does either has what it takes then. The methods of ib_async's records are made
when they are needed, as those of our own are.
"""

from __future__ import annotations

import dataclasses
from types import ModuleType
from typing import Final

from ibkr_connector.imports import import_lean
from ibkr_connector.model import making

__all__ = ["import_ib_async"]

_LATER: Final = {
    "eventkit.ops.array": {"numpy"},
    "ib_async.flexreport": {"urllib.request"},
}
_OF_RECORDS: Final = ("contract", "objects", "order", "ticker")


def import_ib_async() -> None:
    """Import ib_async, and what can wait only if it must be."""
    ours = ModuleType(dataclasses.__name__)
    vars(ours).update(vars(dataclasses), dataclass=making.dataclass)
    instead = {f"ib_async.{one}": {ours.__name__: ours} for one in _OF_RECORDS}
    import_lean("ib_async", _LATER, instead=instead)
