"""What follows from the legs of a combination, and what is left open."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from ibkr_connector.errors import ContractError
from ibkr_connector.instruments.combining import combined
from ibkr_connector.model.contracts import (
    Action,
    ComboLeg,
    Contract,
    ContractDetails,
    SecurityType,
    combo,
)
from ibkr_connector.model.ids import ConId

KO = ContractDetails(
    contract=Contract(symbol="KO", con_id=ConId(1)),
    min_tick=Decimal("0.0001"),
    time_zone_id="US/Eastern",
    liquid_hours="20260304:0930-20260304:1600",
)
PEP = replace(KO, contract=Contract(symbol="PEP", con_id=ConId(2)))
CALL = replace(
    KO,
    contract=Contract(symbol="KO", security_type=SecurityType.OPTION, con_id=ConId(3)),
    min_tick=Decimal("0.05"),
)
FUTURES = [
    ContractDetails(
        contract=Contract(
            symbol="ES", security_type=SecurityType.FUTURE, con_id=ConId(number), exchange="CME"
        ),
        min_tick=Decimal("0.25"),
    )
    for number in (11, 12)
]
SPREAD = combo("KO", ComboLeg(contract="PEP", action=Action.SELL, ratio=2))


def test_the_legs_say_what_the_description_does_not() -> None:
    details = combined(SPREAD, [KO, PEP])
    made = details.contract
    assert (made.symbol, made.exchange, made.currency) == ("KO,PEP", "SMART", "USD")
    assert made.con_id is None
    assert made.is_qualified
    assert not SPREAD.is_qualified
    assert made.identity == ((1, 1, Action.BUY), (2, 2, Action.SELL))
    assert [(leg.contract, leg.exchange) for leg in made.legs] == [
        (KO.contract, "SMART"),
        (PEP.contract, "SMART"),
    ]
    assert (details.min_size, details.size_increment) == (Decimal(1), Decimal(1))
    assert details.liquid_hours == KO.liquid_hours
    assert str(made) == "KO - 2*PEP (BAG SMART USD)"


def test_what_the_description_says_stays() -> None:
    asked = replace(SPREAD, symbol="PAIR", exchange="NASDAQ")
    made = combined(asked, [KO, PEP]).contract
    assert (made.symbol, made.exchange) == ("PAIR", "NASDAQ")


def test_hours_that_differ_are_not_known() -> None:
    assert combined(SPREAD, [KO, replace(PEP, liquid_hours="")]).liquid_hours == ""


@pytest.mark.parametrize(
    ("legs", "tick", "exchange"),
    [
        ([KO, PEP], "0.0001", "SMART"),
        ([KO, CALL], "0.0001", "SMART"),
        ([CALL, replace(CALL, contract=replace(CALL.contract, con_id=ConId(4)))], "0.01", "SMART"),
        # calendars of ES trade in 0.05, their legs in 0.25
        (FUTURES, None, "CME"),
        ([FUTURES[0], KO], None, "SMART"),
    ],
)
def test_the_step_refuses_no_legal_price(
    legs: list[ContractDetails], tick: Any, exchange: str
) -> None:
    details = combined(combo("A", "B"), legs)
    assert details.min_tick == (None if tick is None else Decimal(tick))
    assert details.contract.exchange == exchange


@pytest.mark.parametrize(
    ("description", "legs", "fault"),
    [
        (combo("KO"), [KO], "it has 1 leg"),
        (combo(), [], "it has 0 legs"),
        (combo("KO", "KO"), [KO, KO], "KO is named 2 times; name it once and give it a ratio"),
        (
            SPREAD,
            [KO, replace(PEP, contract=replace(PEP.contract, currency="EUR"))],
            "its legs are in USD and EUR",
        ),
        (replace(SPREAD, currency="EUR"), [KO, PEP], "it is in EUR and its legs are in USD"),
        (
            combo("KO", ComboLeg(contract="PEP", action=Action.SELL, ratio=0)),
            [KO, PEP],
            "the ratio of 0*PEP must be a whole number above 0; got 0",
        ),
        (
            SPREAD,
            [KO, replace(PEP, contract=replace(PEP.contract, security_type=SecurityType.INDEX))],
            "cannot be a leg",
        ),
    ],
)
def test_legs_that_make_no_combination_are_refused_together(
    description: Contract, legs: list[ContractDetails], fault: str
) -> None:
    with pytest.raises(ContractError) as wrong:
        combined(description, legs)
    assert fault in wrong.value.message
    assert wrong.value.hint is not None


def test_selling_a_combination_turns_its_legs_round() -> None:
    made = combined(SPREAD, [KO, PEP]).contract
    assert made.parts(Action.SELL) == (
        (KO.contract, Action.SELL, 1),
        (PEP.contract, Action.BUY, 2),
    )
    assert KO.contract.parts(Action.SELL) == ((KO.contract, Action.SELL, 1),)
