"""The reference that an order carries at the broker."""

import pytest

from ibkr_connector.model.ids import ClientId
from ibkr_connector.orders.references import PREFIX, order_ref


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
