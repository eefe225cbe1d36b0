"""`InteractiveBrokersBroker`: one object from a plain mapping, and calls that wait."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self

from ibkr_connector.connector import IBKRConnector
from ibkr_connector.derivatives.config import IBKRFuturesServiceConfig
from ibkr_connector.errors import ContractError, IBKRConnectionError, IBKRError, RequestTimeoutError
from ibkr_connector.model.account import AccountSummary, Position
from ibkr_connector.model.contracts import Contract, SecurityType, forex, index
from ibkr_connector.model.market import BarSeries, Quote
from ibkr_connector.model.orders import AnyOrder, OrderReport
from ibkr_connector.model.status import ConnectionStatus
from ibkr_connector.observe.logs import configure_logging

from .blocking import Blocking
from .words import broker_settings, wants_logging

__all__ = [
    "InteractiveBrokersBroker",
    "create_live_broker",
    "create_paper_broker",
    "snapshot_of",
]

_log = logging.getLogger(__name__)

_FIGURES: Final = {
    "BID": "bid",
    "ASK": "ask",
    "LAST": "last",
    "BID_SIZE": "bid_size",
    "ASK_SIZE": "ask_size",
    "LAST_SIZE": "last_size",
    "VOLUME": "volume",
    "OPEN": "open",
    "HIGH": "high",
    "LOW": "low",
    "CLOSE": "close",
}
"""The words of a snapshot, and what a quote calls them."""


class InteractiveBrokersBroker:
    """
    A broker for scripts: every call waits for its result, from any thread and in notebooks.

    Args:
        config: `host, port, client_id, timeout, paper_trading, account_id, enable_logging`, and any
            other setting by its name; environment and files say the rest. Orders need
            `readonly=False`.

    Raises:
        ConfigurationError: A key is misspelt, a value wrong, or two contradict each other.

    Example:
        ```python
        broker = InteractiveBrokersBroker({"port": 7497, "account_id": "DEFAULT"})
        if broker.connect():
            contract = broker.create_stock_contract("AAPL")
            print(broker.get_market_data_snapshot(contract)["BID"])
            broker.disconnect()
        ```
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        given = dict(config or {})
        self._start(IBKRConnector.create(broker_settings(given)), logs=wants_logging(given))

    @classmethod
    def of(cls, connector: IBKRConnector) -> Self:
        """Return a broker over a connector that there is already, connected or not."""
        self = object.__new__(cls)
        self._start(connector, logs=False)
        return self

    def _start(self, connector: IBKRConnector, *, logs: bool) -> None:
        if logs:
            settings = connector.settings
            configure_logging(settings.log_level, form=settings.log_format)
        self._blocking = Blocking(connector)
        self.last_error: IBKRError | None = None
        """Why the last `connect` returned false."""

    @property
    def connector(self) -> IBKRConnector:
        """The connector that does the work, for all that has no method here."""
        return self._blocking.connector

    # --- connection -----------------------------------------------------------------------------

    def connect(self) -> bool:
        """
        Connect; true when ready. False when the gateway cannot be reached: `last_error` says why.

        A lost connection comes back by itself afterwards, until `disconnect`.

        Raises:
            ConfigurationError: The settings contradict the gateway, as paper money against a live
                account: a repetition would not help.
        """
        try:
            self._blocking.connect()
        except (IBKRConnectionError, RequestTimeoutError) as error:
            self.last_error = error
            _log.warning("not connected: %s", error)
            return False
        self.last_error = None
        return True

    @property
    def is_connected(self) -> bool:
        """Whether the connection is there now; never waits."""
        return self.connector.get_connection_status().is_connected

    def disconnect(self) -> None:
        """Close the connection; harmless when there is none."""
        self._blocking.disconnect()

    def get_connection_status(self) -> ConnectionStatus:
        """Take a picture of the connection; never waits."""
        return self.connector.get_connection_status()

    def __enter__(self) -> Self:
        self._blocking.connect()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.disconnect()

    # --- contracts and market data --------------------------------------------------------------

    def create_stock_contract(
        self,
        symbol: str,
        secType: str = "STK",  # noqa: N803  # as older programs write it
        exchange: str = "SMART",
        *,
        currency: str = "USD",
        expiry: str = "",
    ) -> Contract:
        """
        Describe a contract, of any kind in spite of the name; nothing is asked.

        A future without `expiry` (`YYYYMM` or `YYYYMMDD`) stands for the contract in front at the
        time it is used.

        Raises:
            ContractError: The kind is not known, or a currency pair is not one.
        """
        try:
            kind = SecurityType(secType.upper())
        except ValueError as error:
            kinds = ", ".join(SecurityType)
            raise ContractError(f"secType is {secType!r}", hint=f"expected: {kinds}") from error
        smart = exchange == "SMART"
        if kind is SecurityType.FOREX:
            try:
                return forex(symbol if len(symbol) > 3 else f"{symbol}.{currency}")
            except ValueError as error:
                raise ContractError(str(error), hint="as in EUR, or EUR.USD") from error
        if kind is SecurityType.INDEX and smart:
            return index(symbol, currency=currency)
        return Contract(
            symbol=symbol,
            security_type=kind,
            exchange=exchange,
            currency=currency,
            expiry=expiry,
        )

    def get_market_data_snapshot(self, contract: Contract | str) -> dict[str, Decimal]:
        """
        Return `BID, ASK, LAST, BID_SIZE, ASK_SIZE, LAST_SIZE, VOLUME, OPEN, HIGH, LOW, CLOSE`.

        What the gateway does not say is not there. `get_quote` tells more: whether it is delayed,
        and of when.

        Raises:
            MarketDataPermissionError: No subscription, and no delayed data either.
            NoDataError: The gateway says nothing at all.
            NotConnectedError: There is no connection.
        """
        return snapshot_of(self.get_quote(contract))

    def get_quote(self, contract: Contract | str) -> Quote:
        """Return a snapshot as a record; errors as those of `get_market_data_snapshot`."""
        meant = self._in_front(contract)
        return self._blocking.call(lambda ib: ib.get_quote(meant))

    def get_historical_data(
        self,
        contract: Contract | str,
        duration_str: str = "1 D",
        bar_size_setting: str = "1 hour",
        *,
        what_to_show: str | None = None,
        use_rth: bool = True,
        end_date_time: datetime | None = None,
    ) -> BarSeries:
        """
        Fetch bars of any length, oldest first; `to_pandas()` makes a frame of them.

        Args:
            contract: A contract or its short text form.
            duration_str: Count and unit (S D W M Y), as in `1 W`.
            bar_size_setting: IB's spelling, as in `5 mins`.
            what_to_show: `TRADES`, `MIDPOINT`, ...; by asset class when not given.
            use_rth: Leave out what traded outside the regular session.
            end_date_time: Aware datetime; `None` means now.

        Raises:
            NoDataError: The request is fine and there are no bars.
            HistoricalDataError: Illegal arguments, or refused (TWS 162, 321).
        """
        meant = self._in_front(contract)
        return self._blocking.call(
            lambda ib: ib.get_historical_data(
                meant,
                duration=duration_str,
                bar_size=bar_size_setting,
                what_to_show=what_to_show,
                regular_hours_only=use_rth,
                end=end_date_time,
            )
        )

    def _in_front(self, contract: Contract | str) -> Contract | str:
        if (
            isinstance(contract, str)
            or contract.security_type is not SecurityType.FUTURE
            or contract.expiry
            or contract.local_symbol
            or contract.con_id is not None
        ):
            return contract
        config = IBKRFuturesServiceConfig(
            exchanges={} if contract.exchange == "SMART" else {contract.symbol: contract.exchange}
        )
        found = self._blocking.call(lambda ib: ib.futures.configured(config).front(contract.symbol))
        return found.contract

    # --- account and orders ---------------------------------------------------------------------

    def get_account_summary(self, account: str | None = None) -> AccountSummary:
        """Return the figures of an account: `cash, total_value, buying_power` and the rest."""
        return self._blocking.call(lambda ib: ib.get_account_summary(account))

    def get_positions(self, account: str | None = None) -> Sequence[Position]:
        """Return what is held; empty when nothing is."""
        return self._blocking.call(lambda ib: ib.get_positions(account))

    def place_order(self, order: AnyOrder | Mapping[str, Any], **options: Any) -> OrderReport:
        """
        Place an order exactly once, and return what became of it.

        Args:
            order: `symbol, quantity, action, order_type` and the rest, or an `OrderRequest`.
            options: Those of the connector's `place_order`, as in `wait="filled"`.

        Raises:
            ReadOnlyError: The configuration does not say `readonly=False`.
            RiskLimitError: A rule forbids it; every violation is named.
            OrderRejectedError: The broker refused it (TWS 201 and others).
            OrderUncertainError: What became of it is not known yet; the id is in the error.
        """
        return self._blocking.call(lambda ib: ib.place_order(order, **options))

    def modify_order(
        self, order_id: int, changes: Mapping[str, Any], **options: Any
    ) -> OrderReport:
        """Change an order that works, as in `{"limit_price": "101.5"}`, and wait for the answer."""
        return self._blocking.call(lambda ib: ib.modify_order(order_id, changes, **options))

    def cancel_order(self, order_id: int) -> OrderReport:
        """Cancel an order, and return what became of it: it may have been filled meanwhile."""
        return self._blocking.call(lambda ib: ib.cancel_order(order_id))

    def get_order_status(self, order_id: int) -> OrderReport:
        """Return what is known of an order: `order_id, status, filled_quantity` and the rest."""
        return self._blocking.call(lambda ib: ib.get_order_status(order_id))

    def wait_for_fill(self, order_id: int, *, timeout_s: float | None = None) -> OrderReport:
        """Wait until an order is filled or cannot be any more."""
        return self._blocking.call(lambda ib: ib.wait_for_fill(order_id, timeout_s=timeout_s))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} over {self.connector!r}>"


def snapshot_of(quote: Quote) -> dict[str, Decimal]:
    """Return what a quote says under the words of a snapshot."""
    said = {word: getattr(quote, field) for word, field in _FIGURES.items()}
    return {word: value for word, value in said.items() if value is not None}


def create_paper_broker(auto_connect: bool = True, **config: Any) -> InteractiveBrokersBroker:  # noqa: FBT001, FBT002  # as older programs call it
    """
    Return a broker that trades paper money, connected unless told otherwise.

    Raises:
        ConfigurationError: The configuration says otherwise.
        IBKRConnectionError: The gateway cannot be reached.
    """
    return _created(config, paper_trading=True, auto_connect=auto_connect)


def create_live_broker(auto_connect: bool = True, **config: Any) -> InteractiveBrokersBroker:  # noqa: FBT001, FBT002  # as older programs call it
    """
    Return a broker that trades real money, connected unless told otherwise.

    It still only reads without `readonly=False`, and trades only under a `risk_config.yaml`.

    Raises:
        ConfigurationError: The configuration says otherwise, or the account is a paper account.
        IBKRConnectionError: The gateway cannot be reached.
    """
    return _created(config, paper_trading=False, auto_connect=auto_connect)


def _created(
    config: Mapping[str, Any], *, paper_trading: bool, auto_connect: bool
) -> InteractiveBrokersBroker:
    settings = broker_settings(config, paper_trading=paper_trading)
    broker = InteractiveBrokersBroker.of(IBKRConnector.create(settings))
    if wants_logging(config):
        configure_logging(settings.log_level, form=settings.log_format)
    if auto_connect:
        broker._blocking.connect()
    return broker
