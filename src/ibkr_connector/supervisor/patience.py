"""
How long to wait before the next attempt, and whether there shall be one.

Owns the count of failures and how long a client id has been in use. Pure but for the draw: the
moments are asked of a clock that is given.
"""

from __future__ import annotations

from collections.abc import Callable

from ibkr_connector.clock import Clock
from ibkr_connector.errors import ClientIdInUseError, GatewayUnavailableError
from ibkr_connector.resilience import backoff

from .address import Address, IdPolicy
from .outages import Outages
from .records import SupervisorTiming

__all__ = ["Patience"]


class Patience:
    """The waits of one supervisor; see `Supervisor` for the arguments."""

    def __init__(
        self,
        timing: SupervisorTiming,
        *,
        address: Address,
        outages: Outages,
        clock: Clock,
        draw: Callable[[], float],
    ) -> None:
        self._timing = timing
        self._address = address
        self._outages = outages
        self._clock = clock
        self._draw = draw
        self._failures = 0
        self._id_in_use_since: float | None = None

    def begin(self) -> None:
        """Begin anew: somebody wants a connection."""
        self._failures = 0
        self._id_in_use_since = None

    def lasted(self, seconds: float) -> None:
        """A session has lasted so long; one that fell over at once does not shorten the waits."""
        if seconds >= self._timing.stable_s:
            self._failures = 0

    def is_first_attempt_repeated(self, error: Exception) -> bool:
        """Tell whether a first attempt that failed so is followed by another one."""
        return (
            isinstance(error, ClientIdInUseError)
            and self._address.policy is not IdPolicy.FAIL
            and self._waits_for_id()
        )

    def wait_s(self, error: Exception) -> float | None:
        """Return the wait before the next attempt; `None` when there shall be none."""
        timing = self._timing
        if isinstance(error, ClientIdInUseError):
            if self._id_in_use_since is None:
                self._id_in_use_since = self._clock.monotonic()
            if self._address.next_id():
                return 0.0
            if self._waits_for_id():
                return error.retry_after_s or timing.base_s
        else:
            self._id_in_use_since = None
        if self._address.take_move():
            # it has said where it is: the first attempt there needs no wait
            return 0.0
        if isinstance(error, GatewayUnavailableError):
            self._address.unreachable()
        if self._outages.planned(self._clock.utcnow()) is not None:
            return self._step(1, base_s=timing.maintenance_s)
        self._failures += 1
        if timing.max_attempts is not None and self._failures > timing.max_attempts:
            error.add_note(f"gave up after {timing.max_attempts} attempts to reconnect")
            return None
        return self._step(self._failures, base_s=timing.base_s)

    def _waits_for_id(self) -> bool:
        since = self._id_in_use_since
        waited_s = 0.0 if since is None else self._clock.monotonic() - since
        return since is not None and waited_s < self._timing.client_id_wait_s

    def _step(self, attempt: int, *, base_s: float) -> float:
        return backoff.full_jitter(
            attempt, base_s=base_s, cap_s=max(base_s, self._timing.cap_s), draw=self._draw()
        )
