"""
Records made quickly: their classes while they are imported, and the records themselves.

`dataclass` is the standard library's, which finds the fields and makes the slots. It would also
write and compile six methods for each class, which is half of the time that importing this package
took. Here all classes share what is the same for all; what makes, compares and hashes records is
made when it is first used, and compiled once for all classes with as many fields, since only their
names differ.

A frozen dataclass with slots takes a call of `object.__setattr__` for each field, which is nine
tenths of the time in which a record is made. Here a twin of the class that is not frozen, with the
same fields in the same places, is filled, and becomes the record as the last step. Nobody ever
holds the twin.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, fields
from functools import cache
from reprlib import recursive_repr
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast

__all__ = ["dataclass", "quick"]

P = ParamSpec("P")
T = TypeVar("T")

_WORTH_A_TWIN: Final = 4
"""With fewer fields, becoming the twin and the record again takes longer than it saves."""

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(
        kind=None, /, *, frozen=False, slots=False, kw_only=False, eq=True, repr=True, **more
    ):
        """Make a dataclass, as that of the standard library does, in less time."""

        def made(kind):
            own = vars(kind)
            if (
                more
                or (frozen and not slots)
                or any(hasattr(base, "__dataclass_fields__") for base in kind.__bases__)
                or any(isinstance(one, Field) and not one.init for one in own.values())
            ):
                # fields that are inherited, or that nobody gives, are more than is known here
                usual = dataclasses.dataclass(
                    frozen=frozen, slots=slots, kw_only=kw_only, eq=eq, repr=repr, **more
                )
                return usual(kind)
            # else the standard library would compile `__init__` to show it
            names = own.get("__annotations__", ())
            kind.__doc__ = kind.__doc__ or f"{kind.__name__}({', '.join(names)})"
            bare = dataclasses.dataclass(
                init=False, repr=False, eq=False, slots=slots, kw_only=kw_only
            )(kind)
            return _with_methods(bare, frozen=frozen, eq=eq, repr=repr)

        return made if kind is None else made(kind)


def quick(record: Callable[P, T]) -> Callable[P, T]:
    """
    Return a function that makes records of a class, with the same keywords, in less time.

    Args:
        record: A frozen dataclass with slots and without checks of its own.

    Raises:
        TypeError: The class checks or changes its fields, inherits some, or makes a new default for
            each record.
    """
    kind = cast("type[Any]", record)
    known = fields(kind)
    names = tuple(one.name for one in known)
    has_factory = any(one.default_factory is not MISSING for one in known)
    if (
        hasattr(kind, "__post_init__")
        or vars(kind).get("__slots__") != names
        or has_factory
        or not all(one.init for one in known)
    ):
        raise TypeError(f"{kind.__name__} is more than its fields, and cannot be made quickly")
    twin = _twin(kind)
    at_hand = {f"_{one.name}": one.default for one in known if one.default is not MISSING}
    heads = [name if f"_{name}" not in at_hand else f"{name}=_{name}" for name in names]
    # with a mark that no field bears, since a field may be called `kind`
    steps = "".join(f"    made__.{name} = {name}\n" for name in names)
    text = (
        f"def make(*, {', '.join(heads)}):\n    made__ = new__(twin__)\n{steps}"
        "    made__.__class__ = kind__\n    return made__\n"
    )
    space: dict[str, Any] = {**at_hand, "new__": object.__new__, "twin__": twin, "kind__": kind}
    # as dataclasses make their own `__init__`: of names of fields and nothing else
    exec(text, space)
    return cast("Callable[P, T]", space["make"])


def _twin(kind: type[Any]) -> type[Any]:
    return type(kind.__name__, kind.__bases__, {"__slots__": kind.__slots__})


def _with_methods(kind: type[Any], *, frozen: bool, eq: bool, repr: bool) -> type[Any]:
    known = fields(kind)
    names = tuple(one.name for one in known)
    methods: dict[str, object] = {
        "__init__": _Later(kind, "__init__", lambda: _init_of(kind, frozen=frozen))
    }
    if repr:
        methods["__repr__"] = _repr_of([one.name for one in known if one.repr])
    if eq:
        compared = [one.name for one in known if one.compare]
        methods["__eq__"] = _Later(kind, "__eq__", lambda: _of_values("__eq__", compared))
        hashed = [one.name for one in known if (one.compare if one.hash is None else one.hash)]
        hashes = _Later(kind, "__hash__", lambda: _of_values("__hash__", hashed))
        methods["__hash__"] = hashes if frozen else None
    if frozen:
        methods |= _frozen_methods(kind, frozenset(names))
        kind.__dataclass_params__.frozen = True
    own = vars(kind)
    for name, method in methods.items():
        # `__hash__` is None where a class has an `__eq__` of its own
        if own.get(name) is None:
            setattr(kind, name, method)
    return kind


class _Later:
    """Stands where a method will be, until it is asked for."""

    __slots__ = ("_kind", "_make", "_name")

    def __init__(self, kind: type[Any], name: str, make: Callable[[], FunctionType]) -> None:
        self._kind = kind
        self._name = name
        self._make = make

    def __get__(self, record: object, owner: type[Any] | None = None) -> Any:
        method = self._make()
        setattr(self._kind, self._name, method)
        return method if record is None else method.__get__(record)


class _New:
    """The default of a field that is made anew for each record."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<factory>"


def _init_of(kind: type[Any], *, frozen: bool) -> FunctionType:
    # parameters without a keyword come first, in whatever order the fields are
    known = sorted(fields(kind), key=lambda one: bool(one.kw_only))
    names = [one.name for one in known]
    new = _New()
    space: dict[str, Any] = {"_new_": new}
    defaults: dict[str, object] = {}
    for at, one in enumerate(known):
        if one.default_factory is not MISSING:
            space[f"_make_{at}_"] = one.default_factory
            defaults[one.name] = new
        elif one.default is not MISSING:
            defaults[one.name] = one.default
        elif defaults and not one.kw_only:
            raise TypeError(f"{kind.__name__}: {one.name} needs a default, since others have one")
    way = "plain"
    if frozen:
        way = "put"
        puts = [vars(kind)[name].__set__ for name in names]
        space |= {f"_put_{at}_": put for at, put in enumerate(puts)}
        if len(names) >= _WORTH_A_TWIN and not hasattr(kind, "__orig_bases__"):
            way = "twin"
            turn = object.__dict__["__class__"].__set__
            space |= {
                "_kind_": kind,
                "_twin_": _twin(kind),
                "_turn_": turn,
                "_fill_": _filler(puts),
            }
    code = _init_code(
        tuple(f"_make_{at}_" in space for at in range(len(known))),
        keywords=sum(bool(one.kw_only) for one in known),
        way=way,
        is_checked=hasattr(kind, "__post_init__"),
    )
    by_place = (defaults[one.name] for one in known if one.name in defaults and not one.kw_only)
    init = FunctionType(_named(code, names), space, "__init__", tuple(by_place))
    init.__kwdefaults__ = {
        one.name: defaults[one.name] for one in known if one.name in defaults and one.kw_only
    }
    init.__qualname__ = f"{kind.__qualname__}.__init__"
    init.__module__ = kind.__module__
    init.__annotations__ = {**{one.name: one.type for one in known}, "return": None}
    return init


@cache
def _init_code(made: tuple[bool, ...], *, keywords: int, way: str, is_checked: bool) -> CodeType:
    """Compile `__init__` for all classes of a shape, whose fields are called `f0`, `f1`, ..."""
    names = [f"f{at}" for at in range(len(made))]
    steps = [
        f"if f{at} is _new_: f{at} = _make_{at}_()" for at, is_made in enumerate(made) if is_made
    ]
    plain = [f"self.{name} = {name}" for name in names]
    if way == "put":
        steps += [f"_put_{at}_(self, {name})" for at, name in enumerate(names)]
    elif way == "plain":
        steps += plain
    else:
        steps += [
            "if self.__class__ is _kind_:",
            *(
                f"    {step}"
                for step in ("_turn_(self, _twin_)", *plain, "self.__class__ = _kind_")
            ),
            # a class that inherits from the record may have its fields in other places
            f"else: _fill_(self, {', '.join(names)})",
        ]
    if is_checked:
        steps.append("self.__post_init__()")
    by_place = len(names) - keywords
    params = ["self", *names[:by_place], *(["*"] if keywords else []), *names[by_place:]]
    body = "".join(f"    {step}\n" for step in steps or ["pass"])
    space: dict[str, Any] = {}
    exec(f"def __init__({', '.join(params)}):\n{body}", space)
    return cast("CodeType", space["__init__"].__code__)


def _filler(puts: list[Callable[[object, object], None]]) -> Callable[..., None]:
    def fill(record: object, *values: object) -> None:
        for put, value in zip(puts, values, strict=True):
            put(record, value)

    return fill


def _of_values(method: str, names: list[str]) -> FunctionType:
    return FunctionType(_named(_values_code(method, len(names)), names), {}, method)


@cache
def _values_code(method: str, count: int) -> CodeType:
    """Compile what compares records with so many fields, or hashes them."""
    mine = "".join(f"self.f{at}, " for at in range(count))
    text = f"def __hash__(self): return hash(({mine}))"
    if method == "__eq__":
        text = (
            "def __eq__(self, other):\n    if other.__class__ is self.__class__:\n"
            f"        return ({mine}) == ({mine.replace('self', 'other')})\n"
            "    return NotImplemented\n"
        )
    space: dict[str, Any] = {}
    exec(text, space)
    return cast("CodeType", space[method].__code__)


def _named(code: CodeType, names: list[str]) -> CodeType:
    """Give the fields of a code for many classes the names that they have in one."""
    own = {f"f{at}": name for at, name in enumerate(names)}
    return code.replace(
        co_names=tuple(own.get(name, name) for name in code.co_names),
        co_varnames=tuple(own.get(name, name) for name in code.co_varnames),
    )


def _repr_of(names: list[str]) -> Callable[[object], str]:
    @recursive_repr()
    def shown(self: object) -> str:
        told = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({told})"

    return shown


def _frozen_methods(kind: type[Any], names: frozenset[str]) -> dict[str, object]:
    def put(self: object, name: str, value: object) -> None:
        if type(self) is kind or name in names:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        super(kind, self).__setattr__(name, value)

    def delete(self: object, name: str) -> None:
        if type(self) is kind or name in names:
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        super(kind, self).__delattr__(name)

    # a copy of what cannot be changed has to be filled past its own methods
    def state(self: object) -> list[object]:
        return [getattr(self, one.name) for one in fields(kind)]

    def restore(self: object, values: list[object]) -> None:
        for one, value in zip(fields(kind), values, strict=True):
            object.__setattr__(self, one.name, value)

    return {
        "__setattr__": put,
        "__delattr__": delete,
        "__getstate__": state,
        "__setstate__": restore,
    }
