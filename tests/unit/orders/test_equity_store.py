"""What losses are measured against is on disk, and unknown when the disk's word is unreadable."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ibkr_connector.clock import ManualClock
from ibkr_connector.orders.equity_store import EquityStore
from ibkr_connector.orders.risk import RiskLimits
from kit.order_desk import NOON

LIMITS = RiskLimits(
    max_order_size=Decimal(1), max_daily_loss=Decimal(100), halt_cooldown_s=Decimal(60)
)


def test_a_restart_does_not_forget_what_the_day_began_with(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    store = EquityStore(tmp_path, clock=clock)
    store.observe("DU1", Decimal(1_000), LIMITS)
    store.observe("DU1", Decimal(850), LIMITS)
    after = EquityStore(tmp_path, clock=clock)
    after.observe("DU1", Decimal(990), LIMITS)
    marks = after.marks("DU1")
    assert marks is not None
    assert (marks.day_start, marks.peak) == (Decimal(1_000), Decimal(1_000))
    assert marks.halted_until == NOON + timedelta(seconds=60)


def test_the_day_ends_at_midnight_in_new_york(tmp_path: Path) -> None:
    midnight = datetime(2026, 3, 5, tzinfo=ZoneInfo("America/New_York"))
    clock = ManualClock(midnight - timedelta(seconds=1))
    store = EquityStore(tmp_path, clock=clock)
    store.observe("DU1", Decimal(1_000), LIMITS)
    store.observe("DU1", Decimal(950), LIMITS)
    before = store.marks("DU1")
    assert before is not None
    assert before.day_start == 1_000
    clock.advance(1)
    store.observe("DU1", Decimal(950), LIMITS)
    after = store.marks("DU1")
    assert after is not None
    assert after.day_start == 950


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"DU1": {}}',
        '{"DU1": {"day": "2026-03-04", "day_start": "NaN", "peak": "1", "halted_until": "", '
        '"halted_by": ""}}',
    ],
)
def test_a_file_that_cannot_be_read_makes_the_marks_unknown_until_they_are_reset(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "risk-state.json").write_text(text)
    store = EquityStore(tmp_path, clock=ManualClock(NOON))
    assert store.is_broken
    store.observe("DU1", Decimal(1_000), LIMITS)
    assert store.marks("DU1") is None
    assert (tmp_path / "risk-state.json").read_text() == text
    store.reset()
    store.observe("DU1", Decimal(1_000), LIMITS)
    assert store.marks("DU1") is not None


def test_without_a_loss_limit_nothing_is_kept(tmp_path: Path) -> None:
    store = EquityStore(tmp_path, clock=ManualClock(NOON))
    store.observe("DU1", Decimal(1_000), RiskLimits(max_order_size=Decimal(1)))
    assert list(tmp_path.iterdir()) == []
