"""What losses are measured against is on disk, and unknown when the disk's word is unreadable."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.clock import ManualClock
from ibkr_connector.orders import equity_store
from ibkr_connector.orders.equity_store import EquityStore
from ibkr_connector.orders.risk import RiskLimits
from ibkr_connector.orders.risk.equity import EquityMarks
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


def test_while_a_loss_limit_stands_reached_each_look_begins_the_cooldown_anew(
    tmp_path: Path,
) -> None:
    clock = ManualClock(NOON)
    store = EquityStore(tmp_path, clock=clock)
    for worth in (1_000, 850, 850, 850):  # the same moment, and the same worth
        store.observe("DU1", Decimal(worth), LIMITS)
    clock.advance(3_600)
    store.observe("DU1", Decimal(850), LIMITS)
    marks = store.marks("DU1")
    assert marks is not None
    assert marks.halted_until == NOON + timedelta(seconds=3_660)


def test_a_limit_that_was_narrowed_is_reached_by_the_same_worth(tmp_path: Path) -> None:
    store = EquityStore(tmp_path, clock=ManualClock(NOON))
    for worth in (1_000, 950, 950):
        store.observe("DU1", Decimal(worth), LIMITS)
    marks = store.marks("DU1")
    assert marks is not None
    assert not marks.is_reached
    store.observe("DU1", Decimal(950), replace(LIMITS, max_daily_loss=Decimal(50)))
    marks = store.marks("DU1")
    assert marks is not None
    assert marks.is_reached


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([0, 1, 3_600, 43_200, 86_400]),
            st.sampled_from([Decimal(850), Decimal(1_000), Decimal(1_050)]),
            st.sampled_from(["LIMITS", "TIGHT", "NONE"]),
            st.sampled_from(["", "", "", "reset", "adjust"]),
        ),
        max_size=12,
    )
)
@settings(max_examples=60)
def test_what_changes_nothing_is_remembered_and_changes_nothing_else(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[int, Decimal, str, str]],
) -> None:
    every: dict[str, RiskLimits] = {
        "LIMITS": LIMITS,
        "TIGHT": replace(LIMITS, max_daily_loss=Decimal(10), max_drawdown=Decimal("0.01")),
        "NONE": RiskLimits(max_order_size=Decimal(1)),
    }
    clock = ManualClock(NOON)
    folder = tmp_path_factory.mktemp("equity")
    with pytest.MonkeyPatch.context() as patch:  # nothing here is about the disk
        patch.setattr(equity_store, "write_small_file", lambda *_: None)
        kept, anew = EquityStore(folder, clock=clock), EquityStore(folder, clock=clock)
        for seconds, worth, limits, also in steps:
            clock.advance(seconds)
            for store in (kept, anew):
                if also == "reset":
                    store.reset("DU1")
                elif also == "adjust":
                    store.adjust(
                        "DU1", Decimal(50), arrived=clock.utcnow(), worth=worth, limits=LIMITS
                    )
                anew._settled.clear()
                store.observe("DU1", worth, every[limits])
            assert kept.marks("DU1") == anew.marks("DU1")


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


# --- money paid in and out ----------------------------------------------------------------------


def halts(store: EquityStore, worth: int) -> bool:
    store.observe("DU1", Decimal(worth), LIMITS)
    marks = store.marks("DU1")
    assert marks is not None
    return marks.halted_until is not None


def pay(store: EquityStore, amount: int, worth: int, **more: Any) -> EquityMarks:
    given: dict[str, Any] = {"arrived": NOON, "worth": Decimal(worth), "limits": LIMITS} | more
    marks = store.adjust("DU1", Decimal(amount), **given)
    assert marks is not None
    return marks


def opened(tmp_path: Path, worth: int = 1_000) -> EquityStore:
    store = EquityStore(tmp_path, clock=ManualClock(NOON))
    store.observe("DU1", Decimal(worth), LIMITS)
    return store


def test_money_paid_in_hides_no_loss(tmp_path: Path) -> None:
    untold, told = opened(tmp_path / "a"), opened(tmp_path / "b")
    for store in (untold, told):
        assert not halts(store, 1_500)
    pay(told, 500, 1_500)
    assert not halts(untold, 1_400)
    assert halts(told, 1_400)


def test_money_paid_out_is_no_loss_and_a_halt_that_it_caused_ends(tmp_path: Path) -> None:
    store = opened(tmp_path)
    assert halts(store, 700)
    marks = pay(store, -300, 700)
    assert (marks.day_start, marks.peak) == (Decimal(700), Decimal(700))
    assert marks.halted_until is None
    assert not halts(store, 650)
    assert halts(store, 600)


def test_a_halt_that_a_loss_explains_does_not_end(tmp_path: Path) -> None:
    store = opened(tmp_path)
    assert halts(store, 700)
    # of the three hundred two were paid out, and one was lost
    assert pay(store, -200, 700).halted_until is not None


def test_the_peak_rises_by_the_money_and_not_twice(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.observe("DU1", Decimal(1_490), LIMITS)  # ten were lost, five hundred came
    marks = pay(store, 500, 1_490)
    assert marks.day_start == marks.peak == marks.day_peak == 1_500


def test_what_came_before_the_day_began_is_in_its_first_worth(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    store = EquityStore(tmp_path, clock=clock)
    store.observe("DU1", Decimal(1_000), LIMITS)
    clock.advance(24 * 3600)
    store.observe("DU1", Decimal(1_450), LIMITS)
    marks = pay(store, 500, 1_450, arrived=NOON + timedelta(hours=20))
    assert (marks.day_start, marks.peak) == (Decimal(1_450), Decimal(1_500))


def test_the_same_word_counts_once_also_after_a_restart(tmp_path: Path) -> None:
    store = opened(tmp_path)
    pay(store, 500, 1_500, key="a")
    assert pay(store, 500, 1_500, key="a").day_start == 1_500
    after = EquityStore(tmp_path, clock=ManualClock(NOON))
    assert not after.is_broken
    assert pay(after, 500, 1_500, key="a").day_start == 1_500
    assert pay(after, 500, 2_000, key="b").day_start == 2_000


def test_without_marks_there_is_nothing_to_adjust(tmp_path: Path) -> None:
    store = EquityStore(tmp_path, clock=ManualClock(NOON))
    five = Decimal(5)
    assert store.adjust("DU1", five, arrived=NOON, worth=five, limits=LIMITS) is None


def test_a_file_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    row = (
        '{"day": "2026-03-04", "day_start": "9", "peak": "9", "halted_until": "", "halted_by": ""}'
    )
    (tmp_path / "risk-state.json").write_text(f'{{"DU1": {row}}}')
    store = EquityStore(tmp_path, clock=ManualClock(NOON))
    assert pay(store, 5, 14).day_start == 14


def test_the_status_says_why_only_closing_orders_go(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    store = EquityStore(tmp_path, clock=clock)

    def seen(worth: int, limits: RiskLimits = LIMITS) -> list[str]:
        store.observe("DU1234567", Decimal(worth), limits)
        return list(store.halts)

    reached = "account DU1***67: a loss limit is reached (max_daily_loss): only closing orders go"
    assert seen(1_000) == []
    assert seen(850) == [reached]
    assert list(EquityStore(tmp_path, clock=clock).halts) == [reached]
    clock.advance(600)
    assert list(store.halts) == [reached]  # nobody has seen that it recovered
    assert seen(990) == []
    assert seen(850) == [reached]
    assert seen(850, replace(LIMITS, max_daily_loss=None)) == [
        "account DU1***67: a loss limit was reached (max_daily_loss): only closing orders go to "
        "2026-03-04 17:11:00 UTC"
    ]
    clock.advance(60)
    assert list(store.halts) == []


def test_what_one_program_was_told_holds_for_all_that_share_the_file(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    one, other = (EquityStore(tmp_path, clock=clock) for _ in range(2))
    for store in (one, other):
        store.observe("DU1", Decimal(1_000), LIMITS)
    _paid_in(one)
    # a new peak is written, and not over what was told
    other.observe("DU1", Decimal(1_600), LIMITS)
    assert other.marks("DU1") == replace(_marks_of(one), peak=Decimal(1_600))
    _paid_in(other)
    assert one.refresh()
    assert _marks_of(one) == _marks_of(other)
    assert (_marks_of(one).day_start, _marks_of(one).peak) == (Decimal(1_500), Decimal(1_600))
    assert not one.refresh()
    other.observe("DU1", Decimal(1_390), LIMITS)
    one.refresh()
    assert one.halts == other.halts != ()


def test_a_file_that_is_whole_again_is_read_again(tmp_path: Path) -> None:
    store = EquityStore(tmp_path, clock=ManualClock(NOON))
    store.observe("DU1", Decimal(1_000), LIMITS)
    path = tmp_path / equity_store.NAME
    whole = path.read_text()
    path.write_text("{")
    assert store.refresh()
    assert store.is_broken
    assert store.marks("DU1") is None
    path.write_text(whole)
    assert store.refresh()
    assert _marks_of(store).day_start == Decimal(1_000)


def _paid_in(store: EquityStore) -> None:
    store.adjust(
        "DU1", Decimal(500), arrived=NOON, worth=Decimal(1_500), limits=LIMITS, key="the same"
    )


def _marks_of(store: EquityStore) -> EquityMarks:
    marks = store.marks("DU1")
    assert marks is not None
    return marks
