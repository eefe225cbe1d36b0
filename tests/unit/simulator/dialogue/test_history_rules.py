"""What a request for bars may say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from ibkr_connector.simulator.dialogue.history_rules import (
    bar_size_of,
    refusal,
    span_of,
    unavailable,
)
from ibkr_connector.simulator.dialogue.times import parse_end, write_bar_time
from ibkr_connector.simulator.exchange.history import BAR_SIZES
from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.wire.requests import ReqHistoricalData
from kit.data_client import APPLE

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)


def request(**said: object) -> ReqHistoricalData:
    fields = {"bar_size": "1 min", "duration": "1 D", "what_to_show": "TRADES", **said}
    return ReqHistoricalData(request_id=1, contract=APPLE, **fields)  # type: ignore[arg-type]


def code_of(**said: object) -> int | None:
    refused = refusal(request(**said), NOW)
    return refused[0] if refused is not None else None


@pytest.mark.parametrize("size", [*BAR_SIZES, "1W", "1M", "1 HOUR"])
def test_every_bar_size_is_read_in_any_case(size: str) -> None:
    assert bar_size_of(size) in BAR_SIZES


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({}, None),
        ({"duration": "3600"}, None),
        ({"duration": "1 d"}, None),
        ({"end": "20261117 16:00:00 US/Eastern"}, None),
        ({"end": "20261117-21:00:00"}, None),
        ({"end": "2026-11-17"}, 10314),
        ({"end": "20261317 16:00:00"}, 10314),
        ({"end": "20261117 16:00:00 Mars/Olympus"}, 10314),
        ({"duration": ""}, 321),
        ({"duration": "1 X"}, 321),
        ({"duration": "1D"}, 321),
        ({"duration": "0 D"}, 321),
        ({"duration": "29 S"}, 321),
        ({"duration": "86401 S"}, 321),
        ({"duration": "366 D"}, 321),
        ({"duration": "53 W"}, 321),
        ({"duration": "13 M"}, 321),
        ({"duration": "69 Y"}, 321),
        ({"bar_size": "1 sec"}, 321),
        ({"bar_size": "7 mins"}, 321),
        ({"bar_size": "1 secs", "duration": "2000 S"}, None),
        ({"bar_size": "1 secs", "duration": "2001 S"}, 162),
        ({"bar_size": "1 secs", "duration": "1 D"}, 162),
        ({"bar_size": "5 secs", "duration": "1 W"}, 162),
        ({"bar_size": "30 secs", "duration": "1 Y"}, 162),
        ({"what_to_show": "PRICES"}, 321),
        ({"what_to_show": "trades"}, None),
        ({"format_date": 4}, 321),
        ({"what_to_show": "ADJUSTED_LAST", "end": "20261117-21:00:00"}, 321),
        ({"what_to_show": "ADJUSTED_LAST", "bar_size": "1 week", "duration": "1 Y"}, 321),
        ({"what_to_show": "SCHEDULE"}, 10295),
        ({"what_to_show": "SCHEDULE", "bar_size": "1 day"}, None),
        ({"keep_up_to_date": True}, None),
        ({"keep_up_to_date": True, "end": "20261117-21:00:00"}, 321),
        ({"keep_up_to_date": True, "what_to_show": "BID_ASK"}, 321),
        ({"keep_up_to_date": True, "bar_size": "1 secs", "duration": "60 S"}, 321),
    ],
)
def test_a_request_for_bars_is_refused_with_the_code_of_its_fault(
    said: dict[str, object], code: int | None
) -> None:
    assert code == code_of(**said)


def test_the_text_of_a_bad_bar_size_lists_the_good_ones() -> None:
    refused = refusal(request(bar_size="7 mins"), NOW)
    assert refused is not None
    assert refused[1].endswith(
        "Legal ones are: 1 secs, 5 secs, 10 secs, 15 secs, 30 secs, 1 min, 2 mins, 3 mins, "
        "5 mins, 10 mins, 15 mins, 20 mins, 30 mins, 1 hour, 2 hours, 3 hours, 4 hours, 8 hours, "
        "1 day, 1W, 1M"
    )


def listed(sec_type: str) -> Instrument:
    return Instrument(
        con_id=1,
        symbol="X",
        sec_type=sec_type,
        currency="USD",
        exchanges=("HOME",),
        min_tick=Decimal("0.01"),
        market_rule=26,
        price=Decimal(1),
        spread=Decimal("0.01"),
    )


@pytest.mark.parametrize(
    ("sec_type", "what", "end", "code"),
    [
        ("STK", "TRADES", "", None),
        ("CASH", "TRADES", "", 162),
        ("CASH", "MIDPOINT", "", None),
        ("CRYPTO", "TRADES", "", 10299),
        ("CRYPTO", "AGGTRADES", "", None),
        ("STK", "AGGTRADES", "", 10299),
        ("CONTFUT", "TRADES", "20261117-21:00:00", 10339),
        ("CONTFUT", "TRADES", "", None),
        ("STK", "YIELD_BID", "", 162),
        ("BOND", "YIELD_BID", "", None),
        ("IND", "BID", "", 162),
        ("STK", "PRICES", "", 321),
    ],
)
def test_not_every_instrument_has_every_history(
    sec_type: str, what: str, end: str, code: int | None
) -> None:
    refused = unavailable(listed(sec_type), what, end)
    assert code == (refused[0] if refused is not None else None)


def test_a_duration_without_a_unit_is_seconds() -> None:
    assert timedelta(seconds=90) == span_of("90")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", NOW),
        ("20261118-14:00:00", datetime(2026, 11, 18, 14, tzinfo=UTC)),
        ("20261118 09:00:00 US/Eastern", datetime(2026, 11, 18, 14, tzinfo=UTC)),
        ("20261118 09:00:00", datetime(2026, 11, 18, 14, tzinfo=UTC)),
        ("09:00:00", datetime(2026, 11, 18, 14, tzinfo=UTC)),
        ("09:00:00 Europe/Berlin", datetime(2026, 11, 18, 8, tzinfo=UTC)),
    ],
)
def test_an_end_is_read_in_each_of_its_forms(text: str, moment: datetime) -> None:
    assert moment == parse_end(text, NOW)


@pytest.mark.parametrize(
    ("day", "form", "zone", "text"),
    [
        (date(2026, 11, 18), 2, "US/Eastern", "20261118"),
        (None, 1, "US/Eastern", "20261118 10:00:00 US/Eastern"),
        (None, 1, "Europe/Berlin", "20261118 16:00:00 Europe/Berlin"),
        (None, 1, "UTC", "20261118-15:00:00"),
        (None, 2, "US/Eastern", "1795014000"),
        (None, 3, "US/Eastern", "20261118 10:00:00"),
    ],
)
def test_the_date_of_a_bar_is_written_as_it_was_asked_for(
    day: date | None, form: int, zone: str, text: str
) -> None:
    written = write_bar_time(NOW, day=day, form=form, version=178, zone=zone)
    assert text == written
