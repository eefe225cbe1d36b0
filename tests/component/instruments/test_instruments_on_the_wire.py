"""Details, hours and price steps over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from ibkr_connector import ContractError, IBKRConnector
from ibkr_connector.model.contracts import SecurityType
from ibkr_connector.simulator import HostedSimulator
from kit.market import asked


@pytest.fixture
async def ib(
    make_connector: Callable[..., IBKRConnector], ibkr_gateway: HostedSimulator
) -> AsyncIterator[IBKRConnector]:
    async with make_connector(ibkr_gateway.port) as connector:
        yield connector


async def test_details_say_what_a_contract_is(ib: IBKRConnector) -> None:
    future = await ib.instruments.details("ES 202703")
    assert future.contract.multiplier == 50
    assert future.contract_month == "202703"
    assert future.last_trade_date == future.contract.expiry == "20270319"
    assert (future.under_symbol, future.under_security_type) == ("ES", "IND")
    share = await ib.instruments.details("AAPL")
    assert dict(share.security_ids)["ISIN"].startswith("US")
    assert share.suggested_size_increment == 1
    assert share.bond is None


async def test_a_bond_says_what_it_pays(ib: IBKRConnector) -> None:
    details = await ib.instruments.details("#9300001")
    assert details.contract.security_type is SecurityType.BOND
    assert details.bond is not None
    assert (details.bond.coupon, details.bond.maturity) == (Decimal("4.25"), "20341115")
    assert details.bond.cusip
    with pytest.raises(ContractError, match="no hours of SIM-T"):
        await ib.instruments.hours("#9300001")


async def test_price_steps_go_by_the_band_and_are_asked_for_once(
    ib: IBKRConnector, ibkr_gateway: HostedSimulator
) -> None:
    rule = await ib.instruments.tick_rule("AAPL 20261218 C 250")
    again = await ib.instruments.tick_rule("MSFT")
    assert (rule.rule_id, again.bands) == (26, rule.bands)
    assert rule.round("1.005", "down") == Decimal("1.00")
    future = await ib.instruments.tick_rule("ES 202703")
    assert future.round("6000.13") == Decimal("6000.25")
    assert len(asked(ibkr_gateway, "ReqMarketRule")) == 2


async def test_a_spread_of_futures_has_no_step_that_anybody_knows(ib: IBKRConnector) -> None:
    with pytest.raises(ContractError, match="price steps"):
        await ib.instruments.tick_rule("ES 202703 - ES 202612")


async def test_hours_are_the_exchanges_and_a_week_long(ib: IBKRConnector) -> None:
    regular = await ib.instruments.hours("AAPL")
    whole = await ib.instruments.hours("AAPL", regular=False)
    assert regular.days() == whole.days()
    assert not regular.problems
    for day in regular.days():
        (session,), (longer,) = regular.sessions_on(day), whole.sessions_on(day)
        assert session.start - longer.start == timedelta(hours=5, minutes=30)
    future = await ib.instruments.hours("ES 202703", regular=False)
    night = future.sessions[0]
    assert night.start.astimezone(future.zone).date() < night.day
    sizes = await ib.instruments.size_rule("BTC.USD")
    assert sizes.round("0.123456789") == Decimal("0.12345678")


@pytest.mark.parametrize("text", ["AAPL", "ES 202703"])
async def test_the_hours_of_the_simulator_are_those_of_a_calendar(
    ib: IBKRConnector, text: str
) -> None:
    check = await ib.instruments.check_hours(text)
    assert check.disagreements == ()
    assert check.agrees
