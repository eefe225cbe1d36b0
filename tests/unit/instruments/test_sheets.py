"""Instruments go to files and come back; lines that make no sense are named."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.errors import ContractError
from ibkr_connector.instruments.sheets import SheetFormat, format_of, read_sheet, write_sheet
from ibkr_connector.instruments.text import parse_contract
from ibkr_connector.model.contracts import Contract, Right, SecurityType, combo, stock
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.registry import Instrument

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def instrument(name: str, contract: Contract, note: str = "") -> Instrument:
    return Instrument(
        instrument_id=name,
        contract=contract,
        description=contract,
        note=note,
        registered_at=NOW,
        updated_at=NOW,
    )


WORDS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=8).map(
    str.strip
)
FIGURES = st.none() | st.decimals("0.0001", 100_000, places=4)
CONTRACTS = st.builds(
    Contract,
    symbol=WORDS.filter(bool),
    security_type=st.sampled_from([kind for kind in SecurityType if kind != "BAG"]),
    exchange=WORDS.filter(bool),
    currency=WORDS.filter(bool),
    primary_exchange=WORDS,
    con_id=st.none() | st.integers(1, 2**31).map(ConId),
    expiry=st.sampled_from(["", "202612", "20261218"]),
    strike=FIGURES,
    right=st.none() | st.sampled_from(Right),
    multiplier=FIGURES,
    local_symbol=WORDS,
    trading_class=WORDS,
)


@settings(max_examples=25)
@given(
    st.lists(st.builds(instrument, WORDS.filter(bool), CONTRACTS, WORDS), max_size=5,
             unique_by=lambda one: one.instrument_id),
    st.sampled_from(SheetFormat),
)  # fmt: skip
def test_what_is_written_is_read_back(instruments: list[Instrument], form: SheetFormat) -> None:
    rows, problems = read_sheet(write_sheet(instruments, form), form)
    assert problems == ()
    assert [(row.instrument_id, row.contract, row.note) for row in rows] == [
        (one.instrument_id, one.description, one.note) for one in instruments
    ]


@pytest.mark.parametrize("form", SheetFormat)
def test_combinations_are_written_as_text(form: SheetFormat) -> None:
    spread = parse_contract("ES 202703 - 2*ES 202612")
    ((row,), ()) = read_sheet(write_sheet([instrument("roll", spread)], form), form)
    assert row.contract == spread


@pytest.mark.parametrize("form", SheetFormat)
@pytest.mark.parametrize("text", ["AAPL", "CONTFUT ES", "IND SPX", "WAR SIMW1", "CFD IBUS500"])
def test_what_was_found_out_does_not_become_the_description(text: str, form: SheetFormat) -> None:
    wanted = parse_contract(text)
    found = replace(
        instrument("mine", wanted), con_id=ConId(7), contract=replace(wanted, con_id=ConId(7))
    )
    ((row,), ()) = read_sheet(write_sheet([found], form), form)
    assert row.contract == wanted


@pytest.mark.parametrize("form", SheetFormat)
def test_legs_of_any_kind_and_qualified_ones_are_written(form: SheetFormat) -> None:
    spread = combo(parse_contract("FOP ES 20261218 C 6000"), Contract(symbol="ES", con_id=ConId(7)))
    ((row,), ()) = read_sheet(write_sheet([instrument("x", spread)], form), form)
    first, second = (leg.contract for leg in row.contract.legs)
    assert first == parse_contract("FOP ES 20261218 C 6000")
    assert second == parse_contract("#7")


def test_every_bad_line_is_named_and_the_others_are_read() -> None:
    text = (
        "instrument_id,text,symbol,security_type,strike,right,con_id\n"
        "apple,AAPL,,,,,\n"
        ",MSFT,,,,,\n"
        "apple,AAPL,,,,,\n"
        "both,AAPL,MSFT,,,,\n"
        "odd,,X,STOCKS,,,\n"
        "free,,X,OPT,nothing,C,\n"
        "side,,X,OPT,5,X,\n"
        "id,,,,,,12x\n"
        "empty,,,,,,\n"
        "what,???,,,,,\n"
        "long,AAPL,,,,,,more\n"
        "msft,MSFT,,,,,\n"
    )
    rows, problems = read_sheet(text, SheetFormat.CSV)
    assert [(row.line, row.instrument_id) for row in rows] == [(2, "apple"), (13, "msft")]
    assert [one.line for one in problems] == list(range(3, 13))
    reasons = [one.reason for one in problems]
    for number, words in enumerate(
        ("missing", "line 2 already", "text says", "'STOCKS'", "'nothing'", "'X'", "'12x'")
    ):
        assert words in reasons[number]
    assert str(problems[1]) == "line 4 (apple): the id stands in line 2 already"


def test_a_line_of_json_and_yaml_is_known_too() -> None:
    yml = "- instrument_id: a\n  text: AAPL\n- {instrument_id: b, colour: red}\n- just words\n"
    rows, problems = read_sheet(yml, SheetFormat.YAML)
    assert [row.instrument_id for row in rows] == ["a"]
    assert [(one.line, one.instrument_id) for one in problems] == [(3, "b"), (4, "")]
    assert "'colour'" in problems[0].reason
    as_json = '[\n {"instrument_id": "a", "symbol": "ON", "strike": null},\n {"text": "X"}\n]'
    ((row,), (bad,)) = read_sheet(as_json, SheetFormat.JSON)
    assert (row.contract, bad.line) == (stock("ON"), 3)


def test_values_are_read_as_they_are_written() -> None:
    yml = "- {instrument_id: 010, symbol: on, security_type: opt, strike: 1e2, right: call}\n"
    ((row,), ()) = read_sheet(yml, SheetFormat.YAML)
    assert (row.instrument_id, row.contract.symbol) == ("010", "on")
    assert (row.contract.strike, row.contract.right) == (Decimal(100), Right.CALL)


@pytest.mark.parametrize(
    ("text", "form", "words"),
    [
        ("", SheetFormat.CSV, "header"),
        ("name,symbol\n", SheetFormat.CSV, "header"),
        ("{", SheetFormat.JSON, "cannot be read"),
        ("instrument_id: a", SheetFormat.YAML, "list"),
    ],
)
def test_what_is_no_such_file_is_refused_as_a_whole(
    text: str, form: SheetFormat, words: str
) -> None:
    with pytest.raises(ContractError, match=words):
        read_sheet(text, form)


def test_the_name_of_a_file_says_its_format() -> None:
    assert format_of(Path("a.YML")) is SheetFormat.YAML
    with pytest.raises(ContractError, match=r"found 'a\.xls'"):
        format_of(Path("a.xls"))


@given(st.text(max_size=80), st.sampled_from(SheetFormat))
@settings(max_examples=25)
def test_no_file_whatever_escapes_as_anything_but_ours(text: str, form: SheetFormat) -> None:
    with suppress(ContractError):
        read_sheet(text, form)
