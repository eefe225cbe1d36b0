"""The rules about quotes, sessions, halts, losses and pace, and the switch at the wire itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector import (
    AccountError,
    IBKRConnector,
    RiskLimitError,
    SendDisposition,
    TradingHaltedError,
)
from ibkr_connector.clock import ScaledClock, SystemClock
from ibkr_connector.orders import gathering
from ibkr_connector.settings import PermissionSettings, RiskSettings
from ibkr_connector.simulator import Drop, HostedSimulator, IgnoreRequest, Permissions, Rewrite
from ibkr_connector.simulator.exchange.commands import Halt
from kit.rule_socket import (
    AAPL,
    MARKET,
    at_the_venue,
    command,
    engine_at,
    limits,
    order,
    pay,
    positions_are,
    quote,
    worth,
    worth_is,
)

Make = Callable[..., IBKRConnector]
MakeGateway = Callable[..., HostedSimulator]


def rules(error: RiskLimitError) -> list[str]:
    """Name the broken rules, and see that each says what to do."""
    assert error.disposition is SendDisposition.UNSENT
    assert all(one.value and one.limit and one.remedy for one in error.violations)
    return [one.rule for one in error.violations]


# --- quotes, sessions, halts --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed_s", "is_live", "said"),
    [(60, False, "a delayed or frozen quote"), ("0.000001", True, r"a quote \d+\.\d s old")],
)
async def test_a_quote_that_is_delayed_or_too_old_is_none_to_judge_an_order_by(
    make_ibkr_gateway: MakeGateway,
    make_connector: Make,
    config: Path,
    allowed_s: object,
    is_live: bool,
    said: str,
) -> None:
    gateway = make_ibkr_gateway(permissions=Permissions(live_data=is_live))
    limits(config, f"max_quote_age_s: {allowed_s}")
    quote(gateway)
    async with make_connector(gateway.port) as ib:
        with pytest.raises(RiskLimitError) as broken:
            await ib.place_order(order())
        assert rules(broken.value) == ["max_quote_age_s"]
        assert re.fullmatch(said, broken.value.violations[0].value)
        assert at_the_venue(gateway) == 0
        limits(config, "max_quote_age_s: 600" if is_live else "")
        await ib.reload_rules()
        await ib.place_order(order())
    assert at_the_venue(gateway) == 1


async def test_a_halted_contract_is_left_alone_until_it_trades_again(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config, "refuse_halted: true")
    quote(ibkr_gateway)
    command(ibkr_gateway, Halt(con_id=AAPL))
    async with make_connector(ibkr_gateway.port) as ib:
        with pytest.raises(RiskLimitError) as broken:
            await ib.place_order(order())
        assert rules(broken.value) == ["refuse_halted"]
        assert at_the_venue(ibkr_gateway) == 0
        command(ibkr_gateway, Halt(con_id=AAPL, halted=False))
        await ib.place_order(order())
    assert at_the_venue(ibkr_gateway) == 1


@pytest.mark.parametrize(
    ("now", "extended", "goes"),
    [
        # a Wednesday in New York: at night, before the opening, at noon
        ("2026-11-18T07:00", True, False),
        ("2026-11-18T13:00", False, False),
        ("2026-11-18T13:00", True, True),
        ("2026-11-18T17:00", False, True),
        # Thanksgiving
        ("2026-11-26T17:00", True, False),
    ],
)
async def test_an_order_goes_in_the_hours_in_which_it_would_work(
    make_ibkr_gateway: MakeGateway,
    make_connector: Make,
    config: Path,
    now: str,
    extended: bool,
    goes: bool,
) -> None:
    start = datetime.fromisoformat(now).replace(tzinfo=UTC)
    gateway = make_ibkr_gateway(sessions=True, clock=ScaledClock(start))
    limits(config, "require_open_market: true")
    asked = order(outside_regular_hours=extended)
    async with engine_at(make_connector(gateway.port).settings, ScaledClock(start)) as engine:
        if goes:
            await engine.orders.place(asked)
        else:
            with pytest.raises(RiskLimitError) as broken:
                await engine.orders.place(asked)
            assert rules(broken.value) == ["require_open_market"]
    assert at_the_venue(gateway) == (1 if goes else 0)


# --- losses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "prices", "rule"),
    [
        ("max_daily_loss_share: 0.005", ["94.00"], "max_daily_loss_share"),
        # worth more than at the start of the day, and one per cent below the highest
        ("max_drawdown: 0.01", ["120.00", "105.00"], "max_drawdown"),
    ],
)
async def test_losses_stop_what_opens_and_not_what_closes(
    ibkr_gateway: HostedSimulator,
    make_connector: Make,
    config: Path,
    text: str,
    prices: list[str],
    rule: str,
) -> None:
    limits(config, text)
    quote(ibkr_gateway, "99.99", "100.00")
    async with make_connector(ibkr_gateway.port) as ib:
        start = await worth(ib)
        bought = await ib.place_order(order(quantity=1000, **MARKET))
        await ib.wait_for_fill(bought.order_id, timeout_s=60)
        held = 1000
        for price in prices:
            quote(ibkr_gateway, price, str(Decimal(price) + Decimal("0.01")))
            # the figures of the account come with a fill, or every three minutes
            await ib.place_order(order("SELL", 1, **MARKET))
            held -= 1
            middle = start + 1000 * (Decimal(price) - 100)
            await worth_is(ib, middle - 200, middle + 200)
        with pytest.raises(RiskLimitError) as broken:
            await ib.place_order(order(quantity=1, limit_price="50.00"))
        assert rules(broken.value) == [rule]
        (why,) = ib.get_connection_status().halted_by
        assert f"a loss limit is reached ({rule})" in why
        assert "DU1234567" not in why
        await positions_are(ib, held)
        sold = await ib.place_order(order("SELL", held, **MARKET))
        assert (await ib.wait_for_fill(sold.order_id, timeout_s=60)).filled_quantity == held
        placed = at_the_venue(ibkr_gateway)
    # neither a restart nor a new day of the process forgets what was lost
    async with make_connector(ibkr_gateway.port) as again:
        with pytest.raises(RiskLimitError, match=rule):
            await again.place_order(order(quantity=1, limit_price="50.00"))
    assert at_the_venue(ibkr_gateway) == placed


async def test_money_paid_out_is_no_loss_once_it_is_told_and_money_paid_in_hides_none(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config, "max_daily_loss: 500\nhalt_cooldown_s: 3600")
    quote(ibkr_gateway, "99.99", "100.00")
    async with make_connector(ibkr_gateway.port) as ib:
        start = await worth(ib)
        pay(ibkr_gateway, -10_000)
        await worth_is(ib, start - 10_000, start - 10_000)
        with pytest.raises(RiskLimitError, match="max_daily_loss"):
            await ib.place_order(order(quantity=1, limit_price="50.00"))
        marks = await ib.adjust_equity(-10_000)
        assert marks is not None
        assert (marks.day_start, marks.halted_until) == (start - 10_000, None)
        assert ib.get_connection_status().halted_by == ()
        await ib.place_order(order(quantity=1, limit_price="50.00"))
        # what comes in hides nothing: the next loss counts from the same start
        pay(ibkr_gateway, 10_000)
        await worth_is(ib, start, start)
        await ib.adjust_equity("10000", arrived=SystemClock().utcnow())
        bought = await ib.place_order(order(quantity=1000, **MARKET))
        await ib.wait_for_fill(bought.order_id, timeout_s=60)
        quote(ibkr_gateway, "99.00", "99.01")
        await ib.place_order(order("SELL", 1, **MARKET))
        await worth_is(ib, start - 1100, start - 900)
        with pytest.raises(RiskLimitError, match="max_daily_loss"):
            await ib.place_order(order(quantity=1, limit_price="51.00"))
        for amount in (0, "much"):
            with pytest.raises(AccountError, match="finite number and not 0"):
                await ib.adjust_equity(amount)
    assert at_the_venue(ibkr_gateway) == 3


async def test_buying_power_is_what_the_brokers_what_if_says_and_an_estimate_without_it(
    make_ibkr_gateway: MakeGateway,
    make_connector: Make,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gathering, "_MARGIN_WITHIN_S", 60.0)
    gateway = make_ibkr_gateway(accounts={"DU1": Decimal(20_000)})
    limits(config, "check_buying_power: true")
    quote(gateway)
    asked = order(quantity=300)  # thirty thousand: on margin the account carries it
    async with make_connector(gateway.port) as ib:
        with pytest.raises(RiskLimitError) as broken:
            await ib.place_order(order(quantity=900))
        assert rules(broken.value) == ["buying power"]
        assert "initial margin" in broken.value.violations[0].value
        assert "what-if" in broken.value.violations[0].limit
        assert at_the_venue(gateway) == 0
        await ib.place_order(asked)
        assert at_the_venue(gateway) == 1
        # the broker is silent: what opens may be worth the buying power and no more
        monkeypatch.setattr(gathering, "_MARGIN_WITHIN_S", 1.0)
        gateway.do(lambda simulator: simulator.inject(IgnoreRequest(on="PlaceOrder")))
        with pytest.raises(RiskLimitError) as estimated:
            await ib.place_order(order(quantity=900, limit_price="100.01"))
        assert "by estimate" in estimated.value.violations[0].limit
    assert at_the_venue(gateway) == 1


# --- pace ---------------------------------------------------------------------------------------


async def test_no_second_has_more_orders_than_it_may(
    make_ibkr_gateway: MakeGateway, make_connector: Make, config: Path
) -> None:
    # a slow clock: a pause of the machine makes no second out of these few orders
    clock = ScaledClock(datetime(2026, 11, 18, 17, 0, tzinfo=UTC), speed=0.05)
    gateway = make_ibkr_gateway(clock=ScaledClock(datetime(2026, 11, 18, 17, 0, tzinfo=UTC)))
    limits(config, "max_orders_per_second: 2")
    asked = [order(limit_price=f"9{n}.00") for n in range(4)]
    async with engine_at(make_connector(gateway.port).settings, clock) as engine:
        ended = await asyncio.gather(*map(engine.orders.place, asked), return_exceptions=True)
    refused = [one for one in ended if isinstance(one, RiskLimitError)]
    assert [rules(one) for one in refused] == [["max_orders_per_second"]] * 2
    assert at_the_venue(gateway) == 2


async def test_no_more_orders_are_open_than_may_be(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config, "max_open_orders: 2")
    quote(ibkr_gateway)
    async with make_connector(ibkr_gateway.port) as ib:
        first = await ib.place_order(order(limit_price="90.00"))
        await ib.place_order(order(limit_price="91.00"))
        with pytest.raises(RiskLimitError) as broken:
            await ib.place_order(order(limit_price="92.00"))
        assert rules(broken.value) == ["max_open_orders"]
        await ib.cancel_order(first.order_id)
        await ib.place_order(order(limit_price="92.00"))
    assert at_the_venue(ibkr_gateway) == 3


# --- the switch at the wire ---------------------------------------------------------------------


async def test_orders_that_wait_for_their_turn_on_the_wire_are_stopped_too(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    # ten messages a second: some of the orders leave at once, the last in a quarter of a minute
    async with make_connector(ibkr_gateway.port, messages_per_second=10) as ib:
        asked = [order(quantity=1, limit_price="50.00")] * 150
        placing = [asyncio.ensure_future(ib.place_order(one, timeout_s=60)) for one in asked]
        await asyncio.wait(placing, return_when=asyncio.FIRST_COMPLETED)
        await ib.kill_switch.engage("a drill")
        ended = await asyncio.gather(*placing, return_exceptions=True)
        halted = [one for one in ended if isinstance(one, TradingHaltedError)]
        placed = [one for one in ended if not isinstance(one, BaseException)]
        assert len(placed) + len(halted) == len(asked)
        assert placed
        assert halted
        for error in halted:
            assert "a drill" in str(error)
            assert error.disposition is SendDisposition.UNSENT
        assert at_the_venue(ibkr_gateway) == len(placed)
        assert ib.get_connection_status().open_orders == len(placed)


# --- other values for some ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "passes", "breaks"),
    [
        (
            "symbols: {AAPL: {max_order_size: 5}}",
            order(quantity=6) | {"symbol": "MSFT"},
            order(quantity=6),
        ),
        (
            "accounts: {DU2: {max_order_size: 5}}",
            order(quantity=6, account="DU1"),
            order(quantity=6, account="DU2"),
        ),
        (
            "security_types: {STK: {max_order_size: 5}}",
            order(quantity=6) | {"symbol": "EUR.USD", "limit_price": "1.00"},
            order(quantity=6),
        ),
        # the strictest of those that fit
        (
            "symbols: {AAPL: {max_order_size: 5}}, accounts: {DU2: {max_order_size: 50}}",
            order(quantity=5, account="DU2"),
            order(quantity=6, account="DU2"),
        ),
    ],
)
async def test_a_symbol_an_account_and_a_kind_can_have_limits_of_their_own(
    make_ibkr_gateway: MakeGateway,
    make_connector: Make,
    config: Path,
    overrides: str,
    passes: Mapping[str, Any],
    breaks: Mapping[str, Any],
) -> None:
    gateway = make_ibkr_gateway(accounts={"DU1": Decimal(100_000), "DU2": Decimal(100_000)})
    limits(config, f"overrides: {{{overrides}}}")
    async with make_connector(gateway.port) as ib:
        with pytest.raises(RiskLimitError) as broken:
            await ib.place_order({"account": "DU1"} | dict(breaks))
        assert rules(broken.value) == ["MAX_ORDER_SIZE"]
        assert broken.value.violations[0].limit == "5"
        assert at_the_venue(gateway) == 0
        await ib.place_order({"account": "DU1"} | dict(passes))
    assert at_the_venue(gateway) == 1


# --- all of them --------------------------------------------------------------------------------


def test_every_limit_that_a_file_can_set_is_broken_by_some_order_on_a_socket() -> None:
    here = Path(__file__).parent
    tested = "".join((here / name).read_text() for name in _MODULES)
    keys = {*RiskSettings.model_fields, *PermissionSettings.model_fields}
    # the other half of each list is the same rule, and has its unit tests
    keys -= {name for name in keys if name.removeprefix("denied_") in keys and _half(name, tested)}
    assert [key for key in sorted(keys) if f"{key}: " not in tested] == []


def _half(name: str, tested: str) -> bool:
    stem = name.removeprefix("denied_")
    return f"{stem}: " in tested or f"denied_{stem}: " in tested


_MODULES = ("test_rules_on_the_wire.py", "test_more_rules_on_the_wire.py")


async def test_a_bracket_that_is_denied_for_an_exit_is_corrected_at_once(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config, "price_collar: 0.05\nduplicate_window_s: 600")
    quote(ibkr_gateway)
    bracket = order(quantity=1, limit_price="90.00") | {"stop_loss": "89.00"}
    async with make_connector(ibkr_gateway.port) as ib:
        with pytest.raises(RiskLimitError) as broken:
            await ib.place_bracket(bracket | {"take_profit": "91.00"})
        assert rules(broken.value) == ["price_collar"]
        assert at_the_venue(ibkr_gateway) == 0
        await ib.place_bracket(bracket | {"take_profit": "110.00"})
    assert at_the_venue(ibkr_gateway) == 3


# --- positions that come late -------------------------------------------------------------------


async def test_a_fill_that_no_position_shows_yet_is_counted_all_the_same(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config, "max_position_size: 15\nallow_short: false")
    quote(ibkr_gateway)
    async with make_connector(ibkr_gateway.port) as ib:
        await ib.place_order(order(**MARKET), wait="filled")
        await positions_are(ib, 10)
        # from now on no position is told any more, as TWS takes seconds for it (ib_async issue 15)
        ibkr_gateway.do(lambda simulator: simulator.inject(Drop(reply="Position")))
        await ib.place_order(order(quantity=5, **MARKET), wait="filled")
        with pytest.raises(RiskLimitError) as broken:
            await ib.place_order(order(quantity=1, **MARKET))
        assert rules(broken.value) == ["max_position_size"]
        await ib.place_order(order("SELL", 10, **MARKET), wait="filled")
        with pytest.raises(RiskLimitError) as broken:
            await ib.place_order(order("SELL", 10, **MARKET))
        assert rules(broken.value) == ["allow_short"]
    assert at_the_venue(ibkr_gateway) == 3


async def test_an_order_that_is_called_filled_before_its_execution_is_counted_meanwhile(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config, "max_position_size: 15\nallow_short: false")
    quote(ibkr_gateway)
    async with make_connector(ibkr_gateway.port) as ib:
        ibkr_gateway.do(lambda simulator: simulator.inject(Drop(reply="Position")))
        ibkr_gateway.do(lambda simulator: simulator.inject(Drop(reply="ExecDetails")))
        report = await ib.place_order(order(quantity=10, **MARKET), wait="filled")
        assert report.fills == ()
        with pytest.raises(RiskLimitError) as broken:
            await ib.place_order(order(quantity=10, **MARKET))
        assert rules(broken.value) == ["max_position_size"]
        assert (
            await ib.place_order(order(quantity=5, **MARKET), wait="filled")
        ).filled_quantity == 5


@pytest.mark.parametrize("way", ["close_position", "kill switch"])
async def test_closing_waits_until_the_position_shows_what_was_sold_last(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path, way: str
) -> None:
    limits(config)
    quote(ibkr_gateway)
    async with make_connector(ibkr_gateway.port) as ib:
        await ib.place_order(order(**MARKET), wait="filled")
        await positions_are(ib, 10)
        # what is told next, and what is answered to the first question, is what was before
        stale = Rewrite(reply="Position", values={"position": "10"}, times=2)
        ibkr_gateway.do(lambda simulator: simulator.inject(stale))
        await ib.place_order(order("SELL", 4, **MARKET), wait="filled")
        if way == "close_position":
            (closed,) = (await ib.close_position("AAPL")).closed
            assert closed.filled_quantity == 6
        else:
            report = await ib.kill_switch.engage("enough", flatten=True)
            assert (report.closed, report.problems) == (1, ())
        await positions_are(ib, 0)


async def test_losses_are_not_judged_by_what_an_earlier_connection_told(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config, "max_daily_loss: 1000")
    quote(ibkr_gateway)
    async with make_connector(ibkr_gateway.port, sync_timeout_s=10.0) as ib:
        await ib.place_order(order(**MARKET), wait="filled")
        await positions_are(ib, 10)
        for reply in ("AccountSummary", "AccountSummaryEnd", "AccountValue"):
            ibkr_gateway.do(lambda gateway, reply=reply: gateway.inject(Drop(reply=reply)))  # type: ignore[misc]  # a lambda's defaults
        pay(ibkr_gateway, -5000)
        ibkr_gateway.do(lambda gateway: gateway.cut())
        async with asyncio.timeout(60):
            while ib.get_connection_status().degraded_by != ("account values",):
                await asyncio.sleep(0.02)
        with pytest.raises(RiskLimitError) as broken:
            await ib.place_order(order(limit_price="50.00"))
        assert rules(broken.value) == ["max_daily_loss"]
        assert broken.value.violations[0].value == "an unknown value"
        # what closes needs no such word
        await ib.place_order(order("SELL", 10, **MARKET), wait="filled")
        ibkr_gateway.do(lambda gateway: gateway.clear_faults())
