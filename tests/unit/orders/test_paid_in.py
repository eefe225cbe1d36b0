"""The word that money came or went: left by one process, taken once by another."""

from __future__ import annotations

import logging
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.errors import AccountError, ConfigurationError, NotConnectedError
from ibkr_connector.orders.paid_in import PaidIn, check_paid_in, leave_paid_in, take_paid_in
from kit.order_desk import NOON


@pytest.mark.parametrize(
    "amount", [0, "0", "nan", "Infinity", "much", None, True, 1.5, Decimal("-0"), [1]]
)
def test_an_amount_that_is_none_is_named(amount: object) -> None:
    with pytest.raises(AccountError, match="finite number and not 0") as wrong:
        check_paid_in(amount, NOON)
    assert repr(amount) in str(wrong.value)
    assert wrong.value.hint


@pytest.mark.parametrize("arrived", [None, "noon", datetime(2026, 3, 4)])  # noqa: DTZ001  # what is wrong
def test_a_moment_without_a_zone_is_named(arrived: object) -> None:
    with pytest.raises(AccountError, match="aware datetime"):
        check_paid_in("5", arrived)


def test_what_is_left_is_taken_once(tmp_path: Path) -> None:
    taken: list[PaidIn] = []
    left = leave_paid_in(tmp_path, Decimal("-5.50"), arrived=NOON, account="DU1")
    take_paid_in(tmp_path, taken.append)
    take_paid_in(tmp_path, taken.append)
    assert [(one.amount, one.arrived, one.account, one.key) for one in taken] == [
        (Decimal("-5.50"), NOON, "DU1", left.stem)
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"amount": "0", "arrived": "", "account": ""}'])
def test_what_cannot_be_read_is_put_aside_and_said(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "paid-in-x.json").write_text(text)
    taken: list[PaidIn] = []
    with caplog.at_level(logging.ERROR, "ibkr_connector.orders"):
        take_paid_in(tmp_path, taken.append)
    assert taken == []
    assert "paid-in-x.json is put aside" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["paid-in-x.bad"]


def test_what_is_refused_is_put_aside(tmp_path: Path) -> None:
    def refuse(one: PaidIn) -> None:
        raise AccountError("no such account")

    left = leave_paid_in(tmp_path, Decimal(5), arrived=NOON, account=None)
    take_paid_in(tmp_path, refuse)
    assert not left.exists()
    assert left.with_suffix(".bad").exists()


def test_what_comes_while_the_connection_ends_waits_for_the_next(tmp_path: Path) -> None:
    def refuse(one: PaidIn) -> None:
        raise NotConnectedError("there is no session")

    left = leave_paid_in(tmp_path, Decimal(5), arrived=NOON, account=None)
    take_paid_in(tmp_path, refuse)
    taken: list[PaidIn] = []
    take_paid_in(tmp_path, taken.append)
    assert [one.key for one in taken] == [left.stem]


def test_what_cannot_be_taken_away_is_said_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "paid-in-a.json").mkdir()
    leave_paid_in(tmp_path, Decimal(5), arrived=NOON, account=None)
    taken: list[PaidIn] = []
    with caplog.at_level(logging.ERROR, "ibkr_connector.orders"):
        take_paid_in(tmp_path, taken.append)
    assert "paid-in-a.json cannot be read" in caplog.text
    assert len(taken) == 1


def test_a_place_that_takes_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(ConfigurationError, match="cannot write") as failed:
        leave_paid_in(tmp_path / "state", Decimal(5), arrived=NOON, account=None)
    assert failed.value.hint
