"""
How long to wait for a snapshot.

TWS ends a snapshot about 11 s after it was asked for, whatever has come; most of it comes in the
first burst. So a quote is returned when the prices that make one are known and the burst is over,
and the request is cancelled. A contract that never trades waits a little longer for its last
price, and one without any price until TWS says that there is none.
"""

# mypy: disallow-untyped-calls=False
# ib_async's request methods and callbacks are not typed.

from __future__ import annotations

import asyncio
from typing import Final

from ibkr_connector.errors import IBKRError, NoDataError
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.market import DataType

from . import translate
from .client import GatewayClient
from .requests import Requests
from .snapshot import Snapshot

__all__ = ["take_snapshot"]

_REST_S: Final = 0.02
"""How long a full quote waits for the word that trading is halted, which follows the prices."""

_SETTLE_S: Final = 0.2
"""Ticks that belong together come within this time of each other."""

_GREEKS_S: Final = 0.5
"""How long an option's quote that has its prices waits for IB's model."""

_PATIENCE_S: Final = 2.0
"""How long a quote with some price waits for the others."""


class _Patience:
    """Ends a request when its snapshot has settled; one timer, moved by ticks."""

    def __init__(self, snapshot: Snapshot, *, requests: Requests, request_id: int) -> None:
        self._snapshot = snapshot
        self._requests = requests
        self._request_id = request_id
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._is_resting = False
        self._awaits_greeks = False

    def on_tick(self) -> None:
        if self._snapshot.is_full and self._snapshot.has_halted:
            self._requests.end(self._request_id)
        elif self._snapshot.is_full:
            if not self._is_resting:
                self._arm(_REST_S)
            self._is_resting = True
        elif self._snapshot.has_needed and self._snapshot.has_greeks:
            self._arm(_SETTLE_S)
        elif self._snapshot.has_needed:
            if not self._awaits_greeks:
                self._arm(_GREEKS_S)
            self._awaits_greeks = True
        elif self._snapshot.has_price and self._timer is None:
            self._arm(_PATIENCE_S)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, delay_s: float) -> None:
        self.stop()
        self._timer = self._loop.call_later(delay_s, self._requests.end, self._request_id)


async def take_snapshot(
    contract: Contract,
    *,
    client: GatewayClient,
    requests: Requests,
    data_type: DataType,
    awaits_greeks: bool,
) -> Snapshot:
    """
    Ask for one snapshot and wait until it is good enough; that of an option, with `awaits_greeks`,
    half a second more for IB's model.

    Raises:
        MarketDataPermissionError: No subscription (TWS 354, 10089, 10168, 10186).
        NoDataError: It ended without a single price.
    """
    snapshot = Snapshot(contract, awaits_greeks=awaits_greeks)
    refusals: list[IBKRError] = []

    def tolerates(error: IBKRError) -> bool:
        # "Delayed data is available" is no end for whoever asked for delayed data, and a refusal
        # of some ticks is none while others come (facts, codes 10089 and 354).
        refusals.append(error)
        return data_type in (DataType.DELAYED, DataType.DELAYED_FROZEN) or snapshot.has_price

    asked = translate.ib_contract(contract)
    pending = requests.open("quote", collector=snapshot, tolerates=tolerates)
    patience = _Patience(snapshot, requests=requests, request_id=pending.request_id)
    snapshot.on_tick = patience.on_tick
    try:
        client.reqMktData(pending.request_id, asked, "", True, False, [])  # noqa: FBT003
        await pending.future
    finally:
        patience.stop()
        requests.forget(pending)
        if client.isReady():
            # Also after its own end: a line that stays open is paid for, and TWS answers a
            # superfluous cancellation with a harmless message (facts, code 300).
            client.cancelMktData(pending.request_id)
    if not snapshot.has_price:
        raise refusals[-1] if refusals else NoDataError(f"no price for {contract}")
    return snapshot
