"""What was wrong and who was told, read from the database."""

from __future__ import annotations

from datetime import datetime

from ibkr_connector.model.alerts import Alert, AlertKind, Receipt
from ibkr_connector.storage.statements import Connection

from . import store
from .outbox import RunWork

__all__ = ["AlertRecords"]


class AlertRecords:
    """
    The alerts of one connector, or of all in the database.

    Args:
        run: Does a piece of work on the database.
        owner: Whose; everybody's when `None`.
    """

    def __init__(self, run: RunWork, owner: str | None) -> None:
        self._run = run
        self._owner = owner

    async def history(
        self,
        *,
        since: datetime | None = None,
        kind: AlertKind | None = None,
        limit: int = 100,
    ) -> tuple[Alert, ...]:
        """Return alerts, the newest first."""

        def read(connection: Connection) -> list[Alert]:
            return store.history(connection, owner=self._owner, kind=kind, since=since, limit=limit)

        return tuple(await self._run(read))

    async def active(self) -> tuple[Alert, ...]:
        """Return the alerts that go on, the oldest first."""
        return tuple(await self._run(lambda connection: store.active(connection, self._owner)))

    async def receipts(self, *, limit: int = 100) -> tuple[Receipt, ...]:
        """Return what became of telling the routes, the newest first."""

        def read(connection: Connection) -> list[Receipt]:
            return store.receipts(connection, owner=self._owner, limit=limit)

        return tuple(await self._run(read))
