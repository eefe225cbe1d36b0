"""A record that was made quickly is the record, in every way in which one can look at it."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.making import quick
from ibkr_connector.model.market import DataType, Quote
from ibkr_connector.model.record import Record
from ibkr_connector.model.streams import Trade

APPLE = Contract(symbol="AAPL")
NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (
            Trade,
            {
                "contract": APPLE,
                "timestamp": NOW,
                "received": NOW,
                "price": Decimal("1.5"),
                "size": None,
            },
        ),
        (
            Quote,
            {"contract": APPLE, "timestamp": NOW, "data_type": DataType.LIVE, "ask": Decimal(2)},
        ),
    ],
)
def test_it_is_the_record_with_the_defaults_that_it_has(
    kind: type[Record], values: dict[str, object]
) -> None:
    made, usual = quick(kind)(**values), kind(**values)
    assert type(made) is kind
    assert (made, hash(made), repr(made)) == (usual, hash(usual), repr(usual))
    assert made.as_dict() == usual.as_dict()
    assert copy.copy(made) == pickle.loads(pickle.dumps(made)) == usual
    with pytest.raises(FrozenInstanceError):
        setattr(made, "contract", None)  # noqa: B010
    assert not hasattr(made, "__dict__")


def test_a_field_that_is_missing_or_unknown_is_an_error_as_ever() -> None:
    with pytest.raises(TypeError, match="data_type"):
        quick(Quote)(contract=APPLE, timestamp=NOW)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="bit"):
        quick(Quote)(contract=APPLE, timestamp=NOW, data_type=DataType.LIVE, bit=1)  # type: ignore[call-arg]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    number: int

    def __post_init__(self) -> None:
        assert self.number > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heir(Checked):
    name: str


@dataclass(frozen=True, kw_only=True)
class Open:
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    numbers: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    number: int = field(default=1, init=False)


@pytest.mark.parametrize("kind", [Checked, Heir, Open, Made, Counted])
def test_what_is_more_than_its_fields_is_refused(kind: type) -> None:
    with pytest.raises(TypeError, match=kind.__name__):
        quick(kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    kind: str
    new: int
    made: str
    twin: bool = True


def test_a_field_may_be_called_as_it_likes() -> None:
    values = {"kind": "a", "new": 1, "made": "b"}
    assert quick(_Named)(**values) == _Named(**values)  # type: ignore[arg-type]  # of both kinds
