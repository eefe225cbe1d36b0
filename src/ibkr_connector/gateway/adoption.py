"""Put our receiving and our sending end into an ib_async `IB`, and take out what harms."""

from __future__ import annotations

import logging

from ib_async.ib import IB

from ibkr_connector.model.ids import ClientId

from .client import GatewayClient
from .wrapper import GatewayWrapper

__all__ = ["adopt"]


def adopt(ib: IB, *, wrapper: GatewayWrapper, client: GatewayClient, client_id: ClientId) -> None:
    """Let `ib` speak through our two ends; whoever uses it by the escape hatch sees no other."""
    # At each 1102 it opens another account summary, until TWS refuses (ib.py _onError).
    ib.errorEvent -= ib._onError
    ib.RaiseRequestErrors = True
    ib.wrapper = wrapper
    ib.client = client
    wrapper.clientId = client_id
    # It logs whole trades at level INFO, and a handler on the root logger would write them.
    # Whoever has set a level of his own keeps it.
    library = logging.getLogger("ib_async")
    if library.level == logging.NOTSET:
        library.setLevel(logging.WARNING)
