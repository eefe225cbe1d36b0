"""
Asking the broker what an order would do.

Owns: that a question leaves nothing behind here: it has an order id and no intent, so nothing that
is said of it, now or later, is about an order of the ledger.
"""

from __future__ import annotations

from ibkr_connector.errors import IBKRConnectionError, RequestTimeoutError
from ibkr_connector.gateway.port import OrderGateway
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.ids import OrderId
from ibkr_connector.model.orders import OrderRequest
from ibkr_connector.model.preview import WhatIf
from ibkr_connector.resilience.operation import ENDPOINTS, Operation
from ibkr_connector.resilience.pipeline import Pipeline

from .ledger import Ledger
from .tickets import ticket_of

__all__ = ["WhatIfQuestions"]


class WhatIfQuestions:
    """Ask, through the pipeline and under its deadline; lives on the desk's loop."""

    def __init__(self, *, gateway: OrderGateway, ledger: Ledger, pipeline: Pipeline) -> None:
        self._gateway = gateway
        self._ledger = ledger
        self._pipeline = pipeline

    async def ask(
        self,
        request: OrderRequest,
        contract: Contract,
        account: str,
        *,
        timeout_s: float | None = None,
    ) -> WhatIf:
        """
        Return what the broker says an order would do; asked once.

        Raises:
            RequestTimeoutError: No answer in time.
            IBKRError: It could not be asked.
        """

        async def ask() -> WhatIf:
            highest = self._ledger.highest_order_id(self._gateway.client_id)
            order_id = self._gateway.reserve_order_id(floor=OrderId(highest + 1))
            ticket = ticket_of(request, contract, account, order_id=order_id, order_ref="")
            return await self._gateway.what_if(ticket)

        try:
            return await self._pipeline.run(
                Operation(policy=ENDPOINTS["what_if"], call=ask, deadline_s=timeout_s)
            )
        except (IBKRConnectionError, RequestTimeoutError) as error:
            # we do not ask twice by ourselves, but who asks again does nothing twice
            error.replay_safe = True
            raise
