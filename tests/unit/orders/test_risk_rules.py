"""Every rule of the table at its border, and what each does when it does not know."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.model.contracts import Contract, SecurityType
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.orders import Action, OrderRequest, OrderType
from ibkr_connector.model.preview import Figures, WhatIf
from ibkr_connector.orders.risk import (
    RULES,
    Book,
    Case,
    Held,
    Placed,
    RiskFacts,
    RiskLimits,
    Working,
    check_risk,
    judge,
    likeness,
    needs_of,
    with_filled,
)
from ibkr_connector.orders.risk.equity import EquityMarks, observe
from ibkr_connector.orders.risk.valuation import closes, exposures, position_after
from kit.order_desk import AAPL, NOON, buy

FACTS = RiskFacts(
    price=Decimal(100),
    net_liquidation=Decimal(100_000),
    exchange_rate=Decimal(1),
    bid=Decimal("99.90"),
    ask=Decimal("100.10"),
    quoted_at=NOON,
    is_live=True,
    halted=False,
    shortable=True,
    is_open=True,
)
BOOK = Book(
    now=NOON,
    held=(),
    net_liquidation=Decimal(100_000),
    buying_power=Decimal(100_000),
    day_start=Decimal(100_000),
    peak=Decimal(100_000),
)


def held(quantity: int, *, con_id: int = 265598, symbol: str = "AAPL", value: int = 100) -> Held:
    return Held(
        con_id=ConId(con_id),
        symbol=symbol,
        quantity=Decimal(quantity),
        unit_value=Decimal(value),
    )


def working(action: str, quantity: int, *, con_id: int = 265598, group: str = "") -> Working:
    return Working(
        con_id=ConId(con_id),
        symbol="AAPL",
        action=Action(action),
        quantity=Decimal(quantity),
        unit_value=Decimal(100),
        group=group,
    )


def sell(quantity: int = 100, **more: Any) -> OrderRequest:
    return replace(buy(quantity), action=Action.SELL, **more)


def broken(
    request: OrderRequest | None = None,
    *,
    book: Book = BOOK,
    facts: RiskFacts = FACTS,
    contract: Contract = AAPL,
    **limits: Any,
) -> list[str]:
    violations = check_risk(
        request or buy(),
        contract,
        account="DU1",
        limits=RiskLimits(**({"max_order_size": Decimal(10_000)} | limits)),
        facts=facts,
        book=book,
    )
    assert all(v.value and v.limit and v.remedy for v in violations)
    return [violation.rule for violation in violations]


def test_without_further_limits_nothing_else_is_broken() -> None:
    assert broken() == []


@pytest.mark.parametrize(
    ("limits", "rules"),
    [
        ({"denied_security_types": frozenset({"STK"})}, ["denied security type"]),
        ({"denied_order_types": frozenset({"LMT"})}, ["denied order type"]),
        ({"exchanges": frozenset({"SMART"})}, []),
        ({"exchanges": frozenset({"NASDAQ"})}, []),
        ({"exchanges": frozenset({"IBIS"})}, ["allowed exchange"]),
        ({"denied_exchanges": frozenset({"NASDAQ"})}, ["denied exchange"]),
        ({"currencies": frozenset({"EUR"})}, ["allowed currency"]),
        ({"denied_currencies": frozenset({"USD"})}, ["denied currency"]),
        ({"denied_accounts": frozenset({"DU1"})}, ["denied account"]),
    ],
)
def test_what_may_be_traded(limits: dict[str, Any], rules: list[str]) -> None:
    assert broken(**limits) == rules


def test_a_position_is_limited_with_all_open_orders_of_its_side_filled() -> None:
    book = replace(BOOK, held=(held(50),), working=(working("BUY", 30), working("SELL", 500)))
    assert broken(book=book, max_position_size=Decimal(180)) == []
    assert broken(book=book, max_position_size=Decimal(179)) == ["max_position_size"]
    # the sells are a side of their own: 500 open and 100 more, less the 50 held
    assert broken(sell(), book=book, max_position_size=Decimal(550)) == []
    assert broken(sell(), book=book, max_position_size=Decimal(549)) == ["max_position_size"]


def test_of_orders_that_cancel_each_other_one_is_expected_to_fill() -> None:
    book = replace(BOOK, working=(working("BUY", 70, group="a"), working("BUY", 30, group="a")))
    assert broken(book=book, max_position_size=Decimal(170)) == []
    assert broken(book=book, max_position_size=Decimal(169)) == ["max_position_size"]


def test_a_position_has_a_value_at_the_orders_own_bounding_price() -> None:
    book = replace(BOOK, held=(held(100),))
    assert broken(book=book, max_position_value=Decimal("20100")) == []
    assert broken(book=book, max_position_value=Decimal("20099")) == ["max_position_value"]


def test_the_exposure_counts_both_sides_apart_and_every_contract() -> None:
    other = held(-20, con_id=7, symbol="MSFT", value=400)
    book = replace(BOOK, held=(other,), working=(working("BUY", 10), working("SELL", 60)))
    # MSFT 8,000; AAPL the larger of 110 bought and 60 sold, at the dearest price 100.50
    assert broken(book=book, max_exposure=Decimal("19055")) == []
    assert broken(book=book, max_exposure=Decimal("19054")) == ["max_exposure"]
    assert broken(book=book, max_exposure_share=Decimal("0.19055")) == []
    assert broken(book=book, max_exposure_share=Decimal("0.19054")) == ["max_exposure_share"]


def test_one_symbol_may_only_come_to_a_share_of_the_account() -> None:
    option = held(5, con_id=8, symbol="AAPL", value=1_000)
    book = replace(BOOK, held=(option, held(10, con_id=7, symbol="MSFT")))
    assert broken(book=book, max_concentration=Decimal("0.1505")) == []
    assert broken(book=book, max_concentration=Decimal("0.1504")) == ["max_concentration"]


def test_an_order_that_only_closes_passes_the_rules_that_it_makes_better() -> None:
    book = replace(BOOK, held=(held(500),), day_start=Decimal(200_000))
    tight: dict[str, Any] = {
        "max_position_size": Decimal(1),
        "max_exposure": Decimal(1),
        "max_concentration": Decimal("0.01"),
        "max_daily_loss": Decimal(1),
        "max_open_orders": 1,
        "check_buying_power": True,
        "allow_short": False,
    }
    assert broken(sell(500), book=replace(book, buying_power=Decimal(0)), **tight) == []
    assert "max_position_size" in broken(sell(1002), book=book, **tight)
    assert "max_daily_loss" in broken(sell(501), book=book, **tight)


def test_closing_has_a_size_and_a_pace_all_the_same() -> None:
    book = replace(BOOK, held=(held(500),))
    assert broken(sell(500), book=book, max_order_size=Decimal(499)) == ["MAX_ORDER_SIZE"]
    placed = (Placed(at=NOON, what=()),)
    fast = replace(book, placed=placed)
    assert broken(sell(5), book=fast, max_orders_per_second=1) == ["max_orders_per_second"]


def test_buying_power_is_needed_for_what_opens_only() -> None:
    short = replace(BOOK, held=(held(-60),), buying_power=Decimal("4020"))
    assert broken(book=short, check_buying_power=True) == []
    less = replace(short, buying_power=Decimal("4019"))
    assert broken(book=less, check_buying_power=True) == ["buying power"]


def told(margin: str | None, equity: str | None, **more: Any) -> RiskFacts:
    """What is known when the broker has said what the order would bind."""

    def after(text: str | None) -> Figures:
        return Figures(after=None if text is None else Decimal(text))

    what_if = WhatIf(initial_margin=after(margin), equity_with_loan=after(equity), **more)
    return replace(FACTS, margin=what_if)


def test_the_brokers_own_what_if_decides_about_buying_power() -> None:
    poor = replace(BOOK, buying_power=Decimal(1))
    assert needs_of(buy(), RiskLimits(max_order_size=Decimal(1), check_buying_power=True)).margin
    assert not needs_of(buy(), RiskLimits(max_order_size=Decimal(1))).margin
    for facts, rules in (
        (told("500", "500"), []),
        (told("500.01", "500"), ["buying power"]),
        (told("1", "500", rejected_reason="no permission"), ["buying power"]),
        # without its figures, the estimate
        (told(None, "500"), ["buying power"]),
        (told("1", None), ["buying power"]),
        (FACTS, ["buying power"]),
    ):
        assert broken(book=poor, facts=facts, check_buying_power=True) == rules
    assert broken(book=poor, facts=told("9", "1")) == []


def test_an_estimate_says_that_it_is_one_and_there_is_none_for_options_sold_to_open() -> None:
    limits = RiskLimits(max_order_size=Decimal(1_000), check_buying_power=True)
    poor = replace(BOOK, buying_power=Decimal(1))
    case = Case(request=buy(), contract=AAPL, account="DU1", limits=limits, facts=FACTS, book=poor)
    assert "what-if has not answered" in judge(case)[0].limit
    call = Contract(
        symbol="AAPL",
        security_type=SecurityType.OPTION,
        con_id=ConId(5),
        multiplier=Decimal(100),
    )
    sold = replace(case, request=sell(1), contract=call, book=BOOK)
    assert "the broker's what-if" in judge(sold)[0].remedy
    assert judge(replace(sold, facts=told("1", "2"))) == ()
    assert judge(replace(sold, request=buy(1))) == ()


@pytest.mark.parametrize(
    ("quantity", "open_sells", "rules"),
    [(100, 0, []), (101, 0, ["allow_short"]), (100, 1, ["allow_short"])],
)
def test_no_more_is_sold_than_is_held_and_free(
    quantity: int, open_sells: int, rules: list[str]
) -> None:
    book = replace(BOOK, held=(held(100),))
    if open_sells:
        book = replace(book, working=(working("SELL", open_sells),))
    assert broken(sell(quantity), book=book, allow_short=False) == rules


@pytest.mark.parametrize(
    ("shortable", "rules"),
    [(True, []), (False, ["require_shortable"]), (None, ["require_shortable"])],
)
def test_short_selling_needs_shares_to_borrow(shortable: bool | None, rules: list[str]) -> None:
    facts = replace(FACTS, shortable=shortable)
    assert broken(sell(), facts=facts, require_shortable=True) == rules
    assert broken(facts=facts, require_shortable=True) == []


@pytest.mark.parametrize(
    ("request_", "rules"),
    [
        (buy(), []),
        (replace(buy(), limit_price=Decimal("105.00")), []),
        (replace(buy(), limit_price=Decimal("105.01")), ["price_collar"]),
        (replace(buy(), limit_price=Decimal("1.00")), []),
        (sell(limit_price=Decimal("95.00")), []),
        (sell(limit_price=Decimal("94.99")), ["price_collar"]),
        (sell(limit_price=Decimal("1000.00")), []),
        (
            replace(
                buy(), order_type=OrderType.STOP, limit_price=None, stop_price=Decimal("94.99")
            ),
            ["price_collar"],
        ),
        (replace(buy(), order_type=OrderType.MARKET, limit_price=None), []),
    ],
)
def test_a_price_may_not_be_far_on_the_costly_side(
    request_: OrderRequest, rules: list[str]
) -> None:
    assert broken(request_, price_collar=Decimal("0.05")) == rules


def test_without_a_market_the_collar_is_broken_and_a_close_is_no_market() -> None:
    nothing = replace(FACTS, bid=None, ask=None, last=None)
    assert broken(facts=nothing, price_collar=Decimal("0.05")) == ["price_collar"]


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({"quoted_at": NOON - timedelta(seconds=5)}, []),
        ({"quoted_at": NOON - timedelta(seconds=6)}, ["max_quote_age_s"]),
        ({"is_live": False}, ["max_quote_age_s"]),
        ({"quoted_at": None}, ["max_quote_age_s"]),
    ],
)
def test_an_old_or_delayed_quote_is_refused(change: dict[str, Any], rules: list[str]) -> None:
    assert broken(facts=replace(FACTS, **change), max_quote_age_s=Decimal(5)) == rules


@pytest.mark.parametrize(
    ("facts", "limit", "rules"),
    [
        ({"is_open": False}, "require_open_market", ["require_open_market"]),
        ({"is_open": None}, "require_open_market", ["require_open_market"]),
        ({"is_open": True}, "require_open_market", []),
        ({"halted": True}, "refuse_halted", ["refuse_halted"]),
        ({"halted": None}, "refuse_halted", []),
        ({"quoted_at": None, "halted": None}, "refuse_halted", ["refuse_halted"]),
    ],
)
def test_a_closed_or_halted_market_is_refused(
    facts: dict[str, Any], limit: str, rules: list[str]
) -> None:
    limits: dict[str, Any] = {limit: True}
    assert broken(facts=replace(FACTS, **facts), **limits) == rules


@pytest.mark.parametrize(
    ("worth", "rules"),
    [(98_001, []), (98_000, ["max_daily_loss", "max_daily_loss_share", "max_drawdown"])],
)
def test_losses_stop_trading_when_they_reach_the_limit(worth: int, rules: list[str]) -> None:
    book = replace(BOOK, net_liquidation=Decimal(worth))
    assert (
        broken(
            book=book,
            max_daily_loss=Decimal(2_000),
            max_daily_loss_share=Decimal("0.02"),
            max_drawdown=Decimal("0.02"),
        )
        == rules
    )


def test_the_cooldown_outlasts_the_loss() -> None:
    book = replace(BOOK, halted_until=NOON + timedelta(seconds=1))
    assert broken(book=book) == ["halt_cooldown_s"]
    assert broken(book=replace(book, now=NOON + timedelta(seconds=1))) == []


def test_open_orders_have_a_number() -> None:
    book = replace(BOOK, working=(working("SELL", 1), working("BUY", 1)))
    assert broken(book=book, max_open_orders=3) == []
    assert broken(book=book, max_open_orders=2) == ["max_open_orders"]


def test_orders_have_a_rate_by_second_and_by_minute() -> None:
    ages = (0.5, 0.9, 1.0, 30, 59.9, 60)
    placed = tuple(Placed(at=NOON - timedelta(seconds=age), what=()) for age in ages)
    book = replace(BOOK, placed=placed)
    assert broken(book=book, max_orders_per_second=3, max_orders_per_minute=6) == []
    assert broken(book=book, max_orders_per_second=2) == ["max_orders_per_second"]
    assert broken(book=book, max_orders_per_minute=5) == ["max_orders_per_minute"]


def test_the_same_order_is_refused_within_its_window() -> None:
    one = Placed(at=NOON - timedelta(seconds=3), what=likeness(buy(), AAPL, "DU1"))
    book = replace(BOOK, placed=(one,))
    assert broken(book=book, duplicate_window_s=Decimal(4)) == ["duplicate_window_s"]
    assert broken(book=book, duplicate_window_s=Decimal(3)) == []
    assert broken(buy(99), book=book, duplicate_window_s=Decimal(4)) == []
    assert broken(sell(), book=book, duplicate_window_s=Decimal(4)) == []
    limits = RiskLimits(max_order_size=Decimal(100), duplicate_window_s=Decimal(4))
    case = Case(request=buy(), contract=AAPL, account="DU1", limits=limits, facts=FACTS, book=book)
    assert len(judge(case)) == 1
    assert judge(replace(case, is_change=True)) == ()


NEEDY: dict[str, dict[str, Any]] = {
    "max_order_value": {"max_order_value": Decimal(10**9)},
    "MAX_PORTFOLIO_RISK": {"max_portfolio_risk": Decimal(1)},
    "max_position_size": {"max_position_size": Decimal(10**9)},
    "max_position_value": {"max_position_value": Decimal(10**9)},
    "max_exposure": {"max_exposure": Decimal(10**9)},
    "max_exposure_share": {"max_exposure_share": Decimal(10**9)},
    "max_concentration": {"max_concentration": Decimal(10**9)},
    "buying power": {"check_buying_power": True},
    "allow_short": {"allow_short": False},
    "price_collar": {"price_collar": Decimal(1)},
    "max_quote_age_s": {"max_quote_age_s": Decimal(10**9)},
    "require_open_market": {"require_open_market": True},
    "refuse_halted": {"refuse_halted": True},
    "max_daily_loss": {"max_daily_loss": Decimal(10**9)},
    "max_daily_loss_share": {"max_daily_loss_share": Decimal(1)},
    "max_drawdown": {"max_drawdown": Decimal(1)},
    "max_orders_per_second": {"max_orders_per_second": 10**9},
    "max_orders_per_minute": {"max_orders_per_minute": 10**9},
    "duplicate_window_s": {"duplicate_window_s": Decimal(1)},
}


@pytest.mark.parametrize("rule", NEEDY)
def test_knowing_nothing_breaks_a_rule_that_needs_to_know(rule: str) -> None:
    assert broken(sell(), facts=RiskFacts(), book=Book(), **NEEDY[rule]) == [rule]
    assert broken(sell(1), book=replace(BOOK, held=(held(5),)), **NEEDY[rule]) == []


def test_all_rules_speak_at_once_in_the_order_of_the_table() -> None:
    everything: dict[str, Any] = {key: v for limits in NEEDY.values() for key, v in limits.items()}
    assert broken(sell(), facts=RiskFacts(), book=Book(), **everything) == [*NEEDY]
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_a_derivative_without_a_multiplier_is_refused_where_value_counts() -> None:
    future = Contract(symbol="ES", security_type=SecurityType.FUTURE, con_id=ConId(1))
    names = ["max_order_value", "max_exposure"]
    assert broken(contract=future, max_order_value=Decimal(10**9), max_exposure=Decimal(1)) == names


def test_a_price_is_asked_for_only_where_a_rule_needs_it() -> None:
    valued = RiskLimits(max_order_size=Decimal(1), max_order_value=Decimal(1))
    assert not needs_of(buy(), valued).price
    assert needs_of(sell(), valued).price
    assert needs_of(buy(), replace(valued, price_collar=Decimal(1))).price
    assert needs_of(buy(), replace(valued, refuse_halted=True)).price
    assert not needs_of(sell(), RiskLimits(max_order_size=Decimal(1))).price


def test_whether_a_market_is_open_is_asked_only_where_a_rule_wants_it() -> None:
    assert needs_of(buy(), RiskLimits(max_order_size=Decimal(1), require_open_market=True)).session
    assert not needs_of(buy(), RiskLimits(max_order_size=Decimal(1), refuse_halted=True)).session


def test_a_protecting_order_is_judged_as_if_its_entry_were_filled() -> None:
    limits = RiskLimits(max_order_size=Decimal(1_000), allow_short=False)
    case = Case(request=sell(), contract=AAPL, account="DU1", limits=limits, facts=FACTS, book=BOOK)
    assert [violation.rule for violation in judge(case)] == ["allow_short"]
    assert judge(with_filled(case, Action.BUY, Decimal(100))) == ()


amounts = st.integers(0, 500)


@given(
    position=st.integers(-500, 500),
    buys=st.lists(amounts, max_size=4),
    sells=st.lists(amounts, max_size=4),
    quantity=st.integers(1, 500),
    action=st.sampled_from(Action),
    fills=st.lists(st.floats(0, 1), min_size=9, max_size=9),
)
def test_whatever_fills_the_position_stays_within_its_worst_case(
    position: int,
    buys: list[int],
    sells: list[int],
    quantity: int,
    action: Action,
    fills: list[float],
) -> None:
    orders = [working("BUY", size) for size in buys] + [working("SELL", size) for size in sells]
    request = buy(quantity) if action is Action.BUY else sell(quantity)
    case = Case(
        request=request,
        contract=AAPL,
        account="DU1",
        limits=RiskLimits(max_order_size=Decimal(10_000)),
        facts=replace(FACTS, price=Decimal(100)),
        book=replace(BOOK, held=(held(position),), working=tuple(orders)),
    )
    mine = working(action.value, quantity)
    end = Decimal(position)
    for order, share in zip([*orders, mine], fills, strict=False):
        part = (order.quantity * Decimal(str(share))).to_integral_value()
        end += part if order.action is Action.BUY else -part
    worst = position_after(case)
    assert worst is not None
    assert (end if action is Action.BUY else -end) <= worst
    gross, of_symbol, of_contract = exposures(case)
    assert gross is not None
    assert abs(end) * 100 <= gross
    assert gross == of_symbol == of_contract
    if closes(case):
        # however the rest fills, this order alone never turns the position round
        sign = 1 if position > 0 else -1
        assert quantity <= abs(position)
        assert (action is Action.SELL) == (sign > 0)


@given(
    size=st.integers(1, 2_000),
    price=st.decimals("0.01", "5000", places=2),
    rate=st.decimals("0.001", "200", places=3),
    limit=st.integers(1, 10**7),
)
def test_no_buy_above_the_value_limit_passes(
    size: int, price: Decimal, rate: Decimal, limit: int
) -> None:
    request = replace(buy(size), limit_price=price)
    facts = RiskFacts(exchange_rate=rate)
    passed = broken(request, facts=facts, max_order_value=Decimal(limit)) == []
    assert passed == (size * price * rate <= limit)


# --- losses over time ---------------------------------------------------------------------------

DAY = NOON.date()
LOSS = RiskLimits(
    max_order_size=Decimal(1), max_daily_loss=Decimal(100), halt_cooldown_s=Decimal(60)
)


def seen(
    marks: EquityMarks | None, worth: int, *, minutes: float = 0, days: int = 0
) -> EquityMarks:
    return observe(
        marks,
        Decimal(worth),
        now=NOON + timedelta(minutes=minutes, days=days),
        day=DAY + timedelta(days=days),
        limits=LOSS,
    )


def test_a_loss_halts_and_the_halt_lasts_for_the_cooldown() -> None:
    marks = seen(None, 1_000)
    assert marks.halted_until is None
    marks = seen(marks, 900, minutes=1)
    assert marks.halted_until == NOON + timedelta(minutes=2)
    # it recovers: the end stays; it is lost again: the end moves on
    assert seen(marks, 1_000, minutes=1.5).halted_until == NOON + timedelta(minutes=2)
    assert seen(marks, 890, minutes=5).halted_until == NOON + timedelta(minutes=6)


def test_a_new_day_starts_from_its_own_first_worth_and_the_peak_stays() -> None:
    marks = seen(seen(None, 1_000), 950, days=1)
    assert (marks.day_start, marks.peak) == (Decimal(950), Decimal(1_000))
    # a clock that is set back does not start yesterday again
    assert seen(marks, 940, days=0).day_start == Decimal(950)


def test_a_last_trade_alone_has_no_known_age() -> None:
    aged: dict[str, Any] = {"max_quote_age_s": Decimal(60)}
    for sides, rules in (
        ({"bid": None}, []),
        ({"ask": None}, []),
        ({"bid": None, "ask": None, "last": Decimal(100)}, ["max_quote_age_s"]),
    ):
        assert broken(facts=replace(FACTS, **sides), **aged) == rules
