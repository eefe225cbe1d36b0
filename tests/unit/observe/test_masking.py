from __future__ import annotations

import io
import json
import logging
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.observe.logs import configure_logging, flush_logs, reset_logging
from ibkr_connector.observe.masking import mask_secrets, masked

ACCOUNT = "DU7654321"
SECRET = "hunter2-is-it"


@dataclass(frozen=True)
class Holder:
    inside: Any


class Word(StrEnum):
    OF_ACCOUNT = ACCOUNT


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError(ACCOUNT)


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.decimals(allow_nan=False),
    st.text(max_size=8),
    st.just(ACCOUNT),
    st.just(Word.OF_ACCOUNT),
    st.builds(Broken),
    st.builds(
        lambda before, after: f"{before} {ACCOUNT}\n{after}",
        st.text(max_size=4),
        st.text(max_size=4),
    ),
    st.builds(lambda before: before + b"\0" + ACCOUNT.encode() + b"\0", st.binary(max_size=4)),
    st.sampled_from(
        [
            f"password={SECRET}",
            f"postgresql://me:{SECRET}@host/x",
            f"Authorization: Bearer {SECRET}",
            f'{{"api_key": "{SECRET}"}}',
        ]
    ),
)
keys = st.sampled_from(["facts", "account", "accounts", ACCOUNT, f"of {ACCOUNT}", "x"])


def grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(keys, inner, max_size=3),
        st.builds(Holder, inner),
        st.builds(lambda one: ValueError("of", one), inner),
        st.builds(
            lambda one: {"token": SECRET, "inner": {"my_password": SECRET, "one": one}}, inner
        ),
    )


values = st.recursive(leaves, grown, max_leaves=8)


@given(value=values, key=keys, form=st.sampled_from(["json", "console"]))
def test_no_account_and_no_secret_comes_through_whatever_the_shape(
    value: Any, key: str, form: Any
) -> None:
    said = io.StringIO()
    configure_logging("INFO", form=form, stream=said, queued=False)
    try:
        try:
            raise ValueError(value)
        except ValueError:
            logging.getLogger("ibkr_connector.test").exception(
                "of %s and %r", value, value, extra={key: value, "more": {key: value}}
            )
        flush_logs()
    finally:
        reset_logging()
    line = said.getvalue()
    assert "7654321" not in line
    assert SECRET not in line
    if form == "json":
        assert json.loads(line)["level"] == "error"


@given(value=values)
def test_what_is_masked_is_json_and_is_masked_once(value: Any) -> None:
    hidden = masked(value)
    assert masked(hidden) == hidden
    json.dumps(hidden)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("password=abc, next", "password=***, next"),
        ("db_password: 'a b' x", "db_password: *** x"),
        ("Authorization: Basic dTpw", "Authorization: ***"),
        ("sent Bearer abc.def", "sent Bearer ***"),
        ("postgresql://me:pw@host/db", "postgresql://***@host/db"),
        ("the token of a preview", "the token of a preview"),
        ("passwords matter", "passwords matter"),
    ],
)
def test_secrets_in_text_are_hidden_and_plain_words_are_not(text: str, hidden: str) -> None:
    assert mask_secrets(text) == hidden


def test_an_account_of_another_form_is_hidden_where_the_key_says_what_it_is() -> None:
    assert masked({"account": "IB00X99", "accounts": ("ALPHA123",), "count": "ABCDEF12"}) == {
        "account": "IB***99",
        "accounts": ["AL***23"],
        "count": "ABCDEF12",
    }


def test_numbers_stay_numbers_and_money_keeps_its_cents() -> None:
    assert masked({"n": 5, "f": 0.5, "d": Decimal("1.10"), "b": True}) == {
        "n": 5,
        "f": 0.5,
        "d": "1.10",
        "b": True,
    }


def test_what_is_too_deep_becomes_text_and_is_still_masked() -> None:
    deep: Any = ACCOUNT
    for _ in range(30):
        deep = [deep]
    assert "7654321" not in json.dumps(masked(deep))
