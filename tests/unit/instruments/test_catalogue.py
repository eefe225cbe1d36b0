"""Market rules are asked for once a week, and those of last week are better than none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.errors import NotConnectedError
from ibkr_connector.instruments.catalogue import Catalogue
from ibkr_connector.instruments.registry import Registry
from ibkr_connector.instruments.resolver import Resolver
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.instruments import PriceBand
from ibkr_connector.resilience.pipeline import Pipeline
from kit.fake_clock import FakeClock

CENT, NICKEL = ((PriceBand(low=Decimal(0), increment=Decimal(step)),) for step in ("0.01", "0.05"))
WEEK_S = 7 * 86_400.0


class Gateway:
    """Tells one rule, which may change, and counts how often it is asked."""

    def __init__(self) -> None:
        self.rule: tuple[PriceBand, ...] | None = CENT
        self.asked = 0

    async def contract_details(self, contract: Contract) -> tuple[ContractDetails, ...]:
        return (ContractDetails(contract=contract),)

    async def ask(self, name: str, call: Callable[[Any], Awaitable[Any]], *, policy: str) -> Any:
        del call
        assert (name, policy) == ("market_rule", "market_rule")
        self.asked += 1
        if self.rule is None:
            raise NotConnectedError("there is no connection")
        return self.rule


async def test_a_process_that_lives_for_months_learns_new_steps(tmp_path: Path) -> None:
    clock, gateway = FakeClock(), Gateway()
    registry = Registry(tmp_path / "r.sqlite3", clock=clock, max_age_s=86_400.0, patience_s=60.0)
    async with Pipeline(clock=clock) as pipeline:
        resolver = Resolver(gateway=gateway, pipeline=pipeline, clock=clock, memory=registry)
        catalogue = Catalogue(resolver=resolver, ask=gateway.ask, registry=registry, clock=clock)
        for _ in range(3):
            assert await catalogue.bands(26) == CENT
        assert gateway.asked == 1
        gateway.rule = NICKEL
        await clock.advance(WEEK_S - 1)
        assert await catalogue.bands(26) == CENT
        await clock.advance(2.0)
        assert await catalogue.bands(26) == NICKEL
        gateway.rule = None
        await clock.advance(WEEK_S)
        assert await catalogue.bands(26) == NICKEL
        with pytest.raises(NotConnectedError):
            await catalogue.bands(27)
    await registry.aclose()
