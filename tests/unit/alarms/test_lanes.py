"""Whatever comes, and however often the service fails: each is told once, within the limits."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from ibkr_connector.alarms.lanes import Backoff, Lane
from ibkr_connector.alarms.store import Delivery
from ibkr_connector.clock import ManualClock
from ibkr_connector.model.alerts import AlertStep, Severity
from ibkr_connector.observe.messages import Message
from ibkr_connector.observe.services import NotTold
from ibkr_connector.settings.alerts import AlertRoute

START = datetime(2026, 11, 18, 15, tzinfo=UTC)
MOST, PER_S = 4, 60.0


class Ear:
    """A service that fails as often as it is told to."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.failures = 0
        self.taken: list[tuple[float, Message]] = []

    async def tell(self, message: Message) -> None:
        if self.failures:
            self.failures -= 1
            raise NotTold("no")
        self.taken.append((self._clock.monotonic(), message))

    def close(self) -> None:
        pass


def delivery(number: int, severity: Severity) -> Delivery:
    body = f"something\nmine, alert a{number} raised"
    message = Message(title=f"title {number}", body=body, severity=severity)
    return Delivery(
        delivery_id=f"{number:08d}",
        route="ops",
        alert_id=f"a{number}",
        step=AlertStep.RAISED,
        message=message,
        created_at=START,
    )


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@settings(max_examples=25, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    st.lists(
        st.tuples(
            # a digest holds forty, and what is more makes another
            st.sampled_from((0, 1, 1, 2, 2, 45)),
            st.sampled_from(Severity),
            st.integers(0, 3),
            st.floats(0, 90, allow_nan=False),
        ),
        max_size=12,
    )
)
def test_each_is_told_once_and_no_window_holds_too_many(
    happenings: list[tuple[int, Severity, int, float]],
) -> None:
    async def run() -> None:
        clock = ManualClock(START)
        ear, marked = Ear(clock), Counter[str]()

        def changed(deliveries: Any) -> None:
            marked.update(one.delivery_id for one in deliveries if one.delivered_at is not None)

        teller: Any = ear
        lane = Lane(
            "ops",
            AlertRoute(url=SecretStr("json://a"), max_messages=MOST, per_s=PER_S),
            teller=teller,
            clock=clock,
            backoff=Backoff(base_s=1.0, cap_s=8.0, draw=lambda: 0.5),
            on_change=changed,
        )
        running = asyncio.ensure_future(lane.run())
        number = 0
        for count, severity, failures, pause in happenings:
            ear.failures += failures
            for _ in range(count):
                lane.put(delivery(number, severity))
                number += 1
            await settled()
            clock.advance(pause)
            await settled()
        for _ in range(400):
            clock.advance(1.0)
            await settled()
        running.cancel()
        text = "\n".join(message.body for _, message in ear.taken)
        told = Counter(re.findall(r"alert (a\d+) raised", text))
        assert told == {f"a{n}": 1 for n in range(number)}
        assert marked == {f"{n:08d}": 1 for n in range(number)}
        assert lane.waiting == ()
        for first, _ in ear.taken:
            assert sum(first <= at < first + PER_S for at, _ in ear.taken) <= MOST

    asyncio.run(run())


async def test_what_is_urgent_is_in_the_first_digest_however_much_came_before_it() -> None:
    clock = ManualClock(START)
    ear = Ear(clock)
    ear.failures = 1
    teller: Any = ear
    lane = Lane(
        "ops",
        AlertRoute(url=SecretStr("json://a"), max_messages=1, per_s=3600.0),
        teller=teller,
        clock=clock,
        backoff=Backoff(base_s=1.0, cap_s=8.0, draw=lambda: 0.5),
        on_change=lambda _: None,
    )
    running = asyncio.ensure_future(lane.run())
    for number in range(45):
        lane.put(delivery(number, Severity.INFO))
    await settled()
    lane.put(delivery(99, Severity.CRITICAL))
    clock.advance(10.0)
    await settled()
    running.cancel()
    ((_, digest),) = ear.taken
    assert digest.severity is Severity.CRITICAL
    assert "alert a99 raised" in digest.body
