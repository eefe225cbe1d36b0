"""What a burst through a real socket comes to, most of which is never read."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ibkr_connector.gateway.wide_reads import Sieve, Thinned
from ibkr_connector.model.market import Quote
from kit.stream_rig import Rig


async def test_a_burst_ends_with_the_quotes_that_its_last_ticks_make(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    thinned: list[Thinned] = []
    thin = Sieve.thin

    def watched(sieve: Sieve, data: bytes) -> Thinned | None:
        found = thin(sieve, data)
        if found is not None:
            thinned.append(found)
        return found

    monkeypatch.setattr(Sieve, "thin", watched)
    async with Rig(symbols=10) as rig:
        told: dict[tuple[str, int], tuple[str, int]] = {}
        say_all = rig.gateway.say_all

        def note(messages: list[tuple[object, ...]]) -> None:
            for message in messages:
                if message[0] == 1:
                    _, _, number, kind, price, size, _ = map(str, message)
                    told[number, int(kind)] = price, int(size)
            say_all(messages)

        monkeypatch.setattr(rig.gateway, "say_all", note)
        await rig.pour(3_000)
        quotes = [reader.latest for reader in rig.readers]
        numbers = list(dict.fromkeys(number for number, _ in told))
    assert sum(one.passed_over for one in thinned) > 1_000
    assert len(numbers) == len(quotes)
    for number, quote in zip(numbers, quotes, strict=True):
        assert isinstance(quote, Quote)
        (bid, bid_size), (ask, ask_size) = told[number, 1], told[number, 2]
        assert (quote.bid, quote.bid_size) == (Decimal(bid), Decimal(bid_size))
        assert (quote.ask, quote.ask_size) == (Decimal(ask), Decimal(ask_size))
