"""Accounts as ib_async's users see them: several of them, an advisor's, and what moves in them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from ib_async import IB, MarketOrder, Stock

from ibkr_connector.simulator import HostedSimulator
from ibkr_connector.simulator.exchange.commands import SetQuote

FIRM = {"DF1000000": Decimal(0), "DU1": Decimal(100_000), "DU2": Decimal(300_000)}
APPLE = Stock("AAPL", "SMART", "USD", conId=265598)
UNSET = 1.7976931348623157e308
GROUP = (
    "<ListOfGroups><Group><name>Core</name><defaultMethod>Ratio</defaultMethod>"
    '<ListOfAccts varName="list"><Account><acct>DU1</acct><amount>1</amount></Account>'
    "<Account><acct>DU2</acct><amount>3</amount></Account></ListOfAccts></Group></ListOfGroups>"
)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)


@pytest.fixture
def firm(make_ibkr_gateway: Callable[..., HostedSimulator]) -> HostedSimulator:
    return make_ibkr_gateway(accounts=FIRM)


@pytest_asyncio.fixture
async def ib(firm: HostedSimulator) -> AsyncIterator[IB]:
    made = IB()
    await made.connectAsync(firm.host, firm.port, clientId=1, timeout=60, raiseSyncErrors=True)
    quote(firm, 100)
    yield made
    made.disconnect()


def quote(firm: HostedSimulator, price: int) -> None:
    half = Decimal("0.01")
    command = SetQuote(con_id=265598, bid=price - half, ask=price + half)
    firm.do(lambda gw: gw.gateway.execute(command, gw.clock.utcnow()))


async def until(ready: Callable[[], Any], event: Any) -> None:
    """Wait for an event of ib_async again and again, until something holds."""
    while not ready():
        await event


async def test_every_account_of_a_login_has_its_own_figures(ib: IB) -> None:
    assert ib.managedAccounts() == list(FIRM)
    worth = {
        value.account: value.value
        for value in ib.accountValues()
        if (value.tag, value.currency) == ("NetLiquidation", "USD")
    }
    assert worth == {"DF1000000": "0.00", "DU1": "100000.00", "DU2": "300000.00"}
    summary = await ib.accountSummaryAsync()
    tags = {(value.account, value.tag): value.value for value in summary}
    assert tags["DU2", "BuyingPower"] == "1200000.00"
    assert {account for account, _ in tags} >= set(FIRM)


async def test_an_advisors_order_is_divided_among_a_group(ib: IB) -> None:
    ib.replaceFA(1, GROUP)
    received = await ib.requestFAAsync(1)
    assert received is not None
    assert "<name>Core</name>" in received
    order = MarketOrder("BUY", 8, faGroup="Core", account="DF1000000")
    trade = ib.placeOrder(APPLE, order)
    await until(trade.isDone, trade.statusEvent)
    assert trade.orderStatus.status == "Filled"
    await until(lambda: len(ib.positions()) == 2, ib.positionEvent)
    await until(lambda: len(trade.fills) == 3, trade.fillEvent)
    held = {position.account: position.position for position in ib.positions()}
    assert held == {"DU1": 2.0, "DU2": 6.0}
    shares = {fill.execution.acctNumber: fill.execution.shares for fill in trade.fills}
    # the order as a whole is told in the advisor's own account, before its parts
    assert shares == {"DF1000000": 8.0, "DU1": 2.0, "DU2": 6.0}
    assert trade.fills[0].execution.acctNumber == "DF1000000"


async def test_profit_and_loss_begins_unset_and_follows_the_market(
    ib: IB, firm: HostedSimulator
) -> None:
    trade = ib.placeOrder(APPLE, MarketOrder("BUY", 10, account="DU1"))
    await until(trade.isDone, trade.statusEvent)
    told: list[tuple[float, float, float]] = []
    ib.pnlEvent += lambda pnl: told.append((pnl.dailyPnL, pnl.unrealizedPnL, pnl.realizedPnL))
    total, single = ib.reqPnL("DU1"), ib.reqPnLSingle("DU1", "", 265598)
    await until(lambda: told, ib.pnlEvent)
    assert told[0] == (UNSET, UNSET, UNSET)
    await until(lambda: total.dailyPnL != UNSET, ib.pnlEvent)
    before = total.dailyPnL
    quote(firm, 110)
    await until(lambda: total.dailyPnL != before, ib.pnlEvent)
    assert total.dailyPnL == pytest.approx(before + 100)
    await until(lambda: single.value == 1100.0, ib.pnlSingleEvent)
    assert single.position == 10
    assert single.dailyPnL == pytest.approx(total.dailyPnL)
