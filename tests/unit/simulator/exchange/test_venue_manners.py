"""Halts, latency, sessions, corrections, exercise, combos: what happens beside plain matching."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from ibkr_connector.simulator.exchange.commands import (
    AssignOwner,
    BustExecution,
    CorrectExecution,
    Executed,
    ExerciseOption,
    Halt,
    HaltChanged,
    ReleaseQuote,
)
from ibkr_connector.simulator.exchange.models import (
    FixedLatency,
    PatientFill,
    PlainFill,
    TickSlippage,
)
from ibkr_connector.simulator.exchange.records import (
    Condition,
    ConditionKind,
    Hold,
    Leg,
    Owner,
)
from kit.floor import ACCOUNT, APPLE, MICROSOFT, NOW, Floor, terms


def test_nothing_trades_in_a_halt_and_everything_after_it() -> None:
    floor = Floor()
    floor.place(terms("BUY", "LMT", limit_price="99.00"))
    [halted] = floor.venue.execute(Halt(con_id=APPLE), floor.now)
    assert isinstance(halted, HaltChanged)
    assert floor.quote("98.00", "98.10") == []
    assert floor.codes(floor.place(terms("BUY", "MKT"))) == [154]
    events = floor.venue.execute(Halt(con_id=APPLE, halted=False), floor.now)
    assert floor.trades(events) == [("10", "99.00")]


def test_a_market_that_is_let_go_follows_the_tape_again() -> None:
    floor = Floor()
    floor.venue.execute(ReleaseQuote(con_id=APPLE), floor.now)
    middle = floor.venue.tape.price(floor.instrument(), floor.now)
    assert floor.venue.mark(floor.instrument(), floor.now) == middle


# --- latency ------------------------------------------------------------------------------------


def test_an_order_and_its_cancel_take_their_time_to_the_market() -> None:
    floor = Floor(latency=FixedLatency(place_s=0.5, cancel_s=2.0))
    assert floor.statuses(floor.place(terms("BUY", "LMT", limit_price="99.00"))) == [
        "PendingSubmit"
    ]
    assert floor.statuses(floor.wait(0.5)) == ["PreSubmitted", "Submitted"]
    assert floor.statuses(floor.cancel(floor.order())) == ["PendingCancel"]
    assert floor.statuses(floor.wait(2)) == ["Cancelled"]


def test_a_fill_overtakes_a_cancel_that_is_on_its_way() -> None:
    floor = Floor(latency=FixedLatency(place_s=0.0, cancel_s=2.0))
    floor.place(terms("BUY", "LMT", limit_price="99.00"))
    floor.cancel(floor.order())
    assert floor.trades(floor.quote("98.00", "98.10")) == [("10", "99.00")]
    assert floor.codes(floor.wait(2)) == [10148]
    assert floor.order().status == "Filled"


def test_a_change_that_arrives_after_the_fill_is_refused() -> None:
    floor = Floor(latency=FixedLatency(place_s=0.0, modify_s=1.0))
    floor.place(terms("BUY", "LMT", limit_price="99.00"))
    assert floor.modify(floor.order(), terms("BUY", "LMT", limit_price="98.00")) == []
    floor.quote("98.90", "98.95")
    assert floor.codes(floor.wait(1)) == [104]


def test_an_order_at_the_market_pays_its_slippage_and_a_limit_does_not() -> None:
    floor = Floor(slippage=TickSlippage(ticks=3))
    assert floor.trades(floor.place(terms("BUY", "MKT"))) == [("10", "100.13")]
    assert floor.trades(floor.place(terms("BUY", "LMT", limit_price="100.10"))) == [
        ("10", "100.10")
    ]


# --- clients meet each other --------------------------------------------------------------------


def test_two_clients_trade_with_each_other_inside_of_the_spread() -> None:
    floor = Floor()
    floor.place(terms("BUY", "LMT", limit_price="100.00"), client=1)
    assert floor.venue.quote(floor.instrument(), floor.now).bid == Decimal("100.00")
    events = floor.place(terms("SELL", "LMT", 4, limit_price="99.95"), client=2, account="DU2")
    assert floor.trades(events) == [("4", "100.00"), ("4", "100.00")]
    sides = [e.execution.liquidity for e in events if isinstance(e, Executed)]
    assert sides == [2, 1]
    assert [floor.held(), floor.held(account="DU2")] == [4, -4]


def test_who_stood_there_first_is_served_first_and_before_the_market() -> None:
    floor = Floor()
    for client in (1, 2):
        floor.place(terms("BUY", "LMT", 5, limit_price="99.90"), client=client)
    events = floor.place(terms("SELL", "MKT", 12), client=3, account="DU2")
    owners = [e.execution.order.owner.client_id for e in events if isinstance(e, Executed)]
    assert owners == [3, 1, 3, 2, 3]


def test_a_hidden_order_trades_and_is_not_shown() -> None:
    floor = Floor()
    floor.place(terms("BUY", "LMT", limit_price="100.00", is_hidden=True))
    assert floor.venue.quote(floor.instrument(), floor.now).bid == Decimal("99.90")
    assert floor.trades(floor.place(terms("SELL", "MKT", 3)))[0] == ("3", "100.00")


def test_an_iceberg_shows_its_tip() -> None:
    floor = Floor()
    floor.place(terms("BUY", "LMT", 100, limit_price="100.00", display_size="10"))
    assert floor.venue.quote(floor.instrument(), floor.now).bid_size == 10


# --- conditions ---------------------------------------------------------------------------------


def condition(kind: ConditionKind, **more: object) -> Condition:
    return Condition(kind=kind, **more)  # type: ignore[arg-type]  # a shorthand for tests


@pytest.mark.parametrize(
    "given",
    [
        condition(ConditionKind.PRICE, con_id=MICROSOFT, value=Decimal(500), trigger_method=2),
        condition(ConditionKind.PERCENT_CHANGE, con_id=MICROSOFT, value=Decimal(50)),
    ],
)
def test_an_order_waits_for_another_market(given: Condition) -> None:
    floor = Floor()
    floor.quote("399.90", "400.10", con_id=MICROSOFT)
    assert floor.trades(floor.place(terms("BUY", "MKT", conditions=(given,)))) == []
    assert floor.order().hold is Hold.CONDITIONS
    floor.quote("899.90", "900.10", "900.00", con_id=MICROSOFT)
    assert floor.trades(floor.wait()) == [("10", "100.10")]


def test_an_order_waits_for_a_time_or_is_cancelled_then() -> None:
    later = condition(ConditionKind.TIME, moment=NOW + timedelta(minutes=1))
    for cancels, statuses in ((False, ["PreSubmitted", "Filled"]), (True, ["Cancelled"])):
        floor = Floor()
        floor.place(terms("BUY", "MKT", conditions=(later,), conditions_cancel=cancels))
        assert floor.wait(59) == []
        assert floor.statuses(floor.wait(1)) == statuses


def test_an_order_waits_for_an_execution_and_for_the_margin() -> None:
    floor = Floor()
    traded = condition(ConditionKind.EXECUTION, symbol="MSFT", sec_type="STK")
    cushion = condition(ConditionKind.MARGIN, value=Decimal(50), is_more=True)
    floor.place(terms("BUY", "MKT", conditions=(traded, cushion)))
    assert floor.trades(floor.wait()) == []
    floor.quote("399.90", "400.10", con_id=MICROSOFT)
    floor.place(terms("BUY", "MKT", 1), con_id=MICROSOFT)
    assert floor.trades(floor.wait()) == [("10", "100.10")]


def test_conditions_are_joined_from_left_to_right() -> None:
    floor = Floor()
    never = condition(ConditionKind.TIME, moment=NOW + timedelta(days=9), is_joined_by_and=False)
    now = condition(ConditionKind.TIME, moment=NOW)
    assert floor.trades(floor.place(terms("BUY", "MKT", conditions=(never, now))))
    floor.place(terms("BUY", "MKT", conditions=(now, never)))
    assert floor.order().hold is Hold.CONDITIONS


# --- after the fact -----------------------------------------------------------------------------


def test_a_correction_repeats_the_execution_with_its_next_revision() -> None:
    floor = Floor()
    [first] = [e for e in floor.place(terms("BUY", "MKT")) if isinstance(e, Executed)]
    cash = floor.venue.ledgers[ACCOUNT].cash["USD"]
    correct = CorrectExecution(exec_id=first.execution.exec_id, price=Decimal("100.00"))
    [again, *_] = floor.venue.execute(correct, floor.now)
    assert isinstance(again, Executed)
    assert again.execution.exec_id == first.execution.exec_id[:-2] + "02"
    assert floor.venue.ledgers[ACCOUNT].cash["USD"] == cash + 1
    assert [one.price for one, _ in floor.venue.executions()] == [Decimal("100.00")]


def test_a_bust_leaves_the_books_as_if_nothing_had_been() -> None:
    floor = Floor()
    before = dict(floor.venue.ledgers[ACCOUNT].cash)
    [first] = [e for e in floor.place(terms("BUY", "MKT")) if isinstance(e, Executed)]
    floor.venue.execute(BustExecution(exec_id=first.execution.exec_id), floor.now)
    assert floor.venue.ledgers[ACCOUNT].cash == before
    assert floor.held() == 0


def test_a_manual_order_is_bound_to_a_client() -> None:
    floor = Floor()
    floor.place(terms("BUY", "LMT", limit_price="99.00"), client=0)
    order = floor.order()
    owner = Owner(client_id=0, order_id=-1)
    floor.venue.execute(AssignOwner(perm_id=order.perm_id, owner=owner), floor.now)
    assert floor.order().owner == owner
    assert floor.trades(floor.quote("98.00", "98.10")) == [("10", "99.00")]


# --- options and combos -------------------------------------------------------------------------


def an_option(floor: Floor, right: str = "C") -> int:
    found = [
        one
        for one in floor.venue.catalogue.options_of(APPLE)
        if one.right == right and one.strike == 180
    ]
    return found[0].con_id


def test_options_are_exercised_into_shares_at_the_strike() -> None:
    floor = Floor()
    floor.quote("189.90", "190.10")
    call = an_option(floor)
    floor.quote("10.00", "10.20", con_id=call)
    floor.place(terms("BUY", "MKT", 2), con_id=call)
    option = floor.instrument(call)
    command = ExerciseOption(
        owner=Owner(client_id=1, order_id=9),
        account=ACCOUNT,
        instrument=option,
        quantity=Decimal(1),
    )
    events = floor.venue.execute(command, floor.now)
    assert floor.statuses(events) == ["PreSubmitted", "Filled"]
    assert [floor.held(call), floor.held()] == [1, 100]
    again = floor.venue.execute(command, floor.now), floor.venue.execute(command, floor.now)
    assert floor.codes(again[1]) == [201]


def test_an_option_out_of_the_money_is_exercised_only_when_insisted_on() -> None:
    floor = Floor()
    floor.quote("169.90", "170.10")
    call = an_option(floor)
    floor.quote("1.00", "1.20", con_id=call)
    floor.place(terms("BUY", "MKT", 1), con_id=call)
    for override, codes in ((False, [201]), (True, [])):
        command = ExerciseOption(
            owner=Owner(client_id=1, order_id=9),
            account=ACCOUNT,
            instrument=floor.instrument(call),
            quantity=Decimal(1),
            override=override,
        )
        assert floor.codes(floor.venue.execute(command, floor.now)) == codes


def test_a_combo_trades_as_one_and_books_its_legs() -> None:
    floor = Floor()
    floor.quote("399.90", "400.10", con_id=MICROSOFT)
    legs = (
        Leg(instrument=floor.instrument(), ratio=4, is_buy=True),
        Leg(instrument=floor.instrument(MICROSOFT), ratio=1, is_buy=False),
    )
    combo = floor.venue.combo("AAPL,MSFT", legs)
    quote = floor.venue.quote(combo, floor.now)
    # four at 100.10 against one at 399.90, and the other way round
    assert (quote.bid, quote.ask) == (Decimal("-0.50"), Decimal("0.50"))
    events = floor.place(terms("BUY", "MKT", 3, legs=legs), instrument=combo)
    assert floor.trades(events) == [("3", "0.50"), ("12", "100.10"), ("3", "399.90")]
    assert [floor.held(), floor.held(MICROSOFT)] == [12, -3]


def test_a_resting_combo_trades_at_its_price_and_its_legs_add_up_to_it() -> None:
    floor = Floor()
    floor.quote("399.90", "400.10", con_id=MICROSOFT)
    legs = (
        Leg(instrument=floor.instrument(), ratio=4, is_buy=True),
        Leg(instrument=floor.instrument(MICROSOFT), ratio=1, is_buy=False),
    )
    combo = floor.venue.combo("AAPL,MSFT", legs)
    floor.place(terms("BUY", "LMT", 1, legs=legs, limit_price="-0.10"), instrument=combo)
    floor.quote("99.60", "99.80")
    events = floor.wait()
    [whole, first, second] = [e.execution for e in events if isinstance(e, Executed)]
    assert whole.price == Decimal("-0.10")
    assert first.price * 4 - second.price == whole.price


# --- time that passes in leaps ------------------------------------------------------------------


def test_a_leap_in_time_fills_what_the_market_passed_meanwhile() -> None:
    """A bar that went below a limit, and the order not filled, would contradict each other."""
    floor = Floor()
    floor.venue.execute(ReleaseQuote(con_id=APPLE), floor.now)
    apple = floor.instrument()
    swing = floor.venue.tape.swing(apple, NOW, NOW + timedelta(hours=3))
    assert swing is not None
    lowest = apple.sides(swing.low)[1]
    assert lowest < apple.sides(swing.close)[1]
    floor.place(terms("BUY", "LMT", 1, limit_price=str(lowest)))
    floor.place(terms("BUY", "LMT", 1, limit_price=str(lowest - apple.min_tick)))
    assert floor.trades(floor.wait(3 * 3_600)) == [("1", f"{lowest}")]


def test_a_leap_in_time_elects_the_stops_that_were_passed() -> None:
    floor = Floor()
    floor.venue.execute(ReleaseQuote(con_id=APPLE), floor.now)
    apple = floor.instrument()
    swing = floor.venue.tape.swing(apple, NOW, NOW + timedelta(hours=3))
    assert swing is not None
    highest = apple.last(*apple.sides(swing.high))
    floor.place(terms("BUY", "STP", 1, stop_price=str(highest)))
    floor.place(terms("BUY", "STP", 1, stop_price=str(highest + apple.min_tick)))
    events = floor.wait(3 * 3_600)
    assert floor.statuses(events) == ["Submitted", "Filled"]
    assert floor.order().status == "PreSubmitted"


def test_a_patient_model_serves_an_order_before_the_market_goes_through_it() -> None:
    """What the market trades below a bid that stands there is the bid's, before it is crossed."""
    filled = {}
    for name, fills in (("plain", PlainFill()), ("patient", PatientFill(chance=1.0))):
        floor = Floor(fills=fills)
        floor.venue.execute(ReleaseQuote(con_id=APPLE), floor.now)
        apple = floor.instrument()
        price = apple.last(*apple.sides(floor.venue.mark(apple, floor.now)))
        floor.place(terms("BUY", "LMT", 1_000, limit_price=str(price)))
        assert floor.order().is_resting
        end = floor.now + timedelta(seconds=5)
        trades = list(floor.venue.tape.trades(apple, floor.now, end))
        assert [trade.price <= price for trade in trades] == [True]
        for _ in range(5):
            floor.wait()
        filled[name] = int(floor.order().filled)
    assert filled["patient"] == filled["plain"] + 100
