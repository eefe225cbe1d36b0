"""Alerts as users hold them: `ib.alerts`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.handlers import Handling
from ibkr_connector.model.alerts import Alert, AlertKind, Receipt, Silence

from .hub import BUFFER, AlertStream, Box

if TYPE_CHECKING:
    from .desk import Alarms
    from .records import AlertRecords

__all__ = ["Alerts"]

T = TypeVar("T")


class Parts(Protocol):
    """What is needed of the engine."""

    @property
    def alarms(self) -> Alarms:
        """What is wrong now, and the routes."""
        ...

    @property
    def alert_records(self) -> AlertRecords:
        """What was wrong, in the database."""
        ...


class Hop(Protocol):
    """Runs something on the engine's loop."""

    def __call__(self, do: Callable[[Parts], Awaitable[T]], /) -> Coroutine[Any, Any, T]:
        """Run it and return what it returns."""
        ...


class Alerts:
    """What is wrong, what was, and who was told of it."""

    def __init__(self, hop: Hop, handle: Callable[..., Handling]) -> None:
        self._hop = hop
        self._handle = handle

    async def active(self) -> tuple[Alert, ...]:
        """
        Return what is wrong now, the oldest first.

        Source: our own watch. Cost: none.
        """

        async def read(engine: Parts) -> tuple[Alert, ...]:
            return engine.alarms.active

        return await self._hop(read)

    async def history(
        self,
        *,
        since: datetime | None = None,
        kind: AlertKind | str | None = None,
        limit: int = 100,
    ) -> tuple[Alert, ...]:
        """
        Return alerts of this connector, also of earlier runs, the newest first.

        Args:
            since: Only those raised since then, an aware time.
            kind: Only those, as in `"margin_call"`.
            limit: How many at most.

        Raises:
            ConfigurationError: There is no such kind, the time has no zone, or the database cannot
                be used.

        Source: the database; what was over 90 days ago is let go. Cost: none.
        """
        wanted = None if kind is None else kind_of(kind)
        if since is not None and since.utcoffset() is None:
            raise ConfigurationError(
                f"since is {since}, which names no time zone",
                hint="as in datetime(2026, 3, 4, tzinfo=UTC)",
            )
        return await self._hop(
            lambda engine: engine.alert_records.history(since=since, kind=wanted, limit=limit)
        )

    async def receipts(self, *, limit: int = 100) -> tuple[Receipt, ...]:
        """
        Return what became of telling the routes, the newest first.

        Raises:
            ConfigurationError: The database cannot be used.
        """
        return await self._hop(lambda engine: engine.alert_records.receipts(limit=limit))

    async def outstanding(self) -> tuple[Receipt, ...]:
        """Return what routes are still to be told, with what the last attempt ended with."""

        async def read(engine: Parts) -> tuple[Receipt, ...]:
            return engine.alarms.outstanding

        return await self._hop(read)

    def stream(self, *, buffer: int = BUFFER) -> AlertStream:
        """
        Follow alerts as they are raised and cleared: `async for change in ib.alerts.stream()`.

        It may be read on any loop. It begins with `async with` or the first change asked for, and
        ends with the connection object.
        """

        def join(box: Box) -> Awaitable[None]:
            async def joined(engine: Parts) -> None:
                engine.alarms.hub.join(box)

            return self._hop(joined)

        return AlertStream(join, buffer=buffer)

    def on_alert(self, hook: Callable[[Any], object], **options: Any) -> Handling:
        """
        Call a function with each `AlertChange`, on a thread of its own; options as of `handle`.

        Whatever it raises, and however long it takes, harms nothing else.
        """
        return self._handle(self.stream(), hook, **options)

    async def acknowledge(self, alert_id: str, *, by: str = "") -> Alert:
        """
        Note that somebody has seen an alert: it is not reminded of any more.

        Raises:
            ConfigurationError: No alert of this id waits for it.
        """

        async def do(engine: Parts) -> Alert:
            return engine.alarms.acknowledge(alert_id, by)

        return await self._hop(do)

    async def silence(
        self,
        *,
        for_s: float,
        kind: AlertKind | str | None = None,
        key: str | None = None,
        reason: str = "",
    ) -> Silence:
        """
        Tell no route of some alerts for a while, as during work on the gateway.

        They are raised, kept and streamed all the same, and what a rule does about them is done.
        A silence ends with the program.

        Args:
            for_s: How long, up to seven days.
            kind: Which; all when not given.
            key: What it is about; everything when not given.
            reason: For whoever asks `silences`.

        Raises:
            ConfigurationError: There is no such kind, or the time is none.
        """
        wanted = None if kind is None else kind_of(kind)

        async def do(engine: Parts) -> Silence:
            return engine.alarms.silence(for_s=for_s, kind=wanted, key=key, reason=reason)

        return await self._hop(do)

    async def unsilence(self, silence_id: str) -> bool:
        """End a silence before its time; tell whether there was one."""

        async def do(engine: Parts) -> bool:
            return engine.alarms.unsilence(silence_id)

        return await self._hop(do)

    async def silences(self) -> tuple[Silence, ...]:
        """Return the silences that hold."""

        async def read(engine: Parts) -> tuple[Silence, ...]:
            return engine.alarms.silences()

        return await self._hop(read)

    async def test(self) -> tuple[Receipt, ...]:
        """
        Tell every route that this is a test, and return what one attempt with each brought.

        What was not taken goes on being tried, as with every alert.
        """
        return await self._hop(lambda engine: engine.alarms.test())


def kind_of(word: AlertKind | str) -> AlertKind:
    """
    Return the kind that a word names.

    Raises:
        ConfigurationError: There is none.
    """
    try:
        return AlertKind(word)
    except ValueError as error:
        raise ConfigurationError(
            f"there is no alert {word!r}", hint=f"one of {', '.join(AlertKind)}"
        ) from error
