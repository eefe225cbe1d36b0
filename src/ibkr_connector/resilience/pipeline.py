"""
The one way to the gateway: every call goes through `Pipeline.run`, and its nesting is the policy.

    deadline                      one moment, handed inward
      retry                       again, if the error says it may; orders: never
        breaker.check             an open circuit spends no budget and no queue time
          pacer.admit             every message pays, so every attempt
            breaker.call          one probe when half-open; a cancelled caller counts as nothing
              attempt timeout     on the wire, never past the deadline
                call

The deadline is a moment and not one more timer around everything, so that whatever it ends can say
what it was: a wait for budget that did not fit (`PacingError`, nothing sent), or a call that hung
(`RequestTimeoutError`, which counts against the circuit).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Self, TypeVar

from ibkr_connector.clock import Clock
from ibkr_connector.errors import IBKRError, RequestTimeoutError
from ibkr_connector.model.orders import SendDisposition
from ibkr_connector.model.status import BreakerState
from ibkr_connector.observe.correlation import current_correlation_id

from .breaker import Breaker
from .operation import Group, Operation, Replay
from .pacing import Pacer
from .retry import Retry
from .timers import Timers

__all__ = ["EventKind", "Pipeline", "PipelineEvent", "PipelineTuning"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineTuning:
    """
    The numbers of the policies.

    `request_timeout_s` is the deadline of every endpoint that sets none of its own; the wait before
    a repeat starts at `retry_base_s`, doubles, and never exceeds `retry_cap_s`.
    """

    request_timeout_s: float = 30.0
    messages_per_second: int = 45
    retry_max_attempts: int = 4
    retry_base_s: float = 0.2
    retry_cap_s: float = 5.0
    breaker_fail_max: int = 5
    breaker_reset_s: float = 30.0


class EventKind(StrEnum):
    """What happened in the pipeline."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RETRYING = "retrying"
    CIRCUIT = "circuit"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineEvent:
    """
    One thing that happened, for logs and metrics.

    Args:
        kind: What; a `circuit` event belongs to a group and to no call.
        group: Circuit group.
        name: Endpoint.
        correlation_id: Follows the user's call.
        attempt: Attempts made so far.
        elapsed_s: Since the call began.
        paced_s: Part of it spent waiting for the message budget.
        wait_s: Wait before the coming attempt.
        error: What failed.
        circuit: State the circuit has gone to.
    """

    kind: EventKind
    group: Group
    name: str = ""
    correlation_id: str | None = None
    attempt: int = 0
    elapsed_s: float = 0.0
    paced_s: float = 0.0
    wait_s: float | None = None
    error: BaseException | None = None
    circuit: BreakerState | None = None


class Pipeline:
    """
    Carries operations out under their policies. Lives on one loop; close it with `aclose`.

    Args:
        clock: The one time base of all policies.
        tuning: Their numbers.
        draw: Random numbers from 0 to 1 for jitter; a generator of its own when not given.
        on_event: Told what happens, on the loop; must be quick and must not raise.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        tuning: PipelineTuning | None = None,
        draw: Callable[[], float] | None = None,
        on_event: Callable[[PipelineEvent], None] | None = None,
    ) -> None:
        tuning = tuning or PipelineTuning()
        draw = draw or random.Random().random
        self._clock = clock
        self._tuning = tuning
        self._on_event = on_event
        self._timers = Timers(clock)
        self._pacer = Pacer(
            clock=clock, timers=self._timers, messages_per_second=tuning.messages_per_second
        )
        self._retry = Retry(
            clock=clock,
            max_attempts=tuning.retry_max_attempts,
            base_s=tuning.retry_base_s,
            cap_s=tuning.retry_cap_s,
            draw=draw,
        )
        self._breakers: Mapping[Group, Breaker] = {
            group: Breaker(
                group.value,
                clock=clock,
                fail_max=tuning.breaker_fail_max,
                reset_s=tuning.breaker_reset_s,
                on_change=self._circuit_changed,
            )
            for group in Group
        }

    async def run(self, op: Operation[T]) -> T:
        """
        Carry one operation out.

        Raises:
            CircuitOpenError: Its group has failed too often lately; not tried.
            PacingError: The budget leaves no room before the deadline; not tried.
            RequestTimeoutError: It was tried and gave no answer in time.
            IBKRError: Whatever the call itself raised, after the last permitted attempt.
        """
        trip = _Trip(began=self._clock.monotonic())
        until = trip.began + self._deadline_s(op)
        breaker = self._breakers[op.policy.group]

        async def attempt() -> T:
            trip.attempt += 1
            breaker.check()
            trip.paced_s += await self._pacer.admit(op, until=until)
            return await breaker.call(on_the_wire)

        async def on_the_wire() -> T:
            now = self._clock.monotonic()
            ends = until if op.policy.attempt_s is None else min(until, now + op.policy.attempt_s)
            if now >= ends:
                raise _timed_out(op, 0.0, SendDisposition.UNSENT)
            limit = self._timers.limit(ends)
            try:
                with limit:
                    return await op.call()
            except TimeoutError as expired:
                if not limit.expired:
                    raise
                raise _timed_out(op, ends - now, None) from expired

        def retrying(_attempt: int, wait_s: float, error: BaseException) -> None:
            self._tell(EventKind.RETRYING, op, trip, error=error, wait_s=wait_s)

        try:
            if op.replay is Replay.SAFE:
                result = await self._retry.run(attempt, until=until, on_retry=retrying)
            else:
                result = await attempt()
        except BaseException as error:
            if isinstance(error, IBKRError) and error.correlation_id is None:
                error.correlation_id = current_correlation_id()
            self._tell(EventKind.FAILED, op, trip, error=error)
            raise
        self._tell(EventKind.SUCCEEDED, op, trip)
        return result

    def breaker_states(self) -> Mapping[str, BreakerState]:
        """Return where each circuit is, by group."""
        return {group.value: breaker.state for group, breaker in self._breakers.items()}

    def reset_breakers(self, group: Group | None = None) -> None:
        """Close one circuit, or all of them, and forget what they have counted."""
        for name, breaker in self._breakers.items():
            if group is None or name is group:
                breaker.reset()

    @property
    def queued(self) -> int:
        """How many calls wait for the message budget."""
        return self._pacer.queued

    async def aclose(self) -> None:
        """Send home whoever waits for budget, and end the timers; idempotent."""
        self._pacer.close()
        await self._timers.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _deadline_s(self, op: Operation[T]) -> float:
        for named in (op.deadline_s, op.policy.deadline_s):
            if named is not None:
                return named
        return self._tuning.request_timeout_s

    def _tell(
        self,
        kind: EventKind,
        op: Operation[T],
        trip: _Trip,
        *,
        error: BaseException | None = None,
        wait_s: float | None = None,
    ) -> None:
        if self._on_event is None:
            return
        self._on_event(
            PipelineEvent(
                kind=kind,
                group=op.policy.group,
                name=op.name,
                correlation_id=current_correlation_id(),
                attempt=trip.attempt,
                elapsed_s=self._clock.monotonic() - trip.began,
                paced_s=trip.paced_s,
                wait_s=wait_s,
                error=error,
            )
        )

    def _circuit_changed(self, name: str, _old: BreakerState, new: BreakerState) -> None:
        if self._on_event is not None:
            self._on_event(PipelineEvent(kind=EventKind.CIRCUIT, group=Group(name), circuit=new))


@dataclass(slots=True, kw_only=True)
class _Trip:
    """What one call has cost so far."""

    began: float
    attempt: int = 0
    paced_s: float = 0.0


def _timed_out(
    op: Operation[T], waited_s: float, disposition: SendDisposition | None
) -> RequestTimeoutError:
    return RequestTimeoutError(
        f"{op.name} got no answer within {waited_s:.1f} s",
        replay_safe=op.replay is Replay.SAFE,
        disposition=disposition,
    )
