"""Combinations through a real socket: what the venue holds, what fills, what positions change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector import IBKRConnector
from ibkr_connector.build import buy
from ibkr_connector.errors import OrderValidationError, RiskLimitError
from ibkr_connector.instruments.resolver import Resolver
from ibkr_connector.model.contracts import Action, ComboLeg, OpenClose, SecurityType, combo
from ibkr_connector.model.orders import OrderReport, OrderStatus
from ibkr_connector.simulator import Drop, GatewaySimulator, HostedSimulator
from ibkr_connector.simulator.exchange.commands import SetQuote
from ibkr_connector.simulator.wire.requests import PlaceOrder
from kit.order_socket import Wire, wire
from kit.rule_socket import at_the_venue, limits, quote

Make = Callable[..., IBKRConnector]

AAPL, MSFT = 265598, 272093
PAIR: dict[str, Any] = {"symbol": "4*AAPL - MSFT", "action": "BUY", "quantity": 2}
REST = PAIR | {"order_type": "LMT", "limit_price": "-900.25"}


@asynccontextmanager
async def desk_at(gw: GatewaySimulator, path: Path) -> AsyncIterator[Wire]:
    """Make a desk whose contracts are looked up by the resolver, on a market that holds still."""
    for con_id, bid, ask in ((AAPL, "99.90", "100.10"), (MSFT, "399.90", "400.10")):
        command = SetQuote(con_id=con_id, bid=Decimal(bid), ask=Decimal(ask))
        gw.gateway.execute(command, gw.clock.utcnow())
    async with wire(gw, path) as desk:
        resolver = Resolver(gateway=desk.link, pipeline=desk.pipeline, clock=desk.clock)
        desk.desk._admission.resolve = resolver.resolve
        yield desk


async def closed(desk: Wire, report: OrderReport) -> OrderReport:
    return await desk.desk.wait_for(
        report.order_id, lambda now: now.is_closed and now.commission is not None, timeout_s=60
    )


async def held(desk: Wire) -> dict[int | None, Decimal]:
    return {row.contract.con_id: row.quantity for row in await desk.link.positions()}


def sent(gw: GatewaySimulator) -> list[PlaceOrder]:
    return [one.request for one in gw.log if isinstance(one.request, PlaceOrder)]


LEGS = {
    "text": PAIR,
    "legs": {
        "legs": [
            {"symbol": "AAPL", "action": "buy", "ratio": 4},
            {"con_id": MSFT, "action": "SELL"},
        ],
        "action": "BUY",
        "quantity": 2,
    },
    "contract": {
        "contract": combo(
            ComboLeg(contract="AAPL", action=Action.BUY, ratio=4),
            ComboLeg(contract="MSFT", action=Action.SELL),
        ),
        "action": "BUY",
        "quantity": 2,
    },
}


async def test_executions_of_a_combination_that_were_lost_come_with_its_fill(
    tmp_path: Path,
) -> None:
    async with GatewaySimulator() as gw, desk_at(gw, tmp_path / "j") as desk:
        # give them as long as a busy machine may take
        desk.desk._book._moment_s = 60.0
        gw.inject(Drop(reply="ExecDetails", times=3))
        report = await desk.desk.place(PAIR | {"order_type": "MKT"}, wait="filled", timeout_s=120)
        assert (report.status, report.filled_quantity) == (OrderStatus.FILLED, Decimal(2))
        assert report.unbacked_quantity == 0
        assert sorted((one.contract.symbol, one.quantity) for one in report.fills) == [
            ("AAPL", Decimal(8)),
            ("AAPL,MSFT", Decimal(2)),
            ("MSFT", Decimal(2)),
        ]


@pytest.mark.parametrize("form", LEGS)
async def test_each_way_to_write_a_combination_is_the_same_order(tmp_path: Path, form: str) -> None:
    async with GatewaySimulator() as gw, desk_at(gw, tmp_path / "j") as desk:
        await desk.desk.place(LEGS[form] | {"order_type": "LMT", "limit_price": "-900.25"})
        (request,) = sent(gw)
        assert request.contract.sec_type == "BAG"
        assert (request.contract.con_id, request.contract.symbol) == (0, "AAPL,MSFT")
        assert (request.contract.exchange, request.contract.currency) == ("SMART", "USD")
        assert request.groups["comboLegs"] == (
            (str(AAPL), "4", "BUY", "SMART", "0", "0", "", "-1"),
            (str(MSFT), "1", "SELL", "SMART", "0", "0", "", "-1"),
        )
        assert request.order.text("lmtPrice") == "-900.25"
        (order,) = gw.venue.open_orders()
        assert [(leg.instrument.con_id, leg.ratio) for leg in order.terms.legs] == [
            (AAPL, 4),
            (MSFT, 1),
        ]


@pytest.mark.parametrize(
    ("action", "signs"), [("BUY", {AAPL: 8, MSFT: -2}), ("SELL", {AAPL: -8, MSFT: 2})]
)
async def test_a_fill_counts_once_and_its_legs_change_the_positions(
    tmp_path: Path, action: str, signs: dict[int, int]
) -> None:
    async with GatewaySimulator() as gw, desk_at(gw, tmp_path / "j") as desk:
        report = await closed(desk, await desk.desk.place(PAIR | {"action": action}))
        assert report.status is OrderStatus.FILLED
        assert (report.filled_quantity, report.remaining_quantity) == (Decimal(2), Decimal(0))
        kinds = [fill.contract.security_type for fill in report.fills]
        assert kinds == [SecurityType.COMBO, SecurityType.STOCK, SecurityType.STOCK]
        assert [fill.quantity for fill in report.fills] == [2, 8, 2]
        # the price is that of the combination: four bought at the ask, one sold at the bid
        expected = Decimal("0.50") if action == "BUY" else Decimal("-0.50")
        assert report.avg_fill_price == expected == report.fills[0].price
        whole = report.fills[0]
        legs = sum(
            fill.price * fill.quantity * (1 if fill.action is whole.action else -1)
            for fill in report.fills[1:]
        )
        assert legs == expected * 2
        assert report.commission == sum(fill.commission or 0 for fill in report.fills[1:])
        assert await held(desk) == signs
        assert desk.desk.anomalies == 0


async def test_a_restart_finds_the_combination_as_it_was(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw:
        async with desk_at(gw, tmp_path / "j") as desk:
            key = {"client_order_id": "spread"}
            filled = await closed(desk, await desk.desk.place(PAIR | key))
            resting = await desk.desk.place(REST)
        async with desk_at(gw, tmp_path / "j") as desk:
            await desk.desk.reconcile()
            known = {one.order_id: one for one in desk.desk.orders()}
            assert known[filled.order_id].contract == filled.contract
            assert known[filled.order_id].filled_quantity == 2
            assert known[filled.order_id].commission == filled.commission
            assert known[resting.order_id].status is OrderStatus.SUBMITTED
            # the key names that order, by its legs
            assert (await desk.desk.place(PAIR | key)).order_id == filled.order_id
            with pytest.raises(OrderValidationError, match="already names another order"):
                await desk.desk.place(PAIR | key | {"symbol": "3*AAPL - MSFT"})
            assert desk.desk.anomalies == 0
        async with desk_at(gw, tmp_path / "empty") as desk:  # the journal was lost
            await desk.desk.reconcile()
            (met,) = desk.desk.orders(open_only=True)
            assert met.contract.security_type is SecurityType.COMBO
            assert [(leg.con_id, leg.ratio, leg.action) for leg in met.contract.legs] == [
                (AAPL, 4, Action.BUY),
                (MSFT, 1, Action.SELL),
            ]


@pytest.mark.parametrize("price", ["-1.25", "0"])
async def test_a_limit_may_be_nothing_or_less(tmp_path: Path, price: str) -> None:
    async with GatewaySimulator() as gw, desk_at(gw, tmp_path / "j") as desk:
        report = await desk.desk.place(REST | {"limit_price": price})
        assert report.limit_price == Decimal(price)
        (row,) = await desk.link.open_orders()
        assert row.limit_price == Decimal(price)
        assert gw.venue.open_orders()[0].terms.limit_price == Decimal(price)


async def test_a_change_sends_back_what_the_broker_has_shown(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, desk_at(gw, tmp_path / "j") as desk:
        report = await desk.desk.place(REST)
        changed = await desk.desk.modify(report.order_id, {"limit_price": "-900.30"})
        assert changed.limit_price == Decimal("-900.30")
        first, second = sent(gw)
        assert (first.contract.con_id, second.contract.con_id) == (0, 28812380)
        assert second.contract.local_symbol
        assert second.groups["comboLegs"] == first.groups["comboLegs"]
        assert (await desk.desk.cancel(report.order_id)).status is OrderStatus.CANCELLED


async def test_legs_that_may_fill_apart_say_so_and_have_prices_of_their_own(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, desk_at(gw, tmp_path / "j") as desk:
        asked = PAIR | {
            "order_type": "LMT",
            "non_guaranteed": True,
            "leg_prices": ["90.10", 500],
        }
        report = await desk.desk.place(asked)
        (request,) = sent(gw)
        assert request.groups["smartComboRoutingParams"] == (("NonGuaranteed", "1"),)
        assert request.groups["orderComboLegs"] == (("90.10",), ("500",))
        assert request.order.text("lmtPrice") == ""
        (row,) = await desk.link.open_orders()
        assert row.terms == report.terms
        assert row.terms.leg_prices == (Decimal("90.10"), Decimal(500))
        assert row.terms.non_guaranteed


async def test_what_institutions_say_of_a_leg_is_sent(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, desk_at(gw, tmp_path / "j") as desk:
        leg = {
            "symbol": "MSFT",
            "action": "SELL",
            "exchange": "NASDAQ",
            "open_close": "open",
            "short_sale_slot": 2,
            "designated_location": "elsewhere",
        }
        legs = [ComboLeg(contract="AAPL", action=Action.BUY, open_close=OpenClose.CLOSE), leg]
        await desk.desk.place(
            {"legs": legs, "action": "BUY", "quantity": 1, "order_type": "LMT", "limit_price": -500}
        )
        (request,) = sent(gw)
        assert request.groups["comboLegs"] == (
            (str(AAPL), "1", "BUY", "SMART", "2", "0", "", "-1"),
            (str(MSFT), "1", "SELL", "NASDAQ", "1", "2", "elsewhere", "-1"),
        )


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        (PAIR | {"quantity": "1.5"}, "quantity must be a multiple of 1"),
        (REST | {"limit_price": "1.005"}, "limit_price must be a multiple of 0.01"),
        (REST | {"leg_prices": [1, 2]}, "limit_price -900.25 contradicts leg_prices"),
        (
            PAIR | {"order_type": "LMT", "leg_prices": [1, 2]},
            "leg_prices need non_guaranteed=True",
        ),
        (
            PAIR | {"order_type": "LMT", "leg_prices": [1, 2, 3], "non_guaranteed": True},
            "leg_prices are for two legs, one each; got 3 for 2 legs",
        ),
        (
            PAIR | {"symbol": "AAPL", "non_guaranteed": True},
            "non_guaranteed goes with a combination",
        ),
        (
            {"legs": [{"symbol": "AAPL", "ratio": 0}, 7], "action": "BUY", "quantity": 1},
            "legs[0].ratio must be a whole number of at least 1; got 0; legs[0].action is missing; "
            "legs[1] must be a ComboLeg or a mapping; got 7",
        ),
        (
            PAIR | {"legs": [], "symbol": "AAPL"},
            "symbol and legs name the same thing; give one of them",
        ),
    ],
)
async def test_a_combination_that_makes_no_sense_is_refused_and_nothing_is_sent(
    tmp_path: Path, asked: dict[str, Any], fault: str
) -> None:
    async with GatewaySimulator() as gw, desk_at(gw, tmp_path / "j") as desk:
        with pytest.raises(OrderValidationError) as caught:
            await desk.desk.place(asked)
        assert fault in caught.value.message
        assert sent(gw) == []


# --- limits, and getting out --------------------------------------------------------------------


async def test_the_limits_look_at_the_legs(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    quote(ibkr_gateway)
    quote(ibkr_gateway, "399.90", "400.10", con_id=MSFT)
    # two of it are 8 x 100.10 and 2 x 400.10, whatever the limit of the whole
    limits(config, "max_order_value: 1600\nrefuse_halted: true\nmax_quote_age_s: 60")
    async with make_connector(ibkr_gateway.port) as ib:
        with pytest.raises(RiskLimitError) as broken:
            await ib.place_order(REST)
        (violation,) = broken.value.violations
        assert violation.rule == "max_order_value"
        # at least: a leg counts with the dearest price in sight, which may be the last close
        assert Decimal(violation.value) >= 1601
        assert at_the_venue(ibkr_gateway) == 0
        limits(
            config, f"max_order_value: {violation.value}\nmax_position_size: 8\nallow_short: true"
        )
        await ib.reload_rules()
        report = await ib.place_order(PAIR)
        await ib.wait_for_fill(report.order_id, timeout_s=60)
        with pytest.raises(RiskLimitError, match="max_position_size: 16 with all"):
            await ib.place_order(PAIR)


async def test_getting_out_of_a_leg_takes_the_combinations_with_it(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    quote(ibkr_gateway)
    quote(ibkr_gateway, "399.90", "400.10", con_id=MSFT)
    async with make_connector(ibkr_gateway.port) as ib:
        filled = await ib.place_order(PAIR)
        await ib.wait_for_fill(filled.order_id, timeout_s=60)
        resting = await ib.place_order(REST)
        done = await ib.close_position("MSFT")
        assert [one.order_id for one in done.cancelled] == [resting.order_id]
        assert [(one.symbol, one.action, one.quantity) for one in done.closed] == [
            ("MSFT", Action.BUY, Decimal(2))
        ]
        done = await ib.flatten()
        assert [(one.symbol, one.action, one.quantity) for one in done.closed] == [
            ("AAPL", Action.SELL, Decimal(8))
        ]
        assert done.is_done


async def test_a_combination_is_quoted_previewed_and_bracketed_like_anything_else(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config, "max_order_value: 100000")
    quote(ibkr_gateway)
    quote(ibkr_gateway, "399.90", "400.10", con_id=MSFT)
    async with make_connector(ibkr_gateway.port) as ib:
        seen = await ib.get_quote("4*AAPL - MSFT")
        assert (seen.bid, seen.ask) == (Decimal("-0.50"), Decimal("0.50"))
        preview = await ib.preview_order(buy("4*AAPL - MSFT", 2).limit("-900.25"))
        assert preview.broker is not None
        assert preview.broker.initial_margin.change is not None
        assert at_the_venue(ibkr_gateway) == 0
        legs = [
            {"symbol": "AAPL", "action": "BUY", "ratio": 4},
            {"symbol": "MSFT", "action": "SELL"},
        ]
        entry = REST | {"legs": legs, "take_profit": -800, "stop_loss": -950}
        del entry["symbol"]
        bracket = await ib.place_bracket(entry)
        assert [one.contract.text for one in bracket.orders] == ["4*AAPL - MSFT"] * 3
        assert [one.action for one in bracket.orders] == ["BUY", "SELL", "SELL"]
