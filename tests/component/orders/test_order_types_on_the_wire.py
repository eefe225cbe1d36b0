"""Every order type and attribute through a real socket: what the venue holds is what was asked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.errors import OrderValidationError
from ibkr_connector.gateway.port import BrokerOrder
from ibkr_connector.model.contracts import Contract, ContractDetails, SecurityType, stock
from ibkr_connector.model.orders import (
    Action,
    AdaptivePriority,
    ExecutionCondition,
    Joined,
    MarginCondition,
    OcaType,
    OrderReport,
    OrderRequest,
    OrderStatus,
    OrderTerms,
    OrderType,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    TimeInForce,
    TriggerMethod,
    VolumeCondition,
)
from ibkr_connector.orders.validation import as_request
from ibkr_connector.simulator import GatewaySimulator
from kit.order_socket import Wire, wire

AAPL = stock("AAPL")
FAR = datetime(2026, 12, 18, 21, 0, tzinfo=UTC)
LATER = datetime(2026, 12, 11, 15, 30, tzinfo=UTC)
PLAIN: dict[str, Any] = {"symbol": "AAPL", "action": "BUY", "quantity": 100}
LIMIT = PLAIN | {"order_type": "LMT", "limit_price": "1.05"}


def held(gw: GatewaySimulator, report: OrderReport) -> Any:
    """Return the order at the venue, open or closed."""
    venue = gw.venue
    return next(
        order
        for order in (*venue.open_orders(), *venue.closed_orders())
        if order.order_ref == report.order_ref
    )


async def listed(desk: Wire, report: OrderReport) -> BrokerOrder:
    """Return the order as the gateway lists it, read back by the SDK."""
    rows = await desk.link.open_orders()
    return next(row for row in rows if row.order_ref == report.order_ref)


TYPES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"order_type": "MKT"}, {"order_type": "MKT", "limit_price": None}),
    ({"order_type": "LMT", "limit_price": "1.05"}, {"limit_price": Decimal("1.05")}),
    (
        {"order_type": "stop", "stop_price": "9000.5"},
        {"order_type": "STP", "stop_price": Decimal("9000.5")},
    ),
    (
        {"order_type": "stop limit", "stop_price": "9000", "limit_price": "9001"},
        {"order_type": "STP LMT", "stop_price": Decimal(9000), "limit_price": Decimal(9001)},
    ),
    (
        {"order_type": "TRAIL", "trail_amount": "55.5"},
        {"order_type": "TRAIL", "stop_price": Decimal("55.5"), "trailing_percent": None},
    ),
    (
        {"order_type": "TRAIL", "trail_percent": "7.5", "stop_price": "8000"},
        {
            "trailing_percent": Decimal("7.5"),
            "trail_stop_price": Decimal(8000),
            "stop_price": None,
        },
    ),
    (
        {
            "order_type": "trailing stop limit",
            "trail_amount": "55.5",
            "limit_offset": "0.35",
            "stop_price": "8000",
        },
        {
            "order_type": "TRAIL LIMIT",
            "stop_price": Decimal("55.5"),
            "limit_offset": Decimal("0.35"),
            "trail_stop_price": Decimal(8000),
        },
    ),
    (
        {
            "order_type": "TRAIL LIMIT",
            "trail_percent": "2.5",
            "limit_price": "8000.50",
            "stop_price": "8000",
        },
        {
            "order_type": "TRAIL LIMIT",
            "trailing_percent": Decimal("2.5"),
            "limit_price": Decimal("8000.50"),
            "limit_offset": None,
            "trail_stop_price": Decimal(8000),
        },
    ),
    ({"order_type": "MOC"}, {"order_type": "MOC"}),
    (
        {"order_type": "LOC", "limit_price": "1.05"},
        {"order_type": "LOC", "limit_price": Decimal("1.05")},
    ),
    (
        {"order_type": "MIT", "stop_price": "1.05"},
        {"order_type": "MIT", "stop_price": Decimal("1.05")},
    ),
    (
        {"order_type": "LIT", "stop_price": "1.05", "limit_price": "1.06"},
        {"order_type": "LIT", "stop_price": Decimal("1.05"), "limit_price": Decimal("1.06")},
    ),
    (
        {"order_type": "REL", "offset": "0.02", "limit_price": "1.05"},
        {"order_type": "REL", "stop_price": Decimal("0.02"), "limit_price": Decimal("1.05")},
    ),
    ({"order_type": "REL", "limit_price": "1.05"}, {"order_type": "REL", "stop_price": 0}),
    (
        {"order_type": "MIDPRICE", "limit_price": "1.05"},
        {"order_type": "MIDPRICE", "limit_price": Decimal("1.05")},
    ),
    (
        {"order_type": "pegged to market", "offset": "0.02", "limit_price": "1.05"},
        {"order_type": "PEG MKT", "stop_price": Decimal("0.02"), "limit_price": Decimal("1.05")},
    ),
    (
        {"order_type": "PEG MID", "limit_price": "1.05"},
        {"order_type": "PEG MID", "stop_price": 0, "limit_price": Decimal("1.05")},
    ),
]


@pytest.mark.parametrize(
    ("asked", "expected"), TYPES, ids=[f"{asked['order_type']}" for asked, _ in TYPES]
)
async def test_the_venue_holds_the_type_and_the_list_reads_it_back(
    tmp_path: Path, asked: dict[str, Any], expected: dict[str, Any]
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        request = as_request(PLAIN | asked)
        _take_every_type(desk)
        report = await desk.desk.place(PLAIN | asked)
        terms = held(gw, report).terms
        assert {key: getattr(terms, key) for key in expected} == expected
        assert (terms.action, terms.quantity) == ("BUY", 100)
        if report.status is OrderStatus.FILLED or request.order_type is OrderType.MARKET:
            return
        row = await listed(desk, report)
        assert (row.order_type, row.limit_price) == (request.order_type, request.limit_price)
        if request.stop_price is not None and "TRAIL" not in request.order_type:
            assert row.stop_price == request.stop_price
        assert row.terms == request.terms
        assert desk.desk.anomalies == 0


def _take_every_type(desk: Wire) -> None:
    """Let the details name no types: the simulator's list leaves out two that its venue takes."""
    resolve = desk.resolve

    async def open_minded(contract: Contract | str) -> ContractDetails:
        return replace(await resolve(contract), order_types=())

    desk.desk._admission.resolve = open_minded


TIMES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"time_in_force": "DAY"}, {"time_in_force": "DAY"}),
    ({"time_in_force": "gtc"}, {"time_in_force": "GTC"}),
    ({"time_in_force": "OPG"}, {"time_in_force": "OPG"}),
    (
        {"time_in_force": "GTD", "good_till": FAR.isoformat()},
        {"time_in_force": "GTD", "good_till": FAR},
    ),
    ({"good_after": LATER}, {"good_after": LATER}),
    ({"outside_regular_hours": True}, {"outside_hours": True}),
    ({"all_or_none": True}, {"is_all_or_none": True}),
    ({"minimum_quantity": 30}, {"minimum_quantity": Decimal(30)}),
    ({"display_size": 10}, {"display_size": Decimal(10)}),
    ({"hidden": True}, {"is_hidden": True}),
    ({"trigger_method": "last"}, {"trigger_method": 2}),
]


@pytest.mark.parametrize(("asked", "expected"), TIMES, ids=["-".join(asked) for asked, _ in TIMES])
async def test_the_venue_holds_the_attribute_and_the_list_reads_it_back(
    tmp_path: Path, asked: dict[str, Any], expected: dict[str, Any]
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        request = as_request(LIMIT | asked)
        report = await desk.desk.place(LIMIT | asked)
        terms = held(gw, report).terms
        assert {key: getattr(terms, key) for key in expected} == expected
        row = await listed(desk, report)
        assert row.terms == request.terms
        assert row.time_in_force == request.time_in_force
        assert row.outside_regular_hours is request.outside_regular_hours


@pytest.mark.parametrize("time_in_force", ["IOC", "FOK"])
async def test_an_order_for_now_or_never_that_finds_nobody_is_cancelled(
    tmp_path: Path, time_in_force: str
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await desk.desk.place(LIMIT | {"time_in_force": time_in_force})
        report = await desk.desk.wait_for(report.order_id, lambda now: now.is_closed, timeout_s=60)
        assert report.status is OrderStatus.CANCELLED
        assert held(gw, report).terms.time_in_force == time_in_force


@pytest.mark.parametrize("priority", AdaptivePriority)
@pytest.mark.parametrize("kind", [{"order_type": "MKT"}, LIMIT])
async def test_the_adaptive_algorithm_has_its_priority(
    tmp_path: Path, priority: AdaptivePriority, kind: dict[str, Any]
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await desk.desk.place(PLAIN | kind | {"adaptive": priority.lower()})
        algo = held(gw, report).terms.algo
        assert algo.strategy == "Adaptive"
        assert algo.parameters == {"adaptivePriority": priority.value}
        if kind is LIMIT:
            assert (await listed(desk, report)).terms.adaptive is priority


@pytest.mark.parametrize(
    ("oca_type", "kind"),
    [(None, 1), ("cancel_with_block", 1), ("reduce_with_block", 2), (3, 3)],
)
async def test_a_group_says_what_a_fill_does_to_the_others(
    tmp_path: Path, oca_type: Any, kind: int
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        group = {"oca_group": "exit-1", "oca_type": oca_type}
        report = await desk.desk.place(LIMIT | group)
        held_group = held(gw, report).group
        assert (held_group.name, held_group.kind) == ("exit-1", kind)
        terms = (await listed(desk, report)).terms
        assert (terms.oca_group, terms.oca_type) == ("exit-1", OcaType(kind))


async def test_the_first_fill_of_a_group_cancels_the_rest(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        rest = await desk.desk.place(LIMIT | {"oca_group": "g"})
        await desk.desk.place(PLAIN | {"order_type": "MKT", "oca_group": "g"})
        ended = await desk.desk.wait_for(rest.order_id, lambda now: now.is_closed, timeout_s=60)
        assert ended.status is OrderStatus.CANCELLED
        assert ended.filled_quantity == 0


async def test_conditions_reach_the_venue_and_come_back(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        msft = (await desk.resolve("MSFT")).contract
        assert msft.con_id is not None
        request = OrderRequest(
            contract=AAPL,
            action=Action.BUY,
            quantity=Decimal(100),
            order_type=OrderType.LIMIT,
            limit_price=Decimal("1.05"),
            conditions=(
                PriceCondition(
                    contract="MSFT",
                    above=Decimal("9000.25"),
                    trigger_method=TriggerMethod.LAST,
                    joined=Joined.OR,
                ),
                TimeCondition(after=FAR),
                MarginCondition(below=Decimal(5)),
                ExecutionCondition(symbol="TSLA", security_type=SecurityType.STOCK),
                VolumeCondition(contract=msft, above=Decimal(2_000_000_000)),
                PercentChangeCondition(contract=msft, below=Decimal("-90.5")),
            ),
            conditions_cancel=True,
            conditions_outside_regular_hours=True,
        )
        report = await desk.desk.place(request)
        terms = held(gw, report).terms
        price, time, margin, execution, volume, change = terms.conditions
        assert (price.value, price.con_id, price.is_more, price.trigger_method) == (
            Decimal("9000.25"),
            msft.con_id,
            True,
            2,
        )
        assert [one.is_joined_by_and for one in terms.conditions] == [False] + [True] * 5
        assert (time.moment, time.is_more) == (FAR, True)
        assert (margin.value, margin.is_more) == (5, False)
        assert (execution.symbol, execution.sec_type) == ("TSLA", "STK")
        assert (volume.value, volume.con_id) == (2_000_000_000, msft.con_id)
        assert (change.value, change.is_more) == (Decimal("-90.5"), False)
        assert terms.conditions_cancel
        assert terms.conditions_ignore_hours

        asked, told = report.terms, (await listed(desk, report)).terms
        assert replace(told, conditions=()) == replace(asked, conditions=())
        for mine, its in zip(asked.conditions, told.conditions, strict=True):
            assert type(its) is type(mine)
            assert _but_contract(its) == _but_contract(mine)


def _but_contract(condition: Any) -> dict[str, Any]:
    """Compare by the contract's id, which is all that the wire carries."""
    fields = dict(condition)
    if "contract" in fields:
        fields["contract"] = fields["contract"].con_id
    return fields


async def test_plain_mappings_describe_conditions_too(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        conditions = [
            {"kind": "price", "symbol": "MSFT", "below": 1, "joined": "or"},
            {"kind": "time", "after": FAR},
        ]
        report = await desk.desk.place(LIMIT | {"conditions": conditions})
        price, time = held(gw, report).terms.conditions
        assert (price.value, price.is_more, price.is_joined_by_and) == (1, False, False)
        assert time.moment == FAR


async def test_an_order_waits_for_its_conditions(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await desk.desk.place(
            PLAIN | {"conditions": [{"kind": "price", "symbol": "MSFT", "below": "1"}]}
        )
        assert report.status is OrderStatus.SUBMITTED
        other = await desk.desk.place(
            PLAIN | {"conditions": [{"kind": "price", "symbol": "MSFT", "above": "1"}]}
        )
        other = await desk.desk.wait_for(other.order_id, lambda now: now.is_closed, timeout_s=60)
        assert other.status is OrderStatus.FILLED


async def test_an_adopted_order_carries_the_terms_it_was_placed_with(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw:
        async with wire(gw, tmp_path / "mine") as desk:
            asked = LIMIT | {
                "time_in_force": "GTD",
                "good_till": FAR,
                "oca_group": "g",
                "oca_type": "reduce",
                "display_size": 10,
                "outside_regular_hours": True,
            }
            placed = await desk.desk.place(asked)
        async with wire(gw, tmp_path / "empty") as other:  # the journal was lost
            await other.desk.reconcile()
            (met,) = other.desk.orders(open_only=True)
            assert met.order_ref == placed.order_ref
            assert met.terms == as_request(asked).terms == placed.terms
            assert met.time_in_force is TimeInForce.GTD
            assert met.outside_regular_hours


async def test_the_journal_keeps_the_terms_through_a_restart(tmp_path: Path) -> None:
    conditions = [
        {"kind": "volume", "symbol": "MSFT", "above": 2_000_000_000},
        {"kind": "percent_change", "symbol": "MSFT", "above": 90},
        {"kind": "price", "symbol": "MSFT", "above": 9000},
        {"kind": "margin", "below": 5},
        {"kind": "execution", "symbol": "TSLA"},
        {"kind": "time", "before": FAR - timedelta(days=300)},
    ]
    async with GatewaySimulator() as gw:
        async with wire(gw, tmp_path / "j") as desk:
            placed = await desk.desk.place(
                LIMIT | {"conditions": conditions, "adaptive": "patient", "client_order_id": "a"}
            )
        async with wire(gw, tmp_path / "j") as desk:
            (known,) = desk.desk.orders()
            assert known.terms == placed.terms
            assert known.terms != OrderTerms()
            again = await desk.desk.place(
                LIMIT | {"conditions": conditions, "adaptive": "patient", "client_order_id": "a"}
            )
            assert again.order_id == placed.order_id


async def test_a_time_that_is_over_is_refused_and_nothing_is_sent(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        past = LIMIT | {"time_in_force": "GTD", "good_till": "2026-03-04T16:59:00+00:00"}
        with pytest.raises(OrderValidationError, match="good_till must be in the future"):
            await desk.desk.place(past)
        assert gw.venue.open_orders() == ()
