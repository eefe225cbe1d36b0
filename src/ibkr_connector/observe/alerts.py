"""
The book of alerts: what is wrong now, told once when it begins and once when it is over.

Owns: that the same thing is one alert however often it is seen; that a figure which trembles around
its threshold, or a condition that comes and goes, changes nothing; that a flood of many keys of one
kind ends in one alert for all the others; and what is silenced or acknowledged. Pure: moments are
arguments. Refuses to know: where findings come from, and who is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from ibkr_connector.model.alerts import Alert, AlertChange, AlertKind, AlertStep, Severity, Silence
from ibkr_connector.settings.alert_rules import Rule, Side

__all__ = ["MOST_KEYS", "REST", "AlertBook", "Finding", "Measured", "Moment"]

MOST_KEYS: Final = 20
"""So many keys of one kind are alerts of their own."""

REST: Final = "others"
"""The key of the alert that stands for all keys beyond those."""

_MANY: Final = f"more than {MOST_KEYS} at once; one of the others: "

GRACE_S: Final = 60.0
"""An alert of an earlier run is over when its cause was not seen again for so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One moment twice: seconds that never run backwards, to count by, and the time, to tell."""

    mono: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is, or was, wrong; the fields are those of `Alert`."""

    kind: AlertKind
    key: str
    text: str
    value: str = ""
    threshold: str = ""
    remedy: str = ""
    severity: Severity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """
    A figure that was found, to be held against the thresholds of its rule; `None`: not known.

    Of a rule without a threshold it is 1 for what is so, and 0 for what is not.
    """

    finding: Finding
    value: Decimal | None


@dataclass(slots=True)
class _Entry:
    """One thing that is wrong, is about to be, or is about to be over."""

    finding: Finding
    members: set[str]
    on_since: float | None = None
    off_since: float | None = None
    alert: Alert | None = None
    told_at: float = 0.0
    least_clear_s: float = 0.0


class AlertBook:
    """
    Keeps alerts; each call returns the changes that somebody may have to hear of.

    Args:
        rule: Says when an alert of a kind is raised, and when it is cleared.
        new_id: Makes ids.
    """

    def __init__(self, rule: Callable[[AlertKind], Rule], *, new_id: Callable[[], str]) -> None:
        self._rule = rule
        self._new_id = new_id
        self._entries: dict[tuple[AlertKind, str], _Entry] = {}
        self._silences: list[Silence] = []

    # --- what is found --------------------------------------------------------------------------

    def on(self, finding: Finding, now: Moment) -> list[AlertChange]:
        """Something is wrong, and stays so until `off`; saying it again changes nothing."""
        rule = self._rule(finding.kind)
        if not rule.is_on:
            return []
        entry = self._entry(finding)
        entry.members.add(finding.key)
        entry.finding = finding
        entry.least_clear_s = 0.0
        if entry.alert is None:
            if entry.on_since is None:
                entry.on_since = now.mono
            return self._raise_when_due(entry, rule, now)
        if entry.off_since is not None:
            # it was about to be over: the same alert goes on
            entry.off_since = None
            entry.alert = _seen_again(entry.alert, finding, now)
        return []

    def off(self, kind: AlertKind, key: str, now: Moment) -> list[AlertChange]:
        """It is not, or no longer, wrong."""
        entry = self._entries.get((kind, key))
        if entry is None:
            entry = self._entries.get((kind, REST))
            if entry is None or key not in entry.members:
                return []
        entry.members.discard(key)
        if entry.members:
            return []
        if entry.alert is None:
            del self._entries[entry.finding.kind, self._key_of(entry)]
            return []
        if entry.off_since is None:
            entry.off_since = now.mono
        return self._clear_when_due(entry, now)

    def pulse(self, finding: Finding, now: Moment) -> list[AlertChange]:
        """Something happened at this moment; it is over when it has not happened for long."""
        rule = self._rule(finding.kind)
        if not rule.is_on:
            return []
        entry = self._entry(finding)
        entry.finding = finding
        if not entry.members:
            # nothing that lasts holds it up
            entry.off_since = now.mono
        if entry.alert is None:
            return [self._raise(entry, rule, now)]
        entry.alert = _seen_again(entry.alert, finding, now)
        return []

    def measure(self, finding: Finding, value: Decimal | None, now: Moment) -> list[AlertChange]:
        """A figure was found; between the two thresholds of its rule nothing changes."""
        rule = self._rule(finding.kind)
        if value is None:
            reached = None
        elif rule.side is Side.NONE:
            reached = bool(value)
        else:
            reached = rule.is_reached(value)
        if reached is True:
            return self.on(finding, now)
        if reached is False:
            return self.off(finding.kind, finding.key, now)
        entry = self._entries.get((finding.kind, finding.key))
        if entry is not None and value is not None:
            # neither wrong enough to be about to alarm, nor well enough to be about to be over
            entry.on_since = entry.off_since = None
            if entry.alert is None:
                del self._entries[finding.kind, finding.key]
            else:
                entry.members.add(finding.key)
        return []

    def only(self, kind: AlertKind, findings: Iterable[Finding], now: Moment) -> list[AlertChange]:
        """All that is wrong of one kind: what is not among it is over."""
        found = {finding.key: finding for finding in findings}
        changes = []
        for (of_kind, _), entry in tuple(self._entries.items()):
            if of_kind is kind:
                for key in tuple(entry.members - found.keys()):
                    changes += self.off(kind, key, now)
        for finding in found.values():
            changes += self.on(finding, now)
        return changes

    def tick(self, now: Moment) -> list[AlertChange]:
        """Time has passed: raise what stood long enough, clear what was over for long enough."""
        changes: list[AlertChange] = []
        for entry in tuple(self._entries.values()):
            rule = self._rule(entry.finding.kind)
            if entry.alert is None:
                changes += self._raise_when_due(entry, rule, now)
            elif entry.off_since is not None:
                changes += self._clear_when_due(entry, now)
            elif self._is_to_be_told_again(entry.alert, entry.told_at, now):
                entry.told_at = now.mono
                entry.alert = replace(entry.alert, is_silenced=False)
                changes.append(_change(AlertStep.REMINDED, entry.alert, now))
        return changes

    # --- what the user says ---------------------------------------------------------------------

    @property
    def active(self) -> tuple[Alert, ...]:
        """What is wrong now, the oldest first."""
        alerts = [one.alert for one in self._entries.values() if one.alert is not None]
        return tuple(sorted(alerts, key=lambda alert: (alert.raised_at, alert.alert_id)))

    def acknowledge(self, alert_id: str, by: str, now: Moment) -> list[AlertChange]:
        """Somebody has seen it: it is not reminded of any more."""
        for entry in self._entries.values():
            alert = entry.alert
            if alert is not None and alert.alert_id == alert_id and alert.acknowledged_at is None:
                entry.alert = replace(alert, acknowledged_at=now.at, acknowledged_by=by)
                return [_change(AlertStep.ACKNOWLEDGED, entry.alert, now)]
        return []

    def silence(self, silence: Silence) -> None:
        """Tell nobody of some alerts for a while."""
        self._silences.append(silence)

    def unsilence(self, silence_id: str) -> bool:
        """End a silence before its time; tell whether there was one."""
        before = len(self._silences)
        self._silences = [one for one in self._silences if one.silence_id != silence_id]
        return len(self._silences) < before

    def silences(self, at: datetime) -> tuple[Silence, ...]:
        """Return the silences that hold."""
        self._silences = [one for one in self._silences if at < one.until]
        return tuple(self._silences)

    def note_action(self, alert_id: str, action: str, at: datetime) -> Alert | None:
        """Keep what was done about an alert; `None` when it is over already."""
        for entry in self._entries.values():
            if entry.alert is not None and entry.alert.alert_id == alert_id:
                entry.alert = replace(entry.alert, action=action, acted_at=at)
                return entry.alert
        return None

    def adopt(self, alerts: Iterable[Alert], now: Moment) -> list[Alert]:
        """
        Take over what an earlier run has left raised.

        What is still wrong goes on as the same alert, told to nobody again; the rest is cleared
        when it was not seen for a while.

        Returns:
            Those that are raised here already, under another id: they go on as that.
        """
        doubles = []
        for alert in alerts:
            place = (alert.kind, alert.key)
            known = self._entries.get(place)
            if known is not None and known.alert is not None:
                doubles.append(alert)
                continue
            left = _Entry(
                finding=Finding(kind=alert.kind, key=alert.key, text=alert.text),
                members=set() if known is None else known.members,
                off_since=now.mono if known is None else None,
                alert=alert,
                told_at=now.mono,
                least_clear_s=GRACE_S,
            )
            self._entries[place] = left
        return doubles

    def _is_to_be_told_again(self, alert: Alert, told_at: float, now: Moment) -> bool:
        if any(one.covers(alert.kind, alert.key, now.at) for one in self._silences):
            return False
        if alert.is_silenced:
            # it was raised in a silence, which has ended before it
            return True
        remind_s = self._rule(alert.kind).remind_s
        is_due = remind_s is not None and now.mono - told_at >= remind_s
        return is_due and alert.acknowledged_at is None

    # --- inside ---------------------------------------------------------------------------------

    def _entry(self, finding: Finding) -> _Entry:
        known = self._entries.get((finding.kind, finding.key))
        if known is not None:
            return known
        key = finding.key
        if sum(kind is finding.kind for kind, _ in self._entries) >= MOST_KEYS:
            key = REST
        return self._entries.setdefault((finding.kind, key), _Entry(finding=finding, members=set()))

    def _key_of(self, entry: _Entry) -> str:
        kind = entry.finding.kind
        return REST if self._entries.get((kind, REST)) is entry else entry.finding.key

    def _raise_when_due(self, entry: _Entry, rule: Rule, now: Moment) -> list[AlertChange]:
        if entry.on_since is None or now.mono - entry.on_since < rule.raise_after_s:
            return []
        return [self._raise(entry, rule, now)]

    def _raise(self, entry: _Entry, rule: Rule, now: Moment) -> AlertChange:
        found, key = entry.finding, self._key_of(entry)
        is_silent = any(one.covers(found.kind, key, now.at) for one in self._silences)
        entry.alert = Alert(
            alert_id=self._new_id(),
            kind=found.kind,
            severity=found.severity or rule.severity,
            key=key,
            text=found.text if key != REST else f"{_MANY}{found.text}",
            value=found.value,
            threshold=found.threshold,
            remedy=found.remedy,
            raised_at=now.at,
            last_at=now.at,
            is_silenced=is_silent,
        )
        entry.told_at = now.mono
        return _change(AlertStep.RAISED, entry.alert, now)

    def _clear_when_due(self, entry: _Entry, now: Moment) -> list[AlertChange]:
        alert, since = entry.alert, entry.off_since
        if alert is None or since is None:
            return []
        wait_s = max(self._rule(alert.kind).clear_after_s, entry.least_clear_s)
        if now.mono - since < wait_s:
            return []
        del self._entries[alert.kind, alert.key]
        return [_change(AlertStep.CLEARED, replace(alert, cleared_at=now.at), now)]


def _seen_again(alert: Alert, finding: Finding, now: Moment) -> Alert:
    return replace(
        alert,
        count=alert.count + 1,
        last_at=now.at,
        text=finding.text if alert.key != REST else f"{_MANY}{finding.text}",
        value=finding.value,
    )


def _change(step: AlertStep, alert: Alert, now: Moment) -> AlertChange:
    return AlertChange(at=now.at, step=step, alert=alert)
