"""Tokens: read from a file, compared, replaced."""

from __future__ import annotations

import hashlib
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ibkr_connector import ConfigurationError
from ibkr_connector.bridge.tokens import Scope, TokenBook, read_tokens
from ibkr_connector.clock import ManualClock
from ibkr_connector.settings.bridge import BridgeSettings

ONE, TWO, THREE = "a" * 40, "b" * 40, "c" * 40


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 18, tzinfo=UTC))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


def write(file: Path, *lines: str) -> None:
    file.write_text("\n".join(lines) + "\n")
    file.chmod(0o600)
    # a file system may count time in steps that are longer than a test
    os.utime(file, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns + len(lines) + 1))


def book(clock: ManualClock, **given: object) -> TokenBook:
    return TokenBook(BridgeSettings(**given), clock=clock)  # type: ignore[arg-type]  # by name


def test_each_token_has_its_scopes_and_name(clock: ManualClock, file: Path) -> None:
    write(file, "# desk", f"read {ONE} screen", "", f"trade {TWO}", f"admin,trade {THREE} boss")
    tokens = book(clock, token_file=file)
    assert tokens.is_needed
    one, two, three = (tokens.caller_of(token) for token in (ONE, TWO, THREE))
    assert one is not None
    assert (one.name, one.scopes) == ("screen", frozenset({Scope.READ}))
    assert two is not None
    assert (two.name, two.scopes) == ("line 4", frozenset({Scope.READ, Scope.TRADE}))
    assert three is not None
    assert three.scopes == set(Scope)


@pytest.mark.parametrize("wrong", ["", ONE[:-1], ONE + "a", ONE.upper(), " " + ONE, "\ud800" * 40])
def test_what_is_not_the_token_is_nobodys(clock: ManualClock, file: Path, wrong: str) -> None:
    write(file, f"admin {ONE}")
    assert book(clock, token_file=file).caller_of(wrong) is None


def test_a_file_may_hold_digests_only(clock: ManualClock, file: Path) -> None:
    digest = hashlib.sha256(ONE.encode()).hexdigest()
    write(file, f"read sha256:{digest} screen")
    tokens = book(clock, token_file=file)
    assert tokens.caller_of(ONE) is not None
    assert tokens.caller_of(digest) is None
    assert tokens.caller_of(f"sha256:{digest}") is None


def test_the_token_of_the_settings_may_read_unless_more_is_said(clock: ManualClock) -> None:
    caller = book(clock, token=ONE).caller_of(ONE)
    assert caller is not None
    assert caller.scopes == {Scope.READ}
    more = book(clock, token=ONE, token_scopes="trade, admin").caller_of(ONE)
    assert more is not None
    assert more.scopes == set(Scope)


def test_a_token_is_replaced_while_it_runs(clock: ManualClock, file: Path) -> None:
    write(file, f"read {ONE} desk")
    tokens = book(clock, token_file=file)
    write(file, f"read {ONE} desk", f"read {TWO} desk")
    assert tokens.caller_of(TWO) is None, "it is not looked at at each request"
    clock.advance(1)
    assert tokens.caller_of(ONE) is not None
    assert tokens.caller_of(TWO) is not None
    write(file, f"read {TWO} desk", "#", "#")
    clock.advance(1)
    assert tokens.caller_of(ONE) is None
    assert tokens.caller_of(TWO) is not None


def test_a_file_that_breaks_locks_nobody_out_and_is_told_of(
    clock: ManualClock, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(file, f"trade {ONE}")
    tokens = book(clock, token_file=file)
    write(file, "trad " + TWO, "#")
    clock.advance(1)
    assert tokens.caller_of(ONE) is not None
    assert "line 1" in tokens.problem
    assert TWO not in caplog.text
    file.unlink()
    clock.advance(1)
    assert tokens.caller_of(ONE) is not None
    assert "cannot be read" in tokens.problem
    write(file, f"trade {THREE}")
    clock.advance(1)
    assert tokens.caller_of(ONE) is None
    assert tokens.problem == ""


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("read short", "at least 32"),
        (f"rule {ONE}", "first word"),
        (f"read,  {ONE}", "first word"),
        (ONE, "two or three words"),
        (f"read {ONE} a b", "two or three words"),
        ("read sha256:abc", "64 hexadecimal"),
        (f"read {'ä' * 40}", "ASCII"),
        ("# nothing", "holds none"),
    ],
)
def test_a_line_that_is_none_is_refused_without_telling_it(
    file: Path, line: str, says: str
) -> None:
    write(file, line)
    with pytest.raises(ConfigurationError, match=says) as told:
        read_tokens(file)
    assert ONE not in str(told.value)


def test_a_missing_file_stops_the_start(clock: ManualClock, file: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        book(clock, token_file=file)


def test_a_file_that_others_can_read_is_warned_of(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(file, f"read {ONE}")
    file.chmod(0o644)
    with caplog.at_level(logging.WARNING, logger="ibkr_connector.bridge"):
        read_tokens(file)
    assert "everybody" in caplog.text
