from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.errors import ContractError
from ibkr_connector.instruments.text import contract_text, parse_contract
from ibkr_connector.model.contracts import (
    Action,
    ComboLeg,
    Contract,
    Right,
    SecurityType,
    bond,
    cfd,
    combo,
    commodity,
    continuous_future,
    crypto,
    forex,
    fund,
    future,
    futures_option,
    index,
    option,
    stock,
    warrant,
)
from ibkr_connector.model.identifiers import check_identifier
from ibkr_connector.model.ids import ConId


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


KINDS = {
    "CONTFUT ES": continuous_future("ES", exchange=""),
    "CONTFUT ES@CME": continuous_future("ES"),
    "FOP ES 20261218 C 6000@CME": futures_option("ES", "20261218", "C", strike=Decimal(6000)),
    "IND SPX@CBOE": index("SPX"),
    "IND DAX@EUREX/EUR": index("DAX", exchange="EUREX", currency="EUR"),
    "CFD IBUS500": cfd("IBUS500"),
    "CFD IBDE40@SMART/EUR": cfd("IBDE40", currency="EUR"),
    "BOND US0378331005": bond("US0378331005"),
    "BOND 037833100": bond("037833100"),
    "FUND VTSMX": fund("VTSMX"),
    "CMDTY XAUUSD": commodity("XAUUSD"),
    "WAR SIMW1@FWB/EUR": warrant("SIMW1"),
    "CRYPTO XYZ.USD": crypto("XYZ"),
    "STK FUND A": stock("FUND A"),
    "FUND A": fund("A"),
    "BTC.USD@ZEROHASH": crypto("BTC", exchange="ZEROHASH"),
    "SAP@IBIS/EUR": stock("SAP", exchange="IBIS", currency="EUR"),
    "ES 202612@CME": future("ES", "202612"),
    "EUR.USD": forex("EUR.USD"),
    "#265598": Contract(symbol="", con_id=ConId(265598), exchange=""),
}


@pytest.mark.parametrize("text", KINDS)
def test_every_kind_has_a_form_that_reads_both_ways(text: str) -> None:
    assert parse_contract(text) == KINDS[text]
    assert contract_text(KINDS[text]) == text


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("STK AAPL", "AAPL"),
        ("FUT ES 202612", "ES 202612"),
        ("OPT AAPL 20261218 C 250", "AAPL 20261218 C 250"),
        ("cash eur/usd", "EUR.USD"),
        ("CRYPTO BTC.USD", "BTC.USD"),
        ("CFD EUR.USD", "CFD EUR"),
        ("ind  spx @ cboe", "IND SPX@CBOE"),
    ],
)
def test_a_word_for_the_kind_may_be_said_where_none_is_needed(text: str, same_as: str) -> None:
    assert parse_contract(text) == parse_contract(same_as)


@pytest.mark.parametrize(
    "text", ["EUR.USD@IDEALPRO/GBP", "CFD EUR.USD@SMART/GBP", "BTC/USD@PAXOS/EUR"]
)
def test_a_pair_has_one_currency_and_no_other(text: str) -> None:
    with pytest.raises(ContractError, match="two currencies: USD and"):
        parse_contract(text)
    assert parse_contract("EUR.USD@IDEALPRO/USD") == forex("EURUSD")


SYMBOLS = st.from_regex(r"[A-Z][A-Z0-9]{0,7}", fullmatch=True)
MONEY = st.sampled_from(["USD", "EUR", "JPY"])
PLACES = st.sampled_from(["SMART", "CME", "IBIS", "SEHK", "LSE", "TSE.JPN"])
DAYS = st.sampled_from(["20261218", "20270115"])
STRIKES = st.decimals("0.01", 90_000, places=2)
SAID = st.one_of(
    st.builds(stock, SYMBOLS, exchange=PLACES, currency=MONEY),
    st.builds(stock, st.sampled_from(["BRK B", "FUND A", "CFD B", "IND"]), currency=MONEY),
    st.builds(cfd, SYMBOLS, exchange=PLACES, currency=MONEY),
    st.builds(fund, SYMBOLS, currency=MONEY),
    st.builds(commodity, SYMBOLS, currency=MONEY),
    st.builds(index, SYMBOLS, exchange=PLACES, currency=MONEY),
    st.builds(crypto, SYMBOLS.filter(lambda one: 3 <= len(one) <= 4 and one.isalpha())),
    st.builds(warrant, SYMBOLS, exchange=PLACES, currency=MONEY),
    st.builds(continuous_future, SYMBOLS, exchange=PLACES, currency=MONEY),
    st.builds(future, SYMBOLS, st.sampled_from(["202612", "20261218"]), exchange=PLACES),
    st.builds(forex, st.sampled_from(["EURUSD", "USDJPY", "GBPCHF"])),
    st.builds(option, SYMBOLS, DAYS, st.sampled_from(Right), strike=STRIKES, currency=MONEY),
    st.builds(futures_option, SYMBOLS, DAYS, st.sampled_from(Right), strike=STRIKES),
    st.builds(bond, st.sampled_from(["US0378331005", "DE0001102580", "912828C57", "APPLE"])),
    st.integers(1, 2**31 - 1).map(lambda one: Contract(symbol="", con_id=ConId(one), exchange="")),
)


@given(SAID)
@settings(max_examples=60)
def test_what_is_written_of_a_contract_reads_as_the_same(contract: Contract) -> None:
    text = contract_text(contract)
    assert parse_contract(text) == contract
    # and what is read is written as it was
    assert contract_text(parse_contract(text)) == text


@given(st.lists(SAID, min_size=2, max_size=4), st.lists(st.integers(1, 9), min_size=4, max_size=4))
@settings(max_examples=20)
def test_combinations_of_any_kinds_read_as_the_same(
    contracts: list[Contract], ratios: list[int]
) -> None:
    legs = (
        ComboLeg(contract=one, action=action, ratio=ratio)
        for one, ratio, action in zip(contracts, ratios, [*Action, *Action], strict=False)
    )
    made = combo(*legs)
    assert parse_contract(contract_text(made)) == made


@pytest.mark.parametrize(
    "contract",
    [
        Contract(symbol="AAPL", con_id=ConId(265598)),
        stock("SAP", primary_exchange="NOWHERE"),
        Contract(symbol="ES", security_type=SecurityType.FUTURE, multiplier=Decimal(50)),
        Contract(symbol="A B C"),
    ],
)
def test_what_the_form_cannot_say_is_refused_and_not_left_out(contract: Contract) -> None:
    with pytest.raises(ContractError, match="more than the short text form") as caught:
        contract_text(contract)
    assert "Contract itself" in str(caught.value.hint)


@pytest.mark.parametrize("text", ["US0378331006", "037833101", "DE0001102589"])
def test_a_slip_of_the_pen_is_no_other_bond(text: str) -> None:
    with pytest.raises(ContractError, match="check digit"):
        parse_contract(f"BOND {text}")


@given(st.sampled_from(["US0378331005", "US5949181045", "DE0007164600", "037833100", "594918104"]),
       st.integers(0, 11), st.integers(1, 9))  # fmt: skip
@settings(max_examples=30)
def test_every_wrong_digit_is_seen(right: str, place: int, more: int) -> None:
    check_identifier(right)
    place %= len(right)
    if right[place].isdigit():
        wrong = f"{right[:place]}{(int(right[place]) + more) % 10}{right[place + 1 :]}"
        with pytest.raises(ContractError, match="check digit"):
            check_identifier(wrong)


def test_ibs_own_words_stand_for_kinds_and_others_are_refused() -> None:
    said: Any = {"security_type": "FUT", "right": None}
    assert Contract(symbol="ES", **said).security_type is SecurityType.FUTURE
    said = {"security_type": "opt", "right": "c"}
    made = Contract(symbol="AAPL", **said)
    assert (made.security_type, made.right) == (SecurityType.OPTION, Right.CALL)
    said = {"security_type": "FUTURE"}
    with pytest.raises(ContractError, match="expected a SecurityType, found 'FUTURE'") as caught:
        Contract(symbol="ES", **said)
    assert "CONTFUT" in str(caught.value.hint)
