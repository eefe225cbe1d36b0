from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.errors import ContractError
from ibkr_connector.instruments.text import parse_contract
from ibkr_connector.model.contracts import Action, ComboLeg, Contract, Right, SecurityType, combo


@pytest.mark.parametrize(
    ("text", "contract"),
    [
        ("AAPL", Contract(symbol="AAPL")),
        ("  aapl ", Contract(symbol="AAPL")),
        ("BRK  B", Contract(symbol="BRK B")),
        (
            "EUR.USD",
            Contract(
                symbol="EUR",
                security_type=SecurityType.FOREX,
                exchange="IDEALPRO",
                currency="USD",
            ),
        ),
        (
            "btc.usd",
            Contract(
                symbol="BTC", security_type=SecurityType.CRYPTO, exchange="PAXOS", currency="USD"
            ),
        ),
        (
            "ES 202612",
            Contract(symbol="ES", security_type=SecurityType.FUTURE, exchange="", expiry="202612"),
        ),
        (
            "AAPL 20261218 C 250.5",
            Contract(
                symbol="AAPL",
                security_type=SecurityType.OPTION,
                expiry="20261218",
                right=Right.CALL,
                strike=Decimal("250.5"),
            ),
        ),
    ],
)
def test_each_form_is_read(text: str, contract: Contract) -> None:
    assert parse_contract(text) == contract


@pytest.mark.parametrize(
    ("text", "legs"),
    [
        ("ko - pep", [("KO", "BUY", 1), ("PEP", "SELL", 1)]),
        ("- KO + 2*PEP", [("KO", "SELL", 1), ("PEP", "BUY", 2)]),
        ("12 * BRK B - EUR.USD", [("BRK B", "BUY", 12), ("EUR", "SELL", 1)]),
    ],
)
def test_a_combination_is_read_leg_by_leg(text: str, legs: list[tuple[str, str, int]]) -> None:
    made = parse_contract(text)
    assert made.security_type is SecurityType.COMBO
    assert [(leg.contract.symbol, leg.action, leg.ratio) for leg in made.legs] == legs  # type: ignore[union-attr]


LEG_TEXTS = st.sampled_from(
    ["AAPL", "BRK B", "ES 202612", "SPY 20261218 C 600", "SPY 20261218 P 590.5", "#265598"]
)


@given(
    legs=st.lists(
        st.tuples(LEG_TEXTS, st.sampled_from(Action), st.integers(1, 9999)), min_size=2, max_size=6
    )
)
def test_what_a_combination_is_called_is_read_back_as_it(
    legs: list[tuple[str, Action, int]],
) -> None:
    made = combo(
        *(
            ComboLeg(contract=parse_contract(text), action=action, ratio=ratio)
            for text, action, ratio in legs
        )
    )
    assert parse_contract(made.text) == made


@pytest.mark.parametrize(
    "text",
    ["KO -", "+ +", "KO - 0*PEP", "KO - 2*", "2*KO", "KO * PEP - A", "BRK-B", "KO PEP X - A"],
)
def test_a_combination_that_cannot_be_read_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ContractError) as wrong:
        parse_contract(text)
    assert "ES 202703 - ES 202612" in (wrong.value.hint or "")


@pytest.mark.parametrize("text", ["", "??", "AAPL 2026", "AAPL 20261218 X 250", "DOGS.USD", "a-b"])
def test_what_has_no_form_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ContractError) as wrong:
        parse_contract(text)
    assert wrong.value.hint is not None
