"""Numbered messages, and what readers learn of those that they have missed."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.bridge.topics import Missed, Place, Topic


def topic(*, keep: int = 4, is_state: bool = False, messages: int = 0) -> Topic:
    made = Topic("t", keep=keep, is_state=is_state)
    fill(made, messages)
    return made


def fill(one: Topic, messages: int) -> None:
    for _ in range(messages):
        one.put(str)


def numbers(texts: tuple[str, ...]) -> list[int]:
    return [int(text) for text in texts]


def test_a_new_reader_begins_behind_what_was_before() -> None:
    one = topic(messages=3)
    place = Place(one)
    assert not place.is_behind
    fill(one, 1)
    assert numbers(place.take().texts) == [4]


def test_a_new_reader_of_a_picture_gets_the_newest_at_once() -> None:
    place = Place(topic(messages=3, is_state=True))
    assert numbers(place.take().texts) == [3]
    assert not Place(topic(is_state=True)).is_behind


def test_a_reader_that_comes_back_in_time_misses_nothing() -> None:
    one = topic(messages=4)
    taken = Place(one, epoch=one.epoch, after=2).take()
    assert (taken.missed, numbers(taken.texts)) == (None, [3, 4])


def test_a_reader_that_comes_back_late_is_told_how_many_are_gone() -> None:
    one = topic(messages=9)
    taken = Place(one, epoch=one.epoch, after=2).take()
    assert taken.missed == Missed(count=3, reason="resumed too late")
    assert numbers(taken.texts) == [6, 7, 8, 9]


def test_numbers_of_an_earlier_run_mean_nothing() -> None:
    one = topic(messages=2)
    for place in (Place(one, epoch="other", after=1), Place(one, epoch=one.epoch, after=7)):
        taken = place.take()
        assert taken.missed == Missed(count=None, reason="restarted")
        assert numbers(taken.texts) == [1, 2]


def test_a_slow_reader_is_told_once_how_many_it_has_lost() -> None:
    one = topic(messages=1)
    place = Place(one)
    fill(one, 10)
    taken = place.take()
    assert taken.missed == Missed(count=6, reason="lagged")
    assert numbers(taken.texts) == [8, 9, 10, 11]
    assert place.lagged == 6
    fill(one, 1)
    assert place.take().missed is None


def test_the_readers_are_woken_until_they_leave() -> None:
    one, woken = topic(), []
    wake: Any = lambda: woken.append(1)  # noqa: E731
    one.join(wake)
    fill(one, 2)
    one.leave(wake)
    fill(one, 1)
    one.end()
    assert (len(woken), one.readers, one.is_over) == (2, 0, True)


@given(
    keep=st.integers(1, 5),
    does=st.lists(st.one_of(st.none(), st.integers(1, 9)), max_size=30),
)
def test_every_message_is_taken_once_in_order_or_counted(keep: int, does: list[int | None]) -> None:
    one = topic(keep=keep)
    place, had, missed = Place(one), list[int](), 0
    for step in [*does, None]:
        if step is not None:
            fill(one, step)
            assert len(one.since(0)) <= keep
            continue
        while place.is_behind:
            taken = place.take()
            missed += (taken.missed.count or 0) if taken.missed else 0
            had += numbers(taken.texts)
    assert had == sorted(set(had))
    assert len(had) + missed == one.seq
