"""
One route and what it is still to be told: in order, within its limits, again when it failed.

Owns: the order, what becomes a digest, and when the next attempt is. What is urgent has places of
its own among the route's messages. Refuses to know: the database, and what a service is.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from ibkr_connector.clock import Clock
from ibkr_connector.model.alerts import Severity
from ibkr_connector.observe.allowance import Allowance
from ibkr_connector.observe.messages import LONGEST, Message, digest_of
from ibkr_connector.observe.services import NotTold, Teller
from ibkr_connector.resilience.backoff import delay
from ibkr_connector.settings.alerts import AlertRoute

from .store import Delivery

__all__ = ["PILE", "Backoff", "Lane"]

_log = logging.getLogger("ibkr_connector.alerts")

PILE: Final = 5
"""When more than so many wait, as after an outage of the service, they go as one digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """The waits between attempts, which never end: from `base_s`, doubling, to `cap_s`."""

    base_s: float = 2.0
    cap_s: float = 300.0
    draw: Callable[[], float] = field(default_factory=lambda: random.Random().random)

    def wait_s(self, failures: int) -> float:
        """Return the wait after so many failures in a row."""
        return delay(failures, base_s=self.base_s, cap_s=self.cap_s, draw=self.draw())


class Lane:
    """
    Tells one service; lives on one loop.

    Args:
        name: Of the route.
        route: Its limits.
        teller: Tells the service.
        clock: The one time base.
        backoff: The waits between attempts.
        on_change: Told how deliveries stand after each attempt.
    """

    def __init__(
        self,
        name: str,
        route: AlertRoute,
        *,
        teller: Teller,
        clock: Clock,
        backoff: Backoff,
        on_change: Callable[[Collection[Delivery]], None],
    ) -> None:
        self._name = name
        self._teller = teller
        self._clock = clock
        self._backoff = backoff
        self._on_change = on_change
        self._allowance = Allowance(route.max_messages, route.per_s)
        self._waiting: dict[str, Delivery] = {}
        self._watched: dict[str, asyncio.Future[Delivery]] = {}
        self._more = asyncio.Event()
        self._calm = asyncio.Event()
        self._failures = 0
        self._has_place = False
        self._calm.set()

    @property
    def waiting(self) -> tuple[Delivery, ...]:
        """What is not told yet, the oldest first."""
        return tuple(self._waiting.values())

    def put(self, delivery: Delivery) -> None:
        """Take one more to tell."""
        self._waiting[delivery.delivery_id] = delivery
        self._calm.clear()
        self._more.set()

    def watch(self, delivery_id: str) -> asyncio.Future[Delivery]:
        """Return how a delivery stands after the first attempt to come."""
        watched: asyncio.Future[Delivery] = asyncio.get_running_loop().create_future()
        self._watched[delivery_id] = watched
        return watched

    async def drained(self) -> None:
        """Return when all is told, or the service has failed and is waited for."""
        await self._calm.wait()

    def close(self) -> None:
        """Tell nothing more."""
        self._teller.close()
        for watched in self._watched.values():
            watched.cancel()

    async def run(self) -> None:
        """Tell what comes, for ever."""
        while True:
            if not self._waiting:
                self._calm.set()
                self._more.clear()
                await self._more.wait()
            batch = self._batch()
            if not batch:
                await self._hold()
                continue
            await self._attempt(batch)

    # --- one attempt ----------------------------------------------------------------------------

    async def _attempt(self, batch: Sequence[Delivery]) -> None:
        now = self._clock.utcnow()
        message = batch[0].message
        if len(batch) > 1:
            message = digest_of(
                [one.message for one in batch], since=min(one.created_at for one in batch)
            )
        try:
            await self._teller.tell(message)
        except NotTold as error:
            await self._failed(batch, str(error))
            return
        if self._failures:
            # what counts is when it was taken, not when that was first tried
            self._allowance.moved(self._clock.monotonic())
            _log.warning("route %s of alerts works again", self._name)
        self._failures, self._has_place = 0, False
        digest = batch[0].delivery_id if len(batch) > 1 else ""
        now = self._clock.utcnow()
        told = [
            replace(
                one,
                attempts=one.attempts + 1,
                delivered_at=now,
                problem="",
                digest=digest,
                is_held=False,
                next_at=None,
            )
            for one in batch
        ]
        for one in told:
            del self._waiting[one.delivery_id]
        self._tell(told)

    async def _failed(self, batch: Sequence[Delivery], problem: str) -> None:
        self._failures += 1
        wait_s = self._backoff.wait_s(self._failures)
        next_at = self._clock.utcnow() + timedelta(seconds=wait_s)
        _log.warning(
            "route %s of alerts has not taken %d message(s), attempt %d: %s; again in %.0f s",
            self._name,
            len(batch),
            self._failures,
            problem,
            wait_s,
        )
        tried = [
            replace(one, attempts=one.attempts + 1, problem=problem, next_at=next_at)
            for one in batch
        ]
        self._waiting |= {one.delivery_id: one for one in tried}
        self._tell(tried)
        self._calm.set()
        await self._clock.sleep(wait_s)
        self._calm.clear()

    def _tell(self, deliveries: Sequence[Delivery]) -> None:
        for one in deliveries:
            watched = self._watched.pop(one.delivery_id, None)
            if watched is not None and not watched.done():
                watched.set_result(one)
        self._on_change(deliveries)

    # --- what is next ---------------------------------------------------------------------------

    def _batch(self) -> list[Delivery]:
        """Return what goes next, in one message; nothing while the route may be told nothing."""
        waiting, now = list(self._waiting.values()), self._clock.monotonic()
        urgent = next((one for one in waiting if _is_urgent(one.message)), None)
        is_urgent = urgent is waiting[0]
        if self._has_place or self._allowance.take(now, is_urgent=is_urgent):
            self._has_place = True
            if len(waiting) > PILE or any(one.is_held for one in waiting):
                # one digest may not hold them all, and the next has to wait for a place
                return sorted(waiting, key=lambda one: not _is_urgent(one.message))[:LONGEST]
            return waiting[:1]
        if urgent is not None and self._allowance.take(now, is_urgent=True):
            self._has_place = True
            return [urgent]
        return []

    async def _hold(self) -> None:
        """Keep what waits for a digest, until there is a place for it or something urgent comes."""
        held = [one for one in self._waiting.values() if not one.is_held]
        self._waiting |= {one.delivery_id: replace(one, is_held=True) for one in held}
        for one in held:
            watched = self._watched.pop(one.delivery_id, None)
            if watched is not None and not watched.done():
                watched.set_result(replace(one, is_held=True))
        self._calm.set()
        is_urgent = any(_is_urgent(one.message) for one in self._waiting.values())
        wait_s = self._allowance.wait_s(self._clock.monotonic(), is_urgent=is_urgent)
        self._more.clear()
        room = asyncio.ensure_future(self._clock.sleep(max(0.0, wait_s)))
        more = asyncio.ensure_future(self._more.wait())
        waits: tuple[asyncio.Future[Any], ...] = (room, more)
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one_wait in waits:
                one_wait.cancel()
        self._calm.clear()


def _is_urgent(message: Message) -> bool:
    return message.severity is Severity.CRITICAL
