"""How long the rest of many downloads takes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.errors import NoDataError
from ibkr_connector.market.batch import remaining_s
from ibkr_connector.model.history import DownloadJob, JobState

WAITING = DownloadJob(contract="A")
RUNNING = replace(WAITING, state=JobState.RUNNING, done=2, total=6)
DONE = replace(WAITING, state=JobState.DONE, done=6, total=6)
FAILED = replace(WAITING, state=JobState.FAILED, error=NoDataError("none"))


def test_those_that_wait_are_taken_to_be_as_long_as_the_others() -> None:
    assert remaining_s([DONE, RUNNING, WAITING], elapsed_s=8.0) == 8.0 / 8 * (4 + 6)
    assert remaining_s([RUNNING, FAILED], elapsed_s=2.0) == 4.0


def test_nobody_can_tell_before_the_first_answer_and_nothing_is_left_in_the_end() -> None:
    assert remaining_s([WAITING, replace(RUNNING, done=0)], elapsed_s=3.0) is None
    assert remaining_s([WAITING, FAILED], elapsed_s=3.0) is None
    assert remaining_s([DONE, FAILED], elapsed_s=3.0) == 0.0
    assert remaining_s([], elapsed_s=0.0) == 0.0


@given(st.lists(st.sampled_from([WAITING, RUNNING, DONE, FAILED]), max_size=6), st.floats(0, 1e6))
@settings(max_examples=30)
def test_it_is_never_below_zero(jobs: list[DownloadJob], elapsed_s: float) -> None:
    left = remaining_s(jobs, elapsed_s=elapsed_s)
    assert left is None or left >= 0.0
