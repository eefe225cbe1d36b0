"""
How long a thousand instruments take from the registry, and one from the memory in front of it.

There is no gateway: nothing is asked of one, which is the point. The registry is a file that an
earlier run has written.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from ibkr_connector.clock import SystemClock
from ibkr_connector.errors import ContractNotFoundError
from ibkr_connector.instruments.registry import Registry
from ibkr_connector.instruments.resolver import Resolver
from ibkr_connector.instruments.sheets import Row
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.ids import ConId
from ibkr_connector.resilience.pipeline import Pipeline

__all__ = ["Registered", "compare", "report"]

COUNT: Final = 1_000
TARGET_MS: Final = 50.0
_HITS: Final = 2_000
_AGE_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """Milliseconds for all instruments together, and microseconds for one that is in memory."""

    count: int
    by_text_ms: float
    by_id_ms: float
    hit_us: float

    @property
    def is_met(self) -> bool:
        """Whether a thousand take less than was promised."""
        return max(self.by_text_ms, self.by_id_ms) * 1_000 / self.count < TARGET_MS


class _Nobody:
    async def contract_details(self, contract: Contract) -> tuple[ContractDetails, ...]:
        raise ContractNotFoundError(f"{contract} was asked for, and should have been known")


async def compare(folder: Path, *, rounds: int = 5, count: int = COUNT) -> Registered:
    """Write a registry, and measure it in fresh runs; each figure is the least of the rounds."""
    place = folder / "instruments.sqlite3"
    texts = [f"S{number}" for number in range(count)]
    ids = [f"my:{text}" for text in texts]
    await _write(place, texts, ids)
    by_text, by_id, hits = [], [], []
    for _ in range(rounds):
        by_text.append(await _measured(place, texts))
        by_id.append(await _measured(place, ids))
        hits.append(await _hit(place, texts[0]))
    return Registered(
        count=count,
        # the least, since others use the machine too
        by_text_ms=min(by_text),
        by_id_ms=min(by_id),
        hit_us=min(hits),
    )


def report(measured: Registered) -> str:
    """Put it in words."""
    verdict = "met" if measured.is_met else "MISSED"
    return (
        f"{measured.count} instruments from the registry: {measured.by_text_ms:.1f} ms by text, "
        f"{measured.by_id_ms:.1f} ms by id; target {TARGET_MS:.0f} ms a thousand: {verdict}\n"
        f"one from memory: {measured.hit_us:.2f} us"
    )


async def _write(place: Path, texts: list[str], ids: list[str]) -> None:
    registry = Registry(place, clock=SystemClock(), max_age_s=_AGE_S)
    for number, text in enumerate(texts, start=1):
        registry.note(Contract(symbol=text), _details(text, number))
    await registry.settle()
    rows = [
        Row(line=line, instrument_id=name, contract=Contract(symbol=text))
        for line, (name, text) in enumerate(zip(ids, texts, strict=True))
    ]
    await registry.bring_in(rows)
    await registry.aclose()


def _details(symbol: str, number: int) -> ContractDetails:
    """Return details as long as those of a stock are."""
    today = SystemClock().utcnow()
    days = (f"{today + timedelta(days=ahead):%Y%m%d}" for ahead in range(-1, 6))
    hours = ";".join(f"{day}:0930-{day}:1600" for day in days)
    return ContractDetails(
        contract=Contract(
            symbol=symbol,
            con_id=ConId(number),
            primary_exchange="NASDAQ",
            local_symbol=symbol,
            trading_class="NMS",
        ),
        long_name=f"{symbol} INCORPORATED",
        market_name="NMS",
        min_tick=Decimal("0.01"),
        min_size=Decimal(1),
        size_increment=Decimal(1),
        order_types=("ACTIVETIM", "ADJUST", "ALERT", "ALGO", "COND", "DAY", "FOK", "GTC", "LMT"),
        valid_exchanges=("SMART", "ISLAND", "ARCA", "NYSE", "BATS", "IEX"),
        market_rule_ids=(26,) * 6,
        time_zone_id="US/Eastern",
        trading_hours=hours,
        liquid_hours=hours,
        industry="Technology",
    )


async def _fresh(place: Path, do: Callable[[Resolver], object]) -> None:
    clock = SystemClock()
    registry = Registry(place, clock=clock, max_age_s=_AGE_S)
    await registry.every()  # the file is open, as it is when the connection is ready
    async with Pipeline(clock=clock) as pipeline:
        resolver = Resolver(gateway=_Nobody(), pipeline=pipeline, clock=clock, memory=registry)
        doing = do(resolver)
        if asyncio.iscoroutine(doing):
            await doing
    await registry.aclose()


async def _measured(place: Path, wanted: list[str]) -> float:
    took = 0.0

    async def resolve(resolver: Resolver) -> None:
        nonlocal took
        begin = time.perf_counter()
        found = await resolver.resolve_many(wanted)
        took = (time.perf_counter() - begin) * 1e3
        if len(found) != len(wanted):
            raise RuntimeError(f"{len(found)} of {len(wanted)}: {dict(found.failures)}")

    await _fresh(place, resolve)
    return took


async def _hit(place: Path, text: str) -> float:
    took = 0.0

    async def resolve(resolver: Resolver) -> None:
        nonlocal took
        await resolver.resolve(text)
        begin = time.perf_counter()
        for _ in range(_HITS):
            await resolver.resolve(text)
        took = (time.perf_counter() - begin) * 1e6 / _HITS

    await _fresh(place, resolve)
    return took
