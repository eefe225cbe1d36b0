"""
What-if questions of one session: an order that is shown and never placed.

Owns: that what leaves is a question (the flag is looked for in the written message itself), what
of the gateway's words answers it, and that an answer which comes late touches nothing.

The gateway answers in no fixed way: an order without figures may come before one with them, a
refusal before or after the figures or alone, a warning in the place of everything (ib_insync#380,
IB's 10349 and 201). So the first word is not the last: a little while is given for the rest.
"""

# mypy: disallow-untyped-calls=False
# ib_async's request methods are not typed.

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from ibkr_connector.clock import Clock
from ibkr_connector.codes import CodeKind, OrderEffect, Scope, lookup
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.ids import ClientId, OrderId
from ibkr_connector.model.orders import SendDisposition
from ibkr_connector.model.preview import Figures, WhatIf
from ibkr_connector.resilience.timers import Timers

from . import translate
from .client import GatewayClient
from .figures import figure
from .port import OrderTicket

__all__ = ["WhatIfs", "ask_what_if", "question"]

_FOR_FIGURES_S: Final = 2.0
"""How long figures are waited for after anything else has come."""

_FOR_A_REFUSAL_S: Final = 0.1
"""How long a refusal is waited for after the figures."""

_REFUSALS: Final = frozenset({CodeKind.REJECT, CodeKind.PERMISSION})


class _Question:
    """One open question, and what has been said of it so far."""

    def __init__(self) -> None:
        self.said = asyncio.Event()
        self.computed = asyncio.Event()
        self.refused = asyncio.Event()
        self.answer: WhatIf | None = None
        self.warnings: dict[str, None] = {}
        self.doubt: tuple[int, str] | None = None
        self.refusal: tuple[int, str] | None = None
        self.error: IBKRError | None = None

    def fail(self, error: IBKRError) -> None:
        self.error = error
        for event in (self.said, self.computed, self.refused):
            event.set()

    async def result(self, clock: Clock) -> WhatIf:
        await self.said.wait()
        timers = Timers(clock)
        try:
            with suppress(TimeoutError), timers.limit(clock.monotonic() + _FOR_FIGURES_S):
                await self.computed.wait()
            if self.refusal is None:
                with suppress(TimeoutError), timers.limit(clock.monotonic() + _FOR_A_REFUSAL_S):
                    await self.refused.wait()
        finally:
            await timers.aclose()
        if self.error is not None:
            raise self.error
        answer = self.answer or WhatIf(is_answered=False)
        warnings, refusal = dict(self.warnings), self.refusal
        if self.doubt is not None and self.answer is None:
            refusal = refusal or self.doubt
        elif self.doubt is not None:
            warnings[self.doubt[1]] = None
        code, reason = refusal or (None, "")
        return replace(answer, warnings=tuple(warnings), rejected_reason=reason, code=code)


class WhatIfs:
    """The open what-if questions of one session, by the order ids that they go under."""

    def __init__(self) -> None:
        self._open: dict[int, _Question] = {}
        # an answer that comes late must not pass for news of an order of that number
        self._asked: set[int] = set()

    def __len__(self) -> int:
        return len(self._open)

    def open(self, order_id: OrderId) -> _Question:
        """Enter a question."""
        self._asked.add(order_id)
        self._open[order_id] = made = _Question()
        return made

    def close(self, order_id: OrderId) -> None:
        """Nobody waits any more; what comes later is dropped."""
        self._open.pop(order_id, None)

    def told(self, order_id: int, state: Any) -> bool:
        """Take the description of an order that does not exist; tell whether it was asked here."""
        asked = self._open.get(order_id)
        if asked is None:
            return order_id in self._asked
        answer = read_state(state)
        if warning := " ".join((state.warningText or "").split()):
            asked.warnings[warning] = None
        if asked.answer is None or answer.is_told:
            asked.answer = answer
        if answer.is_told:
            asked.computed.set()
        asked.said.set()
        return True

    def fault(self, order_id: int, code: int, text: str) -> bool:
        """Take an error message; tell whether it is about a question asked here, open or not."""
        asked = self._open.get(order_id)
        if asked is None:
            return order_id in self._asked
        row = lookup(code, Scope.ORDER, text)
        words = " ".join(text.replace("<br>", " ").split())
        if row.order is OrderEffect.DEAD or row.kind in _REFUSALS:
            asked.refusal = (code, words)
            asked.refused.set()
        elif row.error is None:
            asked.warnings[f"{words} ({code})"] = None
        else:
            asked.doubt = (code, words)
        asked.said.set()
        return True

    def fail_all(self, error: IBKRError) -> None:
        """The session is over."""
        for asked in self._open.values():
            asked.fail(error)


async def ask_what_if(
    client: GatewayClient, table: WhatIfs, ticket: OrderTicket, *, client_id: ClientId, clock: Clock
) -> WhatIf:
    """
    Ask what an order would do; the ticket's id names the question and is used up by it.

    Raises:
        NotConnectedError, ConnectionLostError: The session is over.
        OrderValidationError: A field cannot be written; nothing was sent.
        IBKRError: The message would not have been a question; nothing was sent.
    """
    message = question(client, ticket, client_id=client_id)
    client.updateReqId(ticket.order_id + 1)
    asked = table.open(ticket.order_id)
    try:
        await client.write_through([message])
        return await asked.result(clock)
    finally:
        table.close(ticket.order_id)


def question(client: GatewayClient, ticket: OrderTicket, *, client_id: ClientId) -> str:
    """
    Write the message, and prove that it is a question.

    It is written twice, as the order and as the question about it: the flag is found where the two
    differ, whatever fields an order of this kind has. The order itself is thrown away.

    Raises:
        IBKRError: They do not differ in one flag alone.
    """
    order = translate.ib_order(replace(ticket, transmit=True), client_id=client_id)
    contract = translate.ib_contract(ticket.contract)
    with client.hold() as written:
        client.placeOrder(ticket.order_id, contract, order)
        order.whatIf = True
        client.placeOrder(ticket.order_id, contract, order)
    live, asking = (message.split("\0") for message in written)
    different = [pair for pair in zip(live, asking, strict=False) if pair[0] != pair[1]]
    if len(live) != len(asking) or different != [("0", "1")]:
        raise IBKRError(
            "the what-if flag is not in the message; nothing was sent",
            replay_safe=False,
            disposition=SendDisposition.UNSENT,
        )
    return written[1]


def read_state(state: Any) -> WhatIf:
    """Read the figures of an order state; what IB leaves open is `None`."""
    return WhatIf(
        initial_margin=_figures(state, "initMargin"),
        maintenance_margin=_figures(state, "maintMargin"),
        equity_with_loan=_figures(state, "equityWithLoan"),
        commission=figure(state.commission),
        min_commission=figure(state.minCommission),
        max_commission=figure(state.maxCommission),
        commission_currency=state.commissionCurrency or "",
    )


def _figures(state: Any, name: str) -> Figures:
    before, change, after = (
        figure(getattr(state, f"{name}{part}") or "") for part in ("Before", "Change", "After")
    )
    return Figures(before=before, change=change, after=after)
