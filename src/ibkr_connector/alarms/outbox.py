"""
What routes are to be told: written down first, sent by and by, kept until it was taken.

Owns: that a service which fails, hangs or is flooded holds up nobody but itself; that nothing for
it is lost, neither by that nor by a restart; and that it is told many things as one digest once
there are more than it may be told. Each delivery arrives at least once: a second time when the
service took it and its answer was lost, or when the process ended between the two.

*limit*: what was raised within the milliseconds before a process is killed may not be written yet.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final, Protocol

from ibkr_connector.clock import Clock
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.alerts import Alert, AlertChange, AlertStep, Receipt
from ibkr_connector.observe.messages import message_of
from ibkr_connector.observe.services import Service, Teller
from ibkr_connector.orders.jobs import Jobs
from ibkr_connector.settings.alerts import AlertRoute
from ibkr_connector.storage.statements import Connection

from . import store
from .lanes import Backoff, Lane
from .store import Delivery

__all__ = ["Outbox", "RunWork"]

_log = logging.getLogger("ibkr_connector.alerts")

_PATIENCE_S: Final = 2.0
"""How long a delivery waits for the database before it goes without."""

_AGAIN_S: Final = 30.0
_MOST_UNWRITTEN: Final = 10_000
_KEEP: Final = timedelta(days=90)
_TELLS: Final = frozenset({AlertStep.RAISED, AlertStep.CLEARED, AlertStep.REMINDED})


class RunWork(Protocol):
    """Does a piece of work on the database, all of it or nothing."""

    def __call__(self, work: Callable[[Connection], Any], /) -> Awaitable[Any]:
        """Do it; raises `ConfigurationError` when the database cannot be used."""
        ...


class Outbox:
    """
    All routes of one connector; lives on one loop.

    Args:
        routes: Who is told what.
        services: The services of those that are enabled, by the routes' names.
        run: The database; without one nothing outlives the process.
        owner: Whose deliveries these are, among all in the database.
        sender: What messages call this connector.
        clock: The one time base.
        backoff: The waits between attempts.
    """

    def __init__(
        self,
        routes: Mapping[str, AlertRoute],
        *,
        services: Mapping[str, Service],
        run: RunWork | None,
        owner: str,
        sender: str,
        clock: Clock,
        backoff: Backoff | None = None,
    ) -> None:
        self._routes = routes
        self._run = run
        self._owner = owner
        self._sender = sender
        self._clock = clock
        self._count = 0
        self._is_troubled = False
        self._unwritten: dict[str, Delivery | Alert] = {}
        self._unmarked: dict[str, Delivery] = {}
        self._more = asyncio.Event()
        self._written = asyncio.Event()
        self._jobs = Jobs(on_end=_ended)
        self._lanes = {
            name: Lane(
                name,
                routes[name],
                teller=Teller(name, service, timeout_s=routes[name].timeout_s),
                clock=clock,
                backoff=backoff or Backoff(),
                on_change=self._changed,
            )
            for name, service in services.items()
        }

    @property
    def routes(self) -> Mapping[str, AlertRoute]:
        """Who is told."""
        return self._routes

    @property
    def outstanding(self) -> tuple[Receipt, ...]:
        """What was not told yet, the oldest first."""
        waiting = [one for lane in self._lanes.values() for one in lane.waiting]
        return tuple(one.receipt for one in sorted(waiting, key=lambda one: one.delivery_id))

    async def start(self) -> None:
        """Begin to tell."""
        await self._jobs.start()
        for lane in self._lanes.values():
            self._jobs.spawn(lane.run())
        if self._run is not None:
            self._jobs.spawn(self._write(self._run))

    async def resume(self) -> list[Alert]:
        """
        Take up what an earlier run has left to tell, and return the alerts it has left raised.

        Raises:
            ConfigurationError: The database cannot be used.
        """
        if self._run is None:
            return []
        now = self._clock.utcnow()

        def read(connection: Connection) -> tuple[list[Alert], list[Delivery]]:
            store.forget(connection, now - _KEEP)
            left = store.outstanding(connection, self._owner)
            return store.active(connection, self._owner), left

        alerts, left = await self._run(read)
        if left:
            _log.warning("%d messages of an earlier run are still to be told", len(left))
        known = {one.delivery_id for lane in self._lanes.values() for one in lane.waiting}
        for one in left:
            # what belongs to a route that is no more stays in the database, and in its lists
            if one.route in self._lanes and one.delivery_id not in known:
                self._lanes[one.route].put(one)
        return list(alerts)

    def put(self, change: AlertChange) -> None:
        """Tell every route that wants to know; returns at once."""
        alert, made = change.alert, []
        if change.step in _TELLS and not alert.is_silenced:
            made = [
                self._delivery(name, route, change)
                for name, route in self._routes.items()
                if name in self._lanes
                and route.takes(alert.kind, alert.severity)
                and (route.cleared or change.step is not AlertStep.CLEARED)
            ]
        self._enqueue(alert, made)

    def keep(self, alert: Alert) -> None:
        """Write down how an alert stands, and tell nobody."""
        self._enqueue(alert, [])

    async def tell_all(
        self, change: AlertChange, *, timeout_s: float = 60.0
    ) -> tuple[Receipt, ...]:
        """Tell every route whatever it wants to know, and return what one attempt each brought."""
        made = [self._delivery(name, self._routes[name], change) for name in self._lanes]
        tried = [self._lanes[one.route].watch(one.delivery_id) for one in made]
        self._enqueue(None, made)
        if tried:
            await asyncio.wait(tried, timeout=timeout_s)
        return tuple(
            (end.result() if end.done() else one).receipt
            for one, end in zip(made, tried, strict=True)
        )

    async def settle(self) -> None:
        """Return when all that was put is written down, or could not be."""
        while (self._unwritten or self._unmarked) and not self._is_troubled:
            self._written.clear()
            await self._written.wait()

    async def aclose(self, drain_s: float = 0.0) -> None:
        """End; what is outstanding goes on at the next start. Waits a moment for what is sent."""
        try:
            async with asyncio.timeout(drain_s):
                await self.settle()
                for lane in self._lanes.values():
                    await lane.drained()
                await self.settle()
        except TimeoutError:
            if left := self.outstanding:
                _log.warning("%d messages are still to be told: at the next start", len(left))
        await self._jobs.aclose()
        for lane in self._lanes.values():
            lane.close()

    # --- inside ---------------------------------------------------------------------------------

    def _delivery(self, name: str, route: AlertRoute, change: AlertChange) -> Delivery:
        self._count += 1
        # sorts by time and by order within it, and is nobody else's
        stamp = int(change.at.timestamp() * 1000)
        return Delivery(
            delivery_id=f"{stamp:012x}{self._count % 0x10000:04x}{secrets.token_hex(3)}",
            route=name,
            alert_id=change.alert.alert_id,
            step=change.step,
            message=message_of(change, sender=self._sender, show_accounts=route.show_accounts),
            created_at=change.at,
        )

    def _enqueue(self, alert: Alert | None, made: Collection[Delivery]) -> None:
        if self._run is None:
            self._hand_out(made)
            return
        if len(self._unwritten) < _MOST_UNWRITTEN:
            if alert is not None:
                self._unwritten[alert.alert_id] = alert
            self._unwritten |= {one.delivery_id: one for one in made}
        else:
            self._hand_out(made)
        self._more.set()

    def _hand_out(self, deliveries: Iterable[Delivery]) -> None:
        for one in deliveries:
            self._lanes[one.route].put(one)

    def _changed(self, deliveries: Collection[Delivery]) -> None:
        if self._run is None:
            return
        for one in deliveries:
            # what is not written yet is written as it stands then
            box = self._unwritten if one.delivery_id in self._unwritten else self._unmarked
            box[one.delivery_id] = one
        self._more.set()

    async def _write(self, run: RunWork) -> None:
        """Write what there is, again and again; deliveries go on to their lanes after it."""
        handed: set[str] = set()
        while True:
            await self._more.wait()
            self._more.clear()
            new, marks = dict(self._unwritten), dict(self._unmarked)
            writing = asyncio.ensure_future(self._try_to_write(run, new, marks))
            try:
                while not (await asyncio.wait([writing], timeout=_PATIENCE_S))[0]:
                    self._hand_out_new(handed)
                is_written = writing.result()
            finally:
                writing.cancel()
            if is_written:
                self._hand_out_new(handed, among=new)
                _drop(self._unwritten, new)
                _drop(self._unmarked, marks)
                self._move_marks(new)
            else:
                self._hand_out_new(handed)
            handed &= self._unwritten.keys()
            self._written.set()
            if not is_written:
                again = asyncio.ensure_future(self._clock.sleep(_AGAIN_S))
                await _first_of(again, asyncio.ensure_future(self._more.wait()))
                self._more.set()

    def _hand_out_new(
        self, handed: set[str], among: Mapping[str, Delivery | Alert] | None = None
    ) -> None:
        fresh = [
            one
            for key, one in (self._unwritten if among is None else among).items()
            if isinstance(one, Delivery) and key not in handed
        ]
        handed |= {one.delivery_id for one in fresh}
        self._hand_out(fresh)

    def _move_marks(self, written: Mapping[str, Delivery | Alert]) -> None:
        """What has changed while it was written stands there now, and is only to be marked."""
        for key, one in tuple(self._unwritten.items()):
            if key in written and isinstance(one, Delivery):
                self._unmarked[key] = one
                del self._unwritten[key]
                self._more.set()

    async def _try_to_write(
        self,
        run: RunWork,
        new: Mapping[str, Delivery | Alert],
        marks: Mapping[str, Delivery],
    ) -> bool:
        def work(connection: Connection) -> None:
            for alert in new.values():
                if isinstance(alert, Alert):
                    store.put_alert(connection, alert, self._owner)
            rows = [one for one in new.values() if isinstance(one, Delivery)]
            store.put_deliveries(connection, rows, self._owner)
            store.mark(connection, tuple(marks.values()))

        try:
            await run(work)
        except IBKRError as error:
            if not self._is_troubled:
                _log.error("alerts are told, but cannot be written down: %s", error)
            self._is_troubled = True
            return False
        if self._is_troubled:
            _log.warning("alerts can be written down again")
            self._is_troubled = False
        return True


def _drop(box: dict[str, Any], done: Mapping[str, Any]) -> None:
    """Forget what was written, unless it has changed since."""
    for key, one in done.items():
        if box.get(key) is one:
            del box[key]


async def _first_of(*waits: asyncio.Future[Any]) -> None:
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waits:
            one.cancel()


def _ended(error: BaseException | None) -> None:
    if error is not None:
        _log.critical("telling of alerts has ended by an error of ours", exc_info=error)
