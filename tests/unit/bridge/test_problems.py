"""Errors as problem documents."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from ibkr_connector import errors
from ibkr_connector.bridge.problems import (
    PROBLEM_JSON,
    TABLE,
    URN,
    kind_of,
    of_error,
    of_mistakes,
    problem_schema,
)
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.orders import SendDisposition, Violation
from ibkr_connector.model.preview import RuleVerdict, Verdict

REPEATED = {408, 425, 429, 500, 502, 503, 504}


def family() -> list[type[IBKRError]]:
    return [getattr(errors, name) for name in errors.__all__]


def told(error: IBKRError) -> tuple[Any, dict[str, Any]]:
    answer = of_error(error, correlation_id="c0ffee")
    assert answer.media_type == PROBLEM_JSON
    body = json.loads(bytes(answer.body))
    assert body["status"] == answer.status_code
    assert body.keys() <= problem_schema()["properties"].keys()
    assert body.keys() >= set(problem_schema()["required"])
    return answer, body


def test_every_class_has_a_row_and_each_row_a_type_of_its_own() -> None:
    assert set(TABLE) == set(family())
    slugs = [kind.slug for kind in TABLE.values()]
    assert len(set(slugs)) == len(slugs)
    assert all(400 <= kind.status < 600 for kind in TABLE.values())


def test_a_class_of_somebody_else_has_the_row_of_its_family() -> None:
    class Own(errors.NoDataError):
        pass

    assert kind_of(Own()).slug == "no-data"


def test_the_facts_of_an_error_are_told() -> None:
    error = errors.PacingError("too fast", code=420, retry_after_s=2.5)
    answer, body = told(error)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "3"
    assert body["type"] == URN + "pacing"
    assert (body["code"], body["retry_after_s"], body["retryable"]) == (420, 2.5, True)
    assert (body["error"], body["detail"]) == ("PacingError", "too fast")
    assert body["correlation_id"] == "c0ffee"
    assert "hint" not in body


def test_every_broken_limit_is_told() -> None:
    broken = Violation(rule="MAX_ORDER_SIZE", value="10", limit="5", remedy="lower it")
    rule = RuleVerdict(rule="MAX_ORDER_SIZE", verdict=Verdict.BROKEN)
    error = errors.RiskLimitError("too much", violations=[broken], rules=[rule])
    _, body = told(error)
    assert body["violations"] == [
        {"rule": "MAX_ORDER_SIZE", "value": "10", "limit": "5", "remedy": "lower it"}
    ]
    assert body["rules"][0]["verdict"] == "broken"


def test_an_uncertain_order_is_named() -> None:
    error = errors.OrderUncertainError("sent", order_id=7, order_ref="ibc-1")
    answer, body = told(error)
    assert (body["order_id"], body["order_ref"], body["retryable"]) == (7, "ibc-1", False)
    assert answer.status_code not in REPEATED


def test_candidates_are_listed() -> None:
    error = errors.AmbiguousContractError("which", candidates=[stock("A"), stock("B")])
    _, body = told(error)
    assert [one["symbol"] for one in body["candidates"]] == ["A", "B"]


@pytest.mark.parametrize("disposition", [SendDisposition.SENT, SendDisposition.MAYBE_WRITTEN])
@pytest.mark.parametrize("kind", family())
def test_nothing_that_may_have_left_is_answered_so_that_it_is_sent_again(
    kind: type[Any], disposition: SendDisposition
) -> None:
    given: dict[str, Any] = {"order_id": 1, "order_ref": "r"} if kind is _UNCERTAIN else {}
    error = kind("x", **given)
    error.disposition = disposition
    answer, body = told(error)
    assert answer.status_code not in REPEATED
    assert body["disposition"] == disposition


_UNCERTAIN = errors.OrderUncertainError


def test_mistakes_of_a_request_are_listed_without_what_was_sent() -> None:
    answer = of_mistakes(
        [{"loc": ("body", "quantity"), "msg": "should be a number", "input": "secret"}],
        correlation_id="c",
    )
    body = json.loads(bytes(answer.body))
    assert body["mistakes"] == [{"field": "body.quantity", "mistake": "should be a number"}]
    assert b"secret" not in bytes(answer.body)


def test_whatever_a_caller_says_can_be_said_back() -> None:
    _, body = told(errors.OrderValidationError("got \ud800\x00 \u202e"))
    assert body["detail"].startswith("got ")
    assert Decimal(body["status"]) == 422
