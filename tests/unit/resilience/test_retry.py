"""When a call is made again, and when its error goes to the caller."""

from __future__ import annotations

import asyncio

import pytest

from ibkr_connector.errors import (
    CircuitOpenError,
    ConnectionLostError,
    ContractNotFoundError,
    IBKRError,
    PacingError,
)
from ibkr_connector.model.orders import SendDisposition
from ibkr_connector.resilience.retry import Retry
from kit.fake_clock import FakeClock

UNSENT = SendDisposition.UNSENT


class Script:
    """Attempts that end as written, and the moments at which they were made."""

    def __init__(self, *outcomes: BaseException | str, max_attempts: int = 4) -> None:
        self.clock = FakeClock()
        self.outcomes = list(outcomes)
        self.made_at: list[float] = []
        self.retries: list[tuple[int, float, BaseException]] = []
        self.retry = Retry(
            clock=self.clock, max_attempts=max_attempts, base_s=0.2, cap_s=5.0, draw=lambda: 1.0
        )

    async def attempt(self) -> str:
        self.made_at.append(self.clock.monotonic())
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def play(self, until: float = 60.0) -> str:
        task = asyncio.create_task(
            self.retry.run(
                self.attempt, until=until, on_retry=lambda *told: self.retries.append(told)
            )
        )
        await self.clock.advance(120.0)
        return await task


async def test_a_success_is_not_repeated() -> None:
    script = Script("fine")
    assert await script.play() == "fine"
    assert script.made_at == [0.0]


async def test_waits_double_between_attempts() -> None:
    lost = ConnectionLostError()
    script = Script(lost, lost, lost, "fine")
    assert await script.play() == "fine"
    assert script.made_at == pytest.approx([0.0, 0.2, 0.6, 1.4])
    assert [(n, wait) for n, wait, _ in script.retries] == [(1, 0.2), (2, 0.4), (3, 0.8)]


@pytest.mark.parametrize("error", [ContractNotFoundError(), IBKRError(), KeyError("bug")])
async def test_what_does_not_say_that_it_may_be_repeated_is_not(error: Exception) -> None:
    script = Script(error, "never")
    with pytest.raises(type(error)):
        await script.play()
    assert script.made_at == [0.0]


async def test_running_out_raises_the_last_real_error_with_a_note() -> None:
    errors = [ConnectionLostError(str(n)) for n in range(4)]
    script = Script(*errors)
    with pytest.raises(ConnectionLostError) as caught:
        await script.play()
    assert caught.value is errors[3]
    assert caught.value.__notes__ == ["gave up after 4 attempts in 1.4 s"]


async def test_a_refusal_of_our_own_does_not_hide_what_the_gateway_did() -> None:
    real, refusal = ConnectionLostError("real"), CircuitOpenError("open", disposition=UNSENT)
    refusal.retry_after_s = 29.0
    script = Script(real, refusal, "never")
    with pytest.raises(ConnectionLostError) as caught:
        await script.play()
    assert caught.value is real
    assert caught.value.__cause__ is refusal
    assert caught.value.__notes__ == ["gave up after 2 attempts in 0.2 s"]


async def test_refusals_alone_are_told_as_they_are() -> None:
    script = Script(*(PacingError(str(n), disposition=UNSENT) for n in range(2)), max_attempts=2)
    with pytest.raises(PacingError, match="1"):
        await script.play()


async def test_the_wait_an_error_asks_for_is_kept() -> None:
    script = Script(PacingError("slow down", retry_after_s=3.0), "fine")
    assert await script.play() == "fine"
    assert script.made_at == [0.0, 3.0]


async def test_a_wait_longer_than_the_cap_is_left_to_the_caller() -> None:
    script = Script(PacingError("slow down", retry_after_s=15.0), "never")
    with pytest.raises(PacingError) as caught:
        await script.play()
    assert script.made_at == [0.0]
    assert not hasattr(caught.value, "__notes__")


async def test_no_attempt_begins_after_the_deadline() -> None:
    lost = ConnectionLostError()
    script = Script(lost, lost, lost, "never")
    with pytest.raises(ConnectionLostError):
        await script.play(until=0.9)
    assert script.made_at == pytest.approx([0.0, 0.2, 0.6])


async def test_a_permanent_error_after_a_repeat_ends_it() -> None:
    script = Script(ConnectionLostError(), ContractNotFoundError(), "never")
    with pytest.raises(ContractNotFoundError) as caught:
        await script.play()
    assert caught.value.__notes__ == ["gave up after 2 attempts in 0.2 s"]


async def test_one_attempt_means_one() -> None:
    script = Script(ConnectionLostError(), "never", max_attempts=1)
    with pytest.raises(ConnectionLostError):
        await script.play()
    assert script.made_at == [0.0]


async def test_a_bug_in_a_repeat_comes_out_as_it_is() -> None:
    script = Script(ConnectionLostError(), KeyError("bug"))
    with pytest.raises(KeyError):
        await script.play()


async def test_cancelling_during_the_wait_ends_it() -> None:
    script = Script(ConnectionLostError(), "never")
    task = asyncio.create_task(
        script.retry.run(script.attempt, until=60.0, on_retry=lambda *_: None)
    )
    await script.clock.advance(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await script.clock.advance(10.0)
    assert script.made_at == [0.0]
