from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ibkr_connector.account.reckoning import DayBook, reckon
from ibkr_connector.gateway.port import CommissionReported, Execution
from ibkr_connector.model.account import Position
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.ids import ClientId, ConId, ExecId, OrderId
from ibkr_connector.model.orders import Action

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
OPTION = Contract(symbol="AAPL", con_id=ConId(5), multiplier=Decimal(100), currency="EUR")


def execution(exec_id: str, quantity: int, price: str, action: Action = Action.BUY) -> Execution:
    return Execution(
        exec_id=ExecId(exec_id),
        order_id=OrderId(1),
        client_id=ClientId(1),
        perm_id=None,
        order_ref="",
        account="DU1",
        contract=OPTION,
        action=action,
        quantity=Decimal(quantity),
        price=Decimal(price),
        cumulative_quantity=None,
        average_price=None,
        exchange="SMART",
        time=NOW,
    )


def commission(exec_id: str, amount: str, realized: str | None = None) -> CommissionReported:
    return CommissionReported(
        exec_id=ExecId(exec_id),
        commission=Decimal(amount),
        currency="EUR",
        realized_pnl=None if realized is None else Decimal(realized),
    )


def held(quantity: int, price: str | None = "5") -> Position:
    return Position(
        account="DU1",
        contract=OPTION,
        quantity=Decimal(quantity),
        avg_cost=Decimal("450.50"),
        avg_price=Decimal("4.505"),
        as_of=NOW,
        current_price=None if price is None else Decimal(price),
    )


def check(
    book: DayBook,
    *positions: Position,
    rate: str | None = "2",
    starts: dict[ConId | None, tuple[Decimal, Decimal]] | None = None,
) -> tuple[tuple[Decimal | None, ...], tuple[str, ...]]:
    ours, missing = reckon(
        "DU1",
        positions,
        book.traded("DU1", NOW),
        rate=lambda _: None if rate is None else Decimal(rate),
        starts=starts or {},
        now=NOW,
        currency="USD",
    )
    return (ours.daily, ours.unrealized, ours.realized), missing


def test_gains_are_in_the_base_currency_with_multiplier_and_commissions() -> None:
    book = DayBook()
    book.execution(execution("a.1.01", 3, "4.50"), NOW)
    book.commission(commission("a.1.01", "1.50"), NOW)
    book.commission(commission("b.1.01", "0.50", "48.50"), NOW)
    book.execution(execution("b.1.01", 1, "5.00", Action.SELL), NOW)
    figures, missing = check(book, held(2))
    assert missing == ()
    # value 1000, bought for 1350, sold for 500, paid 2 in commissions
    assert figures == (Decimal("296.00"), Decimal("198.00"), Decimal("97.00"))


def test_what_was_held_before_needs_its_value_at_the_days_begin() -> None:
    figures, missing = check(DayBook(), held(2))
    assert figures[0] is None
    assert missing == ("the value of AAPL when the day began",)
    figures, missing = check(DayBook(), held(2), starts={ConId(5): (Decimal(2), Decimal(900))})
    assert figures[0] == Decimal("200.00")
    # what was kept of another quantity is not believed
    figures, _ = check(DayBook(), held(3), starts={ConId(5): (Decimal(2), Decimal(900))})
    assert figures[0] is None


def test_without_a_price_a_rate_or_a_commission_nothing_is_made_up() -> None:
    assert check(DayBook(), held(2, None)) == (
        (None, None, Decimal("0.00")),
        ("a price of AAPL", "the value of AAPL when the day began"),
    )
    assert check(DayBook(), held(2), rate=None) == ((None, None, None), ("the rate of EUR",))
    book = DayBook()
    book.execution(execution("a.1.01", 2, "4.50"), NOW)
    figures, missing = check(book, held(2))
    assert figures == (None, Decimal("198.00"), None)
    assert missing == ("a commission of AAPL",)


def test_a_correction_replaces_and_a_bust_undoes() -> None:
    book = DayBook()
    book.execution(execution("a.1.01", 2, "4.50"), NOW)
    book.commission(commission("a.1.01", "1"), NOW)
    book.execution(execution("a.1.02", 2, "4.40"), NOW)
    book.commission(commission("a.1.02", "1"), NOW)
    book.execution(execution("a.1.01", 2, "4.50"), NOW)
    assert book.traded("DU1", NOW)[ConId(5)].flow == Decimal(-881)
    book.execution(execution("a.1.03", 0, "4.40"), NOW)
    assert book.traded("DU1", NOW)[ConId(5)].signed == 0
    assert check(book)[0] == (Decimal("0.00"), Decimal("0.00"), Decimal("0.00"))


def test_yesterdays_executions_are_no_part_of_today() -> None:
    book = DayBook()
    book.execution(execution("a.1.01", 2, "4.50"), NOW)
    assert book.traded("DU2", NOW) == {}
    tomorrow = NOW + timedelta(days=1)
    book.execution(execution("b.1.01", 2, "4.50"), tomorrow)
    assert book.traded("DU1", tomorrow) == {}
