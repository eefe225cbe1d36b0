"""The collector of cycles, coming round while a letter is put into a box."""

from __future__ import annotations

import gc
import threading
from typing import Any

from ibkr_connector.mailbox import Mailbox

__all__ = ["box_that_collects", "is_put"]

_PATIENCE_S = 60.0


def box_that_collects() -> Mailbox[Any]:
    """Return a box that has the collector come round whenever a letter meets another one."""

    def replaces(_new: object, _old: object) -> bool:
        gc.collect()
        return True

    return Mailbox(capacity=4, lost=lambda _count, _first, last: last, replaces=replaces)


def is_put(box: Mailbox[Any], *letters: object) -> bool:
    """Put letters on a thread of its own; tell whether it came back from that."""
    writer = threading.Thread(target=lambda: box.put_all(letters), daemon=True)
    writer.start()
    writer.join(_PATIENCE_S)
    return not writer.is_alive()
