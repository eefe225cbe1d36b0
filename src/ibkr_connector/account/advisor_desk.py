"""
Ask for models and for what an advisor has set up: groups, profiles, aliases, families.

Nothing is kept: these change by hand, seldom, and nobody tells of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from ibkr_connector.clock import Clock
from ibkr_connector.gateway.account_port import AccountAsking, AdvisorList, ModelPositionRow
from ibkr_connector.model.account import AccountSummary, FigureSource, Position
from ibkr_connector.model.advisor import AdvisorGroup, SoftDollarTier
from ibkr_connector.resilience.operation import ENDPOINTS, Operation
from ibkr_connector.resilience.pipeline import Pipeline

from .advisor import read_aliases, read_groups, read_profiles, write_aliases, write_groups
from .figures import plain_tag, summary_of

__all__ = ["AdvisorDesk"]

T = TypeVar("T")


class AdvisorDesk:
    """Asks, and reads the answers."""

    def __init__(
        self,
        *,
        gateway: Callable[[], AccountAsking],
        pipeline: Pipeline,
        clock: Clock,
        choose: Callable[[str | None], str],
    ) -> None:
        self._gateway = gateway
        self._pipeline = pipeline
        self._clock = clock
        self._choose = choose

    async def groups(self) -> tuple[AdvisorGroup, ...]:
        """Return the groups among which orders are divided."""
        return read_groups(await self._list(AdvisorList.GROUPS))

    async def profiles(self) -> tuple[AdvisorGroup, ...]:
        """Return the allocation profiles of a server older than 177."""
        return read_profiles(await self._list(AdvisorList.PROFILES))

    async def aliases(self) -> dict[str, str]:
        """Return the other names of accounts."""
        return read_aliases(await self._list(AdvisorList.ALIASES))

    async def replace_groups(self, groups: Iterable[AdvisorGroup]) -> None:
        """Set all groups: those that are not given are gone."""
        await self._replace(AdvisorList.GROUPS, write_groups(groups))

    async def replace_aliases(self, aliases: Mapping[str, str]) -> None:
        """Set all other names of accounts."""
        await self._replace(AdvisorList.ALIASES, write_aliases(aliases))

    async def families(self) -> dict[str, str]:
        """Return the family code of each account that has one."""
        pairs = await self._run("family_codes", lambda: self._gateway().family_codes())
        return {account: code for account, code in pairs if code}

    async def soft_dollar_tiers(self) -> tuple[SoftDollarTier, ...]:
        """Return the tiers of the login's soft-dollar contracts."""
        return await self._run("soft_dollar_tiers", lambda: self._gateway().soft_dollar_tiers())

    # --- models ---------------------------------------------------------------------------------

    async def models(self, account: str | None) -> tuple[str, ...]:
        """Return the models in which an account holds anything; TWS has no list of them."""
        rows = await self._model_rows(self._choose(account), "")
        return tuple(sorted({one.model for one in rows if one.model}))

    async def model_positions(self, model: str, account: str | None) -> tuple[Position, ...]:
        """Return what an account holds in a model; asked anew."""
        rows = await self._model_rows(self._choose(account), model)
        now = self._clock.utcnow()
        return tuple(_position(one, now) for one in rows)

    async def model_summary(self, model: str, account: str | None) -> AccountSummary:
        """Return the figures of a model in an account; asked anew."""
        chosen = self._choose(account)
        values = await self._run(
            "model_values", lambda: self._gateway().model_values(chosen, model)
        )
        return summary_of(
            chosen,
            {(plain_tag(value.tag), value.currency): value for value in values},
            as_of=self._clock.utcnow(),
            source=FigureSource.MODEL,
            model=model,
        )

    async def _model_rows(self, account: str, model: str) -> tuple[ModelPositionRow, ...]:
        return await self._run(
            "model_positions", lambda: self._gateway().model_positions(account, model)
        )

    async def _list(self, which: AdvisorList) -> str:
        return await self._run("advisor", lambda: self._gateway().advisor_list(which))

    async def _replace(self, which: AdvisorList, xml: str) -> None:
        await self._run("replace_advisor", lambda: self._gateway().replace_advisor_list(which, xml))

    async def _run(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        return await self._pipeline.run(Operation(policy=ENDPOINTS[name], call=call))


def _position(one: ModelPositionRow, now: datetime) -> Position:
    row = one.row
    return Position(
        account=row.account,
        contract=row.contract,
        quantity=row.quantity,
        avg_cost=row.average_cost,
        avg_price=row.average_cost / (row.contract.multiplier or Decimal(1)),
        as_of=now,
        source=FigureSource.MODEL,
        model=one.model,
    )
