"""Hooks: all of them are told, and none can hurt."""

from __future__ import annotations

import logging

import pytest

from ibkr_connector.resilience.events import EventKind, Hooks, PipelineEvent

EVENT = PipelineEvent(kind=EventKind.SUCCEEDED)


def test_every_hook_is_told_until_it_is_taken_away() -> None:
    hooks, first, second = Hooks(), list[PipelineEvent](), list[PipelineEvent]()
    remove = hooks.add(first.append)
    hooks.add(second.append)
    hooks.tell(EVENT)
    remove()
    remove()
    hooks.tell(EVENT)
    assert (first, second) == ([EVENT], [EVENT, EVENT])


def test_a_hook_that_raises_is_counted_and_reported_and_the_next_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hooks, told = Hooks(), list[PipelineEvent]()

    def broken(_event: PipelineEvent) -> None:
        raise ZeroDivisionError

    hooks.add(broken)
    hooks.add(told.append)
    with caplog.at_level(logging.ERROR):
        hooks.tell(EVENT)
    assert told == [EVENT]
    assert hooks.failures == 1
    assert "broken" in caplog.text
