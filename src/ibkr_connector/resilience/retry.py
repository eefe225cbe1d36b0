"""
Whether and when to try again; tenacity counts and waits.

tenacity is entered only after the first failure, which is played to it as its first attempt: a
call that succeeds pays for nothing. What may be tried again is read from the facts on the error.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar

from ibkr_connector.clock import Clock
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.orders import SendDisposition

from . import backoff

if TYPE_CHECKING:
    import tenacity

__all__ = ["Retry", "may_repeat"]

T = TypeVar("T")

FIRST: Final = 1


def may_repeat(error: BaseException) -> bool:
    """Tell whether the error says that the same call may be made again."""
    return isinstance(error, IBKRError) and error.replay_safe is True


class Retry:
    """
    Tries again within limits.

    Args:
        clock: Measures and waits.
        max_attempts: The first one included.
        base_s: First step of the backoff.
        cap_s: Longest wait. An error that asks for a longer one is the caller's to wait out.
        draw: Random numbers from 0 to 1.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        max_attempts: int,
        base_s: float,
        cap_s: float,
        draw: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._max_attempts = max_attempts
        self._base_s = base_s
        self._cap_s = cap_s
        self._draw = draw

    async def run(
        self,
        attempt: Callable[[], Awaitable[T]],
        *,
        until: float,
        on_retry: Callable[[int, float, BaseException], None],
    ) -> T:
        """
        Run `attempt` until it succeeds, may not be repeated, or there is no time or turn left.

        Args:
            attempt: Makes one attempt each time it is called.
            until: Moment of the clock after which no wait may end.
            on_retry: Told attempt number, coming wait in seconds and error before each wait.

        Raises:
            IBKRError: The last real error, with a note when there was more than one attempt.
        """
        began = self._clock.monotonic()
        try:
            return await attempt()
        except IBKRError as error:
            if not may_repeat(error) or self._max_attempts <= FIRST:
                raise
            first: IBKRError | None = error
            last = error

        async def again() -> T:
            nonlocal first, last
            if first is not None:
                replayed, first = first, None
                raise replayed
            try:
                return await attempt()
            except IBKRError as error:
                # A refusal that never left the process tells less than what the gateway did.
                if error.disposition is not SendDisposition.UNSENT or (
                    last.disposition is SendDisposition.UNSENT
                ):
                    last = error
                raise

        def wait(state: tenacity.RetryCallState) -> float:
            own = backoff.delay(
                state.attempt_number, base_s=self._base_s, cap_s=self._cap_s, draw=self._draw()
            )
            return max(own, _asked_wait_s(state))

        def stop(state: tenacity.RetryCallState) -> bool:
            return (
                state.attempt_number >= self._max_attempts
                or state.upcoming_sleep > self._cap_s
                or self._clock.monotonic() + state.upcoming_sleep >= until
            )

        # it takes its time to import, and is needed when something has failed
        import tenacity  # noqa: PLC0415

        def tell(state: tenacity.RetryCallState) -> None:
            on_retry(state.attempt_number, state.upcoming_sleep, last)

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(may_repeat),
            wait=wait,
            stop=stop,
            sleep=self._clock.sleep,
            before_sleep=tell,
            reraise=True,
        )
        try:
            return await retrying(again)
        except IBKRError as error:
            attempts = retrying.statistics["attempt_number"]
            if attempts == FIRST:
                raise
            elapsed_s = self._clock.monotonic() - began
            last.add_note(f"gave up after {attempts} attempts in {elapsed_s:.1f} s")
            if last is error:
                raise
            raise last from error


def _asked_wait_s(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    asked = error.retry_after_s if isinstance(error, IBKRError) else None
    return asked or 0.0
