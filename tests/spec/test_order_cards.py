"""Every acceptance card names a test that exists."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CARDS = re.findall(
    r"^\| (TC-O\d\d) \|.*\| `(test_\w+)` \|$", (HERE / "orders.md").read_text(), re.MULTILINE
)
TESTS = "\n".join(
    path.read_text()
    for folder in ("unit/orders", "unit/storage", "component/orders")
    for path in (HERE.parent / folder).glob("test_*.py")
)


def test_the_cards_are_numbered_without_gaps() -> None:
    assert [card for card, _ in CARDS] == [f"TC-O{n:02}" for n in range(1, len(CARDS) + 1)]


@pytest.mark.parametrize(("card", "test"), CARDS)
def test_a_card_names_a_test_that_exists(card: str, test: str) -> None:
    assert f"def {test}(" in TESTS, f"{card} names a test that is gone"
