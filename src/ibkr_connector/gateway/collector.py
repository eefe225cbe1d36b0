"""The interpreter's collector of cycles, and when it waits."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["importing", "undisturbed"]


@contextmanager
def undisturbed() -> Iterator[None]:
    """
    Let Python's collector of cycles wait for some milliseconds.

    Thousands of records of a large read, none of them part of a cycle, would make it go over all
    that the process holds, which takes longer than the read; afterwards it looks at the young ones
    once. *limit*: the collector is one for the whole process. Whoever switches it off for good, in
    just these milliseconds and on another thread, finds it on again.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def importing() -> Iterator[None]:
    """
    Let the collector wait while modules are imported, and take what they hold for old then.

    Functions and classes stay as long as the process; it would go over them a hundred times while
    they are made, and once more when they are. Nothing is kept from it: it looks at them when it
    next looks at all there is.
    """
    with undisturbed():
        yield
        # whoever has frozen his own objects means them to stay so
        if not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()
