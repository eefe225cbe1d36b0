# mypy: disallow-untyped-calls=False
# ib_async's request methods and callbacks are not typed.

"""One question with an id: sent, awaited, and called off when its caller goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ibkr_connector.model.ids import RequestId

from .client import GatewayClient
from .requests import Requests

__all__ = ["ask"]


async def ask(
    client: GatewayClient,
    requests: Requests,
    name: str,
    *,
    send: Callable[[RequestId], None],
    stop: Callable[[RequestId], None] | None = None,
    request_id: RequestId | None = None,
) -> Any:
    """
    Ask, and return the rows of the answer.

    Args:
        client: Tells whether there is still somebody to call the question off at.
        requests: Where the answer's rows are put.
        name: What errors call it.
        send: Writes the question with its id.
        stop: Calls it off; only where TWS knows such a message.
        request_id: A constant id, for a subscription; a new one when not given.
    """
    pending = requests.open(name, collector=[], request_id=request_id)
    try:
        send(pending.request_id)
        return await pending.future
    except asyncio.CancelledError:
        if stop is not None and client.isReady():
            stop(pending.request_id)
        raise
    finally:
        requests.forget(pending)
