"""
Previews: what would become of an order, without placing it.

Owns: that a preview asks the same questions, of the same rules and with the same facts, as placing
does, and leaves nothing behind but its token: no intent, no count, no line in the journal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from ibkr_connector.clock import Clock
from ibkr_connector.errors import OrderValidationError
from ibkr_connector.model.brackets import BracketRequest
from ibkr_connector.model.orders import AnyOrder
from ibkr_connector.model.preview import OrderPreview, RuleVerdict, Verdict, WhatIf
from ibkr_connector.observe.correlation import current_correlation_id

from .admission import Admission, Examined
from .bracket_rules import as_bracket, check_bracket
from .conditions import qualify_conditions
from .entry import OrderEntry
from .how_far import NOTHING_SENT
from .modifying import Modifying
from .placing import Placing
from .validation import as_request, check_request
from .vouchers import Vouchers, as_placed, exactly
from .what_if import WhatIfQuestions

__all__ = ["Previews"]

_LONGEST_NAME: Final = 200
_EXITS: Final = ("take profit", "stop loss")


class Previews:
    """Look at orders; lives on the desk's loop."""

    def __init__(
        self,
        *,
        admission: Admission,
        placing: Placing,
        modifying: Modifying,
        questions: WhatIfQuestions,
        vouchers: Vouchers,
        clock: Clock,
    ) -> None:
        self._admission = admission
        self._placing = placing
        self._modifying = modifying
        self._questions = questions
        self._vouchers = vouchers
        self._clock = clock

    async def preview(
        self, request: AnyOrder | BracketRequest, *, by: str, timeout_s: float | None
    ) -> OrderPreview:
        """Look at one order, or a bracket; see `OrdersDesk.preview`."""
        with NOTHING_SENT:
            if isinstance(request, BracketRequest):
                return await self._of_bracket(request, by=by, timeout_s=timeout_s)
            return await self._of_order(request, by=by, timeout_s=timeout_s)

    async def bracket(
        self,
        bracket: BracketRequest | Mapping[str, Any],
        *,
        by: str,
        timeout_s: float | None,
    ) -> OrderPreview:
        """Look at a bracket; the broker is asked about its entry. See `OrdersDesk.preview`."""
        with NOTHING_SENT:
            return await self._of_bracket(bracket, by=by, timeout_s=timeout_s)

    async def change(
        self, entry: OrderEntry, changes: Mapping[str, Any], *, by: str
    ) -> OrderPreview:
        """Look at a change of an order; see `OrdersDesk.preview_change`."""
        with NOTHING_SENT:
            return await self._of_change(entry, changes, by=by)

    async def _of_order(
        self, request: AnyOrder, *, by: str, timeout_s: float | None
    ) -> OrderPreview:
        self._placing.waiting("submitted", timeout_s)
        _check_name(by)
        checked = as_request(request)
        check_request(checked)
        # a question goes out as an order with a flag: a read-only connector sends neither
        self._admission.check_writable()
        checked = await qualify_conditions(checked, self._admission.resolve)
        known = await self._placing.known(checked)
        examined = await self._placing.examine(checked)
        told = WhatIf(is_answered=False)
        if checked.exercise is None:
            told = await self._questions.ask(
                examined.request, examined.contract, examined.account, timeout_s=timeout_s
            )
            examined = replace(examined, facts=replace(examined.facts, margin=told))
        rules = self._admission.verdicts(examined)
        if known is not None:
            rules = (_taken(known), *rules)
        return self._made([examined], rules=rules, told=told, by=by)

    async def _of_bracket(
        self,
        bracket: BracketRequest | Mapping[str, Any],
        *,
        by: str,
        timeout_s: float | None,
    ) -> OrderPreview:
        self._placing.waiting("submitted", timeout_s)
        _check_name(by)
        checked = as_bracket(bracket)
        check_bracket(checked)
        self._admission.check_writable()
        entry, *exits = checked.orders()
        entry = await qualify_conditions(entry, self._admission.resolve)
        known = await self._placing.known(entry)
        head, *others = [await self._placing.examine(one) for one in (entry, *exits)]
        told = await self._questions.ask(
            head.request, head.contract, head.account, timeout_s=timeout_s
        )
        head = replace(head, facts=replace(head.facts, margin=told))
        rules = [] if known is None else [_taken(known)]
        rules += self._admission.verdicts(head)
        for name, one in zip(_EXITS, others, strict=True):
            rules += [
                replace(row, rule=f"{name}: {row.rule}")
                for row in self._admission.verdicts(one, entry=head)
                if row.rule != "trading"
            ]
        rules.sort(key=lambda row: row.verdict is not Verdict.BROKEN)
        return self._made([head, *others], rules=tuple(rules), told=told, by=by)

    async def _of_change(
        self, entry: OrderEntry, changes: Mapping[str, Any], *, by: str
    ) -> OrderPreview:
        _check_name(by)
        examined = await self._modifying.look(entry, changes)
        if examined is None:
            raise OrderValidationError(f"order {entry.order_id} is so already: nothing changes")
        rules = self._admission.verdicts(examined, replacing=entry.key)
        # of a change the broker would answer as if it were one more order
        unasked = WhatIf(is_answered=False)
        return self._made([examined], rules=rules, told=unasked, by=by, changing=entry)

    def _made(
        self,
        examined: Sequence[Examined],
        *,
        rules: tuple[RuleVerdict, ...],
        told: WhatIf,
        by: str,
        changing: OrderEntry | None = None,
    ) -> OrderPreview:
        now, head = self._clock.utcnow(), examined[0]
        preview = OrderPreview(
            order=as_placed(head),
            exits=tuple(as_placed(one) for one in examined[1:]),
            order_id=None if changing is None else changing.order_id,
            at=now,
            rules=rules,
            broker=told,
            price=head.facts.reference or head.facts.price,
            correlation_id=current_correlation_id(),
        )
        if not preview.is_allowed:
            return preview
        what = exactly(*examined, changing="" if changing is None else changing.key)
        return replace(
            preview,
            token=self._vouchers.issue(preview, what, by=by),
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
