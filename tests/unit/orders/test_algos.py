"""IB's algorithms as users say them: read from mappings, checked, refused with the reason."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ibkr_connector.build import Twap as WordForTwap
from ibkr_connector.build import buy
from ibkr_connector.errors import OrderValidationError
from ibkr_connector.model.algos import (
    AccumulateDistribute,
    ArrivalPrice,
    ClosePrice,
    DarkIce,
    PercentOfVolume,
    RiskAversion,
    Twap,
    TwapStyle,
    Vwap,
)
from ibkr_connector.model.contracts import ContractDetails, combo, stock
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.orders import OrderRequest
from ibkr_connector.orders.reading import as_request
from ibkr_connector.orders.validation import check_against, check_request, check_times

PLAIN: dict[str, Any] = {"symbol": "AAPL", "action": "buy", "quantity": 10}
LIMIT = PLAIN | {"order_type": "LMT", "limit_price": "1"}
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
TENTH = Decimal("0.1")


@pytest.mark.parametrize(
    ("said", "algo"),
    [
        ({"kind": "TWAP"}, Twap()),
        (
            {
                "kind": "twap",
                "style": "matching midpoint",
                "end": LATER.isoformat(),
                "past_end": True,
            },
            Twap(style=TwapStyle.MIDPOINT, end=LATER, past_end=True),
        ),
        (
            {"kind": "vwap", "max_volume": 0.1, "passive": True, "speed_up": True},
            Vwap(max_volume=TENTH, passive=True, speed_up=True),
        ),
        (
            {"kind": "arrival price", "max_volume": "0.1", "urgency": "get done"},
            ArrivalPrice(max_volume=TENTH, urgency=RiskAversion.GET_DONE),
        ),
        ({"kind": "percent_of_volume", "volume": "0.1"}, PercentOfVolume(volume=TENTH)),
        (
            {"kind": "close_price", "max_volume": "0.1", "force_completion": True},
            ClosePrice(max_volume=TENTH, force_completion=True),
        ),
        ({"kind": "dark_ice", "display_size": 5}, DarkIce(display_size=Decimal(5))),
        (
            {"kind": "accumulate_distribute", "component_size": 5, "interval_s": 30},
            AccumulateDistribute(component_size=Decimal(5), interval_s=30),
        ),
    ],
)
def test_every_algorithm_is_read_and_makes_sense(said: dict[str, Any], algo: object) -> None:
    request = as_request(LIMIT | {"algo": said})
    assert request.algo == algo == as_request(LIMIT | {"algo": algo}).algo
    check_request(request)
    parameters = {key: value for key, value in said.items() if key != "kind"}
    assert buy("AAPL", 10).limit(1).algo(said["kind"], **parameters).request.algo == algo
    assert buy("AAPL", 10).limit(1).algo(algo).request.algo == algo  # type: ignore[arg-type]


VWAP = {"kind": "vwap", "max_volume": "0.1"}
AD = {"kind": "accumulate_distribute", "component_size": 5, "interval_s": 30}


@pytest.mark.parametrize(
    ("mapping", "fault"),
    [
        (LIMIT | {"algo": "vwap"}, "algo must be an algorithm or a mapping; got 'vwap'"),
        (LIMIT | {"algo": {"kind": "moon"}}, "algo.kind must be one of twap, vwap, arrival_price"),
        (LIMIT | {"algo": {"kind": "vwap"}}, "algo.max_volume is missing"),
        (LIMIT | {"algo": VWAP | {"speed": 1}}, "algo: unknown key 'speed'; did you mean"),
        (LIMIT | {"algo": VWAP | {"passive": "yes"}}, "algo.passive must be True or False"),
        (LIMIT | {"algo": VWAP | {"max_volume": "0.51"}}, "from 0.01 to 0.5, a share of the vol"),
        (LIMIT | {"algo": VWAP | {"max_volume": 10}}, "from 0.01 to 0.5, a share of the volume"),
        (LIMIT | {"algo": VWAP | {"max_volume": "nan"}}, "algo.max_volume must be a finite"),
        (LIMIT | {"algo": {"kind": "twap", "style": "x"}}, "algo.style must be one of Marketable"),
        (
            LIMIT | {"algo": VWAP | {"start": "2026-03-04T12:00:00"}},
            "algo.start must say its time zone",
        ),
        (
            LIMIT | {"algo": VWAP | {"end": NOON.replace(microsecond=5)}},
            "algo.end must be a whole second",
        ),
        (LIMIT | {"algo": VWAP | {"start": NOON, "end": NOON}}, "start must be before algo.end"),
        (LIMIT | {"algo": VWAP | {"past_end": True}}, "algo.past_end needs algo.end"),
        (
            LIMIT | {"algo": VWAP | {"end": NOON}, "time_in_force": "GTD", "good_till": LATER},
            "algo.end contradicts good_till",
        ),
        (LIMIT | {"algo": VWAP, "adaptive": "urgent"}, "adaptive contradicts algo vwap"),
        (LIMIT | {"algo": VWAP, "hidden": True}, "hidden contradicts algo vwap"),
        (LIMIT | {"algo": VWAP, "all_or_none": True}, "all_or_none contradicts algo vwap"),
        (LIMIT | {"algo": VWAP, "display_size": 5}, "display_size contradicts algo vwap"),
        (LIMIT | {"algo": VWAP, "minimum_quantity": 5}, "minimum_quantity contradicts algo vwap"),
        (LIMIT | {"algo": VWAP, "time_in_force": "IOC"}, "time_in_force IOC contradicts algo"),
        (
            PLAIN | {"order_type": "STP", "stop_price": 1, "algo": VWAP},
            "algo vwap goes with orders of type MKT and LMT; got STP",
        ),
        (
            PLAIN | {"algo": {"kind": "dark_ice", "display_size": 5}},
            "algo dark_ice goes with orders of type LMT; got MKT",
        ),
        (
            LIMIT | {"algo": {"kind": "dark_ice", "display_size": 11}},
            "algo.display_size must not be more than the quantity 10; got 11",
        ),
        (LIMIT | {"algo": AD | {"component_size": "1.5"}}, "component_size must be a whole Decim"),
        (LIMIT | {"algo": AD | {"interval_s": 0}}, "algo.interval_s must be a whole number of at"),
    ],
)
def test_what_contradicts_an_algorithm_is_refused(mapping: dict[str, Any], fault: str) -> None:
    with pytest.raises(OrderValidationError) as caught:
        check_request(as_request(mapping))
    assert fault in str(caught.value)


REQUEST = as_request(LIMIT)


@pytest.mark.parametrize(
    ("algo", "fault"),
    [
        ("vwap", "algo must be one of the records of ibkr_connector.model.algos; got 'vwap'"),
        (Vwap(max_volume=0.1), "algo.max_volume must be a Decimal from"),  # type: ignore[arg-type]
        (Twap(style="Marketable"), "algo.style must be one of"),  # type: ignore[arg-type]
        (Twap(past_end=1, end=LATER), "past_end must be True or False; got 1"),  # type: ignore[arg-type]
        (Twap(start="soon"), "algo.start must be an aware datetime; got 'soon'"),  # type: ignore[arg-type]
        (
            AccumulateDistribute(component_size=Decimal(1), interval_s=True),
            "algo.interval_s must be a whole number of seconds of at least 1; got True",
        ),
    ],
)
def test_a_record_of_wrong_values_is_refused(algo: Any, fault: str) -> None:
    with pytest.raises(OrderValidationError) as caught:
        check_request(replace(REQUEST, algo=algo))
    assert fault in str(caught.value)


def test_parameters_beside_a_record_are_refused() -> None:
    with pytest.raises(OrderValidationError, match="Twap has its own"):
        buy("AAPL", 10).algo(WordForTwap(), end=LATER)


def test_a_draft_tells_its_algorithm() -> None:
    assert "algo vwap(max_volume=0.1, " in repr(buy("AAPL", 10).algo("vwap", max_volume="0.1"))


def test_an_algorithm_whose_end_has_passed_is_refused() -> None:
    request = replace(REQUEST, algo=Twap(end=NOON))
    check_times(request, NOON - timedelta(seconds=1))
    with pytest.raises(OrderValidationError, match=r"algo\.end must be in the future"):
        check_times(request, NOON)


def _against(request: OrderRequest, *order_types: str) -> None:
    contract = replace(stock("AAPL"), con_id=ConId(1))
    check_against(request, ContractDetails(contract=contract, order_types=order_types))


def test_the_contracts_list_of_order_types_decides_who_may_work_it() -> None:
    vwap = replace(REQUEST, algo=Vwap(max_volume=TENTH))
    parts = replace(REQUEST, algo=AccumulateDistribute(component_size=Decimal(1), interval_s=1))
    _against(vwap, "LMT", "ALGO")
    _against(parts, "LMT", "AD")
    _against(vwap)
    with pytest.raises(OrderValidationError, match="takes no algo vwap; its order types have no"):
        _against(vwap, "LMT", "AD")
    with pytest.raises(OrderValidationError, match="its order types have no AD"):
        _against(parts, "LMT", "ALGO")


def test_combinations_are_not_given_to_an_algorithm() -> None:
    spread = replace(combo("AAPL", "MSFT"), con_id=ConId(1))
    with pytest.raises(OrderValidationError, match="algo twap does not work combinations"):
        check_against(replace(REQUEST, algo=Twap()), ContractDetails(contract=spread))
