"""
What the pipeline tells to whoever listens: one frozen record for each thing that happened.

The only way in for logs, metrics and the user's own hooks. A hook that raises is reported and
counted, and neither a call nor another hook suffers from it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from ibkr_connector.codes import PacingEffect
from ibkr_connector.model.status import BreakerState

from .operation import Group

__all__ = ["EventKind", "Hook", "Hooks", "PipelineEvent"]

_log = logging.getLogger(__name__)


class EventKind(StrEnum):
    """What happened in the pipeline."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RETRYING = "retrying"
    CIRCUIT = "circuit"
    SLOWED = "slowed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineEvent:
    """
    One thing that happened, for logs and metrics.

    Args:
        kind: What; a `circuit` event belongs to a group and to no call, a `slowed` one to neither.
        group: Circuit group.
        name: Endpoint.
        correlation_id: Follows the user's call.
        attempt: Attempts made so far.
        elapsed_s: Since the call began.
        paced_s: Part of it spent waiting for the message budget.
        wait_s: Wait before the coming attempt, or until an open circuit lets one through.
        error: What failed; of a circuit that opens, the failure that was one too many.
        circuit: State the circuit has gone to.
        was: State it has come from.
        limit: Which limit the gateway has complained about.
    """

    kind: EventKind
    group: Group | None = None
    name: str = ""
    correlation_id: str | None = None
    attempt: int = 0
    elapsed_s: float = 0.0
    paced_s: float = 0.0
    wait_s: float | None = None
    error: BaseException | None = None
    circuit: BreakerState | None = None
    was: BreakerState | None = None
    limit: PacingEffect | None = None


Hook: TypeAlias = Callable[[PipelineEvent], None]
"""Called on the I/O loop with each event, so it must be quick and must not block."""


_RARE: Final = frozenset({EventKind.CIRCUIT, EventKind.SLOWED})


class Hooks:
    """
    Hands each event to every hook, in the order in which they were added.

    Hooks may be added and taken away on any thread. It is true while anybody listens to calls.
    """

    def __init__(self) -> None:
        self._hooks: tuple[Hook, ...] = ()
        self._rare: tuple[Hook, ...] = ()
        self.failures = 0

    def __bool__(self) -> bool:
        return bool(self._hooks)

    def add(self, hook: Hook, *, calls: bool = True) -> Callable[[], None]:
        """
        Call `hook` with each event from now on; calling what is returned ends that.

        Args:
            hook: Called on the I/O loop.
            calls: Whether it is told of single calls too, or only of circuits and of the pace: then
                calls cost nothing by it.
        """
        if calls:
            self._hooks = (*self._hooks, hook)
        else:
            self._rare = (*self._rare, hook)

        def remove() -> None:
            self._hooks = tuple(one for one in self._hooks if one is not hook)
            self._rare = tuple(one for one in self._rare if one is not hook)

        return remove

    def tell(self, event: PipelineEvent) -> None:
        """Hand one event to every hook that wants it."""
        rare = self._rare if event.kind in _RARE else ()
        for hook in (*self._hooks, *rare):
            try:
                hook(event)
            except Exception:  # noqa: BLE001  # a user wrote the hook
                self.failures += 1
                _log.exception("a hook for pipeline events failed: %r", hook)
