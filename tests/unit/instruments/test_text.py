from __future__ import annotations

from decimal import Decimal

import pytest

from ibkr_connector.errors import ContractError
from ibkr_connector.instruments.text import parse_contract
from ibkr_connector.model.contracts import Contract, Right, SecurityType


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


@pytest.mark.parametrize("text", ["", "??", "AAPL 2026", "AAPL 20261218 X 250", "DOGS.USD", "a-b"])
def test_what_has_no_form_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ContractError) as wrong:
        parse_contract(text)
    assert wrong.value.hint is not None
