"""`IBClient`: a nested configuration, one call to start, one to look."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from ibkr_connector.connector import IBKRConnector
from ibkr_connector.errors import NoDataError
from ibkr_connector.observe.logs import configure_logging

from .broker import InteractiveBrokersBroker, snapshot_of
from .words import client_settings, wants_logging

__all__ = ["IBClient"]


class IBClient:
    """
    A client that runs beside the program and answers with plain mappings.

    Args:
        config: `{"api": {"endpoint", "port", "timeout", "retry_attempts", ...}, "market_data":
            {"data_type": "delayed" or "realtime"}}`.

    Raises:
        ConfigurationError: A key is misspelt or a value wrong.
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        given = config or {}
        settings = client_settings(given)
        if wants_logging(given):
            configure_logging(settings.log_level, form=settings.log_format)
        self.broker = InteractiveBrokersBroker.of(IBKRConnector.create(settings))

    def connect_and_run(self) -> bool:
        """
        Connect, and go on in the background; false when the gateway cannot be reached.

        `broker.last_error` says why then.

        Raises:
            ConfigurationError: The settings contradict the gateway.
        """
        return self.broker.connect()

    @property
    def is_connected(self) -> bool:
        """Whether the connection is there now; never waits."""
        return self.broker.is_connected

    def get_market_data(self, symbol: str) -> dict[str, Any] | None:
        """
        Return `symbol, timestamp, is_delayed, bid, ask, last, volume, ...` of a contract.

        What the gateway does not say is not there; `None` when it answers, and has nothing to say.

        Raises:
            ContractNotFoundError: Nobody knows the symbol.
            MarketDataPermissionError: No subscription, and no delayed data either.
            NotConnectedError: There is no connection.
        """
        try:
            quote = self.broker.get_quote(symbol)
        except NoDataError:
            return None
        return {
            "symbol": quote.symbol,
            "timestamp": quote.timestamp,
            "is_delayed": quote.is_delayed,
            **{word.lower(): value for word, value in snapshot_of(quote).items()},
        }

    def disconnect(self) -> None:
        """Close the connection; harmless when there is none."""
        self.broker.disconnect()

    def __enter__(self) -> Self:
        self.broker.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.disconnect()
