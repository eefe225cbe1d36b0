"""Any order that makes sense reaches the gateway field by field, and is read back as it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ibkr_connector.instruments.resolver import Resolver
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.orders import Condition, OrderReport, OrderRequest
from ibkr_connector.orders.drafts import OrderDraft
from ibkr_connector.simulator import GatewaySimulator
from ibkr_connector.simulator.wire.requests import PlaceOrder
from kit.any_order import as_mapping, requests
from kit.order_socket import wire

IDS = {"AAPL": 265598, "MSFT": 272093, "TSLA": 76792991}
TRIGGERS = ("STP", "STP LMT", "MIT", "LIT")

# each order is said in one of the three ways that place_order takes
SAID: tuple[Callable[[OrderRequest], Any], ...] = (lambda request: request, as_mapping, OrderDraft)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(asked=st.lists(st.tuples(requests(), st.sampled_from(SAID)), min_size=1, max_size=12))
def test_the_gateway_is_told_every_field_and_tells_it_back(
    asked: list[tuple[OrderRequest, Callable[[OrderRequest], Any]]],
) -> None:
    asyncio.run(_place_all([(request, say(request)) for request, say in asked]))


async def _place_all(orders: list[tuple[OrderRequest, Any]]) -> None:
    with TemporaryDirectory() as folder:
        async with GatewaySimulator() as gw, wire(gw, Path(folder) / "j") as desk:
            resolver = Resolver(gateway=desk.link, pipeline=desk.pipeline, clock=desk.clock)

            async def of_any_type(contract: Contract | str) -> Any:
                # the simulator's lists leave out types that its venue takes, and steps are not
                # what this is about
                return replace(await resolver.resolve(contract), order_types=(), min_tick=None)

            desk.desk._admission.resolve = of_any_type
            for request, said in orders:
                report = await desk.desk.place(said)
                sent = [one.request for one in gw.log if isinstance(one.request, PlaceOrder)][-1]
                assert _texts(sent) == _expected(request)
                assert sent.groups.get("conditions", ()) == tuple(
                    map(_condition, request.conditions)
                )
                rows = sent.groups.get("algoParams", ())
                assert {row[0]: row[1] for row in rows} == _algo(request)
                _check_legs(request, sent)
                _check_report(request, report)
            for row in await desk.link.open_orders():
                (mine,) = [one for one in desk.desk.orders() if one.order_ref == row.order_ref]
                assert row.terms == _told_back(mine.terms)
                assert row.order_type == mine.order_type
            assert desk.desk.anomalies == 0


NAMES = (
    *("action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif", "goodTillDate"),
    *("goodAfterTime", "outsideRth", "hidden", "allOrNone", "minQty", "displaySize"),
    *("triggerMethod", "ocaGroup", "ocaType", "trailStopPrice", "trailingPercent"),
    *("lmtPriceOffset", "algoStrategy", "conditionsCancelOrder", "conditionsIgnoreRth"),
)
NUMBERS = frozenset(
    {
        "totalQuantity",
        "lmtPrice",
        "auxPrice",
        "trailStopPrice",
        "trailingPercent",
        "lmtPriceOffset",
    }
)


def _texts(sent: PlaceOrder) -> dict[str, Any]:
    """Return what the wire carries, with numbers as numbers and nothing as nothing."""
    return {
        name: Decimal(text) if name in NUMBERS and text else text
        for name in NAMES
        if (text := sent.order.text(name)) not in ("", "" if name in NUMBERS else "0")
    }


def _expected(request: OrderRequest) -> dict[str, Any]:
    """Return what IB's documents want for it (IB campus: order types, OCA, conditions)."""
    kind = request.order_type
    trails = kind in ("TRAIL", "TRAIL LIMIT")
    auxiliary = request.stop_price if kind in TRIGGERS else None
    if trails:
        auxiliary = request.trail_amount
    elif kind in ("REL", "PEG MKT", "PEG MID"):
        auxiliary = request.offset or Decimal(0)
    group = request.oca_group
    fields = {
        "action": request.action.value,
        "totalQuantity": request.quantity,
        "orderType": kind.value,
        "lmtPrice": request.limit_price,
        "auxPrice": auxiliary,
        "tif": request.time_in_force.value,
        "goodTillDate": _moment(request.good_till),
        "goodAfterTime": _moment(request.good_after),
        "outsideRth": _flag(request.outside_regular_hours),
        "hidden": _flag(request.hidden),
        "allOrNone": _flag(request.all_or_none),
        "minQty": _whole(request.minimum_quantity),
        "displaySize": _whole(request.display_size),
        "triggerMethod": _whole(request.trigger_method) if request.trigger_method else None,
        "ocaGroup": group,
        "ocaType": f"{int(request.oca_type or 1)}" if group else None,
        "trailStopPrice": request.stop_price if trails else None,
        "trailingPercent": request.trail_percent,
        "lmtPriceOffset": request.limit_offset,
        "algoStrategy": _strategy(request),
        "conditionsCancelOrder": _flag(request.conditions_cancel),
        "conditionsIgnoreRth": _flag(request.conditions_outside_regular_hours),
    }
    # a price of zero is one; what is left out above is not on the wire
    return {
        name: value
        for name, value in fields.items()
        if value is not None and not (value == 0 and name not in NUMBERS)
    }


def _condition(condition: Condition) -> tuple[str, ...]:
    joined = "a" if condition.joined == "and" else "o"
    has = dict(condition)
    is_more = "1" if has.get("above") is not None or has.get("after") is not None else "0"
    bound = has["above"] if has.get("above") is not None else has.get("below")
    at = (str(IDS.get(has.get("contract", ""), "")), "SMART")
    match condition.kind:
        case "price":
            rest = (f"{bound:f}", *at, str(int(has["trigger_method"])))
            return ("1", joined, is_more, *rest)
        case "time":
            return ("3", joined, is_more, _moment(has["after"] or has["before"]) or "")
        case "margin":
            return ("4", joined, is_more, f"{bound:f}")
        case "execution":
            return ("5", joined, has["security_type"].value, has["exchange"], has["symbol"])
        case "volume":
            return ("6", joined, is_more, f"{bound:f}", *at)
        case _:
            return ("7", joined, is_more, f"{bound:f}", *at)


STRATEGIES = {
    "twap": "Twap",
    "vwap": "Vwap",
    "arrival_price": "ArrivalPx",
    "percent_of_volume": "PctVol",
    "close_price": "ClosePx",
    "dark_ice": "DarkIce",
    "accumulate_distribute": "AD",
}
TAGS = {
    "style": "strategyType",
    "max_volume": "maxPctVol",
    "volume": "pctVol",
    "urgency": "riskAversion",
    "past_end": "allowPastEndTime",
    "passive": "noTakeLiq",
    "speed_up": "speedUp",
    "force_completion": "forceCompletion",
    "display_size": "displaySize",
    "component_size": "componentSize",
    "interval_s": "timeBetweenOrders",
    "randomize_time": "randomizeTime20",
    "randomize_size": "randomizeSize55",
    "catch_up": "catchUp",
    "wait_for_fill": "waitForFill",
}


def _strategy(request: OrderRequest) -> str | None:
    if request.adaptive is not None:
        return "Adaptive"
    return STRATEGIES[request.algo.kind] if request.algo else None


def _algo(request: OrderRequest) -> dict[str, str]:
    """Return what IB's documents want for the algorithm (API guide: IB algorithms)."""
    if request.adaptive is not None:
        return {"adaptivePriority": request.adaptive.value}
    if request.algo is None:
        return {}
    said = {}
    times = ("activeTimeStart", "activeTimeEnd")
    if request.algo.kind != "accumulate_distribute":
        times = ("startTime", "endTime")
    for name, value in dict(request.algo).items():
        if name in ("start", "end"):
            if value is not None:
                tag = times[name == "end"]
                said[tag] = f"{_moment(value)} UTC"
        elif name != "kind":
            said[TAGS[name]] = str(int(value)) if isinstance(value, bool) else str(value)
    return said


def _check_legs(request: OrderRequest, sent: PlaceOrder) -> None:
    contract = request.contract
    if isinstance(contract, str):
        assert sent.contract.con_id == IDS[contract]
        assert "comboLegs" not in sent.groups
        return
    assert sent.contract.sec_type == "BAG"
    assert sent.groups["comboLegs"] == tuple(
        (
            str(IDS[str(leg.contract)]),
            str(leg.ratio),
            leg.action.value,
            "SMART",
            str(int(leg.open_close)),
            str(leg.short_sale_slot),
            "",
            "-1",
        )
        for leg in contract.legs
    )
    routing = (("NonGuaranteed", "1"),) if request.non_guaranteed else ()
    assert sent.groups.get("smartComboRoutingParams", ()) == routing
    prices = tuple(Decimal(row[0]) for row in sent.groups.get("orderComboLegs", ()))
    assert prices == request.leg_prices


def _check_report(request: OrderRequest, report: OrderReport) -> None:
    assert (report.action, report.quantity) == (request.action, request.quantity)
    assert report.order_type is request.order_type
    terms = replace(report.terms, conditions=())
    wanted = replace(request.terms, conditions=())
    # a group without a kind has the gateway's first one
    assert replace(terms, oca_type=wanted.oca_type) == wanted
    assert len(report.terms.conditions) == len(request.conditions)


def _told_back(terms: Any) -> Any:
    """Name contracts by their ids alone, as the wire does."""
    bare = tuple(
        replace(one, contract=Contract(symbol="", con_id=one.contract.con_id))
        if "contract" in one.keys()  # noqa: SIM118  # a record, not a mapping
        else one
        for one in terms.conditions
    )
    return replace(terms, conditions=bare)


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y%m%d-%H:%M:%S}"


def _flag(value: bool) -> str | None:
    return "1" if value else None


def _whole(value: Any) -> str | None:
    return None if value is None else f"{int(value)}"
