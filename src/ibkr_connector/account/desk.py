"""
Ask for account figures and positions, and answer from the view.

Owns the way of every account event: into the caches, the day's book, profit and loss, and to
whoever follows changes. Figures that a session brings and that a quiet afternoon brings go the same
way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from ibkr_connector.clock import Clock
from ibkr_connector.errors import AccountError, NotConnectedError
from ibkr_connector.gateway.account_port import AccountAsking, PnLGateway, PnLRequest
from ibkr_connector.gateway.port import (
    AccountGateway,
    CommissionReported,
    Execution,
    FiguresTold,
    GatewayEvent,
    HoldingsTold,
    PortfolioRow,
    PositionRow,
    SessionEnded,
)
from ibkr_connector.model.account import AccountSummary, PnLCheck, Position, ProfitAndLoss
from ibkr_connector.model.account_changes import AccountChange
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.ids import ConId
from ibkr_connector.resilience.operation import ENDPOINTS, Operation
from ibkr_connector.resilience.pipeline import Pipeline

from .advisor_desk import AdvisorDesk
from .changes import BUFFER, ChangeFeed
from .late_reader import LateReader
from .pnl import PnLDesk, Told
from .reckoning import DayBook, reckon
from .stream import Seat
from .view import AccountView
from .windows import Windows

if TYPE_CHECKING:
    from ibkr_connector.model.analytics import Exposure

__all__ = ["AccountDesk", "choose_account"]

Starts = Mapping[ConId | None, tuple[Decimal, Decimal]]
"""Quantity and market value of positions when the day began."""


class Gateway(AccountGateway, PnLGateway, Protocol):
    """What is needed of the gateway."""

    @property
    def accounts(self) -> AccountAsking:
        """Questions about models and an advisor's lists."""
        ...


class AccountDesk:
    """
    Answer questions about accounts; the figures come from event-driven caches.

    Args:
        gateway: Who is asked.
        pipeline: The way there.
        clock: Time of what is told.
        accounts: The accounts of the login; empty without a session.
        preset: The account that the settings name.
        resolve: Returns the details of a contract.
    """

    def __init__(
        self,
        *,
        gateway: Gateway,
        pipeline: Pipeline,
        clock: Clock,
        accounts: Callable[[], tuple[str, ...]] = lambda: (),
        preset: str | None = None,
        resolve: Callable[[Contract | str], Awaitable[ContractDetails]],
    ) -> None:
        self._gateway = gateway
        self._pipeline = pipeline
        self._clock = clock
        self._accounts = accounts
        self._preset = preset
        self._resolve = resolve
        self.view = AccountView()
        self._late = LateReader()
        self.changes = ChangeFeed()
        self.day = DayBook()
        self.pnl = PnLDesk(gateway=gateway, pipeline=pipeline, clock=clock, currency=self._currency)
        self.advisor = AdvisorDesk(
            gateway=lambda: gateway.accounts, pipeline=pipeline, clock=clock, choose=self.choose
        )
        self._has_values = False
        self.windows = Windows(
            read=self.sync_portfolio,
            accounts=accounts,
            preset=preset,
            holds=lambda: self.view.owners,
            clock=clock,
        )
        self.starts: dict[str, Starts] = {}
        """What positions were worth when the day began, by account, where that is known."""

        self.on_touched: Callable[[str], None] = lambda account: None
        """Told of each account of which anything has come."""

    # --- what comes -----------------------------------------------------------------------------

    def apply(self, event: GatewayEvent) -> None:
        """Take one event of the session."""
        now = self._clock.utcnow()
        match event:
            case FiguresTold():
                if self.changes.is_heard:
                    self._tell_figures(event, now)
                else:
                    self.view.apply(event, now)
                self.on_touched(event.account)
            case PositionRow() | PortfolioRow():
                # a price is that of every account that holds the contract; the others stay
                con_id, heard = event.contract.con_id, self.changes.is_heard
                held = self.view.held_of(con_id) if heard else {}
                self.view.apply(event, now)
                if heard:
                    # the rows of an answer come as events too
                    asked = not self.view.knows_positions
                    after = self.view.held_of(con_id)
                    self.changes.compare(held, after, at=now, recovered=asked)
                self.on_touched(event.account)
                if isinstance(event, PositionRow):
                    self.windows.note(event.account)
            case HoldingsTold() if self.changes.is_heard:
                for position in event.positions.values():
                    self.apply(position)
                for line in event.lines.values():
                    self.apply(line)
            case HoldingsTold():
                self.view.apply(event, now)
                for account in event.accounts:
                    self.on_touched(account)
                    if event.positions:
                        self.windows.note(account)
            case Execution():
                self.day.execution(event, now)
            case CommissionReported():
                self.day.commission(event, now)
            case _:
                if isinstance(event, SessionEnded):
                    self._has_values = False
                self.view.apply(event, now)
                self.pnl.note(event)

    def _tell_figures(self, told: FiguresTold, now: datetime) -> None:
        for value in told.values.values():
            before = self.view.value(value)
            self.view.apply(FiguresTold.of(value), now)
            self.changes.figure(before, value, at=now, recovered=not self._has_values)

    def take_executions(self, rows: tuple[Execution, ...]) -> None:
        """Take executions that were asked for; their commissions have come as events."""
        now = self._clock.utcnow()
        for row in rows:
            self.day.execution(row, now)

    # --- synchronising --------------------------------------------------------------------------

    async def sync_values(self) -> None:
        """Ask for the summary of all accounts and start the caches again from the answer."""
        values = await self._pipeline.run(
            Operation(policy=ENDPOINTS["account_summary"], call=self._gateway.account_values)
        )
        now = self._clock.utcnow()
        if self.changes.is_heard:
            for value in values:
                self.changes.figure(self.view.value(value), value, at=now, recovered=True)
        self.view.replace_values(values, now)
        self._has_values = True
        self._touched()

    async def sync_positions(self) -> None:
        """Ask for all positions and start the cache again from the answer."""
        rows = await self._pipeline.run(
            Operation(policy=ENDPOINTS["positions"], call=self._gateway.positions)
        )
        now, heard = self._clock.utcnow(), self.changes.is_heard
        held = self.view.held if heard else {}
        self.view.replace_positions(rows, now)
        if heard:
            self.changes.compare(held, self.view.held, at=now, recovered=True)
        self._touched()

    async def sync_portfolio(self, account: str) -> None:
        """Open the account window of one account, which brings market prices of its positions."""
        rows = await self._pipeline.run(
            Operation(
                policy=ENDPOINTS["portfolio"],
                call=lambda: self._gateway.portfolio(account),
            )
        )
        self.view.replace_portfolio(account, rows, self._clock.utcnow())
        self._late.begin(self.view.rows)
        self.on_touched(account)

    def _touched(self) -> None:
        for account in self.view.accounts:
            self.on_touched(account)

    # --- answers --------------------------------------------------------------------------------

    def choose(self, account: str | None) -> str:
        """
        Return the account that a call means.

        Raises:
            AccountError: The login has several and none was named, or it has no such account.
            NotConnectedError: There is no connection, so nobody knows its accounts.
        """
        accounts = self._accounts()
        if not accounts:
            raise NotConnectedError("account figures are not served without a connection")
        return choose_account(account, self._preset, accounts)

    def choose_or_all(self, account: str | None) -> str | None:
        """As `choose`, but several of which none was named are all of them: `None`."""
        if account is None and self._preset is None:
            self._need_session()
            return None
        return self.choose(account)

    def summary(self, account: str) -> AccountSummary:
        """Return the figures of one account."""
        return self.view.summary(account)

    def summaries(self) -> tuple[AccountSummary, ...]:
        """Return the figures of every account of the login."""
        self._need_session()
        known = set(self.view.accounts)
        return tuple(self.view.summary(one) for one in self._accounts() if one in known)

    async def ask_positions(self) -> tuple[Position, ...]:
        """Ask the broker what all accounts hold now."""
        await self.sync_positions()
        return self.positions(None)

    def positions(self, account: str | None) -> tuple[Position, ...]:
        """Return what one account holds, or all of them for `None`."""
        return self.view.positions(account)

    async def position(self, contract: Contract | str, account: str | None) -> Position | None:
        """Return what an account holds of one contract; `None` when nothing."""
        chosen = self.choose(account)
        wanted = (await self._resolve(contract)).contract.con_id
        rows = self.positions(chosen)
        return next((one for one in rows if one.contract.con_id == wanted), None)

    # --- profit and loss ------------------------------------------------------------------------

    async def account_pnl(self, account: str | None, model: str) -> ProfitAndLoss:
        """Return the broker's profit and loss of an account."""
        told = await self.pnl.read(PnLRequest(account=self.choose(account), model=model))
        assert isinstance(told, ProfitAndLoss)
        return told

    async def position_pnl(self, contract: Contract | str, account: str | None, model: str) -> Told:
        """Return the broker's profit and loss of one position."""
        request, found = await self._of_position(contract, account, model)
        return await self.pnl.read(request, found)

    async def follow_pnl(
        self, account: str | None, model: str, taken: Callable[[Seat[Told]], None]
    ) -> Seat[Told]:
        """Take a place at the profit and loss of an account."""
        request = PnLRequest(account=self.choose(account), model=model)
        return await self.pnl.join(request, taken=taken)

    async def follow_position_pnl(
        self,
        contract: Contract | str,
        account: str | None,
        model: str,
        *,
        taken: Callable[[Seat[Told]], None],
    ) -> Seat[Told]:
        """Take a place at the profit and loss of one position."""
        request, found = await self._of_position(contract, account, model)
        return await self.pnl.join(request, found, taken=taken)

    def follow_changes(
        self, account: str | None, buffer: int, taken: Callable[[Seat[AccountChange]], None]
    ) -> Seat[AccountChange]:
        """Take a place at the changes of one account, or of all for `None`."""
        seat = self.changes.join(account, buffer or BUFFER)
        taken(seat)
        return seat

    async def check_pnl(self, account: str | None) -> PnLCheck:
        """Return the broker's profit and loss beside ours."""
        chosen = self.choose(account)
        broker = await self.account_pnl(chosen, "")
        ours, missing = self.reckon(chosen)
        return PnLCheck(broker=broker, ours=ours, missing=missing)

    def daily_pnl(self, account: str) -> Decimal | None:
        """Return the day's gain: the broker's where it is followed, otherwise ours if known."""
        told = self.pnl.newest(PnLRequest(account=account))
        if told is not None and told.is_live and told.daily is not None:
            return told.daily
        try:
            return self.reckon(account)[0].daily
        except AccountError:
            return None

    def reckon(self, account: str) -> tuple[ProfitAndLoss, tuple[str, ...]]:
        """Compute the profit and loss of an account here, and say what is missing for it."""
        now = self._clock.utcnow()
        return reckon(
            account,
            self.positions(account),
            self.day.traded(account, now),
            rate=lambda currency: self.view.exchange_rate(account, currency),
            starts=self.starts.get(account, {}),
            now=now,
            currency=self._currency(account),
        )

    def exposure(self, account: str) -> Exposure:
        """Return what an account holds at market prices."""
        from .analytics import exposure  # noqa: PLC0415  # for whoever asks

        summary = self.summary(account)
        return exposure(
            account,
            self.positions(account),
            rate=lambda currency: self.view.exchange_rate(account, currency),
            currency=summary.currency,
            net_liquidation=summary.total_value,
            as_of=self._clock.utcnow(),
        )

    async def aclose(self) -> None:
        """End every stream; idempotent."""
        self._late.close()
        self.changes.close()
        await self.windows.aclose()
        await self.pnl.aclose()

    async def _of_position(
        self, contract: Contract | str, account: str | None, model: str
    ) -> tuple[PnLRequest, Contract]:
        chosen = self.choose(account)
        found = (await self._resolve(contract)).contract
        if found.con_id is None:
            raise AccountError(
                f"{found} is no single contract, so that no position of it has a gain of its own",
                hint="ask for the legs",
            )
        return PnLRequest(account=chosen, model=model, con_id=found.con_id), found

    def _currency(self, account: str) -> str:
        return self.view.base_currency(account)

    def _need_session(self) -> None:
        if not self._accounts():
            raise NotConnectedError("account figures are not served without a connection")


def choose_account(asked: str | None, preset: str | None, accounts: tuple[str, ...]) -> str:
    """
    Return the account that a call means.

    Raises:
        AccountError: The login has several and none was named, or the named one is not among them.
    """
    if asked is not None and not isinstance(asked, str):
        raise AccountError(
            f"account must be text; got {asked!r}",
            hint="the account comes first; name the times, as in equity_history(start=...)",
        )
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
