"""Chains are filtered without asking anybody."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from ibkr_connector.model.contracts import Right, SecurityType, future, stock
from ibkr_connector.model.derivatives import OptionChain, OptionClass

DAYS = (date(2026, 12, 4), date(2026, 12, 18), date(2027, 1, 15), date(2027, 6, 18))
STRIKES = tuple(map(Decimal, ("180", "185", "190", "195", "200", "210")))


def option_class(exchange: str = "SMART", name: str = "AAPL") -> OptionClass:
    return OptionClass(
        exchange=exchange,
        trading_class=name,
        multiplier=Decimal(100),
        expiries=DAYS,
        strikes=STRIKES,
    )


CHAIN = OptionChain(
    underlying=stock("AAPL"),
    classes=(option_class(), option_class("CBOE"), option_class(name="2A")),
)


def test_a_chain_is_cut_by_place_expiry_strike_and_right() -> None:
    one = CHAIN.at(exchange="SMART", trading_class="AAPL")
    assert (len(CHAIN), len(one)) == (3 * 48, 48)
    assert one.expiring(nearest=2).expiries == DAYS[:2]
    assert one.expiring(after=date(2026, 12, 5), until=date(2027, 1, 15)).expiries == DAYS[1:3]
    assert one.expiring(after=DAYS[1], nearest=1).expiries == (DAYS[1],)
    assert one.between("185", 195).strikes == STRIKES[1:4]
    assert one.near("192", count=2).strikes == (Decimal(190), Decimal(195))
    assert one.near("192.5", count=1).strikes == (Decimal(190),), "of two alike the lower"
    assert one.moneyness(200, low="0.95", high="1.05").strikes == tuple(
        map(Decimal, ("190", "195", "200", "210"))
    )
    assert one.only("P").rights == (Right.PUT,)
    assert len(one.only("C").only("P")) == 0
    assert one.between(1, 2).classes == ()


def test_contracts_are_described_once_each() -> None:
    small = CHAIN.at(exchange="SMART", trading_class="AAPL").expiring(nearest=1).near(190, count=1)
    call, put = small.contracts()
    assert (call.right, put.right) == (Right.CALL, Right.PUT)
    assert (call.expiry, call.strike, call.multiplier) == ("20261204", Decimal(190), Decimal(100))
    assert call.security_type is SecurityType.OPTION
    twice = OptionChain(underlying=stock("AAPL"), classes=(option_class(), option_class()))
    assert len(list(twice.contracts())) == len(twice) / 2


def test_options_on_a_future_are_futures_options() -> None:
    chain = OptionChain(underlying=future("ES", "202612"), classes=(option_class("CME", "ES"),))
    assert {one.security_type for one in chain.contracts()} == {SecurityType.FUTURE_OPTION}
    with pytest.raises(ValueError, match="'X'"):
        chain.only("X")
