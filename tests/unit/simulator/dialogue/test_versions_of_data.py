"""What of data depends on the version that is spoken."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ibkr_connector.simulator.dialogue import ClientSession, Gateway
from ibkr_connector.simulator.exchange.listing import default_catalogue
from ibkr_connector.simulator.exchange.tape import SeededTape
from ibkr_connector.simulator.exchange.venue import Venue
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import (
    CurrentTimeMillis,
    ErrorMessage,
    HistoricalData,
    HistoricalDataEnd,
    Reply,
)
from kit.data_client import APPLE

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)


def answered(request: ask.Request, version: int) -> list[Reply]:
    venue = Venue(
        catalogue=default_catalogue(NOW.date()), tape=SeededTape(1), accounts={"DU1": Decimal(1)}
    )
    session = ClientSession(Gateway(venue=venue), version)
    session.handle(ask.StartApi(client_id=1), NOW)
    session.take()
    session.handle(request, NOW)
    return session.take()


@pytest.mark.parametrize(
    ("version", "kinds"),
    [(178, [HistoricalData]), (195, [HistoricalData]), (196, [HistoricalData, HistoricalDataEnd])],
)
def test_the_end_of_history_is_a_message_of_its_own_since_a_version(
    version: int, kinds: list[type[Reply]]
) -> None:
    request = ask.ReqHistoricalData(
        request_id=1, contract=APPLE, bar_size="1 min", duration="60 S", what_to_show="TRADES"
    )
    assert kinds == [type(one) for one in answered(request, version)]


@pytest.mark.parametrize(("version", "kind"), [(196, ErrorMessage), (197, CurrentTimeMillis)])
def test_the_time_in_milliseconds_came_with_a_version(version: int, kind: type[Reply]) -> None:
    assert [kind] == [type(one) for one in answered(ask.ReqCurrentTimeMillis(), version)]


@pytest.mark.parametrize(
    ("version", "text"),
    [(173, "20261118  09:59:00"), (174, "20261118 09:59:00 US/Eastern")],
)
def test_zones_are_written_since_a_version(version: int, text: str) -> None:
    request = ask.ReqHistoricalData(
        request_id=1, contract=APPLE, bar_size="1 min", duration="60 S", what_to_show="TRADES"
    )
    bars = answered(request, version)[0]
    assert isinstance(bars, HistoricalData)
    assert text == bars.bars[0].date
