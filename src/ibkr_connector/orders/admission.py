"""
Whether an order may go: the first step of the protocol, which leaves nothing behind.

Owns: the reasons for which trading is stopped, the choice of the account, and in which order an
order is examined.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ibkr_connector.errors import (
    IBKRError,
    OrderValidationError,
    ReadOnlyError,
    RiskLimitError,
    TradingHaltedError,
)
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.orders import OrderRequest, SendDisposition

from .entry import OrderEntry
from .ledger import Ledger
from .risk import FactSource, RiskFacts, RiskLimits, check_risk, needs_facts, needs_price
from .states import State
from .validation import check_against, same_order

__all__ = ["JOURNAL_FAILED", "Admission", "Examined", "placed_before"]

JOURNAL_FAILED = "the journal cannot be written"
"""The reason that only a restart lifts."""

Resolve = Callable[[Contract | str], Awaitable[ContractDetails]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A request that makes sense for its contract, with what the rules need to know."""

    request: OrderRequest
    contract: Contract
    account: str
    facts: RiskFacts


class Admission:
    """Examine orders; see `OrdersDesk` for the arguments."""

    def __init__(
        self,
        *,
        resolve: Resolve,
        limits: RiskLimits,
        facts: FactSource,
        accounts: Callable[[], Sequence[str]],
        account: str | None,
        readonly: bool,
    ) -> None:
        self.resolve = resolve
        self._limits = limits
        self._facts = facts
        self._accounts = accounts
        self._account = account
        self._readonly = readonly
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

    def check_writable(self) -> None:
        """
        Refuse anything that changes something while the connector is read-only.

        Raises:
            ReadOnlyError: It is.
        """
        if self._readonly:
            raise ReadOnlyError("the connector is read-only")

    def check_trading(self) -> None:
        """
        Refuse new orders while trading is stopped; asked again right before the wire.

        Raises:
            TradingHaltedError: With every reason.
        """
        if not self._limits.trading_allowed:
            raise TradingHaltedError(f"trading is not allowed: {self._limits.halted_reason}")
        if self._halts:
            raise TradingHaltedError(f"trading is stopped: {', '.join(self._halts)}")

    async def examine(self, request: OrderRequest) -> Examined:
        """
        Look the contract up, check the request against it and gather what the rules need.

        Raises:
            OrderValidationError: The contract does not take such an order, or no account fits.
            ContractError: There is no such contract, or there are several.
        """
        details = await self.resolve(request.contract)
        account = self._choose_account(request)
        check_against(request, details)
        facts = await self._gather_facts(request, details, account)
        return Examined(request=request, contract=details.contract, account=account, facts=facts)

    def _choose_account(self, request: OrderRequest) -> str:
        accounts = tuple(self._accounts())
        chosen = request.account or self._account
        if chosen is None and len(accounts) == 1:
            return accounts[0]
        if chosen is None:
            raise OrderValidationError(
                f"account is missing; the login has {len(accounts)} accounts",
                hint="name the account in the order, or set IBKR_ACCOUNT_ID",
            )
        if accounts and chosen not in accounts:
            raise OrderValidationError("account is not one of the login's accounts")
        return chosen

    async def _gather_facts(
        self, request: OrderRequest, details: ContractDetails, account: str
    ) -> RiskFacts:
        if not needs_facts(self._limits):
            return RiskFacts()
        try:
            return await self._facts.facts(
                details, account=account, with_price=needs_price(request)
            )
        except IBKRError as error:
            # not knowing breaks the rules that need to know, and they say so
            return RiskFacts(missing=str(error))

    def check_risk(self, examined: Examined) -> None:
        """
        Apply the rules.

        Raises:
            RiskLimitError: With every broken rule.
        """
        violations = check_risk(
            examined.request,
            examined.contract,
            account=examined.account,
            limits=self._limits,
            facts=examined.facts,
        )
        if violations:
            raise RiskLimitError(
                "; ".join(str(violation) for violation in violations),
                violations=violations,
                disposition=SendDisposition.UNSENT,
            )


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
