"""
Questions of one session about data that are neither quotes nor bars.

As every call of a session: no deadline, no retry, no pacing, and whoever is cancelled leaves
nothing behind, here or at the gateway.
"""

# mypy: disallow-untyped-calls=False
# ib_async's request methods and callbacks are not typed.
# ruff: noqa: FBT003
# The order of the arguments is ib_async's.

from __future__ import annotations

from datetime import datetime
from typing import Final

from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.history import Session

from . import translate
from .asking import ask
from .client import GatewayClient
from .times import date_text
from .wrapper import GatewayWrapper

__all__ = ["DataCalls"]

_EPOCH_SECONDS: Final = 2
"""`formatDate` that gives times without a zone to misread (IB campus: historical bars)."""


class DataCalls:
    """Asks through one session."""

    def __init__(self, client: GatewayClient, wrapper: GatewayWrapper) -> None:
        self._client = client
        self._wrapper = wrapper

    async def schedule(
        self, contract: Contract, *, duration: str, end: datetime | None, regular_hours_only: bool
    ) -> tuple[Session, ...]:
        """
        Return the trading sessions of the past, oldest first.

        Raises:
            HistoricalDataError: Refused (TWS 162, 321).
        """
        asked = translate.ib_contract(contract)
        until = "" if end is None else date_text(end)
        rows: list[Session] = await ask(
            self._client,
            self._wrapper.requests,
            "schedule",
            send=lambda number: self._client.reqHistoricalData(
                number, asked, until, duration, "1 day", "SCHEDULE", regular_hours_only,
                _EPOCH_SECONDS, False, [],
            ),
            stop=self._client.cancelHistoricalData,
        )  # fmt: skip
        return tuple(sorted(rows, key=lambda row: row.start))

    async def head_timestamp(
        self, contract: Contract, *, what_to_show: str, regular_hours_only: bool
    ) -> datetime:
        """
        Return the earliest moment of which there are data.

        The gateway keeps such a question open until it is called off, which is done here.

        Raises:
            HistoricalDataError: Refused (TWS 162).
        """
        asked = translate.ib_contract(contract)
        numbers: list[int] = []

        def send(number: int) -> None:
            numbers.append(number)
            self._client.reqHeadTimeStamp(
                number, asked, what_to_show, regular_hours_only, _EPOCH_SECONDS
            )

        rows: list[datetime] = await ask(
            self._client,
            self._wrapper.requests,
            "head_timestamp",
            send=send,
            stop=self._client.cancelHeadTimeStamp,
        )
        if self._client.isReady():
            self._client.cancelHeadTimeStamp(numbers[0])
        return rows[0]
