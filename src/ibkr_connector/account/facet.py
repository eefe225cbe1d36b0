"""Accounts as users hold them: `ib.portfolio`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from ibkr_connector.model.account import (
    AccountSegment,
    AccountSummary,
    CurrencyBalance,
    PnLCheck,
    Position,
    PositionPnL,
    ProfitAndLoss,
)
from ibkr_connector.model.account_changes import AccountChange
from ibkr_connector.model.account_history import EquityHistory, KeepingState, PositionHistory
from ibkr_connector.model.advisor import AdvisorGroup, SoftDollarTier
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.ids import ConId

from .changes import BUFFER
from .stream import AccountStream, Seat, TakeSeat

if TYPE_CHECKING:
    from ibkr_connector.model.analytics import (
        Concentration,
        DailyPnL,
        Drawdown,
        Exposure,
        ReturnSeries,
    )

    from .desk import AccountDesk
    from .keeper import AccountKeeper

__all__ = ["Portfolio"]

T = TypeVar("T")


class Parts(Protocol):
    """What is needed of the engine."""

    @property
    def account(self) -> AccountDesk:
        """Figures, positions, profit and loss."""
        ...

    @property
    def keeper(self) -> AccountKeeper:
        """Their history."""
        ...


class Hop(Protocol):
    """Runs something on the engine's loop."""

    def __call__(self, do: Callable[[Parts], Awaitable[T]], /) -> Coroutine[Any, Any, T]:
        """Run it and return what it returns."""
        ...


class Portfolio:
    """
    What accounts are worth, hold and gain.

    `account` may be left out where the login has one, or `IBKR_ACCOUNT_ID` names one. Every record
    has `as_of`, when it was told, and `source`, by whom.
    """

    def __init__(self, hop: Hop) -> None:
        self._hop = hop

    # --- figures --------------------------------------------------------------------------------

    async def summary(self, account: str | None = None) -> AccountSummary:
        """
        Return the figures of one account, as `get_account_summary`.

        Raises:
            AccountError: No such account, or several and none was named.
            NotConnectedError: There is no connection.

        Source: `reqAccountSummary` (62) and the account window, kept current. Cost: none.
        """
        return await self._read(lambda desk: desk.summary(desk.choose(account)))

    async def summaries(self) -> tuple[AccountSummary, ...]:
        """Return the figures of every account of the login; an advisor's own comes first."""
        return await self._read(lambda desk: desk.summaries())

    async def balances(self, account: str | None = None) -> tuple[CurrencyBalance, ...]:
        """Return one account's ledger of each currency; the row of all (`BASE`) comes last."""
        return await self._read(lambda desk: desk.view.balances(desk.choose(account)))

    async def segments(self, account: str | None = None) -> tuple[AccountSegment, ...]:
        """
        Return the parts of one account: securities, commodities, crypto.

        They are told by the account window alone, which is read at each start and kept open for
        one account.
        """
        return await self._read(lambda desk: desk.view.segments(desk.choose(account)))

    # --- positions ------------------------------------------------------------------------------

    async def positions(self, account: str | None = None) -> tuple[Position, ...]:
        """
        Return what one account holds: the configured one, or all when not given; empty when flat.

        Raises:
            AccountError: No such account, or positions have not been told yet.
            NotConnectedError: There is no connection.

        Source: `reqPositions` (61), kept current; prices come from the account window. Cost: none.
        """
        return await self._read(lambda desk: desk.positions(desk.choose_or_all(account)))

    async def position(
        self, contract: Contract | str, *, account: str | None = None
    ) -> Position | None:
        """Return what one account holds of a contract; `None` when nothing."""
        return await self._hop(lambda engine: engine.account.position(contract, account))

    def stream_changes(
        self, account: str | None = None, *, buffer: int = BUFFER
    ) -> AccountStream[AccountChange]:
        """
        Follow every change of positions and figures: `async for change in ...stream_changes()`.

        Args:
            account: One account; all of them when not given.
            buffer: How many changes may wait; what is dropped is told as `ChangesMissed`.
        """

        async def follow(engine: Parts, taken: Callable[[Seat[Any]], None]) -> Seat[Any]:
            chosen = engine.account.choose_or_all(account)
            return engine.account.follow_changes(chosen, buffer, taken)

        return AccountStream(self._seat(follow))

    # --- profit and loss ------------------------------------------------------------------------

    async def pnl(self, account: str | None = None, *, model: str = "") -> ProfitAndLoss:
        """
        Return today's profit and loss of an account, or of a model in it.

        The first call opens a subscription, which takes about a second; it stays open.

        Raises:
            AccountError: No such account, or the gateway refuses it.
            RequestTimeoutError: Nothing was computed within ten seconds.
            NotConnectedError: There is no connection.

        Source: `reqPnL` (92). Replay: safe. Cost: 1 message the first time.
        """
        return await self._hop(lambda engine: engine.account.account_pnl(account, model))

    async def position_pnl(
        self, contract: Contract | str, *, account: str | None = None, model: str = ""
    ) -> PositionPnL:
        """
        Return today's profit and loss of one position, in the contract's currency.

        Raises:
            AccountError: No such account, or the contract is a combination.
            ContractNotFoundError, AmbiguousContractError: The contract is not clear.
            RequestTimeoutError: IB says nothing of a contract that it does not know.

        Source: `reqPnLSingle` (94). Replay: safe. Cost: 2 messages, none while it is followed.
        """
        told = await self._hop(lambda engine: engine.account.position_pnl(contract, account, model))
        return cast("PositionPnL", told)

    async def check_pnl(self, account: str | None = None) -> PnLCheck:
        """
        Return the broker's profit and loss beside what follows from positions and executions.

        `divergence` is how far they are apart; a moment after a trade that is more than nothing,
        because the broker's figures come about once a second.

        Source: `reqPnL` (92), positions, prices, executions and commissions. Cost: as `pnl`.
        """
        return await self._hop(lambda engine: engine.account.check_pnl(account))

    def stream_pnl(
        self, account: str | None = None, *, model: str = ""
    ) -> AccountStream[ProfitAndLoss]:
        """
        Follow the profit and loss of an account; a slow reader gets the newest.

        It survives lost connections: what was known last is told once more with `is_live` unset,
        and live figures follow when it is restored.
        """

        def follow(engine: Parts, taken: Callable[[Seat[Any]], None]) -> Awaitable[Seat[Any]]:
            return engine.account.follow_pnl(account, model, taken)

        return AccountStream(self._seat(follow))

    def stream_position_pnl(
        self, contract: Contract | str, *, account: str | None = None, model: str = ""
    ) -> AccountStream[PositionPnL]:
        """Follow the profit and loss of one position; as `stream_pnl`."""

        def follow(engine: Parts, taken: Callable[[Seat[Any]], None]) -> Awaitable[Seat[Any]]:
            return engine.account.follow_position_pnl(contract, account, model, taken=taken)

        return AccountStream(self._seat(follow))

    # --- over time ------------------------------------------------------------------------------

    async def equity_history(
        self,
        account: str | None = None,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> EquityHistory:
        """
        Return what an account was worth over time, and what was paid in and out.

        Args:
            account: May be left out where there is one.
            start: Aware; from the beginning when not given.
            end: Aware, not included; until now when not given.

        Raises:
            AccountError: No such account.
            ConfigurationError: The database cannot be used.

        Source: our database, written at changes, `account_history_s` apart, and at each day's end.
        """
        return await self._hop(
            lambda engine: engine.keeper.equity(engine.account.choose(account), start, end)
        )

    async def position_history(
        self,
        account: str | None = None,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        con_id: int | None = None,
    ) -> PositionHistory:
        """Return what an account held over time, or of one contract; as `equity_history`."""
        wanted = None if con_id is None else ConId(con_id)
        return await self._hop(
            lambda engine: engine.keeper.held(
                engine.account.choose(account), start, end, con_id=wanted
            )
        )

    async def history_state(self) -> KeepingState:
        """Return whether the history is kept, and what is in the way of it."""

        async def reading(engine: Parts) -> KeepingState:
            return engine.keeper.state

        return await self._hop(reading)

    # --- what follows from them -----------------------------------------------------------------

    async def exposure(self, account: str | None = None) -> Exposure:
        """Return what one account holds at market prices: long, short, by class and symbol."""
        return await self._read(lambda desk: desk.exposure(desk.choose(account)))

    async def concentration(self, account: str | None = None) -> Concentration:
        """Return how unevenly that is spread over symbols: weights, HHI, the largest."""
        from .analytics import concentration  # noqa: PLC0415  # for whoever asks

        return concentration(await self.exposure(account))

    async def returns(
        self,
        account: str | None = None,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> ReturnSeries:
        """
        Return time-weighted returns by day, from the history that is kept.

        Money that `adjust_equity` or `ibkr paid-in` told of is neither gain nor loss.
        """
        from .analytics import returns  # noqa: PLC0415  # as above

        return returns(await self.equity_history(account, start=start, end=end))

    async def drawdown(
        self,
        account: str | None = None,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Drawdown:
        """Return how far an account was below its highest, at each point and at most."""
        from .analytics import drawdown  # noqa: PLC0415  # as above

        return drawdown(await self.equity_history(account, start=start, end=end))

    async def daily_pnl(
        self,
        account: str | None = None,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> DailyPnL:
        """Return realised and unrealised gains by day, from the history that is kept."""
        from .analytics import daily_pnl  # noqa: PLC0415  # as above

        return daily_pnl(await self.equity_history(account, start=start, end=end))

    # --- advisors and models --------------------------------------------------------------------

    async def groups(self) -> tuple[AdvisorGroup, ...]:
        """
        Return an advisor's groups, among which an order's quantity can be divided.

        Raises:
            AccountError: The login is no advisor's (TWS 321).

        Source: `requestFA` (18). Replay: safe. Cost: 1 message.
        """
        return await self._hop(lambda engine: engine.account.advisor.groups())

    async def profiles(self) -> tuple[AdvisorGroup, ...]:
        """Return allocation profiles; servers from 177 on have groups alone (TWS 585)."""
        return await self._hop(lambda engine: engine.account.advisor.profiles())

    async def aliases(self) -> Mapping[str, str]:
        """Return the other names of an advisor's accounts."""
        return await self._hop(lambda engine: engine.account.advisor.aliases())

    async def replace_groups(self, groups: Iterable[AdvisorGroup]) -> None:
        """
        Set an advisor's groups; those that are not given are gone.

        Raises:
            AccountError: A group is not whole, or has an account that is not the advisor's
                (TWS 10231).

        Source: `replaceFA` (19). Replay: never. Cost: 1 message.
        """
        made = tuple(groups)
        await self._hop(lambda engine: engine.account.advisor.replace_groups(made))

    async def replace_aliases(self, aliases: Mapping[str, str]) -> None:
        """Set the other names of an advisor's accounts; those that are not given are gone."""
        made = dict(aliases)
        await self._hop(lambda engine: engine.account.advisor.replace_aliases(made))

    async def families(self) -> Mapping[str, str]:
        """Return the family code of each account that has one. Source: `reqFamilyCodes` (80)."""
        return await self._hop(lambda engine: engine.account.advisor.families())

    async def soft_dollar_tiers(self) -> tuple[SoftDollarTier, ...]:
        """
        Return the tiers of the login's soft-dollar contracts, for orders; empty without a contract.

        Source: `reqSoftDollarTiers` (79). Replay: safe. Cost: 1 message.
        """
        return await self._hop(lambda engine: engine.account.advisor.soft_dollar_tiers())

    async def models(self, account: str | None = None) -> tuple[str, ...]:
        """
        Return the models in which an account holds anything.

        *limit*: TWS has no list of models; one that holds nothing is not found.

        Source: `reqPositionsMulti` (74). Cost: 2 messages.
        """
        return await self._hop(lambda engine: engine.account.advisor.models(account))

    async def model_positions(
        self, model: str, *, account: str | None = None
    ) -> tuple[Position, ...]:
        """Return what an account holds in a model. Source: `reqPositionsMulti` (74)."""
        return await self._hop(
            lambda engine: engine.account.advisor.model_positions(model, account)
        )

    async def model_summary(self, model: str, *, account: str | None = None) -> AccountSummary:
        """Return the figures of a model. Source: `reqAccountUpdatesMulti` (76)."""
        return await self._hop(lambda engine: engine.account.advisor.model_summary(model, account))

    # --- inside ---------------------------------------------------------------------------------

    async def _read(self, read: Callable[[AccountDesk], T]) -> T:
        async def reading(engine: Parts) -> T:
            return read(engine.account)

        return await self._hop(reading)

    def _seat(
        self, follow: Callable[[Parts, Callable[[Seat[Any]], None]], Awaitable[Seat[Any]]]
    ) -> TakeSeat[Any]:
        return lambda taken: self._hop(lambda engine: follow(engine, taken))
