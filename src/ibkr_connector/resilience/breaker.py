"""
A circuit breaker for awaits: pybreaker keeps the counts, this decides who may go.

pybreaker knows no coroutines, so it never sees one. A call is admitted here, runs, and only its
result is handed over. What that buys: one probe in half-open however many callers wait, a cancelled
caller that counts as nothing, results of calls older than the last change of state dropped, and an
open time that no clock adjustment can stretch.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final, NoReturn, TypeVar

import pybreaker

from ibkr_connector.clock import Clock
from ibkr_connector.errors import CircuitOpenError, IBKRError
from ibkr_connector.model.orders import SendDisposition
from ibkr_connector.model.status import BreakerState, CircuitStatus

__all__ = ["Breaker", "speaks_against_gateway"]

T = TypeVar("T")

STATES: Final[Mapping[str, BreakerState]] = MappingProxyType(
    {
        pybreaker.STATE_CLOSED: BreakerState.CLOSED,
        pybreaker.STATE_OPEN: BreakerState.OPEN,
        pybreaker.STATE_HALF_OPEN: BreakerState.HALF_OPEN,
    }
)


def speaks_against_gateway(error: Exception) -> bool:
    """
    Tell whether a failure counts, from the facts on the error alone.

    An answer, even a refusal, proves the gateway alive. An exception that is not ours means that
    something broke which nobody has thought of, and that counts too.
    """
    return error.gateway_fault if isinstance(error, IBKRError) else True


class Breaker:
    """
    One circuit. Lives on one loop.

    Args:
        name: The group it guards.
        clock: Measures the open time.
        fail_max: So many counted failures in a row open it.
        reset_s: How long it stays open before one probe may go.
        on_change: Told each change of state, after it.
    """

    def __init__(
        self,
        name: str,
        *,
        clock: Clock,
        fail_max: int,
        reset_s: float,
        on_change: Callable[[str, BreakerState, BreakerState], None] | None = None,
    ) -> None:
        self._name = name
        self._clock = clock
        self._reset_s = reset_s
        self._on_change = on_change
        self._state = BreakerState.CLOSED
        self._generation = 0
        self._probing = False
        self._opened_at = 0.0
        self._opened = 0
        self._refused = 0
        self.last_failure: Exception | None = None
        self._circuit = pybreaker.CircuitBreaker(
            fail_max=fail_max,
            # Never asked by us, and never allowed to decide: it would use the wall clock.
            reset_timeout=reset_s,
            throw_new_error_on_trip=False,
            listeners=[_Listener(self)],
            name=name,
        )

    @property
    def state(self) -> BreakerState:
        """Where the circuit is; an open one stays open until somebody tries it."""
        return self._state

    def status(self) -> CircuitStatus:
        """Return what it has counted; may be asked on any thread."""
        left = self._remaining_s()
        return CircuitStatus(
            state=self._state,
            failures=self._circuit.fail_counter,
            opened=self._opened,
            refused=self._refused,
            retry_after_s=left if left > 0 else None,
        )

    def check(self) -> None:
        """
        Refuse early, before a call spends budget or queue time; admits nothing.

        Raises:
            CircuitOpenError: The circuit is open, or half-open with its probe under way.
        """
        if self._state is not BreakerState.CLOSED and (self._probing or self._remaining_s() > 0):
            raise self._refusal()

    async def call(self, fn: Callable[[], Awaitable[T]]) -> T:
        """
        Run `fn` if the circuit lets it, and learn from how it ends.

        Raises:
            CircuitOpenError: It was not run.
        """
        generation = self._admit()
        try:
            result = await fn()
        except Exception as error:
            self._failed(generation, error)
            raise
        except BaseException:
            # The caller went away: that says nothing about the gateway.
            if generation == self._generation:
                self._probing = False
            raise
        self._succeeded(generation)
        return result

    def reset(self) -> None:
        """Close the circuit and forget all failures, those of calls still under way included."""
        self.last_failure = None
        self._circuit.close()

    def _remaining_s(self) -> float:
        if self._state is not BreakerState.OPEN:
            return 0.0
        return self._opened_at + self._reset_s - self._clock.monotonic()

    def _refusal(self) -> CircuitOpenError:
        left = self._remaining_s()
        self._refused += 1
        return CircuitOpenError(
            f"the {self._name} circuit is {self._state.value}, the call was not tried",
            retry_after_s=left if left > 0 else None,
            disposition=SendDisposition.UNSENT,
        )

    def _admit(self) -> int:
        if self._state is not BreakerState.CLOSED:
            self.check()
            if self._state is BreakerState.OPEN:
                self._circuit.half_open()
            self._probing = True
        return self._generation

    def _succeeded(self, generation: int) -> None:
        if generation != self._generation:
            return
        self._probing = False
        if self._state is not BreakerState.CLOSED or self._circuit.fail_counter:
            self._circuit.call(_answer)

    def _failed(self, generation: int, error: Exception) -> None:
        if generation != self._generation:
            return
        if isinstance(error, IBKRError) and error.disposition is SendDisposition.UNSENT:
            # Nobody was asked: no answer, and no silence either.
            self._probing = False
            return
        if not speaks_against_gateway(error):
            # Neutral while closed: a refusal between two failures must not wipe out the first.
            if self._state is BreakerState.HALF_OPEN:
                self._succeeded(generation)
            return
        self._probing = False
        self.last_failure = error
        raised_at = error.__traceback__
        with suppress(type(error)):
            self._circuit.call(_fail, error)
        error.__traceback__ = raised_at

    def _changed(self, new: BreakerState) -> None:
        old, self._state = self._state, new
        self._generation += 1
        self._probing = False
        if new is BreakerState.OPEN:
            self._opened_at = self._clock.monotonic()
            self._opened += 1
        if old is not new and self._on_change is not None:
            self._on_change(self._name, old, new)


class _Listener(pybreaker.CircuitBreakerListener):
    def __init__(self, owner: Breaker) -> None:
        self._owner = owner

    def state_change(
        self,
        cb: pybreaker.CircuitBreaker,
        old_state: pybreaker.CircuitBreakerState | None,
        new_state: pybreaker.CircuitBreakerState,
    ) -> None:
        self._owner._changed(STATES[new_state.name])


def _answer() -> None:
    """What pybreaker is told to call when a call has gone well."""


def _fail(error: Exception) -> NoReturn:
    raise error
