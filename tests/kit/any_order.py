"""Orders of every type and term that make sense, for properties that hold for all of them."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import Any

from hypothesis import strategies as st

from ibkr_connector.model.algos import (
    AccumulateDistribute,
    Algo,
    ArrivalPrice,
    ClosePrice,
    DarkIce,
    PercentOfVolume,
    RiskAversion,
    Twap,
    TwapStyle,
    Vwap,
)
from ibkr_connector.model.contracts import (
    Action,
    ComboLeg,
    Contract,
    OpenClose,
    SecurityType,
    combo,
)
from ibkr_connector.model.orders import (
    AdaptivePriority,
    Condition,
    ExecutionCondition,
    Joined,
    MarginCondition,
    OcaType,
    OrderRequest,
    OrderType,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    TimeInForce,
    TriggerMethod,
    VolumeCondition,
)
from ibkr_connector.orders.term_rules import TYPE_RULES

__all__ = ["algos", "as_mapping", "requests"]

PRICES = st.integers(100, 99_999).map(lambda cents: Decimal(cents) / 100)
NET_PRICES = st.integers(-99_999, 99_999).map(lambda cents: Decimal(cents) / 100)
WHOLE = st.integers(1, 100).map(Decimal)
LATER = datetime(2026, 6, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 10**6).map(
    lambda seconds: datetime.fromtimestamp(LATER.timestamp() + seconds, UTC)
)
SYMBOLS = st.sampled_from(["AAPL", "MSFT", "TSLA"])
JOINED = st.sampled_from(Joined)


def _bounded(kind: Any, numbers: st.SearchStrategy[Decimal], **more: Any) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(kind, above=numbers, joined=JOINED, **more),
        st.builds(kind, below=numbers, joined=JOINED, **more),
    )


CONDITIONS: st.SearchStrategy[Condition] = st.one_of(
    _bounded(
        PriceCondition, PRICES, contract=SYMBOLS, trigger_method=st.sampled_from(TriggerMethod)
    ),
    _bounded(VolumeCondition, WHOLE, contract=SYMBOLS),
    _bounded(PercentChangeCondition, PRICES, contract=SYMBOLS),
    _bounded(MarginCondition, st.integers(0, 100).map(Decimal)),
    st.builds(TimeCondition, after=MOMENTS, joined=JOINED),
    st.builds(TimeCondition, before=MOMENTS, joined=JOINED),
    st.builds(
        ExecutionCondition,
        symbol=SYMBOLS,
        security_type=st.sampled_from([SecurityType.STOCK, SecurityType.OPTION]),
        joined=JOINED,
    ),
)

COMBOS = st.lists(
    st.builds(
        ComboLeg,
        contract=SYMBOLS,
        action=st.sampled_from(Action),
        ratio=st.integers(1, 5),
        exchange=st.sampled_from(["", "SMART"]),
        open_close=st.sampled_from(OpenClose),
        short_sale_slot=st.sampled_from([0, 1]),
    ),
    min_size=2,
    max_size=3,
    unique_by=lambda leg: leg.contract,
).map(lambda legs: combo(*legs))


SHARES = st.integers(1, 50).map(lambda percent: Decimal(percent) / 100)
FLAGS = st.booleans()


@st.composite
def algos(draw: st.DrawFn, *, most: int = 100) -> Algo:
    """Make an algorithm whose parameters make sense for an order of at least `most`."""
    begin, length = draw(MOMENTS), timedelta(seconds=draw(st.integers(1, 20_000)))
    ends: dict[str, Any] = {"start": draw(st.none() | st.just(begin)), "end": begin + length}
    times: dict[str, Any] = draw(st.sampled_from([{}, {"start": begin}, ends]))
    lasting: dict[str, Any] = times | {"past_end": "end" in times and draw(FLAGS)}
    forced: dict[str, Any] = {"force_completion": draw(FLAGS)}
    size = Decimal(draw(st.integers(1, most)))
    share, urgency = draw(SHARES), draw(st.sampled_from(RiskAversion))
    made: list[Algo] = [
        Twap(style=draw(st.sampled_from(TwapStyle)), **lasting),
        Vwap(max_volume=share, passive=draw(FLAGS), speed_up=draw(FLAGS), **lasting),
        ArrivalPrice(max_volume=share, urgency=urgency, **forced, **lasting),
        PercentOfVolume(volume=share, passive=draw(FLAGS), **times),
        ClosePrice(max_volume=share, urgency=urgency, start=times.get("start"), **forced),
        DarkIce(display_size=size, **lasting),
        AccumulateDistribute(
            component_size=size,
            interval_s=draw(st.integers(1, 600)),
            randomize_time=draw(FLAGS),
            randomize_size=draw(FLAGS),
            catch_up=draw(FLAGS),
            wait_for_fill=draw(FLAGS),
            **times,
        ),
    ]
    return draw(st.sampled_from(made))


@st.composite
def requests(draw: st.DrawFn) -> OrderRequest:
    """Make an order that makes sense as written, for stocks of the simulator and combinations."""
    contract: Contract | str = draw(st.one_of(SYMBOLS, COMBOS))
    kind = draw(st.sampled_from(OrderType))
    rule = TYPE_RULES[kind]
    net = NET_PRICES if isinstance(contract, Contract) else PRICES
    said: dict[str, Any] = {}
    wanted = set(rule.needs) | {draw(st.sampled_from(sorted(pair))) for pair in rule.one_of}
    wanted |= {key for key in sorted(rule.may) if draw(st.booleans())}
    if kind is OrderType.TRAILING_STOP_LIMIT and "limit_price" in wanted:
        wanted.add("stop_price")
    for key in sorted(wanted):
        numbers = net if key in ("limit_price", "stop_price") else PRICES
        said[key] = draw(numbers) if key != "trail_percent" else draw(WHOLE) / 2
    said["time_in_force"] = draw(st.sampled_from(sorted(rule.times)))
    if said["time_in_force"] is TimeInForce.GTD:
        said["good_till"] = draw(MOMENTS)
    elif said["time_in_force"] is not TimeInForce.OPG and draw(st.booleans()):
        said["good_after"] = draw(MOMENTS)
    said["quantity"] = draw(WHOLE)
    said |= draw(_size(said["quantity"]))
    if draw(st.booleans()):
        said |= {"oca_group": draw(st.sampled_from(["g", "exits 1"]))}
        said |= {"oca_type": draw(st.none() | st.sampled_from(OcaType))}
    if kind in (OrderType.MARKET, OrderType.LIMIT) and draw(st.booleans()):
        said["adaptive"] = draw(st.sampled_from(AdaptivePriority))
    elif _may_be_worked(contract, kind, said) and draw(st.booleans()):
        algo = draw(algos(most=int(said["quantity"])))
        if kind is OrderType.LIMIT or not isinstance(algo, DarkIce):
            said["algo"] = algo
    said["conditions"] = tuple(draw(st.lists(CONDITIONS, max_size=3)))
    if said["conditions"]:
        said["conditions_cancel"] = draw(st.booleans())
        said["conditions_outside_regular_hours"] = draw(st.booleans())
    if isinstance(contract, Contract) and draw(st.booleans()):
        said["non_guaranteed"] = True
        if kind is OrderType.LIMIT and len(contract.legs) == 2 and draw(st.booleans()):
            del said["limit_price"]
            said["leg_prices"] = (draw(PRICES), draw(PRICES))
    return OrderRequest(
        contract=contract,
        action=draw(st.sampled_from(Action)),
        order_type=kind,
        outside_regular_hours=draw(st.booleans()),
        trigger_method=draw(st.sampled_from(TriggerMethod)),
        **said,
    )


def _may_be_worked(contract: Contract | str, kind: OrderType, said: dict[str, Any]) -> bool:
    sizes = {"all_or_none", "hidden", "minimum_quantity", "good_till"}
    plain = isinstance(contract, str) and kind in (OrderType.MARKET, OrderType.LIMIT)
    return plain and not sizes & said.keys() and said["time_in_force"] in ("DAY", "GTC")


def _size(quantity: Decimal) -> st.SearchStrategy[dict[str, Any]]:
    parts = st.integers(1, int(quantity)).map(Decimal)
    return st.one_of(
        st.just({}),
        st.just({"all_or_none": True}),
        st.just({"hidden": True}),
        st.fixed_dictionaries({"minimum_quantity": parts, "display_size": parts}),
    )


def as_mapping(request: OrderRequest) -> dict[str, Any]:
    """Write a request the way a user of plain mappings would: texts, numbers, lists and dicts."""
    plain: dict[str, Any] = {}
    for field in fields(request):
        value = getattr(request, field.name)
        if field.name == "contract":
            if isinstance(value, Contract):
                plain["legs"] = [_plain_record(leg) for leg in value.legs]
            else:
                plain["symbol"] = value
        elif field.name == "conditions":
            plain["conditions"] = [_plain_record(one) for one in value]
        elif field.name == "algo" and value is not None:
            plain["algo"] = _plain_record(value)
        elif value is not None and value != field.default:
            plain[field.name] = _plain(value)
    return plain


def _plain_record(record: Any) -> dict[str, Any]:
    given = {key: _plain(value) for key, value in dict(record).items() if value is not None}
    return {"symbol" if key == "contract" else key: value for key, value in given.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value if isinstance(value, bool | int) else str(value)
