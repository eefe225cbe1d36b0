# mypy: disallow-untyped-calls=False
# ib_async's request methods and callbacks are not typed.

"""
The two subscriptions of a session to accounts: the summary of all, and the window of one.

Each is opened once and then kept, because TWS counts them: two summaries by id, of which a
cancelled one may go on counting (facts, account summary: 322), and one window per connection. The
summary has the same id in every session. Where it is refused all the same, the figures are taken
from the windows, one account after the other. What else is asked about accounts is held here too.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from ibkr_connector.errors import IBKRConnectionError, IBKRError
from ibkr_connector.model.account import AccountValue
from ibkr_connector.resilience.single_flight import SingleFlight

from .account_asking import AccountQuestions
from .account_lines import PnLLines
from .asking import ask
from .client import GatewayClient
from .port import PortfolioRow
from .wrapper import GatewayWrapper

__all__ = ["AccountSubscriptions"]

_log = logging.getLogger(__name__)

_SUMMARY_TAGS: Final = (
    "AccountType,NetLiquidation,TotalCashValue,SettledCash,AccruedCash,BuyingPower,"
    "EquityWithLoanValue,PreviousDayEquityWithLoanValue,GrossPositionValue,RegTEquity,RegTMargin,"
    "SMA,InitMarginReq,MaintMarginReq,AvailableFunds,ExcessLiquidity,Cushion,FullInitMarginReq,"
    "FullMaintMarginReq,FullAvailableFunds,FullExcessLiquidity,LookAheadNextChange,"
    "LookAheadInitMarginReq,LookAheadMaintMarginReq,LookAheadAvailableFunds,"
    "LookAheadExcessLiquidity,HighestSeverity,DayTradesRemaining,Leverage,$LEDGER:ALL"
)
"""Every figure of the summary (ibapi account_summary_tags.py), and the ledger of each currency."""


class AccountSubscriptions:
    """Opens them when first asked, and again when the broker has lost them."""

    def __init__(self, client: GatewayClient, wrapper: GatewayWrapper) -> None:
        self._client = client
        self._wrapper = wrapper
        self.pnl = PnLLines(client, wrapper.requests)
        self.questions = AccountQuestions(
            client, wrapper.requests, advisor=wrapper.advisor, family=wrapper.family
        )
        wrapper.pnl_error = self.pnl.error
        self._flights = SingleFlight()
        self._summary_open = False
        self._summary_refused = False
        self._window_turn = asyncio.Lock()
        self._window_account: str | None = None

    def forget(self) -> None:
        """The broker has lost what we subscribed to; the next call asks anew, by the same id."""
        self._summary_open = False
        self._window_account = None

    async def summary(self) -> tuple[AccountValue, ...]:
        """Return the figures of every account as last told."""
        if not self._summary_open and not self._summary_refused:
            try:
                await self._flights.run("account_summary", self._open_summary)
            except IBKRConnectionError:
                raise
            except IBKRError as refused:
                # Not asked again in this session: each new try may take a slot that is never freed.
                self._summary_refused = True
                _log.warning("account figures come from the account windows: %s", refused)
        if self._summary_refused:
            for account in self._client.getAccounts():
                await self.portfolio(account)
            return tuple(self._wrapper.figures.values.values())
        return tuple(self._wrapper.summary.values())

    async def portfolio(self, account: str) -> tuple[PortfolioRow, ...]:
        """Return the lines of one account's window as last told."""
        async with self._window_turn:
            if self._window_account != account:
                await self._open_window(account)
        return tuple(row for key, row in self._wrapper.window_rows.items() if key[0] == account)

    async def _open_summary(self) -> None:
        self._wrapper.summary.clear()
        await ask(
            self._client,
            self._wrapper.requests,
            "account_summary",
            send=lambda number: self._client.reqAccountSummary(number, "All", _SUMMARY_TAGS),
            stop=self._client.cancelAccountSummary,
            request_id=self._wrapper.requests.constant_id,
        )
        self._summary_open = True

    async def _open_window(self, account: str) -> None:
        self._window_account = None
        self._wrapper.window_rows.clear()
        try:
            await self._wrapper.window.ask(
                lambda: self._client.reqAccountUpdates(True, account)  # noqa: FBT003  # IB's order
            )
            self._window_account = account
        finally:
            if self._window_account is None and self._client.isReady():
                self._client.reqAccountUpdates(False, account)  # noqa: FBT003  # IB's order
