from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.account.analytics import (
    concentration,
    daily_pnl,
    drawdown,
    exposure,
    returns,
)
from ibkr_connector.account.plots import picture, save_picture
from ibkr_connector.account.reckoning import day_of
from ibkr_connector.errors import NoDataError
from ibkr_connector.model.account import Position
from ibkr_connector.model.account_history import CashFlow, EquityHistory, EquityPoint
from ibkr_connector.model.analytics import Exposure
from ibkr_connector.model.contracts import Contract, SecurityType
from ibkr_connector.model.ids import ConId

START = datetime(2026, 11, 2, 15, tzinfo=UTC)
RATES = {"USD": Decimal(1), "EUR": Decimal("1.10")}


def held(
    symbol: str,
    quantity: int,
    price: str | None,
    *,
    currency: str = "USD",
    kind: SecurityType = SecurityType.STOCK,
    multiplier: int = 1,
) -> Position:
    return Position(
        account="DU1",
        contract=Contract(
            symbol=symbol,
            con_id=ConId(abs(hash(symbol)) % 1000 + 1),
            currency=currency,
            security_type=kind,
            multiplier=Decimal(multiplier),
        ),
        quantity=Decimal(quantity),
        avg_cost=Decimal(1),
        avg_price=Decimal(1),
        as_of=START,
        current_price=None if price is None else Decimal(price),
    )


def exposed(*positions: Position, worth: str | None = "1000") -> Exposure:
    return exposure(
        "DU1",
        positions,
        rate=RATES.get,
        currency="USD",
        net_liquidation=None if worth is None else Decimal(worth),
        as_of=START,
    )


def told(
    *points: tuple[float, str | None], flows: tuple[tuple[float, str], ...] = ()
) -> EquityHistory:
    """A history of worths by hours, and of money paid in."""
    made = []
    for hours, worth in points:
        at = START + timedelta(hours=hours)
        made.append(
            EquityPoint(
                account="DU1",
                at=at,
                day=day_of(at),
                is_day_end=False,
                as_of=at,
                currency="USD",
                total_value=None if worth is None else Decimal(worth),
            )
        )
    paid = tuple(
        CashFlow(
            account="DU1", at=START + timedelta(hours=hours), amount=Decimal(amount), key=str(hours)
        )
        for hours, amount in flows
    )
    return EquityHistory(account="DU1", points=tuple(made), flows=paid)


def test_exposure_is_by_side_class_currency_and_symbol_in_the_base_currency() -> None:
    found = exposed(
        held("AAPL", 2, "100"),
        held("SAP", -1, "200", currency="EUR"),
        held("AAPL", -1, "5", kind=SecurityType.OPTION, multiplier=100),
    )
    assert (found.long, found.short, found.gross, found.net) == (
        Decimal(200),
        Decimal(720),
        Decimal(920),
        Decimal(-520),
    )
    assert found.leverage == pytest.approx(0.92)
    assert {part.name: part.net for part in found.by_asset_class} == {"STK": -20, "OPT": -500}
    assert {part.name: part.gross for part in found.by_currency} == {"USD": 700, "EUR": 220}
    assert [part.name for part in found.by_symbol] == ["AAPL", "SAP"]
    assert found.to_pandas().loc["SAP", "short"] == 220
    assert found.to_polars()["name"].to_list() == ["AAPL", "SAP"]


def test_what_has_no_price_or_rate_is_named_and_not_nothing() -> None:
    found = exposed(held("AAPL", 1, None), held("SONY", 1, "9", currency="JPY"), worth=None)
    assert found.missing == ("AAPL", "SONY")
    assert found.gross == 0
    assert found.leverage is None
    nothing = concentration(found)
    assert (nothing.weights, nothing.hhi, nothing.effective_number) == ((), None, None)
    assert exposed(worth="-5").leverage is None


def test_equal_positions_are_as_many_as_they_are() -> None:
    found = concentration(exposed(*(held(name, 1, "10") for name in "ABCD")))
    assert found.hhi == pytest.approx(0.25)
    assert found.effective_number == pytest.approx(4)
    assert [one.name for one in found.top(2)] == ["A", "B"]
    assert found.to_pandas()["weight"].sum() == pytest.approx(1)


PRICES = st.decimals(min_value="0.01", max_value=10_000, places=2)


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ABCDEF"),
            st.integers(-50, 50).filter(bool),
            PRICES,
            st.sampled_from([*RATES]),
        ),
        max_size=8,
    )
)
def test_parts_add_up_to_the_whole(rows: list[tuple[str, int, Decimal, str]]) -> None:
    found = exposed(
        *(held(name, count, str(price), currency=unit) for name, count, price, unit in rows)
    )
    for parts in (found.by_asset_class, found.by_currency, found.by_symbol):
        assert sum((part.long for part in parts), Decimal(0)) == found.long
        assert sum((part.short for part in parts), Decimal(0)) == found.short
    assert found.gross >= abs(found.net)
    spread = concentration(found)
    if rows:
        assert spread.hhi is not None
        count = len(found.by_symbol)
        assert 1 / count - 1e-9 <= spread.hhi <= 1 + 1e-9


def test_money_that_comes_is_no_return() -> None:
    found = returns(told((0, "1000"), (24, "2100"), (48, "1890"), flows=((20, "1000"),)))
    assert [day.rate for day in found] == [None, pytest.approx(0.10), pytest.approx(-0.10)]
    assert [day.gain for day in found] == [None, Decimal(100), Decimal(-210)]
    assert found.total == pytest.approx(1.1 * 0.9 - 1)
    assert found.gain == Decimal(-110)
    frame = found.to_pandas()
    assert frame["flow"].tolist() == [0.0, 1000.0, 0.0]
    assert found.to_polars()["index"].to_list()[-1] == pytest.approx(0.99)


def test_a_day_is_the_product_of_its_parts() -> None:
    # the same day: up a tenth, then a thousand comes, then down a tenth
    found = returns(
        told((0, "1000"), (1, "1100"), (2, "2100"), (3, "1890"), flows=((1.5, "1000"),))
    )
    (day,) = found
    assert day.rate == pytest.approx(1.1 * 0.9 - 1, abs=1e-2)
    assert day.rate == pytest.approx(1.1 * (1100 / 1100) * 0.9 - 1)
    assert (day.start_value, day.flow, day.gain) == (Decimal(1000), Decimal(1000), Decimal(-110))


def test_without_something_to_compare_with_there_is_no_return() -> None:
    assert returns(told((0, "1000"))).total is None
    assert returns(told()).total is None
    found = returns(told((0, "0"), (24, "1000"), (48, "1100"), flows=((20, "1000"),)))
    assert [day.rate for day in found] == [None, None, pytest.approx(0.1)]
    # money that was there before the first point is in it
    early = returns(told((0, "1000"), (24, "1000"), flows=((-5, "1000"),)))
    assert early.total == pytest.approx(0)


def test_the_deepest_way_down_has_a_beginning_a_bottom_and_an_end() -> None:
    worths = ("100", "120", "90", "96", "125", "110", None, "130")
    found = drawdown(told(*((24.0 * day, worth) for day, worth in enumerate(worths))))
    assert found.maximum == pytest.approx(90 / 120 - 1)
    assert (found.peak_at, found.trough_at, found.recovered_at) == (
        START + timedelta(days=1),
        START + timedelta(days=2),
        START + timedelta(days=4),
    )
    assert found.current == 0
    assert len(found.points) == 7
    assert found.to_pandas()["drawdown"].min() == pytest.approx(-0.25)


def test_a_way_down_that_goes_on_is_not_over_and_money_that_leaves_is_none() -> None:
    found = drawdown(told((0, "100"), (24, "50"), (48, "45"), flows=((20, "-50"),)))
    assert found.maximum == pytest.approx(-0.1)
    assert found.recovered_at is None
    empty = drawdown(told())
    assert (empty.maximum, empty.current) == (None, None)


@given(
    worths=st.lists(st.decimals(min_value=1, max_value=10**6, places=2), min_size=1, max_size=12),
    scale=st.sampled_from([Decimal("0.5"), Decimal(3), Decimal(1000)]),
)
def test_returns_do_not_depend_on_the_unit_of_money(worths: list[Decimal], scale: Decimal) -> None:
    plain = told(*((6.0 * at, str(worth)) for at, worth in enumerate(worths)))
    scaled = replace(
        plain,
        points=tuple(
            replace(point, total_value=(point.total_value or 0) * scale) for point in plain.points
        ),
    )
    one, two = returns(plain), returns(scaled)
    assert [day.index for day in one] == pytest.approx([day.index for day in two])
    assert one.days[-1].index == pytest.approx(float(worths[-1] / worths[0]))
    way = drawdown(plain)
    assert way.maximum is not None
    assert -1 <= way.maximum <= 0
    assert way.maximum == min(point.drawdown for point in way.points)


def test_gains_by_day_are_those_that_were_told_last() -> None:
    history = told((0, "1"), (1, "1"), (24, "1"), (48, "1"))
    gains = [("5", "1"), ("7", "2"), (None, "3"), ("4", "0")]
    points = tuple(
        replace(
            point,
            unrealized_pnl=None if open_gain is None else Decimal(open_gain),
            realized_pnl=Decimal(closed),
        )
        for point, (open_gain, closed) in zip(history.points, gains, strict=True)
    )
    found = daily_pnl(replace(history, points=points))
    assert [(day.realized, day.unrealized, day.unrealized_change) for day in found] == [
        (Decimal(2), Decimal(7), None),
        (Decimal(3), None, None),
        (Decimal(0), Decimal(4), None),
    ]
    assert found.to_pandas()["realized"].tolist() == [2.0, 3.0, 0.0]
    assert len(found.to_polars()) == 3


def test_pictures_are_pngs_and_show_no_account_number(tmp_path: Path) -> None:
    history = told((0, "100"), (24, "90"), (48, "120"), flows=((20, "5"), (21, "-5")))
    assert picture(history).startswith(b"\x89PNG")
    place = save_picture(history, tmp_path / "x.svg")
    assert "DU1234567" not in place.read_text()
    assert picture(exposed(held("AAPL", 1, "3"), held("SAP", -1, "3"))).startswith(b"\x89PNG")
    with pytest.raises(NoDataError):
        picture(told())
    with pytest.raises(NoDataError):
        picture(exposed())
