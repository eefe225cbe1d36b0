"""
Whether an order may go: the first step of the protocol, which leaves nothing behind.

Owns: the reasons for which trading is stopped, the choice of the account, and in which order an
order is examined.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from ibkr_connector.errors import (
    IBKRError,
    NotConnectedError,
    OrderValidationError,
    ReadOnlyError,
    RiskLimitError,
    TradingHaltedError,
)
from ibkr_connector.gateway.port import OrderTicket
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.orders import OrderRequest, SendDisposition
from ibkr_connector.model.preview import RuleVerdict, Verdict, WhatIf

from .entry import OrderEntry
from .exposure import Exposure, group_of
from .kill_switch import KillState
from .ledger import Ledger
from .price_steps import StepSource, no_steps
from .risk import (
    Case,
    FactSource,
    LimitSource,
    RiskFacts,
    RiskLimits,
    closes,
    decide,
    needs_facts,
    needs_of,
    order_value,
    sized,
    verdicts,
    with_filled,
)
from .states import State
from .validation import check_against, same_order

__all__ = ["JOURNAL_FAILED", "Admission", "Examined", "placed_before"]

JOURNAL_FAILED = "the journal cannot be written"
"""The reason that only a restart lifts."""

_MARGIN_WITHIN_S: Final = 3.0
"""How long an order waits for the broker's margins, where a rule asks for them."""

Resolve = Callable[[Contract | str], Awaitable[ContractDetails]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A request that makes sense for its contract, with what the rules need to know."""

    request: OrderRequest
    contract: Contract
    account: str
    facts: RiskFacts
    limits: RiskLimits


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
    ) -> None:
        self.resolve = resolve
        self._steps = steps
        self._limits = limits
        self._facts = facts
        self._accounts = accounts
        self._account = account
        self._readonly = readonly
        self._margins = margins
        self._kill = kill or (lambda: None)
        self.pending: Callable[[str], OrderTicket | None] = lambda key: None
        """Tells what an open order may have become by a change that nobody has confirmed."""
        self._ledger = ledger
        self._exposure = Exposure(ledger=ledger, facts=facts, pending=lambda key: self.pending(key))
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
            killed = self._kill()
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
        account = self._choose_account(request)
        check_against(request, details, await self._steps(request, details))
        limits = self._limits.limits_for(details.contract, account)
        facts = await self._gather_facts(request, details, account, limits=limits)
        asks = with_margin and request.exercise is None  # which the broker's what-if does not know
        if asks and needs_of(request, limits).margin:
            facts = await self._with_margin(facts, request, details.contract, account=account)
        return Examined(
            request=request,
            contract=details.contract,
            account=account,
            facts=facts,
            limits=limits,
        )

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

    async def _gather_facts(
        self, request: OrderRequest, details: ContractDetails, account: str, *, limits: RiskLimits
    ) -> RiskFacts:
        if not needs_facts(limits) and request.cash_quantity is None:
            return RiskFacts()
        try:
            return await self._facts.facts(
                details,
                account=account,
                needs=needs_of(_in(details.contract, request), limits),
                extended=request.outside_regular_hours,
            )
        except IBKRError as error:
            # not knowing breaks the rules that need to know, and they say so
            return RiskFacts(missing=str(error))

    async def _with_margin(
        self, facts: RiskFacts, request: OrderRequest, contract: Contract, *, account: str
    ) -> RiskFacts:
        try:
            margin = await self._margins(request, contract, account, timeout_s=_MARGIN_WITHIN_S)
        except IBKRError as error:
            return replace(facts, missing=facts.missing or str(error))
        return replace(facts, margin=margin)

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
        case = self._case(examined, replacing=replacing)
        if entry is not None:
            case = with_filled(case, entry.request.action, entry.request.quantity)
        killed = self._kill()
        if killed is not None and not closes(case):
            raise _killed(killed)
        # with the switch engaged nothing may stand between a position and its end
        violations, rules = decide(case) if killed is None else ((), (_waived(killed),))
        if violations:
            raise RiskLimitError(
                "; ".join(str(violation) for violation in violations),
                violations=violations,
                rules=rules,
                disposition=SendDisposition.UNSENT,
            )
        if not is_dry:
            self._exposure.placed(case)
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
        case, killed = self._case(examined, replacing=replacing), self._kill()
        if entry is not None:
            case = with_filled(case, entry.request.action, entry.request.quantity)
        halts = [reason for reason in self.halted_by if killed is None or reason != killed.sentence]
        if killed is not None and closes(case):
            # nothing but the halts stands between a position and its end
            return (_trading(halts),)
        if killed is not None:
            halts.append(killed.sentence)
        rows = (_trading(halts), *verdicts(case))
        return tuple(sorted(rows, key=lambda row: row.verdict is not Verdict.BROKEN))

    def worth(self, examined: Examined) -> Decimal | None:
        """Return the most that an order can be worth in the base currency, `None` if unknown."""
        return order_value(self._case(examined))

    def _case(self, examined: Examined, *, replacing: str | None = None) -> Case:
        limits = self._limits.limits_for(examined.contract, examined.account)
        changed = None if replacing is None else self._ledger.get(replacing)
        parent = None if changed is None else self._exposure.open_parent(changed)
        without = [one.key for one in (changed, parent) if one is not None]
        case = Case(
            request=sized(examined.request, examined.facts),
            contract=examined.contract,
            account=examined.account,
            limits=limits,
            facts=examined.facts,
            book=self._exposure.book(examined.account, limits, without=without),
            is_change=changed is not None,
            filled=Decimal(0) if changed is None else changed.filled,
            group="" if changed is None else group_of(changed),
        )
        if parent is None:
            return case
        # as when it was placed: an exit is judged as if its entry were filled
        return with_filled(case, parent.action, parent.remaining)


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


def _in(contract: Contract, request: OrderRequest) -> OrderRequest:
    """Return the request with its legs known, if it has any."""
    return replace(request, contract=contract) if contract.legs else request


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
