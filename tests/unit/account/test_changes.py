from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ibkr_connector.account.changes import ChangeFeed, kind_of
from ibkr_connector.model.account import AccountValue, Position
from ibkr_connector.model.account_changes import ChangesMissed, FigureChanged, PositionChange
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.ids import ConId

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
HELD = Position(
    account="DU1",
    contract=Contract(symbol="AAPL", con_id=ConId(5)),
    quantity=Decimal(10),
    avg_cost=Decimal(100),
    avg_price=Decimal(100),
    as_of=NOW,
)


def held(quantity: int) -> Position:
    return replace(HELD, quantity=Decimal(quantity))


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (None, HELD, PositionChange.OPENED),
        (HELD, None, PositionChange.CLOSED),
        (HELD, held(12), PositionChange.INCREASED),
        (held(-10), held(-12), PositionChange.INCREASED),
        (HELD, held(3), PositionChange.REDUCED),
        (HELD, held(-3), PositionChange.REVERSED),
        (HELD, replace(HELD, avg_cost=Decimal(99)), PositionChange.COST),
        (HELD, replace(HELD, current_price=Decimal(99)), PositionChange.REVALUED),
        (HELD, replace(HELD, as_of=datetime(2027, 1, 1, tzinfo=UTC)), None),
        (None, None, None),
    ],
)
def test_a_change_has_one_name(
    before: Position | None, after: Position | None, kind: PositionChange | None
) -> None:
    assert kind_of(before, after) is kind


async def test_a_slow_reader_is_told_how_much_it_missed() -> None:
    feed = ChangeFeed()
    seat = feed.join(None, 2)
    for quantity in range(1, 6):
        feed.position(held(quantity), held(quantity + 1), at=NOW)
    first, *rest = await seat.box.get_all()
    assert first == ChangesMissed(count=3)
    assert len(rest) == 2
    seat.leave()


async def test_who_asks_for_one_account_hears_of_no_other() -> None:
    feed = ChangeFeed()
    mine, all_of_them = feed.join("DU1"), feed.join(None)
    other = replace(HELD, account="DU2")
    feed.compare({}, {("DU1", ConId(5)): HELD, ("DU2", ConId(5)): other}, at=NOW, recovered=True)
    assert [change.account for change in mine.box.take_all()] == ["DU1"]  # type: ignore[union-attr]
    assert len(all_of_them.box.take_all()) == 2
    value = AccountValue(account="DU1", tag="NetLiquidation", value="12.50", currency="USD")
    feed.figure(None, value, at=NOW)
    feed.figure(value, value, at=NOW)
    (told,) = mine.box.take_all()
    assert isinstance(told, FigureChanged)
    assert (told.before, told.after) == (None, Decimal("12.50"))
    feed.close()
    with pytest.raises(StopAsyncIteration):
        mine.box.take_all()
    with pytest.raises(StopAsyncIteration):
        feed.join(None).box.take_all()
