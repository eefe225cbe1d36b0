"""An order's price keeps the step of its price band, where anybody tells the bands."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.errors import NotConnectedError, OrderValidationError
from ibkr_connector.instruments.ticks import TickRule
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.instruments import PriceBand
from ibkr_connector.model.orders import Action, OrderRequest, OrderType
from ibkr_connector.orders.price_steps import PriceSteps
from ibkr_connector.orders.validation import check_against
from kit.fake_clock import FakeClock

NICKELS = (
    PriceBand(low=Decimal(0), increment=Decimal("0.05")),
    PriceBand(low=Decimal(3), increment=Decimal("0.10")),
)
DETAILS = ContractDetails(
    contract=Contract(symbol="SPX", con_id=ConId(7), exchange="SMART"),
    min_tick=Decimal("0.05"),
    valid_exchanges=("SMART", "CBOE"),
    market_rule_ids=(109, 110),
)
ORDER = OrderRequest(
    contract=DETAILS.contract,
    action=Action.BUY,
    quantity=Decimal(1),
    order_type=OrderType.LIMIT,
    limit_price=Decimal("5.05"),
)


class Asked:
    """Who tells bands."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.rules: list[int] = []

    async def __call__(self, rule_id: int) -> Sequence[PriceBand]:
        self.rules.append(rule_id)
        answer = self.answers.pop(0)
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        return tuple(answer)


async def test_a_rule_is_asked_for_once_and_is_that_of_the_exchange_of_the_order() -> None:
    asked = Asked(NICKELS, ())
    steps = PriceSteps(asked, FakeClock())
    for _ in range(3):
        told = await steps.of(ORDER, DETAILS)
        assert told is not None
        assert told.bands == NICKELS
    at_cboe = replace(DETAILS, contract=replace(DETAILS.contract, exchange="CBOE"))
    assert await steps.of(ORDER, at_cboe) is None
    assert asked.rules == [109, 110]


async def test_nobody_is_asked_for_an_order_without_prices_or_without_a_rule() -> None:
    steps = PriceSteps(Asked(), FakeClock())
    market = replace(ORDER, order_type=OrderType.MARKET, limit_price=None)
    assert await steps.of(market, DETAILS) is None
    assert await steps.of(ORDER, replace(DETAILS, market_rule_ids=())) is None


@pytest.mark.parametrize("failure", [NotConnectedError("no session"), None])
async def test_an_order_goes_on_without_an_answer_and_another_asks_again_later(
    monkeypatch: pytest.MonkeyPatch, failure: Exception | None
) -> None:
    monkeypatch.setattr("ibkr_connector.orders.price_steps._PATIENCE_S", 0.01)
    clock, asked = FakeClock(), Asked(failure, NICKELS, failure)
    steps = PriceSteps(asked, clock)
    for _ in range(2):
        assert await steps.of(ORDER, DETAILS) is None
    assert asked.rules == [109]
    await clock.advance(61.0)
    assert await steps.of(ORDER, DETAILS) is not None
    # what is old is asked for anew, and good until it is told
    await clock.advance(13 * 3600.0)
    assert await steps.of(ORDER, DETAILS) is not None
    assert asked.rules == [109, 109, 109]


@pytest.mark.parametrize(("limit", "stop"), [("5.05", "5.10"), ("5.10", "5.05")])
def test_a_price_between_the_steps_of_its_band_is_refused_with_its_neighbours(
    limit: str, stop: str
) -> None:
    order = replace(
        ORDER,
        order_type=OrderType.STOP_LIMIT,
        limit_price=Decimal(limit),
        stop_price=Decimal(stop),
    )
    check_against(order, DETAILS)  # both are multiples of the smallest step
    says = r"must be a multiple of 0\.10; got 5\.05, between 5\.00 and 5\.10"
    with pytest.raises(OrderValidationError, match=says):
        check_against(order, DETAILS, TickRule(bands=NICKELS))


@given(
    price=st.decimals("0.01", "1000", places=2),
    edge=st.integers(1, 500),
    coarse=st.sampled_from([Decimal("0.05"), Decimal("0.10"), Decimal("0.25")]),
)
def test_every_price_that_the_rule_rounds_to_passes(
    price: Decimal, edge: int, coarse: Decimal
) -> None:
    fine = PriceBand(low=Decimal(0), increment=Decimal("0.01"))
    rule = TickRule(bands=(fine, PriceBand(low=Decimal(edge), increment=coarse)))
    legal = replace(ORDER, limit_price=rule.round(price))
    check_against(legal, replace(DETAILS, min_tick=Decimal(50)), rule)
