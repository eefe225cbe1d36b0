"""
Whether an order may go: the first step of the protocol, which leaves nothing behind.

Owns: the reasons for which trading is stopped, the choice of the account, and in which order an
order is examined.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from ibkr_connector.errors import (
    NotConnectedError,
    OrderValidationError,
    ReadOnlyError,
    RiskLimitError,
    TradingHaltedError,
)
from ibkr_connector.gateway.port import OrderTicket
from ibkr_connector.model.advisor import AdvisorGroup
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.making import quick
from ibkr_connector.model.orders import OrderRequest, SendDisposition
from ibkr_connector.model.preview import RuleVerdict, Verdict, WhatIf

from .advice import Advice, Advisors, NoAdvisors
from .cases import Cases, Examined
from .division import Division
from .entry import OrderEntry
from .exposure import Exposure
from .gathering import Gathering
from .judging import all_close, decide_all, verdicts_of_all
from .kill_switch import KillState, OnceATurn
from .ledger import Ledger
from .price_steps import StepSource, no_steps
from .risk import (
    FactSource,
    LimitSource,
    RiskFacts,
    order_value,
)
from .states import State
from .validation import check_against, same_order

__all__ = ["JOURNAL_FAILED", "Admission", "Examined", "placed_before"]

JOURNAL_FAILED = "the journal cannot be written"
"""The reason that only a restart lifts."""

_examined = quick(Examined)

Resolve = Callable[[Contract | str], Awaitable[ContractDetails]]


class Admission:
    """Examine orders; see `OrdersDesk` for the arguments."""

    def __init__(
        self,
        *,
        resolve: Resolve,
        limits: LimitSource,
        facts: FactSource,
        accounts: Callable[[], Sequence[str]],
        account: str | None,
        readonly: bool,
        ledger: Ledger,
        margins: Callable[..., Awaitable[WhatIf]],
        kill: Callable[[], KillState | None] | None = None,
        steps: StepSource = no_steps,
        advisors: Advisors | None = None,
    ) -> None:
        self.resolve = resolve
        self._advice = Advice(advisors=advisors or NoAdvisors(), accounts=accounts, facts=facts)
        self._steps = steps
        self._limits = limits
        self._gathering = Gathering(facts=facts, limits=limits, margins=margins)
        self._accounts = accounts
        self._account = account
        self._readonly = readonly
        self._kill = kill or (lambda: None)
        self._kill_in_turn = OnceATurn(self._kill)
        self.pending: Callable[[str], OrderTicket | None] = lambda key: None
        """Tells what an open order may have become by a change that nobody has confirmed."""
        self._ledger = ledger
        self._exposure = Exposure(ledger=ledger, facts=facts, pending=lambda key: self.pending(key))
        self._cases = Cases(ledger=ledger, limits=limits, exposure=self._exposure)
        self._halts: dict[str, None] = {}

    def suspend(self, reason: str) -> None:
        """Refuse new orders until this reason is lifted; cancellations still go."""
        self._halts[reason] = None

    def resume(self, reason: str | None = None) -> None:
        """Lift one reason, or all; a journal that failed stays a reason until a restart."""
        kept = JOURNAL_FAILED in self._halts
        if reason is None:
            self._halts.clear()
        else:
            self._halts.pop(reason, None)
        if kept:
            self._halts[JOURNAL_FAILED] = None

    @property
    def halted_by(self) -> tuple[str, ...]:
        """Every reason for which new orders are refused now."""
        killed = self._kill()
        return (
            *([self._limits.halted_reason] if not self._limits.trading_allowed else []),
            *([killed.sentence] if killed is not None else []),
            *self._halts,
        )

    def check_writable(self) -> None:
        """
        Refuse anything that changes something while the connector is read-only.

        Raises:
            ReadOnlyError: It is.
        """
        if self._readonly:
            raise ReadOnlyError("the connector is read-only")

    def check_trading(self, ticket: OrderTicket | None = None) -> None:
        """
        Refuse new orders while trading is stopped; asked again, with the ticket, before the wire.

        The kill switch is asked with a ticket only: what an order would close is not known sooner.

        Raises:
            TradingHaltedError: With every reason.
        """
        if not self._limits.trading_allowed:
            raise TradingHaltedError(f"trading is not allowed: {self._limits.halted_reason}")
        if self._halts:
            raise TradingHaltedError(f"trading is stopped: {', '.join(self._halts)}")
        if ticket is not None:
            killed = self._kill_in_turn.state_of_now()
            if killed is not None and not self._exposure.only_closes(ticket):
                raise _killed(killed)

    async def examine(self, request: OrderRequest, *, with_margin: bool = False) -> Examined:
        """
        Look the contract up, check the request against it and gather what the rules need.

        The broker is asked for margins only `with_margin`, and if a rule wants to know: of a change
        or an exit it would answer as if that were one more order.

        Raises:
            OrderValidationError: The contract does not take such an order, or no account fits.
            NotConnectedError: The accounts are not known, since there is no session.
            ContractError: There is no such contract, or there are several.
        """
        details = await self.resolve(request.contract)
        if request.is_advised:
            return await self._examine_advised(request, details, with_margin=with_margin)
        return await self._examine_one(request, details, with_margin=with_margin)

    async def _examine_one(
        self, request: OrderRequest, details: ContractDetails, *, with_margin: bool
    ) -> Examined:
        account = self._choose_account(request)
        check_against(request, details, await self._steps(request, details))
        limits = self._limits.limits_for(details.contract, account)
        facts = await self._gathering.of_account(request, details, account, limits=limits)
        asks = with_margin and request.exercise is None  # which the broker's what-if does not know
        if asks and limits.check_buying_power:
            facts = await self._gathering.with_margin(
                facts, request, details.contract, account=account
            )
        return _examined(
            request=request,
            contract=details.contract,
            account=account,
            facts=facts,
            limits=limits,
        )

    async def _examine_advised(
        self, request: OrderRequest, details: ContractDetails, *, with_margin: bool
    ) -> Examined:
        """Examine an order that names a group, a model or a tier, which are looked up first."""
        group = await self._advice.group(request)
        if group is None and request.model is None:
            return await self._examine_one(request, details, with_margin=with_margin)
        contract = details.contract
        if group is None:
            account = self._choose_account(
                replace(request, account=self._advice.account_for_model(request))
            )
            division = self._advice.members(account)
            gathered = await self._gathering.of_each(request, details, division)
        else:
            account, division, gathered = "", *await self._divide(request, details, group)
            if not request.quantity and division.quantity is not None:
                request = replace(request, quantity=division.quantity)
        check_against(request, details, await self._steps(request, details))
        # limit: the broker is not asked for margins: what its figures are of, of a divided order,
        # is told nowhere; the rules go by each account's buying power
        return Examined(
            request=request,
            contract=contract,
            account=account,
            facts=gathered[0],
            limits=self._limits.limits_for(contract, account),
            division=division,
            of_accounts=gathered,
        )

    async def _divide(
        self, request: OrderRequest, details: ContractDetails, group: AdvisorGroup
    ) -> tuple[Division, tuple[RiskFacts, ...]]:
        """Work out who gets how much, for which a price may be needed, and gather their facts."""
        everyone = Division(accounts=group.accounts)
        gathered = await self._gathering.of_each(
            request, details, everyone, price=not request.quantity
        )
        known = replace(request, contract=details.contract)
        division = self._advice.division(known, group, gathered[0])
        by_account = dict(zip(everyone.accounts, gathered, strict=True))
        return division, tuple(by_account[account] for account in division.accounts)

    def _choose_account(self, request: OrderRequest) -> str:
        accounts = tuple(self._accounts())
        chosen = request.account or self._account
        if chosen is None and len(accounts) == 1:
            return accounts[0]
        if chosen is None and not accounts:
            raise NotConnectedError("there is no session", disposition=SendDisposition.UNSENT)
        if chosen is None:
            raise OrderValidationError(
                f"account is missing; the login has {len(accounts)} accounts",
                hint="name the account in the order, or set IBKR_ACCOUNT_ID",
            )
        if accounts and chosen not in accounts:
            raise OrderValidationError(
                f"account is not one of the login's {len(accounts)} accounts",
                hint="get_connection_status().accounts lists them",
            )
        return chosen

    def check_risk(
        self,
        examined: Examined,
        *,
        replacing: str | None = None,
        entry: Examined | None = None,
        is_dry: bool = False,
    ) -> tuple[RuleVerdict, ...]:
        """
        Apply the rules, as they are now; what passes counts as placed unless it `is_dry`.

        Returns every rule that is set, with what it has compared: the reasons for letting it go.

        Args:
            examined: What `examine` made of a request.
            replacing: Key of the open order that this one would take the place of.
            entry: The order to which this one is attached: it is judged as if that were filled.
            is_dry: Whether nothing will be placed, so that nothing is counted.

        Raises:
            TradingHaltedError: The kill switch is engaged, and this is not known to close.
            RiskLimitError: With every broken rule.
        """
        cases = self._cases.of(examined, replacing=replacing, entry=entry)
        killed = self._kill_in_turn.state()
        if killed is not None and not all_close(cases):
            raise _killed(killed)
        # with the switch engaged nothing may stand between a position and its end
        violations, rules = decide_all(cases) if killed is None else ((), (_waived(killed),))
        if violations:
            raise RiskLimitError(
                "; ".join(str(violation) for violation in violations),
                violations=violations,
                rules=rules,
                disposition=SendDisposition.UNSENT,
            )
        if not is_dry:
            self._exposure.placed(cases[0])
        return rules

    def verdicts(
        self,
        examined: Examined,
        *,
        replacing: str | None = None,
        entry: Examined | None = None,
    ) -> tuple[RuleVerdict, ...]:
        """
        Tell what every rule says of an order, and whether trading is stopped; broken first.

        `replacing` and `entry` are as for `check_risk`.
        """
        cases, killed = self._cases.of(examined, replacing=replacing, entry=entry), self._kill()
        halts = [reason for reason in self.halted_by if killed is None or reason != killed.sentence]
        if killed is not None and all_close(cases):
            # nothing but the halts stands between a position and its end
            return (_trading(halts),)
        if killed is not None:
            halts.append(killed.sentence)
        rows = (_trading(halts), *verdicts_of_all(cases))
        return tuple(sorted(rows, key=lambda row: row.verdict is not Verdict.BROKEN))

    def worth(self, examined: Examined) -> Decimal | None:
        """Return the most that an order can be worth in the base currency, `None` if unknown."""
        return order_value(self._cases.of(examined)[0])


def placed_before(ledger: Ledger, request: OrderRequest, contract: Contract) -> OrderEntry | None:
    """
    Return the order that was placed under the request's key, `None` if it is a new one.

    An order of which provably nothing was sent does not count: its key is free again.

    Raises:
        OrderValidationError: The key names an order that says something else.
    """
    if request.client_order_id is None:
        return None
    entry = ledger.by_client_order_id(request.client_order_id)
    if entry is None or entry.ticket is None or _was_unsent(entry):
        return None
    if not same_order(request, contract, entry.ticket):
        raise OrderValidationError(
            f"client_order_id {request.client_order_id!r} already names another order",
            hint="use a new client_order_id for a new order",
        )
    return entry


def _was_unsent(entry: OrderEntry) -> bool:
    """Whether an order ended without anything of it being handed to the socket."""
    unsent = entry.disposition is SendDisposition.UNSENT
    return entry.state is State.REJECTED and unsent and not entry.seen


def _trading(halts: Sequence[str]) -> RuleVerdict:
    return RuleVerdict(
        rule="trading",
        verdict=Verdict.BROKEN if halts else Verdict.PASSED,
        value=f"stopped: {', '.join(halts)}" if halts else "allowed",
        limit="allowed",
        remedy="wait until it is allowed again, or end what has stopped it" if halts else "",
    )


def _waived(state: KillState) -> RuleVerdict:
    return RuleVerdict(
        rule="trading",
        verdict=Verdict.WAIVED,
        value=f"stopped: {state.sentence}",
        limit="only what closes goes, and no rule holds it up",
    )


def _killed(state: KillState) -> TradingHaltedError:
    return TradingHaltedError(
        f"trading is stopped: {state.sentence}",
        hint="cancelling and closing go on; release it with `ibkr kill --release`",
    )
