"""Answers from the fields of the wire: whole, or an error that ends their question."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from ibkr_connector.gateway.data_answers import (
    REQUEST_ID_AT,
    PastTrade,
    bulletin,
    headline,
    scan_rows,
    with_data_answers,
)
from ibkr_connector.gateway.requests import Listing, Requests
from ibkr_connector.model.contracts import SecurityType
from ibkr_connector.model.research import BulletinKind, NewsProvider

MESSAGES = (19, 85, *map(int, REQUEST_ID_AT))


class Desk:
    """The table of open questions, and what went on to ib_async."""

    def __init__(self) -> None:
        self.others: list[list[str]] = []
        self.requests = Requests()
        self.wrapper = types.SimpleNamespace(
            requests=self.requests,
            login_zone=UTC,
            providers=self._listing("news_providers"),
            scan_parameters=self._listing("scan_parameters"),
        )
        self.handlers: dict[int, Callable[[list[str]], None]] = with_data_answers(
            dict.fromkeys(MESSAGES, self.others.append), self.wrapper
        )

    @staticmethod
    def _listing(name: str) -> Listing[Any]:
        return Listing(name, monotonic=lambda: 0.0, grace_s=1.0)

    def ask(self, number: int, *fields: str, at: int = 1) -> asyncio.Future[Any]:
        pending = self.requests.open("it", collector=[])
        head = [str(number), *[""] * (at - 1), str(pending.request_id)]
        self.handlers[number]([*head, *fields])
        return pending.future


async def test_a_page_of_trades_keeps_marks_halts_and_exact_figures() -> None:
    desk = Desk()
    future = desk.ask(
        98, "2",
        "1795185000", "0", "10.50", "100", "ARCA", "T",
        "1795185001", "3", "0", "0", "", "",
        "1",
    )  # fmt: skip
    first, halt = await future
    assert first == PastTrade(
        timestamp=datetime(2026, 11, 20, 14, 30, tzinfo=UTC),
        price=Decimal("10.50"), size=Decimal(100), exchange="ARCA", conditions="T",
        past_limit=False, unreported=False,
    )  # fmt: skip
    assert str(first.price) == "10.50"
    assert (halt.price, halt.past_limit, halt.unreported) == (Decimal(0), True, True)


async def test_a_page_that_goes_on_does_not_end_its_question() -> None:
    future = Desk().ask(96, "1", "1795185000", "0", "1.5", "0", "0")
    assert not future.done()


async def test_a_quote_without_a_price_has_none() -> None:
    (quote,) = await Desk().ask(97, "1", "1795185000", "2", "-1", "1.5", "0", "200", "1")
    assert (quote.bid, quote.ask, quote.ask_size) == (None, Decimal("1.5"), Decimal(200))
    assert (quote.bid_past_low, quote.ask_past_high) == (True, False)


async def test_a_schedule_is_in_the_zone_that_it_names() -> None:
    (session,) = await Desk().ask(
        106, "", "", "US/Central", "1", "20261115-17:00:00", "20261116-16:00:00", "20261116"
    )
    assert session.start == datetime(2026, 11, 15, 23, tzinfo=UTC)
    assert session.end == datetime(2026, 11, 16, 22, tzinfo=UTC)
    assert session.day.isoformat() == "2026-11-16"


async def test_a_scan_is_made_of_contracts() -> None:
    row = ["0", "265598", "AAPL", "STK", "", "0", "?", "SMART", "USD", "AAPL", "NMS", "NMS",
           "", "", "", ""]  # fmt: skip
    (found,) = await Desk().ask(20, "1", *row, at=2)
    assert (found.contract.con_id, found.contract.security_type) == (265598, SecurityType.STOCK)
    assert (found.contract.right, found.contract.strike) == (None, None)


@pytest.mark.parametrize(
    ("number", "fields"),
    [(98, ["2", "1795185000", "0", "10"]), (89, ["1", "", "5"]), (106, ["", "", "Mars", "0"]),
     (88, ["soon"]), (97, ["1"])],
)  # fmt: skip
async def test_what_cannot_be_read_reaches_whoever_decodes(number: int, fields: list[str]) -> None:
    with pytest.raises((ValueError, LookupError)):
        Desk().ask(number, *fields)


def test_what_nobody_of_ours_asked_goes_on_to_ib_async() -> None:
    desk = Desk()
    desk.handlers[88](["88", "7", "20260101"])
    assert desk.others == [["88", "7", "20260101"]]


async def test_a_listing_is_shared_and_told_to_ib_async_too() -> None:
    desk = Desk()
    asked: list[int] = []
    calls = [
        asyncio.ensure_future(desk.wrapper.providers.ask(lambda: asked.append(1))) for _ in range(2)
    ]
    await asyncio.sleep(0)
    desk.handlers[85](["85", "1", "BRFG", "Briefing.com"])
    for call in calls:
        assert await call == (NewsProvider(code="BRFG", name="Briefing.com"),)
    assert asked == [1]
    assert len(desk.others) == 1


def test_a_headline_of_a_stream_has_milliseconds_and_what_is_said_besides() -> None:
    told = headline(["1760448601250", "BRFG", "BRFG$1", "Apple, again", "K:0.9"])
    assert told.time == datetime(2025, 10, 14, 13, 30, 1, 250_000, tzinfo=UTC)
    assert (told.provider, told.article_id) == ("BRFG", "BRFG$1")
    assert (told.text, told.extra) == ("Apple, again", "K:0.9")


@pytest.mark.parametrize(("kind", "known"), [("2", BulletinKind.EXCHANGE_CLOSED), ("9", 0)])
def test_a_bulletin_of_a_kind_that_nobody_knows_is_a_bulletin(kind: str, known: int) -> None:
    now = datetime(2026, 11, 18, 15, tzinfo=UTC)
    told = bulletin(["7", kind, "shut", "NYSE"], received=now)
    assert (told.number, told.kind, told.text, told.exchange) == (7, known, "shut", "NYSE")
    assert told.received == now


def test_the_rows_of_a_scan_are_told_best_first_and_none_is_none() -> None:
    def row(rank: int, con_id: int) -> list[str]:
        contract = [str(con_id), "A", "STK", "", "0", "", "SMART", "USD", "A", "NMS", "NMS"]
        return [str(rank), *contract, "", "", "", ""]

    rows = scan_rows(["2", *row(1, 11), *row(0, 10)])
    assert [(one.rank, one.contract.con_id) for one in rows] == [(0, 10), (1, 11)]
    assert scan_rows(["0"]) == ()
