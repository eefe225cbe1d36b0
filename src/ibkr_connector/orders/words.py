"""
IB's status words, and the events that they mean here.

The one place in which a status word is read; `tws-api: order_status.py` lists the words. A word
that is not here moves nothing: it is kept as text, counted, and the broker is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .states import Event

__all__ = ["COMPLETED_WORDS", "LIVE_WORDS", "WORDS"]

WORDS: Final[Mapping[str, Event]] = {
    "ApiPending": Event.ACCEPT,  # at TWS, waiting for its security definition
    "PendingSubmit": Event.ACCEPT,  # sent on; the destination has not confirmed
    "PreSubmitted": Event.ACCEPT,  # held by IB until it is elected
    "Submitted": Event.WORK,
    "PendingCancel": Event.PEND_CANCEL,
    "ApiCancelled": Event.CANCEL,
    "Cancelled": Event.CANCEL,
    "Filled": Event.FILL_ALL,
    "Inactive": Event.SUSPEND,  # no verdict: a held order can revive (ib_insync issue 363)
}
"""Words of `orderStatus` and `openOrder`."""

COMPLETED_WORDS: Final[Mapping[str, Event]] = {
    "Filled": Event.FILL_ALL,
    "Cancelled": Event.CANCEL,
    "ApiCancelled": Event.CANCEL,
    "Inactive": Event.REJECT,  # among the completed orders it is final
}
"""The same words among completed orders, where they are final."""

LIVE_WORDS: Final = frozenset({"ApiPending", "PendingSubmit", "PreSubmitted", "Submitted"})
"""Words that contradict a closed order when the broker's list says them."""
