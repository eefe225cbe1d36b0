"""Each asset class is resolved, quoted and has a history on the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Final

import pytest

from ibkr_connector import IBKRConnector, SecurityType
from ibkr_connector.model.contracts import Contract, bond, option
from ibkr_connector.simulator import HostedSimulator

_KIND: Final = SecurityType
CLASSES: Final[dict[str, tuple[Contract | str, SecurityType]]] = {
    "stock": ("AAPL", _KIND.STOCK),
    "etf": ("SPY", _KIND.STOCK),
    "future": ("ES 202703", _KIND.FUTURE),
    "continuous future": ("CONTFUT ES", _KIND.CONTINUOUS_FUTURE),
    "option": (option("AAPL", "20261218", "C", strike=Decimal(200)), _KIND.OPTION),
    "futures option": ("FOP ES 20261218 C 6000", _KIND.FUTURE_OPTION),
    "forex": ("EUR.USD", _KIND.FOREX),
    "crypto": ("BTC.USD", _KIND.CRYPTO),
    "index": ("IND SPX", _KIND.INDEX),
    "bond by id": ("#9300001", _KIND.BOND),
    "bond by CUSIP": ("BOND SIM0000A5", _KIND.BOND),
    "bond by ISIN": (bond("USSIM0000A51"), _KIND.BOND),
    "cfd": ("CFD IBUS500", _KIND.CFD),
    "commodity": ("CMDTY XAUUSD", _KIND.COMMODITY),
    "fund": ("FUND SIMGX", _KIND.FUND),
    "warrant": ("WAR SIMW1@FWB/EUR", _KIND.WARRANT),
}


@pytest.fixture
async def ib(
    make_connector: Callable[..., IBKRConnector], ibkr_gateway: HostedSimulator
) -> AsyncIterator[IBKRConnector]:
    async with make_connector(ibkr_gateway.port) as connector:
        yield connector


@pytest.mark.parametrize("name", CLASSES)
async def test_it_is_resolved_quoted_and_has_a_history(ib: IBKRConnector, name: str) -> None:
    description, kind = CLASSES[name]
    details = await ib.instruments.details(description)
    assert details.contract.security_type is kind
    assert details.contract.con_id
    assert details.min_tick
    quote = await ib.get_quote(description)
    prices = (quote.bid, quote.ask, quote.last, quote.close)
    assert any(price is not None and price > 0 for price in prices), quote
    show = "TRADES" if kind in {_KIND.INDEX, _KIND.CONTINUOUS_FUTURE} else None
    series = await ib.get_historical_data(
        description, duration="2 D", bar_size="1 hour", what_to_show=show, regular_hours_only=False
    )
    assert series.bars
    assert all(bar.low <= bar.open <= bar.high for bar in series.bars)


async def test_a_combination_is_resolved_and_quoted(ib: IBKRConnector) -> None:
    spread = "ES 202703 - ES 202612"
    details = await ib.instruments.details(spread)
    assert details.contract.security_type is _KIND.COMBO
    assert len(details.contract.legs) == 2
    quote = await ib.get_quote(spread)
    assert quote.bid is not None
    assert quote.ask is not None
    assert quote.bid < quote.ask
    series = await ib.get_historical_data(
        spread, duration="2 D", bar_size="1 hour", what_to_show="MIDPOINT", regular_hours_only=False
    )
    assert series.bars
