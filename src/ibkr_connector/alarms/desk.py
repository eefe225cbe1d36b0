"""
`Alarms`: looks at everything that may go wrong, and has told whoever wants to know.

Owns: the look once a second, the ears at what happens between two looks, and the way of each change
from the book to the log, the streams and the routes. Whatever goes wrong in here is logged and
counted: nothing that is watched suffers from being watched.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from ibkr_connector.clock import Clock
from ibkr_connector.errors import ConfigurationError, IBKRError
from ibkr_connector.gateway.port import GatewayEvent
from ibkr_connector.model.alerts import (
    Alert,
    AlertChange,
    AlertKind,
    AlertStep,
    Receipt,
    Silence,
)
from ibkr_connector.model.status import BreakerState, ConnectionState, ConnectionStatus
from ibkr_connector.observe.alerts import AlertBook, Finding, Measured, Moment
from ibkr_connector.orders.entry import OrderEntry
from ibkr_connector.orders.jobs import Jobs
from ibkr_connector.orders.states import Event, State
from ibkr_connector.resilience.events import PipelineEvent
from ibkr_connector.settings.alert_rules import Rule
from ibkr_connector.settings.alerts import AlertSettings
from ibkr_connector.supervisor import StateChange
from ibkr_connector.supervisor.outages import Loudness
from ibkr_connector.supervisor.states import LOSSES, UP, SupervisorEvent

from . import words
from .accounts import restriction
from .conditions import Beside, findings
from .hub import AlertHub
from .outbox import Outbox
from .slowness import Acknowledgements, Lags

__all__ = ["Alarms", "Sources"]

_log = logging.getLogger("ibkr_connector.alerts")

_PATIENCE_S: Final = 2.0
_DRAIN_S: Final = 3.0
_REMEMBERED: Final = 1000
_K = AlertKind
_ANSWERED: Final = frozenset(
    {State.ACCEPTED, State.WORKING, State.SUSPENDED, State.FILLED, State.REJECTED, State.CANCELLED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """
    What is looked at, once a second.

    Args:
        status: The picture of the connection.
        beside: What the picture does not show; `lost`, `failed` and `login` are filled in here.
        accounts: Figures of the accounts; asked only while the connection is whole.
        heard: What an event of the gateway's own says of an account.
    """

    status: Callable[[], ConnectionStatus]
    beside: Callable[[], Beside]
    accounts: Callable[[], Iterable[Measured]] = tuple
    heard: Callable[[GatewayEvent], Finding | None] = lambda event: None


class Alarms:
    """
    The alerts of one connector; lives on its loop.

    Args:
        settings: Rules and routes.
        sources: What is looked at.
        outbox: Tells the routes.
        clock: The one time base.
        act: Does what a rule asks for when its alert is raised, and says what was done.
    """

    def __init__(
        self,
        settings: AlertSettings,
        *,
        sources: Sources,
        outbox: Outbox,
        clock: Clock,
        act: Callable[[Alert, Rule], str] | None = None,
    ) -> None:
        self._settings = settings
        self._sources = sources
        self._outbox = outbox
        self._clock = clock
        self._act = act
        self.look_s = 1.0
        """How long between two looks."""
        self.failures = 0
        """How often looking, or telling, went wrong."""
        self.hub = AlertHub()
        self._book = AlertBook(settings.rule, new_id=lambda: secrets.token_hex(6))
        self._jobs = Jobs(on_end=self._ended)
        self._acks = Acknowledgements()
        self._lags = Lags()
        self._rejected: deque[str] = deque(maxlen=_REMEMBERED)
        self._early: deque[Callable[[], None]] = deque(maxlen=_REMEMBERED)
        self._is_open = False
        self._lost = self._failed = self._login = ""
        self._was_up = False
        self._unreadable = 0

    async def start(self) -> None:
        """Begin to look, and take up what an earlier run has left."""
        if not self._settings.enabled:
            return
        await self._outbox.start()
        await self._jobs.start()
        self._jobs.spawn(self._run())

    async def aclose(self) -> None:
        """End; what is sent gets a moment, what is outstanding goes on at the next start."""
        await self._jobs.aclose()
        if self._settings.enabled:
            await self._outbox.aclose(_DRAIN_S if self._outbox.outstanding else _PATIENCE_S)
        self.hub.close()

    # --- ears: called by those whose business it is, and never raise into them ------------------

    def on_state(self, change: StateChange) -> None:
        """The connection has changed."""
        if self._jobs.is_running:
            self._safely(lambda: self._note_state(change))

    def on_pipeline(self, event: PipelineEvent) -> None:
        """A circuit has changed, or the gateway complains of the pace."""
        if self._jobs.is_running:
            self._safely(lambda: self._note_pipeline(event))

    def on_event(self, event: GatewayEvent) -> None:
        """The gateway has said something by itself."""
        if self._jobs.is_running:
            self._safely(lambda: self._note_event(event))

    def on_order(self, entry: OrderEntry) -> None:
        """Something was recorded of an order; on the way of every order, so it is quick."""
        state = entry.state
        if state is State.SENT:
            self._acks.sent(entry.key, self._clock.monotonic())
        elif state in _ANSWERED:
            self._acks.answered(entry.key, self._clock.monotonic())
            if state is State.REJECTED and self._jobs.is_running:
                self._safely(lambda: self._note_rejection(entry))
        elif state is State.UNCERTAIN:
            self._acks.dropped(entry.key)

    def note(self, finding: Finding) -> None:
        """Something happened at this moment."""
        if self._jobs.is_running:
            self._safely(lambda: self._tell(self._book.pulse(finding, self._now())))

    # --- what users ask -------------------------------------------------------------------------

    @property
    def active(self) -> tuple[Alert, ...]:
        """What is wrong now, the oldest first."""
        return self._book.active

    @property
    def outstanding(self) -> tuple[Receipt, ...]:
        """What routes are still to be told."""
        return self._outbox.outstanding

    def acknowledge(self, alert_id: str, by: str = "") -> Alert:
        """
        Note that somebody has seen an alert.

        Raises:
            ConfigurationError: No alert of this id is raised and waits for it.
        """
        changes = self._book.acknowledge(alert_id, by, self._now())
        if not changes:
            raise ConfigurationError(
                f"no alert {alert_id!r} waits to be acknowledged",
                hint="`active()` lists them with their ids",
            )
        self._tell(changes)
        return changes[0].alert

    def silence(
        self,
        *,
        for_s: float,
        kind: AlertKind | None = None,
        key: str | None = None,
        reason: str = "",
    ) -> Silence:
        """
        Tell no route of some alerts for a while.

        Raises:
            ConfigurationError: The time is none.
        """
        if not 0 < for_s <= 7 * 86_400:
            raise ConfigurationError(
                f"a silence of {for_s:g} s", hint="expected: above 0 s, up to seven days"
            )
        until = self._clock.utcnow() + timedelta(seconds=for_s)
        made = Silence(
            silence_id=secrets.token_hex(4), until=until, kind=kind, key=key, reason=reason
        )
        self._book.silence(made)
        _log.warning("alerts %s of %s are silent until %s", kind or "all", key or "all", until)
        return made

    def unsilence(self, silence_id: str) -> bool:
        """End a silence before its time; tell whether there was one."""
        return self._book.unsilence(silence_id)

    def silences(self) -> tuple[Silence, ...]:
        """Return the silences that hold."""
        return self._book.silences(self._clock.utcnow())

    async def test(self) -> tuple[Receipt, ...]:
        """Tell every route, and every stream, that this is a test; nobody when it is off."""
        if not self._settings.enabled:
            return ()
        change = words.trial(self._clock.utcnow())
        self.hub.publish(change)
        return await self._outbox.tell_all(change)

    # --- the look -------------------------------------------------------------------------------

    async def _run(self) -> None:
        await self._adopt()
        self._is_open = True
        while self._early:
            self._safely(self._early.popleft())
        while True:
            due = self._clock.monotonic() + self.look_s
            await self._clock.sleep(self.look_s)
            # a clock that is moved by hand says nothing about the loop
            self._lags.add(self._clock.monotonic() - due)
            self._safely(self.look)

    async def _adopt(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                left = await self._outbox.resume()
        except (IBKRError, TimeoutError) as error:
            _log.error("alerts of an earlier run are not known: %s", error)
            return
        for double in self._book.adopt(left, self._now()):
            self._outbox.keep(replace(double, cleared_at=self._clock.utcnow()))

    def look(self) -> None:
        """Look at everything once."""
        now, picture = self._now(), self._sources.status()
        if picture.state in (ConnectionState.IDLE, ConnectionState.STOPPED) and not self._failed:
            self._tell(self._book.tick(now))
            return
        beside = replace(
            self._sources.beside(), lost=self._lost, failed=self._failed, login=self._login
        )
        changes: list[AlertChange] = []
        for kind, found in findings(picture, beside).items():
            changes += self._book.only(kind, found, now)
        if picture.unreadable_count > self._unreadable:
            self._unreadable = picture.unreadable_count
            changes += self._book.pulse(words.unreadable(picture), now)
        for measured in (*self._speeds(picture), *self._of_accounts(picture)):
            changes += self._measure(measured, now)
        changes += self._book.tick(now)
        self._tell(changes)

    def _speeds(self, picture: ConnectionStatus) -> Iterable[Measured]:
        rtt_ms = picture.heartbeat_rtt_ms if picture.is_connected else None
        heartbeat = None if rtt_ms is None else Decimal(f"{rtt_ms / 1000:.3f}")
        acks = self._acks.seconds(self._clock.monotonic()) or Decimal(0)
        for kind, seconds in (
            (_K.SLOW_HEARTBEAT, heartbeat),
            (_K.SLOW_ORDERS, acks),
            (_K.SLOW_LOOP, self._lags.seconds),
        ):
            found = words.slow(kind, seconds, self._settings.rule(kind))
            yield Measured(finding=found, value=seconds)

    def _of_accounts(self, picture: ConnectionStatus) -> Iterable[Measured]:
        # what is left from before an outage says nothing of now
        is_known = picture.is_connected and not picture.degraded_by
        return self._sources.accounts() if is_known else ()

    def _measure(self, measured: Measured, now: Moment) -> list[AlertChange]:
        return self._book.measure(measured.finding, measured.value, now)

    # --- what was heard -------------------------------------------------------------------------

    def _note_state(self, change: StateChange) -> None:
        event, target = change.event, change.target
        if target in UP:
            self._was_up = True
            self._lost = self._failed = self._login = ""
        elif event is SupervisorEvent.STOP:
            self._was_up = False
            return
        elif event in LOSSES:
            self._acks.forget()
            self._login = self._login if target is not ConnectionState.WAITING else ""
            if target is ConnectionState.LOGIN_NEEDED:
                self._login = self._sources.status().login_obstacle or str(change.error or "login")
            if change.loudness is Loudness.ALERT:
                self._lost = str(change.error or "the session has ended")
        elif event is SupervisorEvent.GIVE_UP and self._was_up:
            self._failed, self._lost = str(change.error or "no reason is known"), ""
        self.look()

    def _note_pipeline(self, event: PipelineEvent) -> None:
        now = self._now()
        if event.circuit is not None and event.group is not None:
            key = event.group.value
            if event.circuit is BreakerState.CLOSED:
                self._tell(self._book.off(_K.BREAKER_OPEN, key, now))
            else:
                why = "" if event.error is None else f": {event.error}"
                self._tell(self._book.on(words.breaker(key, why), now))
        elif event.limit is not None:
            limit = event.limit.value
            self._tell(self._book.pulse(words.pacing(limit), now))

    def _note_event(self, event: GatewayEvent) -> None:
        finding = self._sources.heard(event)
        if finding is not None:
            self._tell(self._book.pulse(finding, self._now()))

    def _note_rejection(self, entry: OrderEntry) -> None:
        last = entry.transitions[-1] if entry.transitions else None
        if last is None or last.event != Event.REJECT or entry.key in self._rejected:
            return
        self._rejected.append(entry.key)
        now = self._now()
        self._tell(self._book.pulse(words.rejection(entry), now))
        if (finding := restriction(entry.account, entry.reason)) is not None:
            self._tell(self._book.pulse(finding, now))

    # --- telling --------------------------------------------------------------------------------

    def _tell(self, changes: Iterable[AlertChange]) -> None:
        for change in changes:
            made = self._acted(change) if change.step is AlertStep.RAISED else change
            words.write(made)
            self.hub.publish(made)
            self._outbox.put(made)

    def _acted(self, change: AlertChange) -> AlertChange:
        alert = change.alert
        rule = self._settings.rule(alert.kind)
        if self._act is None or not (done := self._act(alert, rule)):
            return change
        kept = self._book.note_action(alert.alert_id, done, self._clock.utcnow())
        return change if kept is None else replace(change, alert=kept)

    def _safely(self, do: Callable[[], None]) -> None:
        if not self._is_open:
            # what an earlier run has left comes first: it may be the same alert
            self._early.append(do)
            return
        try:
            do()
        except Exception:  # noqa: BLE001  # what is watched must not suffer from it
            self.failures += 1
            _log.exception("watching for alerts went wrong")

    def _now(self) -> Moment:
        return Moment(mono=self._clock.monotonic(), at=self._clock.utcnow())

    def _ended(self, error: BaseException | None) -> None:
        if error is not None:
            _log.critical("nothing is watched any more, by an error of ours", exc_info=error)
