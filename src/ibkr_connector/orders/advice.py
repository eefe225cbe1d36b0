"""
What is looked up at the gateway before an advisor's order may go: its group, method and tier.

Owns: that an order which names a group, a profile or a tier that does not exist is refused here,
with its name. Groups are edited in TWS and no message tells of it, so each order asks anew: one
message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final, Protocol

from ibkr_connector.errors import AccountError, OrderValidationError
from ibkr_connector.model.advisor import (
    AdvisorGroup,
    AllocationMethod,
    SoftDollarTier,
    is_advisors_own,
)
from ibkr_connector.model.orders import OrderRequest

from .division import Division, among, divide, method_of
from .risk import FactSource, RiskFacts, RiskLimits

__all__ = ["Advice", "Advisors", "NoAdvisors"]

_ANY: Final = RiskLimits(max_order_size=Decimal(1))


class Advisors(Protocol):
    """Tells what an advisor has set up."""

    async def groups(self) -> tuple[AdvisorGroup, ...]:
        """Return the groups."""
        ...

    async def profiles(self) -> tuple[AdvisorGroup, ...]:
        """Return the allocation profiles of an older server."""
        ...

    async def soft_dollar_tiers(self) -> tuple[SoftDollarTier, ...]:
        """Return the tiers."""
        ...


class NoAdvisors:
    """Of a desk that nobody has told about advisors."""

    async def groups(self) -> tuple[AdvisorGroup, ...]:
        """Return none."""
        return ()

    profiles = groups

    async def soft_dollar_tiers(self) -> tuple[SoftDollarTier, ...]:
        """Return none."""
        return ()


class Advice:
    """Look up what orders name; see `Admission` for the arguments."""

    def __init__(
        self, *, advisors: Advisors, accounts: Callable[[], Sequence[str]], facts: FactSource
    ) -> None:
        self._advisors = advisors
        self._accounts = accounts
        self._facts = facts

    async def group(self, request: OrderRequest) -> AdvisorGroup | None:
        """
        Return the group that an order names, `None` when it names none; check its tier.

        Raises:
            OrderValidationError: There is no such group, profile or tier.
        """
        await self._check_tier(request)
        what = request.allocation
        if what is None:
            return None
        try:
            ask = self._advisors.profiles if what.is_profile else self._advisors.groups
            groups = await ask()
        except AccountError as error:
            raise OrderValidationError(
                f"the order is for the group {what.group!r}, and the gateway told none: "
                f"{error.message}",
                code=error.code,
                hint="groups are an advisor's; name an account instead. From server version 177 on "
                "profiles are groups: name it as one",
            ) from error
        return among(groups, what)

    async def _check_tier(self, request: OrderRequest) -> None:
        tier = request.soft_dollar_tier
        if tier is None:
            return
        known = await self._advisors.soft_dollar_tiers()
        if tier not in known:
            names = ", ".join(repr(one.name) for one in known) or "none"
            raise OrderValidationError(
                f"soft_dollar_tier names {tier.name!r} ({tier.value!r}); the login has {names}",
                hint="portfolio.soft_dollar_tiers() lists them; leave it out if there is none",
            )

    def account_for_model(self, request: OrderRequest) -> str | None:
        """Return the account that an order for a model is placed in, unless it names one."""
        if request.model is None or request.account:
            return request.account
        return next((one for one in self._accounts() if is_advisors_own(one)), None)

    def members(self, account: str) -> Division:
        """Return who may get something of a model's order: TWS does not tell who is in a model."""
        if not is_advisors_own(account):
            return Division(accounts=(account,))
        clients = tuple(one for one in self._accounts() if not is_advisors_own(one))
        return Division(accounts=clients or (account,))

    def division(self, request: OrderRequest, group: AdvisorGroup, facts: RiskFacts) -> Division:
        """
        Work out who gets how much of an order at most.

        Raises:
            OrderValidationError: It says another quantity than its method, or none where it should.
        """
        what = request.allocation
        assert what is not None  # it has named the group
        contract = request.contract
        con_id = None if isinstance(contract, str) else contract.con_id
        seen = (request.limit_price, facts.price, facts.bid, facts.ask, facts.last)
        multiplier = 1 if isinstance(contract, str) else contract.multiplier or 1
        made = divide(
            group,
            what,
            held={account: self._held(account, con_id) for account in group.accounts},
            prices=tuple(abs(price) * multiplier for price in seen if price),
        )
        method = method_of(group, what)
        if made.quantity is None and request.quantity <= 0:
            raise OrderValidationError(
                f"quantity is missing; the method {method} divides what the order says"
            )
        exact = method is AllocationMethod.SHARES
        if exact and request.quantity not in (Decimal(0), made.quantity):
            raise OrderValidationError(
                f"quantity {request.quantity} contradicts the method {method} of the group "
                f"{group.name!r}, which makes it {made.quantity}; leave it out"
            )
        return made

    def _held(self, account: str, con_id: object) -> Decimal | None:
        rows = self._facts.account_facts(account, _ANY).positions
        if rows is None:
            return None
        return sum((row.quantity for row in rows if row.contract.con_id == con_id), Decimal(0))
