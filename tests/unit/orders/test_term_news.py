"""What the broker says of a working order's terms, held against what is known."""

from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from ibkr_connector.model.advisor import Allocation, AllocationMethod, SoftDollarTier
from ibkr_connector.model.algos import Twap, TwapStyle
from ibkr_connector.model.orders import OrderTerms, TimeInForce
from ibkr_connector.orders.term_news import terms_news

PLAIN: dict[str, Any] = {
    "limit_price": Decimal(1),
    "stop_price": None,
    "time_in_force": TimeInForce.DAY,
    "outside_regular_hours": False,
}
ALGO = Twap(end=datetime(2026, 3, 4, 20, tzinfo=UTC))


def _news(said: OrderTerms, known: OrderTerms) -> Any:
    order: Any = SimpleNamespace(**PLAIN, terms=said)
    entry: Any = SimpleNamespace(**PLAIN, terms=known)
    return terms_news(order, entry).get("terms")


def test_an_algorithm_that_the_broker_says_in_another_form_stays() -> None:
    assert _news(OrderTerms(), OrderTerms(algo=ALGO)) is None
    told = OrderTerms(good_after=ALGO.end)
    assert _news(told, OrderTerms(algo=ALGO)) == OrderTerms(good_after=ALGO.end, algo=ALGO)


def test_other_parameters_of_an_algorithm_are_news() -> None:
    other = OrderTerms(algo=Twap(style=TwapStyle.LAST))
    assert _news(other, OrderTerms(algo=ALGO)) == other


def test_among_whom_an_order_is_divided_stays_unless_another_group_is_named() -> None:
    ours = OrderTerms(
        allocation=Allocation(group="Core", method=AllocationMethod.EQUAL),
        soft_dollar_tier=SoftDollarTier(name="A", value="1"),
    )
    assert _news(OrderTerms(), ours) is None
    assert _news(OrderTerms(allocation=Allocation(group="Core")), ours) is None
    assert _news(OrderTerms(), OrderTerms(model="Growth")) is None
    other = Allocation(group="Other")
    told = _news(OrderTerms(allocation=other), ours)
    assert (told.allocation, told.soft_dollar_tier) == (other, ours.soft_dollar_tier)
