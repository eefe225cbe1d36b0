"""Messages and foreign exceptions become our errors, once, with their facts."""

from __future__ import annotations

import pytest
from ib_async.wrapper import RequestError

from ibkr_connector.codes import TABLE, Ends, Scope
from ibkr_connector.errors import (
    AccountError,
    AuthenticationError,
    ClientIdInUseError,
    ContractError,
    GatewayUnavailableError,
    HistoricalDataError,
    IBKRError,
    ReadOnlyError,
)
from ibkr_connector.gateway.client import Phase
from ibkr_connector.gateway.faults import (
    anonymous_error,
    border,
    connect_error,
    handshake_error,
    request_error,
    silence,
)


def test_the_text_of_an_error_is_one_line_in_our_form() -> None:
    error, _ = request_error(
        "bars", 321, "Error validating request.<br>Cause:\n  size.", request_id=7
    )
    assert isinstance(error, HistoricalDataError)
    assert error.message == "bars: Error validating request. Cause: size"
    assert (error.code, error.request_id) == (321, 7)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bars", HistoricalDataError),
        ("contract_details", ContractError),
        ("portfolio", AccountError),
        ("request", IBKRError),
    ],
)
def test_a_refusal_is_of_the_family_of_its_request(name: str, expected: type[IBKRError]) -> None:
    error, _ = request_error(name, 321, "no")
    assert type(error) is expected


def test_a_notice_does_not_end_a_request() -> None:
    for code in (2104, 2106, 10167, 165):
        assert request_error("quote", code, "")[0] is None


def test_every_code_of_the_table_can_be_told_to_a_request() -> None:
    for row in TABLE:
        error, told = request_error("bars", row.code, "")
        assert (error is None) == (told.ends is Ends.NO)


def test_no_system_notice_can_end_a_question_without_an_id() -> None:
    system = {row.code for row in TABLE if Scope.SYSTEM in row.scopes}
    assert {1100, 1101, 1102, 2104, 326} <= system
    refusals = {321, 322}  # a question without an id is refused without one
    for code in [*sorted(system - refusals), 987654]:
        assert anonymous_error("positions", code, "") is None


def test_a_read_only_gateway_says_so_about_orders() -> None:
    assert type(anonymous_error("open_orders", 321, "")) is ReadOnlyError
    assert type(anonymous_error("positions", 321, "")) is AccountError


def test_only_a_client_id_in_use_ends_the_connecting() -> None:
    error = handshake_error(326, "in use")
    assert isinstance(error, ClientIdInUseError)
    assert error.code == 326
    assert [handshake_error(code, "") for code in (1100, 2104, 2110, 502, 987654)] == [None] * 5


@pytest.mark.parametrize(
    ("phase", "expected", "words"),
    [
        (Phase.NAME, GatewayUnavailableError, "no answer from h:1 for 2 s"),
        (Phase.GREETING, GatewayUnavailableError, "said nothing for 2 s"),
        (Phase.LOGIN, AuthenticationError, "greeted and then said nothing for 2 s"),
    ],
)
def test_each_silence_means_something(phase: Phase, expected: type[IBKRError], words: str) -> None:
    error = silence(phase, host="h", port=1, waited_s=2.0)
    assert type(error) is expected
    assert words in str(error)
    assert error.hint


def test_a_connection_error_without_a_reason_keeps_its_text() -> None:
    error = connect_error(OSError("Multiple exceptions: ..."), host="h", port=1)
    assert "no connection to h:1: Multiple exceptions" in str(error)


def test_the_border_translates_with_the_cause() -> None:
    with pytest.raises(IBKRError) as caught, border("request"):
        raise RequestError(5, 200, "none")
    assert isinstance(caught.value, ContractError)
    assert isinstance(caught.value.__cause__, RequestError)
    with pytest.raises(IBKRError), border("request"):
        raise RequestError(5, 2104, "a notice that ib_async took for an error")


def test_the_border_lets_ours_pass() -> None:
    ours = ContractError("mine")
    with pytest.raises(ContractError) as caught, border("request"):
        raise ours
    assert caught.value is ours
