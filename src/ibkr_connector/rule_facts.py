"""
What the risk rules may ask: the market of a contract, the figures of an account.

The rules know neither desk; both meet here. A figure that is not known is `None`, and a rule that
needs it says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from .account.desk import AccountDesk
from .clock import Clock
from .errors import AccountError, IBKRError
from .gateway.borrowing import can_be_borrowed
from .gateway.port import Execution, GatewayEvent, HoldingsTold, PositionRow, SessionEnded
from .gateway.times import BadTimeError
from .instruments.hours import Stretch, hours_of
from .market.desk import MarketDesk
from .model.account import Position
from .model.contracts import Action, ContractDetails, SecurityType
from .model.making import quick
from .model.market import DataType
from .orders.equity_store import EquityStore
from .orders.paid_in import check_paid_in
from .orders.risk import AccountFacts, Needs, RiskFacts, RiskLimits
from .orders.risk.equity import EquityMarks
from .orders.risk.unshown import SHOWN_AFTER_S, Unshown, UnshownFill
from .orders.rule_book import RuleBook

__all__ = ["RuleFacts"]

_PAUSE_S: Final = 0.1
_MOST_STRETCHES: Final = 1024

_fill, _facts, _account_facts = quick(UnshownFill), quick(RiskFacts), quick(AccountFacts)


class RuleFacts:
    """The source of facts that the orders desk gives its rules."""

    def __init__(
        self,
        market: MarketDesk,
        account: AccountDesk,
        *,
        equity: EquityStore,
        rules: RuleBook,
        clock: Clock,
        request: Callable[[Callable[[Any], Awaitable[bool | None]]], Awaitable[bool | None]],
        is_block: Callable[[Execution], bool] = lambda execution: False,
    ) -> None:
        self._is_block = is_block
        self._market = market
        self._request = request
        self._account = account
        self._equity = equity
        self._rules = rules
        self._clock = clock
        self._unshown = Unshown()
        # what was said of a contract's hours, and how long it holds; held with its details, so
        # that an id is their own
        self._stretches: dict[tuple[int, bool], tuple[ContractDetails, Stretch]] = {}

    def note(self, event: GatewayEvent) -> None:
        """Follow which executions the positions do not show yet."""
        if isinstance(event, Execution):
            # the legs of a combination are told too, and they are what is held
            is_combo = event.contract.security_type is SecurityType.COMBO
            if not is_combo and not self._is_block(event):
                self._unshown.executed(event.account, self._fill(event))
        elif isinstance(event, PositionRow):
            self._unshown.told(*event.key, event.quantity)
        elif isinstance(event, HoldingsTold):
            held = event.positions.items()
            self._unshown.told_all({key: row.quantity for key, row in held})
        elif isinstance(event, SessionEnded):
            self._unshown.session_ended()

    def _fill(self, execution: Execution) -> UnshownFill:
        return _fill(
            contract=execution.contract,
            action=execution.action,
            quantity=execution.quantity,
            price=execution.price,
            exec_id=execution.exec_id,
            at=self._clock.utcnow(),
        )

    async def settled_positions(self) -> tuple[Position, ...]:
        """
        Ask the broker what all accounts hold, again until that shows what was executed.

        Bounded: after some seconds it is believed, whatever it shows.
        """
        ends_at = self._clock.monotonic() + SHOWN_AFTER_S
        while True:
            rows = await self._account.ask_positions()
            behind = self._unshown.is_behind(self._clock.utcnow())
            if not behind or self._clock.monotonic() >= ends_at:
                return rows
            await self._clock.sleep(_PAUSE_S)

    async def facts(
        self, details: ContractDetails, *, account: str, needs: Needs, extended: bool
    ) -> RiskFacts:
        view = self._account.view
        known = _facts(
            net_liquidation=view.summary(account).total_value,
            exchange_rate=view.exchange_rate(account, details.contract.currency),
            is_open=self.is_open(details, extended=extended) if needs.session else None,
        )
        if details.contract.legs:
            of_leg = partial(self.facts, account=account, needs=replace(needs, price=True))
            legs = [
                await of_leg(replace(details, contract=contract), extended=extended)
                for contract, _, _ in details.contract.parts(Action.BUY)
            ]
            known = replace(known, legs=tuple(legs))
        if needs.shortable:
            asked = partial(can_be_borrowed, contract=details.contract)
            known = replace(known, shortable=await self._request(asked))
        if not needs.price:
            return known
        try:
            quote = await self._market.quote(details.contract, awaits_greeks=False)
        except IBKRError as error:
            return replace(known, missing=error.message)
        seen = [p for p in (quote.bid, quote.ask, quote.last, quote.close) if p is not None]
        return replace(
            known,
            # the dearest price in sight bounds what a market order can cost
            price=max((abs(price) for price in seen), default=None),
            bid=quote.bid,
            ask=quote.ask,
            last=quote.last,
            quoted_at=quote.timestamp,
            is_live=quote.data_type is DataType.LIVE,
            halted=quote.halted,
        )

    def account_facts(self, account: str, limits: RiskLimits) -> AccountFacts:
        view = self._account.view
        try:
            summary = view.summary(account)
        except IBKRError:
            worth, power = None, None
        else:
            worth, power = summary.total_value, summary.buying_power
        # what an earlier session told is good for shares, and for no word about losses
        is_of_now = view.knows_worth(account)
        if worth is not None and is_of_now:
            self._equity.observe(account, worth, self._rules.limits_of_account(account))
        # what closes is told from what opens by them alone, also where no worth is known
        marks = self._equity.marks(account)
        start = marks if is_of_now else None
        now = self._clock.utcnow()
        return _account_facts(
            now=now,
            rate=partial(view.exchange_rate, account),
            positions=view.positions(account) if view.knows_positions else None,
            net_liquidation=worth,
            buying_power=power if is_of_now else None,
            day_start=None if start is None else start.day_start,
            peak=None if start is None else start.peak,
            halted_until=None if marks is None else marks.halted_until,
            unshown=self._unshown.units(account, now),
        )

    def observe(self, account: str) -> None:
        if (worth := self._account.view.worth(account)) is not None:
            self._equity.observe(account, worth, self._rules.limits_of_account(account))

    def adjust(
        self, account: str, amount: object, *, arrived: object = None, key: str = ""
    ) -> EquityMarks | None:
        """
        Take in that money was paid in or out, and what the account is worth with it.

        Raises:
            AccountError: There is no such amount, or the worth is not known.
        """
        number, moment = check_paid_in(amount, arrived or self._clock.utcnow())
        worth = self._account.summary(account).total_value
        if worth is None:
            raise AccountError("the account's worth is not known", hint="wait for its figures")
        self.observe(account)
        limits = self._rules.limits_of_account(account)
        return self._equity.adjust(
            account, number, arrived=moment, worth=worth, limits=limits, key=key
        )

    def is_open(self, details: ContractDetails, *, extended: bool) -> bool | None:
        """Tell whether a market is open now, in all of its hours or the regular ones."""
        now, asked = self._clock.utcnow(), (id(details), extended)
        known = self._stretches.get(asked)
        if known is not None and known[0] is details and known[1].start <= now < known[1].end:
            return known[1].is_open
        try:
            stretch = hours_of(details, regular=not extended).stretch_at(now)
        except BadTimeError:
            return None
        if len(self._stretches) >= _MOST_STRETCHES:
            self._stretches.clear()
        self._stretches[asked] = details, stretch
        return stretch.is_open
