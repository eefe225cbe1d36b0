"""
The promise of `test_exactly_once_machine.py` at the public face: `IBKRConnector` with its own
thread, called from two loops of two threads at once by callers who leave when they like, while
lines are cut and connectors end and begin anew on the same journal.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ibkr_connector.runtime
from ibkr_connector import IBKRConnector, Settings
from ibkr_connector.clock import ScaledClock
from ibkr_connector.engine import Engine
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.orders import OrderReport, OrderStatus
from ibkr_connector.simulator import Cut, CutAfter, Drop, GatewaySimulator
from ibkr_connector.tuning import journal_place
from kit.order_kinds import KINDS
from kit.order_steps import Happens, Lines, Market, Storm, WorldStep
from kit.order_trader import NOON, bear
from kit.order_truth import check_end, check_journal, check_wire
from kit.order_world import World

SPEED: Final = 20.0
"""Of the clocks: a deadline of ten seconds passes in half of one."""

_PATIENCE_S: Final = 600.0
"""Of the machine's clock: after it, what should have come to pass will not."""

_KNOWN: Final = frozenset(OrderStatus) - {OrderStatus.UNCERTAIN, OrderStatus.PENDING}

assert settings.default is not None
_EXAMPLES: Final = max(20, settings.default.max_examples // 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Something that is asked of the connector, here or on the other thread."""

    leaves_after: int | None
    """After so many turns of his loop the caller leaves."""
    elsewhere: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Call):
    """Place an order; with `again` under the key of an earlier one, if there is one."""

    kind: str
    buy: bool
    quantity: int
    wait: Literal["sent", "submitted", "filled"]
    again: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rush(Call):
    """Place several at once, half of them on each thread."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw(Call):
    """Cancel an order."""

    which: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Call):
    """Change an order."""

    which: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Anew:
    """End the connector, and begin with another one."""


Step = Ask | Rush | Withdraw | Change | Anew | WorldStep

_CALLS: Final = {
    "leaves_after": st.sampled_from([None, None, 0, 1, 5, 50, 500]),
    "elsewhere": st.booleans(),
}
_ASK: Final = st.builds(
    Ask,
    kind=st.sampled_from(["rests", "market", "crosses", "stop"]),
    buy=st.booleans(),
    quantity=st.integers(1, 9),
    wait=st.sampled_from(["submitted", "sent", "filled"]),
    again=st.sampled_from([None, None, 0, 1]),
    **_CALLS,
)
_TAMPERS: Final = st.one_of(
    st.builds(Cut, on=st.just("PlaceOrder"), handled=st.booleans(), answered=st.booleans()),
    st.builds(CutAfter, received=st.integers(1, 1200), reset=st.booleans()),
    st.builds(CutAfter, sent=st.integers(1, 1200), reset=st.booleans()),
    st.builds(Drop, reply=st.just("OrderStatus"), times=st.integers(1, 3)),
)
_EACH: Final[tuple[st.SearchStrategy[Step], ...]] = (
    _ASK,
    st.builds(Rush, count=st.integers(2, 8), **_CALLS),
    st.builds(Withdraw, which=st.integers(0, 5), **_CALLS),
    st.builds(Change, which=st.integers(0, 5), quantity=st.integers(1, 12), **_CALLS),
    st.builds(Happens, _TAMPERS),
    st.one_of(st.builds(Lines, reset=st.booleans()), st.builds(Storm, st.integers(2, 3))),
    st.builds(Market, bid=st.integers(96, 104), size=st.integers(1, 12), unseen=st.booleans()),
    st.builds(Anew),
)
_SHARES: Final = (0, 0, 0, 0, 1, 1, 2, 3, 4, 4, 5, 6, 7)
"""The index of what happens, as often as it shall."""

STORIES: Final[st.SearchStrategy[list[Step]]] = st.lists(
    st.sampled_from(_SHARES).flatmap(lambda which: _EACH[which]), min_size=5, max_size=14
)


class Elsewhere:
    """Another thread of the user's with a loop of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="elsewhere")
        self._thread.start()

    async def run(self, work: Coroutine[Any, Any, None]) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class User:
    """Calls a connector, and begins a new one when he is told to."""

    def __init__(self, port: int, folder: Path) -> None:
        self._settings = _settings(port, folder)
        self._elsewhere = Elsewhere()
        self._asked: list[dict[str, Any]] = []
        self._keys = map("k{}".format, itertools.count())

    async def open(self) -> None:
        self.ib = IBKRConnector.create(self._settings)
        async with asyncio.timeout(_PATIENCE_S):
            await _until_well(self.ib.connect)

    async def close(self) -> None:
        try:
            await self.ib.disconnect()
        finally:
            self._elsewhere.close()

    async def do(self, step: Ask | Rush | Withdraw | Change | Anew) -> None:
        """Ask for something; that it is refused or uncertain is no failure."""
        match step:
            case Ask():
                await self._bear(step, lambda: self._place(step))
            case Rush(count=count):
                half = [
                    Ask(
                        kind="rests",
                        buy=True,
                        quantity=number + 1,
                        wait="submitted",
                        again=None,
                        leaves_after=step.leaves_after if number % 3 else None,
                        elsewhere=number % 2 == 1,
                    )
                    for number in range(count)
                ]
                await asyncio.gather(*(self.do(one) for one in half))
            case Withdraw(which=which):
                await self._bear(step, lambda: self._one(which, self.ib.cancel_order))
            case Change(which=which, quantity=quantity):
                change = partial(self.ib.modify_order, changes={"quantity": quantity})
                await self._bear(step, lambda: self._one(which, change))
            case Anew():
                await self.ib.disconnect()
                await self.open()

    async def settled(self) -> list[OrderReport]:
        """Return all orders of the journal when the broker and we agree of each."""
        async with asyncio.timeout(_PATIENCE_S):
            await _until_well(self.ib.connect)
            await _until_well(self._agree)
            while True:
                found = await self.ib.order_book.orders()
                ours = [one for one in found if one.order_ref.startswith("ibc-")]
                doubtful = [one for one in ours if one.status not in _KNOWN]
                if not doubtful:
                    return ours
                for one in doubtful:
                    with suppress(IBKRError):
                        await self.ib.wait_for_status(one.order_id, _KNOWN)

    async def _agree(self) -> None:
        runtime = self.ib._runtime
        assert runtime is not None
        engine = runtime.engine
        assert engine is not None
        await runtime.portal.call(lambda: engine.wait_ready(None))
        await runtime.portal.call(engine.orders.reconcile)

    async def _place(self, step: Ask) -> None:
        if step.again is not None and step.again < len(self._asked):
            order = self._asked[step.again]
        else:
            terms = KINDS[step.kind][0 if step.buy else 1]
            action = "BUY" if step.buy else "SELL"
            order = {"symbol": "AAPL", "action": action, "quantity": step.quantity, **terms}
            order["client_order_id"] = next(self._keys)  # on either thread, and none twice
            self._asked.append(order)
        await self.ib.place_order(order, wait=step.wait)

    async def _one(self, which: int, call: Callable[[int], Awaitable[Any]]) -> None:
        found = await self.ib.order_book.orders()
        if which < len(found):
            await call(found[which].order_id)

    async def _bear(self, step: Call, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        borne = bear(work(), leaves_after=step.leaves_after)
        await (self._elsewhere.run(borne) if step.elsewhere else borne)


async def _until_well(call: Callable[[], Awaitable[None]]) -> None:
    while True:
        with suppress(IBKRError):
            await call()
            return
        await asyncio.sleep(0)


def _settings(port: int, folder: Path) -> Settings:
    rules = folder / "rules"
    rules.mkdir(exist_ok=True)
    (rules / "risk_config.yaml").write_text("max_order_size: 1000\n")
    return Settings.load(
        config_dir=rules,
        port=port,
        client_id=1,
        readonly=False,
        state_dir=folder / "state",
        order_fill_timeout_s=8.0,
        reconnect_base_s=0.2,
        reconnect_cap_s=2.0,
        client_id_wait_s=120.0,
        messages_per_second=100,
        breaker_reset_s=1.0,
    )


@contextmanager
def _hurried() -> Iterator[None]:
    """Give the engines of new connectors a clock that runs fast."""

    class Hurried(Engine):
        @classmethod
        async def open(cls, settings: Settings, **given: Any) -> Engine:
            return await Engine.open(settings, clock=ScaledClock(NOON, speed=SPEED), **given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ibkr_connector.runtime, "load_engine", lambda: Hurried)
        yield


@asynccontextmanager
async def _user(port: int, folder: Path) -> AsyncIterator[User]:
    user = User(port, folder)
    with _hurried():
        await user.open()
        try:
            yield user
        finally:
            await user.close()


async def play(story: list[Step], folder: Path) -> list[OrderReport]:
    """Let a story happen, hold all sides against each other, and return our orders."""
    async with GatewaySimulator(clock=ScaledClock(NOON)) as simulator:
        world = World(simulator)
        world.open()
        async with _user(simulator.port, folder) as user:
            for step in story:
                if isinstance(step, WorldStep):
                    await world.do(step)
                else:
                    await user.do(step)
            world.clear()
            own = await user.settled()
        there = world.ours()
        check_end(own, there, simulator)
        check_wire(simulator)
        journal = journal_place(_settings(simulator.port, folder))
        assert isinstance(journal, Path)
        check_journal(journal, there, own)
        return own


async def test_callers_on_two_threads_who_leave_have_each_order_once(tmp_path: Path) -> None:
    def ask(**given: Any) -> Ask:
        usual = {"kind": "rests", "buy": True, "quantity": 1, "wait": "submitted", "again": None}
        return Ask(**{**usual, "leaves_after": None, "elsewhere": False, **given})

    story: list[Step] = [
        ask(),
        ask(elsewhere=True, leaves_after=1),
        Happens(Cut(on="PlaceOrder", handled=True)),
        ask(kind="market", elsewhere=True),
        ask(again=2),
        ask(again=2, elsewhere=True),
        Rush(count=8, leaves_after=5, elsewhere=False),
        Anew(),
        ask(again=0),
        Lines(),
        Withdraw(which=0, leaves_after=None, elsewhere=True),
    ]
    own = await play(story, tmp_path)
    keys = [one.client_order_id for one in own]
    assert {"k0", "k2"} <= {*keys}
    assert len(keys) == len({*keys})


@pytest.mark.timeout(0)
@settings(max_examples=_EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(STORIES)
def test_each_intent_is_at_the_venue_once_or_not_at_all_and_both_sides_agree(
    story: list[Step],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(story, Path(folder)))
