"""A gateway and an engine on a virtual clock, with somebody who hears every alert."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ibkr_connector.alarms.hub import Box
from ibkr_connector.mailbox import Mailbox
from ibkr_connector.model.alerts import AlertChange, AlertKind, AlertsMissed, AlertStep

from .rig import Rig, rig

__all__ = ["Heard", "watched"]


class Heard:
    """What a reader of the alerts was told."""

    def __init__(self, made: Rig) -> None:
        self._box: Box = Mailbox(capacity=10_000, lost=lambda count, *_: AlertsMissed(count=count))
        made.engine.alarms.hub.join(self._box)
        self._changes: list[AlertChange] = []

    @property
    def changes(self) -> list[AlertChange]:
        """All of it so far."""
        for change in self._box.take_all():
            assert isinstance(change, AlertChange)
            self._changes.append(change)
        return self._changes

    @property
    def highest(self) -> int:
        """How many alerts there were at once, at most."""
        now = most = 0
        for change in self.changes:
            now += {AlertStep.RAISED: 1, AlertStep.CLEARED: -1}.get(change.step, 0)
            most = max(most, now)
        return most

    def of(self, kind: AlertKind) -> list[AlertChange]:
        """Return what was told of one kind."""
        return [one for one in self.changes if one.alert.kind is kind]

    def steps(self, *kinds: AlertKind) -> list[tuple[AlertKind, AlertStep]]:
        """Return the steps of some kinds, of all when none is named."""
        told = [(one.alert.kind, one.step) for one in self.changes]
        return [one for one in told if not kinds or one[0] in kinds]


@asynccontextmanager
async def watched(
    directory: Path, *, look_s: float = 1.0, **settings: Any
) -> AsyncIterator[tuple[Rig, Heard]]:
    """Run a gateway and an engine that looks at everything every `look_s`."""
    async with rig(directory, connect=False, **settings) as made:
        made.engine.alarms.look_s = look_s
        heard = Heard(made)
        await made.run(made.engine.connect())
        yield made, heard
