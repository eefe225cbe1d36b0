"""Contracts that say the same are one record, and never one that says something else."""

import ib_async
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.gateway import described, translate
from ibkr_connector.model.contracts import SecurityType

WORDS = st.sampled_from(["", "A", "USD"])
CONTRACTS = st.builds(
    ib_async.Contract,
    secType=st.sampled_from(["STK", "OPT", "IOPT"]),
    conId=st.sampled_from([0, 1, 2]),
    symbol=WORDS,
    lastTradeDateOrContractMonth=st.sampled_from(["", "20261218"]),
    strike=st.sampled_from([0.0, 1.0, 2.5]),
    right=st.sampled_from(["", "C", "P"]),
    multiplier=st.sampled_from(["", "1", "100"]),
    exchange=WORDS,
    primaryExchange=WORDS,
    currency=WORDS,
    localSymbol=WORDS,
    tradingClass=WORDS,
)


@given(said=st.lists(CONTRACTS, min_size=1, max_size=8))
def test_what_is_shared_is_what_would_be_read(said: list[ib_async.Contract]) -> None:
    for one in said:
        assert translate.contract(one) == described.unshared(described.said_of(one))
        assert translate.contract(one) is translate.contract(one)


def test_a_combination_is_read_each_time() -> None:
    legs = [ib_async.ComboLeg(conId=number, ratio=1, action="BUY") for number in (1, 2)]
    spread = ib_async.Contract(secType="BAG", symbol="ES", comboLegs=legs)
    assert translate.contract(spread).security_type is SecurityType.COMBO
    spread.comboLegs[0].ratio = 3
    assert translate.contract(spread).legs[0].ratio == 3


def test_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(described, "MOST", 10)
    monkeypatch.setattr(described, "_KNOWN", {})
    for number in range(1, 100):
        found = translate.contract(ib_async.Contract(secType="STK", conId=number))
        assert found.con_id == number
        assert len(described._KNOWN) <= 10
