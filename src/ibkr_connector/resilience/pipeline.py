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

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

from ibkr_connector.clock import Clock
from ibkr_connector.codes import PacingEffect
from ibkr_connector.errors import ConfigurationError, IBKRError, PacingError, RequestTimeoutError
from ibkr_connector.model.making import quick
from ibkr_connector.model.orders import SendDisposition
from ibkr_connector.model.pacing import PacingStatus
from ibkr_connector.model.status import BreakerState, CircuitStatus
from ibkr_connector.observe.correlation import current_correlation_id

from .breaker import Breaker
from .events import EventKind, Hooks, PipelineEvent
from .lines import LineBudget
from .operation import Group, Operation, Replay
from .outlet import MessageOutlet, paid
from .pacing import Pacer
from .retry import Retry
from .timers import Timers

__all__ = ["EventKind", "Pipeline", "PipelineEvent", "PipelineTuning"]

_log = logging.getLogger(__name__)

T = TypeVar("T")

_event = quick(PipelineEvent)


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineTuning:
    """
    The numbers of the policies.

    `request_timeout_s` is the deadline of every endpoint that sets none of its own; the wait before
    a repeat starts at `retry_base_s`, doubles, and never exceeds `retry_cap_s`. `gateway_limit` is
    how many messages a second the gateway itself takes, `market_data_lines` what the login has.
    """

    request_timeout_s: float = 30.0
    messages_per_second: int = 45
    gateway_limit: int = 50
    market_data_lines: int = 100
    retry_max_attempts: int = 4
    retry_base_s: float = 0.2
    retry_cap_s: float = 5.0
    breaker_fail_max: int = 5
    breaker_reset_s: float = 30.0


class Pipeline:
    """
    Carries operations out under their policies. Lives on one loop; close it with `aclose`.

    Args:
        clock: The one time base of all policies.
        tuning: Their numbers.
        draw: Random numbers from 0 to 1 for jitter; a generator of its own when not given.
        on_event: The first of `hooks`.
        shares_with: Another connection of the same user: its lines, its rules of history and its
            hooks are one's own too (*limit*: a place among the open historical requests that
            becomes free there is taken here at the next occasion only).
    """

    def __init__(
        self,
        *,
        clock: Clock,
        tuning: PipelineTuning | None = None,
        draw: Callable[[], float] | None = None,
        on_event: Callable[[PipelineEvent], None] | None = None,
        shares_with: Pipeline | None = None,
    ) -> None:
        tuning = tuning or PipelineTuning()
        draw = draw or random.Random().random
        self._clock = clock
        self._tuning = tuning
        self.hooks = Hooks()
        if on_event is not None:
            self.hooks.add(on_event)
        self.lines = LineBudget(tuning.market_data_lines, clock=clock)
        self._timers = Timers(clock)
        self._pacer = Pacer(
            clock=clock, timers=self._timers, messages_per_second=tuning.messages_per_second
        )
        if shares_with is not None:
            self.hooks, self.lines = shares_with.hooks, shares_with.lines
            self._pacer.history = shares_with._pacer.history
        self.outlet = MessageOutlet(
            self._pacer, net_limit=max(tuning.gateway_limit, tuning.messages_per_second)
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
            CircuitOpenError: Its group has failed too often lately, and it is not one that is tried
                all the same; not tried.
            PacingError: The budget leaves no room before the deadline; not tried.
            RequestTimeoutError: It was tried and gave no answer in time.
            IBKRError: Whatever the call itself raised, after the last permitted attempt.
        """
        trip = _Trip(began=self._clock.monotonic())
        until = trip.began + self._deadline_s(op)
        breaker = self._breakers[op.policy.group]

        async def attempt() -> T:
            trip.attempt += 1
            if not op.policy.passes_open:
                breaker.check()
            trip.paced_s += await self._pacer.admit(op, until=until)
            try:
                if op.policy.passes_open and breaker.state is not BreakerState.CLOSED:
                    return await on_the_wire()
                return await breaker.call(on_the_wire)
            finally:
                self._pacer.release(op)

        async def on_the_wire() -> T:
            now = self._clock.monotonic()
            ends = until if op.policy.attempt_s is None else min(until, now + op.policy.attempt_s)
            if now >= ends:
                raise _timed_out(op, 0.0, SendDisposition.UNSENT)
            limit = self._timers.limit(ends)
            try:
                with limit, paid(op.policy.cost):
                    return await op.call()
            except TimeoutError as expired:
                if not limit.expired:
                    raise
                raise _timed_out(op, ends - now, None) from expired
            except IBKRError as error:
                if error.is_complaint:
                    self.hear(PacingEffect.HISTORY if op.history else PacingEffect.NEAR)
                raise

        def retrying(_attempt: int, wait_s: float, error: BaseException) -> None:
            said = {"endpoint": op.name, "attempt": trip.attempt, "wait_s": round(wait_s, 3)}
            _log.info("%s is asked again in %.2f s: %s", op.name, wait_s, error, extra=said)
            self._tell(EventKind.RETRYING, op, trip, error=error, wait_s=wait_s)

        try:
            if op.policy.replay is Replay.SAFE:
                result = await self._retry.run(attempt, until=until, on_retry=retrying)
            else:
                result = await attempt()
        except BaseException as error:
            if isinstance(error, IBKRError) and error.correlation_id is None:
                error.correlation_id = current_correlation_id()
            if isinstance(error, PacingError) and error.retry_after_s is None:
                # the gateway does not say when; what its complaint has made us do tells
                error.retry_after_s = self._pacer.next_in_s(op)
            self._tell(EventKind.FAILED, op, trip, error=error)
            raise
        self._tell(EventKind.SUCCEEDED, op, trip)
        return result

    def breaker_states(self) -> Mapping[str, BreakerState]:
        """Return where each circuit is, by group."""
        return {group.value: breaker.state for group, breaker in self._breakers.items()}

    def circuits(self) -> Mapping[str, CircuitStatus]:
        """Return what each circuit has counted, by group."""
        return {group.value: breaker.status() for group, breaker in self._breakers.items()}

    def reset_breakers(self, group: Group | None = None) -> None:
        """Close one circuit, or all of them, and forget what they have counted."""
        for name, breaker in self._breakers.items():
            if group is None or name is group:
                breaker.reset()

    def reset_breaker(self, name: str) -> None:
        """
        Close one circuit by hand and forget what it has counted.

        Raises:
            ConfigurationError: No circuit has that name.
        """
        try:
            group = Group(name)
        except ValueError:
            raise ConfigurationError(
                f"no circuit breaker is called {name!r}",
                hint=f"there are {', '.join(group.value for group in Group)}",
            ) from None
        self.reset_breakers(group)

    def hear(self, effect: PacingEffect) -> None:
        """Take what the gateway says about its limits: go slower for a while."""
        if self._pacer.hear(effect):
            _log.warning("the gateway says that it is asked too often (%s): slowing down", effect)
            self.hooks.tell(PipelineEvent(kind=EventKind.SLOWED, limit=effect))

    @property
    def queued(self) -> int:
        """How many calls wait for the message budget."""
        return self._pacer.queued

    def pacing_status(self) -> PacingStatus:
        """Return how much of the gateway's limits is used, and who waits."""
        wire = self._pacer.wire
        return PacingStatus(
            budget=wire.budget,
            budget_now=wire.rate,
            used=wire.used(self._clock.monotonic()),
            lanes=self._pacer.lanes(),
            history=self._pacer.history_status(),
            lines=self.lines.status(),
            complaints=self._pacer.complaints,
            net_alarms=self.outlet.net_alarms,
        )

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
        if not self.hooks:
            return
        self.hooks.tell(
            _event(
                kind=kind,
                group=op.policy.group,
                name=op.policy.name,
                correlation_id=current_correlation_id(),
                attempt=trip.attempt,
                elapsed_s=self._clock.monotonic() - trip.began,
                paced_s=trip.paced_s,
                wait_s=wait_s,
                error=error,
            )
        )

    def _circuit_changed(self, name: str, old: BreakerState, new: BreakerState) -> None:
        group = Group(name)
        breaker = self._breakers[group]
        opened = new is BreakerState.OPEN
        _log.log(
            logging.WARNING if opened else logging.INFO,
            "the circuit of %s is %s (was %s)",
            name,
            new.value,
            old.value,
        )
        self.hooks.tell(
            PipelineEvent(
                kind=EventKind.CIRCUIT,
                group=group,
                circuit=new,
                was=old,
                wait_s=self._tuning.breaker_reset_s if opened else None,
                error=breaker.last_failure if opened else None,
            )
        )


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
