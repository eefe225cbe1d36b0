"""Orders written as they are said: each word makes the next order, or says why it does not fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from ibkr_connector.build import (
    OrderDraft,
    after,
    before,
    buy,
    combo,
    margin,
    one_cancels_all,
    percent_change,
    price,
    sell,
    traded,
    volume,
)
from ibkr_connector.errors import OrderValidationError
from ibkr_connector.model.brackets import BracketRequest
from ibkr_connector.model.orders import (
    Action,
    AdaptivePriority,
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
from ibkr_connector.orders.reading import as_request

NOON = datetime(2026, 12, 18, 12, tzinfo=UTC)
PLAIN = OrderRequest(contract="AAPL", action=Action.BUY, quantity=Decimal(100))


@pytest.mark.parametrize(
    ("draft", "fields"),
    [
        (buy("AAPL", 100), {}),
        (sell("AAPL", "100"), {"action": Action.SELL}),
        (buy("AAPL", 100).limit(187.1), {"order_type": "LMT", "limit_price": Decimal("187.1")}),
        (buy("AAPL", 100).stop("9"), {"order_type": "STP", "stop_price": Decimal(9)}),
        (
            buy("AAPL", 100).stop(9).limit("9.10"),
            {"order_type": "STP LMT", "stop_price": Decimal(9), "limit_price": Decimal("9.10")},
        ),
        (
            buy("AAPL", 100).limit("9.10").stop(9),
            {"order_type": "STP LMT", "stop_price": Decimal(9), "limit_price": Decimal("9.10")},
        ),
        (buy("AAPL", 100).if_touched(9), {"order_type": "MIT", "stop_price": Decimal(9)}),
        (
            buy("AAPL", 100).limit(8).if_touched(9),
            {"order_type": "LIT", "stop_price": Decimal(9), "limit_price": Decimal(8)},
        ),
        (
            buy("AAPL", 100).trail(amount=5),
            {"order_type": "TRAIL", "trail_amount": Decimal(5)},
        ),
        (
            buy("AAPL", 100).trail(percent="2.5", stop=200, limit_offset="0.10"),
            {
                "order_type": "TRAIL LIMIT",
                "trail_percent": Decimal("2.5"),
                "stop_price": Decimal(200),
                "limit_offset": Decimal("0.10"),
            },
        ),
        (buy("AAPL", 100).at_the_close(), {"order_type": "MOC"}),
        (
            buy("AAPL", 100).at_the_close().limit(9),
            {"order_type": "LOC", "limit_price": Decimal(9)},
        ),
        (
            buy("AAPL", 100).relative(offset="0.02", cap=190).limit(191),
            {"order_type": "REL", "offset": Decimal("0.02"), "limit_price": Decimal(191)},
        ),
        (buy("AAPL", 100).midprice(), {"order_type": "MIDPRICE"}),
        (
            buy("AAPL", 100).pegged_to_market(offset="0.02", cap=190),
            {"order_type": "PEG MKT", "offset": Decimal("0.02"), "limit_price": Decimal(190)},
        ),
        (
            buy("AAPL", 100).pegged_to_midpoint().limit(190),
            {"order_type": "PEG MID", "offset": Decimal(0), "limit_price": Decimal(190)},
        ),
        (
            buy("AAPL", 100).midprice(cap=190),
            {"order_type": "MIDPRICE", "limit_price": Decimal(190)},
        ),
        (buy("AAPL", 100).gtc(), {"time_in_force": "GTC"}),
        (buy("AAPL", 100).gtc().day(), {}),
        (buy("AAPL", 100).ioc(), {"time_in_force": "IOC"}),
        (buy("AAPL", 100).fok(), {"time_in_force": "FOK"}),
        (buy("AAPL", 100).at_the_open(), {"time_in_force": "OPG"}),
        (
            buy("AAPL", 100).good_till(NOON.isoformat()),
            {"time_in_force": "GTD", "good_till": NOON},
        ),
        (buy("AAPL", 100).good_till(NOON).gtc(), {"time_in_force": "GTC"}),
        (buy("AAPL", 100).good_after(NOON), {"good_after": NOON}),
        (buy("AAPL", 100).outside_rth(), {"outside_regular_hours": True}),
        (buy("AAPL", 100).all_or_none(), {"all_or_none": True}),
        (buy("AAPL", 100).at_least(10), {"minimum_quantity": Decimal(10)}),
        (buy("AAPL", 100).showing(10), {"display_size": Decimal(10)}),
        (buy("AAPL", 100).hidden(), {"hidden": True}),
        (
            buy("AAPL", 100).stop(9).triggered_by("bid_ask"),
            {"order_type": "STP", "stop_price": Decimal(9), "trigger_method": TriggerMethod(4)},
        ),
        (buy("AAPL", 100).adaptive("urgent"), {"adaptive": AdaptivePriority.URGENT}),
        (
            buy("AAPL", 100).oca("g1"),
            {"oca_group": "g1", "oca_type": OcaType.CANCEL_WITH_BLOCK},
        ),
        (
            buy("AAPL", 100).oca("g1", on_fill="reduce"),
            {"oca_group": "g1", "oca_type": OcaType.REDUCE},
        ),
        (buy("AAPL", 100).account("DU1"), {"account": "DU1"}),
        (buy("AAPL", 100).keyed("mine"), {"client_order_id": "mine"}),
        (buy("A - B", 100).non_guaranteed(), {"contract": "A - B", "non_guaranteed": True}),
        (
            buy(combo("A", "B"), 100).leg_prices(1, "-2.5"),
            {
                "contract": combo("A", "B"),
                "order_type": "LMT",
                "leg_prices": (Decimal(1), Decimal("-2.5")),
                "non_guaranteed": True,
            },
        ),
    ],
)
def test_each_word_says_what_it_says(draft: OrderDraft, fields: dict[str, Any]) -> None:
    assert draft.request == replace(PLAIN, **fields)
    assert isinstance(draft.request.order_type, OrderType)
    assert isinstance(draft.request.time_in_force, TimeInForce)
    assert as_request(draft) is draft.request


@pytest.mark.parametrize(
    ("waits", "condition"),
    [
        (price("SPY") > 600, PriceCondition(contract="SPY", above=Decimal(600))),
        (
            price("SPY", by="last") < "599.5",
            PriceCondition(
                contract="SPY", below=Decimal("599.5"), trigger_method=TriggerMethod.LAST
            ),
        ),
        (volume("SPY") > 10**6, VolumeCondition(contract="SPY", above=Decimal(10**6))),
        (
            percent_change("SPY") < -2.5,
            PercentChangeCondition(contract="SPY", below=Decimal("-2.5")),
        ),
        (margin() < 10, MarginCondition(below=Decimal(10))),
        (traded("TSLA"), ExecutionCondition(symbol="TSLA")),
        (after(NOON), TimeCondition(after=NOON)),
        (before("2026-12-18T12:00+00:00"), TimeCondition(before=NOON)),
    ],
)
def test_all_six_kinds_of_conditions_are_said(waits: Any, condition: Any) -> None:
    request = buy("AAPL", 100).when(waits, outside_rth=True).request
    assert request.conditions == (condition,)
    assert request.conditions_outside_regular_hours
    assert not request.conditions_cancel
    assert buy("AAPL", 100).unless(waits).request.conditions_cancel


def test_conditions_are_joined_as_they_are_read_from_left_to_right() -> None:
    waits = (price("SPY") > 1) & (price("QQQ") < 2) | traded("TSLA")
    assert [one.joined for one in waits.conditions] == [Joined.AND, Joined.OR, Joined.AND]
    grouped = ((price("SPY") > 1) | traded("TSLA")) & after(NOON)
    assert [one.joined for one in grouped.conditions] == [Joined.OR, Joined.AND, Joined.AND]
    assert str(grouped) == f"price SPY > 1 or traded TSLA and after {NOON.isoformat()}"


def test_a_draft_is_never_changed() -> None:
    plain = buy("AAPL", 100)
    limited = plain.limit(5)
    assert plain.request == PLAIN
    assert limited.gtc().request != limited.request
    with pytest.raises(FrozenInstanceError):
        limited.request = PLAIN  # type: ignore[misc]


def test_a_bracket_is_made_of_an_entry() -> None:
    entry = buy("AAPL", 100).limit(189.5).keyed("b")
    assert entry.bracket(take_profit="195", stop_loss=185) == BracketRequest(
        entry=entry.request, take_profit=Decimal(195), stop_loss=Decimal(185)
    )
    made = entry.bracket(take_profit=195, stop_loss=185, stop_limit=184, exits="day")
    assert (made.stop_limit, made.exit_time_in_force) == (Decimal(184), TimeInForce.DAY)


def test_a_group_is_made_of_several_orders() -> None:
    orders = one_cancels_all(
        "exits", sell("AAPL", 1).limit(200), sell("AAPL", 1).stop(150), on_fill="reduce_with_block"
    )
    assert [one.request.oca_group for one in orders] == ["exits", "exits"]
    assert {one.request.oca_type for one in orders} == {OcaType.REDUCE_WITH_BLOCK}


@pytest.mark.parametrize(
    ("say", "fault"),
    [
        (lambda: buy("AA??", 1), "cannot read 'AA??' as a contract"),
        (lambda: buy(5, 1), "symbol must be text or a Contract; got 5"),  # type: ignore[arg-type]
        (lambda: buy("AAPL", 0), "quantity must be above 0"),
        (lambda: buy("AAPL", "x"), "quantity must be a number; got 'x'"),
        (lambda: buy("AAPL", 1).limit("nan"), "limit_price must be a finite number; got 'nan'"),
        (lambda: buy("AAPL", 1).trail(), "needs one of trail_amount and trail_percent"),
        (lambda: buy("AAPL", 1).trail(percent=5).limit(3), "say trail(..., limit_offset=...)"),
        (lambda: buy("AAPL", 1).limit(3).trail(percent=5), "begin with buy() or sell()"),
        (lambda: buy("AAPL", 1).stop(5).if_touched(4), "if_touched() follows MKT, LMT, MIT, LIT"),
        (lambda: buy("AAPL", 1).at_the_close().gtc(), "time_in_force GTC does not go with"),
        (lambda: buy("AAPL", 1).stop(5).adaptive(), "adaptive goes with orders of type MKT and"),
        (lambda: buy("AAPL", 1).adaptive("fast"), "adaptive must be one of Urgent, Normal"),
        (lambda: buy("AAPL", 1).oca("g", on_fill="x"), "oca_type must be one of cancel_with"),
        (lambda: buy("AAPL", 1).oca(""), "oca_group must be printable ASCII text and not empty"),
        (lambda: buy("AAPL", 1).good_till("soon"), "good_till must be an aware datetime or its"),
        (lambda: buy("AAPL", 1).showing(5), "display_size must not be more than the quantity 1"),
        (lambda: buy("AAPL", 1).when(True), "an order waits for a condition; got True"),  # type: ignore[arg-type]
        (
            lambda: buy("AAPL", 1).when(traded("A")).when(traded("B")),
            "this order waits already: traded A; say all of it at once",
        ),
        (lambda: price("SPY") >= 5, "price >= 5 cannot be waited for; IB knows above (>)"),
        (lambda: price("SPY") <= 5, "price <= 5 cannot be waited for"),
        (lambda: price("SPY") == 5, "price == 5 cannot be waited for"),
        (lambda: price("SPY") != 5, "price != 5 cannot be waited for"),
        (lambda: 1 < price("SPY") < 5, "whether price SPY > 1 is true is known later"),
        (lambda: bool(traded("A")) and traded("B"), "join conditions with & and |"),
        (lambda: not traded("A"), "join conditions with & and |"),
        (lambda: traded("A") & True, "a condition is joined with a condition; got True"),  # type: ignore[operator]
        (
            lambda: traded("A") | traded("B") & traded("C"),
            "IB reads conditions from left to right, so (traded A) or (traded B and traded C)",
        ),
        (lambda: price("SPY") > "x", "above must be a number; got 'x'"),
        (lambda: price("S??") > 1, "cannot read 'S??' as a contract"),
        (lambda: buy("AAPL", 1).when(margin() > 101), "must be whole percents from 0 to 100"),
        (lambda: buy("AAPL", 1).when(after("2026-12-18")), "must say its time zone"),
        (lambda: one_cancels_all("g", buy("AAPL", 1)), "a group has at least two orders; got 1"),
        (
            lambda: buy("AAPL", 1).limit(100).bracket(take_profit=90, stop_loss=95),
            "take_profit must be above stop_loss",
        ),
        (
            lambda: buy("AAPL", 1).bracket(take_profit="x", stop_loss=95),
            "take_profit must be a number; got 'x'",
        ),
        (
            lambda: as_request(buy("AAPL", 1).limit(5).bracket(take_profit=9, stop_loss=1)),  # type: ignore[arg-type]
            "a bracket is three orders; use place_bracket",
        ),
        (lambda: as_request(7), "an order is an OrderRequest, a draft or a mapping; got int"),  # type: ignore[arg-type]
    ],
)
def test_a_word_that_does_not_fit_names_the_value_and_the_remedy(
    say: Callable[[], object], fault: str
) -> None:
    with pytest.raises(OrderValidationError) as caught:
        say()
    assert fault in str(caught.value)


def test_it_reads_well_in_a_notebook() -> None:
    draft = (
        buy("KO - 2*PEP", 3)
        .limit("-0.35")
        .gtc()
        .outside_rth()
        .oca("g<1>")
        .when((price("SPY") < 500) | after(NOON))
    )
    assert repr(draft) == (
        "<BUY 3 KO - 2*PEP LMT, limit price -0.35, time in force GTC, outside regular hours, "
        "oca group g<1>, oca type cancel_with_block, "
        f"when price SPY < 500 or after {NOON.isoformat()}>"
    )
    html = draft._repr_html_()
    assert "<tr><th>order</th><td>BUY 3 KO - 2*PEP LMT</td></tr>" in html
    assert "g&lt;1&gt;" in html
    assert "price SPY &lt; 500" in html
