"""The reference that an order carries at the broker."""

from datetime import UTC, datetime

import pytest

from ibkr_connector.clock import ManualClock
from ibkr_connector.model.ids import ClientId
from ibkr_connector.orders.references import PREFIX, Tokens, order_ref


def make(key: str | None, *, client: int = 1, attempt: int = 1) -> str:
    return order_ref(key, client_id=ClientId(client), attempt=attempt, token=lambda: "0a" * 13)


def test_the_same_key_gives_the_same_reference_and_others_another() -> None:
    assert make("mine") == make("mine")
    assert len({make("mine"), make("yours"), make("mine", client=2), make("mine", attempt=2)}) == 4


@pytest.mark.parametrize("key", [None, "mine", "x" * 128])
def test_a_reference_is_short_plain_text(key: str | None) -> None:
    reference = make(key, attempt=999)
    assert reference.startswith(PREFIX)
    assert len(reference) <= 40
    assert reference.isascii()


def test_without_a_key_the_token_makes_it_unique() -> None:
    assert make(None) == "ibc-" + "0a" * 13


def test_what_no_other_order_has_sorts_by_time() -> None:
    clock = ManualClock(datetime(2026, 11, 20, 12, tzinfo=UTC))
    token, made = Tokens(clock), list[str]()
    for _ in range(200):
        made += [token(), token()]
        clock.advance(0.001)
    assert len(set(made)) == 400
    assert made[::2] == sorted(made[::2])
    assert made[1::2] == sorted(made[1::2])
    assert {len(one) for one in made} == {26}


def test_a_clock_that_goes_back_makes_no_reference_twice() -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    made = [Tokens(ManualClock(noon))() for _ in range(400)]
    assert len({one[:12] for one in made}) == 1
    assert len(set(made)) == 400
