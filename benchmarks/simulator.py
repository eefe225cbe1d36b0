"""
How fast the simulator is, against what it promises.

Each figure is measured by itself: what the simulator does runs in this process, so that a profile
can look into it; whoever reads a socket is a process of its own.
"""

from __future__ import annotations

import asyncio
import cProfile
import io
import json
import pstats
import subprocess
import sys
import time
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from ibkr_connector.clock import ManualClock
from ibkr_connector.simulator import GatewaySimulator, Permissions
from ibkr_connector.simulator.dialogue import ClientSession
from ibkr_connector.simulator.exchange.commands import CancelOrder, PlaceOrder
from ibkr_connector.simulator.exchange.instruments import Catalogue, Instrument
from ibkr_connector.simulator.exchange.listing import default_catalogue
from ibkr_connector.simulator.exchange.records import Owner, Terms
from ibkr_connector.simulator.exchange.tape import SeededTape
from ibkr_connector.simulator.exchange.venue import Venue
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.replies import TickPrice
from ibkr_connector.simulator.wire.requests import CancelOrder as AskCancel
from ibkr_connector.simulator.wire.requests import (
    ReqAccountUpdates,
    ReqHistoricalData,
    ReqMarketData,
    ReqPnl,
    ReqRealTimeBars,
    ReqTickByTick,
    Request,
)

from .talker import AAPL, Talker, limit_or_market

__all__ = ["FIGURES", "Figure", "Measured", "measure", "report"]

OPENING: Final = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)
"""Half past nine in New York, on a Wednesday."""

TRADING_DAY_S: Final = 23_400
ROUNDS: Final = 3
"""What else the machine does in between only ever makes a rate smaller."""

ACCOUNT: Final = "DU1234567"
_TOP: Final = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """
    One promise.

    Args:
        name: What is measured.
        target: The promise; `is_rate` tells whether more or less is better. `None` is a figure
            beside the promises.
        run: Does it, and returns the figure.
    """

    name: str
    unit: str
    target: float | None
    is_rate: bool
    run: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What came out, and what the profile says when it was asked for."""

    figure: Figure
    value: float
    profile: str | None

    @property
    def is_met(self) -> bool:
        """Whether the promise is kept."""
        target = self.figure.target
        if target is None:
            return True
        return self.value >= target if self.figure.is_rate else self.value <= target


# --- ticks --------------------------------------------------------------------------------------


def _burst() -> float:
    """Say ticks as fast as it goes: faults, codec and socket, without a market."""

    async def feed(simulator: GatewaySimulator, reading: asyncio.Task[None]) -> None:
        session = await _session(simulator)
        while not reading.done():
            for number in range(1_000):
                session.say(
                    TickPrice(
                        request_id=1,
                        tick_type=1 + number % 2,
                        price=Decimal(19_000 + number % 7) / 100,
                        size=Decimal(100 + number % 5),
                    )
                )
            simulator.flush()
            await asyncio.sleep(0)

    return asyncio.run(_read_ticks(feed, wanted=400_000, con_ids=()))


def _streamed() -> float:
    """Let a market of a hundred stocks move, and stream it: what a client with all lines hears."""

    async def feed(simulator: GatewaySimulator, reading: asyncio.Task[None]) -> None:
        await _session(simulator)
        while not reading.done():
            await simulator.advance(1)

    stocks = [one.con_id for one in _stocks(100)]
    return asyncio.run(_read_ticks(feed, wanted=60_000, con_ids=tuple(stocks)))


async def _read_ticks(
    feed: Callable[[GatewaySimulator, asyncio.Task[None]], Awaitable[None]],
    *,
    wanted: int,
    con_ids: tuple[int, ...],
) -> float:
    catalogue = Catalogue(_stocks(100)) if con_ids else None
    async with GatewaySimulator(
        clock=ManualClock(OPENING),
        catalogue=catalogue,
        permissions=Permissions(data_lines=1_000),
    ) as simulator:
        arguments = [simulator.host, simulator.port, 1, wanted, *con_ids]
        reader = await create_subprocess_exec(
            sys.executable, "-m", "benchmarks.reader", *map(str, arguments), stdout=PIPE
        )
        found: list[dict[str, float]] = []

        async def read() -> None:
            out, _ = await reader.communicate()
            found.append(json.loads(out))

        reading = asyncio.create_task(read())
        await feed(simulator, reading)
        await reading
        return found[0]["ticks"] / found[0]["seconds"]


async def _session(simulator: GatewaySimulator) -> ClientSession:
    while not simulator.gateway.sessions:  # noqa: ASYNC110  # nobody tells of a session
        await asyncio.sleep(0.01)
    return next(iter(simulator.gateway.sessions.values()))


# --- orders -------------------------------------------------------------------------------------


def _venue_orders() -> float:
    """Place orders at the venue: half of them rest and are cancelled, half of them trade."""
    venue = Venue(
        catalogue=default_catalogue(OPENING.date()),
        tape=SeededTape(1),
        accounts={ACCOUNT: Decimal(100_000_000)},
    )
    instrument = venue.instrument(AAPL)
    now, count = OPENING, 10_000
    began = time.perf_counter()
    for number in range(count):
        now += timedelta(milliseconds=100)
        is_passive = number % 2 == 0
        terms = Terms(
            action="BUY" if number % 4 < 2 else "SELL",
            quantity=Decimal(1 + number % 9),
            order_type="LMT" if is_passive else "MKT",
            limit_price=_far_price(number) if is_passive else None,
        )
        order = PlaceOrder(
            owner=Owner(client_id=1, order_id=number + 1),
            account=ACCOUNT,
            instrument=instrument,
            exchange="SMART",
            terms=terms,
        )
        venue.execute(order, now)
        if is_passive:
            venue.execute(CancelOrder(perm_id=venue.open_orders()[-1].perm_id), now)
    took = time.perf_counter() - began
    assert not venue.open_orders()
    assert len(venue.closed_orders()) == count
    return count / took


def _far_price(number: int) -> Decimal:
    return Decimal("400.00") if number % 4 >= 2 else Decimal("50.00")


def _socket_orders() -> float:
    """Place orders over the socket, and wait until the gateway has told of each."""
    return asyncio.run(_place_over_socket(3_000))


async def _place_over_socket(count: int) -> float:
    async with GatewaySimulator(
        clock=ManualClock(OPENING), accounts={ACCOUNT: Decimal(100_000_000)}
    ) as simulator:
        client = await Talker.open(simulator, client_id=1)
        began = time.perf_counter()
        for number in range(1, count + 1):
            client.ask(limit_or_market(number, order_type="MKT" if number % 2 else "LMT"))
            if number % 50 == 0:
                # what a client does between its orders: it reads
                await client.read_until(b"3", number)
        await client.read_until(b"3", count)
        took = time.perf_counter() - began
        await client.aclose()
        placed = len(simulator.venue.open_orders()) + len(simulator.venue.closed_orders())
        assert placed == count
        return count / took


# --- listing ------------------------------------------------------------------------------------


def _stocks(count: int) -> Iterator[Instrument]:
    """Yield so many made-up stocks."""
    model = next(
        one
        for con_id in (AAPL,)
        if (one := default_catalogue(date(2026, 11, 18)).get(con_id)) is not None
    )
    for number in range(count):
        yield replace(
            model,
            con_id=20_000_000 + number,
            symbol=f"S{number:05}",
            local_symbol=f"S{number:05}",
            long_name=f"STOCK {number}",
            price=Decimal(10 + number % 300),
        )


def _listing() -> float:
    """List what is listed by default in a fresh process, and make the first ten thousand of it."""
    code = (
        "import time; from datetime import date; "
        "from ibkr_connector.simulator.exchange.listing import default_catalogue; "
        "began = time.perf_counter(); "
        "catalogue = default_catalogue(date(2026, 11, 18)); "
        "made = [catalogue.get(con_id) for con_id in catalogue.ids()[:10_000]]; "
        "assert len(made) == 10_000 and None not in made; "
        "print(time.perf_counter() - began)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return float(done.stdout)


# --- a day --------------------------------------------------------------------------------------

DAY_STREAMS: Final = 10
ORDERS_A_MINUTE: Final = 4


def _trading_day() -> float:
    """
    Replay 9:30 to 16:00 in steps of a second.

    One client streams ten stocks, ticks, five-second bars, a bar kept up to date, account and
    profit and loss, and places four orders a minute, half of which rest and are cancelled.
    """
    return asyncio.run(_day())


async def _day() -> float:
    async with GatewaySimulator(
        clock=ManualClock(OPENING), accounts={ACCOUNT: Decimal(100_000_000)}
    ) as simulator:
        client = await Talker.open(simulator, client_id=1)
        for request in _subscriptions(simulator):
            client.ask(request)
        reading = asyncio.create_task(client.drain())
        began = time.perf_counter()
        for second in range(TRADING_DAY_S):
            if second % (60 // ORDERS_A_MINUTE) == 0:
                _trade(client, second // (60 // ORDERS_A_MINUTE) + 1)
            await simulator.advance(1)
        took = time.perf_counter() - began
        await client.aclose()
        await asyncio.gather(reading, return_exceptions=True)
        assert simulator.venue.executions()
        simulator.check()
        return took


def _subscriptions(simulator: GatewaySimulator) -> Iterator[Request]:
    catalogue = simulator.venue.catalogue
    stocks = [
        one
        for con_id in catalogue.ids()
        if (one := catalogue.get(con_id)) is not None and one.sec_type == "STK"
    ]
    apple = WireContract(con_id=AAPL, exchange="SMART")
    for number, stock in enumerate(stocks[:DAY_STREAMS]):
        contract = WireContract(con_id=stock.con_id, exchange="SMART")
        yield ReqMarketData(request_id=100 + number, contract=contract)
    for number, kind in enumerate(("BidAsk", "Last")):
        yield ReqTickByTick(
            request_id=200 + number,
            contract=apple,
            tick_type=kind,
            number_of_ticks=0,
            ignore_size=False,
        )
    yield ReqRealTimeBars(
        request_id=202, contract=apple, bar_size=5, what_to_show="TRADES", regular_hours=True
    )
    yield ReqHistoricalData(
        request_id=203,
        contract=apple,
        duration="1 D",
        bar_size="1 min",
        what_to_show="TRADES",
        keep_up_to_date=True,
    )
    yield ReqAccountUpdates(subscribe=True, account=ACCOUNT)
    yield ReqPnl(request_id=204, account=ACCOUNT, model="")


def _trade(client: Talker, number: int) -> None:
    client.ask(limit_or_market(number, order_type="MKT" if number % 2 else "LMT"))
    if number > 2 and number % 2:
        client.ask(AskCancel(order_id=number - 1))


# --- all of it ----------------------------------------------------------------------------------

FIGURES: Final[Mapping[str, Figure]] = {
    "burst": Figure(
        name="ticks to one reader",
        unit="/s",
        target=100_000,
        is_rate=True,
        run=_burst,
    ),
    "streamed": Figure(
        name="the same with a market of 100 moving stocks",
        unit="/s",
        target=None,
        is_rate=True,
        run=_streamed,
    ),
    "venue": Figure(
        name="orders through the venue, in process",
        unit="/s",
        target=5_000,
        is_rate=True,
        run=_venue_orders,
    ),
    "socket": Figure(
        name="orders over the socket", unit="/s", target=1_000, is_rate=True, run=_socket_orders
    ),
    "listing": Figure(
        name="10,000 listed instruments loaded", unit=" s", target=1, is_rate=False, run=_listing
    ),
    "day": Figure(
        name="a trading day replayed", unit=" s", target=60, is_rate=False, run=_trading_day
    ),
}
"""Every promise, by a short name."""


def measure(names: tuple[str, ...], *, with_profile: bool) -> Iterator[Measured]:
    """
    Measure some or all figures, one after the other; of rates the best of three runs counts.

    With a profile, what misses its target or has none runs again under the profiler, since that
    makes everything slower.
    """
    for name in names or tuple(FIGURES):
        figure = FIGURES[name]
        runs = [figure.run() for _ in range(ROUNDS if figure.is_rate else 1)]
        measured = Measured(figure=figure, value=max(runs), profile=None)
        if with_profile and (figure.target is None or not measured.is_met):
            measured = replace(measured, profile=_profile(figure.run))
        yield measured


def _profile(run: Callable[[], float]) -> str:
    profiler = cProfile.Profile()
    profiler.runcall(run)
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).strip_dirs().sort_stats("tottime").print_stats(_TOP)
    lines = text.getvalue().splitlines()
    first = next(index for index, line in enumerate(lines) if "tottime" in line)
    return "\n".join(line.rstrip() for line in lines[first:] if line.strip())


def report(found: Measured) -> str:
    """Return a line, and the profile below it."""
    figure = found.figure
    shown = f"{found.value:,.0f}" if found.value >= 100 else f"{found.value:.2f}"
    line = f"{figure.name:48}{shown:>12}{figure.unit:3}"
    if figure.target is not None:
        verdict = "met" if found.is_met else "MISSED"
        sign = ">=" if figure.is_rate else "<="
        line += f" target {sign} {figure.target:,.0f}{figure.unit} {verdict}"
    return line if found.profile is None else f"{line}\n{found.profile}"
