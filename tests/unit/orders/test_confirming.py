"""A callback that does not return holds a thread, and there are never many of those."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

import pytest

from ibkr_connector.errors import OrderNotConfirmedError
from ibkr_connector.model.preview import OrderQuestion, Verdict
from ibkr_connector.orders.confirming import Confirmations, confirmer
from kit.fake_clock import FakeClock
from kit.order_desk import NOON

QUESTION = OrderQuestion(orders=(), rules=(), at=NOON)


async def test_with_many_questions_unanswered_nobody_is_asked_until_one_returns() -> None:
    asked: list[threading.Thread] = []
    silent = threading.Event()

    def think(question: OrderQuestion) -> bool:
        asked.append(threading.current_thread())
        return silent.wait(60.0)

    confirmations = Confirmations(FakeClock())
    confirmations.confirmer = lambda: confirmer(think, timeout_s=30.0, exits=False)
    try:
        # all at once is many people thinking, and each is waited for
        waiting = [asyncio.ensure_future(confirmations.ask(QUESTION)) for _ in range(20)]
        async with asyncio.timeout(60):
            while len(asked) < 20:  # a thread that is started need not run yet
                await asyncio.sleep(0)
        for one in waiting:
            one.cancel()
            with suppress(asyncio.CancelledError):
                await one
        with pytest.raises(OrderNotConfirmedError, match="20 earlier questions are still unans"):
            await confirmations.ask(QUESTION)
        assert len(asked) == 20
        silent.set()
        for thread in asked:
            thread.join(60.0)
        assert (await confirmations.ask(QUESTION)).verdict is Verdict.PASSED
    finally:
        silent.set()
        await confirmations.aclose()
