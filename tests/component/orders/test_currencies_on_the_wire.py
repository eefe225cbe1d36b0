"""Orders in other currencies than the account's are judged in its own, through a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector import (
    Contract,
    IBKRConnector,
    RiskLimitError,
    SendDisposition,
    limit_order,
    market_order,
    stock,
)
from ibkr_connector.simulator import HostedSimulator, Rewrite
from ibkr_connector.simulator.exchange.commands import AccountChanged
from kit.rule_socket import at_the_venue, limits, positions_are, quote

Make = Callable[..., IBKRConnector]
MakeGateway = Callable[..., HostedSimulator]

ACCOUNT = "DU1234567"
SAP = stock("SAP", primary_exchange="IBIS", currency="EUR")
TOYOTA = stock("7203", primary_exchange="TSEJ", currency="JPY")
ROYAL_BANK = stock("RY", primary_exchange="TSE", currency="CAD")

SAP_ID, EURO, YEN = 9_480_010, 12_087_792, 15_016_059


@pytest.fixture
def gateway(make_ibkr_gateway: MakeGateway) -> HostedSimulator:
    """Return a gateway whose account has dollars, euros and yen: 1.10 and 150 to the dollar."""
    cash = {name: Decimal(amount) for name, amount in (("USD", 10**6), ("EUR", 1), ("JPY", 1))}
    made = make_ibkr_gateway(accounts={ACCOUNT: cash})
    quote(made, "1.09", "1.11", con_id=EURO)
    quote(made, "149", "151", con_id=YEN)
    return made


def tell(gateway: HostedSimulator, **cash: int) -> None:
    """Pay this in, if anything, and have the account's figures told."""

    def act(simulator: Any) -> None:
        held = simulator.gateway.venue.ledgers[ACCOUNT].cash
        for currency, amount in cash.items():
            held[currency] = held.get(currency, Decimal(0)) + Decimal(amount)
        told = [AccountChanged(account=ACCOUNT)]
        simulator.gateway.deliver(told, simulator.clock.utcnow())
        simulator.flush()

    gateway.do(act)


async def rate_is(ib: IBKRConnector, currency: str, rate: str) -> None:
    """Wait until the connector has heard what a currency is worth."""
    told = ("ExchangeRate", currency, Decimal(rate))
    async with asyncio.timeout(60):
        while told not in {
            (row.tag, row.currency, Decimal(row.value))
            for row in (await ib.get_account_summary()).values
            if row.tag == "ExchangeRate"
        }:
            await asyncio.sleep(0.02)


async def refused(ib: IBKRConnector, order: Any) -> dict[str, str]:
    """Have an order refused before it is sent; return each broken rule and what it compared."""
    with pytest.raises(RiskLimitError) as broken:
        await ib.place_order(order)
    assert broken.value.disposition is SendDisposition.UNSENT
    return {one.rule: one.value for one in broken.value.violations}


@pytest.mark.parametrize(
    ("contract", "price", "worth"),
    [(SAP, "200", "22000.00"), (TOYOTA, "2600", "1733.34")],
)
async def test_an_order_is_worth_what_the_account_s_rate_makes_of_its_price(
    gateway: HostedSimulator,
    make_connector: Make,
    config: Path,
    contract: Contract,
    price: str,
    worth: str,
) -> None:
    asked = limit_order(contract, "BUY", 100, limit_price=Decimal(price))
    limits(config, f"max_order_value: {Decimal(worth) - 1}")
    async with make_connector(gateway.port) as ib:
        assert await refused(ib, asked) == {"max_order_value": worth}
        assert at_the_venue(gateway) == 0
        limits(config, f"max_order_value: {Decimal(worth) + 1}")
        await ib.reload_rules()
        await ib.place_order(asked)
    assert at_the_venue(gateway) == 1


async def test_the_newest_rate_counts(
    gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    asked = limit_order(SAP, "BUY", 100, limit_price=Decimal(200))
    limits(config, "max_order_value: 21000")
    async with make_connector(gateway.port) as ib:
        assert await refused(ib, asked) == {"max_order_value": "22000.00"}
        quote(gateway, "1.19", "1.21", con_id=EURO)
        tell(gateway)
        await rate_is(ib, "EUR", "1.2")
        assert await refused(ib, asked) == {"max_order_value": "24000.00"}
        quote(gateway, "0.89", "0.91", con_id=EURO)
        tell(gateway)
        await rate_is(ib, "EUR", "0.9")
        await ib.place_order(asked)
    assert at_the_venue(gateway) == 1


async def test_what_is_held_and_what_is_open_abroad_count_in_the_exposure_by_their_rates(
    gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    quote(gateway, "200", "200", con_id=SAP_ID)
    async with make_connector(gateway.port) as ib:
        await ib.place_order(market_order(SAP, "BUY", 100), wait="filled")
        await positions_are(ib, 100)
        await ib.place_order(limit_order(TOYOTA, "BUY", 300, limit_price=Decimal(1000)))
        # 100 x 200 EUR are 22,000, 300 x 1,000 JPY are 2,000.01, 10 x 200 EUR are 2,200
        last = limit_order(SAP, "BUY", 10, limit_price=Decimal(200))
        limits(config, "max_exposure: 26200")
        await ib.reload_rules()
        assert await refused(ib, last) == {"max_exposure": "26200.01 with all open orders filled"}
        assert at_the_venue(gateway) == 2
        limits(config, "max_exposure: 26201")
        await ib.reload_rules()
        await ib.place_order(last)
    assert at_the_venue(gateway) == 3


@pytest.mark.parametrize("rule", ["max_order_value", "max_exposure", "max_position_value"])
async def test_an_order_whose_rate_nobody_knows_is_refused_until_it_is_told(
    gateway: HostedSimulator, make_connector: Make, config: Path, rule: str
) -> None:
    limits(config, f"{rule}: 999999")
    asked = limit_order(ROYAL_BANK, "BUY", 1, limit_price=Decimal(100))
    async with make_connector(gateway.port) as ib:
        # TWS tells the rates of currencies that the account has to do with
        with pytest.raises(RiskLimitError) as broken:
            await ib.place_order(asked)
        (violation,) = broken.value.violations
        assert (violation.rule, violation.value[:16]) == (rule, "an unknown value")
        assert "the exchange rate of CAD" in violation.remedy
        assert at_the_venue(gateway) == 0
        tell(gateway, CAD=1)
        async with asyncio.timeout(60):
            while not any(r.currency == "CAD" for r in (await ib.get_account_summary()).values):
                await asyncio.sleep(0.02)
        await ib.place_order(asked)
    assert at_the_venue(gateway) == 1


@pytest.mark.parametrize("told", ["0", "-1.1", "nan", "?"])
async def test_a_rate_that_cannot_be_one_is_none(
    gateway: HostedSimulator, make_connector: Make, config: Path, told: str
) -> None:
    limits(config, "max_order_value: 999999")
    odd = Rewrite(
        reply="AccountValue",
        where={"key": "ExchangeRate", "currency": "EUR"},
        values={"value": told},
        times=99,
    )
    gateway.do(lambda simulator: simulator.inject(odd))
    async with make_connector(gateway.port) as ib:
        with pytest.raises(RiskLimitError, match="the exchange rate of EUR"):
            await ib.place_order(limit_order(SAP, "BUY", 1, limit_price=Decimal(200)))
    assert at_the_venue(gateway) == 0
