"""
Find a gateway that has died behind an open socket.

An open socket proves nothing: a stopped gateway or a lost network leaves it open for hours. TWS has
no ping, so the question for the time is the probe (as LEAN does it). One unanswered probe is not
proof either, a busy gateway answers late. So a missed probe is asked once more, and the last
inbound byte decides: nothing received since the first one was sent means dead, anything received
buys one more probe.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ibkr_connector.clock import Clock
from ibkr_connector.errors import IBKRError
from ibkr_connector.resilience.operation import ENDPOINTS, Operation
from ibkr_connector.resilience.pipeline import Pipeline

from .records import SessionLike

__all__ = ["Heartbeat"]

SILENT_MISSES: Final = 2
"""Unanswered probes, with not a byte received, after which the session is dead."""

BUSY_MISSES: Final = 3
"""Unanswered probes after which it is dead although bytes come in: it serves nobody."""


class Heartbeat:
    """Asks one session whether it lives, and keeps the last answer."""

    def __init__(self, session: SessionLike, *, pipeline: Pipeline, clock: Clock) -> None:
        self._session = session
        self._pipeline = pipeline
        self._clock = clock
        self.answered_at: datetime | None = None
        self.round_trip_s: float | None = None

    async def is_alive(self, timeout_s: float) -> bool:
        """
        Probe the session, several times if need be.

        A first probe that could not be sent (pacing, an open circuit) tells nothing and counts as
        alive: the next one will tell. For a later one the silence that follows tells.

        Args:
            timeout_s: For each probe.
        """
        asked = self._clock.monotonic()
        for missed in range(1, BUSY_MISSES + 1):
            try:
                self.round_trip_s = await self._pipeline.run(
                    Operation(
                        policy=ENDPOINTS["heartbeat"],
                        call=self._session.probe,
                        deadline_s=timeout_s,
                    )
                )
            except IBKRError as error:
                if not error.gateway_fault:
                    if missed == 1:
                        return True
                    # one has gone unanswered, and no second may be asked so soon: listen instead
                    await self._clock.sleep(timeout_s)
            else:
                self.answered_at = self._clock.utcnow()
                return True
            if missed >= SILENT_MISSES and self._session.last_received <= asked:
                return False
        return False
