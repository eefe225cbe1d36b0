from __future__ import annotations

import re

import pytest

from ibkr_connector import errors
from ibkr_connector.errors import (
    AmbiguousContractError,
    ClientIdInUseError,
    IBKRError,
    NotConnectedError,
    OrderRejectedError,
    OrderUncertainError,
    RequestTimeoutError,
    RiskLimitError,
)
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.orders import SendDisposition, Violation

EVERY = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, IBKRError)
]


def drawn() -> dict[str, str]:
    """Read the tree out of the docstring: class to its parent."""
    assert errors.__doc__ is not None
    parents: dict[str, str] = {}
    above: list[str] = []
    for line in errors.__doc__.splitlines():
        match = re.fullmatch(r"    (?P<rails>[│ ├└─]*)(?P<name>\w+Error)", line)
        if match is None:
            continue
        depth = len(match["rails"]) // 4
        above[depth:] = [match["name"]]
        if depth:
            parents[match["name"]] = above[depth - 1]
    return parents


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    assert drawn() == {
        kind.__name__: kind.__bases__[0].__name__ for kind in EVERY if kind is not IBKRError
    }


def test_everything_is_exported() -> None:
    assert sorted(errors.__all__) == sorted(kind.__name__ for kind in EVERY)


def test_a_sentence_has_message_code_and_hint() -> None:
    error = OrderRejectedError("the order was refused", code=201, hint="read the reason")
    assert str(error) == "the order was refused (TWS code 201); read the reason"
    assert str(IBKRError()) == "IBKRError"


def test_the_class_gives_facts_and_an_instance_may_know_better() -> None:
    assert ClientIdInUseError("busy").retry_after_s == 5.0
    assert ClientIdInUseError("busy", retry_after_s=60).retry_after_s == 60
    assert NotConnectedError("no").retryable
    assert not RequestTimeoutError("late", replay_safe=False).retryable


def test_not_known_is_no() -> None:
    assert IBKRError("?").replay_safe is None
    assert not IBKRError("?").retryable


@pytest.mark.parametrize("kind", [k for k in EVERY if issubclass(k, errors.OrderError)])
def test_nothing_about_an_order_is_ever_safe_to_repeat(kind: type[IBKRError]) -> None:
    assert kind.replay_safe is False


def test_only_what_speaks_against_the_gateway_opens_circuits() -> None:
    faults = {kind.__name__ for kind in EVERY if kind.gateway_fault}
    assert faults == {
        "IBKRConnectionError",
        "ConnectionLostError",
        "ClientIdInUseError",
        "AuthenticationError",
        "GatewayUnavailableError",
        "RequestTimeoutError",
    }


def test_an_ambiguous_contract_lists_its_candidates() -> None:
    few = [Contract(symbol="VOD", primary_exchange=place) for place in ("NASDAQ", "LSE")]
    error = AmbiguousContractError("VOD fits 2 contracts", candidates=few)
    assert error.candidates == tuple(few)
    assert "VOD (STK NASDAQ USD), VOD (STK LSE USD)" in str(error)
    many = AmbiguousContractError("many", candidates=few * 4)
    assert str(many).endswith("and 3 more")


def test_an_uncertain_order_can_be_asked_for_again() -> None:
    error = OrderUncertainError(
        "no answer", order_id=7, order_ref="ibc-1", disposition=SendDisposition.SENT
    )
    assert (error.order_id, error.order_ref, error.request_id) == (7, "ibc-1", 7)
    assert "do not resend" in str(error)


def test_a_broken_limit_says_value_limit_and_remedy() -> None:
    violation = Violation(rule="max_order_size", value="9", limit="5", remedy="order less")
    error = RiskLimitError("one limit is broken", violations=[violation])
    assert error.violations == (violation,)
    assert str(violation) == "max_order_size: 9 is over the limit 5; order less"
