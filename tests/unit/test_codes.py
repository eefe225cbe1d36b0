from __future__ import annotations

from collections import Counter

import pytest

from ibkr_connector import errors
from ibkr_connector.codes import (
    TABLE,
    CodeKind,
    Ends,
    LinkEffect,
    OrderEffect,
    PacingEffect,
    Scope,
    When,
    code_of,
    farm_effect,
    link_effect,
    lookup,
    pacing_effect,
)
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.status import FarmState

RAISED_BY_US = {
    # no message of the gateway means these: the families, and what only we can know
    errors.IBKRConnectionError,
    errors.MarketDataError,
    errors.OrderError,
    errors.CircuitOpenError,
    errors.FlexError,
    errors.RequestTimeoutError,
    errors.WrongThreadError,
    errors.AmbiguousContractError,
    errors.OrderNotConfirmedError,
    errors.OrderValidationError,
    errors.RiskLimitError,
    errors.TradingHaltedError,
    errors.OrderUncertainError,
}


def test_no_message_has_two_meanings() -> None:
    meanings = Counter((row.code, scope, row.when) for row in TABLE for scope in row.scopes)
    assert [meaning for meaning, count in meanings.items() if count > 1] == []


def test_every_row_says_who_told_us() -> None:
    assert [row.code for row in TABLE if not row.source.strip()] == []


def test_every_error_is_what_some_code_means_or_is_raised_by_us() -> None:
    every = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, IBKRError)
    }
    meant = {row.error for row in TABLE if row.error is not None}
    assert every - meant - RAISED_BY_US == set()


def test_a_message_that_ends_a_request_says_with_what() -> None:
    ending = [row.code for row in TABLE if row.ends is Ends.YES and row.error is None]
    assert ending == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "Historical Market Data Service error message:HMDS query returned no data: X",
            "NoDataError",
        ),
        ("Historical data request pacing violation", "PacingError"),
        ("API historical data query cancelled: 5", "HistoricalDataError"),
        ("Trading TWS session is connected from a different IP address", "AuthenticationError"),
        ("No market data permissions for NYSE STK", "MarketDataPermissionError"),
        ("Irgendetwas auf Deutsch", "HistoricalDataError"),
    ],
)
def test_162_means_what_its_text_says(text: str, error: str) -> None:
    row = lookup(162, Scope.REQUEST, text)
    assert row.error is getattr(errors, error)


@pytest.mark.parametrize(
    ("scope", "effect", "error"),
    [
        (Scope.ORDER, OrderEffect.HINT, errors.ReadOnlyError),
        (Scope.MODIFY, OrderEffect.VERDICT, errors.OrderStateError),
        (Scope.REQUEST, OrderEffect.NONE, errors.HistoricalDataError),
    ],
)
def test_321_depends_on_what_it_answers(
    scope: Scope, effect: OrderEffect, error: type[IBKRError]
) -> None:
    row = lookup(321, scope)
    assert (row.order, row.error) == (effect, error)


# the union of what LEAN, incident reports and IB's own text call reliable
DEAD = [103, 106, 107, 109, 111, 163, 201, 203, 382, 383, 388, 435, 436, 460, 10289, 10318]
VERDICT_ONLY = [104, 105, 134, 136, 161, 329, 2102]
NEVER_DEAD = [*VERDICT_ONLY, 202, 321, 399, 404, 434, 2109, 10147, 10148, 10311, 10349]


@pytest.mark.parametrize("code", DEAD)
def test_some_codes_prove_a_new_order_dead(code: int) -> None:
    assert lookup(code, Scope.ORDER).order is OrderEffect.DEAD


@pytest.mark.parametrize("code", NEVER_DEAD)
def test_no_other_code_ever_kills_an_order(code: int) -> None:
    for scope in (Scope.ORDER, Scope.MODIFY, Scope.CANCEL):
        assert lookup(code, scope).order is not OrderEffect.DEAD


@pytest.mark.parametrize("code", VERDICT_ONLY)
def test_a_refused_change_says_nothing_about_the_order(code: int) -> None:
    assert lookup(code, Scope.MODIFY).order is OrderEffect.VERDICT


def test_an_unknown_code_is_kept_and_classified_by_its_range() -> None:
    assert lookup(2199, Scope.SYSTEM).kind is CodeKind.WARNING
    about_order = lookup(77_777, Scope.ORDER)
    assert (about_order.order, about_order.ends) == (OrderEffect.HINT, Ends.DEPENDS)
    about_request = lookup(77_777, Scope.REQUEST)
    assert (about_request.error, about_request.ends) == (IBKRError, Ends.YES)
    assert lookup(77_777, Scope.SYSTEM).kind is CodeKind.INFO
    assert lookup(77_777, Scope.SYSTEM).code == 77_777


@pytest.mark.parametrize(
    ("code", "effect"),
    [
        (1100, LinkEffect.DOWN),
        (1101, LinkEffect.DATA_LOST),
        (1102, LinkEffect.DATA_KEPT),
        (2110, LinkEffect.DOWN_QUIETLY),
        (2104, None),
    ],
)
def test_messages_about_the_link(code: int, effect: LinkEffect | None) -> None:
    assert link_effect(code) is effect


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (2103, FarmState.BROKEN),
        (2104, FarmState.OK),
        (2107, FarmState.INACTIVE),
        (2119, FarmState.CONNECTING),
        (2158, FarmState.OK),
        (1100, None),
    ],
)
def test_messages_about_farms(code: int, state: FarmState | None) -> None:
    assert farm_effect(code) is state


def test_every_code_of_a_farm_or_the_link_has_a_row() -> None:
    listed = {row.code for row in TABLE}
    for code in range(1000, 2200):
        if farm_effect(code) is not None or link_effect(code) is not None:
            assert code in listed


def test_texts_that_split_a_code_are_matched_whatever_their_case() -> None:
    row = lookup(162, Scope.REQUEST, "HMDS QUERY RETURNED NO DATA")
    assert row.when is When.NO_DATA


FACTS = """
0 100-107 109-111 113-126 129 131-148 151-168 200-203 300-317 320-350 352-356 358-380 382 383
385-414 417-430 433-449 460 463 481 492 501-508 510-594 1100-1102 1300 2100-2169 10000-10020
10038 10052 10058 10089-10091 10147-10149 10167 10168 10182 10186 10187 10189 10190 10197 10225
10230 10231 10233 10241-10252 10268-10270 10276-10286 10289 10290 10293-10295 10299 10309 10311
10314 10315 10318 10322 10324-10335 10339-10347 10349
"""
"""Every code that IB's pages, its client, or the projects named in the rows speak of."""


def _named(text: str) -> set[int]:
    codes: set[int] = set()
    for part in text.split():
        first, _, last = part.partition("-")
        codes |= set(range(int(first), int(last or first) + 1))
    return codes


def test_every_code_that_anybody_documents_has_a_row() -> None:
    listed = {row.code for row in TABLE}
    assert sorted(_named(FACTS) - listed) == []


@pytest.mark.parametrize("code", [585, 586, 588, 594])
def test_what_the_client_could_not_send_ends_the_request(code: int) -> None:
    assert lookup(code, Scope.REQUEST).ends is Ends.YES
    assert lookup(code, Scope.REQUEST).error is not None


@pytest.mark.parametrize("code", [336, 337, 343, 10314, 10315, 10330])
def test_a_date_that_cannot_be_read_ends_a_request_and_hints_at_an_orders_end(code: int) -> None:
    assert lookup(code, Scope.REQUEST).ends is Ends.YES
    assert lookup(code, Scope.REQUEST).error is errors.HistoricalDataError
    assert lookup(code, Scope.ORDER).order is OrderEffect.HINT


def test_321_without_an_id_says_that_the_api_is_read_only_and_ends_no_other_question() -> None:
    row = lookup(321, Scope.SYSTEM)
    assert (row.kind, row.error, row.ends) == (
        CodeKind.PERMISSION,
        errors.ReadOnlyError,
        Ends.DEPENDS,
    )
    assert "Read-Only API" in row.hint
    assert lookup(321, Scope.REQUEST).ends is Ends.YES


@pytest.mark.parametrize("code", [2111, 2167])
def test_a_warning_whose_text_nobody_knows_leaves_an_order_alone(code: int) -> None:
    assert lookup(code, Scope.ORDER).order is OrderEffect.WARNING
    assert lookup(code, Scope.ORDER).ends is Ends.NO


@pytest.mark.parametrize(
    ("code", "text", "effect"),
    [
        (0, "Warning: Approaching max rate of 50 messages per second (47)", PacingEffect.NEAR),
        (100, "Max rate of messages per second has been exceeded", PacingEffect.MESSAGES),
        (162, "Historical data request pacing violation", PacingEffect.HISTORY),
        (162, "HMDS query returned no data", None),
        (162, "", None),
        (420, "Invalid Real-time Query:Historical data request pacing", PacingEffect.HISTORY),
        (101, "Max number of tickers has been reached", PacingEffect.LINES),
        (200, "", None),
    ],
)
def test_messages_about_limits(code: int, text: str, effect: PacingEffect | None) -> None:
    assert pacing_effect(code, text) is effect


def test_the_code_of_an_error_is_known_where_only_one_means_it() -> None:
    assert code_of(errors.ContractNotFoundError) == 200
    assert code_of(errors.HistoricalDataError) is None
    assert code_of(errors.CircuitOpenError) is None
