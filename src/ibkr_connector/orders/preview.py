"""
Previews: what would become of an order, without placing it.

Owns: that a preview asks the same questions, of the same rules and with the same facts, as placing
does, and leaves nothing behind but its token: no intent, no count, no line in the journal.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from ibkr_connector.clock import Clock
from ibkr_connector.errors import OrderValidationError
from ibkr_connector.model.orders import AnyOrder
from ibkr_connector.model.preview import OrderPreview, RuleVerdict, Verdict
from ibkr_connector.observe.correlation import current_correlation_id

from .admission import Admission
from .conditions import qualify_conditions
from .entry import OrderEntry
from .placing import Placing
from .validation import as_request, check_request
from .vouchers import Vouchers, as_placed
from .what_if import WhatIfQuestions

__all__ = ["Previews"]

_LONGEST_NAME: Final = 200


class Previews:
    """Look at orders; lives on the desk's loop."""

    def __init__(
        self,
        *,
        admission: Admission,
        placing: Placing,
        questions: WhatIfQuestions,
        vouchers: Vouchers,
        clock: Clock,
    ) -> None:
        self._admission = admission
        self._placing = placing
        self._questions = questions
        self._vouchers = vouchers
        self._clock = clock

    async def preview(self, request: AnyOrder, *, by: str, timeout_s: float | None) -> OrderPreview:
        """Look at one order; see `OrdersDesk.preview`."""
        self._placing.waiting("submitted", timeout_s)
        _check_name(by)
        checked = as_request(request)
        check_request(checked)
        # a question goes out as an order with a flag: a read-only connector sends neither
        self._admission.check_writable()
        checked = await qualify_conditions(checked, self._admission.resolve)
        known = await self._placing.known(checked)
        examined = await self._placing.examine(checked)
        told = await self._questions.ask(
            checked, examined.contract, examined.account, timeout_s=timeout_s
        )
        examined = replace(examined, facts=replace(examined.facts, margin=told))
        rules = self._admission.verdicts(examined)
        if known is not None:
            rules = (_taken(known), *rules)
        now = self._clock.utcnow()
        preview = OrderPreview(
            order=as_placed(examined),
            at=now,
            rules=rules,
            broker=told,
            price=examined.facts.reference or examined.facts.price,
            correlation_id=current_correlation_id(),
        )
        if not preview.is_allowed:
            return preview
        return replace(
            preview,
            token=self._vouchers.issue(preview, examined, by=by),
            expires=now + timedelta(seconds=self._vouchers.ttl_s),
        )


def _taken(entry: OrderEntry) -> RuleVerdict:
    return RuleVerdict(
        rule="client_order_id",
        verdict=Verdict.BROKEN,
        value=f"order {entry.order_id}, {entry.status}",
        limit="a key of its own",
        remedy="use a new client_order_id; placing under this one returns that order",
    )


def _check_name(by: object) -> None:
    if not isinstance(by, str) or len(by) > _LONGEST_NAME or not by.isprintable():
        raise OrderValidationError(
            f"by must be printable text of at most {_LONGEST_NAME} characters"
        )
