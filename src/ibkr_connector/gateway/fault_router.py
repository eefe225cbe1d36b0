"""
Bad news to whom it is about: a question, an order, or the connection.

An error message ends questions and becomes an event; what it proves about an order is for the
orders desk to say, from `codes`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from ibkr_connector.codes import Ends, LinkEffect, StreamEffect, link_effect, stream_effect
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.ids import OrderId

from .data_answers import REQUEST_ID_AT
from .faults import anonymous_error, request_error
from .port import GatewayEvent, GatewayNotice, MessageUnreadable, OrderFault
from .requests import Listing, Requests
from .what_if import WhatIfs

__all__ = ["FaultRouter"]

_log = logging.getLogger(__name__)


_ANSWERS: Final = {
    "5": "open_orders",
    "7": "portfolio",
    "16": "advisor",
    "19": "scan_parameters",
    "49": "current_time",
    "61": "positions",
    "78": "family_codes",
    "85": "news_providers",
    "101": "completed_orders",
}
"""Messages without a request id that are rows of a listing (ib_async decoder.py)."""

_NO_ID: Final = 2_147_483_647
"""Names no request either: refusals of questions without an id carry it (IB's DDE sample)."""

_REQUEST_ID_AT: Final = {
    **{"10": 1, "11": 1, "17": 1, "18": 1, "63": 2, "71": 2, "73": 2},
    **REQUEST_ID_AT,
}
"""Messages that are rows of a request, and the field that names it (from server version 164)."""


class FaultRouter:
    """Knows the open questions of one session and where its events go."""

    def __init__(
        self,
        requests: Requests,
        listings: Sequence[Listing[Any]],
        *,
        what_ifs: WhatIfs,
        emit: Callable[[GatewayEvent], None],
        on_data_lost: Callable[[], None],
    ) -> None:
        self._requests = requests
        self._listings = listings
        self._what_ifs = what_ifs
        self._emit = emit
        self._on_data_lost = on_data_lost
        self._unreadable_seen: set[str] = set()

    def route(self, number: int, code: int, *, text: str, advanced_reject: str) -> None:
        """Take one error message; `number` is a request id, an order id, or neither."""
        if self._requests.owns(number):
            self._to_request(number, code, text)
        elif self._what_ifs.fault(number, code, text):
            _log.info("message %d about a what-if: %s", code, text)
        elif 0 < number < _NO_ID:
            order_id = OrderId(number)
            self._emit(
                OrderFault(order_id=order_id, code=code, text=text, advanced_reject=advanced_reject)
            )
        else:
            self._to_nobody(code, text)

    def _to_request(self, request_id: int, code: int, text: str) -> None:
        pending = self._requests.get(request_id)
        if pending is None:
            # The echo of our own cancellation, or of an answer nobody waits for.
            _log.debug("message %d for a request that has ended: %s", code, text)
            return
        if pending.name == "scan" and stream_effect(code) is StreamEffect.EMPTY:
            # this is the answer, and it has no rows
            self._requests.end(request_id)
            return
        error, row = request_error(pending.name, code, text, request_id=request_id)
        if error is None:
            _log.info("%s goes on after message %d: %s", pending.name, code, text)
        elif row.ends is Ends.DEPENDS and pending.tolerates(error):
            _log.info("%s waits on after message %d: %s", pending.name, code, text)
        else:
            self._requests.fail(request_id, error)

    def _to_nobody(self, code: int, text: str) -> None:
        if link_effect(code) is LinkEffect.DATA_LOST:
            self._on_data_lost()
        # Which of several questions without an id it answers is not said; the first that may
        # get it is ended, and the others by their own message.
        for listing in self._listings:
            error = anonymous_error(listing.name, code, text) if listing.is_awaited else None
            if error is not None:
                listing.fail(error)
                break
        self._emit(GatewayNotice(code=code, text=text))

    def unreadable(self, fields: list[str], exc: Exception) -> None:
        """Take a message that cannot be read: a question that it answers has no whole answer."""
        number = fields[0] if fields else ""
        if number not in self._unreadable_seen:
            self._unreadable_seen.add(number)
            _log.error("message %r of %d fields is not readable", number, len(fields), exc_info=exc)
        reason, row_of = f"{type(exc).__name__}: {exc}", _ANSWERS.get(number, "")
        self._emit(MessageUnreadable(fields=tuple(fields), reason=reason, listing=row_of))
        error = IBKRError(
            f"the answer holds a message {number} that cannot be read", replay_safe=False
        )
        for listing in self._listings:
            if listing.name == row_of and listing.is_awaited:
                listing.fail(error)
        place = _REQUEST_ID_AT.get(number)
        if place is not None and len(fields) > place and fields[place].isdecimal():
            self._requests.fail(int(fields[place]), error)
