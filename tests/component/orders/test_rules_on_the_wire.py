"""Rules before the wire: what breaks one never reaches the venue, through a real socket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector import IBKRConnector, RiskLimitError, TradingHaltedError
from ibkr_connector.errors import ConfigurationError, IBKRError
from ibkr_connector.gateway import borrowing
from ibkr_connector.orders.events import OrderEvent, RulesReloaded
from ibkr_connector.orders.feed import OrderEventStream
from ibkr_connector.orders.sizing import size_by_equity
from ibkr_connector.simulator import HostedSimulator
from kit.rule_socket import MARKET, at_the_venue, limits, order, positions_are, quote, worth

Make = Callable[..., IBKRConnector]


@pytest.mark.parametrize(
    ("text", "asked", "rule"),
    [
        ("", order(quantity=1001), "MAX_ORDER_SIZE"),
        ("max_order_value: 999", order(), "max_order_value"),
        ("max_order_value: 1000.9", order(**MARKET), "max_order_value"),
        ("max_order_value: 1000.9", order("SELL", **MARKET), "max_order_value"),
        ("max_portfolio_risk: 0.00001", order(), "MAX_PORTFOLIO_RISK"),
        ("max_position_size: 9", order(), "max_position_size"),
        ("max_position_value: 999", order(), "max_position_value"),
        ("max_exposure: 999", order(), "max_exposure"),
        ("max_exposure_share: 0.00001", order(), "max_exposure_share"),
        ("max_concentration: 0.00001", order(), "max_concentration"),
        ("allow_short: false", order("SELL"), "allow_short"),
        ("price_collar: 0.05", order(limit_price="105.01"), "price_collar"),
        ("price_collar: 0.05", order("SELL", limit_price="94.99"), "price_collar"),
        ("check_buying_power: true", order(quantity=1000, limit_price="999999"), "buying power"),
    ],
)
async def test_an_order_that_breaks_a_rule_never_reaches_the_venue(
    ibkr_gateway: HostedSimulator,
    make_connector: Make,
    config: Path,
    text: str,
    asked: Mapping[str, Any],
    rule: str,
) -> None:
    limits(config, text)
    quote(ibkr_gateway)
    async with make_connector(ibkr_gateway.port) as ib:
        with pytest.raises(RiskLimitError) as broken:
            await ib.place_order(asked)
        assert [violation.rule for violation in broken.value.violations] == [rule]
        assert at_the_venue(ibkr_gateway) == 0
        # the same connector lets through what the rules allow
        limits(config)
        assert (await ib.reload_rules()).problem == ""
        await ib.place_order(order(quantity=1))
    assert at_the_venue(ibkr_gateway) == 1


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("security_types: [FUT]", "allowed security type"),
        ("denied_symbols: [aapl]", "denied symbol"),
        ("order_types: [MKT]", "allowed order type"),
        ("exchanges: [IBIS]", "allowed exchange"),
        ("denied_currencies: [USD]", "denied currency"),
        ("accounts: [DU0]", "allowed account"),
    ],
)
async def test_what_is_not_permitted_never_reaches_the_venue(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path, text: str, rule: str
) -> None:
    limits(config)
    (config / "trading_permissions.yaml").write_text(text + "\n")
    async with make_connector(ibkr_gateway.port) as ib:
        with pytest.raises(RiskLimitError) as broken:
            await ib.place_order(order())
    assert [violation.rule for violation in broken.value.violations] == [rule]
    assert at_the_venue(ibkr_gateway) == 0


async def test_open_orders_count_and_so_do_those_that_are_on_their_way(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config, "max_position_size: 30\nmax_open_orders: 5")
    quote(ibkr_gateway)
    asked = [order(quantity=10, limit_price=f"9{n}.00") for n in range(8)]
    async with make_connector(ibkr_gateway.port) as ib:
        ended = await asyncio.gather(*map(ib.place_order, asked), return_exceptions=True)
        refused = [one for one in ended if isinstance(one, RiskLimitError)]
        assert (len(refused), at_the_venue(ibkr_gateway)) == (5, 3)
        # a cancelled order makes room again
        placed = [one for one in ended if not isinstance(one, BaseException)]
        await ib.cancel_order(placed[0].order_id)
        await ib.place_order(order(quantity=10, limit_price="80.00"))
    assert at_the_venue(ibkr_gateway) == 4


async def test_the_same_order_and_too_many_of_them_stay_here(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config, "duplicate_window_s: 600\nmax_orders_per_minute: 2")
    async with make_connector(ibkr_gateway.port) as ib:
        await ib.place_order(order(limit_price="90.00"))
        with pytest.raises(RiskLimitError, match="duplicate_window_s"):
            await ib.place_order(order(limit_price="90.00"))
        await ib.place_order(order(limit_price="91.00"))
        with pytest.raises(RiskLimitError, match="max_orders_per_minute"):
            await ib.place_order(order(limit_price="92.00"))
    assert at_the_venue(ibkr_gateway) == 2
    # a restart is no way around it
    async with make_connector(ibkr_gateway.port) as again:
        with pytest.raises(RiskLimitError, match="max_orders_per_minute"):
            await again.place_order(order(limit_price="92.00"))
    assert at_the_venue(ibkr_gateway) == 2


async def test_all_violations_come_in_one_error_with_value_limit_and_remedy(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config, "max_order_value: 5\nmax_position_size: 5\nprice_collar: 0.01")
    quote(ibkr_gateway)
    async with make_connector(ibkr_gateway.port) as ib:
        with pytest.raises(RiskLimitError) as broken:
            await ib.place_order(order(quantity=2000, limit_price="150"))
    rules = [violation.rule for violation in broken.value.violations]
    assert rules == ["MAX_ORDER_SIZE", "max_order_value", "max_position_size", "price_collar"]
    for violation in broken.value.violations:
        assert violation.value
        assert violation.limit
        assert violation.remedy in str(broken.value)


async def test_closing_goes_on_when_losses_have_stopped_opening(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config, "max_daily_loss: 500\nhalt_cooldown_s: 3600")
    quote(ibkr_gateway)
    async with make_connector(ibkr_gateway.port) as ib:
        bought = await ib.place_order(order(quantity=100, **MARKET))
        await ib.wait_for_fill(bought.order_id, timeout_s=60)
        quote(ibkr_gateway, "89.90", "90.10")
        # the figures of the account come with a fill, or every three minutes
        await ib.place_order(order("SELL", 1, **MARKET))
        async with asyncio.timeout(60):
            while (await worth(ib)) > before(ib) - 500:
                await asyncio.sleep(0.02)
        with pytest.raises(RiskLimitError, match="max_daily_loss"):
            await ib.place_order(order(quantity=1, limit_price="50.00"))
        await positions_are(ib, 99)
        sold = await ib.place_order(order("SELL", 99, **MARKET))
        assert (await ib.wait_for_fill(sold.order_id, timeout_s=60)).filled_quantity == 99
    assert at_the_venue(ibkr_gateway) == 3


def before(ib: IBKRConnector) -> Decimal:
    engine = ib._runtime.engine  # type: ignore[union-attr]
    marks = engine.equity.marks(engine.accounts[0])  # type: ignore[union-attr]
    assert marks is not None
    return marks.day_start


async def test_a_broken_file_leaves_the_rules_in_force_and_the_status_says_so(
    ibkr_gateway: HostedSimulator,
    make_connector: Make,
    config: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    limits(config, "max_position_size: 10")
    async with make_connector(ibkr_gateway.port) as ib, ib.stream_order_events() as events:
        (config / "risk_config.yaml").write_text("max_order_size: lots\n")
        with caplog.at_level(logging.ERROR, "ibkr_connector.orders"):
            assert "lots" in (await ib.reload_rules()).problem
        assert "the earlier rules stay in force" in caplog.text
        told = await anext(events)
        assert isinstance(told, RulesReloaded)
        assert "lots" in told.problem
        assert told.source == "risk_config.yaml"
        assert "the earlier rules stay in force" in ib.get_connection_status().rules
        with pytest.raises(RiskLimitError, match="max_position_size"):
            await ib.place_order(order(quantity=11))
        await ib.place_order(order(quantity=10, limit_price="50.00"))
        limits(config, "max_position_size: 20")
        await ib.reload_rules()
        kept = [event async for event in until_mended(events)]
        assert [type(event) for event in kept].count(RulesReloaded) == 1
    assert at_the_venue(ibkr_gateway) == 1


async def until_mended(events: OrderEventStream) -> AsyncIterator[OrderEvent]:
    """Give events up to the one that says that the files are whole."""
    async with asyncio.timeout(60):
        async for event in events:
            yield event
            if isinstance(event, RulesReloaded) and not event.problem:
                return


@pytest.mark.parametrize("is_paper", [True, False])
async def test_a_list_that_is_emptied_allows_nothing_more_than_before(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path, is_paper: bool
) -> None:
    limits(config)
    allowed = config / "trading_permissions.yaml"
    allowed.write_text("symbols: [MSFT]\n")
    async with make_connector(ibkr_gateway.port) as ib:
        allowed.write_text("symbols: []\n")
        assert "symbols is an empty list" in (await ib.reload_rules()).problem
        with pytest.raises(RiskLimitError, match="allowed symbol"):
            await ib.place_order(order())
    with pytest.raises(ConfigurationError, match="symbols is an empty list") as broken:
        make_connector(ibkr_gateway.port, paper_trading=is_paper)
    assert broken.value.hint == "name what is allowed, or leave the line out to allow all"
    assert at_the_venue(ibkr_gateway) == 0


async def test_a_change_of_the_file_is_found_without_being_told(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    async with make_connector(ibkr_gateway.port) as ib:
        limits(config, "max_position_size: 1")
        async with asyncio.timeout(60):
            while "replaced" not in ib.get_connection_status().rules:
                await asyncio.sleep(0.05)
        with pytest.raises(RiskLimitError, match="max_position_size"):
            await ib.place_order(order(quantity=2))
    assert at_the_venue(ibkr_gateway) == 0


async def test_short_selling_asks_whether_shares_can_be_borrowed(
    ibkr_gateway: HostedSimulator,
    make_connector: Make,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(borrowing, "_PATIENCE_S", 60.0)
    limits(config, "require_shortable: true")
    async with make_connector(ibkr_gateway.port) as ib:
        # the simulated broker has no shares of Bank of America to lend
        with pytest.raises(RiskLimitError) as broken:
            await ib.place_order({**order("SELL", limit_price="9000"), "symbol": "BAC"})
        assert [violation.rule for violation in broken.value.violations] == ["require_shortable"]
        assert broken.value.violations[0].value == "no shares"
        assert at_the_venue(ibkr_gateway) == 0
        await ib.place_order(order("SELL", limit_price="9000"))
    assert at_the_venue(ibkr_gateway) == 1


async def test_a_size_is_what_the_rules_let_through(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config, "max_order_value: 4000\nprice_collar: 0.5")
    quote(ibkr_gateway)
    async with make_connector(ibkr_gateway.port) as ib:
        basis = await ib.sizing_basis("AAPL")
        assert basis.equity == await worth(ib)
        size = size_by_equity(basis, price=Decimal("100.00"), share=Decimal("0.5"))
        assert (size.quantity, size.bound_by) == (Decimal(40), "the largest order value")
        await ib.place_order(order(quantity=int(size.quantity)))
        with pytest.raises(RiskLimitError, match="max_order_value"):
            await ib.place_order(order(quantity=int(size.quantity + basis.lot)))
    assert at_the_venue(ibkr_gateway) == 1


# --- the kill switch ----------------------------------------------------------------------------


async def test_the_kill_switch_stops_opening_at_once_and_closing_goes_on(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    quote(ibkr_gateway)
    async with make_connector(ibkr_gateway.port) as ib:
        bought = await ib.place_order(order(quantity=30, **MARKET))
        await ib.wait_for_fill(bought.order_id, timeout_s=60)
        resting = await ib.place_order(order(limit_price="50.00"))
        await positions_are(ib, 30)
        await ib.kill_switch.engage("a drill")
        for refused in (order(), order("SELL", 31), order("SELL", 31, **MARKET)):
            with pytest.raises(TradingHaltedError, match="a drill"):
                await ib.place_order(refused)
        assert at_the_venue(ibkr_gateway) == 2
        assert "a drill" in ib.get_connection_status().halted_by[0]
        await ib.cancel_order(resting.order_id)
        sold = await ib.place_order(order("SELL", 30, **MARKET))
        await ib.wait_for_fill(sold.order_id, timeout_s=60)
        ib.kill_switch.release()
        await ib.place_order(order(limit_price="51.00"))
    assert at_the_venue(ibkr_gateway) == 4


async def test_the_kill_switch_survives_a_restart_and_can_be_engaged_without_a_connection(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    report = await make_connector(ibkr_gateway.port).kill_switch.engage("by hand")
    assert report.is_done
    async with make_connector(ibkr_gateway.port) as ib:
        with pytest.raises(TradingHaltedError, match="by hand"):
            await ib.place_order(order())
    assert at_the_venue(ibkr_gateway) == 0


async def test_the_environment_engages_it(
    ibkr_gateway: HostedSimulator,
    make_connector: Make,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits(config)
    monkeypatch.setenv("IBKR_KILL_SWITCH", "true")
    async with make_connector(ibkr_gateway.port) as ib:
        with pytest.raises(TradingHaltedError, match="IBKR_KILL_SWITCH"):
            await ib.place_order(order())
        with pytest.raises(TradingHaltedError):
            ib.kill_switch.release()
    assert at_the_venue(ibkr_gateway) == 0


async def test_it_cancels_and_flattens_whatever_the_other_rules_say(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    quote(ibkr_gateway)
    async with make_connector(ibkr_gateway.port) as ib:
        bought = await ib.place_order(order(quantity=500, **MARKET))
        await ib.wait_for_fill(bought.order_id, timeout_s=60)
        protecting = await ib.place_order(order("SELL", 500, limit_price="200.00"))
        await positions_are(ib, 500)
        limits(config, "max_order_value: 1\nmax_orders_per_minute: 1")
        await ib.reload_rules()
        report = await ib.kill_switch.engage("enough", flatten=True)
        assert (report.cancelled, report.closed, report.problems) == (1, 1, ())
        await positions_are(ib, 0)
        assert (await ib.get_order_status(protecting.order_id)).status == "cancelled"
        state = ib.kill_switch.state
        assert state is not None
        assert state.done_at is not None
        assert at_the_venue(ibkr_gateway) == 3
    # what was done is done: the next start closes nothing
    async with make_connector(ibkr_gateway.port) as again:
        assert (await again.kill_switch.engage("still")).closed == 0
    assert at_the_venue(ibkr_gateway) == 3


async def test_what_another_process_asks_for_is_carried_out_by_the_one_that_runs(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    async with make_connector(ibkr_gateway.port) as ib:
        resting = await ib.place_order(order(limit_price="50.00"))
        other = make_connector(ibkr_gateway.port)
        report = await other.kill_switch.engage("from outside", cancel=True)
        assert not report.is_done
        ended = await ib.wait_for_fill(resting.order_id, timeout_s=60)
        assert ended.status == "cancelled"


async def test_a_variable_cannot_loosen_the_limit_of_the_file(
    ibkr_gateway: HostedSimulator,
    make_connector: Make,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits(config)
    monkeypatch.setenv("MAX_ORDER_SIZE", "100000")
    async with make_connector(ibkr_gateway.port) as ib:
        with pytest.raises(IBKRError, match="MAX_ORDER_SIZE: 1001 is over the limit 1000"):
            await ib.place_order(order(quantity=1001))
    assert at_the_venue(ibkr_gateway) == 0
