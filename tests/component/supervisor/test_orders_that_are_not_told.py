"""Where the broker does not tell all of the orders nothing is traded, as without a line."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.errors import RequestTimeoutError, TradingHaltedError
from ibkr_connector.model.orders import OrderStatus, SendDisposition
from ibkr_connector.model.status import ConnectionState
from ibkr_connector.simulator import MissingEnd
from kit.rig import Rig, rig

ORDER = {"symbol": "AAPL", "action": "BUY", "quantity": 1, "order_type": "LMT", "limit_price": "1"}
LASTS_S = 120.0

ENDS = pytest.mark.parametrize("end", ["OpenOrderEnd", "ExecDetailsEnd", "CompletedOrdersEnd"])


async def place(made: Rig) -> Any:
    order = {**ORDER, "client_order_id": "early"}
    return await made.run(made.place(order))


async def is_refused_while_it_synchronises(made: Rig) -> None:
    """See that an order is refused in the midst of it, and that nothing of it has left."""
    await made.until(lambda: made.state is ConnectionState.SYNCING, step_s=0.1)
    with pytest.raises(TradingHaltedError, match="has not been synchronised") as refused:
        await place(made)
    assert refused.value.disposition is SendDisposition.UNSENT
    assert made.state is ConnectionState.SYNCING
    assert made.asked("PlaceOrder") == 0


@ENDS
async def test_a_first_connection_that_is_not_told_all_orders_fails_and_trades_nothing(
    tmp_path: Path, end: str
) -> None:
    async with rig(tmp_path, connect=False) as made:
        made.simulator.inject(MissingEnd(of=end, lasts_s=LASTS_S))
        connecting = asyncio.ensure_future(made.engine.connect())
        await is_refused_while_it_synchronises(made)
        with pytest.raises(RequestTimeoutError) as failed:
            await made.run(connecting)
        assert failed.value.__notes__ == ["while reading orders from the broker"]
        assert made.state is ConnectionState.IDLE

        await made.advance(LASTS_S)
        await made.run(made.engine.connect())
        assert (await place(made)).status is OrderStatus.SUBMITTED
        assert made.asked("PlaceOrder") == 1


@ENDS
async def test_after_a_cut_nothing_is_traded_until_all_orders_are_told(
    tmp_path: Path, end: str
) -> None:
    async with rig(tmp_path) as made:
        made.simulator.inject(MissingEnd(of=end, lasts_s=LASTS_S))
        since, seen = made.clock.monotonic(), len(made.changes)
        made.simulator.cut()
        await is_refused_while_it_synchronises(made)
        await made.ready()
        # it went on asking, and called nothing complete before the broker did
        assert made.clock.monotonic() >= since + LASTS_S
        states = [change.target for change in made.changes[seen:]]
        assert states.count(ConnectionState.SYNCING) > 1
        assert ConnectionState.DEGRADED not in states
        assert (await place(made)).status is OrderStatus.SUBMITTED
        assert made.asked("PlaceOrder") == 1
