"""The book of alerts: once when it begins, once when it is over, whatever trembles in between."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.model.alerts import Alert, AlertChange, AlertKind, AlertStep, Severity, Silence
from ibkr_connector.observe.alerts import (
    GRACE_S,
    MOST_KEYS,
    REST,
    AlertBook,
    Finding,
    Moment,
)
from ibkr_connector.settings.alert_rules import BUILT_IN, Rule, Side, Unit

START = datetime(2026, 11, 18, 15, tzinfo=UTC)
PLAIN = Rule(severity=Severity.WARNING)
SLOW = replace(PLAIN, raise_after_s=10, clear_after_s=20)
CUSHION = Rule(
    severity=Severity.CRITICAL,
    side=Side.BELOW,
    unit=Unit.SHARE,
    threshold=Decimal("0.15"),
    clear_at=Decimal("0.20"),
    clear_after_s=60,
)
KIND = AlertKind.DRIFT


def at(seconds: float) -> Moment:
    return Moment(mono=seconds, at=START + timedelta(seconds=seconds))


def book(rule: Rule = PLAIN) -> AlertBook:
    ids = itertools.count(1)
    return AlertBook(lambda _: rule, new_id=lambda: f"a{next(ids)}")


def found(key: str = "x", text: str = "it is wrong", value: str = "") -> Finding:
    return Finding(kind=KIND, key=key, text=text, value=value)


def steps(changes: list[AlertChange]) -> list[AlertStep]:
    return [change.step for change in changes]


R, C = AlertStep.RAISED, AlertStep.CLEARED


@pytest.mark.parametrize("kind", list(AlertKind))
def test_each_kind_is_raised_once_and_cleared_once_by_its_own_rule(kind: AlertKind) -> None:
    # those without a threshold of their own are off until somebody gives them one
    rule = replace(BUILT_IN[kind], is_on=True)
    made = AlertBook(lambda _: rule, new_id=lambda: "id")
    finding = Finding(kind=kind, key="k", text="t")
    changes: list[AlertChange] = []
    for second in range(0, 1000, 5):
        changes += made.on(finding, at(second)) + made.tick(at(second))
    assert steps(changes) == [R]
    for second in range(1000, 5000, 10):
        changes += made.off(kind, "k", at(second)) + made.tick(at(second))
    assert steps(changes) == [R, C]
    alert = changes[-1].alert
    assert (alert.severity, alert.count, alert.is_active) == (rule.severity, 1, False)
    assert made.active == ()


def test_what_stands_too_short_is_told_to_nobody() -> None:
    made = book(SLOW)
    assert made.on(found(), at(0)) == []
    assert made.tick(at(9.9)) == []
    assert made.off(KIND, "x", at(9.95)) == []
    assert made.tick(at(100)) == []
    assert made.on(found(), at(100)) == []
    assert steps(made.tick(at(110))) == [R]


def test_what_comes_back_before_it_was_over_for_long_is_the_same_alert() -> None:
    made = book(replace(SLOW, raise_after_s=0))
    (raised,) = made.on(found(), at(0))
    assert made.off(KIND, "x", at(5)) == []
    assert made.on(found(text="again"), at(10)) == []
    assert made.tick(at(29)) == []
    (now,) = made.active
    assert (now.alert_id, now.count, now.text) == (raised.alert.alert_id, 2, "again")
    assert now.last_at == START + timedelta(seconds=10)
    made.off(KIND, "x", at(30))
    (cleared,) = made.tick(at(50))
    assert (cleared.step, cleared.alert.cleared_at) == (C, START + timedelta(seconds=50))
    assert cleared.alert.lasted == timedelta(seconds=50)


def test_what_happens_at_moments_is_one_alert_that_counts() -> None:
    made = book(replace(PLAIN, clear_after_s=300))
    changes = [made.pulse(found(value=str(n)), at(n)) for n in range(100)]
    assert steps(list(itertools.chain(*changes))) == [R]
    assert made.active[0].count == 100
    assert made.active[0].value == "99"
    assert made.tick(at(398)) == []
    assert steps(made.tick(at(399))) == [C]


def test_a_moment_does_not_end_what_lasts() -> None:
    made = book(replace(PLAIN, clear_after_s=10))
    made.on(found(), at(0))
    made.pulse(found(), at(1))
    assert made.tick(at(100)) == []
    assert made.off(KIND, "x", at(101)) == []
    assert steps(made.tick(at(111))) == [C]


def test_a_figure_between_the_thresholds_changes_nothing() -> None:
    made = book(CUSHION)
    changes: list[AlertChange] = []
    for second, figure in enumerate(["0.30", "0.16", "0.15", "0.17", "0.14", "0.19", "0.20"]):
        changes += made.measure(found(), Decimal(figure), at(second))
    assert steps(changes) == [R]
    # at 0.20 it began to be over, and falling back between them it is so no longer
    changes += made.measure(found(), Decimal("0.18"), at(50))
    changes += made.tick(at(80))
    assert steps(changes) == [R]
    changes += made.measure(found(), Decimal("0.25"), at(81))
    changes += made.tick(at(140))
    assert steps(changes) == [R]
    changes += made.tick(at(141))
    assert steps(changes) == [R, C]


def test_a_figure_that_is_not_known_changes_nothing() -> None:
    made = book(replace(CUSHION, clear_after_s=0))
    made.measure(found(), Decimal("0.1"), at(0))
    assert made.measure(found(), None, at(1)) == []
    assert len(made.active) == 1


def test_a_rule_that_is_off_raises_nothing() -> None:
    made = book(replace(PLAIN, is_on=False))
    assert made.on(found(), at(0)) == made.pulse(found(), at(1)) == []


def test_what_is_no_longer_among_the_findings_is_over() -> None:
    made = book()
    assert steps(made.only(KIND, [found("a"), found("b")], at(0))) == [R, R]
    changes = made.only(KIND, [found("b"), found("c")], at(1))
    assert [(one.step, one.alert.key) for one in changes] == [(C, "a"), (R, "c")]
    assert steps(made.only(KIND, [], at(2))) == [C, C]


def test_a_flood_of_keys_ends_in_one_alert_for_the_rest() -> None:
    made = book()
    many = [found(f"k{n}") for n in range(500)]
    changes = made.only(KIND, many, at(0))
    assert len(changes) == MOST_KEYS + 1
    assert changes[-1].alert.key == REST
    assert made.only(KIND, many, at(1)) == []
    over = made.only(KIND, [], at(2))
    assert steps(over) == [C] * (MOST_KEYS + 1)
    assert made.active == ()


def test_what_is_acknowledged_is_not_reminded_of() -> None:
    made = book(replace(PLAIN, remind_s=60))
    (raised,) = made.on(found(), at(0))
    assert made.tick(at(59)) == []
    assert steps(made.tick(at(60))) == [AlertStep.REMINDED]
    assert made.tick(at(119)) == []
    (said,) = made.acknowledge(raised.alert.alert_id, "me", at(119))
    assert (said.step, said.alert.acknowledged_by) == (AlertStep.ACKNOWLEDGED, "me")
    assert made.acknowledge(raised.alert.alert_id, "me", at(120)) == []
    assert made.tick(at(1000)) == []


def test_what_was_raised_in_a_silence_is_told_when_the_silence_ends_before_it() -> None:
    made = book()
    silence = Silence(silence_id="s", until=START + timedelta(seconds=100), kind=KIND)
    made.silence(silence)
    (raised,) = made.on(found(), at(0))
    assert raised.alert.is_silenced
    assert made.tick(at(99)) == []
    (late,) = made.tick(at(100))
    assert (late.step, late.alert.is_silenced) == (AlertStep.REMINDED, False)
    assert made.tick(at(101)) == []
    assert made.silences(START + timedelta(seconds=101)) == ()


def test_a_silence_of_one_key_lets_others_speak_and_can_be_ended() -> None:
    made = book()
    made.silence(Silence(silence_id="s", until=START + timedelta(days=1), key="a"))
    changes = made.only(KIND, [found("a"), found("b")], at(0))
    assert [one.alert.is_silenced for one in changes] == [True, False]
    assert made.unsilence("s")
    assert not made.unsilence("s")
    assert steps(made.tick(at(1))) == [AlertStep.REMINDED]


def left(key: str = "x") -> Alert:
    return Alert(
        alert_id="old", kind=KIND, severity=Severity.WARNING, key=key, text="t", raised_at=START
    )


def test_what_an_earlier_run_left_goes_on_untold_or_is_cleared() -> None:
    made = book()
    assert made.adopt([left("x"), left("y")], at(0)) == []
    assert made.on(found("x"), at(1)) == []
    changes = made.tick(at(GRACE_S - 1)) + made.tick(at(GRACE_S))
    assert [(one.step, one.alert.key) for one in changes] == [(C, "y")]
    assert [one.alert_id for one in made.active] == ["old"]


def test_what_is_raised_here_already_is_not_taken_over() -> None:
    made = book()
    made.on(found(), at(0))
    assert made.adopt([left()], at(1)) == [left()]
    assert len(made.active) == 1


# --- whatever happens -------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    figures=st.lists(
        st.tuples(
            st.decimals("0", "0.4", places=3, allow_nan=False),
            st.floats(0.1, 30, allow_nan=False),
        ),
        max_size=60,
    ),
    raise_after=st.sampled_from([0.0, 5.0]),
    clear_after=st.sampled_from([0.0, 20.0]),
)
def test_raising_and_clearing_alternate_and_never_lie(
    figures: list[tuple[Decimal, float]], raise_after: float, clear_after: float
) -> None:
    rule = replace(CUSHION, raise_after_s=raise_after, clear_after_s=clear_after)
    made = book(rule)
    told: list[AlertChange] = []
    seen: list[tuple[float, Decimal]] = []
    now = 0.0
    for figure, pause in figures:
        now += pause
        # time passes with the figure before; then there is a new one
        new = made.tick(at(now))
        new += made.measure(found(), figure, at(now))
        seen.append((now, figure))
        told += new
        for change in new:
            since = [(when, value) for when, value in seen if when > change_before(told, change)]
            if change.step is R:
                assert any(value <= Decimal("0.15") for _, value in since)
            else:
                assert any(value >= Decimal("0.20") for _, value in since)
    assert alternates(told)
    raised, cleared = Counter(steps(told))[R], Counter(steps(told))[C]
    assert raised - cleared == len(made.active)


def change_before(told: list[AlertChange], change: AlertChange) -> float:
    earlier = [one.at for one in told[: told.index(change)]]
    return (earlier[-1] - START).total_seconds() - 0.001 if earlier else -1.0


def alternates(told: list[AlertChange]) -> bool:
    return all(one.step is (R, C)[n % 2] for n, one in enumerate(told))


@settings(max_examples=60)
@given(
    happenings=st.lists(
        st.tuples(
            st.sampled_from(["on", "off", "pulse", "tick", "only"]),
            st.sampled_from(["a", "b", "c"]),
            st.floats(0, 40, allow_nan=False),
        ),
        max_size=80,
    )
)
def test_one_thing_is_never_two_alerts_and_none_is_forgotten(
    happenings: list[tuple[str, str, float]],
) -> None:
    made = book(replace(SLOW, raise_after_s=0))
    told: list[AlertChange] = []
    now = 0.0
    for what, key, pause in happenings:
        now += pause
        match what:
            case "on":
                told += made.on(found(key), at(now))
            case "off":
                told += made.off(KIND, key, at(now))
            case "pulse":
                told += made.pulse(found(key), at(now))
            case "only":
                told += made.only(KIND, [found(key)], at(now))
            case _:
                told += made.tick(at(now))
    told += made.only(KIND, [], at(now + 1)) + made.tick(at(now + 100))
    for key in "abc":
        of_key = [one for one in told if one.alert.key == key]
        assert alternates(of_key)
        assert len(of_key) % 2 == 0
        for raised, cleared in zip(of_key[::2], of_key[1::2], strict=True):
            assert raised.alert.alert_id == cleared.alert.alert_id
            assert cleared.at - raised.at >= timedelta(seconds=20)
    assert made.active == ()
