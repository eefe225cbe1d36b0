"""Our decorator and the standard library's make the same of the same class."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field, fields
from types import SimpleNamespace
from typing import Any, ClassVar, Generic, TypeVar

import pytest

import ibkr_connector.model.making as ours
from ibkr_connector.model.record import Record

T = TypeVar("T")


def kinds(dataclass: Callable[..., Any]) -> SimpleNamespace:
    """Make each kind of class that there is."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Plain(Record):
        """With more fields than a twin is worth."""

        LIMIT: ClassVar[int] = 5
        symbol: str
        bid: float | None = None
        ask: float | None = None
        sizes: dict[str, int] = field(default_factory=dict, compare=False)
        note: str = field(default="", repr=False, hash=False)

    @dataclass(frozen=True, slots=True)
    class Pair:
        left: int
        right: int = 2

    @dataclass(frozen=True, slots=True)
    class One:
        """One field."""

        value: object

    @dataclass(frozen=True, slots=True)
    class Nothing:
        """None."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Checked:
        """Changes what it is given."""

        a: int
        b: int = 0
        c: int = 0
        d: int = 0

        def __post_init__(self) -> None:
            if self.a < 0:
                raise ValueError(self.a)
            object.__setattr__(self, "b", self.a + 1)

    @dataclass(slots=True)
    class Loose:
        """Not frozen."""

        number: int
        seen: list[int] = field(default_factory=list)
        count: int = field(default=7, init=False)
        last: list[int] = field(default_factory=list, init=False)

    @dataclass(frozen=True, slots=True)
    class Box(Generic[T]):
        """Generic."""

        a: T
        b: T
        c: T
        d: T

    @dataclass(frozen=True, slots=True, eq=False)
    class Itself:
        """Equal to itself alone."""

        number: int

    @dataclass(frozen=True, slots=True, repr=False)
    class Silent:
        """Has its own way to be shown and compared."""

        number: int

        def __repr__(self) -> str:
            return "silent"

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Silent)

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Heir(Checked):
        """Inherits fields."""

        e: str = "e"

    @dataclass(frozen=True, kw_only=True)
    class Open:
        """Without slots."""

        number: int

    @dataclass(frozen=True, slots=True)
    class Own:
        """Fills itself."""

        number: int

        def __init__(self, text: str) -> None:
            object.__setattr__(self, "number", int(text))

    return SimpleNamespace(**{name: kind for name, kind in locals().items() if name[0].isupper()})


USUAL, OURS = kinds(dataclasses.dataclass), kinds(ours.dataclass)
for name, kind in vars(OURS).items():
    # where pickle looks for it
    kind.__qualname__ = name
    setattr(sys.modules[__name__], name, kind)
for name, kind in vars(USUAL).items():
    kind.__qualname__ = name

GIVEN: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Plain", (), {"symbol": "A"}),
    ("Plain", (), {"symbol": "A", "bid": 1.5, "ask": 2.5, "sizes": {"b": 1}, "note": "n"}),
    ("Plain", (), {}),
    ("Plain", ("A",), {}),
    ("Plain", (), {"symbol": "A", "price": 1}),
    ("Pair", (1,), {}),
    ("Pair", (1, 3), {}),
    ("Pair", (), {"right": 3, "left": 1}),
    ("Pair", (1, 2, 3), {}),
    ("One", (float("nan"),), {}),
    ("One", ([],), {}),
    ("Nothing", (), {}),
    ("Nothing", (1,), {}),
    ("Checked", (), {"a": 1, "d": 4}),
    ("Checked", (), {"a": -1}),
    ("Loose", (1,), {}),
    ("Loose", (1, [2]), {}),
    ("Box", (1, 2, 3, 4), {}),
    ("Itself", (1,), {}),
    ("Silent", (1,), {}),
    ("Heir", (), {"a": 1, "e": "f"}),
    ("Open", (), {"number": 1}),
    ("Own", ("5",), {}),
]


def told(kind: type[Any], do: Callable[[], object]) -> object:
    """Return what comes of it, or what it says is wrong."""
    try:
        return do()
    except (TypeError, ValueError, AttributeError) as error:
        return type(error), str(error).replace("kinds.<locals>.", "")


def looked_at(kind: type[Any], args: tuple[Any, ...], given: dict[str, Any]) -> dict[str, object]:
    """Return all that can be seen of a record."""
    made = told(kind, lambda: kind(*args, **given))
    if not isinstance(made, kind):
        return {"refused": made}
    again = kind(*args, **given)
    names = [one.name for one in fields(kind)]
    seen = {
        "type": type(made) is kind,
        "values": [getattr(made, name) for name in names],
        "repr": repr(made).replace("kinds.<locals>.", ""),
        "equal": made == again,
        "equal to itself": made == made,  # noqa: PLR0124  # of what is no number it matters
        "equal to another": made == object(),
        "hash": told(kind, lambda: hash(made) == hash(again)),
        "set": told(kind, lambda: setattr(made, names[0], 3) if names else None),
        "delete": told(kind, lambda: delattr(made, names[-1]) if names else None),
        "copy": told(kind, lambda: repr(copy.copy(again)) == repr(again)),
        "deep copy": told(kind, lambda: repr(copy.deepcopy(again)) == repr(again)),
        "replaced": told(kind, lambda: repr(dataclasses.replace(again)) == repr(again)),
        "has a dict": hasattr(made, "__dict__"),
    }
    child = type("Child", (kind,), {"__module__": __name__, "extra": 0})
    more = child(*args, **given)
    more.__dict__["loose"] = 1
    seen["child"] = type(more) is child, [getattr(more, name) for name in names]
    seen["child is equal"] = more == made, more == child(*args, **given)
    return seen


@pytest.mark.parametrize(("name", "args", "given"), GIVEN)
def test_a_record_is_what_it_would_be(
    name: str, args: tuple[Any, ...], given: dict[str, Any]
) -> None:
    assert looked_at(getattr(OURS, name), args, given) == looked_at(
        getattr(USUAL, name), args, given
    )


@pytest.mark.parametrize("name", sorted(vars(USUAL)))
def test_a_class_is_what_it_would_be(name: str) -> None:
    def of(kind: type[Any]) -> dict[str, object]:
        said = inspect.signature(kind)
        return {
            "signature": str(said),
            "its init's": str(inspect.signature(kind.__init__)),
            "fields": [str(one) for one in fields(kind)],
            "match": kind.__match_args__,
            "slots": vars(kind).get("__slots__"),
            "frozen": kind.__dataclass_params__.frozen,
            "can be hashed": kind.__hash__ is not None,
            "is documented": bool(kind.__doc__),
        }

    assert of(getattr(OURS, name)) == of(getattr(USUAL, name))


@pytest.mark.parametrize("name", ["Plain", "Pair", "Checked", "Box"])
def test_a_record_can_be_pickled(name: str) -> None:
    args, given = next((args, given) for one, args, given in GIVEN if one == name)
    made = getattr(OURS, name)(*args, **given)
    assert pickle.loads(pickle.dumps(made)) == made


def test_a_record_that_holds_itself_can_be_shown() -> None:
    held: list[object] = []
    one = OURS.One(held)
    held.append(one)
    assert repr(one) == "One(value=[...])"


def test_a_class_of_a_user_may_inherit_with_fields_of_its_own() -> None:
    @dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
    class More(OURS.Plain):  # type: ignore[name-defined,misc]  # made twice, above
        """More than ours."""

        extra: int = 0

    made: Any = More(symbol="A", extra=3)
    assert (made.symbol, made.extra, made["extra"]) == ("A", 3, 3)
    assert made == More(symbol="A", extra=3)
    with pytest.raises(FrozenInstanceError):
        made.extra = 4
    with pytest.raises(FrozenInstanceError):
        made.symbol = "B"


def test_what_is_no_field_cannot_be_set_either() -> None:
    # the standard library's stumbles there over the class that it made anew for its slots
    made = OURS.Pair(1)
    with pytest.raises(FrozenInstanceError, match="no_field"):
        made.no_field = 1
    with pytest.raises(FrozenInstanceError, match="no_field"):
        del made.no_field
    more = type("Child", (OURS.Pair,), {})(1)
    more.no_field = 1
    assert more.no_field == 1
    del more.no_field
    assert not hasattr(more, "no_field")


def test_a_record_that_is_refused_leaves_the_next_one_as_it_was() -> None:
    with pytest.raises(ValueError, match="-1"):
        OURS.Checked(a=-1)
    assert OURS.Checked(a=1).b == 2


def test_init_is_compiled_with_the_first_record() -> None:
    fresh = kinds(ours.dataclass).Plain
    assert not inspect.isfunction(vars(fresh)["__init__"])
    fresh(symbol="A")
    assert inspect.isfunction(vars(fresh)["__init__"])
