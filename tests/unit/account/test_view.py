from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.account.desk import choose_account
from ibkr_connector.account.view import AccountView
from ibkr_connector.errors import AccountError
from ibkr_connector.gateway.port import (
    DisconnectReason,
    FiguresTold,
    GatewayEvent,
    GatewayNotice,
    HoldingsTold,
    PortfolioRow,
    PositionRow,
    SessionEnded,
)
from ibkr_connector.model.account import AccountValue
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.ids import ConId

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
LATER = NOW + timedelta(minutes=3)
OPTION = Contract(symbol="AAPL", con_id=ConId(5), multiplier=Decimal(100))


def value(tag: str, text: str, currency: str = "USD", account: str = "DU1") -> AccountValue:
    return AccountValue(account=account, tag=tag, value=text, currency=currency)


def position(quantity: str, account: str = "DU1") -> PositionRow:
    return PositionRow(
        account=account, contract=OPTION, quantity=Decimal(quantity), average_cost=Decimal(450)
    )


def shown(quantity: str) -> PortfolioRow:
    return PortfolioRow(
        account="DU1",
        contract=OPTION,
        quantity=Decimal(quantity),
        market_price=Decimal(5),
        market_value=Decimal(quantity) * 500,
        average_cost=Decimal(450),
        unrealized_pnl=Decimal(quantity) * 50,
        realized_pnl=Decimal(7),
    )


def test_a_summary_says_what_came_and_when() -> None:
    view = AccountView()
    view.replace_values(
        [
            value("NetLiquidation", "1000.10"),
            value("TotalCashValue", "900"),
            value("Cushion", "", ""),
        ],
        NOW,
    )
    view.apply(FiguresTold.of(value("TotalCashValue", "800")), LATER)
    summary = view.summary("DU1")
    assert (summary.total_value, summary.cash) == (Decimal("1000.10"), Decimal(800))
    assert summary.currency == "USD"
    assert summary.as_of == LATER
    assert summary.cushion is None
    assert summary.buying_power is None


def test_an_account_of_which_nothing_came_is_an_error_and_not_zeros() -> None:
    with pytest.raises(AccountError):
        AccountView().summary("DU1")


def test_a_complete_answer_forgets_what_is_not_in_it() -> None:
    view = AccountView()
    view.replace_values([value("NetLiquidation", "1", account="DU2")], NOW)
    view.replace_values([value("NetLiquidation", "1")], NOW)
    with pytest.raises(AccountError):
        view.summary("DU2")
    view.replace_positions([position("3")], NOW)
    view.replace_positions([], NOW)
    assert view.positions(None) == ()


def test_a_price_per_unit_is_the_cost_without_the_multiplier() -> None:
    view = AccountView()
    view.replace_positions([position("2")], NOW)
    [held] = view.positions("DU1")
    assert (held.avg_cost, held.avg_price) == (Decimal(450), Decimal("4.50"))
    assert held.current_price is None
    assert held.unrealized_pnl is None


def test_the_account_window_adds_market_values() -> None:
    view = AccountView()
    view.replace_positions([position("2")], NOW)
    view.replace_portfolio("DU1", [shown("2")], NOW)
    [held] = view.positions(None)
    assert (held.current_price, held.market_value) == (Decimal(5), Decimal(1000))
    assert (held.unrealized_pnl, held.realized_pnl) == (Decimal(100), Decimal(7))


def test_a_value_of_another_quantity_is_not_shown() -> None:
    view = AccountView()
    view.replace_positions([position("2")], NOW)
    view.replace_portfolio("DU1", [shown("2")], NOW)
    view.apply(position("3"), LATER)
    [held] = view.positions(None)
    assert held.quantity == Decimal(3)
    assert held.as_of == LATER
    assert held.current_price == Decimal(5)
    assert held.market_value is None
    assert held.unrealized_pnl is None
    view.apply(shown("3"), LATER)
    assert view.positions(None)[0].market_value == Decimal(1500)


def test_positions_that_were_not_told_are_no_flat_account() -> None:
    view = AccountView()
    view.apply(position("2"), NOW)
    with pytest.raises(AccountError, match="not been read"):
        view.positions(None)
    view.replace_positions([position("2")], NOW)
    assert len(view.positions(None)) == 1
    assert view.knows_positions
    view.apply(SessionEnded(reason=DisconnectReason.PEER), LATER)
    assert not view.knows_positions
    assert [held.as_of for held in view.positions("DU1")] == [NOW]


def test_a_quantity_of_zero_closes_a_position() -> None:
    view = AccountView()
    view.replace_positions([], NOW)
    view.apply(position("2"), NOW)
    view.apply(position("0"), NOW)
    assert view.positions(None) == ()


def test_accounts_are_kept_apart() -> None:
    view = AccountView()
    view.replace_positions([], NOW)
    view.apply(position("2"), NOW)
    view.apply(position("5", account="DU2"), NOW)
    assert [held.quantity for held in view.positions("DU2")] == [Decimal(5)]
    assert len(view.positions(None)) == 2
    view.replace_portfolio("DU2", [], NOW)
    view.apply(GatewayNotice(code=2104, text="farm"), NOW)
    assert len(view.positions(None)) == 2


@pytest.mark.parametrize("tag", ["ExchangeRate", "$LEDGER-ExchangeRate"])
def test_rates_are_into_the_base_currency(tag: str) -> None:
    view = AccountView()
    view.replace_values([value("NetLiquidation", "1"), value(tag, "1.1", "EUR")], NOW)
    assert view.exchange_rate("DU1", "EUR") == Decimal("1.1")
    assert view.exchange_rate("DU1", "USD") == Decimal(1)
    assert view.exchange_rate("DU1", "JPY") is None


@pytest.mark.parametrize("text", ["0", "0.00", "-1.1", ""])
def test_a_rate_that_is_not_above_zero_is_unknown(text: str) -> None:
    view = AccountView()
    view.replace_values([value("NetLiquidation", "1"), value("ExchangeRate", text, "EUR")], NOW)
    assert view.exchange_rate("DU1", "EUR") is None


@pytest.mark.parametrize("text", ["", "nan", "a lot"])
def test_a_figure_that_is_no_number_is_unknown(text: str) -> None:
    view = AccountView()
    view.replace_values([value("NetLiquidation", text)], NOW)
    assert view.summary("DU1").total_value is None


def test_which_account_a_call_means() -> None:
    assert choose_account(None, None, ("DU1",)) == "DU1"
    assert choose_account(None, "DU2", ("DU1", "DU2")) == "DU2"
    assert choose_account("DU1", "DU2", ("DU1", "DU2")) == "DU1"
    with pytest.raises(AccountError, match="2 accounts and none was named"):
        choose_account(None, None, ("DU1", "DU2"))
    with pytest.raises(AccountError, match="not one of this login"):
        choose_account("DU9", None, ("DU1",))


def test_an_old_answer_that_is_given_again_keeps_its_age() -> None:
    view, rows = AccountView(), [value("NetLiquidation", "1000"), value("TotalCashValue", "900")]
    view.replace_values(rows, NOW)
    view.replace_values(rows, LATER)
    assert view.summary("DU1").as_of == NOW
    view.replace_values([rows[0], value("TotalCashValue", "901")], LATER)
    assert view.summary("DU1").as_of == LATER


def test_a_market_price_tells_its_own_age() -> None:
    view = AccountView()
    view.replace_positions([position("2")], NOW)
    view.replace_portfolio("DU1", [shown("2")], NOW)
    view.replace_positions([position("2")], LATER)
    view.replace_portfolio("DU1", [shown("2")], LATER)
    (held,) = view.positions("DU1")
    assert (held.as_of, held.price_as_of) == (LATER, NOW)
    view.apply(shown("2"), LATER)
    (held,) = view.positions("DU1")
    assert held.price_as_of == LATER


def test_one_event_looks_at_one_contract_of_the_accounts_that_hold_it() -> None:
    view = AccountView()
    others = [
        PositionRow(
            account="DU1",
            contract=Contract(symbol="X", con_id=ConId(100 + number)),
            quantity=Decimal(1),
            average_cost=Decimal(1),
        )
        for number in range(50)
    ]
    view.replace_positions([*others, position("2"), position("3", account="DU2")], NOW)
    assert view.owners == {"DU1", "DU2"}
    assert set(view.held_of(ConId(5))) == {("DU1", 5), ("DU2", 5)}
    view.apply(position("0", account="DU2"), NOW)
    view.apply(position("0", account="DU2"), NOW)
    assert view.owners == {"DU1"}
    assert set(view.held_of(ConId(5))) == {("DU1", 5)}
    # the price that one account's window shows is that of the other too
    view.apply(position("4", account="DU2"), NOW)
    view.apply(shown("2"), LATER)
    (mine,) = view.positions("DU2")
    assert (mine.current_price, mine.price_as_of, mine.reckoned_value) == (
        Decimal(5),
        LATER,
        Decimal(2000),
    )


HELD = st.builds(
    lambda number, quantity, account: PositionRow(
        account=account,
        contract=Contract(symbol="X", con_id=ConId(number)),
        quantity=Decimal(quantity),
        average_cost=Decimal(1),
    ),
    st.integers(1, 4),
    st.integers(-1, 2),
    st.sampled_from(["DU1", "DU2"]),
)
SHOWN = st.builds(
    lambda number, price, quantity: PortfolioRow(
        account="DU1",
        contract=Contract(symbol="X", con_id=ConId(number)),
        quantity=Decimal(quantity),
        market_price=price,
        market_value=Decimal(7),
        average_cost=Decimal(1),
        unrealized_pnl=None,
        realized_pnl=None,
    ),
    st.integers(1, 4),
    st.sampled_from([None, Decimal(5), Decimal(6)]),
    st.integers(1, 2),
)


@given(
    told=st.lists(
        st.lists(HELD, min_size=1, max_size=5, unique_by=lambda row: row.key)
        | st.lists(SHOWN, min_size=1, max_size=5, unique_by=lambda row: row.key),
        max_size=6,
    ),
    steps=st.lists(st.sampled_from([-1, 0, 1, 60]), min_size=6, max_size=6),
)
def test_rows_told_at_once_are_kept_as_those_told_one_by_one(
    told: list[list[PositionRow] | list[PortfolioRow]], steps: list[int]
) -> None:
    at_once, one_by_one, now = AccountView(), AccountView(), NOW
    for rows, step in zip(told, steps, strict=False):
        now += timedelta(seconds=step)
        positions = {row.key: row for row in rows if isinstance(row, PositionRow)}
        lines = {row.key: row for row in rows if isinstance(row, PortfolioRow)}
        at_once.apply(HoldingsTold(positions=positions, lines=lines), now)
        for row in rows:
            event: GatewayEvent = row
            one_by_one.apply(event, now)
        assert list(at_once.held.items()) == list(one_by_one.held.items())
        assert at_once.owners == one_by_one.owners


FIGURES = st.builds(
    value,
    st.sampled_from(["NetLiquidation", "ExchangeRate", "CashBalance", "$LEDGER-CashBalance"]),
    st.sampled_from(["1000.5", "0.9", "", "none"]),
    st.sampled_from(["USD", "EUR", "BASE", ""]),
)


@given(told=st.lists(st.lists(FIGURES, min_size=1, max_size=6), min_size=1, max_size=4))
def test_figures_told_at_once_are_kept_as_those_told_one_by_one(
    told: list[list[AccountValue]],
) -> None:
    at_once, one_by_one, now = AccountView(), AccountView(), NOW
    for figures in told:
        now += timedelta(seconds=1)
        values = {(figure.account, figure.tag, figure.currency): figure for figure in figures}
        source = figures[0].source
        at_once.apply(FiguresTold(account="DU1", source=source, values=values), now)
        for figure in values.values():
            one_by_one.apply(FiguresTold.of(figure), now)
        summary = at_once.summary("DU1")
        assert summary == one_by_one.summary("DU1")
        assert summary.as_of == now
        assert at_once.worth("DU1") == summary.total_value
        assert at_once.balances("DU1") == one_by_one.balances("DU1")
        assert at_once.knows_worth("DU1") == one_by_one.knows_worth("DU1")
        for currency in ("USD", "EUR"):
            rate = one_by_one.exchange_rate("DU1", currency)
            assert at_once.exchange_rate("DU1", currency) == rate


def test_figures_that_were_asked_for_are_others_when_others_are_told() -> None:
    view = AccountView()
    for rate, worth in (("0.9", "1000"), ("1.1", "2000")):
        view.apply(FiguresTold.of(value("ExchangeRate", rate, "EUR")), NOW)
        view.apply(FiguresTold.of(value("NetLiquidation", worth)), NOW)
        assert view.exchange_rate("DU1", "EUR") == Decimal(rate)
        assert view.summary("DU1").total_value == view.worth("DU1") == Decimal(worth)


def test_what_an_account_is_worth_of_which_nothing_came_is_not_known() -> None:
    assert AccountView().worth("DU1") is None


def test_how_much_is_held_is_known_without_looking_at_it() -> None:
    view = AccountView()
    with pytest.raises(AccountError, match="not been read yet"):
        view.count("DU1")
    view.replace_positions([position("2"), position("-3", account="DU2")], NOW)
    view.apply(position("0"), LATER)
    assert (view.count("DU1"), view.count("DU2"), view.count("DU3")) == (0, 1, 0)


def test_another_account_keeps_its_lines_when_one_is_read_again() -> None:
    view = AccountView()
    others = PortfolioRow(
        account="DU2",
        contract=OPTION,
        quantity=Decimal(3),
        market_price=Decimal(6),
        market_value=Decimal(1800),
        average_cost=Decimal(450),
        unrealized_pnl=None,
        realized_pnl=None,
    )
    view.replace_positions([position("2"), position("3", account="DU2")], NOW)
    view.apply(others, NOW)
    view.replace_portfolio("DU1", [shown("2")], LATER)
    view.replace_portfolio("DU1", [], LATER)
    assert [one.market_value for one in view.positions(None)] == [None, Decimal(1800)]
    assert {one.current_price for one in view.positions(None)} == {Decimal(5)}
