"""Ask for account figures and positions, and answer from the view."""

from __future__ import annotations

from ibkr_connector.clock import Clock
from ibkr_connector.errors import AccountError
from ibkr_connector.gateway.port import AccountGateway, GatewayEvent
from ibkr_connector.model.account import AccountSummary, Position
from ibkr_connector.resilience.operation import ENDPOINTS, Operation
from ibkr_connector.resilience.pipeline import Pipeline

from .view import AccountView

__all__ = ["AccountDesk"]


class AccountDesk:
    """Answer questions about accounts; the figures come from event-driven caches."""

    def __init__(self, *, gateway: AccountGateway, pipeline: Pipeline, clock: Clock) -> None:
        self._gateway = gateway
        self._pipeline = pipeline
        self._clock = clock
        self.view = AccountView()

    def apply(self, event: GatewayEvent) -> None:
        """Take one event of the session."""
        self.view.apply(event, self._clock.utcnow())

    async def sync_values(self) -> None:
        """Ask for the summary of all accounts and start the caches again from the answer."""
        values = await self._pipeline.run(
            Operation(policy=ENDPOINTS["account_summary"], call=self._gateway.account_values)
        )
        self.view.replace_values(values, self._clock.utcnow())

    async def sync_positions(self) -> None:
        """Ask for all positions and start the cache again from the answer."""
        rows = await self._pipeline.run(
            Operation(policy=ENDPOINTS["positions"], call=self._gateway.positions)
        )
        self.view.replace_positions(rows, self._clock.utcnow())

    async def sync_portfolio(self, account: str) -> None:
        """Open the account window of one account, which brings market prices of its positions."""
        rows = await self._pipeline.run(
            Operation(
                policy=ENDPOINTS["portfolio"],
                call=lambda: self._gateway.portfolio(account),
            )
        )
        self.view.replace_portfolio(account, rows, self._clock.utcnow())

    def summary(self, account: str) -> AccountSummary:
        """Return the figures of one account."""
        return self.view.summary(account)

    async def ask_positions(self) -> tuple[Position, ...]:
        """Ask the broker what all accounts hold now."""
        await self.sync_positions()
        return self.positions(None)

    def positions(self, account: str | None) -> tuple[Position, ...]:
        """Return what one account holds, or all of them for `None`."""
        return self.view.positions(account)


def choose_account(asked: str | None, preset: str | None, accounts: tuple[str, ...]) -> str:
    """
    Return the account that a call means.

    Raises:
        AccountError: The login has several and none was named, or the named one is not among them.
    """
    wanted = asked or preset
    if wanted is None:
        if len(accounts) == 1:
            return accounts[0]
        raise AccountError(
            f"this login has {len(accounts)} accounts and none was named",
            hint="pass account=..., or set IBKR_ACCOUNT_ID",
        )
    if wanted not in accounts:
        raise AccountError(
            "the account asked for is not one of this login's",
            hint="check IBKR_ACCOUNT_ID against the accounts in get_connection_status()",
        )
    return wanted
