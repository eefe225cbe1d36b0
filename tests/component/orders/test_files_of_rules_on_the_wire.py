"""What a file, a missing file and a broken one mean on paper and live; the examples as they are."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector import (
    ConfigurationError,
    IBKRConnector,
    RiskLimitError,
    TradingHaltedError,
)
from ibkr_connector.simulator import HostedSimulator
from kit.rule_socket import at_the_venue, limits, order, quote

Make = Callable[..., IBKRConnector]
MakeGateway = Callable[..., HostedSimulator]

EXAMPLES = Path(__file__).parents[3] / "config"


def login(make: MakeGateway, mode: str) -> HostedSimulator:
    account = "DU1234567" if mode == "paper" else "U1234567"
    return make(accounts={account: Decimal(1_000_000)})


@pytest.mark.parametrize("mode", ["paper", "live"])
async def test_a_file_holds_in_both_modes(
    make_ibkr_gateway: MakeGateway, make_connector: Make, config: Path, mode: str
) -> None:
    gateway = login(make_ibkr_gateway, mode)
    limits(config)
    async with make_connector(gateway.port, paper_trading=mode == "paper") as ib:
        assert ib.get_connection_status().rules == "risk_config.yaml"
        with pytest.raises(RiskLimitError, match="MAX_ORDER_SIZE: 1001 is over the limit 1000"):
            await ib.place_order(order(quantity=1001))
        await ib.place_order(order())
    assert at_the_venue(gateway) == 1


async def test_without_a_file_paper_trades_within_built_in_limits_and_says_so(
    make_ibkr_gateway: MakeGateway, make_connector: Make, config: Path
) -> None:
    gateway = login(make_ibkr_gateway, "paper")
    async with make_connector(gateway.port) as ib:
        assert ib.get_connection_status().rules == "built-in"
        # a quarter of a million shares at a tenth of a dollar, and a dear one: nothing is unlimited
        with pytest.raises(RiskLimitError, match="MAX_ORDER_SIZE"):
            await ib.place_order(order(quantity=250_000, limit_price="0.10"))
        with pytest.raises(RiskLimitError, match="max_order_value"):
            await ib.place_order(order(quantity=251))
        await ib.place_order(order(quantity=250))
    assert at_the_venue(gateway) == 1


async def test_without_a_file_live_trades_nothing_until_one_comes(
    make_ibkr_gateway: MakeGateway, make_connector: Make, config: Path
) -> None:
    gateway = login(make_ibkr_gateway, "live")
    async with make_connector(gateway.port, paper_trading=False) as ib:
        with pytest.raises(TradingHaltedError, match="live trading needs"):
            await ib.place_order(order())
        assert "live trading needs" in ib.get_connection_status().halted_by[0]
        assert at_the_venue(gateway) == 0
        limits(config)
        await ib.reload_rules()
        assert ib.get_connection_status().halted_by == ()
        await ib.place_order(order())
        # and one that goes again leaves its limits
        (config / "risk_config.yaml").unlink()
        assert "has gone" in (await ib.reload_rules()).problem
        with pytest.raises(RiskLimitError, match="MAX_ORDER_SIZE"):
            await ib.place_order(order(quantity=1001))
    assert at_the_venue(gateway) == 1


@pytest.mark.parametrize("mode", ["paper", "live"])
@pytest.mark.parametrize("name", ["risk_config", "trading_permissions"])
@pytest.mark.parametrize("text", ["", "{", "max_order_size: lots"])
def test_a_broken_file_lets_nothing_begin(
    make_connector: Make, config: Path, mode: str, name: str, text: str
) -> None:
    limits(config)
    if name == "trading_permissions" and not text:
        text = "symbols"
    (config / f"{name}.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=f"{name}.yaml") as broken:
        make_connector(4711, paper_trading=mode == "paper")
    assert broken.value.hint


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        (order(quantity=1), None),
        (order(quantity=40), None),
        (order(quantity=51), "MAX_PORTFOLIO_RISK"),
        (order(quantity=501, limit_price="1.00"), "MAX_ORDER_SIZE"),
        (order("SELL", 1), "allow_short"),
        (order(quantity=1, limit_price="111.00"), "price_collar"),
        (order(quantity=1) | {"symbol": "ES 202612"}, "allowed security type"),
        (order(quantity=1, order_type="REL", offset="0.01"), "allowed order type"),
        (order(quantity=4000) | {"symbol": "EUR.USD", "limit_price": "1.00"}, None),
        (order(quantity=20_000) | {"symbol": "EUR.USD", "limit_price": "1.00"}, "MAX_ORDER_SIZE"),
    ],
)
async def test_the_examples_suit_a_small_paper_account(
    make_ibkr_gateway: MakeGateway,
    make_connector: Make,
    config: Path,
    asked: Mapping[str, Any],
    rule: str | None,
) -> None:
    for name in ("risk_config", "trading_permissions"):
        shutil.copy(EXAMPLES / f"{name}.yaml.example", config / f"{name}.yaml")
    gateway = make_ibkr_gateway(accounts={"DU1234567": Decimal(100_000)})
    quote(gateway)
    async with make_connector(gateway.port) as ib:
        if rule is None:
            assert (await ib.place_order(asked)).status in ("submitted", "filled")
        else:
            with pytest.raises(RiskLimitError) as broken:
                await ib.place_order(asked)
            assert rule in [violation.rule for violation in broken.value.violations]
    assert at_the_venue(gateway) == (rule is None)


async def test_a_position_can_be_protected_under_the_examples(
    make_ibkr_gateway: MakeGateway, make_connector: Make, config: Path
) -> None:
    for name in ("risk_config", "trading_permissions"):
        shutil.copy(EXAMPLES / f"{name}.yaml.example", config / f"{name}.yaml")
    gateway = make_ibkr_gateway(accounts={"DU1234567": Decimal(100_000)})
    quote(gateway)
    async with make_connector(gateway.port) as ib:
        asked = order(quantity=20) | {"take_profit": "109.00", "stop_loss": "95.00"}
        placed = await ib.place_bracket(asked)
        assert placed.stop_loss.stop_price == 95
    assert at_the_venue(gateway) == 3
