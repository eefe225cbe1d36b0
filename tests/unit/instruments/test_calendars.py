"""Hours of IB's beside those of a calendar, which needs the extra."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.instruments.calendars import (
    calendar_of,
    calendar_sessions,
    compare_hours,
    cross_check,
)
from ibkr_connector.instruments.hours import read_hours
from ibkr_connector.model.contracts import (
    Contract,
    ContractDetails,
    SecurityType,
    forex,
    future,
    stock,
)

HOURS = (
    "20261124:0930-20261124:1600;20261125:0930-20261125:1600;20261126:CLOSED;"
    "20261127:0930-20261127:1300"
)


def details(hours: str, *, exchange: str = "NYSE") -> ContractDetails:
    return ContractDetails(
        contract=Contract(symbol="X", primary_exchange=exchange),
        time_zone_id="US/Eastern",
        liquid_hours=hours,
    )


def test_thanksgiving_and_its_half_day_are_the_same_in_both() -> None:
    check = cross_check(details(HOURS))
    assert (check.calendar, len(check.days)) == ("NYSE", 4)
    assert check.agrees


def test_what_differs_is_named_by_its_day() -> None:
    wrong = HOURS.replace("20261126:CLOSED", "20261126:0930-20261126:1600").replace("1300", "1600")
    check = cross_check(details(wrong))
    assert [one.day for one in check.disagreements] == [date(2026, 11, 26), date(2026, 11, 27)]
    holiday, half = check.disagreements
    assert holiday.calendar is None
    assert str(holiday) == "2026-11-26: IB says 14:30-21:00 UTC, the calendar closed"
    assert half.calendar == (
        datetime(2026, 11, 27, 14, 30, tzinfo=UTC),
        datetime(2026, 11, 27, 18, 0, tzinfo=UTC),
    )
    assert not check.agrees


def test_no_hours_agree_with_nothing() -> None:
    assert not compare_hours(read_hours("", UTC), "NYSE").agrees


def test_a_calendar_that_does_not_exist_or_does_not_fit_is_named() -> None:
    with pytest.raises(ConfigurationError, match="'Narnia'"):
        cross_check(details(HOURS), calendar="Narnia")
    with pytest.raises(ConfigurationError, match="no calendar is known to fit"):
        cross_check(details(HOURS, exchange="NOWHERE"))


@pytest.mark.parametrize(
    ("contract", "name"),
    [
        (stock("AAPL", primary_exchange="NASDAQ"), "NYSE"),
        (stock("BMW", exchange="IBIS", currency="EUR"), "XETR"),
        (future("ES", "202612"), "CME_Equity"),
        (future("YM", "202612", exchange="CBOT"), "CBOT_Equity"),
        (future("ZN", "202612", exchange="CBOT"), "CBOT_Rate"),
        (future("ZC", "202612", exchange="CBOT"), "CMEGlobex_Grains"),
        (Contract(symbol="EUR", security_type=SecurityType.FUTURE, exchange="CME",
                  trading_class="6E"), "CME_Currency"),
        (future("CL", "202612", exchange="NYMEX"), "CMEGlobex_EnergyAndMetals"),
        (forex("EUR.USD"), None),
    ],
)  # fmt: skip
def test_the_exchange_decides_which_calendar_fits(contract: Contract, name: str | None) -> None:
    assert calendar_of(contract) == name


def test_sessions_of_years_come_from_the_calendar_where_one_fits() -> None:
    start, end = datetime(2026, 11, 25, 18, tzinfo=UTC), datetime(2026, 11, 27, 15, tzinfo=UTC)
    spans = calendar_sessions(stock("AAPL", primary_exchange="NASDAQ"), start, end)
    assert spans is not None
    assert [span[1] for span in spans] == [
        datetime(2026, 11, 25, 21, tzinfo=UTC),
        datetime(2026, 11, 27, 18, tzinfo=UTC),
    ]
    assert calendar_sessions(forex("EUR.USD"), start, end) is None
